//! Our bytes against those of ovs-ofctl, and what switches say against what we understand.

mod properties;

use buoy_topology::{DatapathId, MacAddr, PortNo};
use bytes::{Bytes, BytesMut};

use super::*;
use crate::openflow::{
    self, BufferId, Cookie, DecodeError, EncodeError, FlowModCommand, FlowModFlags, FlowStats, Instruction, Masked,
    MatchField, PortReason, TableId, Xid,
};

fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

fn set(field: MatchField) -> openflow::Action {
    openflow::Action::SetField(field)
}

fn output(port: PortNo) -> openflow::Action {
    openflow::Action::output(port)
}

fn net(text: &str) -> Masked<std::net::Ipv4Addr> {
    text.parse::<ipnet::Ipv4Net>().unwrap().into()
}

fn encoded(request: &Request, xid: u32) -> Result<Vec<u8>, EncodeError> {
    let mut out = BytesMut::new();
    request.encode(Xid(xid), &mut out)?;
    Ok(out.to_vec())
}

fn flow_mod(flow_mod: &openflow::FlowMod) -> Result<Vec<u8>, EncodeError> {
    encoded(&Request::FlowMod(FlowMod::try_from(flow_mod)?), 2)
}

fn flow(fields: impl IntoIterator<Item = MatchField>, actions: Vec<openflow::Action>) -> openflow::FlowMod {
    let instructions = if actions.is_empty() { Vec::new() } else { vec![Instruction::ApplyActions(actions)] };
    openflow::FlowMod {
        priority: 1,
        matching: fields.into_iter().collect(),
        instructions,
        ..openflow::FlowMod::default()
    }
}

/// The line of a dump that a switch would make of a flow mod that it was sent.
fn stats_of(frame: &[u8]) -> Vec<u8> {
    let (matching, rest) = frame[8..].split_at(40);
    let (cookie, rest) = rest.split_at(8);
    let (idle, hard, priority) = (&rest[2..4], &rest[4..6], &rest[6..8]);
    let actions = &rest[16..];
    let len = u16::try_from(88 + actions.len()).unwrap().to_be_bytes();
    let line = [&len, &[0, 0], matching, &[0; 8], priority, idle, hard, &[0; 6], cookie, &[0; 16], actions].concat();
    message(17, &[&[0, 1, 0, 0], &line[..]].concat())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + body.len()).unwrap().to_be_bytes();
    [&[1, kind], &len[..], &[0, 0, 0, 7], body].concat()
}

fn dumped(frame: &[u8]) -> FlowStats {
    let (_, Message::FlowStats { mut flows, more: false }) = Message::decode(&stats_of(frame)).unwrap() else {
        panic!("no dump")
    };
    assert_eq!(flows.len(), 1);
    flows.remove(0)
}

/// Holds a flow mod against the bytes that `ovs-ofctl -O OpenFlow10 -F OpenFlow10` writes for the same flow.
fn check(ours: &openflow::FlowMod, theirs: &str) {
    let bytes = flow_mod(ours).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, theirs);
    let dumped = dumped(&bytes);
    assert_eq!((dumped.cookie, dumped.priority), (ours.cookie, ours.priority));
    assert_eq!((&dumped.matching, &dumped.instructions), (&ours.matching, &ours.instructions));
}

