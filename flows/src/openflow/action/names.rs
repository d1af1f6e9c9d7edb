//! What ovs-ofctl calls the actions that are kept whole.

use crate::openflow::vendor::{NICIRA, ONF};
use crate::openflow::wire::Reader;

/// The name of an action, by the bytes of it; none where OVS has none.
pub(in crate::openflow) fn name(whole: &[u8]) -> Option<&'static str> {
    let mut reader = Reader::new("action", whole);
    let (kind, _) = (reader.u16().ok()?, reader.u16().ok()?);
    let key = match kind {
        super::EXPERIMENTER => (reader.u32().ok()?, reader.u16().ok()?),
        _ => (0, kind),
    };
    NAMES.iter().find(|(vendor, number, _)| (*vendor, *number) == key).map(|(.., name)| *name)
}

/// Vendor (0 for none), number and name.
const NAMES: &[(u32, u16, &str)] = &[
    (0, 1, "set_vlan_vid"),
    (0, 2, "set_vlan_pcp"),
    (0, 3, "mod_dl_src"),
    (0, 4, "mod_dl_dst"),
    (0, 5, "mod_nw_src"),
    (0, 6, "mod_nw_dst"),
    (0, 7, "mod_nw_tos"),
    (0, 8, "mod_nw_ecn"),
    (0, 9, "mod_tp_src"),
    (0, 10, "mod_tp_dst"),
    (0, 11, "copy_ttl_out"),
    (0, 12, "copy_ttl_in"),
    (0, 13, "set_mpls_label"),
    (0, 14, "set_mpls_tc"),
    (0, 15, "set_mpls_ttl"),
    (0, 23, "mod_nw_ttl"),
    (0, 25, "set_field"),
    (0, 26, "push_pbb"),
    (0, 27, "pop_pbb"),
    (ONF, 3_200, "move"),
    (NICIRA, 1, "resubmit"),
    (NICIRA, 2, "set_tunnel"),
    (NICIRA, 4, "set_queue"),
    (NICIRA, 6, "move"),
    (NICIRA, 7, "load"),
    (NICIRA, 9, "set_tunnel64"),
    (NICIRA, 10, "multipath"),
    (NICIRA, 12, "bundle"),
    (NICIRA, 13, "bundle_load"),
    (NICIRA, 14, "resubmit"),
    (NICIRA, 15, "output_reg"),
    (NICIRA, 16, "learn"),
    (NICIRA, 18, "dec_ttl"),
    (NICIRA, 19, "fin_timeout"),
    (NICIRA, 21, "dec_ttl"),
    (NICIRA, 22, "write_metadata"),
    (NICIRA, 23, "push_mpls"),
    (NICIRA, 24, "pop_mpls"),
    (NICIRA, 25, "set_mpls_ttl"),
    (NICIRA, 26, "dec_mpls_ttl"),
    (NICIRA, 27, "push"),
    (NICIRA, 28, "pop"),
    (NICIRA, 29, "sample"),
    (NICIRA, 30, "set_mpls_label"),
    (NICIRA, 31, "set_mpls_tc"),
    (NICIRA, 32, "output_reg"),
    (NICIRA, 33, "set_field"),
    (NICIRA, 34, "conjunction"),
    (NICIRA, 35, "ct"),
    (NICIRA, 36, "nat"),
    (NICIRA, 37, "controller"),
    (NICIRA, 38, "sample"),
    (NICIRA, 39, "output_trunc"),
    (NICIRA, 40, "group"),
    (NICIRA, 41, "sample"),
    (NICIRA, 42, "clone"),
    (NICIRA, 44, "resubmit"),
    (NICIRA, 45, "learn"),
    (NICIRA, 46, "encap"),
    (NICIRA, 47, "decap"),
    (NICIRA, 48, "dec_nsh_ttl"),
    (NICIRA, 49, "check_pkt_larger"),
    (NICIRA, 50, "delete_field"),
    (NICIRA, 51, "sample"),
];
