//! The codec and the pipeline against a real Open vSwitch: what it says is read and written back to the same bytes, and
//! what it is told to install is what it dumps.

mod one_table;

use std::collections::BTreeSet;

use buoy_flows::flow::{Flow, Owner};
use buoy_flows::openflow::{
    AsyncConfig, BufferId, ControllerRole, FlowChange, FlowEvent, FlowModCommand, FlowMonitorControl, FlowMonitorFlags,
    FlowMonitorRequest, FlowUpdate, Match, Message, MultipartReplyBody, MultipartRequest, MultipartRequestBody,
    PacketOut, Role as RoleMessage, SwitchConfig, TableId,
};
use buoy_flows::pipeline::{Role, World, compile_all};
use buoy_testbed::{Lab, Switch};
use buoy_topology::ops::{
    AllocateSpec, AssociateSpec, InstanceSpec, InterfaceSpec, NetworkSpec, PolicySpec, PoolSpec, ProviderSpec,
    RangesSpec,
};
use buoy_topology::{
    Bridge, Change, DatapathId, Dialect, HostName, Learnt, MacAddr, Name, NeighbourKey, Port, PortName, PortNo, Site,
};

#[test]
fn what_the_switch_says_is_written_back_to_the_same_bytes() {
    let lab = Lab::up("flat");
    let mut switch = Switch::connect(&lab, "br-ex");
    switch.ask(Message::EchoRequest(bytes::Bytes::from_static(b"are you there")));
    let Message::FeaturesReply(features) = switch.ask(Message::FeaturesRequest) else { panic!("no features") };
    assert_eq!(features.datapath_id, DatapathId(0x0000_0200_cb00_7102));
    let config = SwitchConfig { flags: 0, miss_send_len: 0xffff };
    switch.send(Message::SetConfig(config));
    assert!(matches!(switch.ask(Message::GetConfigRequest), Message::GetConfigReply(own) if own == config));
    let ports = Message::MultipartRequest(MultipartRequest::new(MultipartRequestBody::PortDesc));
    let Message::MultipartReply(ports) = switch.ask(ports) else { panic!("no ports") };
    let MultipartReplyBody::PortDesc(ports) = ports.body else { panic!("no ports") };
    assert!(ports.iter().any(|port| port.number == PortNo::LOCAL && port.name == "br-ex"));
    switch.ask(Message::MultipartRequest(MultipartRequest::new(MultipartRequestBody::Desc)));
    switch.ask(Message::BarrierRequest);
    // A goto to an earlier table is refused.
    let backwards = Flow::new(TableId(9), 1, owner()).goto(TableId(3));
    let refused = switch.ask(Message::FlowMod(backwards.to_flow_mod(FlowModCommand::Add)));
    assert!(matches!(refused, Message::Error(_)), "{refused:?}");
    // A packet that goes to the controller comes back as packet-in.
    let to_controller = buoy_flows::openflow::Action::Output { port: PortNo::CONTROLLER, max_len: 0xffff };
    let frame = bytes::Bytes::from(vec![0xa5; 64]);
    let (buffer_id, in_port) = (BufferId::NONE, PortNo::CONTROLLER);
    switch.send(Message::SetConfig(config));
    switch.send(Message::PacketOut(PacketOut {
        buffer_id,
        in_port,
        actions: vec![to_controller],
        frame: frame.clone(),
    }));
    loop {
        if let (_, Message::PacketIn(packet)) = switch.receive() {
            assert_eq!(packet.frame, frame);
            break;
        }
    }
    lab.ovs_vsctl(["add-port", "br-ex", "extra0", "--", "set", "interface", "extra0", "type=internal"]);
    while !switch.heard().contains("port status") {
        switch.receive();
    }
    switch.install(&[Flow::new(TableId(9), 1, owner())], FlowModCommand::Add);
    switch.dump();
    let missing: Vec<_> = NAMES.into_iter().filter(|name| !switch.heard().contains(name)).collect();
    assert!(missing.is_empty(), "not heard: {missing:?} of {:?}", switch.heard());
}

/// Every kind of message that a switch sends on this path.
const NAMES: [&str; 10] = [
    "hello",
    "error",
    "echo reply",
    "features reply",
    "config reply",
    "packet-in",
    "port status",
    "multipart reply",
    "barrier reply",
    "bundle control",
];

fn owner() -> Owner {
    Owner { feature: buoy_flows::flow::owner::Feature::Admit, entity: 1 }
}

