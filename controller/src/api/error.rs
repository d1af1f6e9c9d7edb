//! Why a request was refused, in words that stay.

use buoy_topology::ops::OpError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The kinds of refusal: `error.data.kind` in JSON, the exit code on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// An argument that contradicts itself, another one or the state.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// It is somebody else's, or exists already.
    Conflict,
    /// It is used by something.
    InUse,
    /// There is none left.
    Exhausted,
    /// The project may not have more.
    Quota,
    /// The caller may not do this.
    Denied,
    /// It could not be made durable.
    Storage,
}

impl ErrorKind {
    /// The exit code of `buoyctl`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Invalid => 2,
            Self::NotFound => 3,
            Self::Conflict | Self::InUse | Self::Exhausted | Self::Quota => 4,
            Self::Denied => 5,
            Self::Storage => 1,
        }
    }
}

/// A refusal. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ApiError {
    /// Its kind.
    pub kind: ErrorKind,
    /// What was wrong and what to do.
    pub message: String,
    /// Each thing that was wrong, where there can be several.
    pub mistakes: Vec<Mistake>,
    /// What an operation said, for those who put it otherwise.
    pub cause: Option<Box<OpError>>,
}

/// Something that is wrong in what was declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// The kind of entry; none where it is about what is not declared.
    pub noun: Option<String>,
    /// Which of them, counted from 0 over all parts.
    pub entry: Option<usize>,
    /// The interface of an instance, counted from 0.
    pub interface: Option<usize>,
    /// The field that is wrong, where it is one.
    pub field: Option<String>,
    /// Its kind.
    pub kind: ErrorKind,
    /// What was wrong and what to do.
    pub message: String,
}

impl ApiError {
    /// A refusal for one reason.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), mistakes: Vec::new(), cause: None }
    }
}

impl From<OpError> for ApiError {
    fn from(error: OpError) -> Self {
        let kind = match &error {
            OpError::Unknown { .. }
            | OpError::OutsidePools { .. }
            | OpError::OutsidePool { .. }
            | OpError::NotInPool { .. }
            | OpError::NotWithdrawn { .. }
            | OpError::NoSuchFixedIp { .. } => ErrorKind::NotFound,
            OpError::Invalid { .. }
            | OpError::Label(_)
            | OpError::LabelOfNobody { .. }
            | OpError::NoDefaultPool { .. }
            | OpError::NoPool
            | OpError::NoMac { .. } => ErrorKind::Invalid,
            OpError::InUse { .. }
            | OpError::AddressesInUse { .. }
            | OpError::ReservedInUse { .. }
            | OpError::LastInterface { .. }
            | OpError::MacInUse { .. }
            | OpError::Shared { .. }
            | OpError::DirectMacInUse { .. }
            | OpError::Bound { .. }
            | OpError::StillServed { .. } => ErrorKind::InUse,
            OpError::OverQuota { .. } => ErrorKind::Quota,
            OpError::Exhausted { .. } => ErrorKind::Exhausted,
            _ => ErrorKind::Conflict,
        };
        Self { cause: Some(Box::new(error.clone())), ..Self::new(kind, error.to_string()) }
    }
}
