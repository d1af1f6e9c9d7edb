mod direct;
mod gateway;
mod hosts;
mod legacy;
mod size;
mod snat;
mod withdrawn;

use std::collections::{BTreeMap, BTreeSet};

use buoy_topology::ops::{
    AssociateSpec, InstanceSpec, InterfaceSpec, NetworkSpec, PolicySpec, PoolSpec, ProviderSpec, RangesSpec,
};
use buoy_topology::{
    Bridge, Change, DatapathId, Dialect, HostName, Learnt, MacAddr, Name, NeighbourKey, Port, PortName, PortNo, Site,
};
use proptest::prelude::*;

use super::*;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, Instruction, TableId};

const UPLINK: PortNo = PortNo(1);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn port(text: &str) -> PortName {
    text.parse().unwrap()
}

fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

fn apply(site: &mut Site, change: Change) -> Change {
    site.apply(&change);
    change
}

fn site(policy: PolicySpec) -> Site {
    let mut site = Site::default();
    let spec = ProviderSpec {
        bridge: port("br-ex"),
        uplink: port("eth0"),
        vlan: None,
        patch: None,
        gateway: Some([203, 0, 113, 1].into()),
        gateway_mac: None,
        host_ips: vec![[203, 0, 113, 2].into()],
        mac_policy: policy,
        onlink: vec!["203.0.113.0/24".parse().unwrap()],
        no_snat: Vec::new(),
        mtu: None,
        garp: false,
        garp_timing: Default::default(),
        hook: None,
    };
    let change = site.create_provider(name("lan"), spec).unwrap();
    apply(&mut site, change);
    let ranges = vec!["203.0.113.0/27".parse().unwrap()];
    let ranges = RangesSpec { ranges, all_addresses: false, mac: Some(mac(0x77)) };
    let pool = PoolSpec { provider: name("lan"), ranges, default: false, cool_down: Default::default(), warn_at: None };
    let change = site.create_pool(name("public"), pool).unwrap();
    apply(&mut site, change);
    let network = NetworkSpec {
        cidr: "10.0.0.0/24".parse().unwrap(),
        gateway: [10, 0, 0, 1].into(),
        gateway_mac: None,
        project: None,
        auto_assign: None,
        snat: true,
    };
    let change = site.create_network(name("blue"), network).unwrap();
    apply(&mut site, change);
    site
}

fn bridge(own: &str, ports: &[(&str, u32)], local: MacAddr) -> Bridge {
    let mut ports: BTreeMap<_, _> =
        ports.iter().map(|(name, number)| (port(name), Port { number: PortNo(*number), mac: mac(1) })).collect();
    ports.insert(port(own), Port { number: PortNo::LOCAL, mac: local });
    Bridge {
        datapath_id: DatapathId(1),
        host: HostName("host".into()),
        name: port(own),
        dialect: Dialect::OpenFlow13,
        meters: true,
        measures: true,
        tracks: true,
        ports,
    }
}

fn external() -> Bridge {
    bridge("br-ex", &[("eth0", 1), ("phy-br-ex", 2), ("qg0", 3), ("qg1", 4)], mac(3))
}

fn integration() -> Bridge {
    bridge("br-int", &[("int-br-ex", 1), ("vm0", 10), ("vm1", 11), ("vm2", 12)], mac(4))
}

fn flows(site: &Site, learnt: &Learnt, bridge: &Bridge) -> BTreeMap<Entity, Vec<Flow>> {
    let role = Role::of(site, &bridge.name, &port("br-int"));
    let mut flows: BTreeMap<Entity, Vec<Flow>> = BTreeMap::new();
    for (entity, flow) in compile_all(World { site, learnt, bridge, role }).unwrap() {
        flows.entry(entity).or_default().push(flow);
    }
    flows
}

fn learnt(site: &Site) -> Learnt {
    let provider = site.provider(&name("lan")).unwrap().id;
    let mut learnt = Learnt::default();
    for (last, mac) in [(1, mac(0xaa)), (50, mac(0xbb)), (60, mac(3))] {
        learnt.set(NeighbourKey { provider, address: [203, 0, 113, last].into() }, Some(mac));
    }
    learnt
}

