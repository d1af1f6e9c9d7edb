//! Random sites, one declared over the other.

use proptest::prelude::*;

use super::*;
use crate::Change;

/// A site made of small numbers: what they clash in is for [`Site::declare`] to refuse.
fn random() -> impl Strategy<Value = SiteSpec> {
    let providers = prop::collection::btree_map(0..3_u8, (0..3_u8, 0..3_u8), 0..3);
    let pools = prop::collection::btree_map(0..3_u8, (0..3_u8, 0..8_u8, any::<bool>()), 0..3);
    let instances = prop::collection::btree_map(0..4_u8, prop::collection::vec((11..17_u8, 11..17_u8), 1..3), 0..4);
    let directs = prop::collection::btree_map(0..2_u8, (0..3_u8, 0..16_u8, 40..42_u8), 0..2);
    let fips = prop::collection::btree_map(0..24_u8, (0..3_u8, 0..4_u8, any::<bool>()), 0..8);
    let made = (providers, pools, 1..3_u8, instances, directs, fips);
    made.prop_map(|(providers, pools, gateway, instances, directs, fips)| SiteSpec {
        providers: providers
            .into_iter()
            .map(|(own, (uplink, policy))| {
                let policy = [PolicySpec::Host, PolicySpec::Vmac, PolicySpec::Router(None)][usize::from(policy)];
                let spec = provider(&format!("eth{uplink}"), policy);
                (name(&format!("p{own}")), ProviderSpec { gateway: Some([198, 51, 100, 1].into()), ..spec })
            })
            .collect(),
        pools: pools
            .into_iter()
            .map(|(own, (provider, first, default))| {
                let first = first * 3;
                let range = format!("203.0.113.{first}-203.0.113.{}", first + 5);
                (name(&format!("q{own}")), PoolSpec { default, ..pool(&format!("p{provider}"), &[&range]) })
            })
            .collect(),
        networks: vec![(name("blue"), network(gateway))],
        instances: instances
            .into_iter()
            .map(|(own, interfaces)| {
                let interfaces = interfaces
                    .into_iter()
                    .map(|(last, at)| InterfaceSpec { port: port(&format!("vm{at}")), ..interface(last) });
                let project = name(["default", "other"][usize::from(own % 2)]);
                (name(&format!("i{own}")), GuestSpec { project, interfaces: interfaces.collect(), ..guest(&[]) })
            })
            .collect(),
        directs: directs
            .into_iter()
            .map(|(own, (provider, last, at))| {
                let (provider, port, ips) =
                    (name(&format!("p{provider}")), port(&format!("d{at}")), vec![address(last)]);
                (name(&format!("d{own}")), DirectSpec { provider, port, mac: mac(at), ips })
            })
            .collect(),
        floating_ips: fips
            .into_iter()
            .map(|(last, (kind, instance, has_mac))| {
                let own = fip(last, if kind == 0 { ["i0", "i1", "i2", "i3"][usize::from(instance)] } else { "" });
                let project = (kind == 1).then(|| name("default"));
                AddressSpec { project, mac: has_mac.then(|| mac(last)), note: Some("a note".parse().unwrap()), ..own }
            })
            .collect(),
        prune: true,
    })
}

/// The largest part of a site that is right: what is refused is left out, until nothing is.
fn right(site: &Site, mut spec: SiteSpec) -> SiteSpec {
    loop {
        let Err(mistakes) = site.declare(&spec, &nobody) else { return spec };
        let mut wrong: Vec<_> = mistakes.iter().filter_map(|own| own.spot).map(|own| (own.thing, own.entry)).collect();
        if wrong.is_empty() {
            spec.prune = false;
            continue;
        }
        wrong.sort_unstable();
        wrong.dedup();
        for (thing, entry) in wrong.into_iter().rev() {
            match thing {
                Thing::Provider => drop(spec.providers.remove(entry)),
                Thing::Pool => drop(spec.pools.remove(entry)),
                Thing::Network => drop(spec.networks.remove(entry)),
                Thing::Instance => drop(spec.instances.remove(entry)),
                Thing::Direct => drop(spec.directs.remove(entry)),
                Thing::FloatingIp => drop(spec.floating_ips.remove(entry)),
            }
        }
    }
}

