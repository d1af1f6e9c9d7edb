//! Whose an address is, who may get it next, and what a project may have.

use proptest::prelude::*;

use super::*;
use crate::{CoolDown, Quota, Record, Relabel, Time};

fn allocate_for(site: &mut Site, project: &str, last: Option<u8>) -> Result<u8, OpError> {
    let spec = AllocateSpec { pool: None, address: last.map(address), project: name(project) };
    let (address, change) = site.allocate(&spec, &nobody)?;
    site.apply(&change);
    site.set_generation(site.generation().next());
    Ok(address.octets()[3])
}

fn release(site: &mut Site, last: u8) {
    run(site, |site| site.release(address(last)));
}

/// A site whose clock stands at 1,000 seconds.
fn at_noon() -> Site {
    let mut site = site(PolicySpec::Host);
    site.set_now(Time(1_000));
    site
}

#[test]
fn an_address_cools_down_before_another_project_gets_it() {
    let mut site = at_noon();
    for last in 3..=6 {
        assert_eq!(allocate_for(&mut site, "red", None), Ok(last));
    }
    release(&mut site, 5);
    release(&mut site, 4);
    assert!(matches!(allocate_for(&mut site, "blue", None), Err(OpError::Exhausted { .. })));
    let refused = allocate_for(&mut site, "blue", Some(5)).unwrap_err();
    assert!(matches!(refused, OpError::Cooling { seconds: 300, .. }), "{refused}");
    let pool = site.pool(&name("public")).unwrap().clone();
    assert_eq!(site.cooling_of(&pool), 2);

    // Its own project gets it back at once: the one that was released first where none is named.
    assert_eq!(allocate_for(&mut site, "red", None), Ok(5));
    assert_eq!(allocate_for(&mut site, "red", Some(4)), Ok(4));
    release(&mut site, 5);
    site.set_now(Time(1_200));
    release(&mut site, 3);
    site.set_now(Time(1_300));
    assert_eq!(allocate_for(&mut site, "blue", None), Ok(5));
    assert!(allocate_for(&mut site, "blue", None).is_err());
    run(&mut site, |site| {
        let cool_down = Some("0".parse::<CoolDown>().unwrap());
        site.set_pool(&name("public"), &PoolChange { cool_down, ..PoolChange::default() })
    });
    assert_eq!(allocate_for(&mut site, "blue", None), Ok(3));
}

#[test]
fn time_never_goes_back() {
    let mut site = at_noon();
    site.set_now(Time(10));
    assert_eq!(site.now(), Time(1_000));
}

#[test]
fn reserved_addresses_are_left_out_until_they_are_given_back() {
    let mut site = at_noon();
    let range = |text: &str| text.parse::<RangeSpec>().unwrap();
    let note = "the printer".parse().unwrap();
    run(&mut site, |site| site.reserve(range("203.0.113.3-203.0.113.5"), Some(&note)).map(|(_, change)| change));
    assert_eq!(allocate_for(&mut site, "red", None), Ok(6));
    assert_eq!(allocate_for(&mut site, "red", Some(4)), Err(OpError::Reserved { address: address(4) }));
    assert!(matches!(site.associate(&associate(4, "vm11"), &nobody), Err(OpError::Reserved { .. })));
    assert!(matches!(site.reserve(range("203.0.113.6"), None), Err(OpError::ReservedInUse { .. })));
    assert!(matches!(site.reserve(range("203.0.113.6-203.0.113.9"), None), Err(OpError::NotInPool { .. })));
    assert!(site.reserve(range("203.0.113.4"), None).unwrap().1.is_empty());
    run(&mut site, |site| site.unreserve(range("203.0.113.4")).map(|(_, change)| change));
    assert_eq!(allocate_for(&mut site, "red", None), Ok(4));
    assert!(allocate_for(&mut site, "red", None).is_err());
}

#[test]
fn a_quota_counts_every_way_to_get_an_address() {
    let mut site = at_noon();
    run(&mut site, |site| Ok(site.set_default_quota(Quota::AtMost(1))));
    assert_eq!(allocate_for(&mut site, "default", None), Ok(3));
    let over = OpError::OverQuota { project: name("default"), held: 1, quota: 1 };
    assert_eq!(allocate_for(&mut site, "default", None), Err(over.clone()));
    assert_eq!(site.associate(&associate(4, "vm11"), &nobody), Err(over.clone()));
    let added = site.add_instance_with_address(name("vm13"), instance("blue", 13), &AutoAssign::Auto, &nobody);
    assert_eq!(added, Err(over));
    // An address that the project has already may be bound.
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    let spec = ProjectSpec { fip_quota: Some(Some(Quota::AtMost(2))) };
    run(&mut site, |site| Ok(site.set_project(&name("default"), &spec)));
    assert_eq!(allocate_for(&mut site, "default", None), Ok(4));
    release(&mut site, 4);
    assert_eq!(site.fips_held(&name("default")), 1);
}

