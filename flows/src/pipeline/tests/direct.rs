//! Direct ports on bridges of OpenFlow 1.3.

use buoy_topology::ops::DirectSpec;

use super::*;

/// The MAC of the station on port `qg<number>`.
fn station(number: u8) -> MacAddr {
    mac(0xd0 + number)
}

/// One with one address of the pool, or with another one beside it; its port may be missing.
pub(super) fn add(site: &Site, last: u8) -> Option<Change> {
    let number = last % 3;
    let port = port(&format!("qg{number}"));
    let other = (last % 2 == 1).then(|| [203, 0, 113, last + 100].into());
    let ips = [[203, 0, 113, last].into()].into_iter().chain(other).collect();
    let spec = DirectSpec { provider: name("lan"), port, mac: station(number), ips };
    site.add_direct(name(&format!("gw{}", last % 4)), spec).ok()
}

pub(super) fn remove(site: &Site, last: u8) -> Option<Change> {
    site.remove_direct(&name(&format!("gw{}", last % 4))).ok()
}

fn text(flows: &[Flow]) -> Vec<String> {
    flows.iter().map(ToString::to_string).collect()
}

/// The flows that have all these words in them.
fn with<'a>(flows: &'a [String], words: &[&str]) -> Vec<&'a String> {
    flows.iter().filter(|flow| words.iter().all(|word| flow.contains(word))).collect()
}

#[test]
fn the_provider_sees_the_mac_that_its_policy_expects() {
    let router = PolicySpec::Router(Some(mac(0x55)));
    for (policy, expected) in [(PolicySpec::Host, mac(1)), (PolicySpec::Vmac, mac(0x77)), (router, mac(0x55))] {
        let mut site = site(policy);
        let change = add(&site, 6).expect("an address of the pool");
        apply(&mut site, change);
        let compiled = flows(&site, &learnt(&site), &external());
        let own = text(compiled.get(&Entity::Direct(name("gw2"))).expect("flows"));
        let packets = with(&own, &["table=0,", "in_port=3,", "nw_src=203.0.113.6"]);
        assert!(packets.iter().all(|flow| flow.contains(&format!("set_field:{expected}->eth_src"))), "{packets:#?}");
        assert_eq!(packets.len(), 1, "{own:#?}");
        let arp = with(&own, &["table=0,", "arp_spa=203.0.113.6", &format!("set_field:{expected}->arp_sha")]);
        assert_eq!(arp.len(), 1, "{own:#?}");
        let answers = with(&own, &["table=11,", "arp_tpa=203.0.113.6,arp_op=1", "goto_table:12"]);
        assert_eq!(with(&own, &[&format!("set_field:{expected}->arp_sha,set_field:203.0.113.6->arp_spa")]), answers);
        // Whatever goes out of its port carries its own MAC.
        let brought = with(&own, &["actions="]);
        let to_port: Vec<_> = brought.into_iter().filter(|flow| flow.ends_with("output:3")).collect();
        assert_eq!(to_port.len(), 3, "{own:#?}");
        assert!(to_port.iter().all(|flow| flow.contains(&format!("set_field:{}->eth_dst", station(0)))), "{own:#?}");
        let guard = with(&own, &["table=50,"]);
        assert_eq!(guard.len(), if policy == PolicySpec::Vmac { 2 } else { 0 }, "{guard:#?}");
    }
}

#[test]
fn without_its_port_what_is_for_it_ends() {
    let mut site = site(PolicySpec::Host);
    let change = add(&site, 8).expect("an address of the pool");
    apply(&mut site, change);
    let compiled = flows(&site, &learnt(&site), &external());
    let own = compiled.get(&Entity::Direct(name("gw0"))).expect("flows");
    let drops = own.iter().filter(|flow| flow.owner == Owner::dropping(DropReason::NoDirectPort));
    assert_eq!((own.len(), drops.count()), (4, 3), "{:#?}", text(own));
}

