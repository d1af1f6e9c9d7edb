//! What the log says of a change: one event for each thing that somebody did to something.

use std::collections::{BTreeMap, HashMap};

use buoy_topology::{Change, FloatingIp, Generation, Key, Record, Write};
use serde_json::{Map, Value, json};

use super::Core;
use super::journal::Draft;
use crate::api::views::ForgottenView;
use crate::events::{By, Detail, Kind};

impl Core {
    /// The events of a change that has just been applied; `undo` is what that gave.
    pub(super) fn events_of(&mut self, change: &Change, undo: &Change, by: &By) -> Vec<Draft> {
        let generation = self.site.generation().next();
        let scribe = Scribe { core: self, by, generation };
        let mut drafts = Vec::new();
        let mut described = Vec::new();
        for (write, undo) in net(change, undo) {
            match (write, undo) {
                (Write::Put(Record::NextEntity(_)) | Write::Remove(Key::NextEntity), _) => {}
                (Write::Put(Record::DefaultQuota(_)) | Write::Remove(Key::DefaultQuota), undo) => {
                    drafts.push(scribe.default_quota(write, undo));
                }
                (Write::Put(Record::FloatingIp(new)), undo) => {
                    let blank = FloatingIp::new(new.id, new.address);
                    let old = if let Write::Put(Record::FloatingIp(old)) = undo { old } else { &blank };
                    drafts.extend(scribe.address(old, new));
                    // What was known of an address goes with its place in the pool, which is told as the pool's change.
                    let is_in_a_pool = scribe.core.site.pool_at(new.address).is_some();
                    if let Some(same) = other_description(old, new).filter(|_| is_in_a_pool) {
                        described.push((old.clone(), same));
                    }
                }
                (Write::Remove(Key::FloatingIp(_)), Write::Put(Record::FloatingIp(old))) => {
                    drafts.extend(scribe.address(old, &FloatingIp::new(old.id, old.address)));
                }
                (Write::Put(new), Write::Put(old)) => drafts.extend(scribe.changed(old, new)),
                (Write::Put(new), Write::Remove(_)) => drafts.extend(scribe.created(new)),
                (Write::Remove(_), Write::Put(old)) => drafts.extend(scribe.deleted(old)),
                (Write::Remove(_), Write::Remove(_)) => {}
            }
        }
        drafts.extend(scribe.described(described));
        let thresholds = self.count_pools(change, undo, generation);
        drafts.extend(thresholds);
        drafts
    }

    /// The event of a bridge that is not waited for any more.
    pub(super) fn event_of_forgotten(&self, view: &ForgottenView, by: &By) -> Draft {
        let scribe = Scribe { core: self, by, generation: self.site.generation().next() };
        scribe.draft(Kind::SwitchForgotten, &view.bridge, json!({"addresses": view.addresses.len()}))
    }
}

/// Writes the events of one change.
struct Scribe<'a> {
    core: &'a Core,
    by: &'a By,
    generation: Generation,
}

impl Scribe<'_> {
    fn draft(&self, kind: Kind, subject: impl ToString, mut detail: Value) -> Draft {
        if let Value::Object(fields) = &mut detail {
            fields.insert("generation".to_owned(), json!(self.generation));
            fields.insert("uid".to_owned(), json!(self.by.uid));
            fields.insert("user".to_owned(), json!(self.by.user));
        }
        let detail = Detail::of(&detail);
        Draft { time: self.core.time, kind, subject: subject.to_string().into(), detail }
    }

    /// Whose an address became or was, and where it leads.
    fn address(&self, old: &FloatingIp, new: &FloatingIp) -> Vec<Draft> {
        let bound = match (&old.association, &new.association) {
            (None, Some(_)) => Some(Kind::Associated),
            (Some(before), Some(after)) if before != after => Some(Kind::Moved),
            (Some(_), None) => Some(Kind::Disassociated),
            _ => None,
        };
        let allocated = (old.project != new.project && new.project.is_some()).then_some(Kind::Allocated);
        let released = (old.project.is_some() && new.project.is_none()).then_some(Kind::Released);
        let kinds = allocated.into_iter().chain(bound).chain(released);
        kinds.map(|kind| self.draft(kind, new.address, self.address_detail(old, new))).collect()
    }

    fn address_detail(&self, old: &FloatingIp, new: &FloatingIp) -> Value {
        let pool = self.core.site.pool_at(new.address);
        let (before, after) = (&old.association, &new.association);
        json!({
            "pool": pool.map(|pool| &pool.name),
            "provider": pool.map(|pool| &pool.provider),
            "project": new.project.as_ref().or(old.project.as_ref()),
            "instance": after.as_ref().map(|own| &own.instance),
            "fixed_ip": after.as_ref().map(|own| own.fixed_ip),
            "previous_instance": before.as_ref().map(|own| &own.instance),
            "previous_fixed_ip": before.as_ref().map(|own| own.fixed_ip),
        })
    }

    /// What else is known of addresses, pool by pool.
    fn described(&self, all: Vec<(FloatingIp, FloatingIp)>) -> Vec<Draft> {
        let mut pools: BTreeMap<Option<&buoy_topology::Name>, Vec<_>> = BTreeMap::new();
        for own in all {
            let pool = self.core.site.pool_at(own.1.address).map(|pool| &pool.name);
            pools.entry(pool).or_default().push(own);
        }
        pools.values().filter_map(|own| self.descriptions(own)).collect()
    }

    /// What else is known of addresses of a pool: MAC, note. Many that a list or a range described are one event of their pool.
    fn descriptions(&self, described: &[(FloatingIp, FloatingIp)]) -> Option<Draft> {
        let (old, new) = described.first()?;
        let pool = self.core.site.pool_at(new.address).map(|pool| &pool.name);
        if described.len() > 1 {
            let pool = pool.map(ToString::to_string).unwrap_or_default();
            return Some(self.draft(Kind::PoolChanged, pool, json!({"described": described.len()})));
        }
        let (was, set) = differences(&fields(&json!(old)), &fields(&json!(new)));
        let detail = json!({"pool": pool, "project": new.project, "set": set, "was": was});
        Some(self.draft(Kind::AddressChanged, new.address, detail))
    }

    fn default_quota(&self, new: &Write, old: &Write) -> Draft {
        let quota = |write: &Write| match write {
            Write::Put(Record::DefaultQuota(quota)) => quota.limit(),
            _ => None,
        };
        let side = |write| json!({"default_quota": quota(write)});
        self.draft(Kind::QuotaChanged, "projects", json!({"project": null, "set": side(new), "was": side(old)}))
    }

    fn created(&self, new: &Record) -> Option<Draft> {
        let (kinds, name) = kinds(new)?;
        let set = all(&fields(&json!(new)));
        Some(self.draft(kinds.created, name, json!({"project": project(new), "set": set})))
    }

    fn changed(&self, old: &Record, new: &Record) -> Option<Draft> {
        let (kinds, name) = kinds(new)?;
        let (was, set) = differences(&fields(&json!(old)), &fields(&json!(new)));
        let detail = json!({"project": project(new), "set": set, "was": was});
        (!set.is_empty()).then(|| self.draft(kinds.changed, name, detail))
    }

    fn deleted(&self, old: &Record) -> Option<Draft> {
        let (kinds, name) = kinds(old)?;
        Some(self.draft(kinds.deleted, name, json!({"project": project(old)})))
    }
}

