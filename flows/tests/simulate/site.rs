//! Random sites: providers, pools, networks, instances and floating IPs on a pair of bridges.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use buoy_flows::flow::Flow;
use buoy_flows::pipeline::{Role, World, compile_all};
use buoy_flows::simulate::{Entry, Network, Switch};
use buoy_topology::ops::{
    AssociateSpec, DirectSpec, InstanceSpec, InterfaceSpec, NetworkSpec, PolicySpec, PoolSpec, ProviderSpec, RangesSpec,
};
use buoy_topology::{
    Bridge, Change, DatapathId, Dialect, HostName, Learnt, MacAddr, Name, NeighbourKey, Port, PortName, PortNo, Site,
};
use ipnet::Ipv4Net;
use proptest::prelude::*;

/// The provider's bridge.
pub(crate) const EXTERNAL: &str = "sim-ex";
/// The instances' bridge.
pub(crate) const INTEGRATION: &str = "sim-int";
/// The two uplinks, the patch port and the direct ports of the provider's bridge.
pub(crate) const EXTERNAL_PORTS: [(&str, u32); 6] =
    [("eth0", 1), ("eth1", 2), ("phy-sim-ex", 3), ("qg0", 4), ("qg1", 5), ("spare0", 6)];
/// The patch port of the provider's bridge.
pub(crate) const PATCH: PortNo = PortNo(3);
/// The patch port and the guests' ports of the instances' bridge; vm4 is a trunk.
pub(crate) const INTEGRATION_PORTS: [(&str, u32); 7] =
    [("int-sim-ex", 1), ("vm0", 10), ("vm1", 11), ("vm2", 12), ("vm3", 13), ("vm4", 14), ("spare1", 15)];
/// The MTU of a provider that has one.
pub(crate) const NARROW: u16 = 68;
/// The ports of a shared address.
pub(crate) const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 29_999;
const UPLINK_MAC: MacAddr = MacAddr::new([2, 0, 0xcb, 0, 0x71, 2]);

/// A site and what its bridges look like.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) site: Site,
    pub(crate) learnt: Learnt,
    pub(crate) external: Bridge,
    pub(crate) integration: Bridge,
}

/// What a site is made from.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    policies: (u8, u8),
    vlans: (bool, bool),
    has_second: bool,
    translates: bool,
    knows_gateway: bool,
    has_onlink: bool,
    /// Whether each provider routes fixed addresses, and whether it takes short packets only.
    routes: [bool; 2],
    is_narrow: [bool; 2],
    is_legacy: bool,
    /// Whether instances share an address of each provider, and which networks take part.
    pub(crate) shares: [bool; 2],
    sharing: [bool; 2],
    instances: Vec<u8>,
    associations: Vec<(u8, u8)>,
    directs: Vec<u8>,
}

/// Plans of sites on bridges of OpenFlow 1.3.
pub(crate) fn plans() -> impl Strategy<Value = Plan> {
    let flags = any::<[bool; 14]>();
    let instances = prop::collection::vec(any::<u8>(), 1..9);
    let associations = prop::collection::vec((any::<u8>(), any::<u8>()), 0..12);
    let directs = prop::collection::vec(any::<u8>(), 0..3);
    (any::<(u8, u8)>(), flags, instances, associations, directs).prop_map(
        |(policies, flags, instances, associations, directs)| {
            let [first, second, has_second, translates, knows_gateway, has_onlink, flags @ ..] = flags;
            let [routes, other_routes, is_narrow, other_is_narrow, flags @ ..] = flags;
            let [shares, other_shares, sharing, other_sharing] = flags;
            Plan {
                policies,
                vlans: (first, second),
                has_second,
                translates,
                knows_gateway,
                has_onlink,
                routes: [routes, other_routes],
                is_narrow: [is_narrow, other_is_narrow],
                is_legacy: false,
                shares: [shares, other_shares],
                sharing: [sharing, other_sharing],
                instances,
                associations,
                directs,
            }
        },
    )
}

/// A site whose changes are made as an admin makes them; what is refused is left out.
#[derive(Debug, Default)]
struct Builder(Site);

impl Builder {
    fn change<E>(&mut self, plan: impl FnOnce(&Site) -> Result<Change, E>) {
        if let Ok(change) = plan(&self.0) {
            self.0.apply(&change);
        }
    }
}

impl Plan {
    /// The same site on bridges that offer only OpenFlow 1.0, where the first provider has no VLAN and is served.
    pub(crate) fn legacy(self) -> Self {
        Self { is_legacy: true, vlans: (false, self.vlans.1), ..self }
    }

