//! Shared addresses in the pipeline: what they add, and that they add nothing where there is none.

use buoy_topology::ops::FipSpec;

use super::*;

/// One of a few addresses becomes shared, or none.
pub(super) fn share(site: &Site, last: u8) -> Option<Change> {
    let snat = (!last.is_multiple_of(4)).then(|| format!("203.0.113.{last}").parse().unwrap());
    site.share(Change::default(), &name("lan"), snat, &|_| Vec::new()).ok()
}

/// A network begins or ceases to share.
pub(super) fn set_network(site: &Site, last: u8) -> Option<Change> {
    site.set_network(&name("blue"), None, last.is_multiple_of(2)).ok()
}

fn on(site: &mut Site, kind: u8, last: u8) {
    let change = step(site, kind, last).unwrap();
    site.apply(&change);
}

/// Two instances, of which the first one has a floating IP.
fn inhabited() -> Site {
    let mut site = site(PolicySpec::Host);
    on(&mut site, 0, 0);
    on(&mut site, 0, 1);
    on(&mut site, 11, 4);
    site
}

fn of(site: &Site, bridge: &Bridge) -> BTreeMap<Entity, Vec<Flow>> {
    flows(site, &learnt(site), bridge)
}

/// Whether a flow of br-int has to do with a shared address: what instances of a network have for each other they have
/// without one too.
fn is_shared(flow: &Flow) -> bool {
    let tables = tables::integration::SHARED_NAMES;
    let text = flow.to_string();
    let is_to = |address: &str| text.contains(&format!("nw_src={address}")) || text.contains(&format!("src={address}"));
    tables.iter().any(|(table, _)| *table == flow.table || text.contains(&format!("table={}", table.0)))
        || is_to("203.0.113.5")
        || is_to(LATER)
}

#[test]
fn without_a_shared_address_nothing_of_it_is_in_any_flow() {
    let plain = inhabited();
    let mut site = plain.clone();
    on(&mut site, 14, 5);
    let inside = of(&site, &integration());
    // Eight flows with the ends of tables, six of the provider, two for each network and one for each interface.
    assert_eq!(inside.values().flatten().filter(|flow| is_shared(flow)).count(), 8 + 6 + 2 + 2, "{inside:#?}");
    // Outside it costs what a floating IP costs.
    let count = |site: &Site| of(site, &external()).values().map(Vec::len).sum::<usize>();
    assert_eq!(count(&site), count(&plain) + 1);
    on(&mut site, 14, 8);
    for bridge in [external(), integration()] {
        assert_eq!(of(&site, &bridge), of(&plain, &bridge));
    }
    assert!(!of(&plain, &integration()).values().flatten().any(is_shared));
}

#[test]
fn a_network_that_does_not_share_has_no_flow_of_it() {
    let mut site = inhabited();
    on(&mut site, 14, 5);
    on(&mut site, 15, 1);
    let all = of(&site, &integration());
    let of_network = all.iter().filter(|(entity, _)| matches!(entity, Entity::Network(_) | Entity::Instance(_)));
    assert!(!of_network.flat_map(|(_, flows)| flows).any(is_shared), "{all:#?}");
}

#[test]
fn under_vmac_nothing_is_shared_before_the_address_has_its_mac() {
    let mut site = site(PolicySpec::Vmac);
    on(&mut site, 0, 0);
    let counts = |site: &Site| {
        let inside = of(site, &integration()).values().flatten().filter(|flow| is_shared(flow)).count();
        let outside = &of(site, &external())[&Entity::Provider(name("lan"))];
        (inside > 0, outside.iter().any(|flow| flow.to_string().contains(LATER)))
    };
    let change = site.share(Change::default(), &name("lan"), Some(LATER.parse().unwrap()), &|_| Vec::new()).unwrap();
    apply(&mut site, change);
    let ranges = vec![LATER.parse().unwrap()];
    let change = site.add_to_pool(&name("public"), &RangesSpec { ranges, ..RangesSpec::default() }).unwrap();
    apply(&mut site, change);
    assert_eq!(counts(&site), (false, false));
    let spec = FipSpec { mac: Some(Some(mac(0x78))), ..FipSpec::default() };
    let change = site.set_floating_ip(LATER.parse().unwrap(), &spec).unwrap();
    let change = apply(&mut site, change);
    // The networks' flows on br-int come with it.
    assert_eq!(Touched::by(&change, &site), Touched::Everything);
    assert_eq!(counts(&site), (true, true));
}

/// In no pool at first.
const LATER: &str = "203.0.113.66";
