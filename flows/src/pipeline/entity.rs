//! What flows are compiled from, and which of it a change touches.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use buoy_topology::{Change, Dialect, Instance, Key, Name, NeighbourKey, Provider, Record, Site, Write};

use super::{Role, World, legacy};

/// The unit of compiling: everything that one of these puts on a bridge is compiled at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// What a bridge of its role has in any case.
    Base,
    /// A provider.
    Provider(Name),
    /// A pool.
    Pool(Name),
    /// A station on a provider's side: the gateway (known or not), an on-link neighbour, the host itself.
    Neighbour(NeighbourKey),
    /// A network.
    Network(Name),
    /// All interfaces of an instance.
    Instance(Name),
    /// An associated floating IP.
    Association(Ipv4Addr),
    /// A direct port with all its addresses.
    Direct(Name),
}

impl Entity {
    /// The entities that may have flows on the world's bridge: no other compiles to any there. What a bridge costs when it
    /// connects does not grow with the instances and the floating IPs of other hosts.
    pub fn on(world: World<'_>) -> Box<dyn Iterator<Item = Self> + '_> {
        match world.role {
            _ if world.bridge.dialect == Dialect::OpenFlow10 => Box::new(Self::all(world)),
            Role::External => Box::new(Self::on_external(world)),
            Role::Integration => Box::new(Self::on_integration(world)),
            Role::Unconfigured => Box::new(std::iter::once(Self::Base)),
        }
    }

    fn on_external(world: World<'_>) -> impl Iterator<Item = Self> {
        let site = world.site;
        let of_provider = move |provider: &'_ Arc<Provider>| {
            let pools: Vec<_> = site.pools_of(&provider.name).cloned().collect();
            let names: Vec<_> = pools.iter().map(|pool| Self::Pool(pool.name.clone())).collect();
            let directs = site.directs().filter(|direct| direct.provider == provider.name);
            let directs: Vec<_> = directs.map(|direct| Self::Direct(direct.name.clone())).collect();
            let bound = pools.into_iter().flat_map(move |pool| {
                let fips = pool.addresses.spans().iter().flat_map(|span| site.floating_ips_in(*span));
                let bound = fips.filter(|fip| fip.association.is_some());
                bound.map(|fip| Self::Association(fip.address)).collect::<Vec<_>>()
            });
            let own = std::iter::once(Self::Provider(provider.name.clone()));
            own.chain(names).chain(Self::neighbours(world, provider)).chain(bound).chain(directs)
        };
        std::iter::once(Self::Base)
            .chain(site.providers_on(&world.bridge.name).flat_map(of_provider))
            .chain(site.networks().map(|network| Self::Network(network.name.clone())))
    }

    fn on_integration(world: World<'_>) -> impl Iterator<Item = Self> {
        let site = world.site;
        let instances = site.instances_on(&world.bridge.name).flat_map(|instance| {
            let interfaces = instance.interfaces.iter();
            let bound = interfaces.filter_map(|own| site.floating_ip_of(&instance.name, own.ip));
            std::iter::once(Self::Instance(instance.name.clone()))
                .chain(bound.map(|fip| Self::Association(fip.address)))
        });
        std::iter::once(Self::Base)
            .chain(site.providers().map(|provider| Self::Provider(provider.name.clone())))
            .chain(site.pools().map(|pool| Self::Pool(pool.name.clone())))
            .chain(site.networks_on(&world.bridge.name).map(|network| Self::Network(network.name.clone())))
            .chain(instances)
    }

    /// A provider's gateway, and what was learnt of its stations.
    fn neighbours(world: World<'_>, provider: &Provider) -> impl Iterator<Item = Self> + use<> {
        let known = world.learnt.of(provider.id).map(|(address, _)| address);
        let addresses: BTreeSet<_> = provider.gateway.into_iter().chain(known).collect();
        let provider = provider.id;
        addresses.into_iter().map(move |address| Self::Neighbour(NeighbourKey { provider, address }))
    }

    /// Every entity of the world, in the order in which bridges are to get them.
    pub fn all(world: World<'_>) -> impl Iterator<Item = Self> {
        let site = world.site;
        let neighbours = site.providers().flat_map(move |provider| Self::neighbours(world, provider));
        let bound = site.floating_ips().filter(|fip| fip.association.is_some());
        std::iter::once(Self::Base)
            .chain(site.providers().map(|provider| Self::Provider(provider.name.clone())))
            .chain(site.pools().map(|pool| Self::Pool(pool.name.clone())))
            .chain(neighbours)
            .chain(site.networks().map(|network| Self::Network(network.name.clone())))
            .chain(site.instances().map(|instance| Self::Instance(instance.name.clone())))
            .chain(bound.map(|fip| Self::Association(fip.address)))
            .chain(site.directs().map(|direct| Self::Direct(direct.name.clone())))
    }

