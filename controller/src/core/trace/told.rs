//! What is said of a trace: its stages, and where the packet ends.

use buoy_flows::openflow::{Match, MatchField, PacketInReason};
use buoy_flows::simulate::{Cause, Effect, Headers, Outcome, Trace};
use buoy_topology::{PortName, PortNo};

use super::Scene;
use super::bridges::Bridges;
use super::packet::{hex, words};
use crate::api::trace::{TraceStage, TraceVerdict};

/// Who tells, and of what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling<'a> {
    pub(super) scene: &'a Scene,
    pub(super) bridges: &'a Bridges,
}

impl Telling<'_> {
    pub(super) fn stages(self, trace: &Trace) -> Vec<TraceStage> {
        let told = trace.stages.iter().enumerate().map(|(index, stage)| TraceStage {
            bridge: stage.bridge.clone(),
            table: stage.table.0,
            table_name: self.bridges.table_name(&stage.bridge, stage.table),
            owner: stage.flow.as_ref().and_then(|flow| flow.owner()).map(|own| own.feature.word().to_owned()),
            flow: stage.flow.as_ref().map(ToString::to_string),
            sentence: trace.sentence(index, self.bridges),
        });
        told.collect()
    }

    /// What the connection tracker says of the packet in the end, in ovs-ofctl's words; none where it is not asked.
    pub(super) fn ct_state(trace: &Trace) -> Option<String> {
        let mut states = trace.stages.iter().flat_map(|stage| &stage.effects).filter_map(|effect| match effect {
            Effect::Tracked(tracked) => Some(tracked.after.ct_state),
            _ => None,
        });
        let text = Match::new().with(MatchField::CtState(states.next_back()?.into())).to_string();
        text.strip_prefix("ct_state=").map(str::to_owned)
    }

    /// Where the packet ends; none where it met nothing.
    pub(super) fn verdict(self, trace: &Trace) -> Option<TraceVerdict> {
        let end = trace.verdict()?;
        let mut verdict = TraceVerdict {
            result: "dropped".to_owned(),
            bridge: end.bridge.clone(),
            port: None,
            to: None,
            reason: None,
            packet: None,
            bytes: None,
            sentence: String::new(),
        };
        let place = trace.stages.get(end.stage).map_or_else(String::new, |stage| {
            let name = self.bridges.table_name(&stage.bridge, stage.table);
            format!(
                "in table {}{} of {}",
                stage.table,
                name.map(|own| format!(" ({own})")).unwrap_or_default(),
                stage.bridge
            )
        });
        match &end.outcome {
            Outcome::Sent { port, frame } => {
                let name = self.bridges.port_name(&end.bridge, *port);
                let to = self.behind(&end.bridge, *port, frame);
                verdict.result = "delivered".to_owned();
                verdict.sentence = match &to {
                    Some(to) => format!("{to} gets it by {name} of {} as {}", end.bridge, words(frame)),
                    None => format!("it leaves {} by {name} as {}", end.bridge, words(frame)),
                };
                (verdict.port, verdict.to) = (Some(name), to);
                (verdict.packet, verdict.bytes) = (Some(words(frame)), Some(hex(frame)));
            }
            Outcome::Dropped(cause) => {
                verdict.sentence = match cause {
                    Cause::NoFlow => format!("no flow takes it {place}"),
                    cause => format!("{cause}, {place}"),
                };
                verdict.reason = Some(cause.to_string());
            }
            Outcome::Held => {
                verdict.result = "held".to_owned();
                let why = "it is a fragment, and the connection tracker keeps it until the others are there";
                verdict.sentence = format!("{why}, {place}");
                verdict.reason = Some(why.to_owned());
            }
            Outcome::Controller { reason, .. } => {
                let why = match reason {
                    PacketInReason::InvalidTtl => "its time to live is over",
                    _ => "it is for the controller",
                };
                verdict.result = "controller".to_owned();
                verdict.sentence = format!("{why}, {place}");
                verdict.reason = Some(why.to_owned());
            }
            Outcome::Unjudged(what) => {
                verdict.result = "unknown".to_owned();
                verdict.sentence = format!("{what} is not simulated: what becomes of it {place} is not known");
                verdict.reason = Some(format!("{what} is not simulated"));
            }
        }
        Some(verdict)
    }

    /// Who is behind a port, and for this frame.
    fn behind(self, bridge: &PortName, port: PortNo, frame: &[u8]) -> Option<String> {
        let site = &self.scene.site;
        if port == PortNo::LOCAL {
            return Some("the host".to_owned());
        }
        let named = |name: &PortName| {
            self.bridges.get(bridge).and_then(|own| own.port(name)).map(|own| own.number) == Some(port)
        };
        if let Some(provider) = site.providers().find(|own| own.bridge == *bridge && named(&own.uplink)) {
            return Some(format!("provider {}", provider.name));
        }
        let is_patch =
            |own: &buoy_topology::Provider| named(&own.patch) && own.bridge == *bridge || named(&own.patch_peer());
        if site.providers().any(|own| is_patch(own)) {
            return None;
        }
        let headers = Headers::of(port, frame)?;
        let mut here = site.instances().filter(|own| own.bridge == *bridge);
        let guest = here.find(|own| own.interfaces.iter().any(|own| named(&own.port) && own.mac == headers.eth_dst));
        if let Some(instance) = guest {
            return Some(format!("instance {}", instance.name));
        }
        site.directs().find(|own| named(&own.port)).map(|own| format!("direct port {}", own.name))
    }
}
