//! How full pools are, counted with each change and not anew, and the word when one runs low.

use std::collections::{BTreeSet, HashMap, HashSet};

use buoy_topology::{Change, FloatingIp, Generation, Key, Name, Percent, Pool, Record, Site, Write};
use serde_json::json;

use super::Core;
use super::journal::Draft;
use crate::events::{Class, Detail, Kind, Log};

/// How full each pool is.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pools: HashMap<Name, Count>,
    /// Those that are told to be low.
    low: HashSet<Name>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    /// Addresses that projects have.
    used: u64,
    /// Addresses that projects can have.
    usable: u64,
}

impl Count {
    fn of(site: &Site, pool: &Pool) -> Self {
        let records = pool.addresses.spans().iter().flat_map(|span| site.floating_ips_in(*span));
        let used = records.filter(|fip| fip.project.is_some()).count() as u64;
        let kept =
            site.kept_of(pool).chain(site.shared_of(pool)).filter(|address| !pool.reserved.contains(*address)).count()
                as u64;
        Self { used, usable: pool.addresses.size().saturating_sub(kept + pool.reserved.size()) }
    }

    fn percent(self) -> u64 {
        self.used.saturating_mul(100).checked_div(self.usable).unwrap_or_default()
    }

    /// Whether the pool is low now, where it was or was not.
    fn is_low(self, warn_at: Option<Percent>, was_low: bool) -> bool {
        let Some(warn_at) = warn_at.map(|own| u64::from(own.get())) else { return false };
        let at = if was_low { warn_at.saturating_sub(SLACK).max(1) } else { warn_at };
        self.usable > 0 && self.percent() >= at
    }
}

impl Usage {
    /// Counts all pools. Which are told to be low, the log knows; of those that it tells nothing of, what is low counts as
    /// told.
    pub(super) fn load(site: &Site, log: &Log) -> Self {
        let mut usage = Self::default();
        let mut told: HashMap<String, bool> = HashMap::new();
        for event in log.newest_first(Class::Change) {
            if matches!(event.kind, Kind::PoolLow | Kind::PoolRecovered | Kind::PoolDeleted) {
                told.entry(event.subject.to_string()).or_insert(event.kind == Kind::PoolLow);
            }
        }
        for pool in site.pools() {
            let count = Count::of(site, pool);
            usage.pools.insert(pool.name.clone(), count);
            let was_low = told.get(pool.name.as_str()).copied();
            if was_low.unwrap_or_else(|| count.is_low(pool.warn_at, false)) {
                usage.low.insert(pool.name.clone());
            }
        }
        usage
    }
}

impl Core {
    /// Counts what a change did to pools; tells of those that became low by it, or have room again.
    pub(super) fn count_pools(&mut self, change: &Change, undo: &Change, generation: Generation) -> Vec<Draft> {
        let (mut touched, mut anew) = (BTreeSet::new(), BTreeSet::new());
        for (write, undo) in change.writes().iter().zip(undo.writes().iter().rev()) {
            match write.key() {
                Key::FloatingIp(address) => {
                    let has = |write: &Write| {
                        matches!(write, Write::Put(Record::FloatingIp(FloatingIp { project: Some(_), .. })))
                    };
                    let Some(pool) = self.site.pool_at(address) else { continue };
                    let count = self.usage.pools.entry(pool.name.clone()).or_default();
                    match (has(undo), has(write)) {
                        (false, true) => count.used += 1,
                        (true, false) => count.used = count.used.saturating_sub(1),
                        _ => continue,
                    }
                    touched.insert(pool.name.clone());
                }
                Key::Pool(name) => drop(anew.insert(name)),
                // What they keep for themselves no project can have.
                Key::Provider(_) | Key::Direct(_) => anew.extend(self.site.pools().map(|pool| pool.name.clone())),
                Key::Network(_) | Key::Instance(_) | Key::Project(_) | Key::DefaultQuota | Key::NextEntity => {}
            }
        }
        for name in &anew {
            match self.site.pool(name) {
                Some(pool) => drop(self.usage.pools.insert(name.clone(), Count::of(&self.site, pool))),
                None => {
                    self.usage.pools.remove(name);
                    self.usage.low.remove(name);
                }
            }
        }
        touched.extend(anew);
        touched.iter().filter_map(|name| self.threshold(name, generation)).collect()
    }

    fn threshold(&mut self, name: &Name, generation: Generation) -> Option<Draft> {
        let pool = self.site.pool(name)?;
        let count = *self.usage.pools.get(name)?;
        let was_low = self.usage.low.contains(name);
        let is_low = count.is_low(pool.warn_at, was_low);
        if is_low == was_low {
            return None;
        }
        let kind = if is_low { Kind::PoolLow } else { Kind::PoolRecovered };
        let detail = json!({
            "provider": pool.provider, "used": count.used, "usable": count.usable,
            "free": count.usable.saturating_sub(count.used), "percent": count.percent(), "warn_at": pool.warn_at,
            "generation": generation,
        });
        if is_low {
            self.usage.low.insert(name.clone())
        } else {
            self.usage.low.remove(name)
        };
        let detail = Detail::of(&detail);
        Some(Draft { time: self.time, kind, subject: name.as_str().into(), detail })
    }
}

/// So many percent below the threshold a pool that was low has room again.
const SLACK: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_was_low_has_room_again_only_well_below_the_threshold() {
        let warn_at = Some("90".parse().unwrap());
        for (used, usable, was_low, is_low) in [
            (89, 100, false, false),
            (90, 100, false, true),
            (85, 100, true, true),
            (84, 100, true, false),
            (9, 10, false, true),
            (8, 10, true, false),
            (1, 1, false, true),
            (0, 1, true, false),
            (0, 0, false, false),
        ] {
            let count = Count { used, usable };
            assert_eq!(count.is_low(warn_at, was_low), is_low, "{used} of {usable}, {was_low}");
            assert!(!count.is_low(None, was_low));
        }
        let one = Some("1".parse().unwrap());
        assert!(!Count { used: 0, usable: 10 }.is_low(one, true), "an empty pool is never low");
    }
}
