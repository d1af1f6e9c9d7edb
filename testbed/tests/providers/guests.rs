//! What guests forge, and a guard that is switched off.

use std::net::Ipv4Addr;

use buoy_testbed::police::Cause;
use buoy_testbed::probe::inject::{arp, echo_request, ethernet};
use buoy_testbed::probe::{eventually, inject, ping};
use buoy_testbed::scenario::SOON;
use buoy_topology::MacAddr;
use serde_json::Value;

use crate::site::{CASES, REMOTE, Site, at_each_provider, instance_ip, instance_mac};

/// Every MAC and address that a guest could want to be, in all combinations.
pub(crate) fn forgeries(site: &Site, router: MacAddr) -> Vec<Vec<u8>> {
    let rules = site.lab.rules();
    let [one, other, ..] = site.case.addresses else { panic!("too few addresses") };
    let macs = [
        instance_mac(1),
        instance_mac(2),
        site.main_mac(),
        rules.gateway_mac,
        site.mac(*other),
        MacAddr::new([2, 0, 0, 0, 0, 0x99]),
        MacAddr::BROADCAST,
    ];
    let addresses = [
        instance_ip(1),
        instance_ip(2),
        site.case.host,
        site.case.gateway,
        *one,
        *other,
        REMOTE,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::BROADCAST,
    ];
    let mut frames = Vec::new();
    for mac in macs {
        for address in addresses {
            for to in [router, MacAddr::BROADCAST, rules.gateway_mac] {
                frames.push(ethernet(to, mac, &echo_request(address, REMOTE)));
                for operation in [1, 2] {
                    frames.push(ethernet(to, mac, &arp(operation, mac, address, address)));
                    frames.push(ethernet(to, instance_mac(1), &arp(operation, mac, address, site.case.gateway)));
                }
            }
        }
        let inner = echo_request(instance_ip(1), REMOTE);
        for rest in [
            [&[0x81, 0x00, 0x00, 0x64], &inner[..]].concat(),
            [&[0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x65], &inner[..]].concat(),
            vec![0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 59, 255],
            vec![0x88, 0xcc, 0x02, 0x07, 0x04, 0, 0, 0, 0, 0, 0],
            vec![0x00, 0x26, 0x42, 0x42, 0x03, 0, 0, 0, 0, 0],
            vec![0x08, 0x00, 0x45],
        ] {
            frames.push(ethernet(router, mac, &rest));
            frames.push(ethernet(MacAddr::new([1, 0x80, 0xc2, 0, 0, 0]), mac, &rest));
            frames.push(ethernet(MacAddr::BROADCAST, mac, &rest));
        }
    }
    frames
}

/// The MAC that instances know their gateway by.
fn router_mac(site: &Site) -> MacAddr {
    let network = site.command("network show blue");
    network.get("gateway_mac").and_then(Value::as_str).expect("a network has a gateway").parse().expect("a MAC")
}

#[test]
fn what_guests_forge_gets_nowhere() {
    at_each_provider(|site| {
        site.associate(site.case.addresses[0], 1);
        site.assert_reached(site.case.addresses[0]);
        let before = received(site, "vm1");
        let frames = forgeries(site, router_mac(site));
        // Also from an instance without a floating IP.
        for node in ["vm1", "vm2"] {
            inject(&site.lab.node(node), "eth0", &frames);
        }
        let count = u64::try_from(frames.len()).expect("few");
        eventually(SOON, "the switch has seen all", || (received(site, "vm1") >= before + count).then_some(()));
        site.assert_reached(site.case.addresses[0]);
        site.assert_reached(site.case.host);
        assert!(ping(&site.lab.node("vm1"), REMOTE, 3).is_complete());
    });
}

/// Packets that a port of br-int has received.
fn received(site: &Site, port: &str) -> u64 {
    let dump = site.lab.ovs_ofctl(["dump-ports", "br-int", port]);
    let count = dump.split("rx pkts=").nth(1).and_then(|rest| rest.split(',').next());
    count.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{dump}"))
}

#[test]
fn a_guard_that_is_switched_off_is_noticed() {
    for case in CASES {
        println!("lab {} with the policy {}", case.lab, case.policy);
        let mut site = Site::up(case, "");
        site.associate(case.addresses[0], 1);
        site.assert_reached(case.addresses[0]);
        let (router, guest) = (router_mac(&site), instance_mac(2));
        let own = ethernet(router, guest, &echo_request(instance_ip(2), REMOTE));
        site.daemon.stop();
        let caught = |cause| {
            let before = site.police.report();
            inject(&site.lab.node("vm2"), "eth0", std::slice::from_ref(&own));
            eventually(SOON, "the provider notices", || {
                let report = site.police.report();
                let new = report.violations.get(before.violations.len()..)?.to_vec();
                new.iter().any(|one| one.cause == cause).then_some(())
            });
        };
        // As if br-int did not translate: a guest's own packet goes by the patch port. br-ex holds it.
        site.lab.ovs_ofctl(["add-flow", "br-int", "table=0,priority=65535,in_port=vm2,actions=output:int-br-ex"]);
        let before = received(&site, "vm2");
        inject(&site.lab.node("vm2"), "eth0", std::slice::from_ref(&own));
        eventually(SOON, "the packet came by", || (received(&site, "vm2") > before).then_some(()));
        site.assert_clean();
        let past = "table=0,priority=65535,in_port=phy-br-ex,actions=";
        site.lab.ovs_ofctl(["add-flow", "br-ex", &format!("{past}output:uplink0")]);
        caught(Cause::UnregisteredMac);
        // With the right MAC the address betrays it.
        let mac = site.main_mac();
        site.lab.ovs_ofctl(["add-flow", "br-ex", &format!("{past}set_field:{mac}->eth_src,output:uplink0")]);
        caught(Cause::ForeignAddress);
        site.lab.ovs_ofctl(["add-flow", "br-ex", &format!("{past}push_vlan:0x8100,output:uplink0")]);
        caught(Cause::Tagged);
    }
}