/// What a change comes to: each thing once, as it is and as it was, in the order in which it was written last.
fn net<'a>(change: &'a Change, undo: &'a Change) -> Vec<(&'a Write, &'a Write)> {
    let mut things: HashMap<Key, (usize, &Write, &Write)> = HashMap::new();
    for (at, (write, undo)) in change.writes().iter().zip(undo.writes().iter().rev()).enumerate() {
        let thing = things.entry(write.key()).or_insert((at, write, undo));
        (thing.0, thing.1) = (at, write);
    }
    let mut all: Vec<_> = things.into_values().collect();
    all.sort_unstable_by_key(|own| own.0);
    all.into_iter().map(|(_, write, undo)| (write, undo)).collect()
}

/// The old address with what is known of the new one, where that is something else.
fn other_description(old: &FloatingIp, new: &FloatingIp) -> Option<FloatingIp> {
    let same = FloatingIp {
        project: old.project.clone(),
        association: old.association.clone(),
        changed: old.changed,
        left: old.left.clone(),
        associations: old.associations,
        released: old.released.clone(),
        ..new.clone()
    };
    (same != *old).then_some(same)
}

/// What can happen to things of one sort.
struct Kinds {
    created: Kind,
    changed: Kind,
    deleted: Kind,
}

fn kinds(record: &Record) -> Option<(Kinds, &buoy_topology::Name)> {
    let (created, changed, deleted, name) = match record {
        Record::Provider(own) => (Kind::ProviderCreated, Kind::ProviderChanged, Kind::ProviderDeleted, &own.name),
        Record::Pool(own) => (Kind::PoolCreated, Kind::PoolChanged, Kind::PoolDeleted, &own.name),
        Record::Network(own) => (Kind::NetworkCreated, Kind::NetworkChanged, Kind::NetworkDeleted, &own.name),
        Record::Instance(own) => (Kind::InstanceCreated, Kind::InstanceChanged, Kind::InstanceDeleted, &own.name),
        Record::Direct(own) => (Kind::DirectCreated, Kind::DirectChanged, Kind::DirectDeleted, &own.name),
        Record::Project(own) => (Kind::ProjectCreated, Kind::ProjectChanged, Kind::ProjectDeleted, &own.name),
        Record::FloatingIp(_) | Record::DefaultQuota(_) | Record::NextEntity(_) => return None,
    };
    Some((Kinds { created, changed, deleted }, name))
}

fn project(record: &Record) -> Option<&buoy_topology::Name> {
    match record {
        Record::Instance(instance) => Some(&instance.project),
        Record::Network(network) => network.project.as_ref(),
        Record::Project(project) => Some(&project.name),
        _ => None,
    }
}

/// The fields of a stored thing; a record has them below its sort.
fn fields(record: &Value) -> Map<String, Value> {
    let object = record.as_object();
    let only = object.filter(|own| own.len() == 1).and_then(|own| own.values().next()?.as_object());
    let mut fields = only.or(object).cloned().unwrap_or_default();
    fields.retain(|name, _| !matches!(name.as_str(), "id" | "name"));
    fields
}

fn all(fields: &Map<String, Value>) -> Map<String, Value> {
    fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), short(value))).collect()
}

/// Where two states differ: what was, and what is.
fn differences(old: &Map<String, Value>, new: &Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let value = |of: &Map<String, Value>, name: &String| of.get(name).map_or(Value::Null, short);
    let names = new.keys().chain(old.keys().filter(|name| !new.contains_key(*name)));
    let other: Vec<_> = names.filter(|name| old.get(*name) != new.get(*name)).collect();
    let side = |of| other.iter().map(|name| ((*name).clone(), value(of, name))).collect();
    (side(old), side(new))
}

/// A value, or how long it would be.
fn short(value: &Value) -> Value {
    let len = value.to_string().len();
    if len > LONGEST_VALUE { Value::from(format!("({len} bytes)")) } else { value.clone() }
}

/// Bytes of a value that an event shows. With all fields an event stays below what the store keeps in one piece.
const LONGEST_VALUE: usize = 256;
