//! How instances without a floating IP reach those of their network: what it costs, and where it is not.

use super::*;

/// Flows of br-int that go through the tracker, or come from it.
fn tracked(flows: &BTreeMap<Entity, Vec<Flow>>) -> Vec<String> {
    use tables::integration::{GATEWAY_BACK, HAIRPIN_OUT, ROUTED_BACK};
    let is_behind = |flow: &Flow| [GATEWAY_BACK, HAIRPIN_OUT, ROUTED_BACK].contains(&flow.table) && flow.priority > 0;
    let own = flows.values().flatten().map(|flow| (is_behind(flow), flow.to_string()));
    own.filter(|(is_behind, text)| *is_behind || text.contains("ct(")).map(|(_, text)| text).collect()
}

/// Two instances, of which the first one may have a floating IP.
fn inhabited(bound: bool) -> Site {
    let mut site = site(PolicySpec::Host);
    for (kind, last) in [(0, 0), (0, 1)].into_iter().chain(bound.then_some((11, 4))) {
        let change = step(&site, kind, last).unwrap();
        site.apply(&change);
    }
    site
}

fn of(site: &Site, bridge: &Bridge) -> BTreeMap<Entity, Vec<Flow>> {
    flows(site, &learnt(site), bridge)
}

#[test]
fn a_floating_ip_costs_what_it_cost_before() {
    let count = |bound| [external(), integration()].map(|own| of(&inhabited(bound), &own).values().flatten().count());
    let (without, with) = (count(false), count(true));
    assert_eq!([with[0] - without[0], with[1] - without[1]], [1, 2]);
}

#[test]
fn each_network_has_a_zone_and_each_interface_a_way_back() {
    let site = inhabited(true);
    let flows = tracked(&of(&site, &integration()));
    // Two flows that go through the tracker and one behind it for the network, one for each interface, eight once.
    assert_eq!(flows.len(), 3 + 2 + 8, "{flows:#?}");
    let through: Vec<_> = flows.iter().filter(|own| own.contains("ct(")).collect();
    let zone = format!("zone={}", 0xc000 | site.network(&name("blue")).unwrap().id.0 & 0x0fff);
    assert!(through.iter().all(|own| own.contains(&zone)), "{through:#?}");
    assert!(through.iter().any(|own| own.contains("nat(src=10.0.0.1)")), "{through:#?}");
}

#[test]
fn a_datapath_without_a_tracker_gets_none_of_it_and_delivers_at_once() {
    let flows = of(&inhabited(true), &Bridge { tracks: false, ..integration() });
    assert_eq!(tracked(&flows), Vec::<String>::new());
    let bound = &flows[&Entity::Association([203, 0, 113, 4].into())];
    assert!(bound.iter().any(|own| own.to_string().ends_with("goto_table:70")), "{bound:#?}");
    assert!(!flows.values().flatten().any(|own| own.to_string().contains("goto_table:56")), "{flows:#?}");
}

#[test]
fn who_asks_from_where_fixed_addresses_are_routed_is_tracked_or_turned_away() {
    let mut site = inhabited(true);
    // 198.51.100.0/25.
    let change = step(&site, 8, 4).unwrap();
    site.apply(&change);
    let from_there = |tracks| {
        let flows = of(&site, &Bridge { tracks, ..integration() });
        let from = flows.into_values().flatten().filter(|own| own.to_string().contains("nw_src=198.51.100.0/25"));
        from.map(|own| (own.table, own.owner.feature)).collect::<Vec<_>>()
    };
    assert_eq!(from_there(true), [(tables::integration::HAIRPIN, Feature::Routing)]);
    assert_eq!(from_there(false), [(tables::integration::DESTINATION_NAT, Feature::Drop)]);
}