    /// The same site where every instance shares an address and gets out.
    pub(crate) fn all_sharing(self) -> Self {
        Self { shares: [true; 2], sharing: [true; 2], knows_gateway: true, associations: Vec::new(), ..self }
    }

    /// The site.
    pub(crate) fn sample(&self) -> Sample {
        let mut site = Builder::default();
        self.provider(&mut site, 0, "eth0", self.policies.0, self.vlans.0.then_some(4_000));
        if self.has_second {
            // Beside an untagged provider a second one needs a tag, or an uplink of its own.
            let (uplink, vlan) = if self.vlans.1 { ("eth0", Some(4_001)) } else { ("eth1", None) };
            self.provider(&mut site, 1, uplink, self.policies.1, vlan);
        }
        for network in 0..2_u8 {
            // Two tenants with the same addresses, unless a provider has to know them apart.
            let third = self.third(network);
            let spec = NetworkSpec {
                cidr: format!("10.0.{third}.0/24").parse().unwrap(),
                gateway: [10, 0, third, 1].into(),
                gateway_mac: None,
                project: None,
                auto_assign: None,
                snat: self.sharing[usize::from(network)],
            };
            site.change(|site| site.create_network(name(&format!("net{network}")), spec));
        }
        for (number, seed) in (0_u8..).zip(&self.instances) {
            let third = self.third(seed / 4 % 2);
            site.change(|site| site.add_instance(name(&format!("i{number}")), instance(number, *seed, third)));
        }
        for seed in &self.directs {
            let (number, provider) = (seed % 2, seed / 2 % 2);
            let spec = DirectSpec {
                provider: name(&format!("as{provider}")),
                port: port(&format!("qg{number}")),
                mac: mac(0xd0 + number),
                ips: vec![pool_address(provider, 10 + number), [203, 0, 113, 100 + 50 * provider + number].into()],
            };
            site.change(|site| site.add_direct(name(&format!("d{number}")), spec));
        }
        for (address, instance) in &self.associations {
            let address = pool_address(address / 16 % 2, address % 16);
            let instance = name(&format!("i{}", usize::from(*instance) % self.instances.len()));
            let spec = AssociateSpec { address, instance, fixed_ip: None, no_move: false };
            site.change(|site| site.associate(&spec, &|_| Vec::new()));
        }
        for (number, _) in (0..).zip(self.shares).filter(|(_, shares)| *shares) {
            let shared = format!("{}:{FIRST_PORT}-{LAST_PORT}", pool_address(number, 15)).parse().unwrap();
            let own = name(&format!("as{number}"));
            site.change(|site| site.share(Change::default(), &own, Some(shared), &|_| Vec::new()));
        }
        let site = site.0;
        let local = if self.translates { mac(3) } else { UPLINK_MAC };
        let learnt = self.learnt(&site, local);
        let external = self.bridge(EXTERNAL, &EXTERNAL_PORTS, local);
        let integration = self.bridge(INTEGRATION, &INTEGRATION_PORTS, mac(4));
        Sample { site, learnt, external, integration }
    }

    /// The third octet of a network's addresses.
    fn third(&self, network: u8) -> u8 {
        let is_routed = self.routes[0] || (self.has_second && self.routes[1]);
        if is_routed { network } else { 0 }
    }

    fn provider(&self, site: &mut Builder, number: u8, uplink: &str, policy: u8, vlan: Option<u16>) {
        let policies = [PolicySpec::Host, PolicySpec::Vmac, PolicySpec::Router(Some(mac(0x55)))];
        let net = format!("203.0.113.{}/25", 128 * number);
        let spec = ProviderSpec {
            bridge: port(EXTERNAL),
            uplink: port(uplink),
            vlan: vlan.map(|vlan| vlan.try_into().unwrap()),
            patch: None,
            gateway: Some([203, 0, 113, 128 * number + 1].into()),
            gateway_mac: None,
            host_ips: vec![[203, 0, 113, 128 * number + 2].into()],
            mac_policy: policies[usize::from(policy) % 3],
            onlink: if self.has_onlink { vec![net.parse().unwrap()] } else { Vec::new() },
            no_snat: self.routes[usize::from(number)].then(|| routed(number)).into_iter().collect(),
            mtu: self.is_narrow[usize::from(number)].then(|| NARROW.try_into().unwrap()),
            garp: false,
            garp_timing: Default::default(),
            hook: None,
        };
        let own = name(&format!("as{number}"));
        site.change(|site| site.create_provider(own.clone(), spec));
        for (last, pool_mac) in (0..16).zip(0x60..) {
            let ranges = vec![pool_address(number, last).to_string().parse().unwrap()];
            let ranges = RangesSpec { ranges, all_addresses: true, mac: Some(mac(pool_mac + 16 * number)) };
            if last == 0 {
                let pool = PoolSpec {
                    provider: own.clone(),
                    ranges,
                    default: false,
                    cool_down: Default::default(),
                    warn_at: None,
                };
                site.change(|site| site.create_pool(own.clone(), pool));
            } else {
                site.change(|site| site.add_to_pool(&own, &ranges));
            }
        }
    }

