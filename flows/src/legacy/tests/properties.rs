//! What holds for all flows and all bytes.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn macs() -> impl Strategy<Value = Masked<MacAddr>> {
    any::<[u8; 6]>().prop_map(|octets| MacAddr::new(octets).into())
}

fn blocks() -> impl Strategy<Value = Masked<Ipv4Addr>> {
    (any::<u32>(), 1..=32_u8)
        .prop_map(|(address, prefix)| ipnet::Ipv4Net::new(address.into(), prefix).unwrap().trunc().into())
}

fn ports() -> impl Strategy<Value = PortNo> {
    prop_oneof![
        (1..0xff00_u32).prop_map(PortNo),
        prop::sample::select(vec![PortNo::LOCAL, PortNo::IN_PORT, PortNo::ALL, PortNo::NORMAL, PortNo::FLOOD]),
    ]
}

fn maybe<T: std::fmt::Debug>(field: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(field)
}

fn inner() -> impl Strategy<Value = Vec<Option<MatchField>>> {
    let ipv4 = (maybe(blocks()), maybe(blocks()), maybe(0..64_u8), maybe(any::<u16>()), 0..4_u8).prop_map(
        |(src, dst, dscp, port, protocol)| {
            let (protocol, port) = match protocol {
                0 => (Some(6), port.map(|port| MatchField::TcpDst(port.into()))),
                1 => (Some(17), port.map(|port| MatchField::UdpSrc(port.into()))),
                2 => (Some(1), Some(MatchField::Icmpv4Type(8))),
                _ => (None, None),
            };
            vec![
                Some(MatchField::EthType(0x0800)),
                src.map(MatchField::Ipv4Src),
                dst.map(MatchField::Ipv4Dst),
                dscp.map(MatchField::IpDscp),
                protocol.map(MatchField::IpProto),
                port,
            ]
        },
    );
    let arp = (maybe(blocks()), maybe(blocks()), maybe(0..256_u16)).prop_map(|(spa, tpa, operation)| {
        vec![
            Some(MatchField::EthType(0x0806)),
            spa.map(MatchField::ArpSpa),
            tpa.map(MatchField::ArpTpa),
            operation.map(MatchField::ArpOp),
        ]
    });
    let other = maybe(any::<u16>().prop_map(MatchField::EthType)).prop_map(|kind| vec![kind]);
    prop_oneof![ipv4, arp, other]
}

fn matches() -> impl Strategy<Value = openflow::Match> {
    let vlan = prop_oneof![Just(0_u16), 0x1000..0x2000_u16];
    let outer = (maybe(ports()), maybe(macs()), maybe(macs()), maybe(vlan));
    (outer, inner()).prop_map(|((in_port, src, dst, vlan), inner)| {
        let outer = [
            in_port.map(MatchField::InPort),
            src.map(MatchField::EthSrc),
            dst.map(MatchField::EthDst),
            vlan.map(|vid| MatchField::VlanVid(vid.into())),
        ];
        outer.into_iter().chain(inner).flatten().collect()
    })
}

fn actions() -> impl Strategy<Value = Vec<openflow::Action>> {
    let one = prop_oneof![
        ports().prop_map(|port| vec![output(port)]),
        macs().prop_map(|mac| vec![set(MatchField::EthSrc(mac))]),
        macs().prop_map(|mac| vec![set(MatchField::EthDst(mac))]),
        any::<u32>().prop_map(|address| vec![set(MatchField::Ipv4Src(Ipv4Addr::from(address).into()))]),
        any::<u32>().prop_map(|address| vec![set(MatchField::Ipv4Dst(Ipv4Addr::from(address).into()))]),
        (0x1000..0x2000_u16)
            .prop_map(|vid| { vec![openflow::Action::PushVlan(0x8100), set(MatchField::VlanVid(vid.into()))] }),
        (0..8_u8).prop_map(|pcp| vec![set(MatchField::VlanPcp(pcp))]),
        (0..64_u8).prop_map(|dscp| vec![set(MatchField::IpDscp(dscp))]),
        Just(vec![openflow::Action::PopVlan]),
    ];
    (prop::collection::vec(one, 0..6), any::<bool>())
        .prop_map(|(list, asks)| list.into_iter().flatten().chain(asks.then(openflow::Action::controller)).collect())
}

proptest! {
    #[test]
    fn a_dump_equals_what_was_sent(
        matching in matches(), actions in actions(), cookie in any::<u64>(), priority in any::<u16>(),
    ) {
        let sent = openflow::FlowMod { matching, cookie: Cookie(cookie), priority, ..flow([], actions) };
        let dumped = dumped(&flow_mod(&sent).unwrap());
        prop_assert_eq!((dumped.cookie, dumped.priority), (sent.cookie, sent.priority));
        prop_assert_eq!((dumped.matching, dumped.instructions), (sent.matching, sent.instructions));
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(kind in 0..24_u8, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Message::decode(&message(kind, &body));
        let _ = Message::decode(&body);
    }

    #[test]
    fn a_damaged_dump_does_no_harm(
        matching in matches(), actions in actions(), flips in prop::collection::vec((any::<u16>(), any::<u8>()), 1..8),
    ) {
        let sent = openflow::FlowMod { matching, ..flow([], actions) };
        let mut line = stats_of(&flow_mod(&sent).unwrap());
        for (at, byte) in flips {
            let at = 8 + usize::from(at) % (line.len() - 8);
            line[at] = byte;
        }
        // What is read is canonical: it can be kept, and written where 1.0 can say it.
        if let Ok((_, Message::FlowStats { flows, .. })) = Message::decode(&line) {
            for stats in flows {
                let again = openflow::FlowMod {
                    matching: stats.matching.clone(), priority: 1, ..openflow::FlowMod::default()
                };
                let dumped = dumped(&flow_mod(&again).unwrap());
                prop_assert_eq!(dumped.matching, stats.matching);
            }
        }
    }
}
