//! A step of a plan: a sentence, and commands that can be pasted.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::names::InterfaceName;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    /// What it is for, in a sentence.
    pub(super) what: String,
    pub(super) action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// One transaction of `ovs-vsctl`: its commands, each as words.
    Ovs(Vec<Vec<String>>),
    /// One `ip -batch`; with `force` it goes on after a line that fails.
    Ip { lines: Vec<String>, force: bool },
    /// Values for files of `/proc/sys`.
    Write(Vec<(String, String)>),
    /// Waits until the daemon has brought these bridges up to date.
    AwaitBridges(Vec<InterfaceName>),
    /// Waits until the flows lead from the host out and back in.
    AwaitPath(Path),
}

/// A way through a bridge, for a packet between the host and its gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Path {
    pub(super) bridge: InterfaceName,
    pub(super) uplink: InterfaceName,
    pub(super) mac: String,
    pub(super) host: IpAddr,
    pub(super) gateway: IpAddr,
    pub(super) gateway_mac: String,
}

impl Path {
    /// The packet that leaves, in the words of `ofproto/trace`.
    pub(super) fn outwards(&self) -> String {
        let Self { mac, gateway_mac, host, gateway, .. } = self;
        format!("in_port=LOCAL,dl_src={mac},dl_dst={gateway_mac},{}", addresses(*host, *gateway))
    }

    /// The packet that arrives by this port.
    pub(super) fn inwards(&self, port: &str) -> String {
        let Self { mac, gateway_mac, host, gateway, .. } = self;
        format!("in_port={port},dl_src={gateway_mac},dl_dst={mac},{}", addresses(*gateway, *host))
    }
}

fn addresses(from: IpAddr, to: IpAddr) -> String {
    match from {
        IpAddr::V4(_) => format!("ip,nw_src={from},nw_dst={to},nw_ttl=64"),
        IpAddr::V6(_) => format!("ipv6,ipv6_src={from},ipv6_dst={to},nw_ttl=64"),
    }
}

impl Step {
    pub(super) fn new(what: impl Into<String>, action: Action) -> Self {
        Self { what: what.into(), action }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "what": self.what, "command": self.action.to_string() })
    }
}

/// The commands as a shell takes them.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ovs(commands) => {
                f.write_str("ovs-vsctl")?;
                let one = |words: &Vec<String>| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
                let (first, between) = if commands.len() > 1 { (" -- ", " \\\n    -- ") } else { (" ", " -- ") };
                let commands: Vec<_> = commands.iter().map(one).collect();
                write!(f, "{first}{}", commands.join(between))
            }
            Self::Ip { lines, force } => {
                let force = if *force { " -force" } else { "" };
                write!(f, "ip{force} -batch - <<'EOF'\n{}\nEOF", lines.join("\n"))
            }
            Self::Write(files) => {
                let lines: Vec<_> = files.iter().map(|(path, value)| format!("echo {value} >{path}")).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::AwaitBridges(bridges) => {
                let lines: Vec<_> = bridges.iter().map(|bridge| format!("buoyctl switch show {bridge}")).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::AwaitPath(path) => {
                let port = format!("$(ovs-vsctl get interface {} ofport)", path.uplink);
                let trace = format!("ovs-appctl ofproto/trace --names {}", path.bridge);
                write!(f, "{trace} {}\n{trace} \"{}\"", path.outwards(), path.inwards(&port))
            }
        }
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=:./,@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
