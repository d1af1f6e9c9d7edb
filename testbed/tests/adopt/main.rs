//! `buoyctl host adopt` on a machine with one NIC: its own connections live on, and whoever does not confirm gets back
//! what was there.

mod broken;
mod host;
mod undone;

use buoy_testbed::daemon::buoyctl;
use buoy_testbed::probe::{Police, eventually, ping};
use buoy_testbed::scenario::SOON;

use host::{ADDRESS, Host, LATE, LONG, assert_lived};

#[test]
fn a_confirmed_adoption_keeps_the_host_reachable_all_the_time() {
    for lab in ["bare", "bare-ovh"] {
        let host = Host::up(lab);
        let connection = host.connection();
        let adopting = host.start_and_wait(&format!("--rollback-after {LONG}"));
        assert_eq!(host.status()["phase"], "waiting");
        assert!(host.host("confirm").success());
        let output = adopting.wait(LATE);
        assert!(output.success(), "{output}");
        // A while by the bridge alone.
        assert!(ping(&host.lab.node("remote"), ADDRESS, 5).is_complete());
        assert_lived(connection, &format!("{lab}, adopted and confirmed"));
        host.assert_adopted();
        host.await_phase("confirmed", false);
        let marks = host.lab.ovs_vsctl(["get", "port", "eth0", "other_config"]);
        assert_eq!(marks.trim(), "{}", "a confirmed port stays");
        if lab == "bare-ovh" {
            Police::of(&host.lab).assert_clean();
        }
    }
}

#[test]
fn an_adopted_host_serves_floating_ips() {
    let host = Host::up("bare");
    let connection = host.connection();
    let adopting = host.start_and_wait(&format!("--rollback-after {LONG}"));
    assert!(host.host("confirm").success());
    assert!(adopting.wait(LATE).success());
    for command in [
        "provider create lan --bridge br-ex --uplink eth0 --gateway 203.0.113.1 --host-ip 203.0.113.2 --onlink 203.0.113.0/24",
        "pool create public --provider lan --range 203.0.113.100-203.0.113.119",
        "network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1",
        "instance add web-1 --network blue --port vm1 --mac 02:00:0a:00:00:0b --ip 10.0.0.11",
        "fip associate 203.0.113.100 web-1",
    ] {
        let output = buoyctl(&host.lab.host(), command.split(' '));
        assert!(output.success(), "{output}");
    }
    let fip = std::net::Ipv4Addr::new(203, 0, 113, 100);
    eventually(SOON, "the floating IP answers", || ping(&host.lab.node("remote"), fip, 1).is_complete().then_some(()));
    assert_lived(connection, "adopted, with a floating IP");
}

#[test]
fn the_plan_is_what_is_done_and_does_nothing_by_itself() {
    let host = Host::up("bare-ovh");
    let before = host.all();
    let words = format!("adopt --uplink eth0 --datapath-type {}", host.datapath());
    let text = host.host(&words).expect_success();
    assert!(text.contains("set-fail-mode br-ex secure") && text.contains("Before the next boot"), "{text}");
    let output = buoyctl(&host.lab.host(), ["--format", "json", "host"].into_iter().chain(words.split(' ')));
    let plan = output.json();
    assert_eq!(host.all(), before);
    assert_eq!(host.status()["phase"], serde_json::Value::Null);
    // Pasted into a shell, its commands put the host into the bridge, those of the daemon's state left out.
    let run = |steps: &serde_json::Value| {
        for step in steps.as_array().expect("steps") {
            let command = step["command"].as_str().expect("a command");
            let output = host.lab.host().run(["sh", "-c", command]);
            let may_fail = command.starts_with("buoyctl") || command.contains("-force");
            assert!(output.success() || may_fail, "{output}");
        }
    };
    let connection = host.connection();
    run(&plan["steps"]);
    run(&plan["confirm"]);
    host.assert_adopted();
    run(&plan["undo"]);
    assert_eq!(host.all(), before);
    assert_lived(connection, "pasted there and back");
}
