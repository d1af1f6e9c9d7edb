//! What a request changes about an instance.

use buoy_flows::pipeline::Entity;
use buoy_topology::ops::{AutoAssign, InstanceChange, InstanceSpec, InterfaceSpec};
use buoy_topology::{Change, Name, PortName, Record, Relabel, Write};

use super::Core;
use super::plan::{Planned, Subject, default_project, planned, scope};
use crate::api::{ApiError, InstanceAdd, InstanceAttach, InstanceSet, Setting};

impl Core {
    pub(super) fn add_instance(&self, params: &InstanceAdd) -> Result<Planned, ApiError> {
        let bridge = params.bridge.clone().unwrap_or_else(|| self.integration.clone());
        let interface = InterfaceSpec {
            network: params.network.clone(),
            port: params.port.clone(),
            vlan: params.vlan,
            mac: params.mac,
            ip: params.ip.0,
        };
        let project = params.project.clone().unwrap_or_else(default_project);
        let labels = Relabel { set: params.label.clone(), unset: Vec::new() };
        let spec = InstanceSpec { project, bridge: bridge.clone(), interface, labels, note: params.note.clone() };
        let assign = match &params.fip {
            None => AutoAssign::AsNetwork,
            Some(Setting::None) => AutoAssign::Never,
            Some(Setting::Value(word)) if word.as_str() == "auto" => AutoAssign::Auto,
            Some(Setting::Value(pool)) => AutoAssign::From(pool.clone()),
        };
        let leaving = |fip: &buoy_topology::FloatingIp| self.leaving(fip);
        let (address, change) = self.site.add_instance_with_address(params.name.clone(), spec, &assign, &leaving)?;
        let mut planned = self.instance(&params.name, change, bridge, &params.port);
        if let Some(address) = address {
            let provider = self.site.pool_at(address).and_then(|pool| self.site.provider(&pool.provider));
            planned.scope.entities.get_or_insert_default().insert(Entity::Association(address));
            planned.scope.bridges.extend(provider.map(|provider| provider.bridge.clone()));
            planned.announce = provider.filter(|provider| provider.garp).map(|_| address).into_iter().collect();
        }
        Ok(planned)
    }

    pub(super) fn set_instance(&self, params: &InstanceSet) -> Result<Planned, ApiError> {
        let spec = InstanceChange {
            labels: Relabel { set: params.label.clone(), unset: params.unlabel.clone() },
            note: params.note.clone().map(|note| Setting::over(Some(note), None)),
        };
        let change = self.site.set_instance(&params.name, &spec)?;
        Ok(planned(change, Subject::Instance(params.name.clone()), scope([], [])))
    }

    /// An instance goes, or one of its interfaces, and the floating IPs that led there lead nowhere.
    pub(super) fn without_addresses(&self, subject: Subject, name: &Name, change: Change) -> Planned {
        let bridge = self.site.instance(name).map(|instance| instance.bridge.clone());
        let mut scope = scope([Entity::Instance(name.clone())], bridge);
        for write in change.writes() {
            if let Write::Put(Record::FloatingIp(fip)) = write {
                let own = self.scope_of(fip.address);
                scope.bridges.extend(own.bridges);
                scope.entities.get_or_insert_default().extend(own.entities.into_iter().flatten());
            }
        }
        planned(change, subject, scope)
    }

    pub(super) fn attach_interface(&self, params: &InstanceAttach) -> Result<Planned, ApiError> {
        let spec = InterfaceSpec {
            network: params.network.clone(),
            port: params.port.clone(),
            vlan: params.vlan,
            mac: params.mac,
            ip: params.ip.0,
        };
        let change = self.site.attach_interface(&params.name, spec)?;
        let bridge = self.site.instance(&params.name).map(|instance| instance.bridge.clone());
        let bridge = bridge.unwrap_or_else(|| self.integration.clone());
        Ok(self.instance(&params.name, change, bridge, &params.port))
    }

    fn instance(&self, name: &Name, change: Change, bridge: PortName, port: &PortName) -> Planned {
        let notice = self
            .lacks_port(&bridge, port)
            .then(|| format!("bridge {bridge} has no port {port} yet: it is served when it comes"));
        let scope = scope([Entity::Instance(name.clone())], [bridge]);
        let mut planned = planned(change, Subject::Instance(name.clone()), scope);
        planned.notices.extend(notice);
        planned
    }
}
