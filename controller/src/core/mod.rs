//! The core: the one task that owns the state.
//!
//! ```text
//!   rpc ──Ask──────> ┌──────┐ ──Commit──> store thread
//!   drivers ─Report─>│ core │ <─Committed─┘
//!   clock ──tick───> │      │ ──Command─> drivers
//!   hooks ──Ended──> │      │ ──Run─────> hooks
//!   trace ──Traced─> └──────┘ ──Scene───> trace (a thread for one packet)
//!                       └──events──> log ──read──> rpc
//! ```
//!
//! While a write to the store is under way no further request is taken: those that arrive meanwhile share the next one. The core
//! never waits for a driver. Read [`commits`] (from request to commit), [`plan`] (what a request changes; [`addresses`]
//! and [`import`] for floating IPs, [`instances`], [`direct`] for direct ports, [`projects`], [`site`] for all at once;
//! [`ownership`] says who may, [`discreet`] what it is told of others),
//! [`outcome`] (what its answer shows), [`rollout`] (from commit to bundles), [`prepare`]
//! (what switches check ahead), [`standing`] (where what is in force), [`cuts`] and [`fences`] (whether the datapath has followed; [`respondents`] are who tells),
//! [`switches`] and [`connections`] (who is connected), [`installed`] (what they have), [`arp`] (what packets teach), [`icmp`] (what br-int
//! leaves to us), [`legacy`] (what packets of OpenFlow 1.0 ask), [`outbox`] (packets of our own), [`announce`] and [`alarm`] (what is told of them),
//! [`hooks`] (what providers are told), [`metrics`] (figures), [`journal`] (how what happened comes into the log; [`changes`], [`usage`],
//! [`in_force`] and [`observed`] say what that is), [`stats`], [`views`], [`fip_views`],
//! [`mod@trace`] (what becomes of a packet) and [`backup`].

mod addresses;
mod alarm;
mod announce;
mod arp;
mod backup;
mod changes;
mod clock;
mod commits;
mod connections;
mod cuts;
mod direct;
mod discreet;
mod fences;
mod fip_views;
mod forgotten;
mod gone;
mod hooks;
mod icmp;
mod import;
mod in_force;
mod installed;
mod instances;
mod journal;
mod legacy;
mod metrics;
mod nearest;
mod observed;
mod outbox;
mod outcome;
mod ownership;
mod plan;
mod prepare;
mod projects;
mod resolver;
mod respondents;
mod rollout;
mod site;
mod snat;
mod standing;
mod stats;
mod switches;
mod trace;
mod usage;
mod views;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use buoy_topology::{Generation, Learnt, MacAddr, NeighbourKey, PortName, Site, Time};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

use crate::events::Log;
use crate::events::time::Millis;
use crate::hooks::queue::Queue;
use crate::hooks::{Line, Run};
use crate::rpc::Ask;
use crate::store::{Loaded, Store, StoreError};
use crate::switch::Report;

use alarm::Alarms;
use announce::Announcements;
use arp::Packets;
use clock::Clock;
use commits::{Committed, Committing};
use connections::Switches;
use fences::Fences;
use gone::GoneSwitches;
use in_force::Awaited;
use journal::{Journal, Recorded};
use observed::Observed;
use outbox::Outbox;
use resolver::Resolver;
use rollout::Waiter;
use trace::{Traced, Traces};
use usage::Usage;

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
    /// Shared with the trace that is being made.
    site: Arc<Site>,
    learnt: Arc<Learnt>,
    switches: Switches,
    gone: GoneSwitches,
    fences: Fences,
    /// Until which generation a bridge has acknowledged everything, as far as this daemon saw.
    clean_at: HashMap<PortName, Generation>,
    resolver: Resolver,
    packets: Packets,
    outbox: Outbox,
    waiters: Vec<Waiter>,
    announcements: Announcements,
    alarms: Alarms,
    clock: Clock,
    committing: Option<Committing>,
    deferred: VecDeque<Ask>,
    committed: mpsc::UnboundedSender<Committed>,
    stats: Vec<stats::Inquiry>,
    traces: Traces,
    hooks: Queue,
    runs: mpsc::Sender<Run>,
    /// The time of day, as it was last told.
    time: Millis,
    journal: Journal,
    awaited: Awaited,
    observed: Observed,
    usage: Usage,
    meters: metrics::Meters,
}

