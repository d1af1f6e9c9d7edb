//! The commands and their help; [`nouns`] has what can be done to each kind of things.

mod nouns;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use super::host::args::Host;
use super::import::{List, Unreadable};
use super::site::{self, Apply, Export};
use super::watch::Watch;
use crate::api::{HistoryShow, Request, TraceShow, Wait};
use nouns::{Direct, Fip, Instance, Network, Pool, Project, Provider, Switch};

/// buoyctl tells buoyd which addresses there are and which instance each leads to.
///
/// The order of things: a provider (the upstream), a pool (its addresses), a network and its instances (the guests), and
/// then floating IPs, which are allocated from a pool and associated with an instance.
#[derive(Debug, Parser)]
#[command(name = "buoyctl", version, after_help = EXAMPLE, disable_help_subcommand = true)]
pub struct Args {
    /// Where buoyd listens
    #[arg(long, global = true, help_heading = GLOBAL, env = "BUOY_SOCKET", value_name = "PATH", default_value = crate::daemon::config::DEFAULT_SOCKET)]
    pub(super) socket: PathBuf,
    /// Act for this project, which sees and touches only what is its own [default: the admin, who sees all]
    #[arg(long, global = true, help_heading = GLOBAL, env = "BUOY_PROJECT", value_name = "P")]
    pub(super) project: Option<buoy_topology::Name>,
    /// A table for a person, or one JSON document for a script
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Print names or addresses alone, a line each, and no notes
    #[arg(long, short, global = true, help_heading = GLOBAL, conflicts_with = "format")]
    pub(super) quiet: bool,
    /// How far a change has to be before the command ends
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t)]
    pub(super) wait: Wait,
    /// How many seconds to wait for the switches; then the exit code is 7
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "SECONDS", default_value = "5", value_parser = seconds, allow_negative_numbers = true)]
    pub(super) timeout: Duration,
    #[command(subcommand)]
    pub(super) task: Task,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Upstreams: bridge, uplink, gateway, MAC policy
    #[command(subcommand)]
    Provider(Provider),
    /// Sets of addresses of a provider
    #[command(subcommand)]
    Pool(Pool),
    /// Internal segments that instances are in
    #[command(subcommand)]
    Network(Network),
    /// Guests and their interfaces
    #[command(subcommand)]
    Instance(Instance),
    /// Stations on a provider's bridge that have its addresses themselves
    #[command(subcommand)]
    Direct(Direct),
    /// Floating IPs
    #[command(subcommand)]
    Fip(Fip),
    /// Those who have addresses, networks and instances, and how much they may have
    #[command(subcommand)]
    Project(Project),
    /// Bridges that are connected
    #[command(subcommand)]
    Switch(Switch),
    /// How the daemon is
    Status,
    /// Dropped packets by bridge, table and reason
    Drops,
    /// Figures for those who collect them, as Prometheus and node_exporter read them
    #[command(
        after_help = "Example:\n  buoyctl metrics > buoy.prom.new && mv buoy.prom.new /var/lib/node_exporter/buoy.prom"
    )]
    Metrics,
    /// What the flows do with a packet, table by table, and why it is dropped
    #[command(after_help = crate::api::trace::HELP)]
    Trace(TraceShow),
}

/// What buoyctl can do: most of it is to ask the daemon.
#[derive(Debug, Subcommand)]
pub(super) enum Task {
    #[command(flatten)]
    Ask(Command),
    /// Make the whole site as a file says: all of it, or nothing
    #[command(after_help = site::APPLY_HELP)]
    Apply(Apply),
    /// The whole site as a file that apply takes
    #[command(after_help = site::EXPORT_HELP)]
    Export(Export),
    /// What happens, as it happens: changes, switches, ports, conflicts, alarms
    #[command(after_help = super::watch::HELP)]
    Watch(Watch),
    /// Who changed what, and when: of an address, or of everything
    #[command(after_help = super::history::HELP)]
    History(HistoryShow),
    /// Write everything that buoyd has stored into a file
    #[command(after_help = super::backup::HELP)]
    Backup(super::backup::Args),
    /// Print what teaches a shell to complete buoyctl's words
    #[command(after_help = super::completion::HELP)]
    Completion {
        /// The shell
        #[arg(value_enum)]
        shell: super::completion::Shell,
    },
    /// OpenFlow messages in hex, as text; needs no daemon
    #[command(after_help = DECODE_HELP)]
    Decode(Decode),
    /// This machine's own NIC and addresses
    #[command(subcommand)]
    Host(Host),
}

#[derive(Debug, clap::Args)]
pub(super) struct Decode {
    /// The messages, one after the other, whole from their headers on; "-" reads them from stdin. Spaces, newlines and 0x
    /// are allowed
    #[arg(required = true, value_name = "HEX")]
    pub(super) hex: Vec<String>,
}

impl Command {
    /// What the daemon is asked, and the list that it was read from. A list that cannot be read is no request.
    pub(super) fn request(self) -> Result<(Request, Option<List>), Unreadable> {
        if let Self::Pool(Pool::Import(import)) = self {
            let (params, list) = import.read()?;
            return Ok((Request::PoolImport(params), Some(list)));
        }
        Ok((self.plain()?, None))
    }

