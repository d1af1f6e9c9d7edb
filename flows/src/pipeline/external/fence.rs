//! The fence: how the controller finds out that the datapath has looked at every cached flow again after a change.
//!
//! A question by ARP goes out of LOCAL, the host answers it, and the answer comes in like any packet of the host's: it takes
//! the way that the datapath has cached for it, and that way ends with the controller under the cookie of the *canary*. When
//! the canary gets another number, answers go on with the old one until the datapath has looked at that cached flow again.
//! What follows from that is in decision 10.

use std::net::Ipv4Addr;

use buoy_topology::{MacAddr, PortNo};
use bytes::Bytes;

use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, BufferId, Cookie, FlowMod, FlowModCommand, Masked, MatchField, PacketIn, PacketOut};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{arp, arp_reply, in_port};
use crate::pipeline::tables::external::ADMIT;

/// An answer that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FenceAnswer {
    /// The number that the canary had in the flow that the datapath used.
    pub number: u32,
    /// The low bits of the number that was the latest when the question went out.
    pub asked_under: u16,
}

/// What takes answers while no fence is under way: none ever gets any further.
pub(super) fn late_answers() -> Flow {
    answers(LATE, Owner::dropping(DropReason::LateAnswer))
}

/// Gives the canary this number.
pub fn number(number: u32) -> FlowMod {
    canary(number).to_flow_mod(FlowModCommand::Add)
}

/// Takes the canary away.
pub fn remove() -> FlowMod {
    FlowMod { cookie: Cookie(0), ..canary(0).to_flow_mod(FlowModCommand::DeleteStrict) }
}

/// Asks the host for an address of its own. The question is a probe (RFC 5227, section 2.1.1): nobody learns from it.
pub fn question(host: Ipv4Addr, number: u32) -> PacketOut {
    let [a, b, c, d, _, _] = STATION.octets();
    let [.., high, low] = number.to_be_bytes();
    let station = [a, b, c, d, high, low];
    let head: [u8; 10] = [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1];
    let frame = [&[0xff; 6], &station[..], &head, &station, &[0; 4], &[0; 6], &host.octets()].concat();
    PacketOut {
        buffer_id: BufferId::NONE,
        in_port: PortNo::CONTROLLER,
        actions: vec![Action::output(PortNo::LOCAL)],
        frame: frame.into(),
    }
}

/// Reads an answer; none where the packet is something else.
pub fn answer(packet: &PacketIn) -> Option<FenceAnswer> {
    let owner = Owner::of(packet.cookie).filter(|owner| owner.feature == Feature::Fence)?;
    Some(FenceAnswer { number: owner.entity, asked_under: asked_under(&packet.frame)? })
}

/// The low bytes of the MAC that the answer is for.
fn asked_under(frame: &Bytes) -> Option<u16> {
    let bytes = frame.get(TARGET_LOW..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn canary(number: u32) -> Flow {
    answers(CANARY, Owner { feature: Feature::Fence, entity: number }).apply([Action::controller()])
}

fn answers(priority: u16, owner: Owner) -> Flow {
    let station = Masked::new(STATION, MacAddr::new([0xff, 0xff, 0xff, 0xff, 0, 0]));
    Flow::new(ADMIT, priority, owner)
        .on(in_port(PortNo::LOCAL))
        .on(arp())
        .on(arp_reply())
        .on(MatchField::ArpTha(station))
}

/// Who asks: nobody on any wire has it. The low two bytes tell the questions apart.
const STATION: MacAddr = MacAddr::new([0x02, 0xb0, 0x07, 0xff, 0x00, 0x00]);
/// Where these bytes are in an answer: Ethernet, and ARP up to its target.
const TARGET_LOW: usize = 14 + 18 + 4;
const CANARY: u16 = 220;
const LATE: u16 = 210;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openflow::{Match, PacketInReason, TableId};

    #[test]
    fn an_answer_tells_both_numbers() {
        let asked = question(Ipv4Addr::new(203, 0, 113, 2), 0x0004_1234);
        assert_eq!(asked.frame.len(), 42);
        assert_eq!(asked.frame.get(36..), Some(&[0, 0, 203, 0, 113, 2][..]));
        // What the host makes of it: who asked is the target now.
        let sender = asked.frame.get(22..32).expect("the sender").to_vec();
        let frame = [&[0; 14 + 18], &sender[..]].concat();
        let packet = PacketIn {
            buffer_id: BufferId::NONE,
            total_len: 42,
            reason: PacketInReason::Action,
            table: TableId(0),
            cookie: canary(0x0004_1233).owner.cookie(),
            matching: Match::new(),
            frame: frame.into(),
        };
        assert_eq!(answer(&packet), Some(FenceAnswer { number: 0x0004_1233, asked_under: 0x1234 }));
        assert_eq!(answer(&PacketIn { frame: Bytes::new(), ..packet.clone() }), None);
        assert_eq!(answer(&PacketIn { cookie: late_answers().owner.cookie(), ..packet }), None);
    }
}
