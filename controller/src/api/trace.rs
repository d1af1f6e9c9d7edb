//! Parameters and result of `trace.show`: what becomes of a packet.

use std::fmt;
use std::str::FromStr;

use buoy_topology::{Name, PortName};
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::written::Address;

/// Parameters of `trace.show`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceShow {
    /// Who sends it: an instance, `host`, `gateway` or `uplink:PROVIDER` (from outside), or `BRIDGE:PORT`
    #[arg(long, value_name = "NODE|PORT")]
    pub from: TraceFrom,
    /// The address that it is for
    #[arg(long, value_name = "ADDRESS", required_unless_present = "bytes")]
    pub to: Option<Address>,
    /// Which of the instance's fixed IPs sends it [default: the only one]
    #[arg(long, value_name = "IP")]
    pub fixed_ip: Option<Address>,
    /// The source address [default: the sender's own; the gateway's from outside]
    #[arg(long, value_name = "ADDRESS")]
    pub source: Option<Address>,
    /// What it carries
    #[arg(long, value_enum, default_value_t)]
    #[serde(default)]
    pub proto: TraceProtocol,
    /// The destination port of TCP and UDP [default: 80]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// The whole frame instead, from its Ethernet header on; spaces and 0x are allowed
    #[arg(long, value_name = "HEX", conflicts_with_all = ["to", "source", "port"])]
    pub bytes: Option<String>,
    /// Which packet of the connection is traced, in the words of the field `ct_state`
    #[arg(long, value_enum, default_value_t)]
    #[serde(default)]
    pub ct_state: TraceState,
    /// Ask the switches what they really hold, instead of what they should
    #[arg(long)]
    #[serde(default)]
    pub installed: bool,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TraceProtocol {
    /// An echo request (ping)
    #[default]
    Icmp,
    /// The first packet of a connection
    Tcp,
    /// A datagram
    Udp,
}

/// A packet of the connection that another one begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TraceState {
    /// The first one: the connection tracker knows no connection yet
    #[default]
    New,
    /// The same again, when it was answered (established)
    #[value(alias = "established")]
    Est,
    /// The answer to it, from where it leaves to (reply)
    #[value(alias = "reply")]
    Rpl,
    /// An ICMP error about it (time exceeded), from where it leaves to (related)
    #[value(alias = "related")]
    Rel,
}

/// Who sends a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TraceFrom {
    /// An instance, by the port of its interface.
    Instance(Name),
    /// The host, by LOCAL of a provider's bridge; of the only one where none is named.
    Host(Option<Name>),
    /// Somebody outside, by a provider's uplink; of the only one where none is named.
    Uplink(Option<Name>),
    /// Whoever is at a port, given by name or number.
    Port(PortName, String),
}

/// A text that names no sender.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} sends nothing: write an instance's name, host, gateway, uplink:PROVIDER or BRIDGE:PORT")]
pub struct TraceFromError {
    text: String,
}

impl FromStr for TraceFrom {
    type Err = TraceFromError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || TraceFromError { text: text.to_owned() };
        let name = |text: &str| text.parse::<Name>().map_err(|_| wrong());
        Ok(match text.split_once(':') {
            None if text == "host" => Self::Host(None),
            None if text == "gateway" => Self::Uplink(None),
            None => Self::Instance(name(text)?),
            Some(("instance", own)) => Self::Instance(name(own)?),
            Some(("host", provider)) => Self::Host(Some(name(provider)?)),
            Some(("gateway" | "uplink", provider)) => Self::Uplink(Some(name(provider)?)),
            Some((_, "")) => return Err(wrong()),
            Some((bridge, port)) => Self::Port(bridge.parse().map_err(|_| wrong())?, port.to_owned()),
        })
    }
}

impl fmt::Display for TraceFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(name) => write!(f, "instance:{name}"),
            Self::Host(None) => f.write_str("host"),
            Self::Host(Some(provider)) => write!(f, "host:{provider}"),
            Self::Uplink(None) => f.write_str("gateway"),
            Self::Uplink(Some(provider)) => write!(f, "uplink:{provider}"),
            Self::Port(bridge, port) => write!(f, "{bridge}:{port}"),
        }
    }
}

impl TryFrom<String> for TraceFrom {
    type Error = TraceFromError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TraceFrom> for String {
    fn from(from: TraceFrom) -> Self {
        from.to_string()
    }
}

/// What becomes of a packet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TraceView {
    /// The bridge that it comes in on.
    pub bridge: PortName,
    /// The port, by name where it has one.
    pub port: String,
    /// The packet in words.
    pub packet: String,
    /// Its bytes, as hex.
    pub bytes: String,
    /// What the connection tracker says of it in the end (`new|trk`, `est|rpl|trk|dnat`); null where it is not asked.
    pub ct_state: Option<String>,
    /// Whether the flows are those that the switches hold, and not those that they should.
    pub installed: bool,
    /// The bridges that are not connected: their port numbers and MACs are assumed.
    pub assumed: Vec<PortName>,
    /// The tables that it meets.
    pub stages: Vec<TraceStage>,
    /// Where it ends.
    pub verdict: TraceVerdict,
    /// What the admin should know.
    pub notices: Vec<String>,
}

/// One table that a packet meets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TraceStage {
    /// The bridge.
    pub bridge: PortName,
    /// The table.
    pub table: u8,
    /// What the table is for; null in a bridge of one table.
    pub table_name: Option<String>,
    /// The part of the pipeline that made the flow; null for a flow of others.
    pub owner: Option<String>,
    /// The flow that takes it, in ovs-ofctl's words; null where none does.
    pub flow: Option<String>,
    /// What the flow does, in a sentence.
    pub sentence: String,
}

/// Where a packet ends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TraceVerdict {
    /// `delivered`, `dropped`, `controller` (only a copy for the controller is left of it), `held` (a fragment, until the
    /// connection tracker has the others), `unknown`.
    pub result: String,
    /// The bridge where it ends.
    pub bridge: PortName,
    /// The port that it leaves by; null where it does not leave.
    pub port: Option<String>,
    /// Who is behind that port, where that is known.
    pub to: Option<String>,
    /// Why it does not arrive; null where it does.
    pub reason: Option<String>,
    /// The packet as it leaves, in words.
    pub packet: Option<String>,
    /// The same as it leaves, as hex.
    pub bytes: Option<String>,
    /// All of it in a sentence.
    pub sentence: String,
}

/// What `--help` says beyond the arguments.
pub const HELP: &str = "Tells table by table what the flows do with a packet, and why it is dropped. By default the flows
are those that the bridges should have, so that it answers also while a bridge is away; with --installed they are asked what
they hold, flows of others included. No packet is sent. --bytes takes a frame that was captured.

Where an address is shared (provider set --snat), and for floating IPs of the own network, the connection tracker decides too. The packet is taken for the first of
a connection; --ct-state est, rpl or rel sends it out first, and tells of the same packet when it was answered, of its answer,
or of an ICMP error about it. The port that it gets is in the range, but the switch may choose another one.

Examples:
  buoyctl trace --from web --to 198.51.100.7
  buoyctl trace --from gateway --source 198.51.100.7 --to 203.0.113.100 --proto tcp --port 22
  buoyctl trace --from host --to 203.0.113.100 --installed
  buoyctl trace --from web --to 198.51.100.7 --proto udp --ct-state rpl
  buoyctl trace --from br-int:vm1 --bytes 02b007000003020000000011080045...

Exit codes: 0 the trace was made, wherever the packet ends (verdict.result in JSON says where); 3 no such node or port.";
