//! What goes with declaring that a provider routes fixed addresses: each block has one provider, and none of the site's own
//! addresses in it; and a fixed address says by itself whose it is.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::OpError;
use super::provider::{check_block, check_station};
use crate::{EntityId, Name, Provider, Site, Span};

impl Site {
    /// Whether a provider can have these blocks.
    pub(super) fn check_no_snat(&self, id: EntityId, name: &Name, blocks: &[Ipv4Net]) -> Result<(), OpError> {
        for (at, block) in blocks.iter().copied().enumerate() {
            check_block(block)?;
            if block.prefix_len() == 0 {
                let text =
                    format!("--no-snat {block} is everywhere: name the subnets that fixed addresses are routed in");
                return Err(OpError::invalid(text));
            }
            check_station(block.network())?;
            if let Some(other) = blocks.iter().take(at).find(|other| meet(**other, block)) {
                return Err(OpError::invalid(format!("--no-snat {block} and {other} overlap: one of them is enough")));
            }
            self.check_no_snat_block(id, name, block)?;
        }
        if blocks.is_empty() { Ok(()) } else { self.check_apart(name) }
    }

    fn check_no_snat_block(&self, id: EntityId, name: &Name, block: Ipv4Net) -> Result<(), OpError> {
        let taken = self.providers().filter(|other| other.id != id).find_map(|other| Some((other, met(other, block)?)));
        if let Some((provider, other)) = taken {
            return Err(OpError::NoSnatTaken { block, other, provider: provider.name.clone() });
        }
        if let Some((pool, span)) = self.pool_overlapping(span(block)) {
            return Err(OpError::NoSnatPool { block, provider: name.clone(), span, pool: pool.name.clone() });
        }
        if let Some(network) = self.networks().find(|own| meet(own.cidr, block)) {
            let (cidr, network) = (network.cidr, network.name.clone());
            return Err(OpError::NoSnatNetwork { block, provider: name.clone(), cidr, network });
        }
        match self.directs_in(span(block)).next() {
            Some((address, direct)) => Err(OpError::DirectAddressTaken { address, direct: direct.name.clone() }),
            None => Ok(()),
        }
    }

    /// Whether no two networks have addresses in common.
    fn check_apart(&self, provider: &Name) -> Result<(), OpError> {
        let mut all: Vec<_> = self.networks().collect();
        all.sort_by_key(|own| (own.cidr.network(), own.cidr.prefix_len()));
        let mut pairs = all.iter().zip(all.iter().skip(1));
        // Sorted like this, a block that holds another one holds the next one too.
        match pairs.find(|(one, next)| meet(one.cidr, next.cidr)) {
            Some((one, other)) => Err(OpError::NetworksMeet {
                network: one.name.clone(),
                cidr: one.cidr,
                other: other.name.clone(),
                other_cidr: other.cidr,
                provider: provider.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether no network has an address that the host needs: what comes there from a block is taken for the network's.
    pub(super) fn check_host_apart(&self, new: &Provider) -> Result<(), OpError> {
        if new.no_snat.is_empty() {
            return Ok(());
        }
        // What the host was seen to use is no reason against a provider that stays as it is in this.
        let is_news = self.provider(&new.name).is_none_or(|old| old.no_snat != new.no_snat);
        match self.networks().find_map(|own| Some((own, self.needed_in(new, own.cidr, is_news)?))) {
            Some((network, address)) => Err(OpError::NoSnatHost {
                address,
                provider: new.name.clone(),
                network: network.name.clone(),
                cidr: network.cidr,
            }),
            None => Ok(()),
        }
    }

    /// An address of a subnet that the host or the gateway has: as a provider declares it, or as it was seen.
    fn needed_in(&self, provider: &Provider, cidr: Ipv4Net, with_seen: bool) -> Option<Ipv4Addr> {
        let declared = provider.gateway.iter().chain(&provider.host_ips).copied();
        let seen = self.seen_in(span(cidr)).filter(|_| with_seen);
        declared.chain(seen).find(|address| cidr.contains(address))
    }

    /// Whether a network may have these addresses beside what providers route.
    pub(super) fn check_routed_network(&self, name: &Name, cidr: Ipv4Net) -> Result<(), OpError> {
        let Some(routing) = self.providers().find(|own| !own.no_snat.is_empty()) else { return Ok(()) };
        if let Some((provider, block)) = self.no_snat_in(span(cidr)) {
            return Err(OpError::NoSnatNetwork { block, provider, cidr, network: name.clone() });
        }
        let mut routes = self.providers().filter(|own| !own.no_snat.is_empty());
        if let Some((provider, address)) =
            routes.find_map(|own| Some((own.name.clone(), self.needed_in(own, cidr, true)?)))
        {
            return Err(OpError::NoSnatHost { address, provider, network: name.clone(), cidr });
        }
        match self.networks().find(|other| meet(other.cidr, cidr)) {
            Some(other) => Err(OpError::NetworksMeet {
                network: name.clone(),
                cidr,
                other: other.name.clone(),
                other_cidr: other.cidr,
                provider: routing.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The first block of some provider that shares an address with a span.
    pub(super) fn no_snat_in(&self, of: Span) -> Option<(Name, Ipv4Net)> {
        let in_it = |own: &Provider| own.no_snat.iter().copied().find(|block| span(*block).overlaps(&of));
        self.providers().find_map(|own| Some((own.name.clone(), in_it(own)?)))
    }
}

fn met(provider: &Provider, block: Ipv4Net) -> Option<Ipv4Net> {
    provider.no_snat.iter().copied().find(|own| meet(*own, block))
}

fn meet(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

fn span(block: Ipv4Net) -> Span {
    Span { first: block.network(), last: block.broadcast() }
}
