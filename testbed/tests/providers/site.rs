//! A server at a provider that polices, with the daemon and four instances.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use buoy_testbed::probe::{Police, eventually, ping};
use buoy_testbed::scenario::buoyctl;
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;
use serde_json::Value;

/// The station on the Internet.
pub(crate) const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 210);

/// A provider, and how its addresses are bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) lab: &'static str,
    pub(crate) policy: &'static str,
    pub(crate) host: Ipv4Addr,
    pub(crate) gateway: Ipv4Addr,
    /// Ranges of the pool, as a customer gets them.
    pub(crate) ranges: &'static [&'static str],
    /// Every address that is tried; the first is a lone /32.
    pub(crate) addresses: &'static [Ipv4Addr],
    /// Which of them have a vMAC with the policy `vmac`; the others stay on the main MAC.
    pub(crate) vmacs: &'static [(Ipv4Addr, &'static str)],
}

const OVH: Case = Case {
    lab: "ovh",
    policy: "host",
    host: Ipv4Addr::new(203, 0, 113, 2),
    gateway: Ipv4Addr::new(203, 0, 113, 254),
    ranges: &["198.51.100.7", "198.51.100.130", "192.0.2.64/30"],
    addresses: &[
        Ipv4Addr::new(198, 51, 100, 7),
        Ipv4Addr::new(198, 51, 100, 130),
        Ipv4Addr::new(192, 0, 2, 64),
        Ipv4Addr::new(192, 0, 2, 65),
        Ipv4Addr::new(192, 0, 2, 66),
        Ipv4Addr::new(192, 0, 2, 67),
    ],
    vmacs: &[
        (Ipv4Addr::new(198, 51, 100, 7), "02:00:c6:33:64:07"),
        (Ipv4Addr::new(198, 51, 100, 130), "02:00:c6:33:64:82"),
        (Ipv4Addr::new(192, 0, 2, 64), "02:00:c0:00:02:40"),
        (Ipv4Addr::new(192, 0, 2, 65), "02:00:c0:00:02:41"),
        (Ipv4Addr::new(192, 0, 2, 66), "02:00:c0:00:02:42"),
        // Several addresses may sit on one vMAC.
        (Ipv4Addr::new(192, 0, 2, 67), "02:00:c0:00:02:42"),
    ],
};

const HETZNER: Case = Case {
    lab: "hetzner",
    policy: "host",
    host: Ipv4Addr::new(203, 0, 113, 66),
    gateway: Ipv4Addr::new(203, 0, 113, 65),
    ranges: &["203.0.113.75", "203.0.113.90", "198.51.100.32/29"],
    addresses: &[
        Ipv4Addr::new(203, 0, 113, 75),
        Ipv4Addr::new(203, 0, 113, 90),
        Ipv4Addr::new(198, 51, 100, 32),
        Ipv4Addr::new(198, 51, 100, 36),
        Ipv4Addr::new(198, 51, 100, 39),
    ],
    // A subnet is always routed to the main MAC.
    vmacs: &[
        (Ipv4Addr::new(203, 0, 113, 75), "02:00:cb:00:71:4b"),
        (Ipv4Addr::new(203, 0, 113, 90), "02:00:cb:00:71:5a"),
    ],
};

/// Both providers with both kinds of binding.
pub(crate) const CASES: [Case; 4] = [OVH, Case { policy: "vmac", ..OVH }, HETZNER, Case { policy: "vmac", ..HETZNER }];

/// A lab with a daemon to which everything but associations was declared. Dropped by a panic, it first prints what the
/// provider saw.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) police: Police,
    pub(crate) daemon: Daemon,
    pub(crate) lab: Lab,
    pub(crate) case: Case,
}

/// Runs a scenario at each provider with each policy; the provider must not have refused a frame.
#[track_caller]
pub(crate) fn at_each_provider(scenario: impl Fn(&mut Site)) {
    for case in CASES {
        at(case, &scenario);
    }
}

/// Runs a scenario at one provider; it must not have refused a frame.
#[track_caller]
pub(crate) fn at(case: Case, scenario: impl Fn(&mut Site)) {
    println!("lab {} with the policy {}", case.lab, case.policy);
    let mut site = Site::up(case, "");
    scenario(&mut site);
    site.assert_clean();
}

