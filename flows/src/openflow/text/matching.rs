//! A match as text: `arp,reg0=0x1,arp_tpa=203.0.113.10,arp_op=1`.

use std::fmt;

use super::value::Value;
use crate::openflow::oxm::{Masked, Match, MatchField, untyped};

const VID_PRESENT: u16 = 0x1000;
const VID_MASK: u16 = 0x0fff;

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Words::of(self);
        let mut fields: Vec<_> = self.fields().iter().filter(|field| !words.say(field)).collect();
        fields.sort_by_key(|field| place(field));
        let mut separator = "";
        for field in fields.iter().filter(|field| place(field) < KEYWORD_PLACE) {
            write!(f, "{separator}{}", Condition(field))?;
            separator = ",";
        }
        if let Some(keyword) = words.keyword {
            write!(f, "{separator}{keyword}")?;
            separator = ",";
        }
        for field in fields.iter().filter(|field| place(field) > KEYWORD_PLACE) {
            if let MatchField::VlanVid(_) = field {
                write!(f, "{separator}{}", words.vlan)?;
            } else {
                write!(f, "{separator}{}", Condition(field))?;
            }
            separator = ",";
        }
        Ok(())
    }
}

/// What one word says of several fields.
struct Words {
    /// `arp`, `tcp6` and the like.
    keyword: Option<&'static str>,
    /// Whether the keyword says the protocol too.
    with_protocol: bool,
    vlan: Vlan,
}

impl Words {
    fn of(matching: &Match) -> Self {
        let (mut ethertype, mut protocol, mut vid, mut pcp) = (None, None, None, None);
        for field in matching.fields() {
            match *field {
                MatchField::EthType(value) => ethertype = Some(value),
                MatchField::IpProto(value) => protocol = Some(value),
                MatchField::VlanVid(value) => vid = Some(value),
                MatchField::VlanPcp(value) => pcp = Some(value),
                _ => {}
            }
        }
        let both = match (ethertype, protocol) {
            (Some(0x0800), Some(1)) => Some("icmp"),
            (Some(0x0800), Some(6)) => Some("tcp"),
            (Some(0x0800), Some(17)) => Some("udp"),
            (Some(0x0800), Some(132)) => Some("sctp"),
            (Some(0x86dd), Some(58)) => Some("icmp6"),
            (Some(0x86dd), Some(6)) => Some("tcp6"),
            (Some(0x86dd), Some(17)) => Some("udp6"),
            (Some(0x86dd), Some(132)) => Some("sctp6"),
            _ => None,
        };
        let keyword = both.or(match ethertype {
            Some(0x0800) => Some("ip"),
            Some(0x86dd) => Some("ipv6"),
            Some(0x0806) => Some("arp"),
            Some(0x8035) => Some("rarp"),
            Some(0x8847) => Some("mpls"),
            Some(0x8848) => Some("mplsm"),
            _ => None,
        });
        Self { keyword, with_protocol: both.is_some(), vlan: Vlan { vid, pcp } }
    }

    /// Whether the field is said by a word that stands for several.
    fn say(&self, field: &MatchField) -> bool {
        match field {
            MatchField::EthType(_) => self.keyword.is_some(),
            MatchField::IpProto(_) => self.with_protocol,
            MatchField::VlanPcp(_) => self.vlan.vid.is_some(),
            _ => false,
        }
    }
}

/// VLAN and priority, which OVS prints together.
#[derive(Clone, Copy)]
struct Vlan {
    vid: Option<Masked<u16>>,
    pcp: Option<u8>,
}

impl fmt::Display for Vlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Masked { value, mask }) = self.vid else { return Ok(()) };
        let mask = mask & (VID_PRESENT | VID_MASK);
        let present = mask & value & VID_PRESENT != 0;
        match (mask & VID_MASK, self.pcp) {
            (VID_MASK, None) if present => write!(f, "dl_vlan={}", value & VID_MASK),
            (VID_MASK, Some(pcp)) if present => write!(f, "dl_vlan={},dl_vlan_pcp={pcp}", value & VID_MASK),
            (0, Some(pcp)) if present => write!(f, "dl_vlan_pcp={pcp}"),
            (_, pcp) => {
                let (priority, priority_mask) = pcp.map_or((0, 0), |pcp| (u16::from(pcp) << 13, 0xe000));
                match (value | priority, mask | priority_mask) {
                    (tci, 0xffff) => write!(f, "vlan_tci={tci:#06x}"),
                    (tci, mask) => write!(f, "vlan_tci={tci:#06x}/{mask:#06x}"),
                }
            }
        }
    }
}

/// Name and value of one field.
struct Condition<'a>(&'a MatchField);

