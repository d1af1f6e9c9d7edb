//! A direct port at a provider that polices: not one frame may be refused, whatever the station sends.

use std::net::Ipv4Addr;

use buoy_testbed::probe::inject::{arp, echo_request, ethernet};
use buoy_testbed::probe::{Police, inject, ping, tcp_exchange, tcp_server};
use buoy_testbed::scenario::{SOON, buoyctl};
use buoy_testbed::{Daemon, Lab, Node};
use buoy_topology::MacAddr;
use serde_json::Value;

use crate::station::{MAC, configure, plug_in};

pub(crate) const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 210);
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 254);
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// The station's, a lone /32 with a gateway outside of it; and an instance's.
pub(crate) const DIRECT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
pub(crate) const FLOATING: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 130);
const VMACS: [(Ipv4Addr, &str); 2] = [(DIRECT, "02:00:c6:33:64:07"), (FLOATING, "02:00:c6:33:64:82")];

#[test]
fn no_frame_of_it_is_refused_with_the_main_mac() {
    is_clean("host");
}

#[test]
fn no_frame_of_it_is_refused_with_a_vmac() {
    is_clean("vmac");
}

/// Lab `ovh` with a floating IP on the first instance, and the third guest as a station on br-ex that is not declared yet.
pub(crate) struct Policed {
    pub(crate) police: Police,
    pub(crate) daemon: Daemon,
    pub(crate) lab: Lab,
}

impl Policed {
    /// Brings it up; `options` are further words of `provider create`.
    #[track_caller]
    pub(crate) fn up(policy: &str, options: &str) -> Self {
        let lab = Lab::up("ovh");
        let police = Police::of(&lab);
        if policy == "vmac" {
            for (address, mac) in VMACS {
                police.bind(format!("{address}/32").parse().expect("a block"), mac.parse().expect("a MAC"));
                let route = format!("ip route replace {address}/32 dev lan0");
                lab.node("router").run(route.split(' ')).expect_success();
            }
        }
        let daemon = Daemon::start(&lab);
        lab.point_at_controller();
        let own = Self { police, daemon, lab };
        own.command(&format!(
            "provider create dc --bridge br-ex --uplink uplink0 --gateway {GATEWAY} --host-ip {HOST} \
             --mac-policy {policy}{options}"
        ));
        own.command("pool create public --provider dc");
        for (address, mac) in VMACS {
            let mac = if policy == "vmac" { format!(" --mac {mac}") } else { String::new() };
            own.command(&format!("pool add public {address}{mac}"));
        }
        own.command("network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1");
        own.command("instance add web-1 --network blue --port vm1 --mac 02:00:0a:00:00:0b --ip 10.0.0.11");
        own.command(&format!("fip associate {FLOATING} web-1"));
        plug_in(&own.lab, "vm3");
        configure(&own.station(), &[DIRECT], 32, GATEWAY);
        own
    }

    /// Runs `buoyctl`; what changes has to be applied.
    #[track_caller]
    pub(crate) fn command(&self, command: &str) -> Value {
        let result = buoyctl(&self.daemon, command);
        assert!(result.get("applied").is_none_or(|applied| *applied == true), "{command}: {result}");
        result
    }

    /// Declares the station.
    #[track_caller]
    pub(crate) fn declare(&self) {
        self.command(&format!("direct add gw --provider dc --port vm3 --mac {MAC} --ip {DIRECT}"));
    }

    pub(crate) fn station(&self) -> Node {
        self.lab.node("vm3")
    }
}

fn is_clean(policy: &str) {
    let mut site = Policed::up(policy, "");
    let station = site.station();
    // Before it is declared it is not heard.
    assert!(ping(&station, REMOTE, 2).is_silent());
    site.declare();
    let Policed { police, lab, .. } = &site;
    let (remote, host, guest) = (lab.node("remote"), lab.host(), lab.node("vm1"));
    let _servers = (tcp_server(&station, 80), tcp_server(&remote, 8080));
    let inward = tcp_exchange(&remote, DIRECT, 80, &"x".repeat(50_000), SOON).expect("TCP inwards");
    assert_eq!((inward.reply.len(), inward.peer.ip()), (50_000, REMOTE.into()));
    let outward = tcp_exchange(&station, REMOTE, 8080, &"x".repeat(50_000), SOON).expect("TCP outwards");
    assert_eq!((outward.reply.len(), outward.peer.ip()), (50_000, DIRECT.into()));
    for (from, to) in [(&remote, DIRECT), (&host, DIRECT), (&guest, DIRECT), (&station, HOST), (&station, FLOATING)] {
        let report = ping(from, to, 3);
        assert!(report.is_complete(), "{from} to {to}: {report:?}\n{}", police.report());
    }
    inject(&station, "eth0", &forgeries(lab.rules().gateway_mac));
    assert!(ping(&station, REMOTE, 3).is_complete(), "what is true still passes");
    site.daemon.restart();
    assert!(ping(&remote, DIRECT, 3).is_complete());
    site.daemon.buoyctl(["direct", "remove", "gw"]).expect_success();
    assert!(ping(&station, REMOTE, 2).is_silent());
    assert!(ping(&remote, DIRECT, 2).is_silent());
    site.police.assert_clean();
}

/// Frames with every MAC and address that the station could want to be.
fn forgeries(gateway: MacAddr) -> Vec<Vec<u8>> {
    let vmacs = VMACS.map(|(_, mac)| mac.parse().expect("a MAC"));
    let main = MacAddr::new([2, 0, 0xcb, 0, 0x71, 2]);
    let macs = [MAC, main, gateway, MacAddr::new([2, 0, 0, 0, 0, 0x99])].into_iter().chain(vmacs);
    let mut frames = Vec::new();
    for mac in macs {
        for address in [DIRECT, FLOATING, HOST, GATEWAY, Ipv4Addr::new(10, 0, 0, 13), Ipv4Addr::UNSPECIFIED] {
            if (mac, address) == (MAC, DIRECT) {
                continue;
            }
            frames.push(ethernet(gateway, mac, &echo_request(address, REMOTE)));
            for operation in [1, 2] {
                frames.push(ethernet(MacAddr::BROADCAST, mac, &arp(operation, mac, address, GATEWAY)));
                frames.push(ethernet(MacAddr::BROADCAST, MAC, &arp(operation, mac, address, address)));
            }
        }
    }
    frames
}
