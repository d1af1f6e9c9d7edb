//! What was taken out of a pool is as closed as what is in it.

use buoy_topology::ops::DirectSpec;

use super::*;

#[test]
fn an_address_that_was_taken_out_of_a_pool_goes_where_it_went_and_is_no_source() {
    for policy in [PolicySpec::Host, PolicySpec::Vmac] {
        let mut site = site(policy);
        let of = |site: &Site| -> BTreeSet<_> {
            let both = [external(), integration()];
            let all = both.iter().flat_map(|bridge| flows(site, &learnt(site), bridge).into_values().flatten());
            all.map(|flow| flow.to_string()).collect()
        };
        let ranges = vec!["198.51.100.32/29".parse().unwrap()];
        let routed = RangesSpec { ranges, all_addresses: true, mac: Some(mac(0x77)) };
        let change = site.add_to_pool(&name("public"), &routed).unwrap();
        apply(&mut site, change);
        let before = of(&site);
        let gone = "198.51.100.36-198.51.100.37".parse().unwrap();
        let change = site.remove_from_pool(&name("public"), &[gone]).unwrap();
        apply(&mut site, change);
        // What others say of it is no conflict, and nothing leaves from it.
        let is_own = |flow: &&String| flow.contains("table=30,") || flow.contains("table=11,priority=310,");
        let changed: Vec<_> = of(&site).symmetric_difference(&before).filter(|flow| !is_own(flow)).cloned().collect();
        assert_eq!(changed, Vec::<String>::new());
        let sources: Vec<_> = of(&site).into_iter().filter(|flow| flow.contains("table=30,")).collect();
        assert!(sources.iter().all(|flow| !flow.contains("nw_src=198.51.100.32/29")), "{sources:#?}");
        let change = site.forget_withdrawn(&name("public"), &[gone]).unwrap();
        apply(&mut site, change);
        assert!(of(&site).iter().all(|flow| !flow.contains("nw_dst=198.51.100.32/29")), "{:#?}", of(&site));
    }
}

#[test]
fn a_direct_port_that_gets_such_an_address_touches_the_pool_that_had_it() {
    let mut site = site(PolicySpec::Host);
    let ranges = vec!["198.51.100.32/29".parse().unwrap()];
    let routed = RangesSpec { ranges, all_addresses: true, mac: None };
    let change = site.add_to_pool(&name("public"), &routed).unwrap();
    apply(&mut site, change);
    let gone = "198.51.100.36-198.51.100.37".parse().unwrap();
    let change = site.remove_from_pool(&name("public"), &[gone]).unwrap();
    apply(&mut site, change);
    let ips = vec![[198, 51, 100, 36].into()];
    let spec = DirectSpec { provider: name("lan"), port: port("qg0"), mac: mac(0x0d), ips };
    let change = site.add_direct(name("gw"), spec).unwrap();
    let change = apply(&mut site, change);
    let Touched::Entities(touched) = Touched::by(&change, &site) else { panic!("too much is touched") };
    assert!(touched.contains(&Entity::Pool(name("public"))), "{touched:?}");
    let all = flows(&site, &learnt(&site), &integration());
    let closed: Vec<_> =
        all.values().flatten().map(ToString::to_string).filter(|flow| flow.contains("priority=60,")).collect();
    assert!(closed.iter().any(|flow| flow.contains("nw_dst=198.51.100.37")), "{closed:#?}");
    assert!(closed.iter().all(|flow| !flow.contains("nw_dst=198.51.100.36")), "{closed:#?}");
}
