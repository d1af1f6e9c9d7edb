//! What is said of a fleet.

use std::fmt;

use serde::Serialize;

use super::check::Checked;
use super::controller::Usage;
use super::fairness::Fairness;
use super::layout::Layout;
use super::power::Return;
use super::spread::{Spread, text};

/// Everything that was measured and checked.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How large the fleet was.
    pub fleet: Fleet,
    /// How long it took to declare the site.
    pub declared_ms: f64,
    /// What the daemon needed of memory.
    pub memory: Memory,
    /// Empty switches connected, all at once.
    pub returns: Vec<Return>,
    /// The same with slow switches beside; they do not count.
    pub beside: Vec<Return>,
    /// All connected again with what they had.
    pub reconnect: Return,
    /// Associations with slow switches beside, and without.
    pub fairness: Option<Fairness>,
    /// What was compared after the first return.
    pub checked: Checked,
}

/// How large a fleet was.
#[derive(Clone, Debug, Serialize)]
pub struct Fleet {
    /// Switches that did as they should.
    pub switches: usize,
    /// Floating IPs of each pair of switches.
    pub addresses: u32,
    /// What was wrong with each slow host.
    pub slow: Vec<String>,
}

/// What the daemon needed of memory, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// With the site, before any switch.
    pub declared: u64,
    /// With all switches up to date.
    pub applied: u64,
    /// The most that it ever was until the end.
    pub peak: u64,
    /// What came with each switch.
    pub per_switch: u64,
    /// All of it for each association.
    pub per_association: u64,
}

impl Memory {
    /// From before the first switch, after all had everything, and the end.
    pub fn of(declared: Usage, applied: Usage, end: Usage, layout: Layout) -> Self {
        let hosts = u64::from(layout.hosts().end);
        let associations = u64::from(layout.slow_hosts().end) * u64::from(layout.addresses());
        Self {
            declared: declared.memory,
            applied: applied.memory,
            peak: end.peak,
            per_switch: applied.memory.saturating_sub(declared.memory) / (2 * hosts).max(1),
            per_association: applied.memory / associations.max(1),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fleet { switches, addresses, slow } = &self.fleet;
        let checked = &self.checked;
        writeln!(f, "{switches} switches, {addresses} floating IPs for each pair of them")?;
        row(f, "site declared in", text(self.declared_ms))?;
        row(f, "flows of each br-ex, br-int", format!("{}, {}", checked.external, checked.integration))?;
        let compared = format!("{} counted, {} flow by flow: as the daemon says", checked.counted, checked.compared);
        row(f, "switches compared", compared)?;
        write_returns(f, "power returns", &self.returns)?;
        if !slow.is_empty() {
            writeln!(f, "slow hosts: {}", slow.join(", "))?;
            write_returns(f, "power returns, slow ones beside", &self.beside)?;
        }
        writeln!(f, "all connect again with what they have")?;
        row(f, "  all told their flows", text(self.reconnect.applied_ms))?;
        row(f, "  the daemon says all is well", text(self.reconnect.confirmed_ms))?;
        row(f, "  flow mods", self.reconnect.flow_mods.to_string())?;
        if let Some(Fairness { alone, beside, late_alone, late_beside }) = &self.fairness {
            writeln!(f, "one association on another host")?;
            row(f, "  without slow switches", format!("{alone}, {late_alone} of {} late", alone.count))?;
            row(f, "  with slow switches", format!("{beside}, {late_beside} of {} late", beside.count))?;
        }
        let Memory { declared, applied, peak, per_switch, per_association } = self.memory;
        writeln!(f, "memory of the daemon")?;
        row(f, "  with the site, no switch", mib(declared))?;
        row(f, "  all up to date", format!("{}, at most {} until the end", mib(applied), mib(peak)))?;
        row(f, "  for each switch", format!("{:.0} KiB", kib(per_switch)))?;
        row(f, "  for each association, all told", format!("{:.1} KiB", kib(per_association)))
    }
}

fn write_returns(f: &mut fmt::Formatter<'_>, title: &str, returns: &[Return]) -> fmt::Result {
    let spread = |of: fn(&Return) -> f64| {
        let times = returns.iter().map(|own| std::time::Duration::from_secs_f64(of(own) / 1_000.0));
        let Spread { count, median_ms, min_ms, max_ms, .. } = Spread::of(times);
        match count {
            1 => text(median_ms),
            _ => format!("median {} (min {}, max {}) of {count}", text(median_ms), text(min_ms), text(max_ms)),
        }
    };
    writeln!(f, "{title}")?;
    row(f, "  all connected", spread(|own| own.connected_ms))?;
    row(f, "  all applied", spread(|own| own.applied_ms))?;
    for own in returns {
        let lost = if own.losses > 0 { format!("; {} lost and made anew", own.losses) } else { String::new() };
        row(f, "  each switch applied", format!("{}{lost}", own.switches))?;
        let (daemon, peers) = (text(own.daemon_busy_ms), text(own.switches_busy_ms));
        let rate = format!("{} in all, {:.0} a second", own.flow_mods, own.flow_mods_per_s);
        row(f, "  flow mods", format!("{rate}; processor: daemon {daemon}, switches {peers}"))?;
    }
    Ok(())
}

fn row(f: &mut fmt::Formatter<'_>, what: &str, value: String) -> fmt::Result {
    writeln!(f, "{what:34} {value}")
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", kib(bytes) / 1_024.0)
}

fn kib(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX))
        + f64::from(u32::try_from(bytes & 1_023).unwrap_or(0)) / 1_024.0
}
