//! Who may do what over the socket, by the user that the kernel says is at the other end: root and the daemon's own user
//! everything, members of configured groups what these may, others nothing.

use std::collections::{BTreeMap, BTreeSet};

use buoy_topology::Name;
use nix::unistd::{Gid, Uid, User, getgrouplist};

use super::Peer;
use crate::api::{ApiError, Call, ErrorKind, PortGrants, Request};

/// What the members of groups may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(pub Vec<Grant>);

/// What the members of one group may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The group's number.
    pub gid: u32,
    /// What they may.
    pub may: May,
}

/// What a group may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum May {
    /// See everything, and change nothing.
    Read,
    /// Act for these projects, whose instances may have these ports.
    Act(Vec<Name>, PortGrants),
}

/// What one client may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    is_admin: bool,
    reads: bool,
    /// The projects to act for, with the ports that each may use.
    projects: BTreeMap<Name, PortGrants>,
}

impl Grants {
    /// What a peer may do. A directory service may have to be asked for its groups.
    pub(super) fn of(&self, peer: &Peer) -> Access {
        let mut access =
            Access { is_admin: peer.uid == 0 || peer.uid == Uid::effective().as_raw(), ..Access::default() };
        if access.is_admin || self.0.is_empty() {
            return access;
        }
        let groups = groups(peer);
        for grant in self.0.iter().filter(|grant| groups.contains(&grant.gid)) {
            match &grant.may {
                May::Read => access.reads = true,
                May::Act(projects, ports) => {
                    for project in projects {
                        access.projects.entry(project.clone()).or_default().0.extend(ports.0.iter().cloned());
                    }
                }
            }
        }
        access
    }
}

impl Access {
    /// Refuses what the client may not do. Who may act for one project alone need not name it.
    pub(super) fn admit(&self, peer: &Peer, call: &mut Call) -> Result<(), ApiError> {
        // What the methods are is the same for all who may use any.
        let is_description = matches!(call.request, Request::RpcDiscover) && !self.projects.is_empty();
        if self.is_admin || is_description || (self.reads && is_read(&call.request)) {
            return Ok(());
        }
        let who = peer.user.as_deref().map_or_else(|| format!("user {}", peer.uid), |name| format!("user {name}"));
        let denied = |message| Err(ApiError::new(ErrorKind::Denied, message));
        let known = self.projects.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
        match (&call.project, self.projects.first_key_value()) {
            (_, None) if self.reads => {
                denied(format!("{who} may only look: {} changes something", call.request.method()))
            }
            (_, None) => denied(format!("{who} may not use this socket: it is in no group that buoyd.toml lists")),
            (Some(project), _) => match self.projects.get(project) {
                Some(ports) => {
                    call.ports = Some(ports.clone());
                    Ok(())
                }
                None => denied(format!("{who} may act for {known}, and not for {project}")),
            },
            (None, Some((only, ports))) if self.projects.len() == 1 => {
                call.request.act_for(only);
                call.project = Some(only.clone());
                call.ports = Some(ports.clone());
                Ok(())
            }
            (None, _) => denied(format!("{who} may act for several projects: say --project, one of {known}")),
        }
    }
}

/// Whether a request changes nothing, and gives nothing out that only the admin is to have: a backup has all of it.
fn is_read(request: &Request) -> bool {
    !request.changes() && !matches!(request, Request::BackupCreate)
}

