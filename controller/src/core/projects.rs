//! Projects: what a request about one changes, and what clients read of it.

use buoy_topology::ops::{Noun, OpError, ProjectSpec};
use buoy_topology::{FloatingIpState, Name, Quota};

use super::Core;
use super::plan::{Planned, Subject, planned, scope};
use crate::api::views::ProjectView;
use crate::api::{ApiError, ErrorKind, ProjectQuota, ProjectSet};

impl Core {
    pub(super) fn set_project(&self, params: &ProjectSet) -> Result<Planned, ApiError> {
        let (project, quota) = quota_of(params)?;
        Ok(match project {
            Some(name) => {
                let change = self.site.set_project(&name, &ProjectSpec { fip_quota: quota });
                planned(change, Subject::Project(name), scope([], []))
            }
            None => {
                let change = self.site.set_default_quota(quota.flatten().unwrap_or_default());
                planned(change, Subject::DefaultQuota, scope([], []))
            }
        })
    }

    pub(super) fn delete_project(&self, name: &Name) -> Result<Planned, ApiError> {
        Ok(planned(self.site.delete_project(name)?, Subject::Removed(name.clone()), scope([], [])))
    }

    /// The projects that a caller sees.
    pub(super) fn project_views(&self, caller: Option<&Name>) -> Vec<ProjectView> {
        let names = self.site.project_names().into_iter();
        names.filter(|name| Self::sees(caller, Some(name))).map(|name| self.project_view(&name)).collect()
    }

    pub(super) fn known_project(&self, name: &Name) -> Result<ProjectView, OpError> {
        let is_known = self.site.project_names().contains(name);
        let unknown = || OpError::Unknown { noun: Noun::Project, name: name.clone() };
        is_known.then(|| self.project_view(name)).ok_or_else(unknown)
    }

    pub(super) fn project_view(&self, name: &Name) -> ProjectView {
        let own = || self.site.floating_ips().filter(|fip| fip.project.as_ref() == Some(name));
        let count = |state| own().filter(|fip| fip.state() == state).count() as u64;
        ProjectView {
            name: name.clone(),
            fip_quota: self.site.fip_quota(name).limit(),
            default_quota: self.site.project(name).is_none_or(|own| own.fip_quota.is_none()),
            allocated: count(FloatingIpState::Allocated),
            associated: count(FloatingIpState::Associated),
            instances: self.site.instances_of(name).count() as u64,
            networks: self.site.networks_of(name).count() as u64,
        }
    }
}

/// Whose quota is meant, of a project or of all that have none, and what it is to be: `None` stays.
pub(super) fn quota_of(params: &ProjectSet) -> Result<(Option<Name>, Option<Option<Quota>>), ApiError> {
    let invalid = |message: &str| Err(ApiError::new(ErrorKind::Invalid, message));
    match (&params.name, params.default, params.fip_quota) {
        (Some(name), false, None) => Ok((Some(name.clone()), None)),
        (Some(name), false, Some(ProjectQuota::Default)) => Ok((Some(name.clone()), Some(None))),
        (Some(name), false, Some(ProjectQuota::Own(quota))) => Ok((Some(name.clone()), Some(Some(quota)))),
        (None, true, Some(ProjectQuota::Own(quota))) => Ok((None, Some(Some(quota)))),
        (None, true, _) => invalid("the default is a number or unlimited: --fip-quota N|unlimited"),
        (Some(_), true, _) => invalid("--default is for the projects that have no quota: name none with it"),
        (None, false, _) => invalid("name a project, or say --default for those that have no quota"),
    }
}
