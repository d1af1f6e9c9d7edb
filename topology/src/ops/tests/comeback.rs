//! Addresses that are taken out of a pool and come back.

use super::*;
use crate::{FloatingIp, Time};

fn allocate_for(site: &Site, project: &str, last: u8) -> Result<Ipv4Addr, OpError> {
    let spec = AllocateSpec { pool: None, address: Some(address(last)), project: name(project) };
    site.allocate(&spec, &nobody).map(|(address, _)| address)
}

fn range(last: u8) -> RangeSpec {
    address(last).to_string().parse().unwrap()
}

/// A pool with the name, of these addresses.
fn create(site: &mut Site, pool: &str, of: &[&str]) {
    let spec = PoolSpec {
        provider: name("lan"),
        ranges: ranges(of),
        default: false,
        cool_down: Default::default(),
        warn_at: None,
    };
    run(site, |site| site.create_pool(name(pool), spec));
}

/// What an admin does, and its name.
type Way = (&'static str, fn(&mut Site));

/// The ways by which the address .3 goes out of its pool and is in one again.
fn comebacks() -> [Way; 4] {
    [
        ("remove and add", |site| {
            run(site, |site| site.remove_from_pool(&name("public"), &[range(3)]));
            run(site, |site| site.add_to_pool(&name("public"), &ranges(&["203.0.113.3"])));
        }),
        ("to another pool", |site| {
            run(site, |site| site.remove_from_pool(&name("public"), &[range(3)]));
            create(site, "other", &["203.0.113.3"]);
        }),
        ("delete and create", |site| {
            run(site, |site| site.delete_pool(&name("public")));
            create(site, "public", &["203.0.113.0/29"]);
        }),
        ("removed, and its pool deleted", |site| {
            run(site, |site| site.remove_from_pool(&name("public"), &[range(3)]));
            run(site, |site| site.delete_pool(&name("public")));
            create(site, "other", &["203.0.113.2-203.0.113.5"]);
        }),
    ]
}

#[test]
fn an_address_cools_down_wherever_it_was_meanwhile() {
    for (way, come_back) in comebacks() {
        let mut site = site(PolicySpec::Host);
        site.set_now(Time(1_000));
        let note = FipSpec { note: Some(Some("rack 7".parse().unwrap())), ..FipSpec::default() };
        run(&mut site, |site| site.set_floating_ip(address(3), &note));
        run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
        let id = site.floating_ip(address(3)).unwrap().id;
        run(&mut site, |site| site.release(address(3)));
        come_back(&mut site);

        let refused = allocate_for(&site, "blue", 3).unwrap_err();
        assert!(matches!(refused, OpError::Cooling { seconds: 300, .. }), "{way}: {refused}");
        assert_eq!(allocate_for(&site, "default", 3), Ok(address(3)), "{way}: its own project gets it back");
        let pool = site.pool_at(address(3)).unwrap();
        assert_eq!(site.cooling_of(pool), 1, "{way}");
        let fip = site.floating_ip(address(3)).unwrap();
        assert_eq!((fip.id, &fip.note), (id, &None), "{way}: the number stays, what was known of it goes");
        site.set_now(Time(1_300));
        assert_eq!(allocate_for(&site, "blue", 3), Ok(address(3)), "{way}");
    }
}

#[test]
fn an_address_that_a_bridge_may_still_hold_is_waited_for_wherever_it_was_meanwhile() {
    let held = |fip: &FloatingIp| fip.left.iter().cloned().collect::<Vec<_>>();
    for (way, come_back) in comebacks() {
        let mut site = site(PolicySpec::Host);
        run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
        run(&mut site, |site| site.release(address(3)));
        come_back(&mut site);
        let refused = site.associate(&associate(3, "vm11"), &held).unwrap_err();
        let bridges = vec![port("br-ex"), port("br-int")];
        assert_eq!(refused, OpError::Leaving { address: address(3), pending: bridges }, "{way}");
    }
}

#[test]
fn an_address_that_nobody_ever_had_leaves_nothing_behind() {
    let mut site = site(PolicySpec::Host);
    let note = FipSpec { note: Some(Some("rack 7".parse().unwrap())), ..FipSpec::default() };
    run(&mut site, |site| site.set_floating_ip(address(3), &note));
    run(&mut site, |site| site.remove_from_pool(&name("public"), &[range(3)]));
    assert_eq!(site.floating_ip(address(3)), None);
}
