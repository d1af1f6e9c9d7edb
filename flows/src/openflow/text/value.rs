//! What a field holds, as ovs-ofctl writes it after `=` and in set_field.

use std::fmt;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Hex;
use crate::openflow::oxm::{FieldValue, Masked, MatchField};

/// The names of connection tracking's states, by bit.
const CT_STATES: [&str; 8] = ["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];
/// All of them.
const CT_STATES_MASK: u32 = 0xff;
/// The names of TCP's flags, by bit; the last three have no name of their own.
const TCP_FLAGS: [&str; 12] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];
const TCP_FLAGS_MASK: u16 = 0x0fff;

/// A field's value and mask.
pub(super) struct Value<'a>(pub(super) &'a MatchField);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use MatchField as F;
        match self.0 {
            F::EthDst(v) | F::EthSrc(v) | F::ArpSha(v) | F::ArpTha(v) | F::NdSll(v) | F::NdTll(v) => {
                write!(f, "{}", v.value)?;
                if v.is_exact() { Ok(()) } else { write!(f, "/{}", v.mask) }
            }
            F::Ipv4Src(v)
            | F::Ipv4Dst(v)
            | F::ArpSpa(v)
            | F::ArpTpa(v)
            | F::TunSrc(v)
            | F::TunDst(v)
            | F::CtNwSrc(v)
            | F::CtNwDst(v) => ipv4(f, *v),
            F::Ipv6Src(v)
            | F::Ipv6Dst(v)
            | F::NdTarget(v)
            | F::TunIpv6Src(v)
            | F::TunIpv6Dst(v)
            | F::CtIpv6Src(v)
            | F::CtIpv6Dst(v) => ipv6(f, *v),
            F::TcpSrc(v) | F::TcpDst(v) | F::UdpSrc(v) | F::UdpDst(v) | F::SctpSrc(v) | F::SctpDst(v) => decimal(f, *v),
            F::VlanVid(v) | F::TunGbpId(v) | F::CtTpSrc(v) | F::CtTpDst(v) => decimal(f, *v),
            F::NdReserved(v) => decimal(f, *v),
            F::Ipv6Label(v) if self.0.is_exact() => write!(f, "{:#07x}", v.value),
            F::Ipv6Label(v) => write!(f, "{:#07x}/{:#07x}", v.value, v.mask),
            F::Reg { value: v, .. } | F::CtMark(v) | F::PktMark(v) => hex(f, *v),
            F::Metadata(v) | F::TunnelId(v) => hex(f, *v),
            F::TunGbpFlags(v) => hex(f, *v),
            F::TunFlags(v) => flags(f, &["oam"], v.value.into(), v.mask.into(), false),
            F::CtLabel(v) => hex(f, *v),
            F::CtState(v) => flags(f, &CT_STATES, v.value, v.mask, v.mask == CT_STATES_MASK || v.is_exact()),
            F::TcpFlags(v) => {
                flags(f, &TCP_FLAGS, v.value.into(), v.mask.into(), v.mask & TCP_FLAGS_MASK == TCP_FLAGS_MASK)
            }
            F::IpFrag(v) => f.write_str(fragments(*v)),
            F::InPort(port) | F::ActsetOutput(port) => write!(f, "{port}"),
            F::EthType(v) => write!(f, "{v:#06x}"),
            F::CtZone(v) | F::ArpOp(v) => write!(f, "{v}"),
            F::VlanPcp(v)
            | F::IpProto(v)
            | F::IpDscp(v)
            | F::IpEcn(v)
            | F::Icmpv4Type(v)
            | F::Icmpv4Code(v)
            | F::Icmpv6Type(v)
            | F::Icmpv6Code(v)
            | F::NwTtl(v)
            | F::CtNwProto(v)
            | F::MplsTc(v)
            | F::MplsBos(v)
            | F::MplsTtl(v)
            | F::NdOptionsType(v) => write!(f, "{v}"),
            F::ConjId(v) | F::MplsLabel(v) => write!(f, "{v}"),
            F::RecircId(v) => write!(f, "{v:#x}"),
            F::Other { value, mask, .. } => {
                write!(f, "{}", Number(value))?;
                mask.as_ref().map_or(Ok(()), |mask| write!(f, "/{}", Number(mask)))
            }
        }
    }
}

/// Bytes as one hex number.
pub(super) struct Number<'a>(pub(super) &'a [u8]);

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zeros = self.0.iter().take_while(|&&byte| byte == 0).count();
        match self.0.get(zeros..) {
            Some([first, rest @ ..]) => write!(f, "{first:#x}{}", Hex(rest)),
            _ => f.write_str("0"),
        }
    }
}

fn ipv4(f: &mut fmt::Formatter<'_>, v: Masked<Ipv4Addr>) -> fmt::Result {
    write!(f, "{}", v.value)?;
    let mask = v.mask.to_bits();
    match mask.leading_ones() {
        32 => Ok(()),
        length if mask.count_ones() == length => write!(f, "/{length}"),
        _ => write!(f, "/{}", v.mask),
    }
}

fn ipv6(f: &mut fmt::Formatter<'_>, v: Masked<Ipv6Addr>) -> fmt::Result {
    write!(f, "{}", v.value)?;
    let mask = v.mask.to_bits();
    match mask.leading_ones() {
        128 => Ok(()),
        length if mask.count_ones() == length => write!(f, "/{length}"),
        _ => write!(f, "/{}", v.mask),
    }
}

fn decimal<T: FieldValue + fmt::Display + fmt::LowerHex>(f: &mut fmt::Formatter<'_>, v: Masked<T>) -> fmt::Result {
    if v.is_exact() { write!(f, "{}", v.value) } else { write!(f, "{:#x}/{:#x}", v.value, v.mask) }
}

fn hex<T: FieldValue + fmt::LowerHex>(f: &mut fmt::Formatter<'_>, v: Masked<T>) -> fmt::Result {
    // Zero stands without 0x, as C prints it.
    if v.value.to_bits() == 0 {
        f.write_str("0")?
    } else {
        write!(f, "{:#x}", v.value)?
    }
    if v.is_exact() { Ok(()) } else { write!(f, "/{:#x}", v.mask) }
}

/// `+syn-ack` where some bits count, `syn|ack` where all do, numbers where a bit has no name.
fn flags(f: &mut fmt::Formatter<'_>, names: &[&str], value: u32, mask: u32, exact: bool) -> fmt::Result {
    let named = (0..).zip(names).filter(|(bit, _)| mask >> bit & 1 == 1);
    if exact {
        let mut set = named.filter(|(bit, _)| value >> bit & 1 == 1).map(|(_, name)| *name);
        f.write_str(set.next().unwrap_or("0"))?;
        return set.try_for_each(|name| write!(f, "|{name}"));
    }
    if mask >> names.len() != 0 {
        return write!(f, "{value:#x}/{mask:#x}");
    }
    for (bit, name) in named {
        f.write_char(if value >> bit & 1 == 1 { '+' } else { '-' })?;
        f.write_str(name)?;
    }
    Ok(())
}

const fn fragments(v: Masked<u8>) -> &'static str {
    match (v.mask & 3, v.value & 3) {
        (3 | 1, 0) => "no",
        (3, 1) => "first",
        (3, 3) | (2, 2) => "later",
        (1, 1) => "yes",
        (2, 0) => "not_later",
        _ => "invalid",
    }
}
