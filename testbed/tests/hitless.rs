//! Ten floating IPs under traffic, and everything that a controller can do to them: not a packet is lost and no
//! connection breaks.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::{PingRun, StreamRun, eventually};
use buoy_testbed::proxy::Proxy;
use buoy_testbed::scenario::{BRIDGES, SOON, await_up_to_date, behind_proxies, buoyctl};
use buoy_testbed::site::HOST;
use buoy_testbed::{Daemon, Lab, Rpc, crowd};

const RECONNECT: Duration = Duration::from_secs(20);
const ATTEMPTS: usize = 3;

struct Site {
    lab: Lab,
    daemon: Daemon,
    proxies: [Proxy; 2],
}

impl Site {
    /// Lab `ten` with a floating IP on each instance, behind connections that can be cut.
    fn up() -> Self {
        let (lab, daemon, proxies) = behind_proxies("ten");
        let [provider, pool, network, ..] = buoy_testbed::site::DECLARATION;
        for command in [provider, pool, network] {
            daemon.buoyctl(["--timeout", "20"].into_iter().chain(command.split(' '))).expect_success();
        }
        for number in 1..=10 {
            let mac = format!("02:00:0a:00:00:{:02x}", 10 + number);
            let ip = format!("10.0.0.{}", 10 + number);
            buoyctl(
                &daemon,
                &format!("instance add web-{number} --network blue --port vm{number} --mac {mac} --ip {ip}"),
            );
            buoyctl(&daemon, &format!("fip associate {} web-{number}", address(number)));
        }
        await_up_to_date(&daemon, SOON);
        Self { lab, daemon, proxies }
    }

    /// Runs traffic through all ten addresses while something happens; nothing may be lost. Where the host itself, which
    /// nothing happens to, loses packets in the same time, the machine had no time for the switch: that says nothing, and
    /// is done again.
    fn under_traffic(&mut self, what: &str, happens: impl Fn(&mut Self)) {
        let told = (0..ATTEMPTS).any(|_| self.attempt(what, &happens));
        assert!(told, "{what}: packets of the host were lost too, {ATTEMPTS} times\n{}", self.daemon.log());
    }

    /// Tells whether it said anything.
    fn attempt(&mut self, what: &str, happens: impl Fn(&mut Self)) -> bool {
        let remote = self.lab.node("remote");
        // Ten streams of packets, one each millisecond in all.
        let interval = Duration::from_millis(10);
        let mut pings: Vec<_> = (1..=10).map(|number| PingRun::start(&remote, address(number), interval)).collect();
        let mut control = PingRun::start(&remote, HOST, interval);
        pings.iter_mut().chain([&mut control]).for_each(|run| run.await_reply(SOON));
        let streams = [
            StreamRun::start(&remote, &self.lab.node("vm1"), address(1), 7_001),
            StreamRun::start(&self.lab.node("vm2"), &remote, Ipv4Addr::new(198, 51, 100, 10), 7_002),
        ];
        happens(self);
        pings.iter_mut().chain([&mut control]).for_each(|run| run.await_more(30, SOON));
        let control = control.stop();
        let pings: Vec<_> = pings.into_iter().map(PingRun::stop).collect();
        let sent: u64 = pings.iter().map(|report| report.sent).sum();
        let lost: usize = pings.iter().map(|report| report.lost.len()).sum();
        let gap = pings.iter().map(|report| report.longest_gap).max().unwrap_or_default();
        let streams = streams.map(StreamRun::stop);
        let stalled = streams.iter().map(|report| report.longest).max().unwrap_or_default();
        println!("{what}: {lost} of {sent} packets lost, longest gap {gap:?}, longest TCP echo {stalled:?}");
        for report in &streams {
            assert!(report.broken.is_none() && report.echoes > 10, "{what}: {report:?}");
        }
        if !control.lost.is_empty() {
            println!("{what}: the host lost {} of {}", control.lost.len(), control.sent);
            return lost == 0;
        }
        assert_eq!(lost, 0, "{what}: {pings:?}\n{}", self.daemon.log());
        true
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, 99 + number)
}

