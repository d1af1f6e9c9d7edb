//! The fence: how the controller finds out that the datapath has looked at every cached flow again after a change.
//!
//! A question by ARP goes out of a port, somebody behind it answers, and the answer comes in like any packet: it takes
//! the way that the datapath has cached for it, and that way ends with the controller under the cookie of the *canary*. When
//! the canary gets another number, answers go on with the old one until the datapath has looked at that cached flow again.
//! What follows from that is in decision 10.
//!
//! Who asks is a MAC that nobody has, and another one for each number: who has not seen the question cannot answer it.

use std::net::Ipv4Addr;

use buoy_topology::{Interface, MacAddr, PortNo, VlanId};

use super::drops::DropReason;
use super::fields::{arp, arp_reply, in_port, on_vlan, untagged};
use super::meters::Meter;
use super::tables::external::ADMIT;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, BufferId, Cookie, FlowMod, FlowModCommand, Masked, MatchField, PacketIn, PacketOut};

/// Who is asked for the address that it has, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Respondent {
    /// The port that it is behind.
    pub port: PortNo,
    /// The VLAN that it is on there.
    pub vlan: Option<VlanId>,
    /// The MAC that it answers from; none where that may be any.
    pub mac: Option<MacAddr>,
    /// The address.
    pub address: Ipv4Addr,
}

/// An answer that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FenceAnswer {
    /// The port that it came by.
    pub port: PortNo,
    /// The number that the canary had in the flow that the datapath used.
    pub number: u32,
    /// What was asked under.
    pub nonce: u32,
}

/// Nonces are as large as this: what a station's MAC has room for.
pub const LARGEST: u32 = 0x007f_ffff;

impl Respondent {
    /// The host, for an address of its own, through LOCAL.
    pub fn host(address: Ipv4Addr) -> Self {
        Self { port: PortNo::LOCAL, vlan: None, mac: None, address }
    }

    /// An instance, for its fixed address, on the port that it has.
    pub fn guest(interface: &Interface, port: PortNo) -> Self {
        Self { port, vlan: interface.vlan, mac: Some(interface.mac), address: interface.ip }
    }

    /// Whether it is the host itself.
    pub fn is_host(&self) -> bool {
        self.port == PortNo::LOCAL
    }

    /// Gives the canary this number. Answers are bounded where the switch has meters.
    pub fn number(&self, number: u32, meters: bool) -> FlowMod {
        let canary = self.canary(number).apply([Meter::Fence.to_controller_where(meters)]);
        canary.to_flow_mod(FlowModCommand::Add)
    }

    /// Takes the canary away.
    pub fn remove(&self) -> FlowMod {
        FlowMod { cookie: Cookie(0), ..self.canary(0).to_flow_mod(FlowModCommand::DeleteStrict) }
    }

    /// Asks. The question is a probe (RFC 5227, section 2.1.1): nobody learns from it.
    pub fn question(&self, nonce: u32) -> PacketOut {
        let station = station(nonce).octets();
        let tag =
            self.vlan.map(|vlan| [TAGGED.to_be_bytes(), vlan.number().to_be_bytes()].concat()).unwrap_or_default();
        let head: [u8; 10] = [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1];
        let frame =
            [&[0xff; 6], &station[..], &tag, &head, &station, &[0; 4], &[0; 6], &self.address.octets()].concat();
        PacketOut {
            buffer_id: BufferId::NONE,
            in_port: PortNo::CONTROLLER,
            actions: vec![Action::output(self.port)],
            frame: frame.into(),
        }
    }

    /// It asks for all that a guest chooses of its answer but the nonce: one flow in the cache has all of its answers.
    fn canary(&self, number: u32) -> Flow {
        let answer = Flow::new(ADMIT, CANARY, Owner { feature: Feature::Fence, entity: number })
            .on(in_port(self.port))
            .on(arp())
            .on(self.vlan.map_or_else(untagged, on_vlan))
            .on(arp_reply())
            .on(MatchField::ArpSpa(self.address.into()))
            .on(MatchField::ArpTpa(Ipv4Addr::UNSPECIFIED.into()))
            .on(to_station());
        match self.mac {
            Some(mac) => answer.on(MatchField::EthSrc(mac.into())),
            None => answer,
        }
    }
}

/// Whether a packet came by a canary.
pub fn is_canarys(packet: &PacketIn) -> bool {
    Owner::of(packet.cookie).is_some_and(|owner| owner.feature == Feature::Fence)
}

