//! Questions whose answers may take several messages.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::desc::Desc;
use super::flow_monitor::{self, FlowMonitorRequest, FlowUpdate};
use super::flow_stats::{FlowStats, FlowStatsRequest};
use super::meter_features::MeterFeatures;
use super::port::Port;
use super::wire::{Reader, put_padding};

const DESC: u16 = 0;
const FLOW: u16 = 1;
const METER_FEATURES: u16 = 11;
const PORT_DESC: u16 = 13;
pub(super) const EXPERIMENTER: u16 = 0xffff;

const REPLY_MORE: u16 = 1;

/// A question whose answer may take several messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MultipartRequest {
    /// Bit 0 says that the question goes on in a further message.
    pub flags: u16,
    /// What is asked.
    pub body: MultipartRequestBody,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MultipartRequestBody {
    /// Who made the switch.
    Desc,
    /// Which flows it has.
    Flow(FlowStatsRequest),
    /// What its meters can do.
    MeterFeatures,
    /// Which ports it has.
    PortDesc,
    /// To be told of changes to its flows.
    FlowMonitor(Vec<FlowMonitorRequest>),
    /// A question that has no variant here.
    Other {
        /// The kind of question.
        kind: u16,
        /// The question.
        body: Bytes,
    },
}

impl MultipartRequestBody {
    /// The kind of question, as a number.
    pub(super) const fn kind(&self) -> u16 {
        match self {
            Self::Desc => DESC,
            Self::Flow(_) => FLOW,
            Self::MeterFeatures => METER_FEATURES,
            Self::PortDesc => PORT_DESC,
            Self::FlowMonitor(_) => EXPERIMENTER,
            Self::Other { kind, .. } => *kind,
        }
    }
}

impl MultipartRequest {
    /// The question in one message.
    pub const fn new(body: MultipartRequestBody) -> Self {
        Self { flags: 0, body }
    }

    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_head(out, self.body.kind(), self.flags);
        match &self.body {
            MultipartRequestBody::Flow(request) => request.put(out)?,
            MultipartRequestBody::FlowMonitor(requests) => {
                flow_monitor::put_ids(out);
                requests.iter().try_for_each(|request| request.put(out))?;
            }
            MultipartRequestBody::Other { body, .. } => out.put_slice(body),
            MultipartRequestBody::Desc | MultipartRequestBody::MeterFeatures | MultipartRequestBody::PortDesc => {}
        }
        Ok(())
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("multipart request", body);
        let (kind, flags) = read_head(&mut reader)?;
        let body = match kind {
            DESC => MultipartRequestBody::Desc,
            FLOW => MultipartRequestBody::Flow(FlowStatsRequest::read(&mut reader)?),
            METER_FEATURES => MultipartRequestBody::MeterFeatures,
            PORT_DESC => MultipartRequestBody::PortDesc,
            EXPERIMENTER => match flow_monitor::body_of(reader.rest()) {
                Some(requests) => MultipartRequestBody::FlowMonitor(read_all(requests, FlowMonitorRequest::read)?),
                None => MultipartRequestBody::Other { kind, body: reader.to_bytes() },
            },
            _ => MultipartRequestBody::Other { kind, body: reader.to_bytes() },
        };
        Ok(Self { flags, body })
    }
}

/// One message of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MultipartReply {
    /// Whether the answer goes on in a further message.
    pub more: bool,
    /// What is answered.
    pub body: MultipartReplyBody,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MultipartReplyBody {
    /// Who made the switch.
    Desc(Desc),
    /// Some of its flows.
    Flow(Vec<FlowStats>),
    /// What its meters can do.
    MeterFeatures(MeterFeatures),
    /// Some of its ports.
    PortDesc(Vec<Port>),
    /// Changes to its flows.
    FlowMonitor(Vec<FlowUpdate>),
    /// An answer that has no variant here.
    Other {
        /// The kind of question.
        kind: u16,
        /// The answer.
        body: Bytes,
    },
}

impl MultipartReplyBody {
    /// The kind of question, as a number.
    pub(super) const fn kind(&self) -> u16 {
        match self {
            Self::Desc(_) => DESC,
            Self::Flow(_) => FLOW,
            Self::MeterFeatures(_) => METER_FEATURES,
            Self::PortDesc(_) => PORT_DESC,
            Self::FlowMonitor(_) => EXPERIMENTER,
            Self::Other { kind, .. } => *kind,
        }
    }
}

impl MultipartReply {
    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_head(out, self.body.kind(), if self.more { REPLY_MORE } else { 0 });
        match &self.body {
            MultipartReplyBody::Desc(desc) => desc.put(out),
            MultipartReplyBody::Flow(flows) => flows.iter().try_for_each(|flow| flow.put(out))?,
            MultipartReplyBody::MeterFeatures(features) => features.put(out),
            MultipartReplyBody::PortDesc(ports) => ports.iter().for_each(|port| port.put(out)),
            MultipartReplyBody::FlowMonitor(updates) => {
                flow_monitor::put_ids(out);
                updates.iter().try_for_each(|update| update.put(out))?;
            }
            MultipartReplyBody::Other { body, .. } => out.put_slice(body),
        }
        Ok(())
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("multipart reply", body);
        let (kind, flags) = read_head(&mut reader)?;
        let body = match kind {
            DESC => MultipartReplyBody::Desc(Desc::read(&mut reader)?),
            FLOW => MultipartReplyBody::Flow(read_all(reader, FlowStats::read)?),
            METER_FEATURES => MultipartReplyBody::MeterFeatures(MeterFeatures::read(&mut reader)?),
            PORT_DESC => MultipartReplyBody::PortDesc(read_all(reader, Port::read)?),
            EXPERIMENTER => match flow_monitor::body_of(reader.rest()) {
                Some(updates) => MultipartReplyBody::FlowMonitor(read_all(updates, FlowUpdate::read)?),
                None => MultipartReplyBody::Other { kind, body: reader.to_bytes() },
            },
            _ => MultipartReplyBody::Other { kind, body: reader.to_bytes() },
        };
        Ok(Self { more: flags & REPLY_MORE != 0, body })
    }
}

fn put_head(out: &mut BytesMut, kind: u16, flags: u16) {
    out.put_u16(kind);
    out.put_u16(flags);
    put_padding(out, 4);
}

fn read_head(reader: &mut Reader<'_>) -> Result<(u16, u16), DecodeError> {
    let (kind, flags) = (reader.u16()?, reader.u16()?);
    reader.skip(4)?;
    Ok((kind, flags))
}

/// Reads objects up to the end of the bytes.
fn read_all<T>(
    mut reader: Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut all = Vec::new();
    while !reader.is_empty() {
        all.push(read(&mut reader)?);
    }
    Ok(all)
}
