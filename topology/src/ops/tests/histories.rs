//! Random histories: every change can be undone.

use proptest::prelude::*;

use super::*;

/// One step of a random history; most are refused, as most of an admin's mistakes are.
fn step(site: &Site, kind: u8, last: u8) -> Result<Change, OpError> {
    let vm = name(&format!("vm{}", 11 + last % 4));
    match kind % 8 {
        0 => site.associate(&associate(last, vm.as_str()), &nobody),
        1 => site.disassociate(address(last)),
        2 => site.release(address(last)),
        3 => site.add_instance(vm, instance("blue", 11 + last % 4)),
        4 => site.remove_instance(&vm),
        5 => super::direct::add(site, last),
        6 => site.remove_direct(&name(&format!("gw{}", last % 4))),
        _ => site.add_to_pool(&name("public"), &ranges(&[&format!("203.0.113.{}", last.max(1))])),
    }
}

proptest! {
    #[test]
    fn a_change_can_be_undone_and_indexes_follow(steps in prop::collection::vec((any::<u8>(), 0..16_u8), 1..60)) {
        let mut site = site(PolicySpec::Host);
        for (kind, last) in steps {
            let Ok(change) = step(&site, kind, last) else { continue };
            let before = format!("{:?}", summary(&site));
            let undo = site.apply(&change);
            let after = format!("{:?}", summary(&site));
            site.apply(&undo);
            prop_assert_eq!(&format!("{:?}", summary(&site)), &before);
            site.apply(&change);
            prop_assert_eq!(format!("{:?}", summary(&site)), after);
        }
    }
}

/// All records, and what the indexes say of each.
fn summary(site: &Site) -> impl std::fmt::Debug + use<> {
    let fips: Vec<_> = site.floating_ips().cloned().collect();
    let bound: Vec<_> = fips
        .iter()
        .filter_map(|fip| fip.association.clone())
        .map(|own| site.floating_ip_of(&own.instance, own.fixed_ip).map(|fip| fip.address))
        .collect();
    let instances: Vec<_> = site.instances().cloned().collect();
    let placed: Vec<_> = (11..16_u8)
        .map(|last| {
            let by_ip = site.instance_at(&name("blue"), [10, 0, 0, last].into()).map(|own| own.name.clone());
            let by_port = site.instance_on_port(&port("br-int"), &port(&format!("vm{last}")), None).cloned();
            (by_ip, by_port)
        })
        .collect();
    let pools: Vec<_> = site.pools().cloned().collect();
    let covered: Vec<_> = (0..20).map(|last| site.pool_at(address(last)).is_some()).collect();
    let directs: Vec<_> = site.directs().cloned().collect();
    let kept: Vec<_> = site.pools().flat_map(|pool| site.blocks(pool)).collect();
    (directs, kept, fips, bound, instances, placed, pools, covered, site.next_entity())
}
