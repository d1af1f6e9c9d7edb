//! The packet that the other end answers another one with.

use super::headers::{Headers, ICMP, IPV4, TCP};
use super::sent;

/// The frame that answers a frame where it arrives: the same the other way round, with a new time to live, and what begins
/// a connection is acknowledged. None where nothing answers: of what is no IPv4, of a fragment, of ICMP but for questions.
pub fn answer(frame: &[u8]) -> Option<Vec<u8>> {
    let was = Headers::of(buoy_topology::PortNo(0), frame).filter(|own| own.eth_type == IPV4 && own.fragment == 0)?;
    let (tp_src, tp_dst) = match (was.nw_proto, was.tp_src, was.tp_dst) {
        (ICMP, 8, 0) => (0, 0),
        (ICMP, asked @ (13 | 15), 0) => (asked + 1, 0),
        (ICMP, ..) => return None,
        (_, src, dst) => (dst, src),
    };
    let (eth_src, eth_dst, nw_src, nw_dst) = (was.eth_dst, was.eth_src, was.nw_dst, was.nw_src);
    let is = Headers { eth_src, eth_dst, nw_src, nw_dst, nw_ttl: TTL, tp_src, tp_dst, ..was.clone() };
    let mut answer = sent::frame(frame, &was, &is);
    if was.nw_proto == TCP {
        sent::acknowledge(&mut answer, was.tcp_flags);
    }
    Some(answer)
}

const TTL: u8 = 64;
