//! A whole site at once: what is declared becomes one change, or all that is wrong with it is told.
//!
//! The operations of an admin are done one after the other on a copy of the site, in an order in which none stands in the
//! way of another: [`fips`] loosens what is to lead elsewhere, [`stations`] and [`ranges`] take away and put up what is
//! declared, and [`difference`] is what that comes to.

mod difference;
mod fips;
mod providers;
mod quotas;
mod ranges;
mod shared;
mod stations;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::{DirectSpec, InterfaceSpec, Leaving, NetworkSpec, Noun, OpError, PoolSpec, ProviderSpec};
use crate::{Change, Key, Label, MacAddr, Name, Note, PortName, Quota, RangeSpec, Site, Snat};

/// A site as it is declared, in any order. What a thing does not say has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteSpec {
    /// Quotas of projects.
    pub quotas: Vec<QuotaSpec>,
    /// Providers.
    pub providers: Vec<(Name, ProviderSpec)>,
    /// The shared addresses of providers that have one.
    pub shared: Vec<(Name, Snat)>,
    /// Pools with all their addresses.
    pub pools: Vec<(Name, StockSpec)>,
    /// Networks.
    pub networks: Vec<(Name, NetworkSpec)>,
    /// Instances with all their interfaces.
    pub instances: Vec<(Name, GuestSpec)>,
    /// Direct ports.
    pub directs: Vec<(Name, DirectSpec)>,
    /// Addresses of pools.
    pub floating_ips: Vec<AddressSpec>,
    /// Whether what is not declared is taken away.
    pub prune: bool,
}

/// What a project may have as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaSpec {
    /// The project; none for all that have no quota of their own.
    pub project: Option<Name>,
    /// How many floating IPs it may have; where none is given what holds for all, and for all as many as there are.
    pub fip_quota: Option<Quota>,
}

/// A pool as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockSpec {
    /// What it is, with all its addresses.
    pub pool: PoolSpec,
    /// All that is kept out of allocation.
    pub reserved: Vec<RangeSpec>,
}

/// An instance as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestSpec {
    /// The project that owns it.
    pub project: Name,
    /// The bridge that its ports are on.
    pub bridge: PortName,
    /// All its interfaces.
    pub interfaces: Vec<InterfaceSpec>,
    /// All its labels.
    pub labels: Vec<Label>,
    /// The note.
    pub note: Option<Note>,
}

/// An address of a pool as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSpec {
    /// The address.
    pub address: Ipv4Addr,
    /// The project that has it; that of the instance where one is named, else nobody where none is given.
    pub project: Option<Name>,
    /// The instance that it leads to.
    pub instance: Option<Name>,
    /// Which of its fixed IPs.
    pub fixed_ip: Option<Ipv4Addr>,
    /// The MAC that the provider bound it to.
    pub mac: Option<MacAddr>,
    /// The note.
    pub note: Option<Note>,
    /// All its labels.
    pub labels: Vec<Label>,
}

/// What a declaration comes to.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The change that does it, with one write for each thing at its end.
    pub change: Change,
    /// The site after it.
    pub after: Site,
    /// What it changes, in the order of keys.
    pub changed: Vec<Key>,
    /// What there is and is not declared. With `prune` it is among the changes.
    pub undeclared: Vec<Key>,
}

/// Something declared that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where; nowhere where it is about what is not declared.
    pub spot: Option<Spot>,
    /// Why.
    pub error: OpError,
}

/// A place in a declaration. Numbers count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// What kind of thing it is.
    pub thing: Thing,
    /// The how manieth of them.
    pub entry: usize,
    /// The interface of an instance.
    pub interface: Option<usize>,
}

/// The kinds of things that are declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the glossary says what each word means")]
pub enum Thing {
    Project,
    Provider,
    Pool,
    Network,
    Instance,
    Direct,
    FloatingIp,
}

impl Thing {
    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Provider => "provider",
            Self::Pool => "pool",
            Self::Network => "network",
            Self::Instance => "instance",
            Self::Direct => "direct",
            Self::FloatingIp => "fip",
        }
    }

    /// What kind of thing has a key; none for a counter.
    pub fn of(key: &Key) -> Option<Self> {
        Some(match key {
            Key::Project(_) | Key::DefaultQuota => Self::Project,
            Key::Provider(_) => Self::Provider,
            Key::Pool(_) => Self::Pool,
            Key::Network(_) => Self::Network,
            Key::Instance(_) => Self::Instance,
            Key::Direct(_) => Self::Direct,
            Key::FloatingIp(_) => Self::FloatingIp,
            Key::NextEntity => return None,
        })
    }

    fn spot(self, entry: usize) -> Spot {
        Spot { thing: self, entry, interface: None }
    }
}

impl Site {
    /// The change that makes the site what is declared; or all that is wrong, and nothing is changed. What is declared
    /// and is so already is no change. Without `prune`, what is not declared stays as it is.
    pub fn declare(&self, spec: &SiteSpec, leaving: Leaving<'_>) -> Result<Declared, Vec<Mistake>> {
        let mut work = Work::on(self, leaving);
        let declared = work.name_all(spec);
        let undeclared = self.undeclared(&declared);
        let pruned = if spec.prune { undeclared.clone() } else { Vec::new() };
        work.set_quotas(spec, &pruned);
        work.loosen(spec, &pruned);
        work.stop_sharing(spec, &pruned);
        work.take_stations_away(spec, &pruned);
        work.narrow(spec, &pruned);
        work.put_up_providers(spec, &pruned);
        work.widen(spec);
        work.put_up_networks(spec);
        work.put_up_instances(spec);
        work.describe(spec, &pruned);
        work.begin_sharing(spec);
        work.put_up_directs(spec);
        work.lead(spec);
        work.label(spec);
        work.finish(undeclared)
    }