    fn learnt(&self, site: &Site, local: MacAddr) -> Learnt {
        let mut learnt = Learnt::default();
        for (number, provider) in (0_u8..).zip(site.providers()) {
            let mut know = |last: u8, mac| {
                let address = Ipv4Addr::new(203, 0, 113, 128 * number + last);
                learnt.set(NeighbourKey { provider: provider.id, address }, Some(mac));
            };
            if self.knows_gateway {
                know(1, mac(0xa0 + number));
            }
            know(50, mac(0xb0 + number));
            know(3, local);
        }
        learnt
    }

    fn bridge(&self, own: &str, ports: &[(&str, u32)], local: MacAddr) -> Bridge {
        let known = ports.iter().filter(|(name, _)| !name.starts_with("spare"));
        let mut ports: BTreeMap<_, _> =
            known.map(|(name, number)| (port(name), Port { number: PortNo(*number), mac: UPLINK_MAC })).collect();
        ports.insert(port(own), Port { number: PortNo::LOCAL, mac: local });
        Bridge {
            datapath_id: DatapathId(1),
            host: HostName("host".into()),
            name: port(own),
            dialect: if self.is_legacy { Dialect::OpenFlow10 } else { Dialect::OpenFlow13 },
            meters: !self.is_legacy,
            measures: !self.is_legacy,
            tracks: !self.is_legacy,
            ports,
        }
    }
}

impl Sample {
    /// Both bridges.
    pub(crate) fn bridges(&self) -> [&Bridge; 2] {
        [&self.external, &self.integration]
    }

    /// The flows of a bridge.
    pub(crate) fn flows(&self, bridge: &Bridge) -> Vec<Flow> {
        let role = Role::of(&self.site, &bridge.name, &port(INTEGRATION));
        let world = World { site: &self.site, learnt: &self.learnt, bridge, role };
        compile_all(world).unwrap_or_else(|clash| panic!("{clash}")).into_iter().map(|(_, flow)| flow).collect()
    }

    /// The bridges with their flows, joined.
    pub(crate) fn network(&self) -> Network {
        let mut network = Network::default();
        let all = [&EXTERNAL_PORTS[..], &INTEGRATION_PORTS[..]];
        for (bridge, ports) in self.bridges().into_iter().zip(all) {
            let ports = ports.iter().map(|(_, number)| PortNo(*number)).chain([PortNo::LOCAL]);
            network.add(bridge.name.clone(), Switch::new(self.flows(bridge).into_iter().map(Entry::from), ports));
        }
        network.join((&port(EXTERNAL), PATCH), (&port(INTEGRATION), PortNo(1)));
        network
    }
}

fn instance(number: u8, seed: u8, third: u8) -> InstanceSpec {
    // Every fourth one is behind the trunk.
    let is_tagged = seed.is_multiple_of(4);
    let interface = InterfaceSpec {
        network: name(&format!("net{}", seed / 4 % 2)),
        port: port(&if is_tagged { "vm4".to_owned() } else { format!("vm{}", number % 4) }),
        vlan: is_tagged.then(|| u16::from(100 + number).try_into().unwrap()),
        mac: mac(0x10 + number),
        ip: [10, 0, third, 10 + seed / 8 % 4 + 4 * (number % 2)].into(),
    };
    let project = name("default");
    InstanceSpec { project, bridge: port(INTEGRATION), interface, labels: Default::default(), note: None }
}

/// Where a provider routes fixed addresses, if it does.
pub(crate) fn routed(provider: u8) -> Ipv4Net {
    Ipv4Net::new_assert([198, 51, 100, 64 * (provider + 1)].into(), 26)
}

/// An address of a provider's pool.
pub(crate) fn pool_address(provider: u8, last: u8) -> Ipv4Addr {
    [203, 0, 113, 128 * provider + 16 + last].into()
}

pub(crate) fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn port(text: &str) -> PortName {
    text.parse().unwrap()
}
