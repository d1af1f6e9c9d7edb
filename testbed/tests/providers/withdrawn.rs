//! Addresses that were taken out of their pool while the provider goes on sending them here.

use std::net::Ipv4Addr;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{Capture, Frame, eventually, ping};
use buoy_testbed::scenario::SOON;

use crate::site::{Site, at_each_provider};

#[test]
fn an_address_that_was_taken_out_is_sent_to_nobody_and_does_not_come_back() {
    at_each_provider(|site| {
        let (other, gone) = (site.case.addresses[0], *site.case.addresses.last().expect("a provider has addresses"));
        let (host, remote) = (site.lab.host(), site.lab.node("remote"));
        site.associate(other, 1);
        site.assert_reached(other);
        // What comes to such a host and is not for it goes back.
        host.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]).expect_success();
        let removed = site.command(&format!("pool remove public {gone}"));
        assert_eq!(removed["withdrawn"], serde_json::json!([gone]), "{removed}");
        assert_silent(site, gone);
        let mac = if site.case.policy == "vmac" { format!(" --mac {}", site.mac(gone)) } else { String::new() };
        site.command(&format!("pool add public {gone}{mac}"));
        site.associate(gone, 2);
        eventually(SOON, "it is a floating IP again", || ping(&remote, gone, 1).is_complete().then_some(()));
        for command in [format!("fip release {gone}"), format!("pool remove public {gone}")] {
            site.command(&command);
        }
        eventually(SOON, "it is silent", || ping(&remote, gone, 1).is_silent().then_some(()));
        assert_silent(site, gone);
        // The provider would refuse the host's own MAC for an address that it bound to another one.
        if !site.has_vmac(gone) {
            host.run(["ip", "address", "add", &format!("{gone}/32"), "dev", "lo"]).expect_success();
            assert!(ping(&remote, gone, 3).is_silent(), "{gone} is closed to the host too");
            site.command(&format!("pool forget public {gone}"));
            eventually(SOON, "the host answers", || ping(&remote, gone, 1).is_complete().then_some(()));
        }
    });
}

/// Nobody reaches the address, and the provider gets nothing of it.
fn assert_silent(site: &Site, address: Ipv4Addr) {
    let capture = Capture::start(&site.lab.node("police"), "server", "");
    let nodes = [site.lab.node("remote"), site.lab.node("vm1"), site.lab.node("vm2"), site.lab.host()];
    std::thread::scope(|scope| {
        for node in &nodes {
            scope.spawn(move || assert!(ping(node, address, 3).is_silent(), "{address} from {node}"));
        }
    });
    let (gateway, frames) = (site.lab.rules().gateway_mac, capture.stop());
    let about = |frame: &&Frame| {
        frame.ip.is_some_and(|ip| ip.dst == address || ip.src == address)
            || frame.arp.is_some_and(|arp| arp.spa == address || arp.tpa == address)
    };
    let back: Vec<_> = frames.iter().filter(|frame| frame.src != gateway).filter(about).cloned().collect();
    assert!(!frames.is_empty() && back.is_empty(), "{}", listing(&back));
}