    fn plain(self) -> Result<Request, Unreadable> {
        Ok(match self {
            Self::Provider(Provider::Create(params)) => Request::ProviderCreate(params),
            Self::Provider(Provider::List) => Request::ProviderList,
            Self::Provider(Provider::Show(by)) => Request::ProviderShow(by),
            Self::Provider(Provider::Set(params)) => Request::ProviderSet(params),
            Self::Provider(Provider::Delete(by)) => Request::ProviderDelete(by),
            Self::Pool(Pool::Create(params)) => Request::PoolCreate(params),
            Self::Pool(Pool::Add(params)) => Request::PoolAdd(params),
            Self::Pool(Pool::Import(import)) => Request::PoolImport(import.read()?.0),
            Self::Pool(Pool::Set(params)) => Request::PoolSet(params),
            Self::Pool(Pool::Remove(params)) => Request::PoolRemove(params),
            Self::Pool(Pool::Forget(params)) => Request::PoolForget(params),
            Self::Pool(Pool::List) => Request::PoolList,
            Self::Pool(Pool::Show(by)) => Request::PoolShow(by),
            Self::Pool(Pool::Delete(by)) => Request::PoolDelete(by),
            Self::Network(Network::Create(params)) => Request::NetworkCreate(params),
            Self::Network(Network::List) => Request::NetworkList,
            Self::Network(Network::Show(by)) => Request::NetworkShow(by),
            Self::Network(Network::Set(params)) => Request::NetworkSet(params),
            Self::Network(Network::Delete(by)) => Request::NetworkDelete(by),
            Self::Instance(Instance::Add(params)) => Request::InstanceAdd(params),
            Self::Instance(Instance::Attach(params)) => Request::InstanceAttach(params),
            Self::Instance(Instance::Detach(params)) => Request::InstanceDetach(params),
            Self::Instance(Instance::Set(params)) => Request::InstanceSet(params),
            Self::Instance(Instance::List(filter)) => Request::InstanceList(filter),
            Self::Instance(Instance::Show(by)) => Request::InstanceShow(by),
            Self::Instance(Instance::Remove(params)) => Request::InstanceRemove(params),
            Self::Direct(Direct::Add(params)) => Request::DirectAdd(params),
            Self::Direct(Direct::List) => Request::DirectList,
            Self::Direct(Direct::Show(by)) => Request::DirectShow(by),
            Self::Direct(Direct::Remove(by)) => Request::DirectRemove(by),
            Self::Fip(Fip::Allocate(params)) => Request::FipAllocate(params),
            Self::Fip(Fip::Associate(params)) => Request::FipAssociate(params),
            Self::Fip(Fip::Disassociate(by)) => Request::FipDisassociate(by),
            Self::Fip(Fip::Release(by)) => Request::FipRelease(by),
            Self::Fip(Fip::Set(params)) => Request::FipSet(params),
            Self::Fip(Fip::Reserve(params)) => Request::FipReserve(params),
            Self::Fip(Fip::Unreserve(params)) => Request::FipUnreserve(params),
            Self::Fip(Fip::List(filter)) => Request::FipList(filter),
            Self::Fip(Fip::Show(by)) => Request::FipShow(by),
            Self::Project(Project::Set(params)) => Request::ProjectSet(params),
            Self::Project(Project::List) => Request::ProjectList,
            Self::Project(Project::Show(by)) => Request::ProjectShow(by),
            Self::Project(Project::Delete(by)) => Request::ProjectDelete(by),
            Self::Switch(Switch::List) => Request::SwitchList,
            Self::Switch(Switch::Show(by)) => Request::SwitchShow(by),
            Self::Switch(Switch::Flows(by)) => Request::SwitchFlows(by),
            Self::Switch(Switch::Forget(by)) => Request::SwitchForget(by),
            Self::Status => Request::StatusShow,
            Self::Drops => Request::DropsShow,
            Self::Metrics => Request::MetricsShow,
            Self::Trace(params) => Request::TraceShow(params),
        })
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no number of seconds from 0 to 3600");
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds).ok().filter(|own| *own <= Duration::from_secs(3600)).ok_or_else(wrong)
}

const EXAMPLE: &str = "Example, from nothing to a floating IP:
  buoyctl provider create lan --bridge br-ex --uplink eth0 --gateway 203.0.113.1
  buoyctl pool create public --provider lan --range 203.0.113.100-203.0.113.119
  buoyctl network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1
  buoyctl instance add web --network blue --port vm1 --mac 02:00:00:00:00:11 --ip 10.0.0.11
  buoyctl fip associate 203.0.113.100 web

Exit codes: 0 done, 2 usage or invalid, 3 not found, 4 conflict, in use, exhausted or quota, 5 denied, 6 no daemon,
7 stored but not applied within the timeout (host adopt: not confirmed, and undone), 1 anything else.";

const DECODE_HELP: &str =
    "Messages read as `ovs-ofctl ofp-print` prints them: name, version and xid, then content. Flows
are in ovs-ofctl's words; what Buoy only keeps is printed as hex under its name. With --format json: one object
for each message, with its name, version, type, xid, length and text.

Examples:
  $ buoyctl decode 0414000800000001
  OFPT_BARRIER_REQUEST (OF1.3) (xid=0x1):
  $ buoyctl decode 04 02 00 0c 00 00 00 05 de ad be ef
  OFPT_ECHO_REQUEST (OF1.3) (xid=0x5): 4 bytes of payload
   deadbeef
  $ xxd -p capture.bin | buoyctl decode -

Exit codes: 0 all was understood; 2 something is no hex, is cut short or makes no sense (said on stderr, after all that
could be read).";
const GLOBAL: &str = "For all commands";
