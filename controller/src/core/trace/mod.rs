//! What becomes of a packet: the flow tables of all bridges, run on it (`buoy_flows::simulate`). All flows of a site are many:
//! they are made and run through in a thread of their own, of what the core had when it began, one packet after the other.
//!
//! Read [`bridges`] (what the bridges have, or would have), [`sender`] (where the packet comes in, and with which
//! addresses), [`packet`] (its bytes), [`connection`] (which packet of a connection it is), [`told`] (what is said of it).

mod bridges;
mod connection;
mod packet;
mod sender;
mod told;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use buoy_flows::pipeline::Role;
use buoy_flows::simulate::Entry;
use buoy_topology::{Bridge, Learnt, PortName, Site};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::Core;
use super::views::{json, no_switch};
use crate::api::trace::{TraceState, TraceView};
use crate::api::{ApiError, ErrorKind, Request, TraceShow};
use crate::rpc::{Answer, Ask};
use bridges::Bridges;

/// What the switches told that they hold; none stands for what they should hold.
type Installed = Option<BTreeMap<PortName, Vec<Entry>>>;

/// Packets that wait to be traced, and where their traces come back to.
#[derive(Debug)]
pub(super) struct Traces {
    waiting: VecDeque<(Ask, Installed)>,
    is_busy: bool,
    traced: mpsc::UnboundedSender<Traced>,
}

/// A trace that is made.
#[derive(Debug)]
pub(super) struct Traced {
    ask: Ask,
    answer: Result<Value, ApiError>,
}

impl Traces {
    pub(super) fn new(traced: mpsc::UnboundedSender<Traced>) -> Self {
        Self { waiting: VecDeque::new(), is_busy: false, traced }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }
}

impl Core {
    /// Sends a packet through the flows that the bridges should have, or through those that they told.
    pub(super) fn trace(&mut self, ask: Ask, installed: Installed) {
        self.traces.waiting.push_back((ask, installed));
        self.begin_trace();
    }

    pub(super) fn on_traced(&mut self, Traced { ask, answer }: Traced) {
        self.traces.is_busy = false;
        let answer = answer.map_err(|error| self.taught(&ask.call, error));
        // Who hung up needs no answer.
        let _ = ask.reply.send(answer.map(Answer::from));
        self.begin_trace();
    }

    fn begin_trace(&mut self) {
        if self.traces.is_busy {
            return;
        }
        // Who hung up needs no trace.
        self.traces.waiting.retain(|(ask, _)| !ask.reply.is_closed());
        let Some((ask, installed)) = self.traces.waiting.pop_front() else { return };
        let Request::TraceShow(params) = ask.call.request.clone() else { return };
        self.traces.is_busy = true;
        let bridge = |switch: &super::switches::Switch| Some((switch.bridge.clone()?, switch.role));
        let scene = Scene {
            site: Arc::clone(&self.site),
            learnt: Arc::clone(&self.learnt),
            integration: self.integration.clone(),
            connected: self.switches.values().filter_map(bridge).collect(),
        };
        let traced = self.traces.traced.clone();
        tokio::spawn(async move {
            let made = spawn_blocking(move || scene.trace(&params, installed)).await;
            let failed =
                |_| Err(ApiError::new(ErrorKind::Storage, "the trace came to no end: the daemon's log says why"));
            // A core that is gone needs no trace.
            let _ = traced.send(Traced { ask, answer: made.unwrap_or_else(failed) });
        });
    }
}

/// What the core has at one moment, as far as a trace depends on it.
#[derive(Debug)]
struct Scene {
    site: Arc<Site>,
    learnt: Arc<Learnt>,
    /// The name that br-int has where no instance says otherwise.
    integration: PortName,
    connected: Vec<(Bridge, Role)>,
}

impl Scene {
    fn trace(&self, params: &TraceShow, installed: Installed) -> Result<Value, ApiError> {
        let bridges = Bridges::of(self);
        let sender = self.sender(params, &bridges)?;
        let is_installed = installed.is_some();
        if is_installed && bridges.assumed.contains(&sender.bridge) {
            return Err(no_switch(&sender.bridge));
        }
        let frame = packet::frame(params, &sender)?;
        let network = bridges.network(self, installed)?;
        let connection::Asked { bridge, port, frame, mut known } =
            connection::asked(params.ct_state, &network, (&sender.bridge, sender.port), frame)?;
        let trace = network.send_after(&mut known, &bridge, port, &frame);
        let telling = told::Telling { scene: self, bridges: &bridges };
        let Some(verdict) = telling.verdict(&trace) else { return Err(invalid("the frame is too short to be one")) };
        let mut notices = sender.notices.clone();
        if !is_installed {
            notices.extend(bridges.assumed.iter().map(|bridge| {
                format!("{bridge} is not connected: its port numbers and the MACs of its ports are assumed")
            }));
        }
        let ct_state = told::Telling::ct_state(&trace);
        if let (Some(_), TraceState::New) = (&ct_state, params.ct_state) {
            notices.push("the connection tracker knows no connection before this packet: --ct-state traces a later one, the answer or an error".to_owned());
        }
        json(TraceView {
            port: bridges.port_name(&bridge, port),
            bridge,
            packet: packet::words(&frame),
            bytes: packet::hex(&frame),
            ct_state,
            installed: is_installed,
            assumed: bridges.assumed.iter().cloned().collect(),
            stages: telling.stages(&trace),
            verdict,
            notices,
        })
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::Invalid, message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::NotFound, message)
}