impl Site {
    /// Brings it up; `options` are further words of `provider create`.
    #[track_caller]
    pub(crate) fn up(case: Case, options: &str) -> Self {
        let lab = Lab::up(case.lab);
        let police = Police::of(&lab);
        let daemon = Daemon::start(&lab);
        lab.point_at_controller();
        let site = Self { police, daemon, lab, case };
        if case.policy == "vmac" {
            case.vmacs.iter().for_each(|(address, mac)| site.order_vmac(*address, mac));
        }
        let Case { policy, host, gateway, .. } = case;
        site.command(&format!(
            "provider create dc --bridge br-ex --uplink uplink0 --gateway {gateway} --host-ip {host} \
             --mac-policy {policy}{options}"
        ));
        site.command("pool create public --provider dc --cool-down 0");
        for range in case.ranges {
            site.command(&format!("pool add public {range} --all-addresses"));
        }
        if policy == "vmac" {
            for address in case.addresses {
                site.command(&format!("pool add public {address} --mac {}", site.mac(*address)));
            }
        }
        site.command("network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1");
        for number in 1..=4 {
            let (mac, ip) = (instance_mac(number), instance_ip(number));
            site.command(&format!("instance add web-{number} --network blue --port vm{number} --mac {mac} --ip {ip}"));
        }
        site
    }

    /// Runs `buoyctl`; what changes has to be applied.
    #[track_caller]
    pub(crate) fn command(&self, command: &str) -> Value {
        let result = buoyctl(&self.daemon, command);
        assert!(result.get("applied").is_none_or(|applied| *applied == true), "{command}: {result}");
        result
    }

    #[track_caller]
    pub(crate) fn associate(&self, address: Ipv4Addr, number: u8) -> Value {
        self.command(&format!("fip associate {address} web-{number}"))
    }

    #[track_caller]
    pub(crate) fn disassociate(&self, address: Ipv4Addr) -> Value {
        self.command(&format!("fip disassociate {address}"))
    }

    /// The MAC that the server has without any vMAC.
    pub(crate) fn main_mac(&self) -> MacAddr {
        let bridge = self.lab.spec().bridges.iter().find(|bridge| bridge.name == "br-ex");
        bridge.expect("every lab has br-ex").mac
    }

    /// The MAC that the provider expects of an address.
    pub(crate) fn mac(&self, address: Ipv4Addr) -> MacAddr {
        let vmac = self.case.vmacs.iter().find(|(own, _)| self.case.policy == "vmac" && *own == address);
        vmac.map_or_else(|| self.main_mac(), |(_, mac)| mac.parse().expect("a MAC"))
    }

    /// Whether the provider bound an address to a MAC of its own.
    pub(crate) fn has_vmac(&self, address: Ipv4Addr) -> bool {
        self.case.policy == "vmac" && self.case.vmacs.iter().any(|(own, _)| *own == address)
    }

    /// Binds an address to a vMAC at the provider: from then on the router asks for it by ARP.
    #[track_caller]
    fn order_vmac(&self, address: Ipv4Addr, mac: &str) {
        self.police.bind(format!("{address}/32").parse().expect("a block"), mac.parse().expect("a MAC"));
        let route = format!("ip route replace {address}/32 dev lan0");
        self.lab.node("router").run(route.split(' ')).expect_success();
    }

    /// Whether the address answers from the Internet, soon.
    #[track_caller]
    pub(crate) fn assert_reached(&self, address: Ipv4Addr) {
        let report = ping(&self.lab.node("remote"), address, 3);
        assert!(report.is_complete(), "{address}: {report:?}\n{}", self.police.report());
    }

    /// Waits until the host answers from the Internet.
    #[track_caller]
    pub(crate) fn await_host(&self, deadline: Duration) {
        let remote = self.lab.node("remote");
        eventually(deadline, "the host answers", || ping(&remote, self.case.host, 1).is_complete().then_some(()));
    }

    /// Panics where the provider has refused a frame, or where the controller was too talkative.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        self.police.assert_clean();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("---- {:?}\n{}----", self.case, self.police.report());
        }
    }
}

/// The MAC of an instance's interface.
pub(crate) fn instance_mac(number: u8) -> MacAddr {
    MacAddr::new([2, 0, 0x0a, 0, 0, 10 + number])
}

/// The fixed IP of an instance.
pub(crate) fn instance_ip(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 10 + number)
}

/// The node of an instance.
pub(crate) fn vm(number: u8) -> String {
    format!("vm{number}")
}
