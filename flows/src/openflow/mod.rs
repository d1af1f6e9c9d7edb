//! OpenFlow 1.3 with the Nicira and ONF extensions that Open vSwitch speaks.

mod codec_error;
mod frame;
mod header;
mod hello;
mod number;
mod oxm;
mod wire;

pub use codec_error::{DecodeError, EncodeError};
pub use frame::{FrameError, split_frame};
pub use header::{Header, VERSION_1_0, VERSION_1_3, Xid};
pub use hello::Hello;
pub use number::{ANY_GROUP, BufferId, Cookie, FlowDuration, TableId};
pub use oxm::{FieldId, FieldValue, Masked, Match, MatchField, Subfield};
