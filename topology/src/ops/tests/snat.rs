//! Shared addresses: who may have one, and what it is kept from.

use std::sync::Arc;

use super::*;
use crate::{FloatingIp, Snat};

fn shared(last: u8) -> Option<Snat> {
    Some(address(last).to_string().parse().unwrap())
}

fn share(site: &Site, snat: Option<Snat>) -> Result<Change, OpError> {
    site.share(Change::default(), &name("lan"), snat, &|_| Vec::new())
}

#[track_caller]
fn refused(done: Result<Change, OpError>, said: &str) {
    let error = done.expect_err(said).to_string();
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_shared_address_is_kept_from_everybody_else() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| share(site, shared(3)));
    assert_eq!(site.snat_at(address(3)).map(|own| own.name.clone()), Some(name("lan")));
    let spec = |address| AllocateSpec { pool: None, address, project: name("default") };
    let said = "203.0.113.3 is shared by the instances of provider lan";
    refused(site.allocate(&spec(Some(address(3))), &|_| Vec::new()).map(|done| done.1), said);
    refused(site.release(address(3)), said);
    refused(site.remove_from_pool(&name("public"), &["203.0.113.3".parse().unwrap()]), "provider lan (203.0.113.3");
    refused(site.delete_pool(&name("public")), "pool public is in use by provider lan (203.0.113.3 is its --snat");
    // Whatever is taken, it is another one.
    for _ in 0..3 {
        let (taken, change) = site.allocate(&spec(None), &|_| Vec::new()).unwrap();
        assert_ne!(taken, address(3));
        site.apply(&change);
    }
    run(&mut site, |site| share(site, None));
    assert!(site.allocate(&spec(Some(address(3))), &|_| Vec::new()).is_ok());
}

#[test]
fn an_address_that_somebody_has_is_not_shared() {
    let mut site = site(PolicySpec::Host);
    let spec = AllocateSpec { pool: None, address: Some(address(3)), project: name("default") };
    run(&mut site, |site| site.allocate(&spec, &|_| Vec::new()).map(|done| done.1));
    refused(share(&site, shared(3)), "203.0.113.3 is allocated to project default");
    refused(share(&site, shared(1)), "203.0.113.1 is the gateway or an address of the host");
    refused(share(&site, Some("10.0.0.7".parse().unwrap())), "10.0.0.7 is in network blue");
    let left = |_: &FloatingIp| vec![port("br-int")];
    run(&mut site, |site| site.release(address(3)));
    refused(site.share(Change::default(), &name("lan"), shared(3), &left), "br-int still has to take its flows away");
}

#[test]
fn an_address_that_was_shared_is_not_given_out_while_switches_have_it() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| share(site, shared(3)));
    run(&mut site, |site| share(site, None));
    let fip = site.floating_ip(address(3)).expect("it has a record");
    assert!(fip.left.contains(&port("br-ex")), "{fip:?}");
}

#[test]
fn other_ports_of_a_shared_address_are_taken_at_once() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| share(site, shared(3)));
    let left = |_: &FloatingIp| vec![port("br-int")];
    let other = Some("203.0.113.3:20000-29999".parse().unwrap());
    let change = site.share(Change::default(), &name("lan"), other, &left).unwrap();
    site.apply(&change);
    assert_eq!(site.provider(&name("lan")).unwrap().snat, other);
    assert_eq!(site.share(Change::default(), &name("lan"), other, &left), Ok(Change::default()));
}

#[test]
fn what_is_in_no_pool_yet_is_shared_when_it_is() {
    let mut site = site(PolicySpec::Host);
    run(&mut site, |site| share(site, Some("203.0.113.200".parse().unwrap())));
    let provider = Arc::clone(site.provider(&name("lan")).unwrap());
    assert_eq!(site.snat_of(&provider), None);
    let spec = RangesSpec { ranges: vec!["203.0.113.200".parse().unwrap()], ..RangesSpec::default() };
    run(&mut site, |site| site.add_to_pool(&name("public"), &spec));
    assert_eq!(site.snat_of(&provider), provider.snat);
}

#[test]
fn what_somebody_had_just_now_is_not_shared_by_way_of_no_pool() {
    let mut site = site(PolicySpec::Host);
    let cool = PoolChange { cool_down: Some("300s".parse().unwrap()), ..PoolChange::default() };
    run(&mut site, |site| site.set_pool(&name("public"), &cool));
    for last in [3, 4] {
        run(&mut site, |site| site.associate(&associate(last, &format!("vm1{}", last - 2)), &|_| Vec::new()));
        run(&mut site, |site| site.release(address(last)));
        run(&mut site, |site| site.remove_from_pool(&name("public"), &[address(last).to_string().parse().unwrap()]));
    }
    let left = |_: &FloatingIp| vec![port("br-int")];
    let waits = site.share(Change::default(), &name("lan"), shared(3), &left);
    refused(waits, "203.0.113.3 was released, and br-int still has to take its flows away");
    let cools = "203.0.113.3 was released by project default and no other project gets it for 300 more seconds";
    refused(share(&site, shared(3)), cools);
    // Whose cool-down it was is forgotten; the pool that gets it has its own.
    run(&mut site, |site| site.forget_withdrawn(&name("public"), &["203.0.113.3".parse().unwrap()]));
    run(&mut site, |site| share(site, shared(3)));
    let back = RangesSpec { ranges: vec!["203.0.113.3".parse().unwrap()], ..RangesSpec::default() };
    refused(site.add_to_pool(&name("public"), &back), cools);
    site.set_now(crate::Time(site.now().0 + 300));
    run(&mut site, |site| site.add_to_pool(&name("public"), &back));
    // It is the provider's by then: a longer cool-down does not concern it.
    let longer = PoolChange { cool_down: Some("900s".parse().unwrap()), ..PoolChange::default() };
    run(&mut site, |site| site.set_pool(&name("public"), &longer));
    run(&mut site, |site| site.add_to_pool(&name("public"), &back));
    refused(share(&site, shared(4)), "203.0.113.4 was released by project default");
    site.set_now(crate::Time(site.now().0 + 900));
    run(&mut site, |site| share(site, shared(4)));
}

#[test]
fn under_vmac_a_shared_address_has_a_mac() {
    let mut site = site(PolicySpec::Vmac);
    let said = "203.0.113.3 has no MAC";
    refused(share(&site, shared(3)), said);
    let mac = |mac| FipSpec { mac: Some(mac), ..FipSpec::default() };
    run(&mut site, |site| site.set_floating_ip(address(3), &mac(Some(MacAddr::new([2, 0, 0, 0, 0, 9])))));
    run(&mut site, |site| share(site, shared(3)));
    refused(site.set_floating_ip(address(3), &mac(None)), "203.0.113.3 is shared by");
}
