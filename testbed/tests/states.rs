//! Whatever an admin declares: what the pipeline makes of it is what a real switch says that it has. No flow differs only
//! because the switch writes it in another way.

use std::collections::BTreeSet;

use buoy_flows::openflow::FlowModCommand;
use buoy_flows::pipeline::{Entity, Role, World, compile_all};
use buoy_testbed::{Lab, LegacySwitch, Switch};
use buoy_topology::ops::{
    AllocateSpec, AssociateSpec, DirectSpec, InstanceSpec, InterfaceSpec, NetworkSpec, PolicySpec, PoolSpec,
    ProviderSpec, RangesSpec,
};
use buoy_topology::{Bridge, Change, DatapathId, Dialect, HostName, Learnt, MacAddr, NeighbourKey, Port, PortNo, Site};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What is declared, learnt and plugged in.
#[derive(Clone, Debug)]
struct Declared {
    policy: u8,
    /// A second provider on the bridge: none, on a VLAN of the same uplink, on another uplink.
    second: u8,
    first_vlan: Option<u16>,
    gateway: Option<bool>,
    host_ips: u8,
    onlink: u8,
    /// How many subnets are routed, and the MTU.
    routed: (u8, Option<u16>),
    ranges: Vec<(u8, u8)>,
    networks: u8,
    /// Network, VLAN, port.
    instances: Vec<(u8, Option<u16>, u8)>,
    /// Last byte of the address, instance.
    associations: Vec<(u8, u8)>,
    /// Last byte of the address, which of the two providers, port.
    directs: Vec<(u8, bool, u8)>,
    /// Last byte of the address, last byte of the MAC.
    learnt: Vec<(u8, u8)>,
    local_mac: u8,
    meters: bool,
    /// Which ports are there.
    plugged: u8,
}

fn declared() -> impl Strategy<Value = Declared> {
    let providers = (0u8..3, 0u8..3, proptest::option::weighted(0.2, 1u16..100));
    let routed = (0u8..3, proptest::option::of(68u16..));
    let site = (providers, any::<Option<bool>>(), 0u8..3, (0u8..3, routed), vec((2u8..250, 1u8..40), 0..4), 1u8..4);
    let instances = vec((0u8..3, proptest::option::of(1u16..4_095), 0u8..4), 0..6);
    let directs = vec((2u8..255, any::<bool>(), 0u8..4), 0..5);
    let wire =
        (vec((2u8..255, 0u8..6), 0..10), directs, vec((1u8..255, 2u8..9), 0..6), 2u8..4, any::<bool>(), any::<u8>());
    (site, instances, wire).prop_map(|(site, instances, wire)| {
        let ((policy, second, first_vlan), gateway, host_ips, (onlink, routed), ranges, networks) = site;
        let (associations, directs, learnt, local_mac, meters, plugged) = wire;
        Declared {
            policy,
            second,
            first_vlan,
            gateway,
            host_ips,
            onlink,
            routed,
            ranges,
            networks,
            instances,
            associations,
            directs,
            learnt,
            local_mac,
            meters,
            plugged,
        }
    })
}

