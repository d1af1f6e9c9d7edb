mod histories;

use super::*;
use crate::ops::{AssociateSpec, PolicySpec, RangesSpec};
use crate::{FloatingIp, MacAddr, RangeSpec, VlanId};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn port(text: &str) -> PortName {
    text.parse().unwrap()
}

fn address(last: u8) -> Ipv4Addr {
    [203, 0, 113, last].into()
}

fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

fn nobody(_: &FloatingIp) -> Vec<PortName> {
    Vec::new()
}

fn provider(uplink: &str, mac_policy: PolicySpec) -> ProviderSpec {
    ProviderSpec {
        bridge: port("br-ex"),
        uplink: port(uplink),
        vlan: None,
        patch: None,
        gateway: Some(address(1)),
        gateway_mac: None,
        host_ips: Vec::new(),
        mac_policy,
        onlink: Vec::new(),
        no_snat: Vec::new(),
        mtu: None,
        garp: false,
        garp_timing: Default::default(),
        hook: None,
    }
}

fn pool(provider: &str, ranges: &[&str]) -> StockSpec {
    let ranges = ranges.iter().map(|range| range.parse::<RangeSpec>().unwrap()).collect();
    let ranges = RangesSpec { ranges, all_addresses: false, mac: None };
    let cool_down = "0".parse().unwrap();
    let pool = PoolSpec { provider: name(provider), ranges, default: false, cool_down, warn_at: None };
    StockSpec { pool, reserved: Vec::new() }
}

fn network(gateway: u8) -> NetworkSpec {
    NetworkSpec {
        cidr: "10.0.0.0/24".parse().unwrap(),
        gateway: [10, 0, 0, gateway].into(),
        gateway_mac: None,
        project: None,
        auto_assign: None,
        snat: true,
    }
}

fn interface(last: u8) -> InterfaceSpec {
    let (port, vlan) = (port(&format!("vm{last}")), None::<VlanId>);
    InterfaceSpec { network: name("blue"), port, vlan, mac: mac(last), ip: [10, 0, 0, last].into() }
}

fn guest(interfaces: &[u8]) -> GuestSpec {
    let interfaces = interfaces.iter().copied().map(interface).collect();
    GuestSpec { project: name("default"), bridge: port("br-int"), interfaces, labels: Vec::new(), note: None }
}

fn fip(last: u8, instance: &str) -> AddressSpec {
    let instance = (!instance.is_empty()).then(|| name(instance));
    AddressSpec {
        address: address(last),
        project: None,
        instance,
        fixed_ip: None,
        mac: None,
        note: None,
        labels: Vec::new(),
    }
}

/// One provider, one pool, one network, two instances with an address each.
fn spec() -> SiteSpec {
    SiteSpec {
        quotas: Vec::new(),
        providers: vec![(name("lan"), provider("eth0", PolicySpec::Host))],
        shared: Vec::new(),
        pools: vec![(name("public"), pool("lan", &["203.0.113.100-203.0.113.119"]))],
        networks: vec![(name("blue"), network(1))],
        instances: vec![(name("a"), guest(&[11])), (name("b"), guest(&[12]))],
        directs: Vec::new(),
        floating_ips: vec![fip(100, "a"), fip(101, "b")],
        prune: false,
    }
}

