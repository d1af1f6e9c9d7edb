//! Random sites, one declared over the other.

use proptest::prelude::*;

use super::*;
use crate::Change;

/// A site made of small numbers: what they clash in is for [`Site::declare`] to refuse.
fn random() -> impl Strategy<Value = SiteSpec> {
    let providers = prop::collection::btree_map(0..3_u8, (0..3_u8, 0..3_u8, 0..4_u8), 0..3);
    let kept = (0..3_u8, prop::option::of(0..8_u8), prop::option::of(1..=100_u8));
    let pools = prop::collection::btree_map(0..3_u8, (0..3_u8, 0..8_u8, any::<bool>(), kept), 0..3);
    let segment = (1..3_u8, prop::option::of(0..3_u8), 0..6_u8);
    let quotas = prop::collection::btree_map(0..3_u8, prop::option::of(0..4_u32), 0..3);
    let instances =
        prop::collection::btree_map(0..4_u8, (prop::collection::vec((11..17_u8, 11..17_u8), 1..3), labels()), 0..4);
    let directs = prop::collection::btree_map(0..2_u8, (0..3_u8, 0..16_u8, 40..42_u8), 0..2);
    let fips = prop::collection::btree_map(0..24_u8, (0..3_u8, 0..4_u8, any::<bool>(), labels()), 0..8);
    let shared = prop::collection::btree_map(0..3_u8, 0..40_u8, 0..2);
    let made = (quotas, (providers, shared), pools, segment, instances, directs, fips);
    made.prop_map(|(quotas, (providers, shared), pools, (gateway, assigns, owner), instances, directs, fips)| {
        SiteSpec {
            quotas: quotas
                .into_iter()
                .map(|(own, quota)| QuotaSpec {
                    project: [None, Some(name("default")), Some(name("other"))][usize::from(own)].clone(),
                    fip_quota: quota.map(Quota::AtMost),
                })
                .collect(),
            providers: providers
                .into_iter()
                .map(|(own, (uplink, policy, routed))| {
                    let policy = [PolicySpec::Host, PolicySpec::Vmac, PolicySpec::Router(None)][usize::from(policy)];
                    let spec = provider(&format!("eth{uplink}"), policy);
                    // The third is that of a pool now and then.
                    let blocks = ["198.51.100.0/26", "198.51.100.64/26", "203.0.113.0/28"];
                    let no_snat =
                        blocks.get(usize::from(routed)).map(|block| block.parse().unwrap()).into_iter().collect();
                    let mtu = (routed == 1).then(|| 1_400.try_into().unwrap());
                    let spec = ProviderSpec { no_snat, mtu, ..spec };
                    (name(&format!("p{own}")), ProviderSpec { gateway: Some([198, 51, 100, 1].into()), ..spec })
                })
                .collect(),
            shared: shared
                .into_iter()
                .map(|(own, last)| (name(&format!("p{own}")), address(last).to_string().parse().unwrap()))
                .collect(),
            pools: pools
                .into_iter()
                .map(|(own, (provider, first, default, (cool_down, reserved, warn_at)))| {
                    let first = first * 3;
                    let range = format!("203.0.113.{first}-203.0.113.{}", first + 5);
                    let mut stock = pool(&format!("p{provider}"), &[&range]);
                    let cool_down = ["0", "0", "300"][usize::from(cool_down)].parse().unwrap();
                    let warn_at = warn_at.map(|own| own.try_into().unwrap());
                    stock.pool = PoolSpec { default, cool_down, warn_at, ..stock.pool };
                    let reserved =
                        reserved.map(|last| format!("203.0.113.{}-203.0.113.{}", first + last, first + last));
                    stock.reserved = reserved.map(|range| range.parse().unwrap()).into_iter().collect();
                    (name(&format!("q{own}")), stock)
                })
                .collect(),
            networks: vec![(
                name("blue"),
                NetworkSpec {
                    project: (owner == 0).then(|| name("default")),
                    auto_assign: assigns.map(|own| name(&format!("q{own}"))),
                    ..network(gateway)
                },
            )],
            instances: instances
                .into_iter()
                .map(|(own, (interfaces, labels))| {
                    let interfaces = interfaces
                        .into_iter()
                        .map(|(last, at)| InterfaceSpec { port: port(&format!("vm{at}")), ..interface(last) });
                    let project = name(["default", "other"][usize::from(own % 2)]);
                    let note = labels.first().map(|label| label.to_string().parse().unwrap());
                    let interfaces = interfaces.collect();
                    (name(&format!("i{own}")), GuestSpec { project, interfaces, labels, note, ..guest(&[]) })
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
                .map(|(last, (kind, instance, has_mac, labels))| {
                    let own = fip(last, if kind == 0 { ["i0", "i1", "i2", "i3"][usize::from(instance)] } else { "" });
                    let project = (kind == 1).then(|| name("default"));
                    let labels = if kind < 2 { labels } else { Vec::new() };
                    let (mac, note) = (has_mac.then(|| mac(last)), Some("a note".parse().unwrap()));
                    AddressSpec { project, mac, note, labels, ..own }
                })
                .collect(),
            prune: true,
        }
    })
}

fn labels() -> impl Strategy<Value = Vec<Label>> {
    let all = prop::collection::btree_map(0..3_u8, 0..2_u8, 0..3);
    all.prop_map(|all| all.into_iter().map(|(key, value)| format!("k{key}={value}").parse().unwrap()).collect())
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
                Thing::Project => drop(spec.quotas.remove(entry)),
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
    let fips = fips.map(|own| (own.address, &own.project, &own.association, own.mac, &own.note, &own.labels));
    let fips: Vec<_> = fips.collect();
    let bound: Vec<_> = site.floating_ips().map(|own| site.binding(own.address).map(|own| own.interface.ip)).collect();
    let bound: Vec<_> = bound.into_iter().flatten().collect();
    let pools = site
        .pools()
        .map(|own| (&own.name, &own.provider, &own.addresses, own.default, &own.reserved, own.cool_down, own.warn_at));
    let pools: Vec<_> = pools.collect();
    let quotas = (site.projects().collect::<Vec<_>>(), site.default_quota());
    let covered: Vec<_> = (0..32).map(|last| site.pool_at(address(last)).map(|own| own.name.clone())).collect();
    let held: Vec<_> = (0..32).map(|last| site.direct_at(address(last)).map(|own| own.name.clone())).collect();
    let ports = (11..17_u8).map(|at| site.instance_on_port(&port("br-int"), &port(&format!("vm{at}")), None).cloned());
    let interfaces = |own: &crate::Instance| -> Vec<_> {
        own.interfaces.iter().map(|own| (own.network.clone(), own.port.clone(), own.mac, own.ip)).collect()
    };
    let instances = site.instances().map(|own| (&own.name, &own.project, interfaces(own), &own.labels, &own.note));
    let instances: Vec<_> = instances.collect();
    let bound_to: Vec<_> = site
        .instances()
        .flat_map(|own| own.interfaces.iter().map(|interface| site.floating_ip_of(&own.name, interface.ip)))
        .map(|fip| fip.map(|fip| fip.address))
        .collect();
    let providers: Vec<_> =
        site.providers().map(|own| (&own.name, &own.uplink, own.mac_policy.word(), &own.no_snat, own.mtu)).collect();
    let networks = site.networks().map(|own| (&own.name, own.cidr, own.gateway, &own.project, &own.auto_assign));
    let networks: Vec<_> = networks.collect();
    let ports: Vec<_> = ports.collect();
    format!(
        "{fips:?} {bound:?} {pools:?} {covered:?} {held:?} {ports:?} {instances:?} {bound_to:?} {providers:?} {networks:?} {quotas:?}"
    )
}

/// All records, numbers included.
fn records(site: &Site) -> String {
    let fips: Vec<_> = site.floating_ips().collect();
    let all = (site.providers().collect::<Vec<_>>(), site.pools().collect::<Vec<_>>());
    let more = (site.networks().collect::<Vec<_>>(), site.instances().collect::<Vec<_>>());
    let quotas = (site.projects().collect::<Vec<_>>(), site.default_quota());
    format!("{fips:?} {all:?} {more:?} {quotas:?} {:?} {}", site.directs().collect::<Vec<_>>(), site.next_entity())
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
            match Site::default().declare(&two, &nobody) {
                Ok(alone) => prop_assert_eq!(summary(&site), summary(&alone.after)),
                // What a project has beyond its quota it keeps; a new site does not give it that much.
                Err(mistakes) => {
                    let is_quota = |own: &Mistake| matches!(own.error, OpError::OverQuota { .. });
                    prop_assert!(mistakes.iter().all(is_quota), "{mistakes:?}");
                }
            }
        }
    }
}