#[test]
fn nothing_that_the_controller_does_is_noticed() {
    let mut site = Site::up();
    site.under_traffic("SIGKILL and restart", |site| {
        site.daemon.kill9();
        site.daemon.start_again();
        await_up_to_date(&site.daemon, RECONNECT);
    });
    site.under_traffic("another layout of flows", |site| {
        site.daemon.kill9();
        let before = BRIDGES.map(|bridge| site.lab.lasting_flows(bridge));
        for bridge in BRIDGES {
            lift_priorities(&site.lab, bridge);
        }
        let lifted = BRIDGES.map(|bridge| site.lab.lasting_flows(bridge));
        assert!(before.iter().zip(&lifted).all(|(one, two)| one != two && one.len() == two.len()));
        site.daemon.start_again();
        await_up_to_date(&site.daemon, RECONNECT);
        for (bridge, before) in BRIDGES.into_iter().zip(before) {
            eventually(SOON, "the layout of this version", || (site.lab.lasting_flows(bridge) == before).then_some(()));
        }
    });
    let mut rpc = Rpc::connect(&site.daemon);
    crowd::declare(&mut rpc, "lan");
    crowd::add_instances(&mut rpc, 0..1_001, |_| "vm1".to_owned());
    crowd::associate(&mut rpc, 0..1);
    site.under_traffic("flows of another address are deleted, and put back", |site| {
        await_up_to_date(&site.daemon, SOON);
        let before = site.lab.lasting_flows("br-int");
        let other = crowd::address(0);
        site.lab.ovs_ofctl(["del-flows", "br-int", &format!("table=50,ip,nw_dst={other}")]);
        eventually(SOON, "the flow is back", || (site.lab.lasting_flows("br-int") == before).then_some(()));
    });
    site.under_traffic("1,000 other floating IPs come and go", |site| {
        let mut rpc = Rpc::connect(&site.daemon);
        crowd::associate(&mut rpc, 1..1_001);
        await_up_to_date(&site.daemon, SOON);
        assert!(site.lab.lasting_flows("br-int").len() > 3_000);
        crowd::release(&mut rpc, 1..1_001);
        await_up_to_date(&site.daemon, SOON);
    });
    site.under_traffic("both bridges connect anew", |site| {
        for proxy in &site.proxies {
            proxy.cut_now();
        }
        eventually(SOON, "both are away", || {
            let listed = buoyctl(&site.daemon, "switch list");
            listed.as_array()?.iter().all(|own| own.get("connected") == Some(&false.into())).then_some(())
        });
        await_up_to_date(&site.daemon, RECONNECT);
    });
}

/// Gives every flow of ours another priority, as an older version might have had it: in one bundle, so that nothing is
/// lost by that. Flows at priority 0 stay: they end their tables.
fn lift_priorities(lab: &Lab, bridge: &str) {
    let flows = lab.dump_flows(bridge);
    let mut changes = String::new();
    for flow in flows.iter().filter(|flow| !flow.contains("priority=0 ") && !flow.contains("priority=0,")) {
        let (matching, actions) = flow.split_once(" actions=").expect("a flow has actions");
        let words = matching.split(", ").filter(|word| !word.contains('=') || is_kept(word));
        let matching: Vec<_> = words.collect();
        let matching = matching.join(",");
        let priority = matching.split("priority=").nth(1).and_then(|rest| rest.split(',').next()).expect("a priority");
        let number: u16 = priority.trim().parse().expect("a number");
        let lifted = matching.replace(&format!("priority={priority}"), &format!("priority={}", number + 1));
        let identity: Vec<_> = matching.split(',').filter(|word| !word.starts_with("cookie=")).collect();
        changes.push_str(&format!("add {lifted} actions={actions}\ndelete_strict {}\n", identity.join(",")));
    }
    let file = format!("/run/buoy/{bridge}.lifted");
    std::fs::write(lab.path(&file), changes).expect("/run of the lab is writable");
    lab.ovs_ofctl(["--bundle", "add-flows", bridge, &file]);
}

fn is_kept(word: &str) -> bool {
    !["duration=", "n_packets=", "n_bytes=", "idle_age=", "hard_age="].iter().any(|own| word.starts_with(own))
}
