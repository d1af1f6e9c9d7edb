//! What becomes of a packet: the flow tables of all bridges, run on it (`buoy_flows::simulate`).
//!
//! Read [`bridges`] (what the bridges have, or would have), [`sender`] (where the packet comes in, and with which
//! addresses), [`packet`] (its bytes), [`told`] (what is said of it).

mod bridges;
mod packet;
mod sender;
mod told;

use std::collections::BTreeMap;

use buoy_flows::simulate::Entry;
use buoy_topology::PortName;
use serde_json::Value;

use super::Core;
use super::views::{json, no_switch};
use crate::api::trace::TraceView;
use crate::api::{ApiError, ErrorKind, TraceShow};
use bridges::Bridges;

impl Core {
    /// Sends a packet through the flows that the bridges should have, or through those that they told.
    pub(super) fn trace(
        &self,
        params: &TraceShow,
        installed: Option<BTreeMap<PortName, Vec<Entry>>>,
    ) -> Result<Value, ApiError> {
        let bridges = Bridges::of(self);
        let sender = self.sender(params, &bridges)?;
        let is_installed = installed.is_some();
        if is_installed && bridges.assumed.contains(&sender.bridge) {
            return Err(no_switch(&sender.bridge));
        }
        let frame = packet::frame(params, &sender)?;
        let network = bridges.network(self, installed)?;
        let trace = network.send(&sender.bridge, sender.port, &frame);
        let telling = told::Telling { core: self, bridges: &bridges };
        let Some(verdict) = telling.verdict(&trace) else { return Err(invalid("the frame is too short to be one")) };
        let mut notices = sender.notices.clone();
        if !is_installed {
            notices.extend(bridges.assumed.iter().map(|bridge| {
                format!("{bridge} is not connected: its port numbers and the MACs of its ports are assumed")
            }));
        }
        json(TraceView {
            port: bridges.port_name(&sender.bridge, sender.port),
            bridge: sender.bridge,
            packet: packet::words(&frame),
            bytes: packet::hex(&frame),
            installed: is_installed,
            assumed: bridges.assumed.iter().cloned().collect(),
            stages: telling.stages(&trace),
            verdict,
            notices,
        })
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError { kind: ErrorKind::Invalid, message: message.into() }
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError { kind: ErrorKind::NotFound, message: message.into() }
}
