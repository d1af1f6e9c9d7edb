//! The one way in which a site changes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::index::Index;
use crate::{Change, Key, MacAddr, Name, Pool, PortName, Record, Site, Span, VlanId, Write};

impl Site {
    /// Does a change, and returns the change that undoes it.
    pub fn apply(&mut self, change: &Change) -> Change {
        let mut undo: Vec<Write> = change
            .writes()
            .iter()
            .map(|write| {
                let old = match write {
                    Write::Put(record) => self.put(record.clone()),
                    Write::Remove(key) => self.remove(key),
                };
                old.map_or_else(|| Write::Remove(write.key()), Write::Put)
            })
            .collect();
        undo.reverse();
        undo.into_iter().collect()
    }

    /// The instance that an OVS port and VLAN lead to.
    pub fn instance_on_port(&self, bridge: &PortName, port: &PortName, vlan: Option<VlanId>) -> Option<&Name> {
        self.index.port(bridge, port, vlan)
    }

    /// The instances behind an OVS port, whatever their VLAN.
    pub fn instances_on_port(&self, bridge: &PortName, port: &PortName) -> impl Iterator<Item = &Name> {
        self.index.on_port(bridge, port)
    }

    /// The instance that has a MAC in a network.
    pub fn instance_with_mac(&self, network: &Name, mac: MacAddr) -> Option<&Name> {
        self.index.mac(network, mac)
    }

    pub(super) fn put(&mut self, record: Record) -> Option<Record> {
        if let Record::Pool(pool) = record {
            return self.put_pool(pool).map(Record::Pool);
        }
        let old = self.remove(&record.key());
        match record {
            Record::Provider(provider) => {
                self.index.add_provider(&provider);
                self.providers.insert(provider.name.clone(), provider);
            }
            Record::Pool(_) => {}
            Record::Network(network) => {
                self.index.add_network(&network);
                self.networks.insert(network.name.clone(), network);
            }
            Record::Instance(instance) => {
                self.index.add_instance(&instance);
                self.instances.insert(instance.name.clone(), instance);
            }
            Record::FloatingIp(fip) => {
                self.index.add_floating_ip(&fip);
                self.free.add(&fip, pool_of(&self.index, &self.pools, fip.address));
                self.floating_ips.insert(fip.address, Arc::new(fip));
            }
            Record::Direct(direct) => {
                self.index.add_direct(&direct);
                self.directs.insert(direct.name.clone(), direct);
            }
            Record::Project(project) => {
                self.projects.insert(project.name.clone(), project);
            }
            Record::DefaultQuota(quota) => self.default_quota = Some(quota),
            Record::NextEntity(next) => self.next_entity = next,
        }
        old
    }

    /// Puts a pool in place of the one that had its name. Its free addresses are looked at only where they change.
    fn put_pool(&mut self, pool: Arc<Pool>) -> Option<Arc<Pool>> {
        let old = self.pools.insert(pool.name.clone(), Arc::clone(&pool));
        if let Some(old) = &old {
            self.index.remove_pool(old);
        }
        self.index.add_pool(&pool);
        let records = |span: Span| self.floating_ips.range(span.first..=span.last).map(|(_, fip)| &**fip);
        self.free.set_pool(old.as_deref(), Some(&pool), records);
        old
    }

    fn remove(&mut self, key: &Key) -> Option<Record> {
        match key {
            Key::Provider(name) => {
                let provider = self.providers.remove(name)?;
                self.index.remove_provider(&provider);
                Some(Record::Provider(provider))
            }
            Key::Pool(name) => {
                let pool = self.pools.remove(name)?;
                self.index.remove_pool(&pool);
                self.free.set_pool(Some(&pool), None, |_| std::iter::empty());
                Some(Record::Pool(pool))
            }
            Key::Network(name) => {
                let network = self.networks.remove(name)?;
                self.index.remove_network(&network);
                Some(Record::Network(network))
            }
            Key::Instance(name) => {
                let instance = self.instances.remove(name)?;
                self.index.remove_instance(&instance);
                Some(Record::Instance(instance))
            }
            Key::FloatingIp(address) => {
                let fip = self.floating_ips.remove(address)?;
                self.index.remove_floating_ip(&fip);
                self.free.remove(&fip, pool_of(&self.index, &self.pools, fip.address));
                Some(Record::FloatingIp(Arc::unwrap_or_clone(fip)))
            }
            Key::Direct(name) => {
                let direct = self.directs.remove(name)?;
                self.index.remove_direct(&direct);
                Some(Record::Direct(direct))
            }
            Key::Project(name) => self.projects.remove(name).map(Record::Project),
            Key::DefaultQuota => self.default_quota.take().map(Record::DefaultQuota),
            Key::NextEntity => {
                (self.next_entity != 0).then(|| Record::NextEntity(std::mem::take(&mut self.next_entity)))
            }
        }
    }
}

/// The pool of an address.
fn pool_of<'a>(index: &Index, pools: &'a BTreeMap<Name, Arc<Pool>>, address: Ipv4Addr) -> Option<&'a Pool> {
    pools.get(index.pool_at(address)?).map(|pool| &**pool)
}
