//! Fields that OVS knows and that have no variant of their own: where they stand, and what they are called.

use std::fmt;

use crate::openflow::vendor::NICIRA;

const NSH: u32 = 0x005a_d650;

/// A field, or several that are counted in their names.
pub(in crate::openflow) struct Untyped {
    class: u16,
    /// The first one's number.
    first: u8,
    /// How many there are.
    count: u8,
    experimenter: Option<u32>,
    /// The place in the canonical order.
    pub(super) rank: u8,
    name: &'static str,
    wire_name: &'static str,
}

/// The row of a field, by its header (with or without mask bit).
pub(in crate::openflow) fn find(header: u32, experimenter: Option<u32>) -> Option<&'static Untyped> {
    ROWS.iter().find(|row| row.index(header).is_some() && row.experimenter == experimenter)
}

impl Untyped {
    /// Which of the fields of this row the header names.
    fn index(&self, header: u32) -> Option<u8> {
        let [class_high, class_low, field, _] = header.to_be_bytes();
        let index = (field >> 1).checked_sub(self.first)?;
        (u16::from_be_bytes([class_high, class_low]) == self.class && index < self.count).then_some(index)
    }

    /// The name in ovs-ofctl's language.
    pub(in crate::openflow) fn name(&self, header: u32) -> impl fmt::Display {
        self.numbered(self.name, header)
    }

    /// The name of the header.
    pub(super) fn wire_name(&self, header: u32) -> impl fmt::Display {
        self.numbered(self.wire_name, header)
    }

    fn numbered(&self, name: &'static str, header: u32) -> Numbered {
        Numbered { name, index: self.index(header).filter(|_| self.count > 1) }
    }
}

struct Numbered {
    name: &'static str,
    index: Option<u8>,
}

impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.index.map_or(Ok(()), |index| write!(f, "{index}"))
    }
}

const fn row(class: u16, first: u8, rank: u8, name: &'static str, wire_name: &'static str) -> Untyped {
    Untyped { class, first, count: 1, experimenter: None, rank, name, wire_name }
}

const fn rows(count: u8, row: Untyped) -> Untyped {
    Untyped { count, ..row }
}

const fn vendor(experimenter: u32, first: u8, rank: u8, name: &'static str) -> Untyped {
    Untyped { class: 0xffff, first, count: 1, experimenter: Some(experimenter), rank, name, wire_name: name }
}

static ROWS: &[Untyped] = &[
    row(0x8000, 44, 1, "packet_type", "OXM_OF_PACKET_TYPE"),
    row(0x0001, 35, 2, "dp_hash", "NXM_NX_DP_HASH"),
    vendor(NICIRA, 0, 2, "dp_hash"),
    row(0x8000, 1, 6, "in_phy_port", "OXM_OF_IN_PHY_PORT"),
    row(0x0000, 4, 12, "vlan_tci", "NXM_OF_VLAN_TCI"),
    row(0x8000, 37, 18, "pbb_isid", "OXM_OF_PBB_ISID"),
    row(0x8000, 39, 19, "ipv6_exthdr", "OXM_OF_IPV6_EXTHDR"),
    row(0x0000, 5, 25, "nw_tos", "NXM_OF_IP_TOS"),
    rows(64, row(0x0001, 40, 59, "tun_metadata", "NXM_NX_TUN_METADATA")),
    vendor(NICIRA, 11, 60, "tun_erspan_idx"),
    vendor(NICIRA, 12, 61, "tun_erspan_ver"),
    vendor(NICIRA, 13, 62, "tun_erspan_dir"),
    vendor(NICIRA, 14, 63, "tun_erspan_hwid"),
    vendor(NICIRA, 15, 64, "tun_gtpu_flags"),
    vendor(NICIRA, 16, 65, "tun_gtpu_msgtype"),
    vendor(NSH, 1, 66, "nsh_flags"),
    vendor(NSH, 10, 67, "nsh_ttl"),
    vendor(NSH, 2, 68, "nsh_mdtype"),
    vendor(NSH, 3, 69, "nsh_np"),
    vendor(NSH, 4, 70, "nsh_spi"),
    vendor(NSH, 5, 71, "nsh_si"),
    vendor(NSH, 6, 72, "nsh_c1"),
    vendor(NSH, 7, 73, "nsh_c2"),
    vendor(NSH, 8, 74, "nsh_c3"),
    vendor(NSH, 9, 75, "nsh_c4"),
    rows(8, row(0x8001, 0, 77, "xreg", "OXM_OF_PKT_REG")),
    rows(4, row(0x0001, 111, 78, "xxreg", "NXM_NX_XXREG")),
];
