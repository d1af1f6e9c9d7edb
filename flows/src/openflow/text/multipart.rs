//! Questions that may have several messages of answers.

use std::fmt;

use buoy_topology::PortNo;

use super::Kept;
use super::meter::Abilities;
use super::monitor::{Update, Watch};
use super::port::Details;
use crate::openflow::desc::Desc;
use crate::openflow::flow_stats::FlowStatsRequest;
use crate::openflow::multipart::{MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody};
use crate::openflow::number::{ANY_GROUP, TableId};

const MORE: u16 = 1;

/// What is asked.
pub(super) struct Request<'a>(pub(super) &'a MultipartRequest);

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.flags {
            0 => {}
            MORE => f.write_str(" flags=[more]")?,
            flags => write!(f, " flags={flags:#06x}")?,
        }
        match &self.0.body {
            MultipartRequestBody::Flow(request) => say_flow_request(f, request),
            MultipartRequestBody::Other { body, .. } => write!(f, "{}", Kept(body)),
            MultipartRequestBody::FlowMonitor(requests) => {
                requests.iter().try_for_each(|request| write!(f, "\n {}", Watch(request)))
            }
            MultipartRequestBody::Desc | MultipartRequestBody::MeterFeatures | MultipartRequestBody::PortDesc => Ok(()),
        }
    }
}

fn say_flow_request(f: &mut fmt::Formatter<'_>, request: &FlowStatsRequest) -> fmt::Result {
    if request.table != TableId::ALL {
        write!(f, " table={}", request.table)?;
    }
    if request.out_port != PortNo::ANY {
        write!(f, " out_port={}", request.out_port)?;
    }
    if request.out_group != ANY_GROUP {
        write!(f, " out_group={}", request.out_group)?;
    }
    if request.cookie_mask.0 != 0 {
        write!(f, " cookie={}/{}", request.cookie, request.cookie_mask)?;
    }
    write!(f, " {}", request.matching)
}

/// What is answered.
pub(super) struct Reply<'a>(pub(super) &'a MultipartReply);

impl fmt::Display for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.more {
            f.write_str(" flags=[more]")?;
        }
        match &self.0.body {
            MultipartReplyBody::Desc(desc) => say_desc(f, desc),
            MultipartReplyBody::Flow(flows) => flows.iter().try_for_each(|flow| write!(f, "\n {flow}")),
            MultipartReplyBody::PortDesc(ports) => ports.iter().try_for_each(|port| write!(f, "\n {}", Details(port))),
            MultipartReplyBody::MeterFeatures(features) => write!(f, "{}", Abilities(features)),
            MultipartReplyBody::FlowMonitor(updates) => {
                updates.iter().try_for_each(|update| write!(f, "\n {}", Update(update)))
            }
            MultipartReplyBody::Other { body, .. } => write!(f, "{}", Kept(body)),
        }
    }
}

fn say_desc(f: &mut fmt::Formatter<'_>, desc: &Desc) -> fmt::Result {
    write!(f, "\nManufacturer: {}", desc.manufacturer.escape_debug())?;
    write!(f, "\nHardware: {}", desc.hardware.escape_debug())?;
    write!(f, "\nSoftware: {}", desc.software.escape_debug())?;
    write!(f, "\nSerial Num: {}", desc.serial.escape_debug())?;
    write!(f, "\nDP Description: {}", desc.datapath.escape_debug())
}