/// The groups of a peer: the one that it has now, and those that it is a member of.
fn groups(peer: &Peer) -> BTreeSet<u32> {
    let user = User::from_uid(Uid::from_raw(peer.uid)).ok().flatten();
    let name = user.and_then(|user| std::ffi::CString::new(user.name).ok());
    let member = name.and_then(|name| getgrouplist(&name, Gid::from_raw(peer.gid)).ok()).unwrap_or_default();
    member.into_iter().map(Gid::as_raw).chain([peer.gid]).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::Wait;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn peer(uid: u32, gid: u32) -> Peer {
        Peer { uid, gid, pid: None, user: None }
    }

    fn call(method: &str, params: serde_json::Value, project: Option<&str>) -> Call {
        let request = serde_json::json!({"method": method, "params": params});
        let request = serde_json::from_value(request).unwrap();
        Call { request, wait: Wait::Store, timeout: Duration::ZERO, project: project.map(name), ports: None }
    }

    fn act(projects: &[&str], ports: &[&str]) -> May {
        let ports = ports.iter().map(|own| own.parse().unwrap()).collect();
        May::Act(projects.iter().map(|own| name(own)).collect(), PortGrants(ports))
    }

    /// Somebody who is no user of this machine, in one group.
    fn access(grants: &[(u32, May)], gid: u32) -> Access {
        Grants(grants.iter().map(|(gid, may)| Grant { gid: *gid, may: may.clone() }).collect())
            .of(&peer(4_001_001, gid))
    }

    #[test]
    fn each_group_may_what_is_granted_and_no_more() {
        let grants = [(5_001, May::Read), (5_002, act(&["shop"], &[])), (5_003, act(&["shop", "lab"], &[]))];
        let list = || call("pool.list", serde_json::Value::Null, None);
        let allocate = |project| call("fip.allocate", serde_json::json!({}), project);
        let backup = || call("backup.create", serde_json::Value::Null, None);
        let cases = [
            (5_001, list(), None),
            (5_001, allocate(None), Some("may only look: fip.allocate changes something")),
            (5_001, backup(), Some("may only look")),
            (5_002, allocate(Some("shop")), None),
            (5_002, allocate(None), None),
            (5_002, allocate(Some("lab")), Some("may act for shop, and not for lab")),
            (5_003, allocate(None), Some("say --project, one of lab, shop")),
            (5_003, list(), Some("say --project")),
            (5_004, list(), Some("user 4001001 may not use this socket")),
        ];
        for (gid, mut call, refused) in cases {
            let admitted = access(&grants, gid).admit(&peer(4_001_001, gid), &mut call);
            match (admitted, refused) {
                (Ok(()), None) => {}
                (Err(error), Some(text)) => {
                    assert_eq!(error.kind, ErrorKind::Denied);
                    assert!(error.message.contains(text), "{gid}: {}", error.message);
                }
                (admitted, refused) => panic!("{gid} {call:?}: {admitted:?}, not {refused:?}"),
            }
        }
    }

    #[test]
    fn the_only_project_is_meant_where_none_is_named() {
        let mut call = call("fip.allocate", serde_json::json!({}), None);
        access(&[(5_002, act(&["shop"], &[]))], 5_002).admit(&peer(4_001_001, 5_002), &mut call).unwrap();
        assert_eq!(call.project, Some(name("shop")));
        assert!(matches!(&call.request, Request::FipAllocate(params) if params.project == Some(name("shop"))));
    }

    #[test]
    fn each_project_has_the_ports_that_were_granted_with_it() {
        let grants = [
            (5_002, act(&["shop"], &["tap-a-*"])),
            (5_002, act(&["lab"], &["tap-b-*"])),
            (5_002, act(&["lab", "bare"], &["vm1"])),
        ];
        for (project, ports) in [("shop", "tap-a-*"), ("lab", "tap-b-*, vm1"), ("bare", "vm1")] {
            let mut call = call("fip.allocate", serde_json::json!({}), Some(project));
            access(&grants, 5_002).admit(&peer(4_001_001, 5_002), &mut call).unwrap();
            assert_eq!(call.ports.map(|own| own.to_string()).as_deref(), Some(ports), "{project}");
        }
        let mut call = call("fip.allocate", serde_json::json!({}), Some("shop"));
        Grants(Vec::new()).of(&peer(0, 0)).admit(&peer(0, 0), &mut call).unwrap();
        assert!(!call.is_confined(), "the admin may use any port");
    }

    #[test]
    fn root_and_the_daemons_user_may_everything() {
        for uid in [0, Uid::effective().as_raw()] {
            let access = Grants::default().of(&peer(uid, 4_001_001));
            let mut call = call("backup.create", serde_json::Value::Null, None);
            assert!(access.admit(&peer(uid, 4_001_001), &mut call).is_ok());
        }
    }
}
