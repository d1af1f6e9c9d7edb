//! Bridges that do not come back: what waits for them waits no longer.

use std::collections::BTreeSet;

use buoy_flows::pipeline::Entity;
use buoy_topology::{Key, PortName, Write};

use super::Core;
use super::plan::{Planned, Subject, planned, scope};
use super::rollout::Waiter;
use super::views::no_switch;
use crate::api::views::ForgottenView;
use crate::api::{ApiError, ErrorKind};

impl Core {
    pub(super) fn forget_switch(&self, bridge: &PortName) -> Result<Planned, ApiError> {
        if self.switches.bridge(bridge).is_some() {
            let message = format!(
                "a bridge {bridge} is connected, and says itself what it holds: only one that is away can be forgotten"
            );
            return Err(ApiError::new(ErrorKind::Conflict, message));
        }
        let change = self.site.forget_bridge(bridge, |fip| self.has_not_seen(bridge, fip.changed));
        let is_known = self.gone.iter().any(|gone| gone.bridge.as_ref() == Some(bridge));
        if change.is_empty() && !is_known {
            return Err(no_switch(bridge));
        }
        let address = |write: &Write| match write.key() {
            Key::FloatingIp(address) => Some(address),
            _ => None,
        };
        let addresses = change.writes().iter().filter_map(address).collect();
        let view = ForgottenView { bridge: bridge.clone(), addresses };
        Ok(Planned { notices: self.still_named(bridge), ..planned(change, Subject::Forgotten(view), scope([], [])) })
    }

    /// Lets those who wait already go on without it.
    pub(super) fn stop_waiting_for(&mut self, forgotten: &ForgottenView) {
        self.gone.forget_named(&forgotten.bridge);
        let entities: BTreeSet<_> = forgotten.addresses.iter().copied().map(Entity::Association).collect();
        let waits =
            |waiter: &&mut Waiter| waiter.scope.entities.as_ref().is_some_and(|own| !own.is_disjoint(&entities));
        self.waiters.iter_mut().filter(waits).for_each(|waiter| _ = waiter.scope.bridges.remove(&forgotten.bridge));
    }

    /// What goes on to wait for a bridge, because it is to be there.
    fn still_named(&self, bridge: &PortName) -> Vec<String> {
        let providers = self.site.providers_on(bridge).map(|own| format!("provider {}", own.name));
        let instances = self.site.instances().filter(|own| own.bridge == *bridge).count();
        let instances = (instances > 0)
            .then(|| if instances == 1 { "1 instance".to_owned() } else { format!("{instances} instances") });
        let named: Vec<_> = providers.chain(instances).collect();
        let note = || format!("{bridge} is still named by {}: their changes go on to wait for it", named.join(" and "));
        if named.is_empty() { Vec::new() } else { vec![note()] }
    }
}
