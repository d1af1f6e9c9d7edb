//! Who may do what. A request of a project (`project` on the socket, `--project` on the command line) sees and touches only
//! what is that project's: what is another one's is not there. The admin, who names no project, sees and does everything.

use std::net::Ipv4Addr;

use buoy_topology::ops::{Noun, OpError};
use buoy_topology::{Name, PortName};

use super::Core;
use crate::api::{ApiError, Call, ErrorKind, FipSet, Request};

impl Core {
    /// Refuses what is not the caller's business.
    pub(super) fn admit(&self, call: &Call) -> Result<(), ApiError> {
        let Some(project) = &call.project else { return Ok(()) };
        match &call.request {
            Request::InstanceAdd(params) => {
                self.visible_network(project, &params.network)?;
                self.granted_port(call, params.bridge.as_ref().unwrap_or(&self.integration), &params.port)
            }
            Request::InstanceAttach(params) => {
                self.own_instance(project, &params.name)?;
                self.visible_network(project, &params.network)?;
                let bridge = self.site.instance(&params.name).map_or(&self.integration, |own| &own.bridge);
                self.granted_port(call, bridge, &params.port)
            }
            Request::InstanceDetach(params) => self.own_instance(project, &params.name),
            Request::InstanceSet(params) => self.own_instance(project, &params.name),
            Request::InstanceShow(by) => self.own_instance(project, &by.name),
            Request::InstanceRemove(params) => self.own_instance(project, &params.name),
            Request::NetworkShow(by) => self.visible_network(project, &by.name),
            Request::NetworkDelete(by) => self.own_network(project, &by.name),
            Request::NetworkSet(params) => self.own_network(project, &params.name),
            Request::FipAssociate(params) => {
                let instance = params.instance.as_ref().map(|name| self.own_instance(project, name));
                instance.transpose()?;
                self.not_anothers(project, params.address.0)
            }
            Request::FipDisassociate(by) | Request::FipRelease(by) | Request::FipShow(by) => {
                self.not_anothers(project, by.address.0)
            }
            Request::FipSet(params) => self.admit_set(project, params),
            Request::ProjectShow(by) if by.name == *project => Ok(()),
            Request::ProjectShow(by) => Err(OpError::Unknown { noun: Noun::Project, name: by.name.clone() }.into()),
            Request::InstanceList(_)
            | Request::NetworkList
            | Request::NetworkCreate(_)
            // An address that is taken is a conflict there, whoever asks.
            | Request::FipAllocate(_)
            | Request::FipList(_)
            | Request::PoolList
            | Request::PoolShow(_)
            | Request::ProjectList
            | Request::RpcDiscover
            | Request::StatusShow => Ok(()),
            request => Err(denied(project, request.method())),
        }
    }

    /// Whether a project is to see what belongs to another one, or to all (`None`).
    pub(super) fn sees(caller: Option<&Name>, owner: Option<&Name>) -> bool {
        caller.is_none() || owner.is_none() || owner == caller
    }

    fn own_instance(&self, project: &Name, name: &Name) -> Result<(), ApiError> {
        let own = self.site.instance(name).filter(|instance| instance.project == *project);
        own.map(|_| ()).ok_or_else(|| OpError::Unknown { noun: Noun::Instance, name: name.clone() }.into())
    }

    fn visible_network(&self, project: &Name, name: &Name) -> Result<(), ApiError> {
        let network = self.site.network(name).filter(|own| Self::sees(Some(project), own.project.as_ref()));
        network.map(|_| ()).ok_or_else(|| OpError::Unknown { noun: Noun::Network, name: name.clone() }.into())
    }

    /// Whose guest is behind a port, only the admin knows: who acts for a project uses those that were granted.
    fn granted_port(&self, call: &Call, bridge: &PortName, port: &PortName) -> Result<(), ApiError> {
        let Some(ports) = call.ports.as_ref().filter(|own| !own.cover(bridge, port, &self.integration)) else {
            return Ok(());
        };
        let granted = if ports.0.is_empty() { "none".to_owned() } else { ports.to_string() };
        let message = format!(
            "port {port} of bridge {bridge} may not be used: the ports that buoyd.toml grants here are {granted}"
        );
        Err(ApiError::new(ErrorKind::Denied, message))
    }

    fn own_network(&self, project: &Name, name: &Name) -> Result<(), ApiError> {
        self.visible_network(project, name)?;
        match self.site.network(name).and_then(|network| network.project.as_ref()) {
            Some(_) => Ok(()),
            None => Err(ApiError::new(
                ErrorKind::Denied,
                format!("network {name} is shared by all projects: only the admin changes it"),
            )),
        }
    }

    fn not_anothers(&self, project: &Name, address: Ipv4Addr) -> Result<(), ApiError> {
        let owner = self.site.floating_ip(address).and_then(|fip| fip.project.as_ref());
        if Self::sees(Some(project), owner) { Ok(()) } else { Err(no_such_address(project, address)) }
    }

    /// MAC and note are the provider's and the admin's, and stay when the address goes to somebody else.
    fn admit_set(&self, project: &Name, params: &FipSet) -> Result<(), ApiError> {
        let address = params.address.0;
        let owner = self.site.floating_ip(address).and_then(|fip| fip.project.as_ref());
        if owner != Some(project) {
            return Err(no_such_address(project, address));
        }
        if params.mac.is_some() || params.note.is_some() {
            let message = format!("project {project} may only label {address}: its MAC and its note are the admin's");
            return Err(ApiError::new(ErrorKind::Denied, message));
        }
        Ok(())
    }
}

fn no_such_address(project: &Name, address: Ipv4Addr) -> ApiError {
    let message =
        format!("project {project} has no floating IP {address}: `buoyctl fip list --project {project}` shows its own");
    ApiError::new(ErrorKind::NotFound, message)
}

fn denied(project: &Name, method: &str) -> ApiError {
    let message = format!("{method} is the admin's: it cannot be done for project {project}, leave --project away");
    ApiError::new(ErrorKind::Denied, message)
}
