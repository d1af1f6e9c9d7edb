//! A connection that is lost between any two messages of an association: both bridges end in the right state, and the
//! command still ends with exit code 0, because it waits for the bridge to come back.

#![expect(clippy::indexing_slicing, reason = "there are two bridges, and as many rounds as commands")]

use std::collections::BTreeSet;
use std::time::Duration;

use buoy_testbed::probe::eventually;
use buoy_testbed::proxy::{Direction, Proxy};
use buoy_testbed::scenario::{BRIDGES, SOON, await_up_to_date, behind_proxies, buoyctl};
use buoy_testbed::site::DECLARATION;
use buoy_testbed::{Daemon, Lab};

/// A round of commands that ends where it began.
const ROUND: [&str; 3] =
    ["fip associate 203.0.113.100 web-1", "fip associate 203.0.113.100 web-2", "fip disassociate 203.0.113.100"];

type Flows = [BTreeSet<String>; 2];

struct Site {
    lab: Lab,
    daemon: Daemon,
    proxies: [Proxy; 2],
}

impl Site {
    fn up() -> Self {
        let (lab, daemon, proxies) = behind_proxies("flat");
        for command in DECLARATION {
            daemon.buoyctl(["--timeout", "20"].into_iter().chain(command.split(' '))).expect_success();
        }
        eventually(SOON, "the gateway is known", || {
            let known = buoyctl(&daemon, "provider show lan");
            (known.get("gateway_state")? == "resolved").then_some(())
        });
        await_up_to_date(&daemon, SOON);
        Self { lab, daemon, proxies }
    }

    fn flows(&self) -> Flows {
        BRIDGES.map(|bridge| self.lab.lasting_flows(bridge))
    }

    /// Runs a command with a calm connection; returns the flows after it, and how many messages it took on each way.
    fn calmly(&self, command: &str) -> (Flows, Vec<(usize, Direction, u64)>) {
        self.proxies.iter().for_each(Proxy::count_anew);
        buoyctl(&self.daemon, command);
        await_up_to_date(&self.daemon, SOON);
        let ways = [Direction::ToSwitch, Direction::ToDaemon];
        let counts = self
            .proxies
            .iter()
            .enumerate()
            .flat_map(|(bridge, proxy)| ways.map(|direction| (bridge, direction, proxy.passed(direction))));
        (self.flows(), counts.collect())
    }

    /// Runs a command whose connection is cut, and checks what it comes to. Returns whether the cut was made.
    fn cut(&self, command: &str, expected: &Flows, bridge: usize, direction: Direction, after: u64) -> bool {
        let what = format!("{command}, cut after {after} messages {direction:?} of {}", BRIDGES[bridge]);
        self.proxies[bridge].cut_after(direction, after);
        let output = self.daemon.buoyctl(["--timeout", "20"].into_iter().chain(command.split(' ')));
        assert!(output.success(), "{what}: {output}\n{}", self.daemon.log());
        let was_cut = self.proxies[bridge].has_cut();
        await_up_to_date(&self.daemon, Duration::from_secs(20));
        for ((bridge, now), expected) in BRIDGES.iter().zip(self.flows()).zip(expected) {
            let missing: Vec<_> = expected.difference(&now).collect();
            let strange: Vec<_> = now.difference(expected).collect();
            assert!(
                missing.is_empty() && strange.is_empty(),
                "{what}: {bridge} lacks {missing:#?} and has {strange:#?}"
            );
        }
        was_cut
    }
}

/// One round of cuts: every boundary of every command, or with a `step` each so-manieth.
fn cuts(first: usize, step: usize) -> usize {
    let site = Site::up();
    let calm: Vec<_> = ROUND.iter().map(|command| site.calmly(command)).collect();
    let mut boundaries = Vec::new();
    for (command, (_, counts)) in calm.iter().enumerate() {
        for &(bridge, direction, count) in counts {
            boundaries.extend((0..count).map(|after| (command, bridge, direction, after)));
        }
    }
    assert!(boundaries.len() > 20, "an association takes messages: {boundaries:?}");
    let mut made = 0;
    for (target, bridge, direction, after) in boundaries.into_iter().skip(first).step_by(step) {
        for (command, words) in ROUND.iter().enumerate() {
            if command == target {
                made += usize::from(site.cut(words, &calm[command].0, bridge, direction, after));
            } else {
                site.daemon.buoyctl(["--timeout", "20"].into_iter().chain(words.split(' '))).expect_success();
            }
        }
    }
    made
}

#[test]
fn a_cut_at_any_message_of_an_association_ends_in_the_right_state() {
    let is_long = std::env::var_os("BUOY_LONG").is_some();
    let labs = if is_long { 4 } else { 3 };
    let step = if is_long { 1 } else { labs * 2 };
    let rounds = if is_long { 2 } else { 1 };
    let made = std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..labs).map(|lab| scope.spawn(move || (0..rounds).map(|_| cuts(lab, step)).sum::<usize>())).collect();
        runs.into_iter().map(|run| run.join().expect("every cut ends well")).sum::<usize>()
    });
    println!("{made} connections were cut");
    assert!(made >= if is_long { 300 } else { 20 }, "only {made} cuts were made");
}
