//! Names that many records have. Each text that is read is a copy of its own: a record gets the name of what it is about, of
//! which there is one.

use std::sync::Arc;

use crate::{Instance, Record, Site};

impl Site {
    /// A record as it was read, with the names of what is there already in place of copies.
    pub(super) fn with_shared_names(&self, mut record: Record) -> Record {
        match &mut record {
            Record::Instance(own) => {
                if let Some(own) = Arc::get_mut(own) {
                    self.share_names(own);
                }
            }
            Record::FloatingIp(own) => {
                if let Some(association) = &mut own.association
                    && let Some(instance) = self.instances.get(&association.instance)
                {
                    association.instance.clone_from(&instance.name);
                    if own.project.as_ref() == Some(&instance.project) {
                        own.project = Some(instance.project.clone());
                    }
                }
            }
            _ => {}
        }
        record
    }

    /// An instance with the names of what is there already, and no more room for interfaces than it has.
    pub(crate) fn share_names(&self, own: &mut Instance) {
        let beside = self.index.instances_on(&own.bridge).next().and_then(|name| self.instances.get(name));
        if let Some(beside) = beside {
            own.bridge.clone_from(&beside.bridge);
        }
        let project = self.projects.get(&own.project).map(|known| &known.name);
        let project = project.or(beside.map(|beside| &beside.project)).filter(|known| **known == own.project);
        if let Some(project) = project.cloned() {
            own.project = project;
        }
        for interface in &mut own.interfaces {
            if let Some(network) = self.networks.get(&interface.network) {
                interface.network.clone_from(&network.name);
            }
            if let Some(port) = self.index.known_port(&own.bridge, &interface.port) {
                interface.port.clone_from(port);
            }
        }
        own.interfaces.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Generation, Name};

    #[test]
    fn what_was_stored_shares_its_names_with_what_it_is_about() {
        let stored = [
            r#"{"network":{"id":1,"name":"blue","cidr":"10.0.0.0/24","gateway":"10.0.0.1",
                "gateway_mac":"02:00:00:00:00:01","project":null,"auto_assign":null,"snat":true}}"#,
            r#"{"instance":{"name":"a","project":"shop","bridge":"br-int","note":null,"interfaces":[{"id":2,
                "network":"blue","port":"vm1","vlan":null,"mac":"02:00:00:00:00:11","ip":"10.0.0.11"}]}}"#,
            r#"{"instance":{"name":"b","project":"shop","bridge":"br-int","note":null,"interfaces":[{"id":3,
                "network":"blue","port":"vm1","vlan":7,"mac":"02:00:00:00:00:12","ip":"10.0.0.12"}]}}"#,
            r#"{"floating_ip":{"id":4,"address":"203.0.113.100","mac":null,"project":"shop","changed":1,
                "association":{"instance":"b","fixed_ip":"10.0.0.12"}}}"#,
        ];
        let records: Vec<Record> = stored.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let site = Site::load(Generation(1), records);
        let is_one = |one: &Name, other: &Name| std::ptr::eq(one.as_str(), other.as_str());
        let [a, b] = ["a", "b"].map(|name| site.instance(&name.parse().unwrap()).unwrap());
        let blue = site.networks().next().unwrap();
        assert!([a, b].iter().all(|own| is_one(&own.interfaces[0].network, &blue.name)));
        assert!(is_one(&a.project, &b.project) && std::ptr::eq(a.bridge.as_str(), b.bridge.as_str()));
        assert!(std::ptr::eq(a.interfaces[0].port.as_str(), b.interfaces[0].port.as_str()));
        let fip = site.floating_ips().next().unwrap();
        assert!(is_one(fip.project.as_ref().unwrap(), &b.project));
        assert!(is_one(&fip.association.as_ref().unwrap().instance, &b.name));
        assert!([a, b].iter().all(|own| own.interfaces.capacity() == 1));
    }
}