    /// What there is beside what is declared.
    fn undeclared(&self, declared: &BTreeMap<Key, Spot>) -> Vec<Key> {
        let all = self.projects().map(|own| Key::Project(own.name.clone()));
        let all = all.chain(self.stored(&Key::DefaultQuota).map(|own| own.key()));
        let all = all.chain(self.providers().map(|own| Key::Provider(own.name.clone())));
        let all = all.chain(self.pools().map(|own| Key::Pool(own.name.clone())));
        let all = all.chain(self.networks().map(|own| Key::Network(own.name.clone())));
        let all = all.chain(self.instances().map(|own| Key::Instance(own.name.clone())));
        let all = all.chain(self.directs().map(|own| Key::Direct(own.name.clone())));
        let told = self.floating_ips().filter(|own| own.is_told());
        let all = all.chain(told.map(|own| Key::FloatingIp(own.address)));
        all.filter(|key| !declared.contains_key(key)).collect()
    }
}

/// A declaration while it is done on a copy of the site.
struct Work<'a> {
    before: &'a Site,
    after: Site,
    leaving: Leaving<'a>,
    /// What some operation has written.
    written: BTreeSet<Key>,
    mistakes: Vec<Mistake>,
    /// What is declared wrongly: that others miss it is no mistake of theirs.
    failed: BTreeSet<Key>,
}

impl<'a> Work<'a> {
    fn on(before: &'a Site, leaving: Leaving<'a>) -> Self {
        let (after, written, failed) = (before.clone(), BTreeSet::new(), BTreeSet::new());
        Self { before, after, leaving, written, mistakes: Vec::new(), failed }
    }

    /// Where each thing is declared; a second time is a mistake.
    fn name_all(&mut self, spec: &SiteSpec) -> BTreeMap<Key, Spot> {
        fn numbered<T>(of: &[T], thing: Thing, key: impl Fn(&T) -> Key) -> impl Iterator<Item = (Key, Spot)> {
            of.iter().enumerate().map(move |(entry, own)| (key(own), thing.spot(entry)))
        }
        let all =
            numbered(&spec.quotas, Thing::Project, |own| own.project.clone().map_or(Key::DefaultQuota, Key::Project))
                .chain(numbered(&spec.providers, Thing::Provider, |own| Key::Provider(own.0.clone())))
                .chain(numbered(&spec.pools, Thing::Pool, |own| Key::Pool(own.0.clone())))
                .chain(numbered(&spec.networks, Thing::Network, |own| Key::Network(own.0.clone())))
                .chain(numbered(&spec.instances, Thing::Instance, |own| Key::Instance(own.0.clone())))
                .chain(numbered(&spec.directs, Thing::Direct, |own| Key::Direct(own.0.clone())))
                .chain(numbered(&spec.floating_ips, Thing::FloatingIp, |own| Key::FloatingIp(own.address)));
        let mut declared = BTreeMap::new();
        for (key, spot) in all {
            let (word, name) = (spot.thing.word(), key.name());
            if declared.insert(key, spot).is_some() {
                let what = format!("{word} {name} is declared twice");
                self.mistakes.push(Mistake { spot: Some(spot), error: OpError::invalid(what) });
            }
        }
        declared
    }

    /// Does what an operation says, or notes why it cannot be done.
    fn attempt(&mut self, spot: Option<Spot>, key: Key, done: Result<Change, OpError>) -> bool {
        match done {
            Ok(change) => {
                self.take(&change);
                true
            }
            Err(error) => {
                self.fail(spot, key, error);
                false
            }
        }
    }

    fn take(&mut self, change: &Change) {
        self.written.extend(change.writes().iter().map(crate::Write::key));
        self.after.apply(change);
    }

    fn fail(&mut self, spot: Option<Spot>, key: Key, error: OpError) {
        if !self.is_consequence(&error) {
            self.mistakes.push(Mistake { spot, error });
        }
        self.failed.insert(key);
    }

    /// Whether something is missed only because its own declaration is wrong, which is told there.
    fn is_consequence(&self, error: &OpError) -> bool {
        match error {
            OpError::Unknown { noun, name } => self.failed.contains(&match noun {
                Noun::Provider => Key::Provider(name.clone()),
                Noun::Pool => Key::Pool(name.clone()),
                Noun::Network => Key::Network(name.clone()),
                Noun::Instance => Key::Instance(name.clone()),
                Noun::Direct => Key::Direct(name.clone()),
                Noun::Project => Key::Project(name.clone()),
            }),
            OpError::OutsidePools { .. } => self.failed.iter().any(|key| matches!(key, Key::Pool(_))),
            OpError::NoSuchFixedIp { instance, .. } => self.failed.contains(&Key::Instance(instance.clone())),
            OpError::NoMac { address, .. } => self.failed.contains(&Key::FloatingIp(*address)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
