//! Who can be asked what the datapath does: whose answer to a question by ARP comes in by a port of the host's bridges.
//!
//! The host itself comes first, on LOCAL of a provider's bridge: for an address that it was declared or seen with, then for the
//! one that it connects from, since Linux answers for all its addresses on every interface that is up. Where it is silent it is the
//! turn of its instances: who answered before, then by port.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_flows::openflow::ControllerRole;
use buoy_flows::pipeline::fence::Respondent;
use buoy_flows::pipeline::{Entity, Role};
use buoy_topology::{Bridge, Dialect, HostName, PortName};

use super::Core;
use super::fences::REST;
use super::switches::Switch;
use crate::switch::ConnectionId;

impl Core {
    /// Who is asked next, by which switch, and how long that may take.
    pub(super) fn respondent(&self, host: &HostName, now: Instant) -> Option<(ConnectionId, Respondent, Duration)> {
        let fence = self.fences.of(host)?;
        let here = || self.switches.of_host(host).filter_map(|id| Some((id, self.switches.get(&id)?)));
        let hosts = || here().flat_map(|(id, switch)| self.hosts(switch).map(move |own| (id, own, PATIENCE)));
        let guests = || here().flat_map(|(id, switch)| self.guests(switch).map(move |own| (id, own, GUESTS_PATIENCE)));
        let is_new = |(_, own, _): &(_, Respondent, _)| !fence.silent.contains_key(own);
        let answered = |(_, own, _): &(_, Respondent, _)| fence.answered.as_ref() == Some(own);
        let first = hosts().find(is_new).or_else(|| guests().find(answered)).or_else(|| guests().find(is_new));
        first.or_else(|| {
            // Who was silent longest ago.
            let rested = hosts().chain(guests()).filter_map(|all| Some((*fence.silent.get(&all.1)?, all)));
            let rested = rested.filter(|(since, _)| now.duration_since(*since) >= REST);
            Some(rested.min_by_key(|(since, _)| *since)?.1)
        })
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
        let bridge = may_fence(switch).filter(|_| switch.role == Role::Integration);
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

/// How long a host may take that answers. Threads of OVS look at all cached flows within some milliseconds, longer where
/// there are many, or the machine is busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for an instance: less than commands wait, since it may be one that wants to keep others waiting.
const GUESTS_PATIENCE: Duration = Duration::from_secs(4);
