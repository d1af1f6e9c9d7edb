//! What one host's bridges have, and what they do not have of others.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_not_compiled_for_a_bridge_would_have_no_flows_there(policy in policies(), history in histories()) {
        let mut site = site(policy);
        for (kind, last) in history {
            if let Some(change) = step(&site, kind, last) {
                site.apply(&change);
            }
        }
        let learnt = learnt(&site);
        // A host of the same names, and one that has other bridges.
        let names = [("br-ex", "br-int"), ("br-x", "br-i")];
        for (outside, inside) in names {
            let rename = |bridge: Bridge, name: &str| Bridge { name: port(name), ..bridge };
            for bridge in [rename(external(), outside), rename(integration(), inside)] {
                let role = Role::of(&site, &bridge.name, &port(inside));
                let world = World { site: &site, learnt: &learnt, bridge: &bridge, role };
                let on: BTreeSet<_> = Entity::on(world).collect();
                for entity in Entity::all(world) {
                    prop_assert!(on.contains(&entity) || compile(world, &entity).is_empty(), "{entity} on {}", bridge.name);
                }
            }
        }
    }
}

#[test]
fn the_flows_of_a_network_are_where_its_interfaces_are() {
    let mut site = site(PolicySpec::Host);
    let of_network =
        |site: &Site| flows(site, &learnt(site), &integration()).contains_key(&Entity::Network(name("blue")));
    assert!(!of_network(&site));
    let interface = InterfaceSpec {
        network: name("blue"),
        port: port("vm1"),
        vlan: None,
        mac: mac(0x11),
        ip: [10, 0, 0, 11].into(),
    };
    for (bridge, is_here) in [("br-other", false), ("br-int", true)] {
        let spec = InstanceSpec {
            project: name("default"),
            bridge: port(bridge),
            interface: interface.clone(),
            note: None,
            labels: Default::default(),
        };
        let change = site.add_instance(name("web"), spec).unwrap();
        let change = apply(&mut site, change);
        assert!(
            matches!(Touched::by(&change, &site), Touched::Entities(own) if own.contains(&Entity::Network(name("blue"))))
        );
        assert_eq!(of_network(&site), is_here, "{bridge}");
        let change = site.remove_instance_anyway(&name("web"), true).unwrap();
        let undo = site.apply(&change);
        assert!(
            matches!(Touched::before(&undo), Touched::Entities(own) if own.contains(&Entity::Network(name("blue"))))
        );
        assert!(!of_network(&site), "{bridge}");
    }
}

#[test]
fn a_pool_and_what_a_provider_routes_concern_the_hosts_that_lead_to_it() {
    let mut site = site(PolicySpec::Host);
    let mut spec = ProviderSpec::from(&**site.provider(&name("lan")).unwrap());
    spec.no_snat = vec!["10.50.0.0/16".parse().unwrap()];
    let change = site.set_provider(&name("lan"), spec).unwrap();
    apply(&mut site, change);
    let named = |bridge: &Bridge| {
        let all = flows(&site, &learnt(&site), bridge);
        let texts: Vec<_> = all.values().flatten().map(ToString::to_string).collect();
        ["nw_dst=203.0.113.", "10.50.0.0/16"].map(|text| texts.iter().filter(|flow| flow.contains(text)).count())
    };
    let [pool, routed] = named(&integration());
    assert!(pool > 0 && routed > 0, "{pool} and {routed}");
    let mut other = integration();
    other.ports.remove(&site.provider(&name("lan")).unwrap().patch_peer());
    assert_eq!(named(&other), [0, 0]);
}
