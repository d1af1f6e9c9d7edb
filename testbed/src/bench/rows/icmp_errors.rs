//! A flood of ICMP errors: how many of them the daemon translates, and what its connection to the switch can carry.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_flows::openflow::Message;
use bytes::Bytes;
use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{Icmpv4Type, PacketBuilder};

use super::Effort;
use crate::Switch;
use crate::bench::figures::Figures;
use crate::bench::report::{Row, Unit};
use crate::bench::stage::Stage;
use crate::bench::traffic::{Guest, REGISTERED_MAC, ROUTER_MAC, Way};
use crate::site::{FLOATING_IP, REMOTE};

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Row {
    let guest = Guest::open(stage);
    let way = Way::through_the_uplink(&stage.lab, "errors", &[refusal(FLOATING_IP)]);
    let time = effort.of(Duration::from_millis(100), Duration::from_secs(3));
    let mut bare = Switch::connect(&stage.lab, "br-int");
    let (mut ours, mut echoes) = (Vec::new(), Vec::new());
    for _ in 0..effort.of(1, 5) {
        ours.push(guest.burst_of_errors(&way, time).arrived);
        echoes.push(echoes_a_second(&mut bare, time));
    }
    guest.close(stage);
    Row::new("ICMP errors served in a flood", stage.size, Unit::PerSecond, Figures::of(ours)).beside(
        "OpenFlow echoes of br-int, one after the other",
        Figures::of(echoes),
        None,
    )
}

/// Whoever was sent something by a floating IP refuses it.
pub(super) fn refusal(address: Ipv4Addr) -> Vec<u8> {
    let mut quoted = Vec::new();
    let packet = PacketBuilder::ipv4(address.octets(), REMOTE.octets(), 9).udp(7, 7);
    packet.write(&mut quoted, b"refused").expect("a vector takes all bytes");
    let error = PacketBuilder::ethernet2(ROUTER_MAC.octets(), REGISTERED_MAC.octets())
        .ipv4(REMOTE.octets(), address.octets(), 60)
        .icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port));
    let mut frame = Vec::new();
    error.write(&mut frame, &quoted).expect("a vector takes all bytes");
    frame
}

/// Echo round trips, one after the other.
fn echoes_a_second(bare: &mut Switch, time: Duration) -> f64 {
    let (since, mut count) = (Instant::now(), 0_u32);
    while since.elapsed() < time {
        let answer = bare.ask(Message::EchoRequest(Bytes::from_static(b"buoy")));
        assert!(matches!(answer, Message::EchoReply(_)), "{answer:?}");
        count += 1;
    }
    f64::from(count) / since.elapsed().as_secs_f64()
}