#[test]
fn the_monitor_tells_of_what_others_change() {
    let lab = Lab::up("flat");
    let (mut watcher, mut other) = (Switch::connect(&lab, "br-int"), Switch::connect(&lab, "br-int"));
    let flags = FlowMonitorFlags::ADD | FlowMonitorFlags::DELETE | FlowMonitorFlags::MODIFY | FlowMonitorFlags::ACTIONS;
    let request =
        FlowMonitorRequest { id: 1, flags, out_port: PortNo::ANY, table: TableId::ALL, matching: Match::new() };
    let body = MultipartRequestBody::FlowMonitor(vec![request]);
    watcher.ask(Message::MultipartRequest(MultipartRequest::new(body)));
    let flow =
        Flow::new(TableId(9), 7, owner()).on(buoy_flows::openflow::MatchField::EthType(0x0800)).goto(TableId(11));
    other.install(std::slice::from_ref(&flow), FlowModCommand::Add);
    let [FlowUpdate::Full(added)] = &*updates(&mut watcher) else { panic!("one flow was added") };
    let FlowChange { event, table, priority, cookie, matching, instructions, .. } = added.clone();
    assert_eq!((event, table, priority, cookie), (FlowEvent::Added, flow.table, flow.priority, flow.owner.cookie()));
    assert_eq!((matching, instructions), (flow.matching.clone(), flow.instructions.clone()));
    let changed = Flow { instructions: Vec::new(), ..flow.clone() };
    other.install(std::slice::from_ref(&changed), FlowModCommand::ModifyStrict);
    let [FlowUpdate::Full(modified)] = &*updates(&mut watcher) else { panic!("one flow was changed") };
    assert_eq!((modified.event, modified.instructions.len()), (FlowEvent::Modified, 0));
    other.install(&[changed], FlowModCommand::DeleteStrict);
    let [FlowUpdate::Full(deleted)] = &*updates(&mut watcher) else { panic!("one flow was deleted") };
    assert!(matches!(deleted.event, FlowEvent::Deleted { .. }), "{deleted:?}");
    watcher.install(&[flow], FlowModCommand::Add);
    watcher.send(Message::FlowMonitorControl(FlowMonitorControl::Cancel(1)));
    watcher.ask(Message::BarrierRequest);
}

/// The next updates that a monitor tells.
fn updates(switch: &mut Switch) -> Vec<FlowUpdate> {
    loop {
        let (_, Message::MultipartReply(reply)) = switch.receive() else { continue };
        if let MultipartReplyBody::FlowMonitor(updates) = reply.body {
            return updates;
        }
    }
}

#[test]
fn roles_and_async_configuration_are_understood() {
    let lab = Lab::up("flat");
    let (mut one, mut two) = (Switch::connect(&lab, "br-int"), Switch::connect(&lab, "br-int"));
    let ask = RoleMessage { role: ControllerRole::NoChange, generation_id: 0 };
    let answer = one.ask(Message::RoleRequest(ask));
    assert!(matches!(answer, Message::RoleReply(own) if own.role == ControllerRole::Equal), "{answer:?}");
    let primary = RoleMessage { role: ControllerRole::Primary, generation_id: 7 };
    assert_eq!(one.ask(Message::RoleRequest(primary)), Message::RoleReply(primary));
    let later = RoleMessage { role: ControllerRole::Primary, generation_id: 8 };
    assert_eq!(two.ask(Message::RoleRequest(later)), Message::RoleReply(later));
    let (_, Message::RoleStatus(status)) = one.receive() else { panic!("the first is told that it is secondary") };
    assert_eq!((status.role, status.generation_id), (ControllerRole::Secondary, 8));
    let stale = one.ask(Message::RoleRequest(primary));
    assert!(matches!(&stale, Message::Error(error) if error.name() == Some("OFPRRFC_STALE")), "{stale:?}");
    let config = AsyncConfig { packet_in: [7, 0], port_status: [7, 7], flow_removed: [15, 0] };
    two.send(Message::SetAsync(config));
    let answer = two.ask(Message::GetAsyncRequest);
    assert!(matches!(answer, Message::GetAsyncReply(own) if own == config), "{answer:?}");
}

#[test]
fn a_dump_after_the_install_equals_what_was_compiled() {
    let lab = Lab::up("flat");
    for policy in [PolicySpec::Host, PolicySpec::Vmac, PolicySpec::Router(None)] {
        for local_mac in [mac(2), mac(3)] {
            for name in ["br-ex", "br-int", "br-other"] {
                let (site, learnt) = site(policy);
                let bridge = bridge(name, local_mac);
                let role = Role::of(&site, &bridge.name, &port("br-int"));
                let world = World { site: &site, learnt: &learnt, bridge: &bridge, role };
                let flows = compile_all(world).unwrap_or_else(|clash| panic!("{clash}"));
                let flows: Vec<_> = flows.into_iter().map(|(_, flow)| flow).collect();
                let mut switch = Switch::connect(&lab, "br-int");
                switch.give_meters();
                switch.install(&flows, FlowModCommand::Add);
                let wanted: BTreeSet<_> = flows.iter().map(|flow| format!("{:?}", flow.pack())).collect();
                let dumped = switch.dump();
                let missing: Vec<_> = wanted.difference(&dumped).collect();
                let strange: Vec<_> = dumped.difference(&wanted).collect();
                assert!(missing.is_empty() && strange.is_empty(), "missing {missing:#?}\nstrange {strange:#?}");
                // What Display writes is what ovs-ofctl reads.
                let text: Vec<_> = flows.iter().map(ToString::to_string).collect();
                lab.replace_flows("br-int", &text.iter().map(String::as_str).collect::<Vec<_>>());
                assert_eq!(switch.dump(), wanted);
                switch.install(&flows, FlowModCommand::DeleteStrict);
                assert!(switch.dump().is_empty());
            }
        }
    }
}

