//! OpenFlow 1.3 with the Nicira and ONF extensions that Open vSwitch speaks.
//!
//! A stream is cut into frames by [`split_frame`]; [`Message`] makes a frame of a message and a message of a frame.
//! What is not understood is kept, never refused: [`Message::Other`], [`Action::Other`] and the like. What is
//! understood has one canonical form, in which OVS answers too: what it dumps equals what it was sent. The forms are
//! said in [`Match`], [`Action`] and [`Instruction`].
//!
//! Read in this order: `header`, `frame`, `message`, then `oxm`, `action`, `instruction`, `flow_mod`, `multipart`,
//! `bundle`; the rest are single messages. `names` says what OVS calls each message, `text` prints it in ovs-ofctl's
//! language.

mod action;
mod async_config;
mod bundle;
mod codec_error;
mod config;
mod desc;
mod error;
mod experimenter;
mod features;
mod flow_mod;
mod flow_monitor;
mod flow_removed;
mod flow_stats;
mod frame;
mod header;
mod hello;
mod instruction;
mod kind;
mod message;
mod meter_features;
mod meter_mod;
mod multipart;
mod names;
mod number;
mod oxm;
mod packet_in;
mod packet_in2;
mod packet_out;
mod port;
mod role;
mod text;
mod vendor;
pub(crate) mod wire;

pub use action::{
    Action, Controller, Ct, CtFlags, CtZone, Learn, LearnFlags, LearnLimit, LearnSource, LearnSpec, LearnTarget, Nat,
    NatFlags, NatRange,
};
pub use async_config::AsyncConfig;
pub use bundle::{BundleAdd, BundleControl, BundleControlKind, BundleFlags, BundleId};
pub use codec_error::{DecodeError, EncodeError};
pub use config::SwitchConfig;
pub use desc::Desc;
pub use error::ErrorMsg;
pub use experimenter::Experimenter;
pub use features::Features;
pub use flow_mod::{FlowMod, FlowModCommand, FlowModFlags};
pub use flow_monitor::{FlowChange, FlowEvent, FlowMonitorControl, FlowMonitorFlags, FlowMonitorRequest, FlowUpdate};
pub use flow_removed::{FlowRemoved, FlowRemovedReason};
pub use flow_stats::{FlowStats, FlowStatsRequest};
pub use frame::{FrameError, split_frame};
pub use header::{Header, VERSION_1_0, VERSION_1_3, Xid};
pub use hello::Hello;
pub use instruction::Instruction;
pub use message::{Message, Other};
pub use meter_features::MeterFeatures;
pub use meter_mod::{MeterBand, MeterCommand, MeterFlags, MeterMod};
pub use multipart::{MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody};
pub use number::{ANY_GROUP, BufferId, Cookie, FlowDuration, TableId};
pub use oxm::{FieldId, FieldValue, Masked, Match, MatchField, Subfield};
pub use packet_in::{PacketIn, PacketInReason};
pub use packet_in2::PacketIn2;
pub use packet_out::PacketOut;
pub use port::{Port, PortConfig, PortReason, PortState, PortStatus};
pub use role::{ControllerRole, Role, RoleStatus};
pub use text::Printed;