    /// Whether its flows wait for the other bridge of the host: an address is answered for on br-ex only when br-int can
    /// deliver, and is taken from br-int only when br-ex has stopped to send.
    pub fn is_ordered(&self) -> bool {
        matches!(self, Self::Association(_))
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("the bridge"),
            Self::Provider(name) => write!(f, "provider {name}"),
            Self::Pool(name) => write!(f, "pool {name}"),
            Self::Neighbour(key) => write!(f, "neighbour {}", key.address),
            Self::Network(name) => write!(f, "network {name}"),
            Self::Instance(name) => write!(f, "instance {name}"),
            Self::Association(address) => write!(f, "floating IP {address}"),
            Self::Direct(name) => write!(f, "direct port {name}"),
        }
    }
}

/// What has to be compiled again after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// These and nothing else.
    Entities(BTreeSet<Entity>),
    /// Everything: a change of what many flows depend on.
    Everything,
}

impl Touched {
    /// What a change touches. `site` is the state after it; what it removed is touched by its key.
    pub fn by(change: &Change, site: &Site) -> Self {
        let mut entities = BTreeSet::new();
        for write in change.writes() {
            match write.key() {
                Key::Provider(_) => return Self::Everything,
                // A network is made before anything is in it, and goes after all that was: its flows come and go with
                // the first and the last interface of a bridge.
                Key::Network(name) => {
                    // Its instances begin or cease to share an address.
                    if site.providers().any(|own| own.snat.is_some()) {
                        let is_in = |own: &&Arc<Instance>| own.interfaces.iter().any(|own| own.network == name);
                        let inside = site.instances().filter(is_in);
                        entities.extend(inside.map(|own| Entity::Instance(own.name.clone())));
                    }
                    entities.insert(Entity::Network(name));
                }
                Key::Pool(name) => {
                    // With the pool its provider's shared address may have come.
                    if site.pool(&name).is_some_and(|pool| site.shared_of(pool).is_some()) {
                        return Self::Everything;
                    }
                    entities.insert(Entity::Pool(name));
                }
                Key::Instance(name) => {
                    if let Write::Put(Record::Instance(instance)) = write {
                        let bound = instance.interfaces.iter().filter_map(|own| site.floating_ip_of(&name, own.ip));
                        entities.extend(bound.map(|fip| Entity::Association(fip.address)));
                        entities.extend(networks_of(instance));
                    }
                    entities.insert(Entity::Instance(name));
                }
                Key::FloatingIp(address) => {
                    // Its MAC may be what a shared address waits for.
                    if site.snat_at(address).is_some() {
                        return Self::Everything;
                    }
                    // Or that of a direct port's.
                    entities.extend(site.direct_at(address).map(|direct| Entity::Direct(direct.name.clone())));
                    entities.insert(Entity::Association(address));
                }
                // Pools leave its addresses out, and the gateway is answered for where there are direct ports. Whose they
                // were is not known any more where it is gone.
                Key::Direct(name) => {
                    let gateways = site.providers().filter_map(|provider| {
                        Some(NeighbourKey { provider: provider.id, address: provider.gateway? })
                    });
                    entities.extend(gateways.map(Entity::Neighbour));
                    let pool_of = |ip| site.pool_at(ip).or_else(|| site.withdrawn_from(ip));
                    let pools: Vec<_> = match write {
                        Write::Put(Record::Direct(own)) => own.ips.iter().filter_map(|ip| pool_of(*ip)).collect(),
                        _ => site.pools().collect(),
                    };
                    entities.extend(pools.into_iter().map(|pool| Entity::Pool(pool.name.clone())));
                    entities.insert(Entity::Direct(name));
                }
                Key::Project(_) | Key::DefaultQuota | Key::NextEntity => {}
            }
        }
        Self::Entities(entities)
    }

    /// What a change touches beyond that because it was there before: the networks that instances left. `undo` takes the
    /// change back.
    pub fn before(undo: &Change) -> Self {
        let old = undo.writes().iter().filter_map(|write| match write {
            Write::Put(Record::Instance(instance)) => Some(networks_of(instance)),
            _ => None,
        });
        Self::Entities(old.flatten().collect())
    }

    /// What has to be compiled again on one bridge: in the single table of OpenFlow 1.0 more hangs together.
    pub fn on(&self, world: World<'_>) -> Cow<'_, Self> {
        match self {
            Self::Entities(entities) if world.bridge.dialect == Dialect::OpenFlow10 => {
                Cow::Owned(legacy::widened(entities, world))
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// Adds what another change touches.
    pub fn extend(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Entities(own), Self::Entities(other)) => own.extend(other),
            (own, _) => *own = Self::Everything,
        }
    }
}

/// A bridge has the flows of a network while it has an interface in it.
fn networks_of(instance: &Instance) -> impl Iterator<Item = Entity> {
    instance.interfaces.iter().map(|interface| Entity::Network(interface.network.clone()))
}
