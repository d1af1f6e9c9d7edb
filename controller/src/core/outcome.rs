//! The answer to a change. Requests share commits, and an answer may wait for switches: it shows what its own request
//! made all the same, and not what a later one made of it. Only what switches say is as it is when the answer goes out.

use std::sync::Arc;

use buoy_topology::{Direct, MacPolicy, PortName, Provider};
use serde::Serialize;

use super::Core;
use super::plan::Subject;
use super::views::{network_view, text};
use crate::api::ApiError;
use crate::api::views::{
    DefaultQuotaView, FloatingIpView, ForgottenView, ImportView, InstanceView, NetworkView, Noted, Outcome, PoolView,
    ProjectView, SiteView,
};
use crate::rpc::Answer;

/// What a request made, taken right after its own change.
#[derive(Debug)]
pub(super) enum Made {
    /// A provider; what is learnt of its gateway is live.
    Provider(Arc<Provider>),
    /// A pool.
    Pool(PoolView),
    /// What an import changed.
    Import(ImportView),
    /// What a declared site changed.
    Site(Arc<SiteView>),
    /// A network.
    Network(NetworkView),
    /// An instance; the ofports are live.
    Instance(InstanceView),
    /// A direct port; the ofport, and what is wrong with it, are live.
    Direct(Arc<Direct>),
    /// A floating IP; what a switch refused is live, and so is the MAC where it is that of this provider's uplink.
    FloatingIp(FloatingIpView, Option<Arc<Provider>>),
    /// A project.
    Project(ProjectView),
    /// The quota of projects that have none of their own.
    DefaultQuota(DefaultQuotaView),
    /// A bridge that is not waited for any more.
    Forgotten(ForgottenView),
    /// Nothing that is there any more.
    Nothing,
}

impl Core {
    /// What a request has just made of its subject.
    pub(super) fn made(&self, subject: &Subject) -> Made {
        let made = match subject {
            Subject::Provider(name) => self.site.provider(name).cloned().map(Made::Provider),
            Subject::Pool(name) => self.site.pool(name).map(|pool| Made::Pool(self.pool_view(pool))),
            Subject::Network(name) => self.site.network(name).map(|network| Made::Network(network_view(network))),
            Subject::Instance(name) => self.site.instance(name).map(|own| Made::Instance(self.instance_view(own))),
            Subject::Project(name) => Some(Made::Project(self.project_view(name))),
            Subject::DefaultQuota => {
                let fip_quota = self.site.default_quota().limit();
                Some(Made::DefaultQuota(DefaultQuotaView { fip_quota }))
            }
            Subject::Direct(name) => self.site.direct(name).cloned().map(Made::Direct),
            Subject::FloatingIp(address) => {
                let provider = self.site.pool_at(*address).and_then(|pool| self.site.provider(&pool.provider));
                let provider = provider.filter(|provider| provider.mac_policy == MacPolicy::Host).cloned();
                self.floating_ip_view(*address).ok().map(|view| Made::FloatingIp(view, provider))
            }
            Subject::Import(name, changes, dry_run) => self.site.pool(name).map(|pool| {
                let pool = self.pool_view(pool);
                Made::Import(ImportView { pool, dry_run: *dry_run, changes: changes.clone() })
            }),
            Subject::Site(view) => Some(Made::Site(Arc::clone(view))),
            Subject::Forgotten(view) => Some(Made::Forgotten(view.clone())),
            Subject::Removed(_) => None,
        };
        made.unwrap_or(Made::Nothing)
    }

    /// The answer: what was made, and where it is not in force yet.
    pub(super) fn outcome(
        &self,
        made: Made,
        pending: Vec<PortName>,
        error: Option<String>,
        notices: Vec<String>,
    ) -> Result<Answer, ApiError> {
        match made {
            Made::Provider(provider) => wrap(self.provider_view(&provider), pending, error, notices),
            Made::Pool(view) => wrap(view, pending, error, notices),
            Made::Import(view) => wrap(view, pending, error, notices),
            Made::Site(view) => wrap(view, pending, error, notices),
            Made::Forgotten(view) => wrap(view, pending, error, notices),
            Made::Project(view) => wrap(view, pending, error, notices),
            Made::DefaultQuota(view) => wrap(view, pending, error, notices),
            Made::Network(view) => wrap(view, pending, error, notices),
            Made::Instance(mut view) => {
                for own in &mut view.interfaces {
                    own.ofport = self.port(&view.bridge, &own.port).map(|port| port.number.0);
                }
                wrap(view, pending, error, notices)
            }
            Made::Direct(direct) => {
                let mut view = self.direct_view(&direct);
                view.applied = pending.is_empty() && view.error.is_none();
                view.pending = pending;
                text(Noted { view, notices })
            }
            Made::FloatingIp(mut view, provider) => {
                if let Some(provider) = provider {
                    view.mac = self.port(&provider.bridge, &provider.uplink).map(|port| port.mac);
                }
                view.error = self.trouble(view.address);
                view.applied = pending.is_empty() && view.error.is_none();
                view.pending = pending;
                view.hook = self.hook_view(view.address);
                text(Noted { view, notices })
            }
            Made::Nothing => text(serde_json::json!({
                "applied": pending.is_empty() && error.is_none(), "pending": pending, "error": error, "notices": notices
            })),
        }
    }
}

fn wrap<T: Serialize>(
    view: T,
    pending: Vec<PortName>,
    error: Option<String>,
    notices: Vec<String>,
) -> Result<Answer, ApiError> {
    text(Outcome { view, applied: pending.is_empty() && error.is_none(), pending, error, notices })
}