#[test]
fn a_host_address_that_was_seen_is_reached_too() {
    let mut site = site(PolicySpec::Host);
    let change = add(&site, 6).expect("an address of the pool");
    apply(&mut site, change);
    let compiled = flows(&site, &learnt(&site), &external());
    let own = text(compiled.get(&Entity::Direct(name("gw2"))).expect("flows"));
    for host in ["203.0.113.2", "203.0.113.60"] {
        let arp = format!("arp_tpa={host} ");
        let ip = format!("nw_dst={host} ");
        for words in [["table=11,", &arp, "actions=LOCAL"], ["table=20,", &ip, "->eth_dst,LOCAL"]] {
            assert_eq!(with(&own, &words).len(), 1, "{words:?} {own:#?}");
        }
    }
}

#[test]
fn each_provider_of_a_bridge_has_its_own() {
    let (mut site, mut bridge) = three_providers(None);
    for number in 0..3 {
        bridge.ports.insert(port(&format!("qg{number}")), Port { number: PortNo(10 + u32::from(number)), mac: mac(9) });
        let spec = DirectSpec {
            provider: name(&format!("as{number}")),
            port: port(&format!("qg{number}")),
            mac: station(number),
            ips: vec![[203, 0, 113, 16 * number + 3].into()],
        };
        // Of the second provider, each address needs its MAC.
        let macs = RangesSpec {
            ranges: vec![format!("203.0.113.{}", 16 * number + 3).parse().unwrap()],
            all_addresses: true,
            mac: Some(mac(0x80 + number)),
        };
        let change = site.add_to_pool(&name(&format!("as{number}")), &macs).unwrap();
        apply(&mut site, change);
        let change = site.add_direct(name(&format!("gw{number}")), spec).unwrap();
        apply(&mut site, change);
    }
    let compiled = flows(&site, &Learnt::default(), &bridge);
    let all: Vec<_> = compiled.values().flatten().collect();
    check(&all, Some(PortNo(1)));
    check(&all, Some(PortNo(2)));
    let tagged = text(compiled.get(&Entity::Direct(name("gw1"))).expect("flows"));
    // The host has the provider's VLAN tagged, the station has no tag.
    assert!(with(&tagged, &["LOCAL"]).iter().all(|flow| flow.contains("push_vlan")), "{tagged:#?}");
    assert!(with(&tagged, &["output:11"]).iter().all(|flow| !flow.contains("push_vlan")), "{tagged:#?}");
    assert_eq!(with(&tagged, &["table=50,", "push_vlan"]).len(), 2, "{tagged:#?}");
}

#[test]
fn its_arp_leaves_by_a_meter_alone_and_for_on_link_stations_that_are_not_known() {
    let mut site = site(PolicySpec::Host);
    let change = add(&site, 6).expect("an address of the pool");
    apply(&mut site, change);
    let own = |bridge: &Bridge| {
        let compiled = flows(&site, &learnt(&site), bridge);
        let own = text(compiled.get(&Entity::Direct(name("gw2"))).expect("flows"));
        with(&own, &["table=11,", "arp", "goto_table:50"]).into_iter().cloned().collect::<Vec<_>>()
    };
    let out = own(&external());
    assert_eq!(out.len(), 1, "{out:#?}");
    assert!(out.iter().all(|flow| flow.contains("arp_tpa=203.0.113.0/24,arp_op=1 actions=meter:627,")), "{out:#?}");
    let without = Bridge { meters: false, ..external() };
    assert_eq!(own(&without), Vec::<String>::new());
    // Whoever is known is answered for.
    let compiled = flows(&site, &learnt(&site), &external());
    let all: Vec<_> = compiled.values().flat_map(|flows| text(flows)).collect();
    let answered = with(&all, &["table=11,", "reg1=0x4", "arp_op=1", "goto_table:12"]);
    let known = learnt(&site).of(site.providers().next().expect("one").id).count();
    // The host is asked itself.
    assert_eq!(answered.len(), known - 1, "{answered:#?}");
}
