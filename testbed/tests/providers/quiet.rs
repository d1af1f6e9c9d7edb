//! How many who-has a provider hears, at rest and under load, by the policy. A few seconds by default, two minutes each
//! with `BUOY_LONG`; it prints what that is in an hour. Too many within a minute, and the provider complains.

use std::env;
use std::time::{Duration, Instant};

use buoy_testbed::probe::{PingRun, StreamRun};
use buoy_testbed::scenario::{SOON, buoyctl};
use serde_json::Value;

use crate::site::{REMOTE, Site, at_each_provider};

fn span() -> Duration {
    Duration::from_secs(if env::var_os("BUOY_LONG").is_some() { 120 } else { 3 })
}

/// What the provider heard from the server, the host's own kernel included, and what of it the daemon asked.
fn heard(site: &Site) -> [u64; 2] {
    let by_daemon = buoyctl(&site.daemon, "provider show dc").get("arp_requests_sent").and_then(Value::as_u64);
    let all = u64::try_from(site.police.report().who_has.len()).expect("few");
    [all, by_daemon.expect("a count")]
}

fn per_hour(site: &Site, what: &str, before: [u64; 2], since: Instant) {
    let [all, own] = heard(site);
    let [all, own] = [all - before[0], own - before[1]];
    let hours = since.elapsed().as_secs_f64() / 3_600.0;
    println!(
        "{what}: {all} who-has in {:.0} s ({:.0} an hour), {own} of them the daemon's",
        since.elapsed().as_secs_f64(),
        all as f64 / hours
    );
}

#[test]
fn the_provider_is_asked_seldom_at_rest_and_under_load() {
    at_each_provider(|site| {
        for (address, number) in site.case.addresses.iter().zip(1..=4) {
            site.associate(*address, number);
            site.assert_reached(*address);
        }
        let (before, since) = (heard(site), Instant::now());
        // At rest there is nothing to wait for but the time itself.
        while since.elapsed() < span() {
            std::thread::sleep(Duration::from_millis(100));
        }
        per_hour(site, "at rest", before, since);
        let (before, since) = (heard(site), Instant::now());
        let remote = site.lab.node("remote");
        let mut runs: Vec<_> = site
            .case
            .addresses
            .iter()
            .take(4)
            .chain([&site.case.host])
            .map(|address| PingRun::start(&remote, *address, Duration::from_millis(5)))
            .collect();
        let stream = StreamRun::start(&site.lab.node("vm1"), &remote, REMOTE, 7_000);
        while since.elapsed() < span() {
            runs.iter_mut().for_each(|run| run.await_more(1, SOON));
        }
        assert!(stream.stop().broken.is_none());
        drop(runs);
        per_hour(site, "under load", before, since);
    });
}
