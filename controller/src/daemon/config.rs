//! What the daemon is told: arguments over the configuration file over defaults.

use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use buoy_topology::{Name, PortName};
use clap::{Parser, Subcommand};
use nix::unistd::Group;
use serde::Deserialize;

use crate::rpc::{Grant, Grants, May};
use crate::switch::Endpoint;

/// buoyd gives instances floating IPs on Open vSwitch.
///
/// It listens for switches (OpenFlow 1.3) and for buoyctl. Point both bridges at it with `ovs-vsctl set-controller`;
/// the README has the one transaction that does it without cutting the host off. It runs in the foreground, logs to
/// stderr (RUST_LOG=debug shows more) and needs no root.
#[derive(Debug, Parser)]
#[command(name = "buoyd", version, disable_help_subcommand = true)]
pub struct Args {
    /// The configuration file (TOML); it may be absent
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub config: PathBuf,
    /// Where the state is kept [default: /var/lib/buoy]
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Where buoyctl connects [default: /run/buoy/buoyd.sock]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Where switches connect, tcp:HOST:PORT or unix:PATH; may be given several times [default: tcp:127.0.0.1:6653]
    #[arg(long, value_name = "ENDPOINT")]
    pub openflow: Vec<Endpoint>,
    /// Where figures are served to Prometheus (GET /metrics), tcp:HOST:PORT or unix:PATH [default: nowhere]
    #[arg(long, value_name = "ENDPOINT")]
    pub metrics: Option<Endpoint>,
    /// Listen with plain TCP on an address that is not loopback: whoever reaches it can play a switch, or read the metrics
    #[arg(long)]
    pub allow_plain_tcp: bool,
    /// Become the primary controller of every switch: others that are connected to it may then only look (OpenFlow roles)
    #[arg(long)]
    pub primary: bool,
    /// What to do instead of running
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What buoyd does once, and then ends.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Make a state directory from what `buoyctl backup` wrote
    ///
    /// The directory must have no store yet: move the old one away first. The backup is checked before anything takes its
    /// place; where it is damaged, nothing is restored.
    #[command(
        after_help = "Example:\n  systemctl stop buoyd && mv /var/lib/private/buoy /var/lib/private/buoy.old\n  buoyd restore /var/backups/buoy.json --state-dir /var/lib/private/buoy && systemctl start buoyd\n\nThe packaged unit keeps its state there; /var/lib/buoy is a link to it."
    )]
    Restore {
        /// The backup; "-" reads it from stdin
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// What holds after all sources are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the state is kept.
    pub state_dir: PathBuf,
    /// Where buoyctl connects.
    pub socket: PathBuf,
    /// Where switches connect.
    pub openflow: Vec<Endpoint>,
    /// Where metrics are served.
    pub metrics: Option<Endpoint>,
    /// The name of br-int where no instance says otherwise.
    pub integration_bridge: PortName,
    /// Whether to become the primary controller of each switch.
    pub primary: bool,
    /// The group of the socket's file; none is the daemon's own.
    pub socket_group: Option<u32>,
    /// What the members of groups may do.
    pub grants: Grants,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    state_dir: Option<PathBuf>,
    socket: Option<PathBuf>,
    openflow: Vec<Written>,
    metrics: Option<Written>,
    integration_bridge: Option<PortName>,
    allow_plain_tcp: bool,
    primary: bool,
    socket_group: Option<WrittenGroup>,
    access: Vec<WrittenGrant>,
}

/// A group in the configuration file, by name or number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a group is a name or a number")]
enum WrittenGroup {
    Number(u32),
    Name(String),
}

impl WrittenGroup {
    fn gid(&self) -> Result<u32> {
        match self {
            Self::Number(gid) => Ok(*gid),
            Self::Name(name) => {
                let group = Group::from_name(name).with_context(|| format!("group {name}"))?;
                Ok(group
                    .with_context(|| format!("there is no group {name}: make it (addgroup), or name another"))?
                    .gid
                    .as_raw())
            }
        }
    }
}

/// What a group may do, in the configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGrant {
    group: WrittenGroup,
    may: WrittenMay,
    #[serde(default)]
    projects: Vec<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenMay {
    Read,
    Act,
}

impl WrittenGrant {
    fn grant(self) -> Result<Grant> {
        let may = match (self.may, self.projects) {
            (WrittenMay::Read, projects) if projects.is_empty() => May::Read,
            (WrittenMay::Read, _) => {
                bail!("access: who may read sees every project: leave projects away, or say may = \"act\"")
            }
            (WrittenMay::Act, projects) if projects.is_empty() => {
                bail!("access: may = \"act\" needs projects to act for")
            }
            (WrittenMay::Act, projects) => May::Act(projects),
        };
        Ok(Grant { gid: self.group.gid()?, may })
    }
}

/// An endpoint in the configuration file.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Written(Endpoint);

