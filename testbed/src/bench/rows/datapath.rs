//! Packets from outside to a guest, as many as the switch can do: through its floating IP, and without one.

use std::time::Duration;

use super::Effort;
use crate::bench::figures::Figures;
use crate::bench::netfilter::{self, has_nftables};
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;
use crate::bench::traffic::{Burst, FIXED, FLOWS, GUEST_MAC, Guest, LONG, REGISTERED_MAC, SHORT, Way, datagrams};
use crate::site::FLOATING_IP;

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Vec<Row> {
    let guest = Guest::open(stage);
    let has_nftables = has_nftables();
    if has_nftables {
        netfilter::build(&stage.lab);
    }
    let kinds =
        [("short packets to a guest", SHORT, Unit::PerSecond), ("long packets to a guest", LONG, Unit::Megabits)];
    let rows = kinds.map(|(what, length, unit)| {
        let uplink =
            |name, mac, address| Way::through_the_uplink(&stage.lab, name, &datagrams(mac, address, length, FLOWS));
        let translated = uplink("floating", REGISTERED_MAC, FLOATING_IP);
        let plain = uplink("plain", GUEST_MAC, FIXED);
        let routed = has_nftables.then(|| {
            let frames = datagrams(netfilter::MAC, netfilter::OUTSIDE, length, FLOWS);
            Way::new(&stage.lab, netfilter::PORT, "routed", &frames)
        });
        let time = effort.of(Duration::from_millis(20), Duration::from_secs(1));
        let bursts = |way: &Way| {
            guest.reach(way);
            guest.burst(way, time)
        };
        let (mut ours, mut others, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.of(1, 7) {
            ours.push(bursts(&translated));
            others.push(past_buoy(stage, || bursts(&plain)));
            peers.extend(routed.as_ref().map(bursts));
        }
        let scale = if unit == Unit::Megabits { LONG_MEGABITS } else { 1.0 };
        let figures =
            |bursts: &[Burst], of: fn(&Burst) -> f64| Figures::of(bursts.iter().map(|own| of(own) * scale).collect());
        let arrived = |bursts: &[Burst]| figures(bursts, |own| own.arrived);
        let row = Row::new(what, stage.size, unit, arrived(&ours))
            .beside("plain output between the same ports", arrived(&others), Some((Bound::AtLeast, 0.9)))
            .beside("what was sent (the limit, where the ratio is 1)", figures(&ours, |own| own.offered), None);
        if peers.is_empty() {
            row
        } else {
            row.beside("Linux namespace, nftables DNAT and SNAT", arrived(&peers), None)
        }
    });
    guest.close(stage);
    rows.into()
}

/// Does something while two flows of nobody stand before all others, which only take from one port to the other.
fn past_buoy<T>(stage: &Stage, work: impl FnOnce() -> T) -> T {
    for (bridge, from, to) in PLAIN {
        stage.ovs_ofctl(&["add-flow"], bridge, &[&format!("priority=65535,in_port={from},actions=output:{to}")], None);
    }
    let done = work();
    for (bridge, from, _) in PLAIN {
        stage.ovs_ofctl(&["--strict", "del-flows"], bridge, &[&format!("priority=65535,in_port={from}")], None);
    }
    done
}

/// Bridge, port and port.
const PLAIN: [(&str, &str, &str); 2] = [("br-ex", "uplink0", "phy-br-ex"), ("br-int", "int-br-ex", "vm1")];
/// What a long frame has.
const LONG_MEGABITS: f64 = 1_514.0 * 8.0 / 1e6;
