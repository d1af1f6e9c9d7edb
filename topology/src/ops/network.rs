//! Networks: create, delete.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::provider::{check_block, check_mac, check_station};
use super::{Noun, OpError, derived_mac};
use crate::{Change, Key, MacAddr, Name, Network, Record, Site, Span};

/// What a network is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its subnet.
    pub cidr: Ipv4Net,
    /// The address of its virtual gateway, inside the subnet.
    pub gateway: Ipv4Addr,
    /// The gateway's MAC; one is derived where none is given.
    pub gateway_mac: Option<MacAddr>,
    /// The project whose instances may be in it; any where none is said.
    pub project: Option<Name>,
    /// The pool that each new instance gets a floating IP from.
    pub auto_assign: Option<Name>,
    /// Whether its instances without a floating IP leave by a provider's shared address, where there is one.
    pub snat: bool,
}

impl Site {
    /// A new network. Networks are apart from each other, so their subnets may overlap unless a provider routes them.
    pub fn create_network(&self, name: Name, spec: NetworkSpec) -> Result<Change, OpError> {
        if self.network(&name).is_some() {
            return Err(OpError::Exists { noun: Noun::Network, name });
        }
        let cidr = spec.cidr;
        check_block(cidr)?;
        if cidr.prefix_len() == 32 {
            return Err(OpError::invalid(format!("{cidr} has room for its gateway alone: write a wider subnet")));
        }
        check_station(cidr.network())?;
        check_host(cidr, spec.gateway, "gateway")?;
        spec.gateway_mac.map_or(Ok(()), check_mac)?;
        let whole = Span { first: cidr.network(), last: cidr.broadcast() };
        if let Some((pool, span)) = self.pool_overlapping(whole) {
            return Err(OpError::NetworkOverlap { network: name, cidr, span, pool: pool.name.clone() });
        }
        let shared = self.providers().filter_map(|own| Some((own, own.snat?.address())));
        if let Some((own, address)) = shared.into_iter().find(|(_, address)| cidr.contains(address)) {
            return Err(OpError::Shared { address, provider: own.name.clone() });
        }
        if let Some((address, direct)) = self.directs_in(whole).next() {
            return Err(OpError::DirectAddressTaken { address, direct: direct.name.clone() });
        }
        self.check_routed_network(&name, cidr)?;
        if let Some(pool) = &spec.auto_assign {
            self.known_pool(pool)?;
        }
        let mut change = Change::default();
        let id = self.number(&mut change);
        let gateway_mac = spec.gateway_mac.unwrap_or_else(|| derived_mac(id));
        let NetworkSpec { gateway, project, auto_assign, snat, .. } = spec;
        let network = Network { id, name, cidr, gateway, gateway_mac, project, auto_assign, snat };
        change.put(Record::Network(Arc::new(network)));
        Ok(change)
    }

    /// A network whose new instances get a floating IP from another pool, or from none, and whose others share an address
    /// or do not.
    pub fn set_network(&self, name: &Name, auto_assign: Option<Name>, snat: bool) -> Result<Change, OpError> {
        let old = self.known_network(name)?;
        if let Some(pool) = &auto_assign {
            self.known_pool(pool)?;
        }
        let mut change = Change::default();
        if (&old.auto_assign, old.snat) != (&auto_assign, snat) {
            change.put(Record::Network(Arc::new(Network { auto_assign, snat, ..(**old).clone() })));
        }
        Ok(change)
    }

    /// A network less. No instance may be in it.
    pub fn delete_network(&self, name: &Name) -> Result<Change, OpError> {
        self.known_network(name)?;
        let in_it = self.instances().filter(|instance| instance.interfaces.iter().any(|own| own.network == *name));
        let mut users = in_it.map(|instance| format!("instance {}", instance.name)).peekable();
        if users.peek().is_some() {
            return Err(OpError::in_use(Noun::Network, name, users));
        }
        let mut change = Change::default();
        change.remove(Key::Network(name.clone()));
        Ok(change)
    }

    pub(super) fn known_network(&self, name: &Name) -> Result<&Arc<Network>, OpError> {
        self.network(name).ok_or_else(|| OpError::Unknown { noun: Noun::Network, name: name.clone() })
    }
}

/// An address that a host of the subnet can have: inside it, and neither its network nor its broadcast address.
pub(super) fn check_host(cidr: Ipv4Net, address: Ipv4Addr, what: &str) -> Result<(), OpError> {
    if !cidr.contains(&address) {
        return Err(OpError::invalid(format!("the {what} {address} is not in {cidr}")));
    }
    if cidr.prefix_len() < 31 && (address == cidr.network() || address == cidr.broadcast()) {
        return Err(OpError::invalid(format!("the {what} {address} is the network or broadcast address of {cidr}")));
    }
    Ok(())
}
