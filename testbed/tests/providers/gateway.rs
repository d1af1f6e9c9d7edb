//! The provider replaces its router: another MAC answers for the gateway.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::{PingRun, eventually, flush_neighbours, ping};
use buoy_testbed::scenario::{SOON, buoyctl};
use buoy_topology::MacAddr;

use crate::site::{REMOTE, Site, at_each_provider};

const NEW: MacAddr = MacAddr::new([2, 0, 0xcb, 0, 0x71, 0xf0]);

/// Gives the router another MAC. Announced or not: its next question carries it.
fn replace_router(site: &Site, announces: bool) {
    let router = site.lab.node("router");
    let notify = format!("net.ipv4.conf.lan0.arp_notify={}", u8::from(announces));
    router.run(["sysctl", "-q", "-w", &notify]).expect_success();
    router.run(["ip", "link", "set", "lan0", "address", &NEW.to_string()]).expect_success();
    site.police.set_gateway_mac(NEW);
}

/// Waits until the new MAC is known and in use: flow tables and the datapath's cache follow what is learnt.
fn await_used(site: &Site, address: Ipv4Addr) {
    eventually(SOON, "the new MAC is learnt", || {
        let shown = buoyctl(&site.daemon, "provider show dc");
        let is = |field: &str, value: &str| shown.get(field).is_some_and(|own| own == value);
        (is("gateway_mac", &NEW.to_string()) && is("gateway_state", "resolved")).then_some(())
    });
    let remote = site.lab.node("remote");
    eventually(SOON, "the new MAC is used", || ping(&remote, address, 1).is_complete().then_some(()));
}

#[test]
fn an_announced_gateway_is_used_at_once() {
    at_each_provider(|site| {
        let address = site.case.addresses[0];
        site.associate(address, 1);
        site.assert_reached(address);
        replace_router(site, true);
        await_used(site, address);
        // The host's own cache is the host's affair.
        flush_neighbours(&site.lab.host());
        site.assert_reached(address);
        assert!(ping(&site.lab.node("vm1"), REMOTE, 3).is_complete());
        site.assert_reached(site.case.host);
    });
}

#[test]
fn a_gateway_that_changes_in_silence_is_noticed_by_its_questions() {
    at_each_provider(|site| {
        let address = site.case.addresses[0];
        site.associate(address, 1);
        site.assert_reached(address);
        replace_router(site, false);
        flush_neighbours(&site.lab.node("router"));
        flush_neighbours(&site.lab.host());
        let host = site.case.host.to_string();
        site.lab.node("router").run(["arping", "-c", "1", "-w", "2", "-I", "lan0", &host]).expect_success();
        await_used(site, address);
        site.assert_reached(address);
        let mut run = PingRun::start(&site.lab.node("vm1"), REMOTE, Duration::from_millis(5));
        run.await_reply(SOON);
        run.await_more(20, SOON);
        assert!(run.stop().is_complete());
    });
}
