//! Which events hooks are to be told of, and how that went.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use buoy_topology::{
    Change, FloatingIp, HookEvent, HookKind, HookRecord, HookState, Key, Name, Pool, Provider, Record, Write,
};
use serde_json::json;
use tracing::{info, warn};

use super::Core;
use crate::api::views::HookView;
use crate::events::Kind;
use crate::events::time::utc;
use crate::hooks::{Ended, Run};
use crate::store::HookNote;

/// What a change itself makes of pools and providers: an address may come together with them.
struct Scene<'a> {
    pools: Vec<&'a Arc<Pool>>,
    providers: Vec<&'a Arc<Provider>>,
}

impl<'a> Scene<'a> {
    fn of(change: &'a Change) -> Self {
        let mut scene = Self { pools: Vec::new(), providers: Vec::new() };
        for write in change.writes() {
            match write {
                Write::Put(Record::Pool(pool)) => scene.pools.push(pool),
                Write::Put(Record::Provider(provider)) => scene.providers.push(provider),
                _ => {}
            }
        }
        scene
    }

    fn pool_at(&self, address: Ipv4Addr) -> Option<&'a Arc<Pool>> {
        self.pools.iter().find(|pool| pool.addresses.contains(address)).copied()
    }

    fn provider(&self, name: &Name) -> Option<&'a Arc<Provider>> {
        self.providers.iter().find(|provider| provider.name == *name).copied()
    }
}

impl Core {
    /// The events that a change makes, asked before it is applied.
    pub(super) fn hooks_of(&self, change: &Change) -> Vec<HookNote> {
        let scene = Scene::of(change);
        let of = |write: &Write| match write {
            Write::Put(Record::FloatingIp(new)) => self.hook_of(new, &scene).map(|record| (new.address, Some(record))),
            // What is still to be told is told all the same.
            Write::Remove(Key::FloatingIp(address)) => {
                let record = self.hooks.record(*address)?;
                matches!(record.state, HookState::Done | HookState::Failed).then_some((*address, None))
            }
            _ => None,
        };
        change.writes().iter().filter_map(of).collect()
    }

    fn hook_of(&self, new: &FloatingIp, scene: &Scene<'_>) -> Option<HookRecord> {
        let old = self.site.floating_ip(new.address);
        let kind = HookKind::between(old, new)?;
        let pool = scene.pool_at(new.address).or_else(|| self.site.pool_at(new.address))?;
        let provider = scene.provider(&pool.provider).or_else(|| self.site.provider(&pool.provider));
        let provider = provider.filter(|provider| provider.hook.is_some())?;
        let event = HookEvent {
            event: kind,
            address: new.address,
            provider: provider.name.clone(),
            pool: pool.name.clone(),
            mac: self.mac_by(provider, new),
            project: new.project.as_ref().or(old.and_then(|old| old.project.as_ref())).cloned(),
            instance: new.association.as_ref().map(|own| own.instance.clone()),
            fixed_ip: new.association.as_ref().map(|own| own.fixed_ip),
            host: self.switches.bridge(&provider.bridge).map(|own| own.host.to_string()),
            previous_instance: old.and_then(|old| old.association.as_ref()).map(|own| own.instance.clone()),
            generation: self.site.generation().next(),
        };
        Some(HookRecord { event, state: HookState::Pending, tries: 0, at: seconds(), message: None })
    }

    /// Takes in events that are durable.
    pub(super) fn take_hooks(&mut self, hooks: BTreeMap<Ipv4Addr, Option<HookRecord>>) {
        let now = Instant::now();
        for (address, record) in hooks {
            match record {
                Some(record) => self.hooks.add(record, now),
                None => self.hooks.forget(address),
            }
        }
        self.call_hooks(now);
    }

    /// Starts what is due. An event whose provider has no hook any more is forgotten.
    pub(super) fn call_hooks(&mut self, now: Instant) {
        for event in self.hooks.poll(now, seconds()) {
            let provider = self.site.provider(&event.provider);
            let command = provider.and_then(|provider| provider.hook.clone());
            let (address, generation) = (event.address, event.generation);
            let Some(command) = command else {
                self.hooks.forget(address);
                self.hooks.ended(address, generation, Ok(()), now, seconds());
                self.store_hook((address, None));
                continue;
            };
            if self.runs.try_send(Run { command, event }).is_err() {
                let failed = Err("no hook can be started any more: restart buoyd".to_owned());
                self.hooks.ended(address, generation, failed, now, seconds());
            }
        }
    }

    pub(super) fn on_hook_ended(&mut self, ended: Ended, now: Instant) {
        let Ended { address, generation, result } = ended;
        match &result {
            Ok(()) => info!(%address, %generation, "the hook is done"),
            Err(message) => warn!(%address, %generation, message, "the hook failed"),
        }
        let failed = result.is_err();
        if let Some(record) = self.hooks.ended(address, generation, result, now, seconds()) {
            let HookRecord { event, state, tries, message, .. } = &record;
            let detail = json!({
                "event": event.event, "provider": event.provider, "project": event.project, "instance": event.instance,
                "state": state, "tries": tries, "message": message, "generation": generation,
            });
            let kind = if failed { Kind::HookFailed } else { Kind::HookDone };
            self.tell(kind, address.to_string(), detail);
            self.store_hook((address, Some(record)));
        }
        self.call_hooks(now);
    }

    fn store_hook(&self, note: HookNote) {
        let Some(store) = &self.store else { return };
        store.note_hooks(vec![note], |result| {
            if let Err(error) = result {
                warn!(%error, "how a hook went could not be stored: it may be told again");
            }
        });
    }

    /// What the hook said last of an address. Who has got the address since then learns nothing of who had it before.
    pub(super) fn hook_view(&self, address: Ipv4Addr) -> Option<HookView> {
        let HookRecord { event, state, tries, at, message } = self.hooks.record(address)?.clone();
        let holder = self.site.floating_ip(address).and_then(|fip| fip.project.as_ref());
        if holder.is_some_and(|holder| event.project.as_ref().is_some_and(|told| told != holder)) {
            return None;
        }
        Some(HookView { event: event.event, state, tries, at: utc(at), message })
    }
}

/// The time of day, in seconds since 1970.
pub(super) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
