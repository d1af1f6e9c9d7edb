//! Where fixed addresses are routed: what that contradicts is refused, in whatever order it is said.

use super::*;

fn routing(blocks: &[&str]) -> ProviderSpec {
    let no_snat = blocks.iter().map(|block| block.parse().unwrap()).collect();
    ProviderSpec { no_snat, ..provider(PolicySpec::Host) }
}

fn network(cidr: &str) -> NetworkSpec {
    let cidr: ipnet::Ipv4Net = cidr.parse().unwrap();
    let gateway = cidr.hosts().next().unwrap();
    NetworkSpec { cidr, gateway, gateway_mac: None, project: None, auto_assign: None, snat: true }
}

fn second(blocks: &[&str]) -> ProviderSpec {
    ProviderSpec { uplink: port("eth1"), gateway: Some([192, 0, 2, 1].into()), host_ips: Vec::new(), ..routing(blocks) }
}

#[test]
fn a_block_that_makes_no_sense_is_refused() {
    let site = site(PolicySpec::Host);
    for (blocks, says) in [
        (&["0.0.0.0/0"][..], "--no-snat 0.0.0.0/0 is everywhere: name the subnets that fixed addresses are routed in"),
        (&["198.51.100.9/24"], "198.51.100.9/24 has host bits set: did you mean 198.51.100.0/24?"),
        (&["127.0.0.0/8"], "127.0.0.0 is no address that a station can have"),
        (&["224.0.0.0/4"], "224.0.0.0 is no address that a station can have"),
        (
            &["198.51.100.0/24", "198.51.100.0/25"],
            "--no-snat 198.51.100.0/25 and 198.51.100.0/24 overlap: one of them is enough",
        ),
        (
            &["203.0.113.0/24"],
            "--no-snat 203.0.113.0/24 of provider lan overlaps 203.0.113.1-203.0.113.6 of pool public: floating IPs are reached as floating IPs",
        ),
        (
            &["10.0.0.0/8"],
            "--no-snat 10.0.0.0/8 of provider lan overlaps network blue (10.0.0.0/24): the provider cannot be the way to it",
        ),
    ] {
        assert_eq!(site.set_provider(&name("lan"), routing(blocks)).unwrap_err().to_string(), says);
    }
    site.set_provider(&name("lan"), routing(&["198.51.100.0/24", "192.0.2.0/24"])).unwrap();
}

#[test]
fn what_comes_later_must_fit_too() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| site.set_provider(&name("lan"), routing(&["198.51.100.0/24"])));
    let station = DirectSpec {
        provider: name("lan"),
        port: port("qg0"),
        mac: MacAddr::new([2, 0, 0, 0, 0, 0xd0]),
        ips: vec![[198, 51, 100, 9].into()],
    };
    for (refused, says) in [
        (
            site.create_network(name("red"), network("198.51.100.128/25")),
            "--no-snat 198.51.100.0/24 of provider lan overlaps network red (198.51.100.128/25): the provider cannot be the way to it",
        ),
        (
            site.create_network(name("red"), network("10.0.0.128/25")),
            "networks red (10.0.0.128/25) and blue (10.0.0.0/24) overlap, and provider lan has --no-snat: what comes back to a fixed address must have one network to go to",
        ),
        (
            site.add_to_pool(&name("public"), &ranges(&["198.51.100.7"])),
            "--no-snat 198.51.100.0/24 of provider lan overlaps 198.51.100.7 of pool public: floating IPs are reached as floating IPs",
        ),
        (
            site.add_direct(name("gw"), station),
            "198.51.100.9 is where fixed addresses are routed: --no-snat of provider lan",
        ),
        (
            site.create_provider(name("wan"), second(&["198.51.0.0/16"])),
            "--no-snat 198.51.0.0/16 overlaps 198.51.100.0/24 of provider lan: an address is reached by one provider alone",
        ),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), says);
    }
    run(&mut site, |site| site.create_network(name("red"), network("10.0.1.0/24")));
    run(&mut site, |site| site.create_provider(name("wan"), second(&["192.0.2.0/25"])));
    let by = |site: &Site, address: [u8; 4]| site.routed_by(address.into()).map(|own| own.name.to_string());
    assert_eq!(by(&site, [198, 51, 100, 255]).as_deref(), Some("lan"));
    assert_eq!(by(&site, [192, 0, 2, 1]).as_deref(), Some("wan"));
    assert_eq!(by(&site, [192, 0, 2, 128]), None);
}