fn declared(site: &Site, spec: &SiteSpec) -> Declared {
    site.declare(spec, &nobody).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn apply(site: &mut Site, spec: &SiteSpec) -> Vec<Key> {
    let Declared { change, changed, .. } = declared(site, spec);
    site.apply(&change);
    site.set_generation(site.generation().next());
    changed
}

fn site() -> Site {
    let mut site = Site::default();
    assert_eq!(apply(&mut site, &spec()).len(), 7);
    site
}

/// What is wrong, each with its kind of entry and number.
fn mistakes(site: &Site, spec: &SiteSpec) -> Vec<String> {
    let told = |own: Mistake| match own.spot {
        Some(spot) => format!("{} {}: {}", spot.thing.word(), spot.entry, own.error),
        None => own.error.to_string(),
    };
    site.declare(spec, &nobody).map_or_else(|all| all.into_iter().map(told).collect(), |_| Vec::new())
}

#[test]
fn what_is_so_already_is_no_change_in_any_order() {
    let site = site();
    let mut again = spec();
    again.instances.reverse();
    again.floating_ips.reverse();
    let declared = declared(&site, &again);
    assert!(declared.change.is_empty() && declared.changed.is_empty() && declared.undeclared.is_empty());
    assert_eq!(declared.after.next_entity(), site.next_entity());
}

#[test]
fn two_addresses_change_places_in_one_change() {
    let mut site = site();
    let swapped = SiteSpec { floating_ips: vec![fip(100, "b"), fip(101, "a")], ..spec() };
    assert_eq!(apply(&mut site, &swapped), [Key::FloatingIp(address(100)), Key::FloatingIp(address(101))]);
    assert_eq!(site.binding(address(100)).unwrap().instance.name, name("b"));
    assert_eq!(site.floating_ip_of(&name("a"), [10, 0, 0, 11].into()).unwrap().address, address(101));
    let moved = site.floating_ip(address(100)).unwrap();
    assert_eq!((moved.changed, moved.left.len()), (site.generation(), 2), "both bridges served it before");
}

#[test]
fn two_instances_change_ports_and_keep_their_numbers_and_addresses() {
    let mut site = site();
    let ids = |site: &Site| ["a", "b"].map(|own| site.instance(&name(own)).unwrap().interfaces[0].id);
    let before = ids(&site);
    let mut crossed = spec();
    crossed.instances[0].1.interfaces[0].port = port("vm12");
    crossed.instances[1].1.interfaces[0].port = port("vm11");
    assert_eq!(apply(&mut site, &crossed), [Key::Instance(name("a")), Key::Instance(name("b"))]);
    assert_eq!(ids(&site), before);
    assert_eq!(site.instance_on_port(&port("br-int"), &port("vm12"), None), Some(&name("a")));
    assert_eq!(site.binding(address(100)).unwrap().interface.port, port("vm12"));
}

#[test]
fn what_is_not_declared_stays_unless_it_is_pruned() {
    let mut site = site();
    let mut less = spec();
    less.instances.pop();
    less.floating_ips.pop();
    let declared = declared(&site, &less);
    assert!(declared.change.is_empty());
    assert_eq!(declared.undeclared, [Key::Instance(name("b")), Key::FloatingIp(address(101))]);
    less.prune = true;
    assert_eq!(apply(&mut site, &less), [Key::Instance(name("b")), Key::FloatingIp(address(101))]);
    assert!(site.instance(&name("b")).is_none() && !site.floating_ip(address(101)).unwrap().is_told());
    let nothing = SiteSpec { prune: true, ..SiteSpec::default() };
    apply(&mut site, &nothing);
    assert!(site.providers().next().is_none() && site.pools().next().is_none() && site.networks().next().is_none());
    assert!(site.instances().next().is_none());
    // Who had an address is known as long as it cools down, wherever it comes back to.
    assert!(site.floating_ips().all(|fip| !fip.is_told() && fip.released.is_some()));
}

#[test]
fn an_address_without_instance_or_project_is_given_back() {
    let mut site = site();
    let mut own = spec();
    own.floating_ips[0] = AddressSpec { project: Some(name("default")), ..fip(100, "") };
    own.floating_ips[1] = AddressSpec { note: Some("spare".parse().unwrap()), ..fip(101, "") };
    apply(&mut site, &own);
    let state = |last| site.floating_ip(address(last)).unwrap().state();
    assert_eq!((state(100), state(101)), (crate::FloatingIpState::Allocated, crate::FloatingIpState::Available));
    assert!(declared(&site, &own).changed.is_empty());
}

#[test]
fn ranges_move_between_pools_and_uplinks_between_providers() {
    let mut site = site();
    let mut own = spec();
    own.pools[0].1 = pool("lan", &["203.0.113.100-203.0.113.109"]);
    let mut more = pool("lan", &["203.0.113.110-203.0.113.119"]);
    more.pool.default = true;
    own.pools.push((name("more"), more));
    apply(&mut site, &own);
    assert_eq!(site.pool_at(address(115)).unwrap().name, name("more"));
    assert!(declared(&site, &own).changed.is_empty());
    own.providers =
        vec![(name("wan"), provider("eth0", PolicySpec::Host)), (name("lan"), provider("eth1", PolicySpec::Host))];
    own.pools[1].1 = pool("wan", &["203.0.113.110-203.0.113.119"]);
    apply(&mut site, &own);
    assert_eq!(site.provider(&name("wan")).unwrap().uplink, port("eth0"));
    let moved = site.pool(&name("more")).unwrap();
    assert_eq!((&moved.provider, moved.default), (&name("wan"), false));
}

#[test]
fn a_mac_that_was_chosen_stays_where_none_is_declared() {
    let mut site = site();
    let mut own = spec();
    own.providers[0].1.mac_policy = PolicySpec::Router(Some(mac(77)));
    own.networks[0].1.gateway_mac = Some(mac(78));
    assert_eq!(mistakes(&site, &own), ["network 0: network blue is in use by instance a, instance b"]);
    own.networks[0].1.gateway_mac = None;
    apply(&mut site, &own);
    own.providers[0].1.mac_policy = PolicySpec::Router(None);
    assert!(declared(&site, &own).changed.is_empty());
}

#[test]
fn labels_notes_quotas_and_what_pools_keep_change_alone() {
    let mut site = site();
    let number = site.instance(&name("a")).unwrap().interfaces[0].id;
    let mut own = spec();
    let labels = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Label>>();
    own.instances[0].1.labels = labels(&["env=prod", "team=a"]);
    own.instances[0].1.note = Some("front".parse().unwrap());
    own.floating_ips[0].labels = labels(&["env=prod"]);
    own.networks[0].1.auto_assign = Some(name("public"));
    own.pools[0].1.reserved = vec!["203.0.113.110-203.0.113.112".parse().unwrap()];
    own.pools[0].1.pool.cool_down = "1h".parse().unwrap();
    own.pools[0].1.pool.warn_at = Some("80".parse().unwrap());
    own.quotas = vec![QuotaSpec { project: None, fip_quota: Some(Quota::AtMost(2)) }];
    assert_eq!(apply(&mut site, &own).len(), 5);
    assert!(declared(&site, &own).changed.is_empty());
    assert_eq!(site.instance(&name("a")).unwrap().interfaces[0].id, number);
    let led = site.floating_ip(address(100)).unwrap().clone();
    assert!(led.labels.has(&"env=prod".parse().unwrap()) && led.associations == 1);
    assert!(site.pool_at(address(111)).unwrap().reserved.contains(address(111)));

    let mut more = own.clone();
    more.quotas.push(QuotaSpec { project: Some(name("default")), fip_quota: None });
    more.instances[0].1.labels = labels(&["env=a", "env=b"]);
    more.floating_ips.push(AddressSpec { project: Some(name("default")), ..fip(102, "") });
    more.floating_ips.push(AddressSpec { project: Some(name("other")), ..fip(111, "") });
    more.floating_ips.push(AddressSpec { labels: labels(&["a=b"]), ..fip(103, "") });
    assert_eq!(
        mistakes(&site, &more),
        [
            "instance 0: the label env is given twice: a thing has each key once",
            "fip 2: project default has 2 floating IPs and may have 2: release one, or `buoyctl project set default --fip-quota N` lets it have more",
            "fip 3: 203.0.113.111 is reserved: `buoyctl fip unreserve 203.0.113.111` lets it be allocated",
            "fip 4: 203.0.113.103 belongs to no project: labels are its project's, so allocate it first; --note stays in any case",
        ]
    );
    more = own.clone();
    more.pools[0].1.reserved = vec!["203.0.113.101".parse().unwrap(), "203.0.113.200".parse().unwrap()];
    assert!(mistakes(&site, &more)[0].contains("203.0.113.101"));
    more.pools[0].1.reserved.remove(0);
    assert_eq!(
        mistakes(&site, &more),
        ["pool 0: 203.0.113.200 is not wholly in pool public: `buoyctl pool show public` shows its ranges"]
    );

    // What is left out has its default again.
    let bare = SiteSpec { prune: true, ..spec() };
    assert_eq!(apply(&mut site, &bare).len(), 5);
    assert_eq!(
        (site.default_quota(), site.network(&name("blue")).unwrap().auto_assign.clone()),
        (Quota::Unlimited, None)
    );
    assert!(site.pools().all(|pool| pool.reserved.size() == 0));
    assert!(site.floating_ip(address(100)).unwrap().labels.is_empty());
    assert_eq!(site.floating_ip(address(100)).unwrap().association_id(), led.association_id());
}

#[test]
fn all_mistakes_are_told_and_their_consequences_are_not() {
    let mut own = spec();
    own.providers[0].1.gateway = None;
    own.networks[0].1.gateway = [10, 1, 0, 1].into();
    own.instances.push((name("c"), guest(&[])));
    own.instances.push((name("a"), guest(&[13])));
    own.floating_ips.push(AddressSpec { fixed_ip: Some([10, 0, 0, 13].into()), ..fip(102, "") });
    own.floating_ips.push(fip(103, "d"));
    assert_eq!(
        mistakes(&Site::default(), &own),
        [
            "provider 0: a provider needs a --gateway, or --onlink for a LAN without one",
            "network 0: the gateway 10.1.0.1 is not in 10.0.0.0/24",
            "instance 2: instance c has no interface: it needs one at least",
            "instance 3: instance a is declared twice",
            "fip 2: 203.0.113.102 has a fixed_ip and no instance that it is of",
        ]
    );
    own.providers = spec().providers;
    let found = mistakes(&Site::default(), &own);
    assert_eq!(
        found.last().unwrap(),
        "fip 3: there is no instance named d: `buoyctl instance list` shows those there are"
    );
}

#[test]
fn what_is_impossible_while_in_use_says_by_what() {
    let site = site();
    let change = |change: &dyn Fn(&mut SiteSpec)| {
        let mut own = spec();
        change(&mut own);
        mistakes(&site, &own).join("; ")
    };
    for (found, says) in [
        (change(&|own| own.networks[0].1 = network(2)), "network 0: network blue is in use by instance a, instance b"),
        (
            change(&|own| own.pools[0].1 = pool("lan", &["203.0.113.101-203.0.113.119"])),
            "pool 0: pool public cannot lose 203.0.113.100: allocated or associated; release first",
        ),
        (
            change(&|own| {
                own.instances[0].1 = guest(&[13]);
                own.floating_ips.remove(0);
            }),
            "instance 0: fixed IP 10.0.0.11 of instance a cannot change while floating IP 203.0.113.100 leads there: disassociate it first",
        ),
        (
            change(&|own| own.floating_ips[0].project = Some(name("blue"))),
            "fip 0: 203.0.113.100 belongs to project blue, and instance a to project default",
        ),
        (
            change(&|own| own.floating_ips[0] = AddressSpec { project: Some(name("blue")), ..fip(100, "") }),
            "fip 0: 203.0.113.100 is associated, and belongs to project default: disassociate it before another project gets it",
        ),
        (
            change(&|own| {
                own.prune = true;
                own.instances.pop();
            }),
            "instance b is in use by floating IP 203.0.113.101",
        ),
    ] {
        assert!(found.contains(says), "{found}\n{says}");
    }
}

#[test]
fn what_commands_made_is_taken_as_it_is() {
    let mut site = site();
    let release = site.release(address(100)).unwrap();
    site.apply(&release);
    let associate = AssociateSpec { address: address(105), instance: name("a"), fixed_ip: None, no_move: true };
    let associate = site.associate(&associate, &nobody).unwrap();
    site.apply(&associate);
    assert_eq!(mistakes(&site, &spec()).len(), 1, "the fixed IP has an address that is not declared");
    apply(&mut site, &SiteSpec { prune: true, ..spec() });
    assert!(declared(&site, &SiteSpec { prune: true, ..spec() }).changed.is_empty());
}