impl Declared {
    /// The site: whatever of it may be declared.
    fn site(&self) -> (Site, Learnt) {
        let mut site = Site::default();
        let policy = match self.policy {
            0 => PolicySpec::Host,
            1 => PolicySpec::Vmac,
            _ => PolicySpec::Router(None),
        };
        let onlink = ["203.0.113.0/24", "198.51.100.0/25"];
        let routed = ["198.51.100.0/26", "172.16.0.0/12"];
        let provider = ProviderSpec {
            bridge: named("br-ex"),
            uplink: named("uplink0"),
            vlan: self.first_vlan.and_then(|vlan| vlan.try_into().ok()),
            patch: None,
            gateway: Some(address(1)),
            gateway_mac: self.gateway.and_then(|is_static| is_static.then_some(mac(0xaa))),
            host_ips: (0..self.host_ips).map(|number| address(250 + number)).collect(),
            mac_policy: policy,
            onlink: onlink.iter().take(self.onlink.into()).map(|block| block.parse().expect("a subnet")).collect(),
            no_snat: routed.iter().take(self.routed.0.into()).map(|block| block.parse().expect("a subnet")).collect(),
            mtu: self.routed.1.and_then(|mtu| mtu.try_into().ok()),
            garp: false,
            garp_timing: Default::default(),
            hook: None,
        };
        run(&mut site, |site| site.create_provider(named("lan"), provider).ok());
        if self.second > 0 {
            let vlan = (self.second == 1).then(|| 4_000.try_into().expect("a VLAN id"));
            let other = ProviderSpec {
                bridge: named("br-ex"),
                uplink: named(if self.second == 1 { "uplink0" } else { "uplink1" }),
                vlan,
                patch: None,
                gateway: Some([192, 0, 2, 1].into()),
                gateway_mac: Some(mac(0xab)),
                host_ips: vec![[192, 0, 2, 2].into()],
                mac_policy: PolicySpec::Vmac,
                onlink: Vec::new(),
                no_snat: Vec::new(),
                mtu: None,
                garp: false,
                garp_timing: Default::default(),
                hook: None,
            };
            run(&mut site, |site| site.create_provider(named("other"), other).ok());
            let range = "192.0.2.16/29".parse().expect("a range");
            let ranges = RangesSpec { ranges: vec![range], all_addresses: true, mac: Some(mac(0x78)) };
            let pool = PoolSpec {
                provider: named("other"),
                ranges,
                default: false,
                cool_down: Default::default(),
                warn_at: None,
            };
            run(&mut site, |site| site.create_pool(named("other"), pool).ok());
        }
        let empty = RangesSpec { ranges: Vec::new(), all_addresses: false, mac: None };
        let pool = PoolSpec {
            provider: named("lan"),
            ranges: empty,
            default: true,
            cool_down: Default::default(),
            warn_at: None,
        };
        run(&mut site, |site| site.create_pool(named("public"), pool).ok());
        for &(first, length) in &self.ranges {
            let last = first.saturating_add(length);
            let range = format!("203.0.113.{first}-203.0.113.{last}").parse().expect("a range");
            let macs = (first % 2 == 0).then_some(mac(first));
            let ranges = RangesSpec { ranges: vec![range], all_addresses: false, mac: macs };
            run(&mut site, |site| site.add_to_pool(&named("public"), &ranges).ok());
        }
        for number in 0..self.networks {
            let cidr = format!("10.{number}.0.0/16").parse().expect("a subnet");
            let spec = NetworkSpec {
                cidr,
                gateway: [10, number, 0, 1].into(),
                gateway_mac: None,
                project: None,
                auto_assign: None,
                snat: true,
            };
            run(&mut site, |site| site.create_network(named(&format!("net{number}")), spec).ok());
        }
        for (number, &(network, vlan, port)) in (0u8..).zip(&self.instances) {
            let interface = InterfaceSpec {
                network: named(&format!("net{network}")),
                port: named(&format!("vm{port}")),
                vlan: vlan.and_then(|vlan| vlan.try_into().ok()),
                mac: mac(0x40 + number),
                ip: [10, network, 0, 10 + number].into(),
            };
            let spec = InstanceSpec {
                project: named("default"),
                bridge: named("br-int"),
                interface,
                labels: Default::default(),
                note: None,
            };
            run(&mut site, |site| site.add_instance(named(&format!("web{number}")), spec).ok());
        }
        for &(last, instance) in &self.associations {
            let address =
                |last: u8| if last.is_multiple_of(4) { [192, 0, 2, 16 + last % 8].into() } else { address(last) };
            let spec = AllocateSpec { pool: None, address: Some(address(last)), project: named("default") };
            run(&mut site, |site| site.allocate(&spec, &|_| Vec::new()).ok().map(|(_, change)| change));
            let instance = named(&format!("web{instance}"));
            let spec = AssociateSpec { address: address(last), instance, fixed_ip: None, no_move: false };
            run(&mut site, |site| site.associate(&spec, &|_| Vec::new()).ok());
        }
        for (number, &(last, is_other, port)) in (0u8..).zip(&self.directs) {
            let ips = if is_other {
                vec![[192, 0, 2, 16 + last % 8].into()]
            } else {
                vec![address(last), address(last.wrapping_add(7))]
            };
            let provider = named(if is_other { "other" } else { "lan" });
            let spec = DirectSpec { provider, port: named(&format!("vm{port}")), mac: mac(0x60 + number), ips };
            run(&mut site, |site| site.add_direct(named(&format!("gw{number}")), spec).ok());
        }
        let provider = site.provider(&named("lan")).expect("it was made").id;
        let mut learnt = Learnt::default();
        for &(last, own) in &self.learnt {
            learnt.set(NeighbourKey { provider, address: address(last) }, Some(mac(own)));
        }
        (site, learnt)
    }

