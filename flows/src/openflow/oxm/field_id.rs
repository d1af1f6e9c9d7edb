//! Fields as operands of move and load actions.

use std::fmt;

use super::canonical::register_index;
use super::field::MatchField;
use super::masked::ones;
use super::spec::FieldSpec;
use super::untyped;

/// Names a field by its header, without mask bit.
///
/// Where a field has an older Nicira name, OVS answers with that one whatever it was sent; the constants are what it
/// answers, and [`FieldId::canonical`] makes one into the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u32);

impl FieldId {
    /// The port that the packet came in on; 16 bits here.
    pub const IN_PORT: Self = Self(0x0000_0002);
    /// The Ethernet destination.
    pub const ETH_DST: Self = Self(0x0000_0206);
    /// The Ethernet source.
    pub const ETH_SRC: Self = Self(0x0000_0406);
    /// The Ethernet type.
    pub const ETH_TYPE: Self = Self(0x0000_0602);
    /// The VLAN with its present bit.
    pub const VLAN_VID: Self = Self(0x8000_0c02);
    /// The VLAN priority.
    pub const VLAN_PCP: Self = Self(0x8000_0e01);
    /// The protocol inside IPv4 or IPv6.
    pub const IP_PROTO: Self = Self(0x0000_0c01);
    /// The IPv4 source.
    pub const IPV4_SRC: Self = Self(0x0000_0e04);
    /// The IPv4 destination.
    pub const IPV4_DST: Self = Self(0x0000_1004);
    /// The IPv6 source.
    pub const IPV6_SRC: Self = Self(0x0001_2610);
    /// The IPv6 destination.
    pub const IPV6_DST: Self = Self(0x0001_2810);
    /// The time to live, or hop limit.
    pub const NW_TTL: Self = Self(0x0001_3a01);
    /// The TCP source port.
    pub const TCP_SRC: Self = Self(0x0000_1202);
    /// The TCP destination port.
    pub const TCP_DST: Self = Self(0x0000_1402);
    /// The UDP source port.
    pub const UDP_SRC: Self = Self(0x0000_1602);
    /// The UDP destination port.
    pub const UDP_DST: Self = Self(0x0000_1802);
    /// The ICMP type.
    pub const ICMPV4_TYPE: Self = Self(0x0000_1a01);
    /// The ICMP code.
    pub const ICMPV4_CODE: Self = Self(0x0000_1c01);
    /// The ARP operation.
    pub const ARP_OP: Self = Self(0x0000_1e02);
    /// The ARP sender's protocol address.
    pub const ARP_SPA: Self = Self(0x0000_2004);
    /// The ARP target's protocol address.
    pub const ARP_TPA: Self = Self(0x0000_2204);
    /// The ARP sender's hardware address.
    pub const ARP_SHA: Self = Self(0x0001_2206);
    /// The ARP target's hardware address.
    pub const ARP_THA: Self = Self(0x0001_2406);
    /// The target of neighbour discovery.
    pub const ND_TARGET: Self = Self(0x0001_2e10);
    /// The source link-layer address of a neighbour solicitation.
    pub const ND_SLL: Self = Self(0x0001_3006);
    /// The target link-layer address of a neighbour advertisement.
    pub const ND_TLL: Self = Self(0x0001_3206);
    /// What earlier tables wrote with write-metadata.
    pub const METADATA: Self = Self(0x8000_0408);
    /// The tunnel key.
    pub const TUNNEL_ID: Self = Self(0x0001_2008);
    /// The first register.
    pub const REG0: Self = Self::reg(0);
    /// The second register.
    pub const REG1: Self = Self::reg(1);
    /// The third register.
    pub const REG2: Self = Self::reg(2);
    /// The fourth register.
    pub const REG3: Self = Self::reg(3);
    /// The fifth register.
    pub const REG4: Self = Self::reg(4);
    /// The sixth register.
    pub const REG5: Self = Self::reg(5);
    /// The seventh register.
    pub const REG6: Self = Self::reg(6);
    /// The eighth register.
    pub const REG7: Self = Self::reg(7);

    /// A register, 0 to 15.
    pub const fn reg(index: u8) -> Self {
        Self(u32::from_be_bytes([0, 1, (index & 0x0f) << 1, 4]))
    }

    /// The name that OVS answers with.
    #[must_use]
    pub fn canonical(self) -> Self {
        // The 32-bit in_port keeps its own name: the two differ in width.
        match FieldSpec::of(self.0) {
            Some(spec) if spec.nxm & 0xff == self.0 & 0xff => Self(spec.nxm),
            _ => self,
        }
    }

    /// The header that the field has in a match.
    pub(crate) fn in_match(self) -> u32 {
        FieldSpec::of(self.0).map_or(self.0, |spec| spec.oxm)
    }

    /// How many bits the field has, as far as it is known.
    pub fn bits(self) -> u16 {
        let [.., len] = self.0.to_be_bytes();
        let whole = u16::from(len) * 8;
        match FieldSpec::of(self.0) {
            Some(spec) => u16::try_from(spec.bits).unwrap_or(whole).min(whole),
            None => whole,
        }
    }

    /// The whole field.
    pub fn whole(self) -> Subfield {
        Subfield { field: self, offset: 0, bits: self.bits() }
    }

    /// A part of the field, its lowest bit being bit `offset`.
    pub const fn part(self, offset: u16, bits: u16) -> Subfield {
        Subfield { field: self, offset, bits }
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = register_index(self.0) {
            return write!(f, "NXM_NX_REG{index}");
        }
        match (self.0, FieldSpec::of(self.0)) {
            (0x8000_0004, _) => f.write_str("OXM_OF_IN_PORT"),
            (_, Some(spec)) => f.write_str(spec.nxm_name),
            (header, None) => match untyped::find(header, None) {
                Some(field) => write!(f, "{}", field.wire_name(header)),
                None => write!(f, "{header:#010x}"),
            },
        }
    }
}

/// Some bits of a field, written `NXM_NX_REG0[0..15]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subfield {
    /// The field.
    pub field: FieldId,
    /// Its lowest bit that belongs to the part.
    pub offset: u16,
    /// How many bits belong to it.
    pub bits: u16,
}

impl Subfield {
    /// Whether a value fits into it.
    pub(in crate::openflow) fn holds(self, value: u64) -> bool {
        u128::from(value) & !ones(self.bits.into()) == 0
    }
}

impl Subfield {
    /// The whole field with this number in it (high bytes may be left out or zero); none for a part, and for a field
    /// without a variant.
    pub(crate) fn holding(self, number: &[u8]) -> Option<MatchField> {
        if self != self.field.whole() || number.len() > 16 {
            return None;
        }
        let value = number.iter().fold(0, |bits: u128, &byte| bits << 8 | u128::from(byte));
        match (register_index(self.field.0), FieldSpec::of(self.field.0)) {
            (Some(_), _) => MatchField::build(self.field.0, value, u128::MAX),
            (None, Some(spec)) => MatchField::build(spec.oxm, value, u128::MAX),
            (None, None) => None,
        }
    }
}

impl fmt::Display for Subfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, offset, bits } = *self;
        match (offset, bits) {
            (0, _) if bits == field.bits() => write!(f, "{field}[]"),
            (_, 1) => write!(f, "{field}[{offset}]"),
            _ => write!(f, "{field}[{offset}..{}]", u32::from(offset) + u32::from(bits).max(1) - 1),
        }
    }
}
