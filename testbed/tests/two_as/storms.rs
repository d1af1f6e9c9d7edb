//! Everything at once at two providers: both tenants' guests send whatever comes to their mind, an admin does the same, a
//! controller and a switch are killed, ports are pulled. A slice of it by default, 10,000 operations with `BUOY_LONG`.

use std::time::Duration;

use buoy_testbed::admin::{Admin, Estate, Upstream};
use buoy_testbed::campaign::{Targets, operations, rage};
use buoy_testbed::probe::{PingRun, StormRun, eventually};
use buoy_testbed::scenario::await_up_to_date;
use buoy_topology::MacAddr;
use serde_json::{Value, json};

use crate::site::{Bridges, FIXED, HOSTS, NORTH, REMOTE, SOUTH, SOUTH_MAC, Site};

const RECONNECT: Duration = Duration::from_secs(30);

/// Starts a storm in a guest, of what it could gain most by forging.
fn storm(site: &Site, node: &str, network: &str, seed: u64) -> StormRun {
    for (at, interface) in [(site.lab.node(node), "eth0"), (site.lab.host(), node)] {
        at.run(["ip", "link", "set", interface, "mtu", "9000"]).expect_success();
    }
    let shown = site.command(&format!("network show {network}"));
    let router = shown.get("gateway_mac").and_then(Value::as_str).expect("a network has a gateway");
    let mut known = vec![router.to_owned(), "02:00:0a:00:00:0b".to_owned(), SOUTH_MAC.to_string()];
    known.extend(NORTH.iter().flat_map(|(address, mac)| [address.to_string(), mac.to_string()]));
    let police = &site.lab.spec().police;
    known.extend(police.iter().flat_map(|own| [own.rules.gateway.to_string(), own.rules.gateway_mac.to_string()]));
    known.extend(SOUTH.iter().chain(&HOSTS).chain(&FIXED).chain([&REMOTE]).map(ToString::to_string));
    known.extend(["10.0.0.1", "10.0.0.11", "10.0.0.12"].map(str::to_owned));
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    StormRun::start(&site.lab.node(node), "eth0", seed, 2_000, &known)
}

/// All that there is. Each address of north gets a second MAC.
fn estate(site: &Site) -> Estate {
    let north = NORTH.iter().zip(0..).map(|((address, mac), number)| {
        let second = MacAddr::new([2, 0, 0x0b, 0, 0, number]);
        let macs = vec![*mac, second];
        macs.iter().for_each(|mac| site.north.allow((*address).into(), *mac));
        (*address, macs)
    });
    let north = north.collect();
    let provider = |name: &str, addresses| {
        let gateway_mac = site.lab.spec().police(Some(name)).expect("it polices").rules.gateway_mac;
        Upstream { name: name.to_owned(), pool: name.to_owned(), gateway_mac, addresses }
    };
    let south = SOUTH.iter().map(|address| (*address, Vec::new())).collect();
    let part = |name: &str, network: &str, port: &str, mac: &str, ip: &str| {
        let project = name.split('-').next();
        json!({"name": name, "network": network, "port": port, "mac": mac, "ip": ip, "project": project})
    };
    let instances = vec![
        vec![
            part("blue-1", "blue", "vm1", "02:00:0a:00:00:0b", "10.0.0.11"),
            part("blue-1", "blue-too", "vm1b", "02:00:0a:00:01:0b", "10.0.1.11"),
        ],
        vec![part("blue-2", "blue", "vm2", "02:00:0a:00:00:0c", "10.0.0.12")],
        vec![part("green-1", "green", "vm3", "02:00:0a:00:00:0b", "10.0.0.11")],
        vec![part("green-2", "green", "vm4", "02:00:0a:00:00:0e", "10.0.0.12")],
    ];
    Estate { providers: vec![provider("north", north), provider("south", south)], instances }
}

#[test]
fn nothing_wrong_leaves_to_either_provider_in_a_storm() {
    let seed = 0x2a5;
    let mut site = Site::up(Bridges::One);
    site.associate_both();
    let storms =
        [("vm1", "blue", 1), ("vm3", "green", 2)].map(|(node, network, own)| storm(&site, node, network, seed + own));
    let honest = PingRun::start(&site.lab.node("vm2"), REMOTE, Duration::from_millis(5));
    let mut admin = Admin::new(estate(&site), seed);
    let ports = ["vm1", "vm1b", "vm2", "vm3", "vm4"].map(str::to_owned).to_vec();
    let uplinks = ["uplink0", "uplink1"].map(|uplink| ("br-ex".to_owned(), uplink.to_owned())).to_vec();
    let targets = Targets { ports, uplinks };
    let outcome = rage(&site.lab, &mut site.daemon, &mut admin, &targets, operations(), seed);
    drop(honest);
    let storms = storms.map(StormRun::stop);
    println!("lab two-as: {storms:?}; {outcome}");
    assert!(storms.iter().all(|storm| storm.sent > 0), "{storms:?}");
    assert!(outcome.tally.total() >= operations() && outcome.blows.iter().all(|count| *count > 0), "{outcome}");
    await_up_to_date(&site.daemon, RECONNECT);
    admin.restore(&site.daemon);
    let both = site.associate_both();
    for address in HOSTS.into_iter().chain(both) {
        eventually(RECONNECT, "the address answers", || site.answers(address).then_some(()));
    }
    for (name, police) in [("north", &site.north), ("south", &site.south)] {
        let report = police.report();
        println!(
            "{name}: {} frames from the server, {} refused, at most {} who-has within a minute",
            report.from_server,
            report.refused,
            report.who_has_per_minute()
        );
    }
    site.assert_clean();
}
