//! A hook beside real switches: what it is told of them, and that nothing waits for it.

use buoy_testbed::probe::{eventually, ping};
use buoy_testbed::scenario::{SOON, associated, buoyctl};
use buoy_testbed::site::{FLOATING_IP, REGISTERED_MAC};
use serde_json::Value;

#[test]
fn an_address_moves_while_the_hook_hangs_and_the_hook_is_told_the_mac_that_the_provider_sees() {
    let (lab, daemon) = associated();
    let script = "cat >>/run/buoy/told\nwhile ! [ -e /run/buoy/gate ]; do sleep 0.02; done\n";
    std::fs::write(lab.path("/run/buoy/hook"), script).expect("/run of the lab is writable");
    daemon.buoyctl(["provider", "set", "lan", "--hook", "/bin/sh /run/buoy/hook"]).expect_success();
    let moved = buoyctl(&daemon, "fip associate 203.0.113.100 web-2");
    assert_eq!(moved.get("applied"), Some(&true.into()), "{moved}");
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete());
    let hook = || buoyctl(&daemon, "fip show 203.0.113.100").get("hook").cloned().unwrap_or_default();
    let state = |hook: &Value| hook.get("state").and_then(Value::as_str).map(str::to_owned);
    assert_eq!(state(&hook()).as_deref(), Some("running"), "{}", hook());

    std::fs::write(lab.path("/run/buoy/gate"), "").expect("/run of the lab is writable");
    eventually(SOON, "the hook is done", || (state(&hook())? == "done").then_some(()));
    let told = std::fs::read_to_string(lab.path("/run/buoy/told")).expect("the hook was told");
    let event: Value = serde_json::from_str(&told).expect("one document");
    assert_eq!(event.get("mac"), Some(&REGISTERED_MAC.into()), "{event}");
    let switch = buoyctl(&daemon, "switch show br-ex");
    assert_eq!(event.get("host"), switch.get("host"), "{event}");
    assert!(event.get("host").is_some_and(Value::is_string), "{event}");
}
