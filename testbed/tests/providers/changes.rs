//! What an admin does: moves, takes away, restarts.

use std::time::{Duration, SystemTime};

use buoy_testbed::probe::{
    Capture, Frame, PingRun, StreamRun, eventually, flush_neighbours, ping, tcp_exchange, tcp_server,
};
use buoy_testbed::scenario::{SOON, await_up_to_date};

use crate::site::{REMOTE, at_each_provider};

const RECONNECT: Duration = Duration::from_secs(20);

#[test]
fn a_restart_is_not_noticed() {
    at_each_provider(|site| {
        let address = site.case.addresses[0];
        site.associate(address, 1);
        site.assert_reached(address);
        let remote = site.lab.node("remote");
        let mut run = PingRun::start(&remote, address, Duration::from_millis(5));
        let mut host = PingRun::start(&remote, site.case.host, Duration::from_millis(5));
        run.await_reply(SOON);
        let stream = StreamRun::start(&site.lab.node("vm1"), &remote, REMOTE, 7_000);
        site.daemon.restart();
        await_up_to_date(&site.daemon, RECONNECT);
        site.daemon.kill9();
        for node in ["router", "vm1"] {
            flush_neighbours(&site.lab.node(node));
        }
        run.await_more(50, SOON);
        site.daemon.start_again();
        await_up_to_date(&site.daemon, RECONNECT);
        run.await_more(50, SOON);
        host.await_more(50, SOON);
        let stream = stream.stop();
        assert!(stream.broken.is_none() && stream.echoes > 10, "{stream:?}");
        for report in [run.stop(), host.stop()] {
            assert!(report.lost.is_empty(), "{report:?}");
        }
    });
}

#[test]
fn a_move_takes_the_address_along() {
    at_each_provider(|site| {
        let address = site.case.addresses[0];
        let remote = site.lab.node("remote");
        let _servers = [1, 2].map(|number| tcp_server(&site.lab.node(&format!("vm{number}")), 80 + number));
        let answers = |port| tcp_exchange(&remote, address, port, "who", Duration::from_secs(1)).is_ok();
        for (number, ports) in [(1, (81, 82)), (2, (82, 81)), (1, (81, 82))] {
            site.associate(address, number);
            eventually(AFTERGLOW, "the address is at its new place", || answers(ports.0).then_some(()));
            assert!(!answers(ports.1), "{address} on web-{number}");
        }
        assert!(ping(&site.lab.node("vm2"), REMOTE, 2).is_silent(), "without a floating IP nothing gets out");
    });
}

#[test]
fn a_disassociation_silences_the_address_under_traffic() {
    at_each_provider(|site| {
        let address = site.case.addresses[0];
        site.associate(address, 1);
        site.assert_reached(address);
        let capture = Capture::start(&site.lab.node("police"), "server", "");
        let mut inward = PingRun::start(&site.lab.node("remote"), address, Duration::from_millis(2));
        let mut outward = PingRun::start(&site.lab.node("vm1"), REMOTE, Duration::from_millis(2));
        inward.await_reply(SOON);
        outward.await_reply(SOON);
        site.disassociate(address);
        let done = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
        eventually(AFTERGLOW, "it is silent", || ping(&site.lab.node("remote"), address, 2).is_silent().then_some(()));
        assert!(ping(&site.lab.node("vm1"), REMOTE, 2).is_silent());
        drop((inward, outward));
        let frames = capture.stop();
        let from = |frame: &&Frame| frame.ip.is_some_and(|ip| ip.src == address);
        let last = frames.iter().filter(from).map(|frame| frame.time).max().expect("it was heard before");
        println!("last packet {:?} after the answer", last.saturating_sub(done));
        assert!(last < done + AFTERGLOW);
        site.associate(address, 2);
        site.assert_reached(address);
    });
}

/// A switch that has acknowledged a change still sends for a moment what it had decided before: it goes over its cache
/// in another thread.
const AFTERGLOW: Duration = Duration::from_secs(3);

#[test]
fn everything_can_be_taken_down_again() {
    at_each_provider(|site| {
        let address = site.case.addresses[0];
        site.associate(address, 1);
        let mut host = PingRun::start(&site.lab.node("remote"), site.case.host, Duration::from_millis(5));
        host.await_reply(SOON);
        let mut guest = PingRun::start(&site.lab.node("vm1"), REMOTE, Duration::from_millis(2));
        guest.await_reply(SOON);
        site.command(&format!("fip release {address}"));
        for number in 1..=4 {
            site.daemon.buoyctl(["instance", "remove", &format!("web-{number}")]).expect_success();
        }
        for command in ["network delete blue", "pool delete public", "provider delete dc"] {
            site.daemon.buoyctl(command.split(' ')).expect_success();
        }
        host.await_more(50, SOON);
        let report = host.stop();
        assert!(report.lost.is_empty(), "{report:?}");
        assert!(ping(&site.lab.node("vm1"), REMOTE, 2).is_silent());
    });
}