#[test]
fn a_host_with_an_address_in_a_network_is_not_cut_off() {
    let at = |last: u8, blocks: &[&str]| ProviderSpec { host_ips: vec![[10, 0, 0, last].into()], ..routing(blocks) };
    let says = |address: &str, network: &str| {
        format!(
            "{address} is the gateway of provider lan or an address of the host, and in network {network}: with --no-snat what is for it would go to the network; choose another subnet for the network, or `buoyctl provider set lan --no-snat none`"
        )
    };
    let mut site = site(PolicySpec::Host);
    let set = |site: &Site, spec| site.set_provider(&name("lan"), spec).unwrap_err().to_string();
    // Without such a subnet it does no harm.
    run(&mut site, |site| site.set_provider(&name("lan"), at(2, &[])));
    assert_eq!(set(&site, at(2, &["198.51.100.0/24"])), says("10.0.0.2", "blue (10.0.0.0/24)"));
    let gateway = ProviderSpec { gateway: Some([10, 0, 0, 254].into()), ..routing(&["198.51.100.0/24"]) };
    assert_eq!(set(&site, gateway.clone()), says("10.0.0.254", "blue (10.0.0.0/24)"));
    let wan = site.create_provider(name("wan"), ProviderSpec { uplink: port("eth1"), ..gateway }).unwrap_err();
    assert_eq!(wan.to_string(), says("10.0.0.254", "blue (10.0.0.0/24)").replace("lan", "wan"));
    run(&mut site, |site| site.set_provider(&name("lan"), routing(&["198.51.100.0/24"])));
    assert_eq!(set(&site, at(2, &["198.51.100.0/24"])), says("10.0.0.2", "blue (10.0.0.0/24)"));
    let elsewhere = ProviderSpec { host_ips: vec![[10, 0, 1, 2].into()], ..routing(&["198.51.100.0/24"]) };
    run(&mut site, |site| site.set_provider(&name("lan"), elsewhere.clone()));
    let red = |site: &Site, cidr| site.create_network(name("red"), network(cidr));
    assert_eq!(red(&site, "10.0.1.0/24").unwrap_err().to_string(), says("10.0.1.2", "red (10.0.1.0/24)"));
    // The host was seen to speak from it.
    site.keep([10, 0, 2, 7].into());
    assert_eq!(red(&site, "10.0.2.0/24").unwrap_err().to_string(), says("10.0.2.7", "red (10.0.2.0/24)"));
    site.keep([10, 0, 0, 7].into());
    let more = ProviderSpec { no_snat: vec!["192.0.2.0/24".parse().unwrap()], ..elsewhere.clone() };
    assert_eq!(set(&site, more), says("10.0.0.7", "blue (10.0.0.0/24)"));
    // What was said before it was seen does not keep other properties from being set.
    run(&mut site, |site| site.set_provider(&name("lan"), ProviderSpec { garp: true, ..elsewhere }));
    run(&mut site, |site| site.set_provider(&name("lan"), at(2, &[])));
    run(&mut site, |site| red(site, "10.0.2.0/24"));
}

#[test]
fn networks_that_overlap_keep_a_provider_from_routing_them() {
    let mut site = site(PolicySpec::Host);
    for (own, cidr) in [("red", "10.0.0.0/16"), ("green", "172.16.0.0/24"), ("grey", "10.0.7.0/24")] {
        run(&mut site, |site| site.create_network(name(own), network(cidr)));
    }
    let refused = |site: &Site| site.set_provider(&name("lan"), routing(&["198.51.100.0/24"])).unwrap_err().to_string();
    assert!(
        refused(&site).starts_with("networks red (10.0.0.0/16) and blue (10.0.0.0/24) overlap"),
        "{}",
        refused(&site)
    );
    run(&mut site, |site| site.delete_network(&name("red")));
    run(&mut site, |site| site.set_provider(&name("lan"), routing(&["198.51.100.0/24"])));
    run(&mut site, |site| site.set_provider(&name("lan"), routing(&[])));
    run(&mut site, |site| site.create_network(name("red"), network("10.0.0.0/16")));
}
