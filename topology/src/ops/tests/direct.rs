//! Direct ports: their addresses are theirs, and nobody takes what they need away.

use super::*;
use crate::Direct;

fn spec(last: &[u8]) -> DirectSpec {
    let ips = last.iter().copied().map(address).collect();
    DirectSpec { provider: name("lan"), port: port("qg0"), mac: MacAddr::new([2, 0, 0, 0, 0, 0x30]), ips }
}

pub(super) fn add(site: &Site, last: u8) -> Result<Change, OpError> {
    let spec = DirectSpec { port: port(&format!("qg{last}")), ..spec(&[last]) };
    site.add_direct(name(&format!("gw{}", last % 4)), spec)
}

/// A site whose 203.0.113.4 and 203.0.113.9 (in no pool) are a direct port's.
fn with_direct() -> Site {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| site.add_direct(name("gw"), spec(&[4, 9])));
    site
}

fn text(refused: Result<Change, OpError>) -> String {
    refused.unwrap_err().to_string()
}

#[test]
fn its_addresses_are_no_pools_to_hand_out() {
    let mut site = with_direct();
    let pool = site.pool(&name("public")).unwrap();
    assert!(site.is_kept(pool, address(4)));
    assert_eq!(site.kept_of(pool).map(|own| own.octets()[3]).collect::<Vec<_>>(), [1, 2, 4]);
    let blocks: Vec<_> = site.blocks(pool).iter().map(ToString::to_string).collect();
    assert_eq!(blocks, ["203.0.113.3/32", "203.0.113.5/32", "203.0.113.6/32"]);
    let refused = "203.0.113.4 belongs to direct port gw: `buoyctl direct show gw` shows it";
    assert_eq!(text(site.associate(&associate(4, "vm11"), &nobody)), refused);
    let one = AllocateSpec { pool: None, address: Some(address(4)), project: name("default") };
    assert_eq!(site.allocate(&one, &nobody).unwrap_err().to_string(), refused);
    let got: Vec<_> = (0..3).map(|_| allocate(&mut site).unwrap().octets()[3]).collect();
    assert_eq!(got, [3, 5, 6]);
    assert!(matches!(allocate(&mut site), Err(OpError::Exhausted { .. })));
}

#[test]
fn its_addresses_are_its_pools_again_when_it_is_gone() {
    let mut site = with_direct();
    assert_eq!(site.direct_at(address(9)).map(|own| own.name.clone()), Some(name("gw")));
    assert!(site.add_direct(name("gw"), spec(&[4, 9])).unwrap().is_empty());
    run(&mut site, |site| site.remove_direct(&name("gw")));
    assert_eq!(site.direct_at(address(4)), None);
    run(&mut site, |site| site.associate(&associate(4, "vm11"), &nobody));
    assert!(matches!(site.remove_direct(&name("gw")), Err(OpError::Unknown { noun: Noun::Direct, .. })));
}

#[test]
fn what_it_needs_is_in_use() {
    let site = with_direct();
    let user = "direct port gw (203.0.113.4)";
    let removed = site.remove_from_pool(&name("public"), &["203.0.113.4".parse().unwrap()]);
    assert_eq!(text(removed), format!("pool public is in use by {user}"));
    assert_eq!(text(site.delete_pool(&name("public"))), format!("pool public is in use by {user}"));
    assert_eq!(text(site.delete_provider(&name("lan"))), "provider lan is in use by pool public, direct port gw");
    let taken = |change: ProviderSpec| text(site.set_provider(&name("lan"), change));
    let host = ProviderSpec { host_ips: vec![address(9)], ..provider(PolicySpec::Host) };
    assert!(taken(host).starts_with("203.0.113.9 belongs to direct port gw"));
    let uplink = ProviderSpec { uplink: port("qg0"), ..provider(PolicySpec::Host) };
    assert_eq!(taken(uplink), "port qg0 leads to direct port gw");
}

#[test]
fn what_belongs_to_somebody_is_not_its() {
    let mut site = with_direct();
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    let other = |last: &[u8]| DirectSpec { port: port("qg1"), ..spec(last) };
    for (refused, says) in [
        (site.add_direct(name("gw"), other(&[4, 9])), "direct port gw exists already"),
        (
            site.add_direct(name("b"), DirectSpec { port: port("qg0"), ..spec(&[5]) }),
            "port qg0 leads to direct port gw",
        ),
        (site.add_direct(name("b"), DirectSpec { port: port("eth0"), ..spec(&[5]) }), "eth0 is an uplink"),
        (site.add_direct(name("b"), other(&[])), "a direct port needs the addresses of its station"),
        (site.add_direct(name("b"), other(&[5, 5])), "203.0.113.5 is given twice"),
        (site.add_direct(name("b"), other(&[3])), "203.0.113.3 is allocated to project default"),
        (site.add_direct(name("b"), other(&[4])), "203.0.113.4 belongs to direct port gw"),
        (site.add_direct(name("b"), other(&[1])), "203.0.113.1 is the gateway or an address of the host"),
        (site.add_direct(name("b"), DirectSpec { provider: name("x"), ..other(&[5]) }), "there is no provider named x"),
        (
            site.add_direct(name("b"), DirectSpec { ips: vec![[10, 0, 0, 5].into()], ..other(&[]) }),
            "10.0.0.5 is in network blue (10.0.0.0/24)",
        ),
        (
            site.add_direct(name("b"), DirectSpec { mac: MacAddr::BROADCAST, ..other(&[5]) }),
            "ff:ff:ff:ff:ff:ff is a group address",
        ),
    ] {
        let refused = text(refused);
        assert!(refused.starts_with(says), "{refused}");
    }
}

#[test]
fn with_vmac_each_of_its_addresses_needs_its_mac() {
    let mut site = site(PolicySpec::Vmac);
    assert!(matches!(site.add_direct(name("gw"), spec(&[4])), Err(OpError::NoMac { .. })));
    assert!(matches!(site.add_direct(name("gw"), spec(&[9])), Err(OpError::OutsidePools { .. })));
    let mac = RangesSpec { mac: Some(MacAddr::new([2, 0, 0, 0, 0, 9])), ..ranges(&["203.0.113.4"]) };
    run(&mut site, |site| site.add_to_pool(&name("public"), &mac));
    run(&mut site, |site| site.add_direct(name("gw"), spec(&[4])));
    let direct: &Direct = site.direct(&name("gw")).unwrap();
    assert_eq!((direct.port.clone(), direct.ips.clone()), (port("qg0"), vec![address(4)]));
}

#[test]
fn an_address_of_it_joins_only_its_own_providers_pools() {
    let mut site = with_direct();
    let other = ProviderSpec { bridge: port("br-2"), ..provider(PolicySpec::Host) };
    run(&mut site, |site| site.create_provider(name("wan"), other));
    let pool = |owner: &str| PoolSpec {
        provider: name(owner),
        ranges: ranges(&["203.0.113.9"]),
        default: false,
        cool_down: Default::default(),
        warn_at: None,
    };
    assert!(matches!(site.create_pool(name("more"), pool("wan")), Err(OpError::DirectAddressTaken { .. })));
    run(&mut site, |site| site.create_pool(name("more"), pool("lan")));
    assert!(site.blocks(site.pool(&name("more")).unwrap()).is_empty());
}
