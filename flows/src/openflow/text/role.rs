//! Several controllers of one switch: their roles, and what they are told.

use std::fmt;

use super::Bits;
use crate::openflow::async_config::AsyncConfig;
use crate::openflow::role::{ControllerRole, Role, RoleStatus};

/// A controller's role.
pub(super) struct InRole(pub(super) Role);

impl fmt::Display for InRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "role={}", name(self.0.role))?;
        if self.0.generation_id == u64::MAX { Ok(()) } else { write!(f, " generation_id={}", self.0.generation_id) }
    }
}

/// A role that another controller changed.
pub(super) struct ChangedRole<'a>(pub(super) &'a RoleStatus);

impl fmt::Display for ChangedRole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RoleStatus { role, reason, generation_id, .. } = self.0;
        write!(f, "role={}", name(*role))?;
        if *generation_id != u64::MAX {
            write!(f, " generation_id={generation_id}")?;
        }
        match reason {
            0 => f.write_str(" reason=primary_request"),
            1 => f.write_str(" reason=configuration_changed"),
            2 => f.write_str(" reason=experimenter_data_changed"),
            reason => write!(f, " reason={reason}"),
        }
    }
}

const fn name(role: ControllerRole) -> &'static str {
    match role {
        ControllerRole::NoChange => "nochange",
        ControllerRole::Equal => "equal",
        ControllerRole::Primary => "primary",
        ControllerRole::Secondary => "secondary",
    }
}

/// Which messages a controller gets unasked.
pub(super) struct Unasked<'a>(pub(super) &'a AsyncConfig);

impl fmt::Display for Unasked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AsyncConfig { packet_in, port_status, flow_removed } = *self.0;
        ["primary", "secondary"].into_iter().enumerate().try_for_each(|(side, title)| {
            write!(f, "\n {title}:")?;
            say(f, "   PACKET_IN", packet_in.get(side), &PACKET_IN)?;
            say(f, " PORT_STATUS", port_status.get(side), &PORT_STATUS)?;
            say(f, "FLOW_REMOVED", flow_removed.get(side), &FLOW_REMOVED)
        })
    }
}

fn say(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    reasons: Option<&u32>,
    names: &'static [(u32, &'static str)],
) -> fmt::Result {
    match reasons {
        None | Some(0) => write!(f, "\n  {kind}: (off)"),
        Some(&reasons) => write!(f, "\n  {kind}: {}", Bits(reasons, names)),
    }
}

const PACKET_IN: [(u32, &str); 6] = [
    (1, "no_match"),
    (1 << 1, "action"),
    (1 << 2, "invalid_ttl"),
    (1 << 3, "action_set"),
    (1 << 4, "group"),
    (1 << 5, "packet_out"),
];
const PORT_STATUS: [(u32, &str); 3] = [(1, "add"), (1 << 1, "delete"), (1 << 2, "modify")];
const FLOW_REMOVED: [(u32, &str); 6] = [
    (1, "idle"),
    (1 << 1, "hard"),
    (1 << 2, "delete"),
    (1 << 3, "group_delete"),
    (1 << 4, "meter_delete"),
    (1 << 5, "eviction"),
];
