//! OpenFlow 1.3 with the Nicira and ONF extensions that Open vSwitch speaks.

mod action;
mod codec_error;
mod frame;
mod header;
mod hello;
mod instruction;
mod number;
mod oxm;
mod packet_in;
mod wire;

pub use action::Action;
pub use codec_error::{DecodeError, EncodeError};
pub use frame::{FrameError, split_frame};
pub use header::{Header, VERSION_1_0, VERSION_1_3, Xid};
pub use hello::Hello;
pub use instruction::Instruction;
pub use number::{ANY_GROUP, BufferId, Cookie, FlowDuration, TableId};
pub use oxm::{FieldId, FieldValue, Masked, Match, MatchField, Subfield};
pub use packet_in::{PacketIn, PacketInReason};
