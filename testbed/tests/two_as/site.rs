//! Lab `two-as` with a daemon, two providers, two tenants, and everything but associations.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use buoy_testbed::lab::CONTROLLER;
use buoy_testbed::probe::{Frame, PingReport, Police, eventually, ping};
use buoy_testbed::scenario::buoyctl;
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;
use serde_json::Value;

/// Long enough for whatever should happen at once, on a machine that does other things beside.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The station on the Internet, and the address that it answers from.
pub(crate) const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 210);
/// Addresses of north, each with a MAC of its own.
pub(crate) const NORTH: [(Ipv4Addr, MacAddr); 3] = [
    (Ipv4Addr::new(198, 51, 100, 7), MacAddr::new([2, 0, 0xc6, 0x33, 0x64, 7])),
    (Ipv4Addr::new(198, 51, 100, 130), MacAddr::new([2, 0, 0xc6, 0x33, 0x64, 0x82])),
    (Ipv4Addr::new(203, 0, 113, 16), MacAddr::new([2, 0, 0xcb, 0, 0x71, 0x10])),
];
/// Addresses of south: two that it asks for, one that it routes.
pub(crate) const SOUTH: [Ipv4Addr; 3] =
    [Ipv4Addr::new(192, 0, 2, 75), Ipv4Addr::new(192, 0, 2, 90), Ipv4Addr::new(198, 51, 100, 36)];
/// The uplink's own MAC at south.
pub(crate) const SOUTH_MAC: MacAddr = MacAddr::new([2, 0, 0xc0, 0, 2, 0x43]);
/// The host's addresses, at north and at south.
pub(crate) const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 2), Ipv4Addr::new(192, 0, 2, 67)];
/// The two fixed IPs of `blue-1`.
pub(crate) const FIXED: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 11), Ipv4Addr::new(10, 0, 1, 11)];

/// Where the two uplinks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bridges {
    /// Both on br-ex.
    One,
    /// The second on a bridge br-ex2 of its own.
    Two,
}

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) north: Police,
    pub(crate) south: Police,
    pub(crate) daemon: Daemon,
    pub(crate) lab: Lab,
}

/// Runs a scenario in both forms; neither provider may have refused a frame.
#[track_caller]
pub(crate) fn in_both_forms(scenario: impl Fn(&mut Site)) {
    for bridges in [Bridges::One, Bridges::Two] {
        println!("bridges: {bridges:?}");
        let mut site = Site::up(bridges);
        scenario(&mut site);
        site.assert_clean();
    }
}

impl Site {
    #[track_caller]
    pub(crate) fn up(bridges: Bridges) -> Self {
        let lab = Lab::up("two-as");
        if bridges == Bridges::Two {
            part(&lab);
        }
        let (north, south) = (Police::at(&lab, "north"), Police::at(&lab, "south"));
        let daemon = Daemon::start(&lab);
        lab.point_at_controller();
        let site = Self { north, south, daemon, lab };
        let south_bridge = if bridges == Bridges::Two { "br-ex2" } else { "br-ex" };
        site.command(
            "provider create north --bridge br-ex --uplink uplink0 --gateway 203.0.113.254 --host-ip 203.0.113.2 \
             --mac-policy vmac",
        );
        site.command(&format!(
            "provider create south --bridge {south_bridge} --uplink uplink1 --gateway 192.0.2.66 --host-ip 192.0.2.67"
        ));
        site.command("pool create north --provider north --default --cool-down 0");
        for (address, mac) in NORTH {
            site.command(&format!("pool add north {address} --mac {mac}"));
        }
        site.command("pool create south --provider south --range 192.0.2.75 --range 192.0.2.90 --cool-down 0");
        site.command("pool add south 198.51.100.32/29 --all-addresses");
        for command in TENANTS {
            site.command(command);
        }
        site
    }

