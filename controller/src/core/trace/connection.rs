//! Which packet of a connection is traced: the first one, or one that comes when the connection is there.

use buoy_flows::icmp::{ErrorKind, error};
use buoy_flows::simulate::{Connections, Headers, Network, answer};
use buoy_topology::{PortName, PortNo};

use super::invalid;
use crate::api::ApiError;
use crate::api::trace::TraceState;

/// A packet, where it comes in, and the connections that are known by then.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) bridge: PortName,
    pub(super) port: PortNo,
    pub(super) frame: Vec<u8>,
    pub(super) known: Connections,
}

/// The packet that is asked for, where this frame begins the connection.
pub(super) fn asked(
    state: TraceState,
    network: &Network,
    (bridge, port): (&PortName, PortNo),
    frame: Vec<u8>,
) -> Result<Asked, ApiError> {
    let mut known = Connections::default();
    let first = Asked { bridge: bridge.clone(), port, frame, known: Connections::default() };
    if state == TraceState::New {
        return Ok(first);
    }
    let trace = network.send_after(&mut known, bridge, port, &first.frame);
    let nowhere =
        || invalid("it leaves by no port, and so there is no connection: trace it without --ct-state to see why");
    let (bridge, port, left) = trace.sent().next().ok_or_else(nowhere)?;
    let back = if state == TraceState::Rel { complaint(left) } else { answer(left) };
    let frame =
        back.ok_or_else(|| invalid("nothing answers it: --ct-state takes a whole IPv4 packet, of ICMP a question"))?;
    if state == TraceState::Est {
        network.send_after(&mut known, bridge, port, &frame);
        return Ok(Asked { known, ..first });
    }
    Ok(Asked { bridge: bridge.clone(), port, frame, known })
}

/// An error about a frame, from whom it is for.
fn complaint(frame: &[u8]) -> Option<Vec<u8>> {
    let headers = Headers::of(PortNo::ANY, frame)?;
    let mut frame = frame.to_vec();
    let tag: Vec<_> = if headers.vlan.is_some() { frame.drain(12..16).collect() } else { Vec::new() };
    let mut made = error(&frame, ErrorKind::TimeExceeded, headers.nw_dst)?;
    made.splice(12..12, tag);
    Some(made)
}
