//! Everything at once: an admin who does whatever comes to mind while the controller is killed, Open vSwitch restarted and
//! ports are pulled. The storms of guests beside it are [`crate::probe::StormRun`]s.

use std::env;
use std::fmt;
use std::time::{Duration, Instant};

use crate::admin::{Admin, Tally};
use crate::dice::Dice;
use crate::{Daemon, Lab};

/// How many operations a campaign has: all of them with `BUOY_LONG`, a slice without.
pub fn operations() -> u64 {
    if env::var_os("BUOY_LONG").is_some() { 10_000 } else { 500 }
}

/// What is pulled and killed, besides what the admin does.
#[derive(Clone, Debug)]
pub struct Targets {
    /// Ports of instances, on br-int.
    pub ports: Vec<String>,
    /// Uplinks, each with its bridge.
    pub uplinks: Vec<(String, String)>,
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the admin did.
    pub tally: Tally,
    /// How often the daemon was killed, restarted, a port pulled, an uplink pulled, Open vSwitch killed.
    pub blows: [u64; 5],
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tally, blows: [kills, restarts, ports, uplinks, switches], took } = self;
        write!(
            f,
            "{tally}; {kills} kills and {restarts} restarts of buoyd, {ports} ports and {uplinks} uplinks pulled, "
        )?;
        write!(f, "{switches} kills of Open vSwitch, in {:.0} s", took.as_secs_f64())
    }
}

/// Does so many operations, with a blow after every few.
#[track_caller]
pub fn rage(
    lab: &Lab,
    daemon: &mut Daemon,
    admin: &mut Admin,
    targets: &Targets,
    operations: u64,
    seed: u64,
) -> Outcome {
    let (mut dice, since, mut blows) = (Dice::new(seed), Instant::now(), [0; 5]);
    let mut next = BLOWS.iter().cycle();
    let mut calm = 0;
    while admin.tally().total() < operations {
        if calm == 0 {
            calm = EVERY / 2 + dice.below(EVERY);
            let blow = *next.next().expect("they go round");
            blows.iter_mut().skip(blow as usize).take(1).for_each(|count| *count += 1);
            strike(blow, lab, daemon, admin, targets, &mut dice);
        }
        calm -= 1;
        admin.act(daemon);
    }
    Outcome { tally: admin.tally().clone(), blows, took: since.elapsed() }
}

#[track_caller]
fn strike(blow: Blow, lab: &Lab, daemon: &mut Daemon, admin: &mut Admin, targets: &Targets, dice: &mut Dice) {
    match blow {
        Blow::Kill => {
            admin.act_unheard(daemon);
            daemon.kill9();
            daemon.start_again();
        }
        Blow::Restart => {
            admin.reconnect();
            daemon.restart();
        }
        Blow::Port => {
            let port = dice.pick(&targets.ports);
            lab.ovs_vsctl(["del-port", "br-int", port]);
            admin.act(daemon);
            lab.ovs_vsctl(["add-port", "br-int", port]);
        }
        Blow::Uplink => {
            let (bridge, uplink) = dice.pick(&targets.uplinks);
            lab.ovs_vsctl(["del-port", bridge, uplink]);
            admin.act(daemon);
            lab.ovs_vsctl(["add-port", bridge, uplink]);
        }
        Blow::Switch => {
            lab.kill_vswitchd();
            admin.act(daemon);
            lab.restart_vswitchd();
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Blow {
    Kill,
    Restart,
    Port,
    Uplink,
    Switch,
}

/// In turn: a slice has one of each.
const BLOWS: [Blow; 11] = [
    Blow::Kill,
    Blow::Port,
    Blow::Restart,
    Blow::Uplink,
    Blow::Switch,
    Blow::Port,
    Blow::Kill,
    Blow::Port,
    Blow::Uplink,
    Blow::Restart,
    Blow::Kill,
];

/// Operations between two blows, about.
const EVERY: usize = 40;
