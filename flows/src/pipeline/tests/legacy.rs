//! The single-table form: what holds for it beyond what holds for the pipeline.

use buoy_topology::EntityId;
use bytes::BytesMut;

use super::*;
use crate::legacy::{FlowMod, Request};
use crate::openflow::{FlowModCommand, MatchField, Xid};
use crate::pipeline::legacy::{LIMITS, MOST_PAIRED};

fn legacy(bridge: Bridge) -> Bridge {
    Bridge { dialect: Dialect::OpenFlow10, meters: false, measures: false, tracks: false, ..bridge }
}

/// LOCAL has the uplink's MAC, as on a server with one NIC, or one of its own.
fn outside(translates: bool) -> Bridge {
    let local = if translates { mac(3) } else { mac(1) };
    legacy(bridge("br-ex", &[("eth0", 1), ("phy-br-ex", 2)], local))
}

/// What a frame has as its Ethernet source when an output to the uplink is done.
fn source_at_uplink(flow: &Flow) -> Vec<Option<MacAddr>> {
    let mut source = flow.matching.fields().iter().find_map(|field| match field {
        MatchField::EthSrc(mac) if field.is_exact() => Some(mac.value),
        _ => None,
    });
    let mut seen = Vec::new();
    let actions = flow.instructions.iter().flat_map(|instruction| match instruction {
        Instruction::ApplyActions(actions) => actions.clone(),
        other => panic!("{other:?} in {flow}"),
    });
    for action in actions {
        match action {
            Action::SetField(MatchField::EthSrc(mac)) => source = Some(mac.value),
            Action::Output { port: UPLINK, .. } => seen.push(source),
            Action::Output { port, .. } => {
                assert!(![PortNo::ALL, PortNo::FLOOD, PortNo::NORMAL].contains(&port), "{flow}");
                let from_patch = flow.matching.fields().contains(&MatchField::InPort(PortNo(2)));
                assert!(port != PortNo::IN_PORT || from_patch, "{flow}");
            }
            _ => {}
        }
    }
    seen
}

/// Every flow is one that 1.0 can say, and the last one drops.
fn check_words(flows: &[&Flow]) {
    for flow in flows {
        assert_eq!(flow.table, TableId(0), "{flow}");
        let (key, body) = flow.pack();
        assert_eq!(Flow::unpack(&key, &body).as_ref(), Ok(*flow));
        let flow_mod = FlowMod::try_from(&flow.to_flow_mod(FlowModCommand::Add));
        let request = Request::FlowMod(flow_mod.unwrap_or_else(|error| panic!("{error}: {flow}")));
        request.encode(Xid(1), &mut BytesMut::new()).unwrap_or_else(|error| panic!("{error}: {flow}"));
    }
    assert!(flows.iter().any(|flow| flow.matching.is_empty() && flow.priority == 0 && flow.instructions.is_empty()));
}

/// Only registered MACs leave: LOCAL's own where it is the uplink's, and those of the policy.
fn check_sources(flows: &[&Flow], site: &Site) {
    let own = site.floating_ips().filter(|fip| fip.association.is_some()).filter_map(|fip| fip.mac);
    let registered: BTreeSet<_> = own.chain([mac(1)]).chain(router(site)).collect();
    let mut leaving = 0;
    for flow in flows {
        for source in source_at_uplink(flow) {
            assert!(source.is_some_and(|mac| registered.contains(&mac)), "{flow}");
            leaving += 1;
        }
    }
    assert!(leaving > 0);
}

fn router(site: &Site) -> Option<MacAddr> {
    match site.provider(&name("lan")).unwrap().mac_policy {
        buoy_topology::MacPolicy::Router(mac) => Some(mac),
        _ => None,
    }
}

