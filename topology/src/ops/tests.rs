mod comeback;
mod direct;
mod histories;
mod no_snat;
mod projects;
mod reserved;
mod snat;
mod wiring;
mod withdrawn;

use std::net::Ipv4Addr;

use super::*;
use crate::{Change, MacAddr, Name, PortName, RangeSpec, Site};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn port(text: &str) -> PortName {
    text.parse().unwrap()
}

fn provider(policy: PolicySpec) -> ProviderSpec {
    ProviderSpec {
        bridge: port("br-ex"),
        uplink: port("eth0"),
        vlan: None,
        patch: None,
        gateway: Some([203, 0, 113, 1].into()),
        gateway_mac: None,
        host_ips: vec![[203, 0, 113, 2].into()],
        mac_policy: policy,
        onlink: Vec::new(),
        no_snat: Vec::new(),
        mtu: None,
        garp: false,
        garp_timing: Default::default(),
        hook: None,
    }
}

fn ranges(ranges: &[&str]) -> RangesSpec {
    let ranges = ranges.iter().map(|range| range.parse::<RangeSpec>().unwrap()).collect();
    RangesSpec { ranges, all_addresses: false, mac: None }
}

fn instance(network: &str, last: u8) -> InstanceSpec {
    let interface = InterfaceSpec {
        network: name(network),
        port: port(&format!("vm{last}")),
        vlan: None,
        mac: MacAddr::new([2, 0, 0, 0, 0, last]),
        ip: [10, 0, 0, last].into(),
    };
    InstanceSpec { project: name("default"), bridge: port("br-int"), interface, labels: Default::default(), note: None }
}

fn associate(last: u8, instance: &str) -> AssociateSpec {
    AssociateSpec { address: address(last), instance: name(instance), fixed_ip: None, no_move: false }
}

fn address(last: u8) -> Ipv4Addr {
    [203, 0, 113, last].into()
}

fn nobody(_: &crate::FloatingIp) -> Vec<PortName> {
    Vec::new()
}

fn run(site: &mut Site, plan: impl FnOnce(&Site) -> Result<Change, OpError>) {
    let change = plan(site).unwrap();
    site.apply(&change);
    site.set_generation(site.generation().next());
}

/// A provider, the pool 203.0.113.0/29 and two instances.
fn site(policy: PolicySpec) -> Site {
    let mut site = Site::default();
    run(&mut site, |site| site.create_provider(name("lan"), provider(policy)));
    let pool = PoolSpec {
        provider: name("lan"),
        ranges: ranges(&["203.0.113.0/29"]),
        default: false,
        cool_down: Default::default(),
        warn_at: None,
    };
    run(&mut site, |site| site.create_pool(name("public"), pool));
    let network = NetworkSpec {
        cidr: "10.0.0.0/24".parse().unwrap(),
        gateway: [10, 0, 0, 1].into(),
        gateway_mac: None,
        project: None,
        auto_assign: None,
        snat: true,
    };
    run(&mut site, |site| site.create_network(name("blue"), network));
    for last in [11, 12] {
        run(&mut site, |site| site.add_instance(name(&format!("vm{last}")), instance("blue", last)));
    }
    site
}

fn allocate(site: &mut Site) -> Result<Ipv4Addr, OpError> {
    let spec = AllocateSpec { pool: None, address: None, project: name("default") };
    let (address, change) = site.allocate(&spec, &nobody)?;
    site.apply(&change);
    Ok(address)
}

#[test]
fn gateway_host_and_block_ends_are_never_handed_out() {
    let mut site = site(PolicySpec::Host);
    let got: Vec<_> = (0..4).map(|_| allocate(&mut site).unwrap().octets()[3]).collect();
    assert_eq!(got, [3, 4, 5, 6]);
    assert_eq!(allocate(&mut site), Err(OpError::Exhausted { pool: name("public"), size: 6 }));
}

#[test]
fn an_address_that_the_host_was_seen_to_use_is_kept() {
    let mut site = site(PolicySpec::Host);
    site.keep(address(3));
    assert_eq!(allocate(&mut site), Ok(address(4)));
    let pool = site.pool(&name("public")).unwrap();
    let blocks: Vec<_> = site.blocks(pool).iter().map(ToString::to_string).collect();
    assert_eq!(blocks, ["203.0.113.4/31", "203.0.113.6/32"]);
}

#[test]
fn an_association_moves_or_stays_as_it_is() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    assert!(site.associate(&associate(3, "vm11"), &nobody).unwrap().is_empty());
    let no_move = AssociateSpec { no_move: true, ..associate(3, "vm12") };
    assert!(matches!(site.associate(&no_move, &nobody), Err(OpError::WouldMove { .. })));
    run(&mut site, |site| site.associate(&associate(3, "vm12"), &nobody));
    assert_eq!(site.binding(address(3)).unwrap().instance.name, name("vm12"));
    assert!(site.floating_ip_of(&name("vm11"), [10, 0, 0, 11].into()).is_none());
}