#[test]
fn flow_mods_are_those_of_ovs() {
    // add-flow cookie=0x62756f1500000001,priority=300,arp,in_port=LOCAL,vlan_tci=0x0000,dl_src=02:00:00:00:00:01,
    //   arp_op=1,nw_src=203.0.113.0/24,nw_dst=203.0.113.100,actions=LOCAL,controller
    let arp = [
        MatchField::InPort(PortNo::LOCAL),
        MatchField::EthSrc(mac(1).into()),
        MatchField::EthType(0x0806),
        MatchField::VlanVid(0.into()),
        MatchField::ArpOp(1),
        MatchField::ArpSpa(net("203.0.113.0/24")),
        MatchField::ArpTpa(net("203.0.113.100/32")),
    ];
    let copied = flow(arp, vec![output(PortNo::LOCAL), openflow::Action::controller()]);
    check(
        &openflow::FlowMod { cookie: Cookie(0x6275_6f15_0000_0001), priority: 300, ..copied },
        "010e005800000002002008c8fffe020000000001000000000000ffff0000080600010000cb007100cb0071640000000062756f1500000001\
         000000000000012cffffffffffff000000000008fffe000000000008fffdffff",
    );
    // add-flow cookie=0x62756f2200000007,priority=80,ip,in_port=10,dl_vlan=42,dl_vlan_pcp=3,dl_src=02:00:00:00:00:11,
    //   dl_dst=02:00:00:00:00:fe,nw_src=10.0.0.11,nw_dst=0.0.0.0/1,nw_tos=0x48,idle_timeout=10,hard_timeout=20,
    //   send_flow_rem,check_overlap,actions=strip_vlan,mod_nw_src:203.0.113.100,mod_nw_dst:198.51.100.10,
    //   mod_nw_tos:0x20,mod_dl_src:02:00:00:00:00:01,mod_dl_dst:02:00:00:00:00:02,mod_vlan_vid:42,mod_vlan_pcp:5,
    //   output:2,in_port
    let everything = [
        MatchField::InPort(PortNo(10)),
        MatchField::EthSrc(mac(0x11).into()),
        MatchField::EthDst(mac(0xfe).into()),
        MatchField::EthType(0x0800),
        MatchField::VlanVid(0x102a.into()),
        MatchField::VlanPcp(3),
        MatchField::Ipv4Src(net("10.0.0.11/32")),
        MatchField::Ipv4Dst(net("0.0.0.0/1")),
        MatchField::IpDscp(0x12),
    ];
    let actions = vec![
        openflow::Action::PopVlan,
        set(MatchField::Ipv4Src(net("203.0.113.100/32"))),
        set(MatchField::Ipv4Dst(net("198.51.100.10/32"))),
        set(MatchField::IpDscp(8)),
        set(MatchField::EthSrc(mac(1).into())),
        set(MatchField::EthDst(mac(2).into())),
        openflow::Action::PushVlan(0x8100),
        set(MatchField::VlanVid(0x102a.into())),
        set(MatchField::VlanPcp(5)),
        output(PortNo(2)),
        output(PortNo::IN_PORT),
    ];
    let every = openflow::FlowMod {
        cookie: Cookie(0x6275_6f22_0000_0007),
        priority: 80,
        idle_timeout: 10,
        hard_timeout: 20,
        flags: FlowModFlags::SEND_FLOW_REM | FlowModFlags::CHECK_OVERLAP,
        ..flow(everything, actions)
    };
    check(
        &every,
        "010e00a8000000020007c0e0000a0200000000110200000000fe002a03000800480000000a00000b000000000000000062756f2200000007\
         0000000a00140050ffffffffffff0003000300080000000000060008cb00716400070008c633640a000800082000000000040010020000000001\
         0000000000000005001002000000000200000000000000010008002a00000002000805000000000000080002000000000008fff80000",
    );
    // add-flow priority=1,udp,tp_src=53,tp_dst=5353,actions=mod_tp_src:54,mod_tp_dst:55,all
    let udp = [
        MatchField::EthType(0x0800),
        MatchField::IpProto(17),
        MatchField::UdpSrc(53.into()),
        MatchField::UdpDst(5353.into()),
    ];
    let actions = vec![set(MatchField::TcpSrc(54.into())), set(MatchField::TcpDst(55.into())), output(PortNo::ALL)];
    check(
        &flow(udp, actions),
        "010e0060000000020038200f0000000000000000000000000000000000000800001100000000000000000000003514e9000000000000000000\
         00000000000001ffffffffffff00000009000800360000000a00080037000000000008fffc0000",
    );
    // add-flow priority=0,actions=drop
    check(
        &openflow::FlowMod { priority: 0, ..flow([], Vec::new()) },
        "010e004800000002003820ff00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
         000000000000ffffffffffff0000",
    );
    // --strict del-flows priority=7,tcp,tp_dst=80
    let tcp = [MatchField::EthType(0x0800), MatchField::IpProto(6), MatchField::TcpDst(80.into())];
    check(
        &openflow::FlowMod { priority: 7, command: FlowModCommand::DeleteStrict, ..flow(tcp, Vec::new()) },
        "010e0048000000020038204f00000000000000000000000000000000000008000006000000000000000000000000005000000000000000000004\
         000000000007ffffffffffff0000",
    );
    // --strict mod-flows priority=9,icmp,icmp_type=3,icmp_code=4,actions=normal,flood
    let icmp =
        [MatchField::EthType(0x0800), MatchField::IpProto(1), MatchField::Icmpv4Type(3), MatchField::Icmpv4Code(4)];
    let actions = vec![output(PortNo::NORMAL), output(PortNo::FLOOD)];
    check(
        &openflow::FlowMod { priority: 9, command: FlowModCommand::ModifyStrict, ..flow(icmp, actions) },
        "010e0058000000020038200f00000000000000000000000000000000000008000001000000000000000000000003000400000000000000000002\
         000000000009ffffffffffff000000000008fffa000000000008fffb0000",
    );
    // add-flow priority=1,actions=controller:128
    let asked = openflow::Action::Output { port: PortNo::CONTROLLER, max_len: 128 };
    check(
        &flow([], vec![asked]),
        "010e005000000002003820ff00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
         000000000001ffffffffffff000000000008fffd0080",
    );
}

