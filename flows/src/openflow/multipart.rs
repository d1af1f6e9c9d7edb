//! Questions whose answers may take several messages.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::desc::Desc;
use super::flow_stats::{FlowStats, FlowStatsRequest};
use super::port::Port;
use super::wire::{Reader, put_padding};

const DESC: u16 = 0;
const FLOW: u16 = 1;
const PORT_DESC: u16 = 13;

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
    /// Which ports it has.
    PortDesc,
    /// A question that has no variant here.
    Other {
        /// The kind of question.
        kind: u16,
        /// The question.
        body: Bytes,
    },
}

impl MultipartRequest {
    /// The question in one message.
    pub const fn new(body: MultipartRequestBody) -> Self {
        Self { flags: 0, body }
    }

    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_head(
            out,
            match &self.body {
                MultipartRequestBody::Desc => DESC,
                MultipartRequestBody::Flow(_) => FLOW,
                MultipartRequestBody::PortDesc => PORT_DESC,
                MultipartRequestBody::Other { kind, .. } => *kind,
            },
            self.flags,
        );
        match &self.body {
            MultipartRequestBody::Flow(request) => request.put(out)?,
            MultipartRequestBody::Other { body, .. } => out.put_slice(body),
            MultipartRequestBody::Desc | MultipartRequestBody::PortDesc => {}
        }
        Ok(())
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("multipart request", body);
        let (kind, flags) = read_head(&mut reader)?;
        let body = match kind {
            DESC => MultipartRequestBody::Desc,
            FLOW => MultipartRequestBody::Flow(FlowStatsRequest::read(&mut reader)?),
            PORT_DESC => MultipartRequestBody::PortDesc,
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
    /// Some of its ports.
    PortDesc(Vec<Port>),
    /// An answer that has no variant here.
    Other {
        /// The kind of question.
        kind: u16,
        /// The answer.
        body: Bytes,
    },
}

impl MultipartReply {
    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_head(
            out,
            match &self.body {
                MultipartReplyBody::Desc(_) => DESC,
                MultipartReplyBody::Flow(_) => FLOW,
                MultipartReplyBody::PortDesc(_) => PORT_DESC,
                MultipartReplyBody::Other { kind, .. } => *kind,
            },
            if self.more { REPLY_MORE } else { 0 },
        );
        match &self.body {
            MultipartReplyBody::Desc(desc) => desc.put(out),
            MultipartReplyBody::Flow(flows) => flows.iter().try_for_each(|flow| flow.put(out))?,
            MultipartReplyBody::PortDesc(ports) => ports.iter().for_each(|port| port.put(out)),
            MultipartReplyBody::Other { body, .. } => out.put_slice(body),
        }
        Ok(())
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("multipart reply", body);
        let (kind, flags) = read_head(&mut reader)?;
        let body = match kind {
            DESC => MultipartReplyBody::Desc(Desc::read(&mut reader)?),
            FLOW => {
                let mut flows = Vec::new();
                while !reader.is_empty() {
                    flows.push(FlowStats::read(&mut reader)?);
                }
                MultipartReplyBody::Flow(flows)
            }
            PORT_DESC => {
                let mut ports = Vec::new();
                while !reader.is_empty() {
                    ports.push(Port::read(&mut reader)?);
                }
                MultipartReplyBody::PortDesc(ports)
            }
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
