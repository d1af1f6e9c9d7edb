//! OpenFlow 1.0 against a real Open vSwitch: our bytes are those of ovs-ofctl, and what is installed is what it dumps.

use buoy_flows::legacy::{self, Request};
use buoy_flows::openflow::{Action, FlowMod, FlowModFlags, MatchField, Xid};
use buoy_testbed::LegacySwitch;
use buoy_testbed::legacy_switch::written_by_ovs_ofctl;
use bytes::{Bytes, BytesMut};

use super::*;

/// Every kind of flow that a bridge of OpenFlow 1.0 gets.
fn forms() -> Vec<Vec<Flow>> {
    let mut forms = Vec::new();
    for policy in [PolicySpec::Host, PolicySpec::Vmac, PolicySpec::Router(None)] {
        for local_mac in [mac(2), mac(3)] {
            for name in ["br-ex", "br-int", "br-other"] {
                for knows_gateway in [true, false] {
                    let (site, learnt) = site(policy);
                    let learnt = if knows_gateway { learnt } else { Learnt::default() };
                    let bridge = Bridge {
                        dialect: Dialect::OpenFlow10,
                        meters: false,
                        measures: false,
                        tracks: false,
                        ..bridge(name, local_mac)
                    };
                    let role = Role::of(&site, &bridge.name, &port("br-int"));
                    let world = World { site: &site, learnt: &learnt, bridge: &bridge, role };
                    let flows = compile_all(world).unwrap_or_else(|clash| panic!("{clash}"));
                    forms.push(flows.into_iter().map(|(_, flow)| flow).collect());
                }
            }
        }
    }
    forms
}

fn request(flow_mod: &FlowMod) -> Request {
    Request::FlowMod(legacy::FlowMod::try_from(flow_mod).expect("1.0 has words for it"))
}

fn encoded(flow: &Flow) -> Bytes {
    let mut out = BytesMut::new();
    request(&flow.to_flow_mod(FlowModCommand::Add)).encode(Xid(0), &mut out).expect("it can be written");
    out.freeze()
}

/// A flow as ovs-ofctl wants it said where it may use nothing newer than 1.0.
fn in_words_of_1_0(flow: &str) -> String {
    let text = flow.replace("table=0,", "").replace("vlan_tci=0x0000/0x1fff", "vlan_tci=0x0000");
    let (matching, actions) = text.split_once("actions=").expect("a flow has actions");
    let actions = actions.replace("push_vlan:0x8100,", "").replace("pop_vlan", "strip_vlan");
    let words = actions.split(',').map(|action| {
        let Some((value, field)) = action.strip_prefix("set_field:").and_then(|set| set.split_once("->")) else {
            return action.to_owned();
        };
        match field {
            "eth_src" => format!("mod_dl_src:{value}"),
            "eth_dst" => format!("mod_dl_dst:{value}"),
            "ip_src" => format!("mod_nw_src:{value}"),
            "ip_dst" => format!("mod_nw_dst:{value}"),
            "vlan_vid" => format!("mod_vlan_vid:{}", value.parse::<u16>().expect("a VLAN id") & 0xfff),
            other => panic!("{other} in {flow}"),
        }
    });
    format!("{matching}actions={}", words.collect::<Vec<_>>().join(","))
}

/// A flow mod without its xid.
fn without_xid(frame: &[u8]) -> (&[u8], &[u8]) {
    (frame.get(..4).expect("a header"), frame.get(8..).expect("a header"))
}

#[test]
fn bytes_of_1_0_are_those_of_ovs_ofctl() {
    let lab = Lab::up("flat");
    for flows in forms() {
        let text: Vec<_> = flows.iter().map(|flow| in_words_of_1_0(&flow.to_string())).collect();
        let theirs = written_by_ovs_ofctl(&lab, &text);
        assert_eq!(theirs.len(), flows.len(), "{text:#?}");
        for (flow, theirs) in flows.iter().zip(&theirs) {
            assert_eq!(without_xid(&encoded(flow)), without_xid(theirs), "{flow}");
        }
    }
}

