//! The role of this controller among others of the same switch (OpenFlow 1.3.5, section 6.3.4).
//!
//! To become primary the session first asks what the last election's generation was, and then claims the next one. A
//! claim that comes too late is refused by the switch, and made again.

use buoy_flows::openflow::{ControllerRole, ErrorMsg, Message, Role, Xid};

use super::{CloseReason, Event, Session};

/// How far a claim has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Election {
    step: Step,
    /// Claims that came too late, one after the other.
    stale: u32,
}

#[derive(Clone, Copy, Debug, Default)]
enum Step {
    #[default]
    Idle,
    Asking {
        xid: Xid,
    },
    Claiming {
        xid: Xid,
    },
}

impl Session {
    pub(super) fn claim_primary(&mut self) {
        let ask = Role { role: ControllerRole::NoChange, generation_id: 0 };
        self.election.step = Step::Asking { xid: self.send(Message::RoleRequest(ask)) };
    }

    pub(super) fn on_role_reply(&mut self, xid: Xid, answer: Role) {
        match self.election.step {
            Step::Asking { xid: own } if own == xid => {
                // Where there was no election the generation is all ones, and the first one has number 0.
                let generation_id = answer.generation_id.wrapping_add(1);
                let claim = Role { role: ControllerRole::Primary, generation_id };
                self.election.step = Step::Claiming { xid: self.send(Message::RoleRequest(claim)) };
            }
            Step::Claiming { xid: own } if own == xid => {
                self.election = Election::default();
                self.events.push_back(Event::Role(answer.role));
            }
            _ => {}
        }
    }

    /// Takes an error that answers a claim; tells whether it did.
    pub(super) fn on_role_error(&mut self, xid: Xid, error: &ErrorMsg) -> Result<bool, CloseReason> {
        match self.election.step {
            Step::Claiming { xid: own } if own == xid && error.name() == Some(STALE) => {
                self.election.stale += 1;
                if self.election.stale >= MOST_STALE {
                    return Err(CloseReason::TooManyElections);
                }
                self.claim_primary();
                Ok(true)
            }
            Step::Asking { xid: own } | Step::Claiming { xid: own } if own == xid => {
                self.election = Election::default();
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

/// Another controller was elected meanwhile.
const STALE: &str = "OFPRRFC_STALE";
/// So many claims in a row that come too late are no accident.
const MOST_STALE: u32 = 16;