impl TryFrom<String> for Written {
    type Error = <Endpoint as FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl Config {
    /// Reads the file and puts the arguments over it. A file that was named must be there.
    pub fn of(args: Args) -> Result<Self> {
        let file = File::read(&args.config)?;
        let mut openflow = args.openflow;
        if openflow.is_empty() {
            openflow = file.openflow.into_iter().map(|Written(endpoint)| endpoint).collect();
        }
        if openflow.is_empty() {
            openflow.push(DEFAULT_ENDPOINT.parse().expect("the default is an endpoint"));
        }
        let metrics = args.metrics.or(file.metrics.map(|Written(endpoint)| endpoint));
        if !args.allow_plain_tcp && !file.allow_plain_tcp {
            openflow.iter().try_for_each(|own| check_plain_tcp(own, "play a switch"))?;
            metrics.iter().try_for_each(|own| check_plain_tcp(own, "read the metrics"))?;
        }
        Ok(Self {
            state_dir: args.state_dir.or(file.state_dir).unwrap_or_else(|| DEFAULT_STATE_DIR.into()),
            socket: args.socket.or(file.socket).unwrap_or_else(|| DEFAULT_SOCKET.into()),
            openflow,
            metrics,
            primary: args.primary || file.primary,
            socket_group: file.socket_group.as_ref().map(WrittenGroup::gid).transpose()?,
            grants: Grants(file.access.into_iter().map(WrittenGrant::grant).collect::<Result<_>>()?),
            integration_bridge: match file.integration_bridge {
                Some(bridge) => bridge,
                None => DEFAULT_INTEGRATION.parse().expect("the default is a name"),
            },
        })
    }
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && path == Path::new(DEFAULT_CONFIG) => {
                return Ok(Self::default());
            }
            Err(error) => bail!("{}: {error}", path.display()),
        };
        toml::from_str(&text).map_err(|error| {
            let at = error.span().and_then(|span| place(&text, span.start));
            let at = at.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
            anyhow!("{}{at}: {}", path.display(), error.message())
        })
    }
}

/// The line and the column of a byte, as an editor counts them.
fn place(text: &str, byte: usize) -> Option<(usize, usize)> {
    let before = text.get(..byte)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    Some((before.matches('\n').count() + 1, line.chars().count() + 1))
}

/// Plain TCP has neither secrecy nor proof of who speaks.
fn check_plain_tcp(endpoint: &Endpoint, what: &str) -> Result<()> {
    let Endpoint::Tcp(address) = endpoint else { return Ok(()) };
    let addresses = address.to_socket_addrs().with_context(|| format!("cannot resolve {endpoint}"))?;
    let open: Vec<IpAddr> = addresses.map(|address| address.ip()).filter(|ip| !ip.is_loopback()).collect();
    if !open.is_empty() {
        bail!(
            "{endpoint} is not loopback, and plain TCP lets anybody there {what}: use unix:PATH, or say --allow-plain-tcp"
        );
    }
    Ok(())
}

/// Read where no other file is named.
pub const DEFAULT_CONFIG: &str = "/etc/buoy/buoyd.toml";
/// Where buoyctl looks for the daemon.
pub const DEFAULT_SOCKET: &str = "/run/buoy/buoyd.sock";
const DEFAULT_STATE_DIR: &str = "/var/lib/buoy";
const DEFAULT_ENDPOINT: &str = "tcp:127.0.0.1:6653";
const DEFAULT_INTEGRATION: &str = "br-int";

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, args: &[&str]) -> Result<Config> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("buoyd.toml");
        std::fs::write(&path, file).unwrap();
        let path = path.to_str().unwrap();
        Config::of(Args::try_parse_from(["buoyd", "--config", path].iter().chain(args)).unwrap())
    }

    #[test]
    fn arguments_win_over_the_file() {
        let file = "state_dir = '/a'\nopenflow = ['unix:/b']\nintegration_bridge = 'br0'";
        let from_file = config(file, &[]).unwrap();
        assert_eq!((from_file.state_dir, from_file.openflow), ("/a".into(), vec![Endpoint::Unix("/b".into())]));
        assert_eq!(from_file.integration_bridge.as_str(), "br0");
        let from_args = config(file, &["--state-dir", "/c", "--openflow", "tcp:[::1]:6653"]).unwrap();
        assert_eq!((from_args.state_dir, from_args.openflow), ("/c".into(), vec![Endpoint::Tcp("[::1]:6653".into())]));
    }

    #[test]
    fn plain_tcp_beyond_loopback_has_to_be_asked_for() {
        assert!(config("", &["--openflow", "tcp:192.0.2.1:6653"]).is_err());
        assert!(config("", &["--openflow", "tcp:0.0.0.0:6653"]).is_err());
        assert!(config("", &["--openflow", "tcp:192.0.2.1:6653", "--allow-plain-tcp"]).is_ok());
        assert!(config("allow_plain_tcp = true", &["--openflow", "tcp:192.0.2.1:6653"]).is_ok());
        let error = config("metrics = 'tcp:0.0.0.0:9109'", &[]).unwrap_err().to_string();
        assert!(error.contains("lets anybody there read the metrics"), "{error}");
        assert!(config("metrics = 'tcp:0.0.0.0:9109'", &["--metrics", "tcp:127.0.0.1:9109"]).is_ok());
    }

    #[test]
    fn a_mistake_in_the_file_is_named() {
        let error = format!("{:#}", config("socket_path = '/x'", &[]).unwrap_err());
        assert!(error.contains("unknown field `socket_path`"), "{error}");
    }
}