    /// Runs `buoyctl`; what changes has to be applied.
    #[track_caller]
    pub(crate) fn command(&self, command: &str) -> Value {
        let result = buoyctl(&self.daemon, &command.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(result.get("applied").is_none_or(|applied| *applied == true), "{command}: {result}");
        result
    }

    /// `blue-1` gets an address of each provider, on its two fixed IPs.
    #[track_caller]
    pub(crate) fn associate_both(&self) -> [Ipv4Addr; 2] {
        let both = [NORTH[0].0, SOUTH[0]];
        for (address, fixed) in both.iter().zip(FIXED) {
            self.command(&format!("fip associate {address} blue-1 --fixed-ip {fixed}"));
        }
        both
    }

    /// Whether the address answers from the Internet, soon: a switch goes over its cache in a thread of its own.
    #[track_caller]
    pub(crate) fn assert_reached(&self, address: Ipv4Addr) {
        eventually(PATIENCE, "the address answers", || self.answers(address).then_some(()));
        let report = self.ping(address);
        assert!(report.is_complete(), "{address}: {report:?}\n{}{}", self.north.report(), self.south.report());
    }

    /// Whether the address answers from the Internet now.
    #[track_caller]
    pub(crate) fn answers(&self, address: Ipv4Addr) -> bool {
        self.ping(address).is_complete()
    }

    /// Waits until the address answers nobody on the Internet any more.
    #[track_caller]
    pub(crate) fn await_silent(&self, address: Ipv4Addr) {
        eventually(PATIENCE, "it is silent", || self.ping(address).is_silent().then_some(()));
    }

    #[track_caller]
    fn ping(&self, address: Ipv4Addr) -> PingReport {
        ping(&self.lab.node("remote"), address, 3)
    }

    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        self.north.assert_clean();
        self.south.assert_clean();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("---- north\n{}---- south\n{}----", self.north.report(), self.south.report());
        }
    }
}

/// Whether a frame is an IPv4 packet from this address.
pub(crate) fn is_from(frame: &Frame, address: Ipv4Addr) -> bool {
    frame.ip.is_some_and(|ip| ip.src == address)
}

/// Gives the second uplink a bridge of its own, with the host's address of that provider.
#[track_caller]
fn part(lab: &Lab) {
    let datapath = lab.ovs_vsctl(["get", "bridge", "br-ex", "datapath_type"]);
    let wiring = format!(
        "del-port br-ex uplink1 -- add-br br-ex2 -- set bridge br-ex2 datapath_type={} other_config:hwaddr=\"{SOUTH_MAC}\" \
         -- add-port br-ex2 uplink1 \
         -- add-port br-ex2 phy-br-ex2 -- set interface phy-br-ex2 type=patch options:peer=int-br-ex2 \
         -- add-port br-int int-br-ex2 -- set interface int-br-ex2 type=patch options:peer=phy-br-ex2 \
         -- set-fail-mode br-ex2 secure -- set-controller br-ex2 {CONTROLLER} \
         -- set controller br-ex2 connection_mode=out-of-band max_backoff=1000",
        datapath.trim()
    );
    lab.ovs_vsctl(wiring.split_whitespace());
    for line in [
        "address del 192.0.2.67/31 dev br-ex",
        "link set br-ex2 up",
        "address add 192.0.2.67/31 dev br-ex2",
        "rule add from 192.0.2.67 table 200",
        "route add default via 192.0.2.66 dev br-ex2 table 200",
    ] {
        lab.host().run(["ip"].into_iter().chain(line.split(' '))).expect_success();
    }
}

/// Tenant blue with two networks, tenant green with one that has the addresses of blue's first.
const TENANTS: [&str; 8] = [
    "network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1",
    "network create blue-too --cidr 10.0.1.0/24 --gateway 10.0.1.1",
    "network create green --cidr 10.0.0.0/24 --gateway 10.0.0.1",
    "instance add blue-1 --network blue --port vm1 --mac 02:00:0a:00:00:0b --ip 10.0.0.11 --project blue",
    "instance attach blue-1 --network blue-too --port vm1b --mac 02:00:0a:00:01:0b --ip 10.0.1.11",
    "instance add blue-2 --network blue --port vm2 --mac 02:00:0a:00:00:0c --ip 10.0.0.12 --project blue",
    "instance add green-1 --network green --port vm3 --mac 02:00:0a:00:00:0b --ip 10.0.0.11 --project green",
    "instance add green-2 --network green --port vm4 --mac 02:00:0a:00:00:0e --ip 10.0.0.12 --project green",
];
