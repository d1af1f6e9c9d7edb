//! Everything at once: guests that send whatever comes to their mind, an admin who does the same, a controller and a switch
//! that are killed, ports that are pulled. A slice of it by default, 10,000 operations with `BUOY_LONG`.

use std::time::Duration;

use buoy_testbed::admin::{Admin, Estate, Upstream};
use buoy_testbed::campaign::{Targets, operations, rage};
use buoy_testbed::probe::{PingRun, StormRun, eventually, ping};
use buoy_testbed::scenario::await_up_to_date;
use buoy_topology::MacAddr;
use serde_json::json;

use crate::site::{CASES, Case, REMOTE, Site, instance_ip, instance_mac, vm};

const RECONNECT: Duration = Duration::from_secs(30);
/// Instances whose guests storm; the others are honest.
const STORMY: [u8; 2] = [1, 2];

/// Starts a storm in a guest, of what it could gain most by forging.
fn storm(site: &Site, number: u8, seed: u64) -> StormRun {
    for (node, interface) in [(site.lab.node(&vm(number)), "eth0".to_owned()), (site.lab.host(), vm(number))] {
        node.run(["ip", "link", "set", &interface, "mtu", "9000"]).expect_success();
    }
    let network = site.command("network show blue");
    let router = network.get("gateway_mac").and_then(serde_json::Value::as_str).expect("a network has a gateway");
    let rules = site.lab.rules();
    let macs = [instance_mac(number), instance_mac(3), site.main_mac(), rules.gateway_mac];
    let addresses = [instance_ip(number), instance_ip(3), site.case.host, site.case.gateway, [10, 0, 0, 1].into()];
    let mut known = vec![router.to_owned(), router.to_owned()];
    known.extend(macs.iter().map(ToString::to_string));
    known.extend(site.case.addresses.iter().map(|address| site.mac(*address).to_string()));
    known.extend(addresses.iter().chain(site.case.addresses).map(ToString::to_string));
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    StormRun::start(&site.lab.node(&vm(number)), "eth0", seed, 2_000, &known)
}

/// All that there is at a provider. With the policy `vmac` each address that has a vMAC gets a second one.
fn estate(site: &Site) -> Estate {
    let addresses = site.case.addresses.iter().zip(0..).map(|(address, number)| {
        let mut macs = vec![site.mac(*address)];
        if site.has_vmac(*address) {
            let second = MacAddr::new([2, 0, 0x0b, 0, 0, number]);
            site.police.allow((*address).into(), second);
            macs.push(second);
        }
        (*address, macs)
    });
    let addresses = addresses.collect();
    let providers = vec![Upstream {
        name: "dc".to_owned(),
        pool: "public".to_owned(),
        gateway_mac: site.lab.rules().gateway_mac,
        addresses,
    }];
    let instances = (1..=4).map(|number| {
        let name = format!("web-{number}");
        let (mac, ip) = (instance_mac(number), instance_ip(number));
        vec![json!({"name": name, "network": "blue", "port": vm(number), "mac": mac, "ip": ip, "project": "default"})]
    });
    Estate { providers, instances: instances.collect() }
}

fn storms_at(case: Case, seed: u64) {
    let mut site = Site::up(case, "");
    let address = *case.addresses.first().expect("a provider has addresses");
    site.associate(address, 1);
    let storms = STORMY.map(|number| storm(&site, number, seed + u64::from(number)));
    // An honest guest sends beside them.
    let honest = PingRun::start(&site.lab.node("vm3"), REMOTE, Duration::from_millis(5));
    let mut admin = Admin::new(estate(&site), seed);
    let ports = (1..=4).map(vm).collect();
    let targets = Targets { ports, uplinks: vec![("br-ex".to_owned(), "uplink0".to_owned())] };
    let outcome = rage(&site.lab, &mut site.daemon, &mut admin, &targets, operations(), seed);
    drop(honest);
    let storms = storms.map(StormRun::stop);
    println!("lab {} with the policy {}: {storms:?}; {outcome}", case.lab, case.policy);
    assert!(storms.iter().all(|storm| storm.sent > 0), "{storms:?}");
    assert!(outcome.tally.total() >= operations() && outcome.blows.iter().all(|count| *count > 0), "{outcome}");
    site.await_host(RECONNECT);
    await_up_to_date(&site.daemon, RECONNECT);
    admin.restore(&site.daemon);
    for number in [3, 4] {
        site.associate(address, number);
        eventually(RECONNECT, "the address answers", || {
            ping(&site.lab.node("remote"), address, 1).is_complete().then_some(())
        });
    }
    let report = site.police.report();
    println!(
        "{} frames from the server, {} refused, at most {} who-has within a minute",
        report.from_server,
        report.refused,
        report.who_has_per_minute()
    );
    site.assert_clean();
}

#[test]
fn nothing_wrong_leaves_in_a_storm_at_ovh() {
    for (seed, case) in (0x0b0e_u64..).zip(CASES).filter(|(_, case)| case.lab == "ovh") {
        storms_at(case, seed);
    }
}

#[test]
fn nothing_wrong_leaves_in_a_storm_at_hetzner() {
    for (seed, case) in (0x0b0e_u64..).zip(CASES).filter(|(_, case)| case.lab == "hetzner") {
        storms_at(case, seed);
    }
}