#[test]
fn an_association_costs_three_flows() {
    let count = |with: bool| {
        let (mut site, learnt) = site(PolicySpec::Host);
        if !with {
            let change = site.disassociate([203, 0, 113, 100].into()).expect("it is associated");
            site.apply(&change);
        }
        let bridges = [bridge("br-ex", mac(2)), bridge("br-int", mac(2))];
        let flows = bridges.iter().map(|bridge| {
            let role = Role::of(&site, &bridge.name, &port("br-int"));
            compile_all(World { site: &site, learnt: &learnt, bridge, role }).expect("no clash").len()
        });
        flows.sum::<usize>()
    };
    assert_eq!(count(true) - count(false), 3);
}

/// A site with everything that flows are made of.
fn site(policy: PolicySpec) -> (Site, Learnt) {
    let mut site = Site::default();
    let lan = ProviderSpec {
        bridge: port("br-ex"),
        uplink: port("uplink0"),
        vlan: None,
        patch: None,
        gateway: Some([203, 0, 113, 1].into()),
        gateway_mac: None,
        host_ips: vec![[203, 0, 113, 2].into()],
        mac_policy: policy,
        onlink: vec!["203.0.113.0/24".parse().expect("a subnet")],
        no_snat: Vec::new(),
        mtu: None,
        garp: false,
        garp_timing: Default::default(),
        hook: None,
    };
    run(&mut site, |site| site.create_provider(name("lan"), lan).expect("a provider"));
    let ranges = RangesSpec {
        ranges: vec!["203.0.113.0/24".parse().expect("a range"), "198.51.100.7".parse().expect("a range")],
        all_addresses: false,
        mac: None,
    };
    let pool = PoolSpec { provider: name("lan"), ranges, default: true, cool_down: Default::default(), warn_at: None };
    run(&mut site, |site| site.create_pool(name("public"), pool).expect("a pool"));
    let ranges = vec!["203.0.113.100-203.0.113.101".parse().expect("a range")];
    let macs = RangesSpec { ranges, all_addresses: false, mac: Some(mac(0x77)) };
    run(&mut site, |site| site.add_to_pool(&name("public"), &macs).expect("MACs"));
    for (network, vlan) in [("blue", None), ("green", Some(42))] {
        let cidr = "10.0.0.0/24".parse().expect("a subnet");
        let spec = NetworkSpec {
            cidr,
            gateway: [10, 0, 0, 1].into(),
            gateway_mac: None,
            project: None,
            auto_assign: None,
            snat: true,
        };
        run(&mut site, |site| site.create_network(name(network), spec).expect("a network"));
        let vlan = vlan.map(|vlan: u16| vlan.try_into().expect("a VLAN id"));
        let interface = InterfaceSpec {
            network: name(network),
            port: port("vm1"),
            vlan,
            mac: mac(0x11),
            ip: [10, 0, 0, 11].into(),
        };
        let spec = InstanceSpec {
            project: name("default"),
            bridge: port("br-int"),
            interface,
            labels: Default::default(),
            note: None,
        };
        run(&mut site, |site| site.add_instance(name(network), spec).expect("an instance"));
    }
    for (last, instance) in [(100, "blue"), (101, "green")] {
        let address = [203, 0, 113, last].into();
        let allocate = AllocateSpec { pool: None, address: Some(address), project: name("default") };
        run(&mut site, |site| site.allocate(&allocate, &|_| Vec::new()).expect("an address").1);
        let associate = AssociateSpec { address, instance: name(instance), fixed_ip: None, no_move: false };
        run(&mut site, |site| site.associate(&associate, &|_| Vec::new()).expect("an association"));
    }
    let provider = site.provider(&name("lan")).expect("it was made").id;
    let mut learnt = Learnt::default();
    for (last, mac) in [(1, mac(0xaa)), (50, mac(0xbb)), (3, mac(3))] {
        learnt.set(NeighbourKey { provider, address: [203, 0, 113, last].into() }, Some(mac));
    }
    (site, learnt)
}

fn run(site: &mut Site, plan: impl FnOnce(&Site) -> Change) {
    let change = plan(site);
    site.apply(&change);
}

fn bridge(own: &str, local: MacAddr) -> Bridge {
    let mut ports = [("uplink0", 1), ("phy-br-ex", 2), ("int-br-ex", 3), ("vm1", 4)]
        .map(|(name, number)| (port(name), Port { number: PortNo(number), mac: mac(2) }))
        .to_vec();
    ports.push((port(own), Port { number: PortNo::LOCAL, mac: local }));
    let host = HostName("host".into());
    Bridge {
        datapath_id: DatapathId(1),
        host,
        name: port(own),
        dialect: Dialect::OpenFlow13,
        meters: true,
        measures: true,
        tracks: true,
        ports: ports.into_iter().collect(),
    }
}

fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn port(text: &str) -> PortName {
    text.parse().expect("a port name")
}