    fn bridge(&self, name: &str, dialect: Dialect) -> Bridge {
        let all = ["uplink0", "uplink1", "phy-br-ex", "int-br-ex", "vm0", "vm1", "vm2", "vm3"];
        let plugged = (1u32..).zip(all).filter(|(number, _)| self.plugged >> (number % 8) & 1 == 0);
        let mut ports: std::collections::BTreeMap<_, _> =
            plugged.map(|(number, port)| (named(port), Port { number: PortNo(number), mac: mac(2) })).collect();
        ports.insert(named(name), Port { number: PortNo::LOCAL, mac: mac(self.local_mac) });
        let host = HostName("host".into());
        Bridge {
            datapath_id: DatapathId(1),
            host,
            name: named(name),
            dialect,
            meters: self.meters && dialect == Dialect::OpenFlow13,
            measures: self.meters && dialect == Dialect::OpenFlow13,
            tracks: dialect == Dialect::OpenFlow13,
            ports,
        }
    }
}

#[test]
fn a_switch_has_what_was_compiled_and_nothing_else() {
    let lab = Lab::up("flat");
    let mut switch = Switch::connect(&lab, "br-int");
    switch.give_meters();
    let cases = if std::env::var_os("BUOY_LONG").is_some() { 5_000 } else { 300 };
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let switch = std::cell::RefCell::new(switch);
    let (checked, directs) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let outcome = runner.run(&declared(), |declared| {
        let (site, learnt) = declared.site();
        for name in ["br-ex", "br-int", "br-other"] {
            let bridge = declared.bridge(name, Dialect::OpenFlow13);
            let role = Role::of(&site, &bridge.name, &named("br-int"));
            let all = compile_all(World { site: &site, learnt: &learnt, bridge: &bridge, role });
            let all = all.expect("no clash");
            let of_directs = all.iter().filter(|(entity, _)| matches!(entity, Entity::Direct(_))).count();
            directs.set(directs.get() + of_directs);
            let flows: Vec<_> = all.into_iter().map(|(_, flow)| flow).collect();
            let wanted: BTreeSet<_> = flows.iter().map(|flow| format!("{:?}", flow.pack())).collect();
            let mut switch = switch.borrow_mut();
            switch.install(&flows, FlowModCommand::Add);
            let dumped = switch.dump();
            switch.install(&flows, FlowModCommand::DeleteStrict);
            prop_assert_eq!(wanted.difference(&dumped).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
            prop_assert_eq!(dumped.difference(&wanted).collect::<Vec<_>>(), Vec::<&String>::new(), "strange");
            checked.set(checked.get() + flows.len());
        }
        Ok(())
    });
    println!("{} flows of {cases} sites", checked.get());
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(directs.get() > usize::try_from(cases).expect("few"), "only {} of direct ports", directs.get());
    assert!(checked.get() > 30 * usize::try_from(cases).expect("few"), "only {} flows", checked.get());
}

#[test]
fn a_switch_of_1_0_has_what_was_compiled_and_nothing_else() {
    let lab = Lab::up("flat");
    let switch = std::cell::RefCell::new(LegacySwitch::connect(&lab, "br-int"));
    let cases = if std::env::var_os("BUOY_LONG").is_some() { 2_000 } else { 100 };
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&declared(), |declared| {
        let (site, learnt) = declared.site();
        for name in ["br-ex", "br-int", "br-other"] {
            let bridge = declared.bridge(name, Dialect::OpenFlow10);
            let role = Role::of(&site, &bridge.name, &named("br-int"));
            let all = compile_all(World { site: &site, learnt: &learnt, bridge: &bridge, role });
            let flows: Vec<_> = all.expect("no clash").into_iter().map(|(_, flow)| flow).collect();
            let wanted: BTreeSet<_> = flows.iter().map(|flow| format!("{:?}", flow.pack())).collect();
            let mut switch = switch.borrow_mut();
            switch.install(&flows, FlowModCommand::Add);
            let dumped = switch.dump();
            switch.install(&flows, FlowModCommand::DeleteStrict);
            prop_assert_eq!(dumped, wanted);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

fn run(site: &mut Site, plan: impl FnOnce(&Site) -> Option<Change>) {
    if let Some(change) = plan(site) {
        site.apply(&change);
    }
}

fn address(last: u8) -> std::net::Ipv4Addr {
    [203, 0, 113, last].into()
}

fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

fn named<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a name")
}
