//! Alarms: frames that the guard did not let out, and others that claim our addresses. Each frame is counted in the switch; of a
//! burst the first is told at once, and after a while how many there were.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_flows::pipeline::DropReason;
use buoy_topology::{EntityId, MacAddr, Name, PortNo, Provider};
use etherparse::{LaxNetSlice, LaxSlicedPacket};
use serde_json::json;
use tracing::warn;

use super::Core;
use crate::events::{Bursts, Kind};
use crate::switch::ConnectionId;

/// What was told lately, and how much there was of it since the daemon started, by provider.
#[derive(Debug)]
pub(super) struct Alarms {
    refused: Bursts<Refused>,
    claims: Bursts<Claim>,
    counts: HashMap<EntityId, Counts>,
}

/// How much was seen of a provider.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Frames that the guard refused for their source MAC, as far as the controller was told of them.
    macs: u64,
    /// The same for the sender in ARP.
    arp_senders: u64,
    /// ARP packets of others that claimed addresses of ours.
    pub(super) claims: u64,
}

impl Counts {
    /// All frames that the guard refused.
    pub(super) fn refused(self) -> u64 {
        self.macs + self.arp_senders
    }

    /// Those that it refused for a reason of its own.
    pub(super) fn refused_for(self, reason: DropReason) -> u64 {
        match reason {
            DropReason::UnregisteredMac => self.macs,
            DropReason::UnregisteredArpSender => self.arp_senders,
            _ => 0,
        }
    }
}

/// What makes refused frames one burst.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Refused {
    connection: ConnectionId,
    provider: Name,
    port: Option<PortNo>,
    mac: MacAddr,
    ethertype: u16,
}

/// What makes claims one burst.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Claim {
    provider: Name,
    address: Ipv4Addr,
    mac: MacAddr,
}

impl Default for Alarms {
    fn default() -> Self {
        Self { refused: Bursts::new(PAUSE), claims: Bursts::new(PAUSE), counts: HashMap::new() }
    }
}

impl Alarms {
    /// How much was seen of a provider since the daemon started.
    pub(super) fn counts(&self, provider: EntityId) -> Counts {
        self.counts.get(&provider).copied().unwrap_or_default()
    }
}

impl Core {
    /// The guard refused a frame.
    pub(super) fn on_refused_frame(
        &mut self,
        id: ConnectionId,
        provider: &Provider,
        in_port: Option<PortNo>,
        frame: &[u8],
        now: Instant,
    ) {
        let Some((mac, ethertype)) = source_of(frame) else { return };
        let counts = self.alarms.counts.entry(provider.id).or_default();
        *(if ethertype == ARP { &mut counts.arp_senders } else { &mut counts.macs }) += 1;
        let name = provider.name.clone();
        let kind = Refused { connection: id, provider: name, port: in_port, mac, ethertype };
        if !self.alarms.refused.heard(kind.clone(), 1, now) {
            return;
        }
        let address = sender_of(frame);
        warn!(
            provider = %provider.name,
            port = self.port_named(id, in_port).as_deref().unwrap_or("?"),
            %mac,
            ethertype = format_args!("{ethertype:#06x}"),
            address = address.as_deref().unwrap_or("-"),
            "guard: a frame was kept from the provider"
        );
        self.tell_refused(&kind, address.as_deref(), 1);
    }

    /// Somebody else claims an address of a pool.
    pub(super) fn on_foreign_claim(&mut self, provider: &Provider, address: Ipv4Addr, mac: MacAddr, now: Instant) {
        self.alarms.counts.entry(provider.id).or_default().claims += 1;
        let claim = Claim { provider: provider.name.clone(), address, mac };
        if self.alarms.claims.heard(claim.clone(), 1, now) {
            warn!(provider = %provider.name, %address, %mac, "somebody else claims an address of a pool");
            self.tell_claim(&claim, 1);
        }
    }

    /// Tells how many frames came after the first.
    pub(super) fn tell_alarms(&mut self, now: Instant) {
        for (kind, frames) in self.alarms.refused.over(now) {
            self.tell_refused(&kind, None, frames);
        }
        let untold = self.alarms.refused.take_untold();
        if untold > 0 {
            self.tell(Kind::Overflow, "guard_alarm", json!({"events": untold}));
        }
    }

    /// Tells how many claims came after the first.
    pub(super) fn tell_claims(&mut self, now: Instant) {
        for (claim, packets) in self.alarms.claims.over(now) {
            self.tell_claim(&claim, packets);
        }
        let untold = self.alarms.claims.take_untold();
        if untold > 0 {
            self.tell(Kind::Overflow, "conflict", json!({"events": untold}));
        }
    }

    fn tell_refused(&mut self, kind: &Refused, address: Option<&str>, frames: u64) {
        let Refused { connection, provider, port, mac, ethertype } = kind;
        let bridge = self.switches.get(connection).map(|switch| switch.name().to_owned());
        let detail = json!({
            "bridge": bridge, "port": self.port_named(*connection, *port), "mac": mac,
            "ethertype": format!("{ethertype:#06x}"), "address": address, "frames": frames,
        });
        self.tell(Kind::GuardAlarm, provider.as_str(), detail);
    }

    fn tell_claim(&mut self, claim: &Claim, packets: u64) {
        let Claim { provider, address, mac } = claim;
        let fip = self.site.floating_ip(*address);
        let detail = json!({
            "provider": provider, "mac": mac, "project": fip.and_then(|fip| fip.project.as_ref()),
            "instance": fip.and_then(|fip| fip.association.as_ref()).map(|own| &own.instance), "packets": packets,
        });
        self.tell(Kind::Conflict, address.to_string(), detail);
    }

    fn port_named(&self, id: ConnectionId, number: Option<PortNo>) -> Option<String> {
        let bridge = self.switches.get(&id)?.bridge.as_ref()?;
        let (name, _) = bridge.ports.iter().find(|(_, port)| Some(port.number) == number)?;
        Some(name.to_string())
    }
}

/// Source MAC and EtherType.
fn source_of(frame: &[u8]) -> Option<(MacAddr, u16)> {
    let mac: [u8; 6] = frame.get(6..12)?.try_into().ok()?;
    let ethertype: [u8; 2] = frame.get(12..14)?.try_into().ok()?;
    Some((MacAddr::new(mac), u16::from_be_bytes(ethertype)))
}

/// The IP address or ARP sender that the frame names.
fn sender_of(frame: &[u8]) -> Option<String> {
    match LaxSlicedPacket::from_ethernet(frame).ok()?.net? {
        LaxNetSlice::Ipv4(ip) => Some(ip.header().source_addr().to_string()),
        LaxNetSlice::Ipv6(ip) => Some(ip.header().source_addr().to_string()),
        LaxNetSlice::Arp(arp) => {
            let address: [u8; 4] = arp.sender_protocol_addr().try_into().ok()?;
            Some(std::net::Ipv4Addr::from(address).to_string())
        }
    }
}

/// EtherType of ARP, which the guard judges by its sender.
const ARP: u16 = 0x0806;
/// How long one kind of frame, or one claim, is summed up after it was told.
const PAUSE: Duration = Duration::from_secs(60);
