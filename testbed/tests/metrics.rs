//! What a collector reads of a daemon with switches: what a switch dropped, what the guard kept, who is there.

use std::net::Ipv4Addr;

use buoy_testbed::probe::{eventually, ping};
use buoy_testbed::scenario::{SOON, buoyctl};
use buoy_testbed::site::{DECLARATION, FLOATING_IP};
use buoy_testbed::{Daemon, Lab};

const PORT: u16 = 9_109;

/// The page that is served.
fn page(lab: &Lab) -> String {
    let request = r"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let script = format!("exec 3<>/dev/tcp/{}/{PORT} && printf '{request}' >&3 && cat <&3", Ipv4Addr::LOCALHOST);
    let answer = lab.host().run(["bash", "-c", &script]).expect_success();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

/// The value of a sample.
fn sample(page: &str, name: &str) -> Option<u64> {
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn a_page_tells_what_switches_and_guard_have_done() {
    let lab = Lab::up("flat");
    let daemon = Daemon::start_with(
        &lab,
        buoy_testbed::daemon::STATE_DIR,
        &["--metrics", &format!("tcp:{}:{PORT}", Ipv4Addr::LOCALHOST)],
    );
    lab.point_at_controller();
    for command in DECLARATION {
        buoyctl(&daemon, command);
    }
    buoyctl(&daemon, "fip associate 203.0.113.100 web-1");
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete());
    let is = |name: &str, wanted: u64| {
        eventually(SOON, &format!("{name} is {wanted}"), || {
            let page = page(&lab);
            (sample(&page, name) == Some(wanted)).then_some(page)
        })
    };
    is("buoy_switch_applied{bridge=\"br-ex\",host=\"127.0.0.1\"}", 1);
    is("buoy_switch_applied{bridge=\"br-int\",host=\"127.0.0.1\"}", 1);
    is("buoy_gateway_state{provider=\"lan\",state=\"resolved\"}", 1);
    let before = is("buoy_floating_ips{pool=\"public\",provider=\"lan\",state=\"associated\"}", 1);
    let refused = "buoy_guard_refused_frames_total{provider=\"lan\",cause=\"unregistered_mac\"}";
    let kept = "buoy_dropped_packets_total{bridge=\"br-ex\",table=\"guard\",reason=\"unregistered_mac\"}";
    assert_eq!((sample(&before, refused), sample(&before, kept)), (Some(0), Some(0)), "{before}");
    // Past all other stages, as a mistake in them would be.
    let frame = "0200cb007101020000000066080045000014000000004001b5f2cb007164c633640a";
    let words = format!("in_port=LOCAL,packet={frame},actions=set_field:1->reg0,set_field:2->reg1,resubmit(,50)");
    for _ in 0..3 {
        lab.ovs_ofctl(["packet-out", "br-ex", &words]);
    }
    is(refused, 3);
    is(kept, 3);
    let flows = "buoy_switch_flows{bridge=\"br-ex\",host=\"127.0.0.1\"}";
    let shown = buoyctl(&daemon, "switch show br-ex");
    assert_eq!(sample(&page(&lab), flows), shown.get("flows").and_then(serde_json::Value::as_u64), "{shown}");
    // The command prints the same, but for what goes on meanwhile.
    let names = |page: &str| page.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    let printed = daemon.buoyctl(["metrics"]).expect_success();
    assert_eq!((names(&printed), sample(&printed, refused)), (names(&page(&lab)), Some(3)));
    lab.ovs_vsctl(["del-controller", "br-int"]);
    is("buoy_switch_connected{bridge=\"br-int\",host=\"127.0.0.1\"}", 0);
}
