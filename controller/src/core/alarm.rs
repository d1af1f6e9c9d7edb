//! Alarms: frames that the guard did not let out. Each is counted in the switch; of a burst the first is told.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use buoy_topology::{MacAddr, PortNo, Provider};
use etherparse::{LaxNetSlice, LaxSlicedPacket};
use tracing::warn;

use super::Core;
use crate::switch::ConnectionId;

/// What was told lately, by port, source MAC and EtherType.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    told: HashMap<(ConnectionId, Option<PortNo>, MacAddr, u16), Instant>,
}

impl Alarms {
    /// Whether this one is to be told: the first of its kind for a while, and not one of too many kinds.
    fn is_news(&mut self, kind: (ConnectionId, Option<PortNo>, MacAddr, u16), now: Instant) -> bool {
        self.told.retain(|_, at| now.duration_since(*at) < PAUSE);
        let is_news = self.told.len() < MOST_KINDS && !self.told.contains_key(&kind);
        if is_news {
            self.told.insert(kind, now);
        }
        is_news
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
        if !self.alarms.is_news((id, in_port, mac, ethertype), now) {
            return;
        }
        let bridge = self.switches.get(&id).and_then(|switch| switch.bridge.as_ref());
        let mut ports = bridge.into_iter().flat_map(|bridge| &bridge.ports);
        let port = ports.find(|(_, port)| Some(port.number) == in_port).map(|(name, _)| name.as_str());
        warn!(
            provider = %provider.name,
            port = port.unwrap_or("?"),
            %mac,
            ethertype = format_args!("{ethertype:#06x}"),
            address = sender_of(frame).as_deref().unwrap_or("-"),
            "guard: a frame was kept from the provider"
        );
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

/// How long one kind of frame is not told again.
const PAUSE: Duration = Duration::from_secs(60);
/// Kinds that are remembered.
const MOST_KINDS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_burst_is_told_and_a_flood_of_kinds_is_bounded() {
        let start = Instant::now();
        let mut alarms = Alarms::default();
        let kind = |last: u8, ethertype| (ConnectionId(1), None, MacAddr::new([2, 0, 0, 0, 0, last]), ethertype);
        assert!(alarms.is_news(kind(1, 0x0800), start));
        assert!(!alarms.is_news(kind(1, 0x0800), start + Duration::from_secs(59)));
        assert!(alarms.is_news(kind(2, 0x0800), start));
        assert!(alarms.is_news(kind(1, 0x0800), start + Duration::from_secs(61)));
        let told =
            (0..10_000).filter(|number| alarms.is_news(kind(3, *number), start + Duration::from_secs(61))).count();
        assert!(told < 300, "{told}");
    }
}
