//! Why an operation is refused.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use thiserror::Error;

use crate::label::LabelError;
use crate::{MacAddr, Name, PortName, Span, VlanId};

/// The kinds of named things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the glossary says what each word means")]
pub enum Noun {
    Provider,
    Pool,
    Network,
    Instance,
    Direct,
    Project,
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct port",
            named => named.command(),
        })
    }
}

impl Noun {
    /// The word of the command line.
    fn command(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Pool => "pool",
            Self::Network => "network",
            Self::Instance => "instance",
            Self::Direct => "direct",
            Self::Project => "project",
        }
    }
}

/// Why an operation is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the texts say what each variant and field means")]
pub enum OpError {
    #[error("there is no {noun} named {name}: `buoyctl {} list` shows those there are", .noun.command())]
    Unknown { noun: Noun, name: Name },
    #[error("{address} is in no pool: `buoyctl pool list` shows their ranges")]
    OutsidePools { address: Ipv4Addr },
    #[error("{address} is in no range of pool {pool}: `buoyctl pool show {pool}` shows them")]
    OutsidePool { address: Ipv4Addr, pool: Name },
    #[error("{span} is not wholly in pool {pool}: `buoyctl pool show {pool}` shows its ranges")]
    NotInPool { span: Span, pool: Name },
    #[error("{span} was not wholly taken out of pool {pool}: `buoyctl pool show {pool}` shows what was, as withdrawn")]
    NotWithdrawn { span: Span, pool: Name },
    #[error("instance {instance} has no fixed IP {fixed_ip}: it has {}", list(.has))]
    NoSuchFixedIp { instance: Name, fixed_ip: Ipv4Addr, has: Vec<Ipv4Addr> },