#[test]
fn a_new_instance_gets_an_address_or_is_not_there_at_all() {
    let mut site = at_noon();
    let add = |site: &Site, last: u8, assign: &AutoAssign| {
        site.add_instance_with_address(name(&format!("vm{last}")), instance("blue", last), assign, &nobody)
    };
    assert_eq!(add(&site, 13, &AutoAssign::AsNetwork).unwrap().0, None);
    run(&mut site, |site| site.set_network(&name("blue"), Some(name("public")), true));
    assert_eq!(add(&site, 13, &AutoAssign::Never).unwrap().0, None);
    for (last, expected) in [(13, 3), (14, 4), (15, 5), (16, 6)] {
        let (given, change) = add(&site, last, &AutoAssign::AsNetwork).unwrap();
        site.apply(&change);
        assert_eq!(given, Some(address(expected)));
        assert_eq!(site.binding(address(expected)).unwrap().interface.ip, Ipv4Addr::from([10, 0, 0, last]));
    }
    assert!(matches!(add(&site, 17, &AutoAssign::AsNetwork), Err(OpError::Exhausted { .. })));
    assert!(matches!(add(&site, 17, &AutoAssign::From(name("none"))), Err(OpError::Unknown { .. })));
    let refused = site.delete_pool(&name("public")).unwrap_err().to_string();
    assert!(refused.contains("network blue (--auto-assign)"), "{refused}");
    let ids: std::collections::BTreeSet<_> = site.floating_ips().map(|fip| fip.id).collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn force_takes_an_address_from_an_instance_and_leaves_it_to_the_project() {
    let mut site = at_noon();
    let second = InterfaceSpec {
        network: name("blue"),
        port: port("vm11-2"),
        vlan: None,
        mac: MacAddr::new([2, 0, 0, 0, 0, 21]),
        ip: [10, 0, 0, 21].into(),
    };
    run(&mut site, |site| site.attach_interface(&name("vm11"), second));
    let bind = AssociateSpec { fixed_ip: Some([10, 0, 0, 21].into()), ..associate(3, "vm11") };
    run(&mut site, |site| site.associate(&bind, &nobody));
    run(&mut site, |site| site.associate(&associate(4, "vm11"), &nobody));

    let vm = name("vm11");
    assert!(matches!(site.detach_interface(&vm, [10, 0, 0, 21].into(), false), Err(OpError::InUse { .. })));
    assert!(matches!(site.detach_interface(&vm, [10, 0, 0, 99].into(), true), Err(OpError::NoSuchFixedIp { .. })));
    run(&mut site, |site| site.detach_interface(&vm, [10, 0, 0, 21].into(), true));
    assert_eq!(site.floating_ip(address(3)).unwrap().state(), crate::FloatingIpState::Allocated);
    assert!(matches!(site.detach_interface(&vm, [10, 0, 0, 11].into(), true), Err(OpError::LastInterface { .. })));
    assert!(matches!(site.remove_instance(&vm), Err(OpError::InUse { .. })));
    run(&mut site, |site| site.remove_instance_anyway(&vm, true));
    assert!(site.instance(&vm).is_none());
    assert_eq!(site.fips_held(&name("default")), 2);
}

#[test]
fn an_association_has_a_name_until_another_one_is_made() {
    let mut site = at_noon();
    let id = |site: &Site| site.floating_ip(address(3)).unwrap().association_id();
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    let first = id(&site).unwrap();
    run(&mut site, |site| site.associate(&associate(3, "vm11"), &nobody));
    assert_eq!(id(&site).as_ref(), Some(&first));
    run(&mut site, |site| site.associate(&associate(3, "vm12"), &nobody));
    let second = id(&site).unwrap();
    run(&mut site, |site| site.disassociate(address(3)));
    assert_eq!(id(&site), None);
    run(&mut site, |site| site.associate(&associate(3, "vm12"), &nobody));
    let third = id(&site).unwrap();
    assert!(first != second && second != third && first != third);
}

#[test]
fn labels_belong_to_the_project_and_go_with_it() {
    let mut site = at_noon();
    let labels = Relabel { set: vec!["env=prod".parse().unwrap()], unset: Vec::new() };
    let spec = FipSpec { labels, ..FipSpec::default() };
    assert_eq!(site.set_floating_ip(address(3), &spec), Err(OpError::LabelOfNobody { address: address(3) }));
    assert_eq!(allocate_for(&mut site, "red", None), Ok(3));
    run(&mut site, |site| site.set_floating_ip(address(3), &spec));
    let labelled = |site: &Site| site.floating_ip(address(3)).unwrap().labels.has(&"env=prod".parse().unwrap());
    assert!(labelled(&site));
    release(&mut site, 3);
    assert!(!labelled(&site));
}

#[test]
fn a_network_of_a_project_takes_its_instances_alone() {
    let mut site = at_noon();
    let spec = NetworkSpec {
        cidr: "10.1.0.0/24".parse().unwrap(),
        gateway: [10, 1, 0, 1].into(),
        gateway_mac: None,
        project: Some(name("red")),
        auto_assign: None,
        snat: true,
    };
    run(&mut site, |site| site.create_network(name("private"), spec));
    let mut own = instance("private", 13);
    own.interface.ip = [10, 1, 0, 13].into();
    let refused = site.add_instance(name("vm13"), own.clone()).unwrap_err();
    assert!(matches!(refused, OpError::OtherProjectsNetwork { .. }), "{refused}");
    own.project = name("red");
    run(&mut site, |site| site.add_instance(name("vm13"), own));
    let refused = site.delete_project(&name("red")).unwrap_err().to_string();
    assert!(refused.contains("network private, instance vm13"), "{refused}");
}

/// What the index says is free, against a walk over all addresses.
fn check_index(site: &Site) {
    for pool in site.pools() {
        let spans = pool.addresses.spans().iter().flat_map(|span| span.first.to_bits()..=span.last.to_bits());
        let all = spans.map(Ipv4Addr::from_bits).filter(|own| !pool.reserved.contains(*own));
        let released = |own: &Ipv4Addr| site.floating_ip(*own).and_then(|fip| fip.released.clone());
        let free = all.filter(|own| site.floating_ip(*own).is_none_or(|fip| fip.project.is_none()));
        let (used, fresh): (Vec<_>, Vec<_>) = free.partition(|own| released(own).is_some());
        let mut used: Vec<_> = used.into_iter().map(|own| (released(&own).unwrap(), own)).collect();
        used.sort_by_key(|(released, own)| (released.generation, *own));
        for project in ["red", "blue"] {
            let is_cold = |at: Time| pool.cool_down.after(at) <= site.now();
            let cold = used.iter().filter(|(released, _)| is_cold(released.at));
            let own = used.iter().filter(|(released, _)| !is_cold(released.at) && released.by == name(project));
            let expected: Vec<_> = fresh.iter().copied().chain(cold.chain(own).map(|(_, own)| *own)).collect();
            assert_eq!(site.candidates(pool, &name(project)).collect::<Vec<_>>(), expected);
        }
    }
    for project in ["red", "blue"] {
        let held = site.floating_ips().filter(|fip| fip.project == Some(name(project))).count();
        assert_eq!(site.fips_held(&name(project)), held as u64);
    }
}

proptest! {
    #[test]
    fn the_index_of_free_addresses_is_what_a_walk_finds(
        steps in proptest::collection::vec((0..9_u8, 2..16_u8, any::<bool>(), any::<bool>()), 0..60),
    ) {
        let mut site = at_noon();
        let project = |red: bool| name(if red { "red" } else { "blue" });
        for (kind, last, red, undone) in steps {
            let range = || format!("203.0.113.{last}-203.0.113.{}", last + 2).parse::<RangeSpec>().unwrap();
            let change = match kind {
                0 => {
                    let spec = AllocateSpec { pool: None, address: None, project: project(red) };
                    site.allocate(&spec, &nobody).map(|(_, change)| change)
                }
                1 => {
                    let spec = AllocateSpec { pool: None, address: Some(address(last)), project: project(red) };
                    site.allocate(&spec, &nobody).map(|(_, change)| change)
                }
                2 | 3 => site.release(address(last)),
                4 => site.reserve(range(), None).map(|(_, change)| change),
                5 => site.unreserve(range()).map(|(_, change)| change),
                6 => {
                    let mac = red.then(|| MacAddr::new([2, 0, 0, 0, 1, last]));
                    site.add_to_pool(&name("public"), &RangesSpec { ranges: vec![range()], all_addresses: true, mac })
                }
                7 => site.remove_from_pool(&name("public"), &[range()]),
                _ => {
                    site.set_now(Time(site.now().0 + u64::from(last) * 20));
                    Ok(Change::default())
                }
            };
            let Ok(change) = change else { continue };
            let undo = site.apply(&change);
            if undone {
                site.apply(&undo);
            } else {
                site.set_generation(site.generation().next());
            }
            check_index(&site);
        }
        let pools = site.pools().map(|pool| Record::Pool(pool.clone()));
        let records: Vec<_> = pools.chain(site.floating_ips().cloned().map(Record::FloatingIp)).collect();
        let loaded = Site::load(site.generation(), records);
        for pool in site.pools() {
            let red = name("red");
            let mut again = loaded.clone();
            again.set_now(site.now());
            prop_assert!(again.candidates(pool, &red).eq(site.candidates(pool, &red)));
        }
    }
}