fn station(provider: EntityId, last: u8) -> NeighbourKey {
    NeighbourKey { provider, address: [203, 0, 113, last].into() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn incremental_is_full_in_one_table(policy in policies(), translates: bool, history in histories()) {
        let mut site = site(policy);
        let mut learnt = learnt(&site);
        let provider = site.provider(&name("lan")).unwrap().id;
        let bridges = [outside(translates), legacy(integration())];
        let mut kept = bridges.each_ref().map(|bridge| flows(&site, &learnt, bridge));
        for (kind, last) in history {
            let touched = if kind > 200 {
                // The gateway, or a neighbour, gets a MAC or loses it.
                let key = station(provider, if last % 2 == 0 { 1 } else { 50 });
                learnt.set(key, (last % 3 > 0).then(|| mac(last)));
                Touched::Entities(BTreeSet::from([Entity::Neighbour(key)]))
            } else {
                let Some(change) = step(&site, kind, last) else { continue };
                let undo = site.apply(&change);
                let mut touched = Touched::by(&change, &site);
                touched.extend(Touched::before(&undo));
                touched
            };
            for (bridge, kept) in bridges.iter().zip(&mut kept) {
                let role = Role::of(&site, &bridge.name, &port("br-int"));
                let world = World { site: &site, learnt: &learnt, bridge, role };
                match touched.on(world).into_owned() {
                    Touched::Everything => *kept = flows(&site, &learnt, bridge),
                    Touched::Entities(entities) => for entity in entities {
                        let compiled = compile(world, &entity);
                        kept.remove(&entity);
                        if !compiled.is_empty() {
                            kept.insert(entity, compiled);
                        }
                    },
                }
                prop_assert_eq!(&*kept, &flows(&site, &learnt, bridge));
            }
        }
        let [outside, inside] = kept.each_ref().map(|kept| kept.values().flatten().collect::<Vec<_>>());
        check_words(&outside);
        check_words(&inside);
        check_sources(&outside, &site);
    }
}

#[test]
fn an_association_costs_three_flows_in_one_table() {
    let mut site = site(PolicySpec::Host);
    for kind in [0, 11] {
        let change = step(&site, kind, 8).unwrap();
        site.apply(&change);
    }
    let flows = [outside(false), legacy(integration())].map(|bridge| {
        let role = Role::of(&site, &bridge.name, &port("br-int"));
        let world = World { site: &site, learnt: &learnt(&site), bridge: &bridge, role };
        compile(world, &Entity::Association([203, 0, 113, 8].into())).len()
    });
    assert_eq!(flows, [1, 2]);
}

#[test]
fn a_bridge_without_uplink_serves_its_host_alone_in_one_table() {
    let site = site(PolicySpec::Host);
    let lame = legacy(bridge("br-ex", &[("eth1", 1)], mac(3)));
    let flows = flows(&site, &learnt(&site), &lame);
    check_words(&flows.values().flatten().collect::<Vec<_>>());
    assert_eq!(flows.keys().collect::<Vec<_>>(), [&Entity::Base]);
}

#[test]
fn too_many_interfaces_of_a_network_are_not_paired() {
    let mut site = site(PolicySpec::Host);
    assert!(LIMITS.iter().any(|limit| limit.starts_with(&format!("more than {MOST_PAIRED} "))));
    let count = MOST_PAIRED + 1;
    let names: Vec<_> = (0..count).map(|number| format!("tap{number}")).collect();
    let ports: Vec<_> = names.iter().map(String::as_str).zip(10..).collect();
    let bridge = legacy(bridge("br-int", &ports, mac(4)));
    let pairs = |site: &Site| {
        let flows = flows(site, &Learnt::default(), &bridge);
        flows.values().flatten().filter(|flow| flow.owner.feature == Feature::Switching).count()
    };
    for (own, last) in names.iter().zip(10..) {
        let interface = InterfaceSpec {
            network: name("blue"),
            port: port(own),
            vlan: None,
            mac: mac(last),
            ip: [10, 0, 0, last].into(),
        };
        let spec = InstanceSpec {
            project: name("default"),
            bridge: port("br-int"),
            interface,
            labels: Default::default(),
            note: None,
        };
        let change = site.add_instance(name(own), spec).unwrap();
        site.apply(&change);
        let here = usize::from(last) - 9;
        assert_eq!(pairs(&site), if here > MOST_PAIRED { 0 } else { here * (here - 1) });
    }
}

#[test]
fn of_several_providers_the_oldest_without_a_vlan_is_served() {
    for (first_vlan, uplink, idle) in [(None, PortNo(1), PortNo(2)), (Some(4_001), PortNo(2), PortNo(1))] {
        let (site, bridge) = three_providers(first_vlan);
        let compiled = flows(&site, &Learnt::default(), &legacy(bridge));
        let all: Vec<_> = compiled.values().flatten().collect();
        check_words(&all);
        let sends_to = |port: PortNo| {
            let sends = |instruction: &Instruction| match instruction {
                Instruction::ApplyActions(actions) => actions.contains(&Action::output(port)),
                _ => false,
            };
            all.iter().any(|flow| flow.instructions.iter().any(sends))
        };
        assert!(sends_to(uplink) && !sends_to(idle), "{first_vlan:?}");
    }
}

#[test]
fn a_bridge_with_vlans_alone_keeps_the_form_that_serves_the_host() {
    let (mut site, bridge) = three_providers(Some(4_001));
    for change in [Site::delete_pool, Site::delete_provider] {
        let change = change(&site, &name("as2")).unwrap();
        apply(&mut site, change);
    }
    let compiled = flows(&site, &Learnt::default(), &legacy(bridge));
    assert_eq!(compiled.keys().collect::<Vec<_>>(), [&Entity::Base]);
}

#[test]
fn fixed_addresses_of_a_new_network_are_kept_in() {
    let mut site = site(PolicySpec::Host);
    let (learnt, bridge) = (learnt(&site), outside(false));
    let before = flows(&site, &learnt, &bridge);
    let network = NetworkSpec {
        cidr: "10.9.0.0/24".parse().unwrap(),
        gateway: [10, 9, 0, 1].into(),
        gateway_mac: None,
        project: None,
        auto_assign: None,
        snat: true,
    };
    let change = site.create_network(name("red"), network).unwrap();
    let change = apply(&mut site, change);
    let world = World { site: &site, learnt: &learnt, bridge: &bridge, role: Role::External };
    assert_ne!(before, flows(&site, &learnt, &bridge));
    let touched = [Entity::Provider(name("lan")), Entity::Network(name("red"))];
    assert_eq!(Touched::by(&change, &site).on(world).into_owned(), Touched::Entities(touched.into()));
}
