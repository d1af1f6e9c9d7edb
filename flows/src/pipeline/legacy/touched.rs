//! What a change touches in one table, beyond what it touches in the pipeline: a flow that asks all questions at once
//! depends on all that the questions are about.

use std::collections::BTreeSet;

use buoy_topology::MacPolicy;

use crate::pipeline::{Entity, Role, Touched, World};

/// What has to be compiled again where these entities changed.
pub(in crate::pipeline) fn widened(entities: &BTreeSet<Entity>, world: World<'_>) -> Touched {
    match world.role {
        Role::External if entities.iter().any(|entity| is_in_many(entity, world)) => Touched::Everything,
        Role::External if entities.iter().any(|entity| matches!(entity, Entity::Network(_))) => {
            // The provider's flows keep the fixed addresses of all networks in.
            let providers = world.site.providers_on(&world.bridge.name);
            let providers = providers.map(|provider| Entity::Provider(provider.name.clone()));
            Touched::Entities(entities.iter().cloned().chain(providers).collect())
        }
        Role::Integration => Touched::Entities(with_neighbours(entities, world)),
        _ => Touched::Entities(entities.clone()),
    }
}

/// Where each address has a MAC of its own, its flow names the gateway's MAC too.
fn is_in_many(entity: &Entity, world: World<'_>) -> bool {
    match entity {
        Entity::Neighbour(key) => {
            let provider = world.site.provider_by_id(key.provider);
            provider.is_some_and(|own| own.gateway == Some(key.address) && own.mac_policy == MacPolicy::Vmac)
        }
        _ => false,
    }
}

/// An instance's port is in the flows of its floating IPs, and in those of its neighbours.
fn with_neighbours(entities: &BTreeSet<Entity>, world: World<'_>) -> BTreeSet<Entity> {
    let site = world.site;
    let mut all = entities.clone();
    let mut is_any = false;
    for entity in entities {
        let Entity::Instance(name) = entity else { continue };
        is_any = true;
        let interfaces = site.instance(name).into_iter().flat_map(|instance| &instance.interfaces);
        let bound = interfaces.filter_map(|own| site.floating_ip_of(name, own.ip));
        all.extend(bound.map(|fip| Entity::Association(fip.address)));
    }
    if is_any {
        let here = site.instances().filter(|instance| instance.bridge == world.bridge.name);
        all.extend(here.map(|instance| Entity::Instance(instance.name.clone())));
    }
    all
}
