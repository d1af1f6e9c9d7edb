//! What a new MAC of the gateway costs beside many floating IPs: as many flow mods as beside none.

use std::time::Duration;

use buoy_testbed::crowd;
use buoy_testbed::probe::eventually;
use buoy_testbed::scenario::{await_up_to_date, behind_proxies, buoyctl};
use buoy_testbed::site::DECLARATION;

const PATIENCE: Duration = Duration::from_secs(60);
const OLD: &str = "02:00:cb:00:71:01";
const NEW: &str = "02:00:cb:00:71:f0";

/// What the flow has that a fence asks with: it is set a few times after each change, whatever there is.
const FENCE: &str = "arp_tha=02:b0:07:80";

/// The flow mods that br-ex and br-int get when the router has another MAC, beside so many floating IPs.
fn touched(others: u32) -> [Vec<String>; 2] {
    let (lab, daemon, proxies) = behind_proxies("flat");
    for command in DECLARATION {
        buoyctl(&daemon, command);
    }
    crowd::move_in(&lab, &daemon, others);
    let knows = |mac: &str| {
        let shown = buoyctl(&daemon, "provider show lan");
        shown.get("gateway_mac").is_some_and(|own| own == mac).then_some(())
    };
    eventually(PATIENCE, "the gateway is known", || knows(OLD));
    await_up_to_date(&daemon, PATIENCE);
    proxies.iter().for_each(|proxy| proxy.note_flow_mods());
    let router = lab.node("router");
    router.run(["sysctl", "-q", "-w", "net.ipv4.conf.lan0.arp_notify=1"]).expect_success();
    router.run(["ip", "link", "set", "lan0", "address", NEW]).expect_success();
    eventually(PATIENCE, "the new MAC is known", || knows(NEW));
    await_up_to_date(&daemon, PATIENCE);
    proxies.each_ref().map(|proxy| {
        let mut all = proxy.flow_mods();
        all.retain(|own| !own.contains(FENCE));
        all
    })
}

#[test]
fn a_new_mac_of_the_gateway_touches_one_flow_however_many_floating_ips_there_are() {
    let few = touched(0);
    let many = touched(10_000);
    assert_eq!(few, many);
    let [external, integration] = many;
    println!("flow mods beside 10000 floating IPs: br-ex {external:#?}, br-int {integration:#?}");
    assert_eq!(integration, Vec::<String>::new());
    assert!(external.len() == 1 && external.iter().all(|own| own.contains("table=45,")), "{external:#?}");
}