#[test]
fn a_fixed_ip_has_one_floating_ip() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    assert!(matches!(site.associate(&associate(4, "vm11"), &nobody), Err(OpError::FixedIpBound { .. })));
}

#[test]
fn an_address_stays_with_the_fixed_ip_that_it_has_where_none_is_named() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| site.attach_interface(&name("vm11"), instance("blue", 21).interface));
    let second = AssociateSpec { fixed_ip: Some([10, 0, 0, 21].into()), ..associate(4, "vm11") };
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    let refused = |last| site.associate(&associate(last, "vm11"), &nobody).unwrap_err().to_string();
    let way = "disassociate it first, or name a fixed IP that has none: --fixed-ip 10.0.0.21";
    assert!(refused(4).ends_with(way), "{}", refused(4));
    run(&mut site, |site| site.associate(&second, &nobody));
    assert!(site.associate(&associate(4, "vm11"), &nobody).unwrap().is_empty());
    let refused = |last| site.associate(&associate(last, "vm11"), &nobody).unwrap_err().to_string();
    let way = "or give the instance another fixed IP: `buoyctl instance attach vm11 ...`";
    assert!(refused(5).ends_with(way), "{}", refused(5));
}

#[test]
fn what_is_written_wrong_is_refused_with_what_was_meant() {
    let site = site(PolicySpec::Host);
    let onlink = ProviderSpec {
        bridge: port("br-2"),
        onlink: vec!["198.51.100.9/24".parse().unwrap()],
        ..provider(PolicySpec::Host)
    };
    let network = |cidr: &str, last: u8| {
        let (cidr, gateway) = (cidr.parse().unwrap(), [10, 0, 0, last].into());
        site.create_network(
            name("red"),
            NetworkSpec { cidr, gateway, gateway_mac: None, project: None, auto_assign: None, snat: true },
        )
    };
    let pool = |range: &str| site.add_to_pool(&name("public"), &ranges(&[range]));
    for (refused, says) in [
        (site.create_provider(name("wan"), onlink), "198.51.100.9/24 has host bits set: did you mean 198.51.100.0/24?"),
        (network("10.0.0.9/24", 1), "10.0.0.9/24 has host bits set: did you mean 10.0.0.0/24?"),
        (network("10.0.0.1/32", 1), "10.0.0.1/32 has room for its gateway alone: write a wider subnet"),
        (pool("0.0.0.0/0"), "0.0.0.1-255.255.255.254 has 4294967294 addresses: a range has at most 1048576"),
        (
            site.create_pool(
                name("public"),
                PoolSpec {
                    provider: name("lan"),
                    ranges: ranges(&[]),
                    default: false,
                    cool_down: Default::default(),
                    warn_at: None,
                },
            ),
            "pool public exists already: choose another name",
        ),
        (
            site.remove_from_pool(&name("public"), &ranges(&["198.51.100.1"]).ranges),
            "198.51.100.1 is not wholly in pool public: `buoyctl pool show public` shows its ranges",
        ),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), says);
    }
    let none = AllocateSpec { pool: None, address: None, project: name("default") };
    let nothing = Site::default().allocate(&none, &nobody).unwrap_err();
    assert_eq!(
        nothing.to_string(),
        "there is no pool to allocate from yet: `buoyctl pool create --help` says how to make one"
    );
}

#[test]
fn an_address_that_is_still_leaving_a_bridge_is_not_given_out() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    run(&mut site, |site| site.release(address(3)));
    let leaving = |_: &crate::FloatingIp| vec![port("br-ex")];
    assert!(matches!(site.associate(&associate(3, "vm12"), &leaving), Err(OpError::Leaving { .. })));
    let spec = AllocateSpec { pool: None, address: None, project: name("default") };
    assert_eq!(site.allocate(&spec, &leaving).unwrap().0, address(4));
}

#[test]
fn a_vmac_address_needs_its_mac() {
    let mut site = site(PolicySpec::Vmac);
    assert!(matches!(site.associate(&associate(3, "vm11"), &nobody), Err(OpError::NoMac { .. })));
    let mac = RangesSpec { mac: Some(MacAddr::new([2, 0, 0, 0, 0, 9])), ..ranges(&["203.0.113.3"]) };
    run(&mut site, |site| site.add_to_pool(&name("public"), &mac));
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
}