/// What the core is told at its start.
#[derive(Debug)]
pub struct Settings {
    /// The name that br-int has where no instance says otherwise.
    pub integration: PortName,
    /// Whether to become the primary controller of each switch.
    pub primary: bool,
    /// What happened until now, and where it goes on.
    pub log: Log,
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
    // One commit is under way at a time, so this holds at most two words of it.
    let (committed, mut results) = mpsc::unbounded_channel();
    let (recorded, mut records) = mpsc::unbounded_channel();
    // One trace is made at a time.
    let (traced, mut traces) = mpsc::unbounded_channel();
    let Line { runs, mut ended } = hooks;
    let mut core = Core::new(state, settings, committed, recorded, traced, runs);
    core.at(Millis::now()).tell_started();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = false;
    loop {
        if stopping && !core.journal.is_busy() && !core.traces.is_busy() && asks.is_empty() {
            core.answer_waiters_now();
            core.at(Millis::now()).tell_stopped();
            break;
        }
        tokio::select! {
            Some(result) = results.recv() => core.at(Millis::now()).on_committed(result, Instant::now()),
            Some(recorded) = records.recv() => core.on_recorded(&recorded, Instant::now()),
            Some(traced) = traces.recv() => core.on_traced(traced),
            Some(report) = reports.recv() => core.at(Millis::now()).on_report(report, Instant::now()),
            Some(ended) = ended.recv() => core.at(Millis::now()).on_hook_ended(ended, Instant::now()),
            ask = asks.recv(), if !core.journal.is_busy() => match ask {
                Some(ask) => core.at(Millis::now()).on_asks(ask, &mut asks),
                None => stopping = true,
            },
            _ = ticks.tick() => core.at(Millis::now()).on_tick(Instant::now()),
            changed = shutdown.changed(), if !stopping => stopping = changed.is_err() || *shutdown.borrow(),
        }
        core.empty_outbox();
    }
    // The last events are durable, and shown, before the store is closed.
    while core.journal.is_busy() {
        let Some(recorded) = records.recv().await else { break };
        core.on_recorded(&recorded, Instant::now());
    }
    info!("stopped");
}

impl Core {
    fn new(
        state: State,
        settings: Settings,
        committed: mpsc::UnboundedSender<Committed>,
        recorded: mpsc::UnboundedSender<Recorded>,
        traced: mpsc::UnboundedSender<Traced>,
        runs: mpsc::Sender<Run>,
    ) -> Self {
        let (store, problem, site, learnt, queue) = match state {
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
        let clock = Clock::new(Time(hooks::seconds()), &site, Instant::now());
        let usage = Usage::load(&site, &settings.log);
        Self {
            integration: settings.integration,
            primary: settings.primary,
            store,
            problem,
            site: Arc::new(site),
            learnt: Arc::new(learnt),
            switches: Switches::default(),
            gone: GoneSwitches::default(),
            fences: Fences::default(),
            clean_at: HashMap::new(),
            resolver: Resolver::default(),
            packets: Packets::default(),
            outbox: Outbox::default(),
            waiters: Vec::new(),
            announcements: Announcements::default(),
            alarms: Alarms::default(),
            clock,
            committing: None,
            deferred: VecDeque::new(),
            committed,
            stats: Vec::new(),
            traces: Traces::new(traced),
            hooks: queue,
            runs,
            time: Millis::default(),
            journal: Journal::new(settings.log, recorded),
            awaited: Awaited::default(),
            observed: Observed::default(),
            usage,
            meters: metrics::Meters::default(),
        }
    }

    /// Tells it the time of day.
    fn at(&mut self, time: Millis) -> &mut Self {
        self.time = time;
        self
    }

    /// The site, to be changed. A trace that looks at it goes on with what was.
    fn site_mut(&mut self) -> &mut Site {
        Arc::make_mut(&mut self.site)
    }

    fn is_safe_mode(&self) -> bool {
        self.problem.is_some()
    }

    fn on_tick(&mut self, now: Instant) {
        self.ask_neighbours(now);
        self.tell_in_force(now);
        self.begin_announcements(now);
        self.begin_fences(now);
        self.end_late_cuts(now);
        self.expire_waiters(now);
        self.expire_inquiries(now);
        self.tend_switches(now);
        self.call_hooks(now);
        self.tell_at_tick(now);
    }

    /// Notes what was learnt, durably, and makes flows of it.
    fn learn(&mut self, key: NeighbourKey, mac: Option<MacAddr>) {
        if !Arc::make_mut(&mut self.learnt).set(key, mac) {
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
