//! The core: the one task that owns the state.
//!
//! ```text
//!   rpc ──Ask──────> ┌──────┐ ──Commit──> store thread
//!   drivers ─Report─>│ core │ <─Committed─┘
//!   clock ──tick───> │      │ ──Command─> drivers
//!   hooks ──Ended──> └──────┘ ──Run─────> hooks
//! ```
//!
//! While a commit is under way no further request is taken: those that arrive meanwhile share the next one. The core
//! never waits for a driver. Read [`commits`] (from request to commit), [`plan`] (what a request changes; [`addresses`]
//! and [`import`] for floating IPs, [`direct`] for direct ports, [`site`] for all at once), [`outcome`] (what its answer shows), [`rollout`] (from commit to bundles),
//! [`standing`] (where what is in force), [`switches`] (who is connected), [`installed`] (what they have), [`arp`] (what
//! packets teach), [`icmp`] (what br-int leaves to us), [`legacy`] (what packets of OpenFlow 1.0 ask), [`announce`] and [`alarm`] (what is told of them),
//! [`hooks`] (what providers are told), [`stats`], [`views`] and [`backup`].

mod addresses;
mod alarm;
mod announce;
mod arp;
mod backup;
mod commits;
mod direct;
mod gone;
mod hooks;
mod icmp;
mod import;
mod installed;
mod legacy;
mod outcome;
mod plan;
mod resolver;
mod rollout;
mod site;
mod standing;
mod stats;
mod switches;
mod views;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_topology::{Generation, Learnt, MacAddr, Name, NeighbourKey, PortName, Site};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

use crate::hooks::queue::Queue;
use crate::hooks::{Line, Run};
use crate::rpc::Ask;
use crate::store::{Loaded, Store, StoreError};
use crate::switch::{ConnectionId, Report};

use alarm::Alarms;
use announce::Announcements;
use arp::Packets;
use commits::Committing;
use gone::GoneSwitches;
use resolver::Resolver;
use rollout::Waiter;
use switches::Switch;

/// What the daemon keeps and how it was opened.
#[derive(Debug)]
pub enum State {
    /// All is well.
    Open(Store, Loaded),
    /// The store was refused. Nothing that is installed is touched, and nothing is changed.
    Safe(StoreError),
}

/// The owner of the state.
#[derive(Debug)]
pub struct Core {
    /// The name that br-int has where no instance says otherwise.
    integration: PortName,
    /// Whether this controller is to be the only one that changes switches.
    primary: bool,
    store: Option<Store>,
    /// Why the daemon is in safe mode.
    problem: Option<String>,
    site: Site,
    learnt: Learnt,
    switches: BTreeMap<ConnectionId, Switch>,
    gone: GoneSwitches,
    /// Until which generation a bridge has acknowledged everything, as far as this daemon saw.
    clean_at: HashMap<PortName, Generation>,
    resolver: Resolver,
    packets: Packets,
    waiters: Vec<Waiter>,
    announcements: Announcements,
    alarms: Alarms,
    /// The address that each pool handed out last.
    cursors: HashMap<Name, Ipv4Addr>,
    committing: Option<Committing>,
    deferred: VecDeque<Ask>,
    committed: mpsc::UnboundedSender<Result<Generation, StoreError>>,
    stats: Vec<stats::Inquiry>,
    hooks: Queue,
    runs: mpsc::Sender<Run>,
}

/// What the core is told at its start.
#[derive(Debug)]
pub struct Settings {
    /// The name that br-int has where no instance says otherwise.
    pub integration: PortName,
    /// Whether to become the primary controller of each switch.
    pub primary: bool,
}

/// Runs the core until it is told to stop and nothing is in flight any more.
pub async fn run(
    state: State,
    settings: Settings,
    mut asks: mpsc::Receiver<Ask>,
    mut reports: mpsc::Receiver<Report>,
    hooks: Line,
    mut shutdown: watch::Receiver<bool>,
) {
    // One commit is under way at a time, so this holds at most one result.
    let (committed, mut results) = mpsc::unbounded_channel();
    let Line { runs, mut ended } = hooks;
    let mut core = Core::new(state, settings, committed, runs);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = false;
    loop {
        if stopping && core.committing.is_none() && asks.is_empty() {
            core.answer_waiters_now();
            break;
        }
        tokio::select! {
            Some(result) = results.recv() => core.on_committed(result, Instant::now()),
            Some(report) = reports.recv() => core.on_report(report, Instant::now()),
            Some(ended) = ended.recv() => core.on_hook_ended(ended, Instant::now()),
            ask = asks.recv(), if core.committing.is_none() => match ask {
                Some(ask) => core.on_asks(ask, &mut asks),
                None => stopping = true,
            },
            _ = ticks.tick() => core.on_tick(Instant::now()),
            changed = shutdown.changed(), if !stopping => stopping = changed.is_err() || *shutdown.borrow(),
        }
    }
    info!("stopped");
}

impl Core {
    fn new(
        state: State,
        settings: Settings,
        committed: mpsc::UnboundedSender<Result<Generation, StoreError>>,
        runs: mpsc::Sender<Run>,
    ) -> Self {
        let (store, problem, site, learnt, hooks) = match state {
            State::Open(store, loaded) => {
                let mut learnt = Learnt::default();
                for (key, mac) in loaded.learnt {
                    learnt.set(key, Some(mac));
                }
                let hooks = Queue::load(loaded.hooks, Instant::now());
                (Some(store), None, Site::load(loaded.generation, loaded.records), learnt, hooks)
            }
            State::Safe(error) => (None, Some(error.to_string()), Site::default(), Learnt::default(), Queue::default()),
        };
        Self {
            integration: settings.integration,
            primary: settings.primary,
            store,
            problem,
            site,
            learnt,
            switches: BTreeMap::new(),
            gone: GoneSwitches::default(),
            clean_at: HashMap::new(),
            resolver: Resolver::default(),
            packets: Packets::default(),
            waiters: Vec::new(),
            announcements: Announcements::default(),
            alarms: Alarms::default(),
            cursors: HashMap::new(),
            committing: None,
            deferred: VecDeque::new(),
            committed,
            stats: Vec::new(),
            hooks,
            runs,
        }
    }

    fn is_safe_mode(&self) -> bool {
        self.problem.is_some()
    }

    fn on_tick(&mut self, now: Instant) {
        self.ask_neighbours(now);
        self.announce(now);
        self.expire_waiters(now);
        self.expire_inquiries(now);
        self.tend_switches(now);
        self.call_hooks(now);
    }

    /// Notes what was learnt, durably, and makes flows of it.
    fn learn(&mut self, key: NeighbourKey, mac: Option<MacAddr>) {
        if !self.learnt.set(key, mac) {
            return;
        }
        if let Some(store) = &self.store {
            store.learn(vec![(key, mac)], |result| {
                if let Err(error) = result {
                    tracing::warn!(%error, "what was learnt could not be stored");
                }
            });
        }
        self.neighbour_changed(key);
    }
}

/// How often time is looked at: the grain of timeouts.
const TICK: Duration = Duration::from_millis(100);
