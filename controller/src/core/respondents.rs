//! Who can be asked what the datapath does: whose answer to a question by ARP comes in by a port of the host's bridges.
//!
//! The host itself comes first, on LOCAL of a provider's bridge: for an address that it was declared or seen with, then for the
//! one that it connects from, since Linux answers for all its addresses on every interface that is up. Where it is silent it is the
//! turn of its instances: who answered before, then by port. Who was silent comes last until that is forgotten.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Instant;

use buoy_flows::openflow::ControllerRole;
use buoy_flows::pipeline::fence::Respondent;
use buoy_flows::pipeline::{Entity, Role};
use buoy_topology::{Bridge, Dialect, HostName, PortName};

use super::Core;
use super::fences::{FORGOTTEN, REST};
use super::switches::Switch;
use crate::switch::ConnectionId;

impl Core {
    /// Who is asked next, by which switch.
    pub(super) fn respondent(&self, host: &HostName, now: Instant) -> Option<(ConnectionId, Respondent)> {
        let fence = self.fences.of(host)?;
        let here = || self.switches.of_host(host).filter_map(|id| Some((id, self.switches.get(&id)?)));
        let hosts = here().flat_map(|(id, switch)| self.hosts(switch).map(move |own| (id, own)));
        let guests = here().flat_map(|(id, switch)| self.guests(switch).map(move |own| (id, own)));
        choose(hosts.chain(guests), &fence.silent, fence.answered.as_ref(), now)
    }

    /// The host, by the addresses that it surely has. What it answers later than that must not leave: flows see to that.
    fn hosts<'a>(&'a self, switch: &'a Switch) -> impl Iterator<Item = Respondent> + 'a {
        let is_ready = switch.role == Role::External && !switch.table.is_pending(&Entity::Base);
        let bridge = may_fence(switch).filter(|own| is_ready && is_up(switch, &own.name));
        let known = bridge.and_then(|own| self.site.providers_on(&own.name).find_map(|own| self.host_address(own)));
        let peer = bridge.and_then(|_| switch.connection.host.0.parse().ok());
        let peer = peer.filter(|own: &Ipv4Addr| !own.is_loopback() && known != Some(*own));
        known.into_iter().chain(peer).map(Respondent::host)
    }

    /// The instances that are there.
    fn guests<'a>(&'a self, switch: &'a Switch) -> impl Iterator<Item = Respondent> + 'a {
        let is_ready = switch.role == Role::Integration && !switch.table.is_pending(&Entity::Base);
        let bridge = may_fence(switch).filter(|_| is_ready);
        let ports = bridge.into_iter().flat_map(|own| own.ports.iter().map(|port| (&own.name, port)));
        let up = ports.filter(|(_, (name, _))| is_up(switch, name));
        up.flat_map(|(bridge, (name, port))| {
            let here = self.site.instances_on_port(bridge, name).filter_map(|own| self.site.instance(own));
            let interfaces = here.flat_map(|own| &own.interfaces).filter(move |own| own.port == *name);
            interfaces.map(|own| Respondent::guest(own, port.number))
        })
    }
}

/// The bridge, where it can have a canary: OpenFlow 1.0 cannot say whom an answer is for, and does not tell cookies.
fn may_fence(switch: &Switch) -> Option<&Bridge> {
    let may = switch.controller_role != ControllerRole::Secondary && switch.table.is_synced();
    switch.bridge.as_ref().filter(|own| may && own.dialect == Dialect::OpenFlow13)
}

fn is_up(switch: &Switch, port: &PortName) -> bool {
    switch.links.get(port).copied().unwrap_or(false)
}

/// Who is asked of those who can be, hosts first: the first of the best kind.
fn choose<T>(
    candidates: impl Iterator<Item = (T, Respondent)>,
    silent: &HashMap<Respondent, Instant>,
    answered: Option<&Respondent>,
    now: Instant,
) -> Option<(T, Respondent)> {
    let mut best = None;
    for candidate in candidates {
        let asked = &candidate.1;
        let since = silent.get(asked).filter(|since| now.duration_since(**since) < FORGOTTEN);
        let rank = match since {
            None if asked.is_host() => return Some(candidate),
            None if answered == Some(asked) => Rank::Answered,
            None => Rank::New,
            Some(since) if now.duration_since(*since) >= REST => Rank::Silent(*since),
            Some(_) => continue,
        };
        if best.as_ref().is_none_or(|(other, _)| rank < *other) {
            best = Some((rank, candidate));
        }
    }
    Some(best?.1)
}

/// How good one is, the best first, after a host that is not known to be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// An instance that answered last.
    Answered,
    /// An instance that is not known to be silent.
    New,
    /// One who was silent since then.
    Silent(Instant),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buoy_topology::{MacAddr, PortNo};

    use super::*;

    const HOST: Respondent = Respondent { port: PortNo::LOCAL, vlan: None, mac: None, address: Ipv4Addr::LOCALHOST };
    const PEER: Respondent = Respondent { address: Ipv4Addr::new(192, 0, 2, 1), ..HOST };
    const FIRST: Respondent = guest(1);
    const SECOND: Respondent = guest(2);

    const fn guest(port: u32) -> Respondent {
        Respondent { port: PortNo(port), mac: Some(MacAddr::new([2, 0, 0, 0, 0, 1])), ..HOST }
    }

    #[test]
    fn who_answers_is_asked_and_who_was_silent_comes_last_until_that_is_forgotten() {
        let all: &[Respondent] = &[HOST, PEER, FIRST, SECOND];
        let guests: &[Respondent] = &[FIRST, SECOND];
        let (rested, forgotten) = (REST.as_secs(), FORGOTTEN.as_secs());
        type Case<'a> = (&'a [Respondent], &'a [(Respondent, u64)], Option<Respondent>, Option<Respondent>);
        // Who can be asked, who was silent how many seconds ago, who answered last; who is asked.
        let cases: &[Case<'_>] = &[
            (&[], &[], None, None),
            (all, &[], None, Some(HOST)),
            (all, &[], Some(SECOND), Some(HOST)),
            (all, &[(HOST, 1)], Some(SECOND), Some(PEER)),
            (all, &[(HOST, 1), (PEER, 1)], None, Some(FIRST)),
            (all, &[(HOST, 1), (PEER, 1)], Some(SECOND), Some(SECOND)),
            (all, &[(HOST, rested), (PEER, 1)], Some(SECOND), Some(SECOND)),
            (all, &[(HOST, forgotten), (PEER, 1)], Some(SECOND), Some(HOST)),
            (all, &[(HOST, 1), (PEER, forgotten)], None, Some(PEER)),
            (guests, &[(FIRST, 1)], None, Some(SECOND)),
            (guests, &[(FIRST, rested)], None, Some(SECOND)),
            (guests, &[(FIRST, rested), (SECOND, rested + 1)], None, Some(SECOND)),
            (guests, &[(FIRST, rested), (SECOND, rested - 1)], None, Some(FIRST)),
            (guests, &[(FIRST, 1), (SECOND, 1)], None, None),
        ];
        let start = Instant::now();
        let now = start + FORGOTTEN * 2;
        for case @ (candidates, silent, answered, expected) in cases {
            let silent = silent.iter().map(|(who, ago)| (who.clone(), now - Duration::from_secs(*ago))).collect();
            let chosen = choose(candidates.iter().cloned().enumerate(), &silent, answered.as_ref(), now);
            assert_eq!(chosen.map(|(_, own)| own), *expected, "{case:?}");
        }
    }
}
