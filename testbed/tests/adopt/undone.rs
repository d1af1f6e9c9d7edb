//! Adoptions that nobody confirms.

use buoy_testbed::Signal;
use buoy_testbed::daemon::{buoyctl, buoyctl_line};
use buoy_testbed::probe::{Police, eventually, ping};
use buoy_testbed::scenario::SOON;

use crate::host::{ADDRESS, Host, LATE, LONG, SHORT, assert_lived};

#[test]
fn without_a_confirmation_all_is_as_before() {
    for lab in ["bare", "bare-ovh"] {
        let host = Host::up(lab);
        let (before, connection) = (host.all(), host.connection());
        let output = host.start(&format!("--rollback-after {SHORT}")).wait(LATE);
        assert_eq!(output.code(), 7, "{output}");
        assert!(output.stderr.contains("nobody confirmed within 5 seconds"), "{output}");
        assert_eq!(host.all(), before);
        host.await_phase("rolled_back", false);
        assert!(ping(&host.lab.node("remote"), ADDRESS, 5).is_complete());
        assert_lived(connection, &format!("{lab}, there and back"));
        if lab == "bare-ovh" {
            Police::of(&host.lab).assert_clean();
        }
        let late = host.host("confirm");
        assert_eq!(late.code(), 4, "{late}");
        assert!(late.stderr.contains("too late"), "{late}");
    }
}

#[test]
fn the_rollback_needs_no_login() {
    let host = Host::up("bare-ovh");
    let (before, connection) = (host.all(), host.connection());
    let adopting = host.start_and_wait(&format!("--rollback-after {SHORT}"));
    adopting.stop(Signal::SIGKILL, SOON);
    host.await_phase("rolled_back", false);
    assert_eq!(host.all(), before);
    assert_lived(connection, "the login died");
}

#[test]
fn a_login_that_dies_in_the_middle_stops_nothing() {
    let host = Host::up("bare");
    let before = host.all();
    let mut adopting = host.start(&format!("--rollback-after {LONG}"));
    // Its first word says that the guard is at work.
    adopting.wait_for("Make br-ex", LATE);
    adopting.stop(Signal::SIGHUP, SOON);
    host.await_phase("waiting", true);
    host.assert_adopted();
    let undone = host.host("rollback");
    assert!(undone.success(), "{undone}");
    host.await_phase("rolled_back", false);
    assert_eq!(host.all(), before);
}

#[test]
fn a_rollback_on_request_ends_the_command_that_waits() {
    let host = Host::up("bare");
    let before = host.all();
    let adopting = host.start_and_wait(&format!("--rollback-after {LONG}"));
    let again = buoyctl(&host.lab.host(), ["host", "adopt", "--uplink", "eth0", "--apply"]);
    assert_eq!(again.code(), 4, "{again}");
    assert!(again.stderr.contains("waits for a confirmation"), "{again}");
    assert!(host.host("rollback").success());
    assert_eq!(host.all(), before, "it returns when all is as before");
    let output = adopting.wait(LATE);
    assert_eq!(output.code(), 7, "{output}");
    assert!(host.host("rollback").success(), "what is so already is success");
}

#[test]
fn a_guard_that_is_killed_leaves_what_can_be_undone() {
    let host = Host::up("bare-ovh");
    let before = host.all();
    let adopting = host.start_and_wait(&format!("--rollback-after {LONG}"));
    let guard = host.status()["pid"].to_string();
    adopting.stop(Signal::SIGKILL, SOON);
    host.lab.host().run(["kill", "-KILL", &guard]).expect_success();
    let status = host.await_phase("waiting", false);
    assert_eq!(status["uplink"], "eth0");
    let text = host.host("status").expect_success();
    assert!(text.contains("its guard is gone"), "{text}");
    let undone = host.host("rollback");
    assert!(undone.success(), "{undone}");
    assert_eq!(host.all(), before);
}

#[test]
fn a_bridge_that_was_there_is_used_and_gets_back_what_it_had() {
    let host = Host::up("bare");
    let made = format!(
        "-- add-br br-ex -- set bridge br-ex datapath_type={} other_config:hwaddr=\"02:00:00:00:00:77\" \
         -- set-fail-mode br-ex standalone -- add-port br-ex phy-br-ex \
         -- set interface phy-br-ex type=patch options:peer=int-br-ex",
        host.datapath()
    );
    host.lab.ovs_vsctl(made.split_whitespace());
    let (before, connection) = (host.all(), host.connection());
    let _adopting = host.start_and_wait(&format!("--rollback-after {LONG}"));
    host.assert_adopted();
    let undone = host.host("rollback");
    assert!(undone.success(), "{undone}");
    assert_eq!(host.all(), before);
    assert_lived(connection, "a bridge that was there");
}

#[test]
fn addresses_come_back_although_open_vswitch_is_dead() {
    let host = Host::up("bare-ovh");
    let (before, connection) = (host.all(), host.connection());
    let adopting = host.start_and_wait(&format!("--rollback-after {LONG}"));
    adopting.stop(Signal::SIGKILL, SOON);
    host.lab.kill_vswitchd();
    let undoing = host.lab.host().spawn(buoyctl_line(["host", "rollback"]));
    eventually(LATE, "the host answers", || ping(&host.lab.node("remote"), ADDRESS, 1).is_complete().then_some(()));
    assert_lived(connection, "Open vSwitch died while it waited");
    let undone = undoing.wait(LATE);
    assert_eq!(undone.code(), 1, "{undone}");
    assert!(undone.stderr.contains("is ovs-vswitchd running?"), "{undone}");
    host.await_phase("broken", false);
    host.lab.restart_vswitchd();
    let again = host.host("rollback");
    assert!(again.success(), "{again}");
    assert_eq!(host.all(), before);
}

#[test]
fn ipv6_moves_too_and_comes_back() {
    let host = Host::up("bare");
    let (own, router) = ("2001:db8::2", "2001:db8::1");
    for (node, interface, address) in [(host.lab.host(), "eth0", own), (host.lab.node("router"), "lan0", router)] {
        let script = format!(
            "echo 0 >/proc/sys/net/ipv6/conf/{interface}/disable_ipv6 && ip address add {address}/64 dev {interface} nodad"
        );
        node.run(["sh", "-c", &script]).expect_success();
    }
    let machine = host.lab.host();
    machine.run(["ip", "-6", "route", "add", "default", "via", router, "dev", "eth0"]).expect_success();
    let own: std::net::Ipv6Addr = own.parse().expect("an address");
    assert!(ping(&host.lab.node("router"), own, 2).is_complete());
    let before = host.all();
    let _adopting = host.start_and_wait(&format!("--rollback-after {LONG}"));
    let moved = machine.run(["ip", "-6", "route", "show", "default"]).expect_success();
    assert!(moved.contains("dev br-ex"), "{moved}");
    // The stack no longer listens on the uplink, as with a kernel datapath, which takes its frames away.
    machine.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"]).expect_success();
    assert!(ping(&host.lab.node("router"), own, 3).is_complete(), "by the bridge");
    machine.run(["sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"]).expect_success();
    let undone = host.host("rollback");
    assert!(undone.success(), "{undone}");
    let settled = |text: String| text.replace(" tentative", "");
    assert_eq!(settled(host.all()), settled(before));
}
