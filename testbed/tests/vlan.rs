//! Providers on VLANs of one uplink, beside one that is untagged: Hetzner's vSwitch is one.

use std::net::Ipv4Addr;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{Capture, eventually, ping, tcp_exchange, tcp_server};
use buoy_testbed::scenario::{SOON, await_up_to_date, buoyctl};
use buoy_testbed::site::{DECLARATION, FLOATING_IP, HOST, REMOTE};
use buoy_testbed::{Daemon, Lab};

/// In VLAN 4000: a neighbour, and the floating IP.
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 50);
const TAGGED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

/// Between br-ex and the LAN stands a switch that has VLAN 4000 on the uplink, and `vm3` as a station in it.
fn tagged() -> (Lab, Daemon) {
    let lab = Lab::up("flat");
    let wiring = "del-port br-ex uplink0 -- del-port br-int vm3 \
         -- add-br edge -- set bridge edge datapath_type=netdev -- add-port edge uplink0 \
         -- add-port br-ex edge0 -- set interface edge0 type=patch options:peer=edge1 \
         -- add-port edge edge1 -- set interface edge1 type=patch options:peer=edge0 \
         -- add-port edge vm3 tag=4000";
    let datapath = lab.ovs_vsctl(["get", "bridge", "br-ex", "datapath_type"]);
    lab.ovs_vsctl(wiring.replace("netdev", datapath.trim()).split_whitespace());
    let neighbour = lab.node("vm3");
    neighbour.run(["ip", "address", "flush", "dev", "eth0"]).expect_success();
    neighbour.run(["ip", "address", "add", &format!("{NEIGHBOUR}/24"), "dev", "eth0"]).expect_success();
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    let tagged = [
        "provider create vswitch --bridge br-ex --uplink edge0 --vlan 4000 --onlink 192.0.2.0/24",
        "pool create tagged --provider vswitch --range 192.0.2.100-192.0.2.110",
        "fip associate 203.0.113.100 web-1",
        "fip associate 192.0.2.100 web-2",
    ];
    for command in DECLARATION.into_iter().chain(tagged) {
        let result = buoyctl(&daemon, &command.replace("uplink0", "edge0"));
        assert_eq!(result.get("applied"), Some(&true.into()), "{command}: {result}");
    }
    (lab, daemon)
}

#[test]
fn a_floating_ip_on_a_vlan_is_reached_on_that_vlan_and_nowhere_else() {
    let (lab, daemon) = tagged();
    assert_eq!(buoyctl(&daemon, "provider show vswitch").get("vlan"), Some(&4_000.into()));
    let beyond = Capture::start(&lab.node("lan"), "server", "arp net 192.0.2.0/24 or net 192.0.2.0/24");
    eventually(SOON, "the neighbour is found", || ping(&lab.node("vm3"), TAGGED, 1).is_complete().then_some(()));
    assert!(ping(&lab.node("vm3"), TAGGED, 3).is_complete());
    let _server = tcp_server(&lab.node("vm3"), 8_080);
    let seen = tcp_exchange(&lab.node("vm2"), NEIGHBOUR, 8_080, "hello", SOON).expect("TCP outwards");
    assert_eq!(seen.peer.ip(), TAGGED);
    for address in [FLOATING_IP, HOST] {
        let report = ping(&lab.node("remote"), address, 3);
        assert!(report.is_complete(), "{address}: {report:?}");
    }
    let leaked: Vec<_> = beyond.stop().into_iter().filter(|frame| frame.vlans.is_empty()).collect();
    assert!(leaked.is_empty(), "untagged: {}", listing(&leaked));
}

#[test]
fn the_host_reaches_the_floating_ips_of_every_provider_here() {
    let (lab, _daemon) = tagged();
    let _servers = ["vm1", "vm2"].map(|vm| tcp_server(&lab.node(vm), 80));
    let beyond = Capture::start(&lab.node("lan"), "server", "host 203.0.113.100 or host 192.0.2.100");
    // The host has an address at the untagged provider alone, and sends all by that provider's gateway.
    for address in [FLOATING_IP, TAGGED] {
        assert!(ping(&lab.host(), address, 3).is_complete(), "{address}");
        let seen = tcp_exchange(&lab.host(), address, 80, "hello", SOON).expect("TCP from the host");
        assert_eq!(seen.peer.ip(), HOST, "{address}");
    }
    let outside: Vec<_> = beyond.stop().into_iter().filter(|frame| frame.ip.is_some()).collect();
    assert!(outside.is_empty(), "{}", listing(&outside));
}

#[test]
fn an_instance_has_an_address_of_each_provider_and_answers_by_the_right_one() {
    let (lab, daemon) = tagged();
    // The second address of the first instance, behind its second fixed IP.
    buoyctl(&daemon, "instance attach web-1 --network blue --port vm4 --mac 02:00:0a:00:00:0e --ip 10.0.0.14");
    buoyctl(&daemon, "fip associate 192.0.2.101 web-1 --fixed-ip 10.0.0.14");
    let second = Ipv4Addr::new(192, 0, 2, 101);
    eventually(SOON, "the neighbour is found", || ping(&lab.node("vm3"), second, 1).is_complete().then_some(()));
    assert!(ping(&lab.node("vm3"), second, 3).is_complete());
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete());
    let view = buoyctl(&daemon, "fip show 192.0.2.101");
    assert_eq!(view.get("provider"), Some(&"vswitch".into()), "{view}");
}

#[test]
fn with_vlans_alone_the_host_keeps_its_untagged_network() {
    let (lab, daemon) = tagged();
    for command in ["fip release 203.0.113.100", "pool delete public", "provider delete lan"] {
        daemon.buoyctl(command.split(' ')).expect_success();
    }
    await_up_to_date(&daemon, SOON);
    for (from, to) in [(lab.node("remote"), HOST), (lab.host(), REMOTE), (lab.node("vm3"), TAGGED)] {
        eventually(SOON, &format!("{from} reaches {to}"), || ping(&from, to, 1).is_complete().then_some(()));
        assert!(ping(&from, to, 3).is_complete(), "{from} to {to}");
    }
}

#[test]
fn a_vlan_that_takes_1400_bytes_is_told_of_and_the_other_provider_is_not_narrowed() {
    let (lab, daemon) = tagged();
    let provider = buoyctl(&daemon, "provider set vswitch --mtu 1400");
    assert_eq!(provider.get("applied"), Some(&true.into()), "{provider}");
    let probe = |node: &str, to: Ipv4Addr, length: u32| {
        let words = format!("ping -n -c 1 -W 2 -M do -s {} {to}", length - 28);
        let output = lab.node(node).run(words.split(' '));
        format!("{}{}", output.stdout, output.stderr)
    };
    for (node, to, length, says) in [
        ("vm2", NEIGHBOUR, 1_400, "1380 bytes from 192.0.2.50"),
        ("vm2", NEIGHBOUR, 1_401, "From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)"),
        ("vm1", REMOTE, 1_500, "1480 bytes from 198.51.100.10"),
    ] {
        eventually(SOON, &format!("{says:?}, to {node}"), || {
            lab.node(node).run(["ip", "route", "flush", "cache"]).expect_success();
            probe(node, to, length).contains(says).then_some(())
        });
    }
}
