//! An instance that comes with its address, and goes without it: in force when the command returns.

use buoy_testbed::probe::ping;
use buoy_testbed::scenario::{buoyctl, declared};
use buoy_testbed::site::FLOATING_IP;

#[test]
fn an_instance_is_reached_as_soon_as_it_is_there_and_not_after_it_went() {
    let (lab, daemon) = declared();
    buoyctl(&daemon, "network set blue --auto-assign public");
    assert!(daemon.buoyctl(["instance", "remove", "web-1"]).success());
    let added = buoyctl(&daemon, "instance add web-1 --network blue --port vm1 --mac 02:00:0a:00:00:0b --ip 10.0.0.11");
    assert_eq!(added["interfaces"][0]["floating_ip"], FLOATING_IP.to_string(), "{added}");
    assert_eq!(added["applied"], true, "{added}");
    for from in ["client", "remote"] {
        let report = ping(&lab.node(from), FLOATING_IP, 3);
        assert!(report.is_complete(), "{from}: {report:?}");
    }
    let removed = daemon.buoyctl(["instance", "remove", "web-1", "--force"]);
    assert_eq!(removed.code(), 0, "{removed}");
    assert!(ping(&lab.node("client"), FLOATING_IP, 2).is_silent());
    let fip = buoyctl(&daemon, &format!("fip show {FLOATING_IP}"));
    assert_eq!((&fip["state"], &fip["applied"]), (&"allocated".into(), &true.into()), "{fip}");
    let moved = buoyctl(&daemon, &format!("fip associate {FLOATING_IP} --port vm2"));
    assert_eq!((&moved["instance"], &moved["applied"]), (&"web-2".into(), &true.into()), "{moved}");
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete());
}