#[test]
fn other_requests_are_written() {
    let check = |request: Request, bytes: &[u8]| assert_eq!(encoded(&request, 5).unwrap(), bytes);
    check(Request::Hello, &[1, 0, 0, 8, 0, 0, 0, 5]);
    check(Request::EchoRequest(Bytes::new()), &[1, 2, 0, 8, 0, 0, 0, 5]);
    check(Request::EchoReply(Bytes::from_static(b"ab")), &[1, 3, 0, 10, 0, 0, 0, 5, b'a', b'b']);
    check(Request::FeaturesRequest, &[1, 5, 0, 8, 0, 0, 0, 5]);
    check(Request::BarrierRequest, &[1, 18, 0, 8, 0, 0, 0, 5]);
    // dump-flows
    let open = [0x00, 0x38, 0x20, 0xff];
    let asked = [&[1, 16, 0, 56, 0, 0, 0, 5, 0, 1, 0, 0][..], &open, &[0; 36], &[0xff, 0, 0xff, 0xff]].concat();
    check(Request::FlowStatsRequest, &asked);
    let actions = vec![openflow::Action::PopVlan, output(PortNo(0xffff_fff9))];
    let packet = openflow::PacketOut {
        buffer_id: BufferId::NONE,
        in_port: PortNo::CONTROLLER,
        actions,
        frame: Bytes::from_static(b"frame"),
    };
    let bytes = [
        &[1, 13, 0, 37, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd, 0, 16][..],
        &[0, 3, 0, 8, 0, 0, 0, 0, 0, 0, 0, 8, 0xff, 0xf9, 0, 0],
        b"frame",
    ];
    check(Request::PacketOut(PacketOut::try_from(&packet).unwrap()), &bytes.concat());
}

#[test]
fn what_1_0_cannot_say_is_refused() {
    let check = |refused: openflow::FlowMod, what: &'static str| {
        assert_eq!(flow_mod(&refused), Err(EncodeError::Unencodable { what }), "{refused}");
    };
    let arp = MatchField::EthType(0x0806);
    check(openflow::FlowMod { table: TableId(1), ..flow([], vec![]) }, "table other than 0");
    check(openflow::FlowMod { cookie_mask: Cookie(1), ..flow([], vec![]) }, "filter by cookie");
    check(openflow::FlowMod { out_port: PortNo(1), ..flow([], vec![]) }, "filter by output port");
    check(openflow::FlowMod { flags: FlowModFlags(4), ..flow([], vec![]) }, "flag of a flow mod");
    check(flow([arp.clone(), MatchField::ArpSha(mac(1).into())], vec![]), "arp_sha");
    check(flow([MatchField::EthType(0x0800), MatchField::ArpOp(1)], vec![]), "arp_op");
    check(flow([arp, MatchField::ArpOp(256)], vec![]), "arp_op");
    check(flow([MatchField::EthDst(Masked::new(mac(1), mac(0)))], vec![]), "eth_dst");
    check(flow([MatchField::InPort(PortNo(0xff00))], vec![]), "port number above 0xff00");
    let odd = Masked::new([10, 0, 0, 1].into(), [255, 0, 0, 255].into());
    check(flow([MatchField::EthType(0x0800), MatchField::Ipv4Src(odd)], vec![]), "ip_src");
    check(flow([], vec![openflow::Action::DecNwTtl]), "action of a later version");
    check(flow([], vec![set(MatchField::ArpOp(2))]), "arp_op");
    check(flow([], vec![openflow::Action::PushVlan(0x8100)]), "VLAN tag without an id");
    check(flow([], vec![output(PortNo::ANY)]), "output to no port");
    check(flow([], vec![output(PortNo(0xffff_fff9))]), "output to the table in a flow");
    let after = vec![openflow::Action::controller(), output(PortNo::LOCAL)];
    check(flow([], after), "action after an output to the controller");
    let goto = openflow::FlowMod { instructions: vec![Instruction::GotoTable(TableId(1))], ..flow([], vec![]) };
    check(goto, "instruction other than to apply actions");
    let long = flow([], vec![output(PortNo(1)); 8_200]);
    assert_eq!(flow_mod(&long), Err(EncodeError::TooLong { what: "flow mod", len: 72 + 65_600 }));
}