#[test]
fn a_dump_in_1_0_equals_what_was_compiled() {
    let lab = Lab::up("flat");
    let mut switch = LegacySwitch::connect(&lab, "br-int");
    for flows in forms() {
        switch.install(&flows, FlowModCommand::Add);
        let wanted: BTreeSet<_> = flows.iter().map(|flow| format!("{:?}", flow.pack())).collect();
        assert_eq!(switch.dump(), wanted);
        switch.install(&flows, FlowModCommand::DeleteStrict);
        assert!(switch.dump().is_empty());
    }
}

#[test]
fn what_the_switch_says_in_1_0_is_read() {
    let lab = Lab::up("flat");
    let mut switch = LegacySwitch::connect(&lab, "br-ex");
    let payload = Bytes::from_static(b"are you there");
    assert_eq!(switch.ask(&Request::EchoRequest(payload.clone())), legacy::Message::EchoReply(payload));
    let said = switch.ask(&Request::FeaturesRequest);
    let legacy::Message::FeaturesReply(features, ports) = said else { panic!("{said:?}") };
    assert_eq!(features.datapath_id, DatapathId(0x0000_0200_cb00_7102));
    let local = ports.iter().find(|port| port.number == PortNo::LOCAL).expect("LOCAL is a port");
    assert_eq!((local.name.as_str(), local.hw_addr.to_string().as_str()), ("br-ex", "02:00:cb:00:71:02"));
    assert!(ports.iter().any(|port| port.name == "uplink0"), "{ports:?}");
    // A packet of the controller's own meets the flows, and what goes to the controller comes back.
    let asks =
        Flow::new(TableId(0), 9, owner()).on(MatchField::InPort(PortNo::CONTROLLER)).apply([Action::controller()]);
    switch.install(&[asks], FlowModCommand::Add);
    let packet = PacketOut {
        buffer_id: BufferId::NONE,
        in_port: PortNo::CONTROLLER,
        actions: vec![Action::output(PortNo::TABLE)],
        frame: Bytes::from(vec![0xa5; 64]),
    };
    switch.send(&Request::PacketOut(legacy::PacketOut::try_from(&packet).expect("1.0 has words for it")));
    let packet_in = loop {
        if let (_, legacy::Message::PacketIn(packet)) = switch.receive() {
            break packet;
        }
    };
    assert_eq!(
        (&packet_in.frame, packet_in.matching.fields()),
        (&packet.frame, &[MatchField::InPort(PortNo::CONTROLLER)][..])
    );
    lab.ovs_vsctl(["add-port", "br-ex", "extra0", "--", "set", "interface", "extra0", "type=internal"]);
    loop {
        if let (_, legacy::Message::PortStatus(status)) = switch.receive()
            && status.port.name == "extra0"
        {
            break;
        }
    }
    let mut same = Flow::new(TableId(0), 9, owner()).to_flow_mod(FlowModCommand::Add);
    same.flags = FlowModFlags::CHECK_OVERLAP;
    let refused = switch.ask(&request(&same));
    assert!(
        matches!(&refused, legacy::Message::Error(error) if error.name() == Some("OFPFMFC_OVERLAP")),
        "{refused:?}"
    );
    let mut brief = Flow::new(TableId(0), 8, owner()).on(MatchField::EthType(0x0806)).to_flow_mod(FlowModCommand::Add);
    (brief.hard_timeout, brief.flags) = (1, FlowModFlags::SEND_FLOW_REM);
    switch.send(&request(&brief));
    let removed = loop {
        if let (_, legacy::Message::FlowRemoved(removed)) = switch.receive() {
            break removed;
        }
    };
    assert_eq!((removed.cookie, removed.priority, removed.matching), (brief.cookie, brief.priority, brief.matching));
    assert_eq!(switch.ask(&Request::BarrierRequest), legacy::Message::BarrierReply);
}
