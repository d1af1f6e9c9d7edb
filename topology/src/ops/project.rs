//! Projects: declare, limit, delete.

use std::sync::Arc;

use super::{Noun, OpError};
use crate::{Change, Key, Name, Project, Quota, Record, Site};

/// What a project is to be; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectSpec {
    /// How many floating IPs it may have, or the default (`None` inside).
    pub fip_quota: Option<Option<Quota>>,
}

impl Site {
    /// A project with another quota; declared where it was not. What it has beyond a quota it keeps.
    pub fn set_project(&self, name: &Name, spec: &ProjectSpec) -> Change {
        let old = self.project(name);
        let before = old.and_then(|own| own.fip_quota);
        let new = Project { name: name.clone(), fip_quota: spec.fip_quota.unwrap_or(before) };
        let mut change = Change::default();
        if old.is_none_or(|old| **old != new) {
            change.put(Record::Project(Arc::new(new)));
        }
        change
    }

    /// Another quota for the projects that have none of their own.
    pub fn set_default_quota(&self, quota: Quota) -> Change {
        let mut change = Change::default();
        if self.default_quota() != quota {
            change.put(Record::DefaultQuota(quota));
        }
        change
    }

    /// What was declared of a project is forgotten. It may have nothing any more.
    pub fn delete_project(&self, name: &Name) -> Result<Change, OpError> {
        let networks = self.networks_of(name).map(|own| format!("network {}", own.name));
        let instances = self.instances_of(name).map(|own| format!("instance {}", own.name));
        let held = self.floating_ips().filter(|fip| fip.project.as_ref() == Some(name));
        let held = held.map(|fip| format!("floating IP {}", fip.address));
        let mut users = networks.chain(instances).chain(held).peekable();
        if users.peek().is_some() {
            return Err(OpError::in_use(Noun::Project, name, users));
        }
        self.project(name).ok_or_else(|| OpError::Unknown { noun: Noun::Project, name: name.clone() })?;
        let mut change = Change::default();
        change.remove(Key::Project(name.clone()));
        Ok(change)
    }

    /// Whether a project may have one more floating IP.
    pub(super) fn check_quota(&self, project: &Name) -> Result<(), OpError> {
        let held = self.fips_held(project);
        match self.fip_quota(project).limit() {
            Some(quota) if held >= quota => Err(OpError::OverQuota { project: project.clone(), held, quota }),
            _ => Ok(()),
        }
    }
}