#[test]
fn what_a_switch_says_is_read() {
    let read = |kind, body: &[u8]| Message::decode(&message(kind, body)).unwrap().1;
    let port = |number: [u8; 2]| {
        [&number[..], &mac(9).octets(), b"eth0\0\0\0\0\0\0\0\0\0\0\0\0", &[0, 0, 0, 0x11], &[0, 0, 2, 1], &[0xff; 16]]
            .concat()
    };
    let features = [&0x0000_0200_cb00_7102_u64.to_be_bytes()[..], &[0; 4], &[254, 0, 0, 0], &[0; 8]].concat();
    let said = read(6, &[&features[..], &port([0xff, 0xfe]), &port([0, 1])].concat());
    let Message::FeaturesReply(features, ports) = said else { panic!("{said:?}") };
    assert_eq!(features.datapath_id, DatapathId(0x0000_0200_cb00_7102));
    assert_eq!(ports.iter().map(|own| own.number).collect::<Vec<_>>(), [PortNo::LOCAL, PortNo(1)]);
    assert!(ports.iter().all(|own| own.name == "eth0" && own.hw_addr == mac(9)));
    assert!(ports.iter().all(|own| own.config.0 == 1 && own.state.0 == 1));
    let said = read(12, &[&[1, 0, 0, 0, 0, 0, 0, 0], &port([0, 3])[..]].concat());
    assert!(
        matches!(said, Message::PortStatus(own) if own.reason == PortReason::Delete && own.port.number == PortNo(3))
    );
    let said = read(10, &[&[0xff; 4][..], &[0, 5, 0xff, 0xfe, 1, 0], b"frame"].concat());
    let Message::PacketIn(packet) = said else { panic!("{said:?}") };
    assert_eq!(packet.matching.fields(), [MatchField::InPort(PortNo::LOCAL)]);
    assert_eq!((packet.frame.as_ref(), packet.total_len), (&b"frame"[..], 5));
    let flow = flow_mod(&flow([MatchField::EthType(0x86dd)], vec![])).unwrap();
    let said =
        read(11, &[&flow[8..48], &7_u64.to_be_bytes(), &[0, 9, 2, 0], &[0; 8], &[0, 30, 0, 0], &[0; 16]].concat());
    let Message::FlowRemoved(removed) = said else { panic!("{said:?}") };
    assert_eq!((removed.cookie, removed.priority, removed.idle_timeout), (Cookie(7), 9, 30));
    assert_eq!(removed.matching.fields(), [MatchField::EthType(0x86dd)]);
    assert_eq!(read(19, &[]), Message::BarrierReply);
    assert!(matches!(read(4, &[0, 0, 0x23, 0x20]), Message::Other(own) if own.kind == 4));
    assert!(matches!(read(17, &[0, 3, 0, 0]), Message::Other(_)), "statistics of tables");
    assert!(matches!(Message::decode(&[6, 0, 0, 8, 0, 0, 0, 0]), Ok((_, Message::Hello(own))) if own.version == 6));
}

#[test]
fn errors_have_the_names_of_1_0() {
    let check = |kind: u16, code: u16, data: &[u8], text: &str| {
        let body = [&kind.to_be_bytes()[..], &code.to_be_bytes(), data].concat();
        let (_, Message::Error(error)) = Message::decode(&message(1, &body)).unwrap() else { panic!("no error") };
        assert_eq!(error.to_string(), text);
    };
    check(3, 0, b"", "OFPFMFC_ALL_TABLES_FULL");
    check(2, 4, b"", "OFPBAC_BAD_OUT_PORT");
    check(3, 99, b"", "error type 3 code 99");
    check(0xb0c2, 0, &[0, 0, 0x23, 0x20, 0, 1, 2, 0], "error type 1 code 512 of vendor 0x00002320");
    check(0xb0c2, 0, &[0], "error type 45250 code 0");
}

#[test]
fn broken_messages_are_errors() {
    let check = |kind, body: &[u8], error| assert_eq!(Message::decode(&message(kind, body)), Err(error));
    check(10, &[0; 9], DecodeError::Short { what: "packet-in" });
    check(6, &[0; 25], DecodeError::Short { what: "features reply" });
    check(11, &[0; 40], DecodeError::Short { what: "flow removed" });
    check(12, &[3; 56], DecodeError::BadValue { what: "port status reason", value: 3 });
    check(17, &[0, 1, 0], DecodeError::Short { what: "statistics reply" });
    check(17, &[0, 1, 0, 0, 0, 1], DecodeError::BadLength { what: "flow stats", len: 1 });
    let mut line = stats_of(&flow_mod(&flow([], vec![openflow::Action::PopVlan])).unwrap());
    let at = line.len() - 6;
    line[at..at + 2].copy_from_slice(&[0, 4]);
    assert_eq!(Message::decode(&line), Err(DecodeError::BadLength { what: "action", len: 4 }));
    assert_eq!(Message::decode(&[1, 19, 0, 9, 0, 0, 0, 0]), Err(DecodeError::BadLength { what: "message", len: 9 }));
    assert_eq!(Message::decode(&[1, 19, 0]), Err(DecodeError::Short { what: "message" }));
}
