//! Adoptions that cannot be, and those that fail in the middle.

use buoy_testbed::daemon::buoyctl_line;
use buoy_testbed::probe::ping;

use crate::host::{ADDRESS, Host, LATE, LONG, assert_lived};

#[test]
fn without_a_daemon_nothing_is_touched() {
    let mut host = Host::up("bare");
    let before = host.all();
    host.daemon.kill9();
    let output = host.start("").wait(LATE);
    assert_eq!(output.code(), 6, "{output}");
    assert_eq!(host.all(), before);
    assert_eq!(host.status()["phase"], serde_json::Value::Null, "not even begun");
}

#[test]
fn what_is_wrong_with_the_request_is_told_before_anything_is_done() {
    let host = Host::up("bare");
    let before = host.all();
    for (words, code, part) in [
        ("adopt --uplink eth9 --apply", 3, "no interface eth9"),
        ("adopt --uplink eth0;reboot --apply", 2, "no name of an interface"),
        ("adopt --uplink lo --apply", 2, "no Ethernet interface"),
        ("adopt --uplink vm1 --apply", 4, "port of the bridge br-int already"),
        ("adopt --uplink br-int --apply", 2, "three different things"),
        ("adopt --uplink eth0 --bridge br-int --apply", 2, "three different things"),
        ("adopt --uplink eth0 --rollback-after 1s --apply", 2, "no time from 5s to 1h"),
        ("adopt --uplink eth0 --controller 127.0.0.1 --apply", 2, "no controller"),
        ("confirm", 3, "nothing is being adopted"),
        ("rollback", 3, "nothing is being adopted"),
    ] {
        let output = host.host(words);
        assert_eq!(output.code(), code, "{output}");
        assert!(output.stderr.contains(part), "{part}: {output}");
    }
    assert_eq!(host.all(), before);
}

#[test]
fn a_second_adoption_is_told_that_there_is_nothing_to_do() {
    let host = Host::up("bare");
    let adopting = host.start_and_wait(&format!("--rollback-after {LONG}"));
    assert!(host.host("confirm").success());
    assert!(adopting.wait(LATE).success());
    let again = host.start("").wait(LATE);
    assert_eq!(again.code(), 4, "{again}");
    assert!(again.stderr.contains("eth0 is in br-ex already"), "{again}");
    host.assert_adopted();
}

#[test]
fn a_bridge_that_finds_no_daemon_is_undone_before_the_uplink_is_touched() {
    let host = Host::up("bare-ovh");
    let (before, connection) = (host.all(), host.connection());
    let output = host.start("--controller tcp:127.0.0.1:9").wait(LATE);
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("does buoyd listen where --controller says"), "{output}");
    assert_eq!(host.all(), before);
    assert_lived(connection, "no daemon at the controller's address");
}

/// A line of the one batch that moves all fails, after some have been done.
#[test]
fn a_failure_in_the_middle_of_the_move_is_undone() {
    let host = Host::up("bare");
    let machine = host.lab.host();
    let script = "real=$(command -v ip); mkdir -p /run/bin; cat >/run/bin/ip <<EOF\n#!/bin/sh\n\
                  if [ \"\\$1\" = -batch ]; then { sed /delete/q; echo nonsense; } | $real -batch -; else exec $real \"\\$@\"; fi\n\
                  EOF\nchmod +x /run/bin/ip";
    machine.run(["sh", "-c", script]).expect_success();
    let (before, connection) = (host.all(), host.connection());
    let mut line: Vec<_> = ["sh", "-c", "PATH=/run/bin:$PATH exec \"$@\"", "sh"].map(Into::into).into();
    line.extend(buoyctl_line(["host", "adopt", "--uplink", "eth0", "--apply"]));
    let output = machine.run(line);
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("all is as before") && output.stderr.contains("nonsense"), "{output}");
    assert_eq!(host.all(), before);
    assert!(ping(&host.lab.node("remote"), ADDRESS, 3).is_complete());
    assert_lived(connection, "the move failed in the middle");
}

#[test]
fn a_state_that_somebody_else_could_write_is_not_believed() {
    let host = Host::up("bare-ovh");
    let forge = "mkdir -p /run/buoyctl && echo '{}' >/run/buoyctl/adopt.json && chmod 666 /run/buoyctl/adopt.json";
    host.lab.host().run(["sh", "-c", forge]).expect_success();
    for words in ["rollback", "confirm", "status", "adopt --uplink eth0 --apply"] {
        let output = host.host(words);
        assert_eq!(output.code(), 1, "{output}");
        assert!(output.stderr.contains("somebody else could have written it"), "{output}");
    }
}