fn step(site: &Site, kind: u8, last: u8) -> Option<Change> {
    let vm = name(&format!("vm{}", last % 4));
    let address = [203, 0, 113, last].into();
    let nobody = |_: &buoy_topology::FloatingIp| Vec::new();
    let further = || vec![format!("203.0.113.{}-203.0.113.{}", 100 + last, 104 + last).parse().unwrap()];
    match kind % 16 {
        0 => {
            let interface = InterfaceSpec {
                network: name("blue"),
                port: port(vm.as_str()),
                vlan: (last % 8 > 3).then(|| 42.try_into().unwrap()),
                mac: mac(0x10 + last % 4),
                ip: [10, 0, 0, 10 + last % 4].into(),
            };
            let spec = InstanceSpec {
                project: name("default"),
                bridge: port("br-int"),
                interface,
                labels: Default::default(),
                note: None,
            };
            site.add_instance(vm, spec).ok()
        }
        1 => site.remove_instance(&vm).ok(),
        2 => site.disassociate(address).ok(),
        3 => site.release(address).ok(),
        4 => {
            let ranges =
                RangesSpec { ranges: further(), all_addresses: false, mac: last.is_multiple_of(2).then(|| mac(last)) };
            site.add_to_pool(&name("public"), &ranges).ok()
        }
        5 => site.remove_from_pool(&name("public"), &further()).ok(),
        6 => {
            let cidr = format!("10.{}.0.0/24", last % 3 + 1).parse().unwrap();
            let spec = NetworkSpec {
                cidr,
                gateway: [10, last % 3 + 1, 0, 1].into(),
                gateway_mac: None,
                project: None,
                auto_assign: None,
                snat: true,
            };
            site.create_network(name(&format!("net{}", last % 3)), spec).ok()
        }
        7 => site.delete_network(&name(&format!("net{}", last % 3))).ok(),
        8 => {
            let mut spec = ProviderSpec::from(&**site.provider(&name("lan")).unwrap());
            spec.host_ips = vec![[203, 0, 113, 200 + last].into()];
            let routed = ["198.51.100.0/25", "198.51.100.128/25"].into_iter().take(usize::from(last % 3));
            spec.no_snat = routed.map(|block| block.parse().unwrap()).collect();
            spec.mtu = last.is_multiple_of(2).then(|| 1_400.try_into().unwrap());
            site.set_provider(&name("lan"), spec).ok()
        }
        9 => direct::add(site, last),
        10 => direct::remove(site, last),
        14 => snat::share(site, last),
        15 => snat::set_network(site, last),
        _ => {
            let spec = AssociateSpec { address, instance: vm, fixed_ip: None, no_move: false };
            site.associate(&spec, &nobody).ok()
        }
    }
}

fn policies() -> impl Strategy<Value = PolicySpec> {
    prop_oneof![Just(PolicySpec::Host), Just(PolicySpec::Vmac), Just(PolicySpec::Router(None))]
}

fn histories() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((any::<u8>(), 3..31_u8), 1..40)
}

/// What holds for the flows of any bridge.
fn check(flows: &[&Flow], guarded: Option<PortNo>) {
    let tables: BTreeSet<_> = flows.iter().map(|flow| flow.table).collect();
    for table in tables {
        let last = flows.iter().find(|flow| flow.table == table && flow.priority == 0 && flow.matching.is_empty());
        assert!(
            last.is_some_and(|flow| flow.owner.feature == Feature::Drop && flow.instructions.is_empty()),
            "{table:?}"
        );
    }
    for flow in flows {
        let (key, body) = flow.pack();
        assert_eq!(Flow::unpack(&key, &body).as_ref(), Ok(*flow));
        for instruction in &flow.instructions {
            match instruction {
                Instruction::GotoTable(table) => assert!(*table > flow.table, "{flow}"),
                Instruction::ApplyActions(actions) => {
                    actions.iter().for_each(|action| check_action(flow, action, guarded))
                }
                // Questions of direct ports, to the guard.
                Instruction::Meter(627) => assert_eq!(flow.owner.feature, Feature::Arp, "{flow}"),
                other => panic!("{other:?} in {flow}"),
            }
        }
    }
}