#[test]
fn a_mac_that_is_in_use_changes_and_does_not_go() {
    let mut site = site(PolicySpec::Vmac);
    let mac = |last| Some(Some(MacAddr::new([2, 0, 0, 0, 0, last])));
    let set = |mac| FipSpec { mac, ..FipSpec::default() };
    run(&mut site, |site| site.set_floating_ip(address(3), &set(mac(9))));
    // No switch has anything to do with an address that is bound to nothing.
    assert_eq!(site.floating_ip(address(3)).unwrap().changed, crate::Generation(0));
    run(&mut site, |site| site.set_floating_ip(address(4), &set(mac(9))));
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    let refused = site.set_floating_ip(address(3), &set(Some(None))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "203.0.113.3 is associated with vm11, and provider lan has the MAC policy vmac: give it another MAC, or disassociate it first"
    );
    run(&mut site, |site| site.set_floating_ip(address(3), &set(mac(8))));
    assert_eq!(site.floating_ip(address(3)).unwrap().changed, site.generation());
    run(&mut site, |site| site.disassociate(address(3)));
    run(&mut site, |site| site.set_floating_ip(address(3), &set(Some(None))));
    assert_eq!(site.floating_ip(address(3)).unwrap().mac, None);
    let group = FipSpec { mac: Some(Some(MacAddr::BROADCAST)), ..FipSpec::default() };
    assert!(matches!(site.set_floating_ip(address(4), &group), Err(OpError::Invalid { .. })));
}

#[test]
fn a_note_stays_with_the_address_and_what_is_so_already_changes_nothing() {
    let mut site = site(PolicySpec::Host);
    let note = FipSpec { note: Some(Some("rack 7".parse().unwrap())), ..FipSpec::default() };
    run(&mut site, |site| site.set_floating_ip(address(3), &note));
    assert!(site.set_floating_ip(address(3), &note).unwrap().is_empty());
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    run(&mut site, |site| site.release(address(3)));
    assert_eq!(site.floating_ip(address(3)).unwrap().note.as_ref().map(crate::Note::as_str), Some("rack 7"));
    let nothing = FipSpec { mac: Some(None), note: Some(None), ..FipSpec::default() };
    assert!(site.set_floating_ip(address(5), &nothing).unwrap().is_empty());
    assert_eq!(
        site.set_floating_ip([192, 0, 2, 1].into(), &note),
        Err(OpError::OutsidePools { address: [192, 0, 2, 1].into() })
    );
}

#[test]
fn a_network_is_found_by_its_number_as_long_as_it_is_there() {
    let mut site = site(PolicySpec::Host);
    let (cidr, gateway) = ("10.9.0.0/24".parse().unwrap(), [10, 9, 0, 1].into());
    let spec = NetworkSpec { cidr, gateway, gateway_mac: None, project: None, auto_assign: None, snat: true };
    run(&mut site, |site| site.create_network(name("red"), spec));
    let number = |own: &str| site.network(&name(own)).expect("it was created").id;
    let (blue, red) = (number("blue"), number("red"));
    let found = |site: &Site, id| site.network_by_id(id).map(|own| own.name.clone());
    assert_eq!((found(&site, blue), found(&site, red)), (Some(name("blue")), Some(name("red"))));
    run(&mut site, |site| site.delete_network(&name("red")));
    assert_eq!((found(&site, blue), found(&site, red)), (Some(name("blue")), None));
}

#[test]
fn what_is_in_use_is_not_removed() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    for refused in [
        site.remove_instance(&name("vm11")),
        site.delete_network(&name("blue")),
        site.delete_pool(&name("public")),
        site.delete_provider(&name("lan")),
        site.remove_from_pool(&name("public"), &["203.0.113.3".parse().unwrap()]),
    ] {
        assert!(matches!(refused, Err(OpError::InUse { .. } | OpError::AddressesInUse { .. })), "{refused:?}");
    }
    let host = ProviderSpec { host_ips: vec![address(3)], ..provider(PolicySpec::Host) };
    assert!(matches!(site.set_provider(&name("lan"), host), Err(OpError::Allocated { .. })));
}

#[test]
fn what_belongs_to_somebody_is_not_taken() {
    let site = site(PolicySpec::Host);
    let overlapping = PoolSpec {
        provider: name("lan"),
        ranges: ranges(&["203.0.113.6-203.0.113.9"]),
        default: false,
        cool_down: Default::default(),
        warn_at: None,
    };
    assert!(matches!(site.create_pool(name("more"), overlapping), Err(OpError::Overlap { .. })));
    let network = NetworkSpec {
        cidr: "203.0.113.0/24".parse().unwrap(),
        gateway: address(9),
        gateway_mac: None,
        project: None,
        auto_assign: None,
        snat: true,
    };
    assert!(matches!(site.create_network(name("red"), network), Err(OpError::NetworkOverlap { .. })));
    assert!(matches!(site.create_provider(name("wan"), provider(PolicySpec::Host)), Err(OpError::UplinkTaken { .. })));
    let mut same_mac = instance("blue", 13);
    same_mac.interface.mac = MacAddr::new([2, 0, 0, 0, 0, 11]);
    assert!(matches!(site.add_instance(name("vm13"), same_mac), Err(OpError::MacTaken { .. })));
    let mut same_port = instance("blue", 13);
    same_port.interface.port = port("vm11");
    assert!(matches!(site.add_instance(name("vm13"), same_port), Err(OpError::PortTaken { .. })));
    let mut same_ip = instance("blue", 13);
    same_ip.interface.ip = [10, 0, 0, 11].into();
    assert!(matches!(site.add_instance(name("vm13"), same_ip), Err(OpError::FixedIpTaken { .. })));
}