/// Reads an answer; none where the packet is something else. An answer goes to who asked, which is the target that it names: where
/// Open vSwitch caches flows by destination, one who answers could have many otherwise.
pub fn answer(packet: &PacketIn) -> Option<FenceAnswer> {
    let owner = Owner::of(packet.cookie).filter(|owner| owner.feature == Feature::Fence)?;
    let port = packet.matching.fields().iter().find_map(|field| match field {
        MatchField::InPort(port) => Some(*port),
        _ => None,
    })?;
    let kind = |at: usize| Some(u16::from_be_bytes(*packet.frame.get(at..)?.first_chunk()?));
    let tag = match kind(TYPE)? {
        ARP => 0,
        TAGGED if kind(TYPE + TAG)? == ARP => TAG,
        _ => return None,
    };
    let destination: [u8; 6] = *packet.frame.first_chunk()?;
    let target: [u8; 6] = *packet.frame.get(TARGET + tag..)?.first_chunk()?;
    if destination != target {
        return None;
    }
    let [_, _, _, high, middle, low] = target;
    Some(FenceAnswer { port, number: owner.entity, nonce: u32::from_be_bytes([0, high & 0x7f, middle, low]) })
}

/// What takes answers of a host while no fence is under way: none ever gets any further.
pub(super) fn late_answers_of_host() -> Flow {
    late_answers().on(in_port(PortNo::LOCAL))
}

/// The same for those of instances.
pub(super) fn late_answers() -> Flow {
    Flow::new(ADMIT, LATE, Owner::dropping(DropReason::LateAnswer)).on(arp()).on(arp_reply()).on(to_station())
}

fn to_station() -> MatchField {
    MatchField::ArpTha(Masked::new(station(0), MacAddr::new([0xff, 0xff, 0xff, 0x80, 0, 0])))
}

/// The MAC that says a nonce.
fn station(nonce: u32) -> MacAddr {
    let [_, high, middle, low] = (nonce & LARGEST).to_be_bytes();
    let [a, b, c] = MacAddr::OURS;
    MacAddr::new([a, b, c, high | 0x80, middle, low])
}

const ARP: u16 = 0x0806;
/// IEEE 802.1Q. No other tag is asked under.
const TAGGED: u16 = 0x8100;
/// How long a tag is.
const TAG: usize = 4;
/// Where things are in an answer: Ethernet, and ARP up to its target.
const TYPE: usize = 12;
const TARGET: usize = 14 + 18;
const CANARY: u16 = 220;
const LATE: u16 = 210;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::openflow::{Match, PacketInReason, TableId};

    const GUEST: MacAddr = MacAddr::new([0x02, 0, 0x0a, 0, 0, 0x0b]);

    fn guest(vlan: Option<VlanId>) -> Respondent {
        Respondent { port: PortNo(3), vlan, mac: Some(GUEST), address: Ipv4Addr::new(10, 0, 0, 11) }
    }

    /// What the one who was asked makes of a question, and the canary of that.
    fn answered(asked: &Respondent, nonce: u32, number: u32) -> PacketIn {
        let question = asked.question(nonce).frame;
        let (ethernet, asking) = question.split_at(question.len() - 28);
        let target = [&asking[8..14], &[0; 4]].concat();
        let frame = [&ethernet[6..12], &GUEST.octets(), &ethernet[12..], &asking[..8], &[0; 10], &target].concat();
        PacketIn {
            buffer_id: BufferId::NONE,
            total_len: 42,
            reason: PacketInReason::Action,
            table: TableId(0),
            cookie: Owner { feature: Feature::Fence, entity: number }.cookie(),
            matching: Match::new().with(MatchField::InPort(asked.port)),
            frame: frame.into(),
        }
    }

    #[test]
    fn an_answer_tells_both_numbers() {
        let host = Respondent::host(Ipv4Addr::new(203, 0, 113, 2));
        assert_eq!(host.question(0).frame.len(), 42);
        assert_eq!(host.question(0).frame.get(28..), Some(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 203, 0, 113, 2][..]));
        for asked in [host, guest(None), guest(VlanId::try_from(100).ok())] {
            let packet = answered(&asked, LARGEST, 0x0004_1233);
            let expected = Some(FenceAnswer { port: asked.port, number: 0x0004_1233, nonce: LARGEST });
            assert_eq!(answer(&packet), expected);
            assert_eq!(answer(&PacketIn { frame: Bytes::new(), ..packet.clone() }), None);
            let late = PacketIn { cookie: late_answers().owner.cookie(), ..packet.clone() };
            assert_eq!((is_canarys(&packet), is_canarys(&late), answer(&late)), (true, false, None));
            // To another destination, and under another tag.
            for (at, byte) in [(5, 0), (12, 0x88)] {
                let mut frame = packet.frame.to_vec();
                frame[at] = byte;
                assert_eq!(answer(&PacketIn { frame: frame.into(), ..packet.clone() }), None, "byte {at}");
            }
        }
    }

    #[test]
    fn the_station_that_asks_has_a_mac_that_nobody_may_have() {
        for nonce in [0, 0x1234, LARGEST] {
            assert!(station(nonce).is_reserved() && station(nonce).is_unicast());
        }
    }

    #[test]
    fn answers_are_bounded_where_there_are_meters() {
        let canary = |meters| guest(None).number(7, meters).to_string();
        assert!(canary(true).contains("meter_id=629"), "{}", canary(true));
        assert!(!canary(false).contains("meter"), "{}", canary(false));
    }
}
