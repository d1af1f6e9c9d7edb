//! Who extended OpenFlow: the ids that stand in experimenter messages, multiparts, actions, fields and errors.

/// The Open Networking Foundation: later versions' features, brought to 1.3.
pub(super) const ONF: u32 = 0x4f4e_4600;
/// Nicira: what only Open vSwitch knows.
pub(super) const NICIRA: u32 = 0x0000_2320;