fn check_action(flow: &Flow, action: &Action, guarded: Option<PortNo>) {
    let Action::Output { port, .. } = action else { return };
    assert!(![PortNo::NORMAL, PortNo::FLOOD].contains(port), "{flow}");
    if let Some(uplink) = guarded {
        assert_ne!(*port, PortNo::ALL, "{flow}");
        assert!(*port != uplink || flow.table == TableId(50), "{flow}");
        // Back to where it came from is the uplink too, unless the host or a direct port asked.
        let fields = flow.matching.fields();
        let is_ours = fields.contains(&registers::ORIGIN.is(registers::Origin::Host))
            || fields.iter().any(|field| registers::DIRECT.held_in(field).is_some());
        assert!(*port != PortNo::IN_PORT || is_ours, "{flow}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn incremental_is_full_and_only_the_guard_reaches_the_uplink(policy in policies(), history in histories()) {
        let mut site = site(policy);
        let learnt = learnt(&site);
        let bridges = [external(), integration()];
        let mut kept = bridges.each_ref().map(|bridge| flows(&site, &learnt, bridge));
        for (kind, last) in history {
            let Some(change) = step(&site, kind, last) else { continue };
            let undo = site.apply(&change);
            let mut touched = Touched::by(&change, &site);
            touched.extend(Touched::before(&undo));
            for (bridge, kept) in bridges.iter().zip(&mut kept) {
                let role = Role::of(&site, &bridge.name, &port("br-int"));
                let Touched::Entities(touched) = &touched else {
                    *kept = flows(&site, &learnt, bridge);
                    continue;
                };
                for entity in touched {
                    let compiled = compile(World { site: &site, learnt: &learnt, bridge, role }, entity);
                    kept.remove(entity);
                    if !compiled.is_empty() {
                        kept.insert(entity.clone(), compiled);
                    }
                }
                prop_assert_eq!(&*kept, &flows(&site, &learnt, bridge));
            }
        }
        let [outside, inside] = &kept;
        check(&outside.values().flatten().collect::<Vec<_>>(), Some(UPLINK));
        check(&inside.values().flatten().collect::<Vec<_>>(), None);
    }
}

#[test]
fn a_bridge_whose_uplink_is_missing_serves_its_host_alone() {
    let site = site(PolicySpec::Host);
    let lame = bridge("br-ex", &[("eth1", 1), ("phy-br-ex", 2)], mac(3));
    let flows = flows(&site, &learnt(&site), &lame);
    assert_eq!(flows.keys().collect::<Vec<_>>(), [&Entity::Base]);
    let text: Vec<_> = flows.values().flatten().map(ToString::to_string).collect();
    assert_eq!(text.len(), 4, "{text:?}");
}

/// Three providers on one bridge: untagged, on a VLAN of the same uplink, and on an uplink of its own.
fn three_providers(first_vlan: Option<u16>) -> (Site, Bridge) {
    let mut site = Site::default();
    let vlans = [first_vlan, Some(4_000), None];
    for (number, vlan) in (0u8..).zip(vlans) {
        let uplink = if number == 2 { "eth1" } else { "eth0" };
        let spec = ProviderSpec {
            bridge: port("br-ex"),
            uplink: port(uplink),
            vlan: vlan.map(|vlan| vlan.try_into().unwrap()),
            patch: None,
            gateway: Some([198, 51, 100, number + 1].into()),
            gateway_mac: Some(mac(0xa0 + number)),
            host_ips: vec![[198, 51, 100, 100 + number].into()],
            mac_policy: [PolicySpec::Host, PolicySpec::Vmac, PolicySpec::Router(None)][usize::from(number)],
            onlink: Vec::new(),
            no_snat: Vec::new(),
            mtu: None,
            garp: false,
            garp_timing: Default::default(),
            hook: None,
        };
        let own = name(&format!("as{number}"));
        let change = site.create_provider(own.clone(), spec).unwrap();
        apply(&mut site, change);
        let ranges = vec![format!("203.0.113.{}/28", 16 * number).parse().unwrap()];
        let ranges = RangesSpec { ranges, all_addresses: true, mac: Some(mac(0x70 + number)) };
        let change = site
            .create_pool(
                own.clone(),
                PoolSpec { provider: own, ranges, default: false, cool_down: Default::default(), warn_at: None },
            )
            .unwrap();
        apply(&mut site, change);
    }
    (site, bridge("br-ex", &[("eth0", 1), ("eth1", 2), ("phy-br-ex", 3)], mac(3)))
}

#[test]
fn several_providers_share_a_bridge() {
    for first_vlan in [None, Some(4_001)] {
        let (site, bridge) = three_providers(first_vlan);
        let compiled = flows(&site, &Learnt::default(), &bridge);
        let all: Vec<_> = compiled.values().flatten().collect();
        check(&all, Some(PortNo(1)));
        check(&all, Some(PortNo(2)));
        // What leaves by a tagged provider is tagged, and what comes in by one is not any more.
        for flow in &all {
            let actions: Vec<_> = flow.instructions.iter().map(ToString::to_string).collect();
            let text = actions.join(",");
            let is_tagged =
                flow.matching.fields().contains(&registers::PROVIDER.is(site.provider(&name("as1")).unwrap().id.0));
            assert!(
                !is_tagged || !text.contains("output:1") || text.contains("push_vlan:0x8100,set_field:8096->"),
                "{flow}"
            );
        }
    }
}

#[test]
fn a_bridge_with_vlans_alone_does_not_cut_its_host_off() {
    let (mut site, bridge) = three_providers(Some(4_001));
    let change = site.delete_pool(&name("as2")).unwrap();
    apply(&mut site, change);
    let change = site.delete_provider(&name("as2")).unwrap();
    apply(&mut site, change);
    for local in [mac(1), mac(3)] {
        let mut bridge = bridge.clone();
        bridge.ports.insert(port("br-ex"), Port { number: PortNo::LOCAL, mac: local });
        let compiled = flows(&site, &Learnt::default(), &bridge);
        let all: Vec<_> = compiled.values().flatten().collect();
        check(&all, Some(PortNo(1)));
        let text: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert!(
            text.iter().any(|flow| flow.contains("in_port=1 actions=LOCAL")
                || flow.contains("in_port=1,") && flow.ends_with("actions=LOCAL")),
            "{text:#?}"
        );
        assert!(
            text.iter().any(|flow| flow.contains("table=50")
                && flow.contains("reg0=0,")
                && flow.ends_with("actions=output:1")),
            "{text:#?}"
        );
    }
}

#[test]
fn a_new_mac_of_the_gateway_changes_one_flow() {
    let site = site(PolicySpec::Host);
    let (before, mut after) = (learnt(&site), learnt(&site));
    let provider = site.provider(&name("lan")).unwrap().id;
    after.set(NeighbourKey { provider, address: [203, 0, 113, 1].into() }, Some(mac(0xcc)));
    let of = |learnt: &Learnt| -> BTreeSet<_> {
        flows(&site, learnt, &external()).values().flatten().map(ToString::to_string).collect()
    };
    let changed: Vec<_> = of(&after).difference(&of(&before)).cloned().collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
}

#[test]
fn a_floating_ip_costs_three_flows_and_five_with_a_mac_of_its_own() {
    let policies = [(PolicySpec::Host, 3), (PolicySpec::Router(None), 3), (PolicySpec::Vmac, 5)];
    for ((policy, cost), is_special) in policies.into_iter().flat_map(|own| [(own, false), (own, true)]) {
        let mut site = site(policy);
        if is_special {
            let mut spec = ProviderSpec::from(&**site.provider(&name("lan")).unwrap());
            spec.mtu = Some(1_400.try_into().unwrap());
            spec.no_snat = vec!["198.51.100.0/24".parse().unwrap()];
            let change = site.set_provider(&name("lan"), spec).unwrap();
            apply(&mut site, change);
        }
        let spec = InstanceSpec {
            project: name("default"),
            bridge: port("br-int"),
            interface: InterfaceSpec {
                network: name("blue"),
                port: port("vm1"),
                vlan: None,
                mac: mac(0x11),
                ip: [10, 0, 0, 11].into(),
            },
            note: None,
            labels: Default::default(),
        };
        let change = site.add_instance(name("web"), spec).unwrap();
        apply(&mut site, change);
        let count = |site: &Site| {
            let both = [external(), integration()];
            both.iter().map(|bridge| flows(site, &learnt(site), bridge).values().flatten().count()).sum::<usize>()
        };
        let before = count(&site);
        let address = [203, 0, 113, 3].into();
        let spec = AssociateSpec { address, instance: name("web"), fixed_ip: None, no_move: false };
        let change = site.associate(&spec, &|_| Vec::new()).unwrap();
        apply(&mut site, change);
        assert_eq!(count(&site) - before, cost, "{policy:?}");
    }
}
