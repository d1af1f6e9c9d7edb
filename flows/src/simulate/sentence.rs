//! A trace in words.

use std::fmt;

use super::headers::ICMP;
use super::trace::{Effect, Outcome, Stage, Trace, Tracked};
use super::track::{ESTABLISHED, INVALID, RELATED, REPLY};
use crate::openflow::{Match, MatchField, PacketInReason};

impl Trace {
    /// What happened in a stage, as one sentence. `port` and `table` say what a port and a table of a bridge are called.
    pub fn sentence(&self, index: usize, name: &dyn Names) -> String {
        let Some(stage) = self.stages.get(index) else { return String::new() };
        let ends = self.ends.iter().filter(|end| end.stage == index).map(|end| end.outcome.words(stage, name));
        let mut parts: Vec<_> = ends.collect();
        let effects = stage.effects.iter().map(|effect| effect.words(stage, name));
        // What goes on comes after what ended here: a copy for the controller, then the next table.
        let (changes, ways): (Vec<_>, Vec<_>) = stage.effects.iter().zip(effects).partition(|(own, _)| !own.is_way());
        let words = |list: Vec<(&Effect, String)>| list.into_iter().map(|(_, words)| words).collect::<Vec<_>>();
        parts.splice(0..0, words(changes));
        parts.extend(words(ways));
        if parts.is_empty() { "nothing is done".to_owned() } else { parts.join("; ") }
    }
}

/// What ports and tables are called.
pub trait Names {
    /// The name of a port, `port 3` where it has none.
    fn port(&self, bridge: &buoy_topology::PortName, port: buoy_topology::PortNo) -> String;

    /// The name of a table, `table 10` where it has none.
    fn table(&self, bridge: &buoy_topology::PortName, table: crate::openflow::TableId) -> String;
}

impl Effect {
    fn is_way(&self) -> bool {
        matches!(self, Self::Goes(_) | Self::Crosses { .. })
    }

    fn words(&self, stage: &Stage, name: &dyn Names) -> String {
        match self {
            Self::Changed { field, value } => format!("{} becomes {value}", Field(field)),
            Self::TtlDown(left) => format!("the time to live counts down to {left}"),
            Self::Tagged => "it gets a VLAN tag".to_owned(),
            Self::Untagged => "its VLAN tag is taken off".to_owned(),
            Self::Goes(table) => format!("it goes on to {}", name.table(&stage.bridge, *table)),
            Self::Crosses { port, bridge } => format!("it goes by {} to {bridge}", name.port(&stage.bridge, *port)),
            Self::Tracked(tracked) => tracked.to_string(),
            Self::Measured { length, most } if *length > usize::from(*most) => {
                format!("its {length} bytes are more than {most}")
            }
            Self::Measured { length, most } => format!("its {length} bytes are not more than {most}"),
            Self::Metered(meter) => format!("it passes meter {meter}"),
        }
    }
}

impl Outcome {
    fn words(&self, stage: &Stage, name: &dyn Names) -> String {
        match self {
            Self::Sent { port, .. } => format!("it leaves by {}", name.port(&stage.bridge, *port)),
            Self::Controller { reason: PacketInReason::InvalidTtl, .. } => {
                "its time to live is over: it ends here, and a controller that wants to know is told".to_owned()
            }
            Self::Controller { meter: 0, .. } => "a copy goes to the controller".to_owned(),
            Self::Controller { meter, .. } => format!("a copy goes to the controller, by meter {meter}"),
            Self::Held => "it is a fragment: the connection tracker keeps it until the others are there".to_owned(),
            Self::Dropped(cause) => format!("it is dropped: {cause}"),
            Self::Unjudged(what) => format!("what becomes of it is not known: {what} is not simulated"),
        }
    }
}

impl fmt::Display for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after, is_exhausted } = self;
        let has = |bits: u32| after.ct_state & bits == bits;
        let what = match () {
            () if has(INVALID) => "does not take it",
            () if has(RELATED) => "takes it for an error about a connection that it knows",
            () if has(ESTABLISHED | REPLY) => "takes it for an answer in a connection that it knows",
            () if has(ESTABLISHED) => "knows its connection, which was answered",
            () => "takes it for the first of a connection",
        };
        let state = Match::new().with(MatchField::CtState(after.ct_state.into()));
        write!(f, "the connection tracker {what} ({state})")?;
        if *is_exhausted {
            f.write_str(", and has no port left for it")?;
        }
        let ends = [
            ("source", (before.nw_src, before.tp_src), (after.nw_src, after.tp_src)),
            ("destination", (before.nw_dst, before.tp_dst), (after.nw_dst, after.tp_dst)),
        ];
        for (end, was, is) in ends {
            match (was == is, after.nw_proto) {
                (true, _) => {}
                (false, ICMP) => write!(f, "; its {end} becomes {}", is.0)?,
                (false, _) => write!(f, "; its {end} becomes {}:{}", is.0, is.1)?,
            }
        }
        Ok(())
    }
}

/// A field in words, where it has some.
struct Field<'a>(&'a str);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            "dl_src" => "the source MAC",
            "dl_dst" => "the destination MAC",
            "nw_src" => "the source address",
            "nw_dst" => "the destination address",
            "nw_ttl" => "the time to live",
            "arp_op" => "the ARP operation",
            "arp_sha" => "the ARP sender's MAC",
            "arp_spa" => "the ARP sender's address",
            "arp_tha" => "the ARP target's MAC",
            "arp_tpa" => "the ARP target's address",
            "dl_vlan" | "vlan_tci" => "the VLAN",
            other => other,
        })
    }
}