    #[error(transparent)]
    Label(#[from] LabelError),
    #[error(
        "{address} belongs to no project: labels are its project's, so allocate it first; --note stays in any case"
    )]
    LabelOfNobody { address: Ipv4Addr },
    #[error(
        "{interface} is the only interface of instance {instance}: `buoyctl instance remove {instance}` removes both"
    )]
    LastInterface { instance: Name, interface: Ipv4Addr },
    #[error("{what}")]
    Invalid { what: String },
    #[error("there is no pool to allocate from yet: `buoyctl pool create --help` says how to make one")]
    NoPool,
    #[error("no pool was named, and there is no default one: name one of {} with --pool", list(.pools))]
    NoDefaultPool { pools: Vec<Name> },
    #[error(
        "{address} has no MAC, which it needs under the MAC policy vmac of provider {provider}: give the address its MAC with `buoyctl fip set {address} --mac MAC`"
    )]
    NoMac { address: Ipv4Addr, provider: Name },

    #[error("{address} has {before:?} further up, and {now:?} here")]
    Contradiction { address: Ipv4Addr, before: String, now: String },
    #[error("{noun} {name} exists already: choose another name")]
    Exists { noun: Noun, name: Name },
    #[error("uplink {uplink}{} belongs to provider {provider} already: providers on one uplink need a --vlan each", on_vlan(.vlan))]
    UplinkTaken { uplink: PortName, vlan: Option<VlanId>, provider: Name },
    #[error("{span} overlaps {other} of pool {pool}: an address can be in one pool only")]
    Overlap { span: Span, other: Span, pool: Name },
    #[error("network {network} ({cidr}) overlaps {span} of pool {pool}: fixed and floating addresses must differ")]
    NetworkOverlap { network: Name, cidr: Ipv4Net, span: Span, pool: Name },
    #[error("--no-snat {block} overlaps {other} of provider {provider}: an address is reached by one provider alone")]
    NoSnatTaken { block: Ipv4Net, other: Ipv4Net, provider: Name },
    #[error(
        "--no-snat {block} of provider {provider} overlaps {span} of pool {pool}: floating IPs are reached as floating IPs"
    )]
    NoSnatPool { block: Ipv4Net, provider: Name, span: Span, pool: Name },
    #[error(
        "--no-snat {block} of provider {provider} overlaps network {network} ({cidr}): the provider cannot be the way to it"
    )]
    NoSnatNetwork { block: Ipv4Net, provider: Name, cidr: Ipv4Net, network: Name },
    #[error(
        "{address} is the gateway of provider {provider} or an address of the host, and in network {network} ({cidr}): with --no-snat what is for it would go to the network; choose another subnet for the network, or `buoyctl provider set {provider} --no-snat none`"
    )]
    NoSnatHost { address: Ipv4Addr, provider: Name, network: Name, cidr: Ipv4Net },
    #[error(
        "networks {network} ({cidr}) and {other} ({other_cidr}) overlap, and provider {provider} has --no-snat: what comes back to a fixed address must have one network to go to"
    )]
    NetworksMeet { network: Name, cidr: Ipv4Net, other: Name, other_cidr: Ipv4Net, provider: Name },
    #[error("fixed IP {fixed_ip} of network {network} belongs to instance {instance}")]
    FixedIpTaken { fixed_ip: Ipv4Addr, network: Name, instance: Name },
    #[error("MAC {mac} in network {network} belongs to instance {instance}")]
    MacTaken { mac: MacAddr, network: Name, instance: Name },
    #[error("port {port} of bridge {bridge} leads to instance {instance} already")]
    PortTaken { port: PortName, bridge: PortName, instance: Name },
    #[error("{address} is allocated to project {project}")]
    Allocated { address: Ipv4Addr, project: Name },
    #[error(
        "{address} is shared by the instances of provider {provider} that have no floating IP: `buoyctl provider set {provider} --snat off` ends that"
    )]
    Shared { address: Ipv4Addr, provider: Name },
    #[error("{address} is reserved: `buoyctl fip unreserve {address}` lets it be allocated")]
    Reserved { address: Ipv4Addr },
    #[error(
        "{address} was released by project {project} and no other project gets it for {seconds} more seconds: `buoyctl pool set {pool} --cool-down` says for how long"
    )]
    Cooling { address: Ipv4Addr, project: Name, seconds: u64, pool: Name },
    #[error("network {network} belongs to project {project}, and the instance to project {other}")]
    OtherProjectsNetwork { network: Name, project: Name, other: Name },
    #[error("{address} is kept by provider {provider}: it is its gateway or an address of the host")]
    Kept { address: Ipv4Addr, provider: Name },
    #[error("{address} belongs to direct port {direct}: `buoyctl direct show {direct}` shows it")]
    DirectAddressTaken { address: Ipv4Addr, direct: Name },
    #[error("port {port} leads to direct port {direct}")]
    DirectPortTaken { port: PortName, direct: Name },
    #[error("{address} was released, and {} still has to take its flows away: try again when it has", list(.pending))]
    Leaving { address: Ipv4Addr, pending: Vec<PortName> },
    #[error("{address} is associated with {instance} ({fixed_ip}), and --no-move was given")]
    WouldMove { address: Ipv4Addr, instance: Name, fixed_ip: Ipv4Addr },
    #[error("{address} belongs to project {project}, and instance {instance} to project {other}")]
    OtherProject { address: Ipv4Addr, project: Name, instance: Name, other: Name },
    #[error(
        "fixed IP {fixed_ip} of instance {instance} has the floating IP {address} already: disassociate it first, or {}", other(.instance, .free)
    )]
    FixedIpBound { instance: Name, fixed_ip: Ipv4Addr, address: Ipv4Addr, free: Vec<Ipv4Addr> },

    #[error("{noun} {name} is in use by {}", list(.users))]
    InUse { noun: Noun, name: Name, users: Vec<String> },
    #[error(
        "{address} is associated with {instance}, and provider {provider} has the MAC policy vmac: give it another MAC, or disassociate it first"
    )]
    MacInUse { address: Ipv4Addr, instance: Name, provider: Name },
    #[error(
        "{what} of instance {instance} cannot change while floating IP {address} leads there: disassociate it first"
    )]
    Bound { instance: Name, what: String, address: Ipv4Addr },
    #[error(
        "{address} is associated, and belongs to project {project}: disassociate it before another project gets it"
    )]
    StillServed { address: Ipv4Addr, project: Name },
    #[error(
        "{address} belongs to direct port {direct}, and provider {provider} has the MAC policy vmac: give it another MAC, or remove the direct port first"
    )]
    DirectMacInUse { address: Ipv4Addr, direct: Name, provider: Name },
    #[error("pool {pool} cannot lose {}: allocated or associated; release first", list(.addresses))]
    AddressesInUse { pool: Name, addresses: Vec<Ipv4Addr> },

    #[error("addresses cannot be reserved while a project has them: {}; release first", list(.addresses))]
    ReservedInUse { addresses: Vec<Ipv4Addr> },

    #[error(
        "pool {pool} has no free address: all {size} are allocated, kept back, reserved, cooling down or still leaving a switch"
    )]
    Exhausted { pool: Name, size: u64 },
    #[error(
        "project {project} has {held} floating IPs and may have {quota}: release one, or `buoyctl project set {project} --fip-quota N` lets it have more"
    )]
    OverQuota { project: Name, held: u64, quota: u64 },
}

impl OpError {
    /// An argument that contradicts another one or the site.
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// A user list cut to what fits a line.
    pub(super) fn in_use(noun: Noun, name: &Name, users: impl Iterator<Item = String>) -> Self {
        Self::InUse { noun, name: name.clone(), users: users.collect() }
    }
}

/// The way out where a fixed IP has a floating IP already.
fn other(instance: &Name, free: &[Ipv4Addr]) -> String {
    match free {
        [] => format!("give the instance another fixed IP: `buoyctl instance attach {instance} ...`"),
        free => format!("name a fixed IP that has none: --fixed-ip {}", list(free)),
    }
}

/// The first few of many, and how many more there are.
fn list<T: fmt::Display>(items: &[T]) -> String {
    let shown: Vec<_> = items.iter().take(LISTED).map(ToString::to_string).collect();
    let more = items.len().saturating_sub(LISTED);
    match (shown.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (_, 0) => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}

const LISTED: usize = 5;

fn on_vlan(vlan: &Option<VlanId>) -> String {
    vlan.map(|vlan| format!(" with VLAN {vlan}")).unwrap_or_default()
}
