//! The core: the one task that owns the state.
//!
//! ```text
//!   rpc ──Ask──────> ┌──────┐ ──Commit──> store thread
//!   drivers ─Report─>│ core │ <─Committed─┘
//!   clock ──tick───> └──────┘ ──Command─> drivers
//! ```
//!
//! While a commit is under way no further request is taken: those that arrive meanwhile share the next one. The core
//! never waits for a driver. Read [`commits`] (from request to commit), [`plan`] (what a request changes), [`rollout`]
//! (from commit to bundles), [`switches`] (what switches report), [`arp`] (what packets teach), [`stats`] and [`views`].

mod arp;
mod commits;
mod plan;
mod resolver;
mod rollout;
mod stats;
mod switches;
mod views;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_topology::{DatapathId, Generation, Learnt, MacAddr, Name, NeighbourKey, PortName, Site};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

use crate::rpc::Ask;
use crate::store::{Loaded, Store, StoreError};
use crate::switch::{ConnectionId, Report};

use arp::Packets;
use commits::Committing;
use resolver::Resolver;
use rollout::Waiter;
use switches::{Gone, Switch};

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
    store: Option<Store>,
    /// Why the daemon is in safe mode.
    problem: Option<String>,
    site: Site,
    learnt: Learnt,
    switches: BTreeMap<ConnectionId, Switch>,
    gone: BTreeMap<DatapathId, Gone>,
    /// Until which generation a bridge has acknowledged everything, as far as this daemon saw.
    clean_at: HashMap<PortName, Generation>,
    resolver: Resolver,
    packets: Packets,
    waiters: Vec<Waiter>,
    announcements: BTreeSet<Ipv4Addr>,
    /// The address that each pool handed out last.
    cursors: HashMap<Name, Ipv4Addr>,
    committing: Option<Committing>,
    deferred: VecDeque<Ask>,
    committed: mpsc::UnboundedSender<Result<Generation, StoreError>>,
    stats: Vec<stats::Inquiry>,
}

/// Runs the core until it is told to stop and nothing is in flight any more.
pub async fn run(
    state: State,
    integration: PortName,
    mut asks: mpsc::Receiver<Ask>,
    mut reports: mpsc::Receiver<Report>,
    mut shutdown: watch::Receiver<bool>,
) {
    // One commit is under way at a time, so this holds at most one result.
    let (committed, mut results) = mpsc::unbounded_channel();
    let mut core = Core::new(state, integration, committed);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = false;
    loop {
        if stopping && core.committing.is_none() && asks.is_empty() {
            core.answer_waiters_now();
            break;
        }
        tokio::select! {
            biased;
            Some(result) = results.recv() => core.on_committed(result, Instant::now()),
            Some(report) = reports.recv() => core.on_report(report, Instant::now()),
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
        integration: PortName,
        committed: mpsc::UnboundedSender<Result<Generation, StoreError>>,
    ) -> Self {
        let (store, problem, site, learnt) = match state {
            State::Open(store, loaded) => {
                let mut learnt = Learnt::default();
                for (key, mac) in loaded.learnt {
                    learnt.set(key, Some(mac));
                }
                (Some(store), None, Site::load(loaded.generation, loaded.records), learnt)
            }
            State::Safe(error) => (None, Some(error.to_string()), Site::default(), Learnt::default()),
        };
        Self {
            integration,
            store,
            problem,
            site,
            learnt,
            switches: BTreeMap::new(),
            gone: BTreeMap::new(),
            clean_at: HashMap::new(),
            resolver: Resolver::default(),
            packets: Packets::default(),
            waiters: Vec::new(),
            announcements: BTreeSet::new(),
            cursors: HashMap::new(),
            committing: None,
            deferred: VecDeque::new(),
            committed,
            stats: Vec::new(),
        }
    }

    fn is_safe_mode(&self) -> bool {
        self.problem.is_some()
    }

    fn on_tick(&mut self, now: Instant) {
        self.ask_neighbours(now);
        self.expire_waiters(now);
        self.expire_inquiries(now);
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
