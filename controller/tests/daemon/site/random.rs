//! Random sites: what is exported from one daemon makes the same in an empty one, to the byte.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{apply, export, file, stdout};
use crate::support::Daemon;

/// A site that is right by the way it is made.
fn random() -> impl Strategy<Value = Value> {
    let pools = prop::collection::vec(
        (0..2_u8, prop::collection::vec((0..14_u8, 0..10_u8), 0..4), any::<bool>(), 0..4_u8),
        1..4,
    );
    let instances = prop::collection::vec((1..4_usize, 0..3_u8, prop::option::of(1..4_094_u16), labels()), 0..6);
    let fips = prop::collection::vec((0..4_u8, any::<bool>(), prop::option::of("[ -~äöü€]{1,40}"), labels()), 0..14);
    (any::<[u8; 6]>(), pools, instances, fips).prop_map(|(choice, pools, instances, fips)| {
        let on = |at: usize| choice.get(at).is_some_and(|own| own % 2 == 1);
        let policy = ["host", "vmac", "router"][usize::from(choice[0] % 3)];
        let mut providers = vec![json!({"name": "p0", "bridge": "br-ex", "uplink": "eth0", "gateway": "198.51.100.1",
            "mac_policy": policy, "host_ip": ["198.51.100.9", "198.51.100.2"], "onlink": ["198.51.100.0/24"]})];
        if on(1) {
            providers[0]["garp"] = json!("on");
            providers[0]["garp_count"] = json!(2);
            providers[0]["mtu"] = json!(1_400);
        }
        providers.push(json!({"name": "p1", "bridge": "br-2", "uplink": "eth1", "gateway": "192.0.2.1", "vlan": 7}));
        if on(2) {
            providers[1]["hook"] = json!("/usr/bin/true with words");
            providers[1]["patch"] = json!("phy-x");
        }
        let pools = pools.iter().enumerate().map(|(number, (provider, ranges, all, kept))| {
            // Pools lie beside each other.
            let range = ranges.iter().map(|(first, len)| match len {
                0 => format!("203.0.{number}.{}", first * 16),
                1 => format!("203.0.{number}.{}/28", first * 16),
                len => format!("203.0.{number}.{first}-203.0.{number}.{}", first + len),
            });
            let always = [format!("203.0.{number}.250"), format!("203.0.{number}.251")];
            let reserved = (kept % 2 == 1).then(|| [format!("203.0.{number}.251")]);
            let cool_down = [None, Some("5m"), Some("0"), Some("2h")][usize::from(*kept)];
            let warn_at = [None, Some(json!("none")), Some(json!(70)), Some(json!("90"))][usize::from(*kept)].clone();
            json!({"name": format!("q{number}"), "provider": format!("p{}", provider % 2), "all_addresses": all,
                "default": number == 1, "range": range.chain(always).collect::<Vec<_>>(), "reserved": reserved,
                "cool_down": cool_down, "warn_at": warn_at})
        });
        let pools: Vec<_> = pools.collect();
        let networks = (0..4).map(|own| {
            let (project, pool) = ((own == 3).then_some("blue"), on(4).then_some("q0"));
            json!({"name": format!("n{own}"), "cidr": "10.0.0.0/16", "gateway": "10.0.0.1", "project": project,
                "auto_assign": pool})
        });
        let guests = instances.iter().enumerate().map(|(number, (interfaces, network, vlan, label))| {
            let interface = (0..*interfaces).map(|own| {
                json!({"network": format!("n{network}"), "port": format!("v{number}.{own}"), "vlan": vlan,
                    "mac": format!("02:00:00:00:{number:02x}:{own:02x}"), "ip": format!("10.0.{number}.{}", own + 2)})
            });
            let project = ["default", "blue"][number % 2];
            json!({"name": format!("i{number}"), "project": project, "label": label, "note": label.first(),
                "interface": interface.collect::<Vec<_>>()})
        });
        let mut targets = instances.iter().enumerate().flat_map(|(number, (interfaces, ..))| (0..*interfaces).map(move |own| (number, own)));
        let fips = fips.iter().enumerate().map(|(number, (kind, has_mac, note, label))| {
            let pool = number % pools.len();
            let mut own = json!({"address": format!("203.0.{pool}.250"), "note": note});
            if number >= pools.len() {
                own["address"] = json!(format!("203.0.99.{number}"));
            }
            if *has_mac || *kind == 0 {
                own["mac"] = json!(format!("02:00:00:00:ff:{number:02x}"));
            }
            match (kind, targets.next()) {
                (0, Some((instance, interface))) => {
                    own["instance"] = json!(format!("i{instance}"));
                    own["fixed_ip"] = json!(format!("10.0.{instance}.{}", interface + 2));
                }
                (1, _) => own["project"] = json!("green"),
                _ => return own,
            }
            own["label"] = json!(label);
            own
        });
        let fips: Vec<_> = fips.collect();
        let direct = json!([{"name": "gw", "provider": "p1", "port": "qg-1", "mac": "02:00:00:00:00:31",
            "ip": ["192.0.2.77", "192.0.2.70"]}]);
        let mut pools = pools;
        pools.push(json!({"name": "q99", "provider": "p0", "range": ["203.0.99.0/24"],
            "reserved": ["203.0.99.200/29", "203.0.99.77"]}));
        let mut projects = vec![json!({"name": "green", "fip_quota": 14}), json!({"name": "grey"})];
        if on(5) {
            projects.push(json!({"default": true, "fip_quota": "20"}));
            projects.push(json!({"name": "blue", "fip_quota": "unlimited"}));
        }
        let mut site = json!({"fip": fips, "instance": guests.collect::<Vec<_>>(), "network": networks.collect::<Vec<_>>(),
            "pool": pools, "provider": providers, "project": projects});
        if on(3) {
            site["direct"] = direct;
        }
        strip(&mut site);
        site
    })
}

fn labels() -> impl Strategy<Value = Vec<String>> {
    let all = prop::collection::btree_map("[a-c./_-]{1,3}", "[ -~ä]{0,9}", 0..3);
    all.prop_map(|all| all.into_iter().map(|(key, value)| format!("{key}={value}")).collect())
}

/// Takes nulls out: TOML has none.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, own| !own.is_null());
            fields.values_mut().for_each(strip);
        }
        Value::Array(all) => all.iter_mut().for_each(strip),
        _ => {}
    }
}

#[test]
fn an_export_makes_the_same_site_to_the_byte() {
    let (one, two) = (Daemon::start(), Daemon::start());
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&random(), |site| {
        let path = file(&one, "site.json", &site.to_string());
        for daemon in [&one, &two] {
            stdout(&apply(daemon, "", " --prune"));
        }
        stdout(&one.buoyctl(&format!("--wait store apply -f {}", path.display())));
        let exported = export(&one);
        prop_assert!(
            stdout(&apply(&one, &exported, " --prune --dry-run")).starts_with("Nothing to change"),
            "{}",
            exported
        );
        stdout(&apply(&two, &exported, ""));
        prop_assert_eq!(export(&two), exported);
        Ok(())
    });
    checked.unwrap_or_else(|failed| panic!("{failed}"));
}
