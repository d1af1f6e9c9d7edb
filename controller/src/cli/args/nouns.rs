//! What can be done to each kind of things.

use clap::Subcommand;

use crate::api::{
    ByAddress, ByBridge, ByName, DirectAdd, FipAllocate, FipAssociate, FipList, FipReserve, FipSet, FipUnreserve,
    InstanceAdd, InstanceAttach, InstanceDetach, InstanceList, InstanceRemove, InstanceSet, NetworkCreate, NetworkSet,
    PoolAdd, PoolCreate, PoolForget, PoolRemove, PoolSet, ProjectSet, ProviderCreate, ProviderSet,
};
use crate::cli::import::Import;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Provider {
    /// Declare an upstream
    #[command(
        after_help = "Example:\n  buoyctl provider create lan --bridge br-ex --uplink eth0 --gateway 203.0.113.1 \\\n      --host-ip 203.0.113.2 --onlink 203.0.113.0/24"
    )]
    Create(ProviderCreate),
    /// All upstreams
    List,
    /// One upstream
    Show(ByName),
    /// Change what is given, keep the rest
    Set(ProviderSet),
    /// Remove an upstream that has no pools
    Delete(ByName),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Pool {
    /// Declare a pool
    #[command(after_help = "Example:\n  buoyctl pool create public --provider lan --range 203.0.113.100-203.0.113.119")]
    Create(PoolCreate),
    /// Add addresses, or give those that are in it a MAC
    Add(PoolAdd),
    /// Add a list of addresses as the provider's web interface exports it, all or nothing
    #[command(after_help = crate::cli::import::HELP)]
    Import(Import),
    /// Change what is given, keep the rest
    Set(PoolSet),
    /// Take addresses out that are not allocated; what is for them is dropped while the provider may still send it here
    Remove(PoolRemove),
    /// Say that the provider does not send addresses here any more that were taken out
    Forget(PoolForget),
    /// All pools
    List,
    /// One pool
    Show(ByName),
    /// Remove a pool with no allocated address
    Delete(ByName),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Network {
    /// Declare a network
    #[command(after_help = "Example:\n  buoyctl network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1")]
    Create(NetworkCreate),
    /// All networks
    List,
    /// One network
    Show(ByName),
    /// Change which pool new instances get a floating IP from
    Set(NetworkSet),
    /// Remove a network with no instance in it
    Delete(ByName),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Instance {
    /// Declare an instance with its first interface
    #[command(
        after_help = "Example:\n  buoyctl instance add web --network blue --port vm1 --mac 02:00:00:00:00:11 --ip 10.0.0.11"
    )]
    Add(InstanceAdd),
    /// Declare a further interface
    Attach(InstanceAttach),
    /// Take an interface away; the last one goes with its instance only
    Detach(InstanceDetach),
    /// Change labels and note
    #[command(after_help = "Example:\n  buoyctl instance set web --label env=prod --note 'owned by Ada'")]
    Set(InstanceSet),
    /// All instances
    List(InstanceList),
    /// One instance
    Show(ByName),
    /// Remove an instance with no floating IP, or with --force one that has
    Remove(InstanceRemove),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Direct {
    /// Declare a port whose station has provider addresses itself; only its MAC is translated
    #[command(
        after_help = "Example:\n  buoyctl direct add gw --provider lan --port qg-1 --mac 02:00:00:00:00:31 --ip 203.0.113.110"
    )]
    Add(DirectAdd),
    /// All direct ports
    List,
    /// One direct port
    Show(ByName),
    /// Remove a direct port; its addresses are their pools' again
    Remove(ByName),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Fip {
    /// Give a project an address
    Allocate(FipAllocate),
    /// Lead an address to an instance; it moves in one step if it leads elsewhere
    #[command(after_help = "Example:\n  buoyctl fip associate 203.0.113.100 web")]
    Associate(FipAssociate),
    /// Lead an address nowhere; it stays with its project
    Disassociate(ByAddress),
    /// Give an address back to its pool; an association ends with it
    Release(ByAddress),
    /// Change the MAC that the provider bound an address to, its note or its labels
    #[command(after_help = SET_HELP)]
    Set(FipSet),
    /// Keep addresses out of allocation
    #[command(after_help = "Example:\n  buoyctl fip reserve 203.0.113.110-203.0.113.119 --note 'for the new rack'")]
    Reserve(FipReserve),
    /// Let addresses be allocated again
    Unreserve(FipUnreserve),
    /// The addresses that projects have
    List(FipList),
    /// One address
    Show(ByAddress),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Project {
    /// Declare a project, or change how many floating IPs it may have
    #[command(
        after_help = "Examples:\n  buoyctl project set blue --fip-quota 5\n  buoyctl project set --default --fip-quota 10"
    )]
    Set(ProjectSet),
    /// All projects that are declared or have something
    List,
    /// One project
    Show(ByName),
    /// Forget a project that has nothing
    Delete(ByName),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Switch {
    /// All bridges, also those that are away, with the reason
    List,
    /// One bridge
    Show(ByBridge),
    /// The flows of a bridge, with counters, in ovs-ofctl's words
    Flows(ByBridge),
    /// No longer wait for a bridge that does not come back
    #[command(after_help = FORGET_HELP)]
    Forget(ByBridge),
}

const FORGET_HELP: &str =
    "An address that a bridge served is not given out again, and a moved one is not applied, until that bridge has said
that it stopped. Where its host is gone for good, this ends the waiting. It is refused while such a bridge is connected.
Make sure that the host is off: until it connects again it may still answer for the addresses.

Example:
  buoyctl switch forget br-ex";

const SET_HELP: &str =
    "The provider sees the MAC where its --mac-policy is vmac. While the address is associated, flows and MAC change
in one step and connections go on; `--mac none` is refused then.

Examples:
  buoyctl fip set 203.0.113.100 --mac 02:00:00:00:00:64
  buoyctl fip set 203.0.113.100 --note 'mail, ordered in March'
  buoyctl fip set 203.0.113.100 --mac none --note none
  buoyctl fip set 203.0.113.100 --label env=prod --unlabel trial";
