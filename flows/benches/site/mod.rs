//! A site to compile: instances behind trunk ports, each on a VLAN of its own, and a floating IP for each of them; and its flows as a switch
//! tells them.

use std::net::Ipv4Addr;

use buoy_flows::flow::Flow;
use buoy_flows::openflow::{FlowModFlags, FlowStats};
use buoy_topology::ops::{
    AssociateSpec, InstanceSpec, InterfaceSpec, NetworkSpec, PolicySpec, PoolSpec, ProviderSpec, RangesSpec,
};
use buoy_topology::{Bridge, Change, DatapathId, Dialect, HostName, MacAddr, Name, Port, PortName, PortNo, Site};

/// A site with so many associated floating IPs.
pub(crate) fn site(size: u32) -> Site {
    let mut site = Site::default();
    let lan = ProviderSpec {
        bridge: port("br-ex"),
        uplink: port("eth0"),
        vlan: None,
        patch: None,
        gateway: Some([203, 0, 113, 1].into()),
        gateway_mac: Some(mac(1)),
        host_ips: vec![[203, 0, 113, 2].into()],
        mac_policy: PolicySpec::Host,
        onlink: Vec::new(),
        no_snat: Vec::new(),
        mtu: None,
        garp: false,
        garp_timing: Default::default(),
        hook: None,
    };
    let change = site.create_provider(name("lan"), lan);
    apply(&mut site, change);
    let ranges = vec!["198.18.0.0/15".parse().expect("a range")];
    let ranges = RangesSpec { ranges, all_addresses: false, mac: None };
    let pool = PoolSpec { provider: name("lan"), ranges, default: false, cool_down: Default::default(), warn_at: None };
    let change = site.create_pool(name("public"), pool);
    apply(&mut site, change);
    let blue = NetworkSpec {
        cidr: "10.0.0.0/8".parse().expect("a network"),
        gateway: [10, 0, 0, 1].into(),
        gateway_mac: None,
        project: None,
        auto_assign: None,
        snat: true,
    };
    let change = site.create_network(name("blue"), blue);
    apply(&mut site, change);
    for number in 0..size {
        let change = site.add_instance(name(&format!("vm-{number}")), instance(number));
        apply(&mut site, change);
        let change = associate(&site, number);
        site.apply(&change);
    }
    site
}

/// The change that gives an instance its floating IP.
pub(crate) fn associate(site: &Site, number: u32) -> Change {
    let spec = AssociateSpec {
        address: address(number),
        instance: name(&format!("vm-{number}")),
        fixed_ip: None,
        no_move: false,
    };
    site.associate(&spec, &|_| Vec::new()).expect("the address is free")
}

/// The floating IP of the instance with this number.
pub(crate) fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xc612_0100 + number)
}

/// The provider's bridge and the instances', with the ports that a site of up to 100,000 needs.
pub(crate) fn bridges() -> [Bridge; 2] {
    let trunks = (0..100_000 / PER_PORT).map(|number| (format!("trunk{number}"), 10 + number));
    [
        bridge("br-ex", [("eth0".to_owned(), 1), ("phy-br-ex".to_owned(), 2)]),
        bridge("br-int", std::iter::once(("int-br-ex".to_owned(), 1)).chain(trunks)),
    ]
}

/// A flow as a dump tells it.
pub(crate) fn stats(flow: Flow) -> FlowStats {
    FlowStats {
        table: flow.table,
        duration: Default::default(),
        priority: flow.priority,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: FlowModFlags::NONE,
        cookie: flow.owner.cookie(),
        packet_count: 7,
        byte_count: 700,
        matching: flow.matching,
        instructions: flow.instructions,
    }
}

fn bridge(own: &str, ports: impl IntoIterator<Item = (String, u32)>) -> Bridge {
    let numbered = ports.into_iter().map(|(name, number)| (port(&name), PortNo(number)));
    let all = numbered.chain([(port(own), PortNo::LOCAL)]);
    Bridge {
        datapath_id: DatapathId(1),
        host: HostName("host".into()),
        name: port(own),
        dialect: Dialect::OpenFlow13,
        meters: true,
        measures: true,
        tracks: true,
        ports: all.map(|(name, number)| (name, Port { number, mac: mac(2) })).collect(),
    }
}

fn instance(number: u32) -> InstanceSpec {
    let vlan = u16::try_from(number % PER_PORT + 1).expect("no port has more");
    let interface = InterfaceSpec {
        network: name("blue"),
        port: port(&format!("trunk{}", number / PER_PORT)),
        vlan: Some(vlan.try_into().expect("a VLAN")),
        mac: mac(0x100 + number),
        ip: Ipv4Addr::from_bits(0x0a00_0100 + number),
    };
    InstanceSpec { project: name("default"), bridge: port("br-int"), interface, labels: Default::default(), note: None }
}

fn apply<E: std::fmt::Debug>(site: &mut Site, change: Result<Change, E>) {
    site.apply(&change.expect("nothing stands against it"));
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn port(text: &str) -> PortName {
    text.parse().expect("a port")
}

fn mac(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr::new([2, 0, a, b, c, d])
}

/// How many instances one trunk port carries.
const PER_PORT: u32 = 4_000;