impl fmt::Display for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use MatchField as F;
        let name = match self.0 {
            F::Reg { index, .. } => return write!(f, "reg{index}={}", Value(self.0)),
            F::IpDscp(dscp) => return write!(f, "nw_tos={}", u16::from(*dscp) << 2),
            F::Other { .. } => return write!(f, "{}={}", UntypedName(self.0), Value(self.0)),
            F::EthSrc(_) => "dl_src",
            F::EthDst(_) => "dl_dst",
            F::EthType(_) => "dl_type",
            F::VlanPcp(_) => "dl_vlan_pcp",
            F::Ipv4Src(_) => "nw_src",
            F::Ipv4Dst(_) => "nw_dst",
            F::IpFrag(_) => "nw_frag",
            F::Icmpv6Type(_) => "icmp_type",
            F::Icmpv6Code(_) => "icmp_code",
            F::TcpSrc(_) | F::UdpSrc(_) | F::SctpSrc(_) => "tp_src",
            F::TcpDst(_) | F::UdpDst(_) | F::SctpDst(_) => "tp_dst",
            field => field.name(),
        };
        write!(f, "{name}={}", Value(self.0))
    }
}

/// The name of a field without a variant, or its header in hex.
pub(super) struct UntypedName<'a>(pub(super) &'a MatchField);

impl fmt::Display for UntypedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MatchField::Other { header, experimenter, .. } = self.0 else { return Ok(()) };
        match (untyped::find(*header, *experimenter), experimenter) {
            (Some(field), _) => write!(f, "{}", field.name(*header)),
            (None, Some(id)) => write!(f, "{header:#010x}:{id:#010x}"),
            (None, None) => write!(f, "{header:#010x}"),
        }
    }
}

/// Where the keyword stands among the fields.
const KEYWORD_PLACE: u8 = 20;

/// Where a field stands in OVS's text, which is not where it stands in its bytes.
const fn place(field: &MatchField) -> u8 {
    use MatchField as F;
    match field {
        F::PktMark(_) => 0,
        F::RecircId(_) => 1,
        F::ConjId(_) => 2,
        F::ActsetOutput(_) => 3,
        F::CtState(_) => 4,
        F::CtZone(_) => 5,
        F::CtMark(_) => 6,
        F::CtLabel(_) => 7,
        F::CtNwSrc(_) => 8,
        F::CtIpv6Src(_) => 9,
        F::CtNwDst(_) => 10,
        F::CtIpv6Dst(_) => 11,
        F::CtNwProto(_) => 12,
        F::CtTpSrc(_) => 13,
        F::CtTpDst(_) => 14,
        F::Reg { .. } => 21,
        F::TunnelId(_) => 22,
        F::TunSrc(_) => 23,
        F::TunDst(_) => 24,
        F::TunIpv6Src(_) => 25,
        F::TunIpv6Dst(_) => 26,
        F::TunGbpId(_) => 27,
        F::TunGbpFlags(_) => 28,
        F::TunFlags(_) => 29,
        F::Metadata(_) => 30,
        F::InPort(_) => 31,
        F::VlanVid(_) => 32,
        F::VlanPcp(_) => 33,
        F::EthSrc(_) => 34,
        F::EthDst(_) => 35,
        F::EthType(_) => 36,
        F::Ipv4Src(_) | F::Ipv6Src(_) | F::ArpSpa(_) => 37,
        F::Ipv4Dst(_) | F::Ipv6Dst(_) | F::ArpTpa(_) => 38,
        F::Ipv6Label(_) => 39,
        F::IpProto(_) | F::ArpOp(_) => 40,
        F::ArpSha(_) => 41,
        F::ArpTha(_) => 42,
        F::IpDscp(_) => 43,
        F::IpEcn(_) => 44,
        F::NwTtl(_) => 45,
        F::MplsLabel(_) => 46,
        F::MplsTc(_) => 47,
        F::MplsTtl(_) => 48,
        F::MplsBos(_) => 49,
        F::IpFrag(_) => 50,
        F::Icmpv4Type(_) | F::Icmpv6Type(_) => 51,
        F::Icmpv4Code(_) | F::Icmpv6Code(_) => 52,
        F::NdTarget(_) => 53,
        F::NdSll(_) => 54,
        F::NdTll(_) => 55,
        F::NdReserved(_) => 56,
        F::NdOptionsType(_) => 57,
        F::TcpSrc(_) | F::UdpSrc(_) | F::SctpSrc(_) => 58,
        F::TcpDst(_) | F::UdpDst(_) | F::SctpDst(_) => 59,
        F::TcpFlags(_) => 60,
        F::Other { .. } => 255,
    }
}
