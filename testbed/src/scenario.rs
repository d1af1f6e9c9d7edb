//! Where tests begin: lab `flat` with a daemon and the site of [`crate::site`].

use std::time::Duration;

use serde_json::Value;

use crate::daemon::STATE_DIR;
use crate::probe::{PingRun, eventually};
use crate::proxy::Proxy;
use crate::site::{DECLARATION, HOST};
use crate::{Daemon, Lab};

/// The two bridges of a lab's host.
pub const BRIDGES: [&str; 2] = ["br-ex", "br-int"];

/// Long enough for whatever should happen at once, on a machine that has other things to do.
pub const SOON: Duration = Duration::from_secs(20);

/// Runs `buoyctl` with words that have no spaces in them, and gives the document that it prints.
#[track_caller]
pub fn buoyctl(daemon: &Daemon, command: &str) -> Value {
    daemon.buoyctl_json(command.split(' '))
}

/// A lab with a daemon, two instances and nothing associated.
#[track_caller]
pub fn declared() -> (Lab, Daemon) {
    let lab = Lab::up("flat");
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    for command in DECLARATION {
        let result = buoyctl(&daemon, command);
        assert_eq!(result.get("applied"), Some(&true.into()), "{command}: {result}");
    }
    (lab, daemon)
}

/// The same with the floating IP on the first instance.
#[track_caller]
pub fn associated() -> (Lab, Daemon) {
    let (lab, daemon) = declared();
    let fip = buoyctl(&daemon, "fip associate 203.0.113.100 web-1");
    let is = |field: &str, value: &str| fip.get(field).is_some_and(|own| own == value);
    assert!(is("instance", "web-1") && is("fixed_ip", "10.0.0.11"), "{fip}");
    assert_eq!(fip.get("applied"), Some(&true.into()), "{fip}");
    (lab, daemon)
}

/// A lab with nothing declared, whose bridges (br-ex, then br-int) reach the daemon by connections that can be cut.
#[track_caller]
pub fn behind_proxies(name: &str) -> (Lab, Daemon, [Proxy; 2]) {
    let lab = Lab::up(name);
    let daemon = Daemon::start_with(&lab, STATE_DIR, &["--openflow", "unix:/run/buoy/openflow.sock"]);
    let back = lab.path("/run/buoy/openflow.sock");
    let proxies = BRIDGES.map(|bridge| {
        // The one Unix socket that OVS lets a bridge connect to.
        let front = format!("/run/openvswitch/{bridge}.controller");
        let proxy = Proxy::start(&lab.path(&front), &back);
        lab.ovs_vsctl(["set-fail-mode", bridge, "secure"]);
        lab.ovs_vsctl(["set-controller", bridge, &format!("unix:{front}")]);
        lab.ovs_vsctl(["set", "controller", bridge, "connection_mode=out-of-band", "max_backoff=1000"]);
        proxy
    });
    (lab, daemon, proxies)
}

/// Waits until both bridges are connected and have everything.
#[track_caller]
pub fn await_up_to_date(daemon: &Daemon, deadline: Duration) {
    eventually(deadline, "both bridges are up to date", || {
        let switches = buoyctl(daemon, "switch list");
        let is_applied = |own: &Value| own.get("applied") == Some(&true.into());
        (switches.as_array()?.iter().filter(|own| is_applied(own)).count() == 2).then_some(())
    });
}

/// What `switch show` says of a bridge.
#[track_caller]
pub fn switch(daemon: &Daemon, bridge: &str) -> Value {
    buoyctl(daemon, &format!("switch show {bridge}"))
}

/// How many packets were dropped for a reason, on all bridges.
#[track_caller]
pub fn dropped(daemon: &Daemon, reason: &str) -> u64 {
    let rows = buoyctl(daemon, "drops");
    let of_it = rows.as_array().expect("rows").iter().filter(|row| row["reason"] == reason);
    of_it.filter_map(|row| row["packets"].as_u64()).sum()
}

/// Waits until packets were dropped for a reason.
#[track_caller]
pub fn await_dropped(daemon: &Daemon, reason: &str) {
    eventually(SOON, reason, || (dropped(daemon, reason) > 0).then_some(()));
}

/// Waits until Open vSwitch has forgotten what flows of before made of packets: it goes on with that for a moment.
pub fn await_forgotten(lab: &Lab) {
    for _ in 0..2 {
        lab.ovs_appctl(["revalidator/wait"]);
    }
}

/// Declares the site, restarts the daemon and takes all back, while somebody pings the host, who may not miss an answer.
#[track_caller]
pub fn host_is_reachable_at_every_step(lab: &Lab) {
    let mut daemon = Daemon::start(lab);
    lab.point_at_controller();
    let mut run = PingRun::start(&lab.node("remote"), HOST, Duration::from_millis(5));
    run.await_reply(SOON);
    for command in DECLARATION.into_iter().chain(["fip associate 203.0.113.100 web-1"]) {
        buoyctl(&daemon, command);
    }
    daemon.restart();
    for command in [
        "fip release 203.0.113.100",
        "instance remove web-1",
        "instance remove web-2",
        "network delete blue",
        "pool delete public",
        "provider delete lan",
    ] {
        let done = daemon.buoyctl(command.split(' '));
        assert!(done.success(), "{command}: {done}");
    }
    run.await_more(50, SOON);
    let report = run.stop();
    assert!(report.lost.is_empty(), "{report:?}");
}