/// All that a site is, but for numbers and for what switches still have to do.
fn summary(site: &Site) -> String {
    let fips = site.floating_ips().filter(|own| own.is_told());
    let fips: Vec<_> = fips.map(|own| (own.address, &own.project, &own.association, own.mac, &own.note)).collect();
    let bound: Vec<_> = site.floating_ips().map(|own| site.binding(own.address).map(|own| own.interface.ip)).collect();
    let bound: Vec<_> = bound.into_iter().flatten().collect();
    let pools: Vec<_> = site.pools().map(|own| (&own.name, &own.provider, &own.addresses, own.default)).collect();
    let covered: Vec<_> = (0..32).map(|last| site.pool_at(address(last)).map(|own| own.name.clone())).collect();
    let held: Vec<_> = (0..32).map(|last| site.direct_at(address(last)).map(|own| own.name.clone())).collect();
    let ports = (11..17_u8).map(|at| site.instance_on_port(&port("br-int"), &port(&format!("vm{at}")), None).cloned());
    let interfaces = |own: &crate::Instance| -> Vec<_> {
        own.interfaces.iter().map(|own| (own.network.clone(), own.port.clone(), own.mac, own.ip)).collect()
    };
    let instances: Vec<_> = site.instances().map(|own| (&own.name, &own.project, interfaces(own))).collect();
    let bound_to: Vec<_> = site
        .instances()
        .flat_map(|own| own.interfaces.iter().map(|interface| site.floating_ip_of(&own.name, interface.ip)))
        .map(|fip| fip.map(|fip| fip.address))
        .collect();
    let providers: Vec<_> = site.providers().map(|own| (&own.name, &own.uplink, own.mac_policy.word())).collect();
    let networks: Vec<_> = site.networks().map(|own| (&own.name, own.cidr, own.gateway)).collect();
    let ports: Vec<_> = ports.collect();
    format!(
        "{fips:?} {bound:?} {pools:?} {covered:?} {held:?} {ports:?} {instances:?} {bound_to:?} {providers:?} {networks:?}"
    )
}

/// All records, numbers included.
fn records(site: &Site) -> String {
    let fips: Vec<_> = site.floating_ips().collect();
    let all = (site.providers().collect::<Vec<_>>(), site.pools().collect::<Vec<_>>());
    let more = (site.networks().collect::<Vec<_>>(), site.instances().collect::<Vec<_>>());
    format!("{fips:?} {all:?} {more:?} {:?} {}", site.directs().collect::<Vec<_>>(), site.next_entity())
}

proptest! {
    #[test]
    fn a_site_over_another_is_as_it_would_be_alone(one in random(), two in random()) {
        let mut site = Site::default();
        let one = right(&site, one);
        apply(&mut site, &one);
        let two = right(&site, two);
        let Declared { change, after, changed, .. } = declared(&site, &two);

        let before = (records(&site), summary(&site));
        let undo = site.apply(&change);
        prop_assert_eq!(records(&site), records(&after));
        prop_assert_eq!(summary(&site), summary(&after), "indexes follow");
        site.apply(&undo);
        prop_assert_eq!((records(&site), summary(&site)), before);
        site.apply(&change);
        site.set_generation(site.generation().next());
        prop_assert_eq!(change.is_empty(), changed.is_empty());

        let again = declared(&site, &two);
        prop_assert_eq!(again.change, Change::default(), "what is so already is no change");
        if two.prune {
            prop_assert!(again.undeclared.is_empty());
            let alone = declared(&Site::default(), &two).after;
            prop_assert_eq!(summary(&site), summary(&alone));
        }
    }
}
