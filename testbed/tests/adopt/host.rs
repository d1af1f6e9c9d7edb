//! A host that is not adopted yet, and what is looked at on it.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::daemon::{buoyctl, buoyctl_line};
use buoy_testbed::datapath::Datapath;
use buoy_testbed::probe::{StreamReport, StreamRun, eventually};
use buoy_testbed::{Daemon, Lab, Output, Running};
use serde_json::Value;

/// The host's address in both labs.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// Long enough for an adoption or a rollback on a machine that does much else.
pub(crate) const LATE: Duration = Duration::from_secs(180);
/// A countdown that no test waits for.
pub(crate) const LONG: &str = "1h";
/// The shortest countdown.
pub(crate) const SHORT: &str = "5s";

/// A lab with a host to adopt, and a daemon.
pub(crate) struct Host {
    pub(crate) lab: Lab,
    pub(crate) daemon: Daemon,
}

impl Host {
    /// Panics where the lab's switch has no taps: LOCAL is no interface of the host then.
    #[track_caller]
    pub(crate) fn up(name: &str) -> Self {
        let lab = Lab::up(name);
        assert_ne!(lab.namespaces().datapath, Datapath::Dummy, "adopting a host needs /dev/net/tun");
        let daemon = Daemon::start(&lab);
        Self { lab, daemon }
    }

    /// The type of the bridges that an adoption makes.
    pub(crate) fn datapath(&self) -> &'static str {
        self.lab.namespaces().datapath.as_str()
    }

    /// `buoyctl host` with these words, to its end.
    #[track_caller]
    pub(crate) fn host(&self, words: &str) -> Output {
        buoyctl(&self.lab.host(), ["host"].into_iter().chain(words.split(' ')))
    }

    /// `buoyctl host adopt --apply`, not awaited.
    #[track_caller]
    pub(crate) fn start(&self, words: &str) -> Running {
        let line = format!("host adopt --uplink eth0 --datapath-type {} --apply {words}", self.datapath());
        // A login that ends says SIGHUP, which whoever runs the tests may have told them to ignore.
        let heeding = ["env", "--default-signal=HUP"].map(OsString::from);
        self.lab.host().spawn(heeding.into_iter().chain(buoyctl_line(line.split_whitespace())))
    }

    /// The same, until it waits for a confirmation.
    #[track_caller]
    pub(crate) fn start_and_wait(&self, words: &str) -> Running {
        let mut adopting = self.start(words);
        adopting.wait_for("buoyctl host confirm", LATE);
        adopting
    }

    /// What `host status` says.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let output = buoyctl(&self.lab.host(), ["--format", "json", "host", "status"]);
        assert!(output.success(), "{output}");
        output.json()
    }

    /// Waits until the adoption is in this phase and its guard is gone or lives, as it should.
    #[track_caller]
    pub(crate) fn await_phase(&self, phase: &str, is_guarded: bool) -> Value {
        eventually(LATE, &format!("phase {phase}, guarded {is_guarded}"), || {
            Some(self.status()).filter(|own| own["phase"] == phase && own["guarded"] == is_guarded)
        })
    }

    /// All that adopting changes: addresses, routes of all tables, bridges.
    #[track_caller]
    pub(crate) fn all(&self) -> String {
        let host = self.lab.host();
        let run = |words: &[&str]| host.run(words).expect_success();
        let addresses = run(&["ip", "-o", "address"]);
        // Interface numbers count up, and what is asked of the link once is not asked again.
        let addresses: Vec<_> =
            addresses.lines().map(|line| line.split_once(": ").map_or(line, |(_, rest)| rest)).collect();
        let tables = ["-4", "-6"].map(|family| run(&["ip", "-d", family, "route", "show", "table", "all"]));
        // What a patch port lacks is the switch's own word, which comes when it gets to it.
        let bridges = run(&["ovs-vsctl", "show"]);
        let bridges: Vec<_> = bridges.lines().filter(|line| !line.trim_start().starts_with("error:")).collect();
        let bridges = bridges.join("\n");
        let modes = run(&["ovs-vsctl", "--columns=name,fail_mode,other_config", "list", "bridge"]);
        format!("{}\n{}\n{bridges}\n{modes}", addresses.join("\n").replace(" nodad", ""), tables.join("\n"))
    }

    /// Asserts that the address, the routes and the uplink are where an adoption puts them.
    #[track_caller]
    pub(crate) fn assert_adopted(&self) {
        let host = self.lab.host();
        let address = host.run(["ip", "-br", "-4", "address", "show", "br-ex"]).expect_success();
        assert!(address.contains("203.0.113.2/"), "{address}");
        assert_eq!(host.run(["ip", "-4", "address", "show", "eth0"]).expect_success(), "");
        let routes = host.run(["ip", "-4", "route", "show", "table", "all", "dev", "eth0"]).expect_success();
        assert_eq!(routes, "", "no route is left behind");
        assert!(host.run(["ip", "route", "get", "192.0.2.210"]).expect_success().contains("dev br-ex"));
        assert_eq!(self.lab.ovs_vsctl(["iface-to-br", "eth0"]).trim(), "br-ex");
        assert_eq!(self.lab.ovs_vsctl(["get-fail-mode", "br-ex"]).trim(), "secure");
        let mode = self.lab.ovs_vsctl(["get", "controller", "br-ex", "connection_mode"]);
        assert_eq!(mode.trim(), "out-of-band");
        let mac = host.run(["cat", "/sys/class/net/br-ex/address"]).stdout;
        assert_eq!(mac.trim(), "02:00:cb:00:71:02");
    }

    /// The host's "SSH": a connection from outside that goes on.
    #[track_caller]
    pub(crate) fn connection(&self) -> StreamRun {
        StreamRun::start(&self.lab.node("remote"), &self.lab.host(), ADDRESS, 22)
    }
}

/// Ends a connection that must have lived, and says how long it stood still.
#[track_caller]
pub(crate) fn assert_lived(connection: StreamRun, what: &str) -> StreamReport {
    let report = connection.stop();
    assert_eq!(report.broken, None, "{what}: {report:?}");
    println!("{what}: {} echoes, the longest took {:?}", report.echoes, report.longest);
    report
}
