//! A packet as the connection tracker gives it back: OVS is asked what becomes of it from there on, by a flow of its own in
//! table 0 that no other packet meets.

use std::fmt::Write as _;

use buoy_flows::flow::Flow;
use buoy_flows::openflow::{Action, Instruction, Match, MatchField, TableId};
use buoy_flows::simulate::Headers;
use buoy_topology::PortNo;

use super::{Ovs, Traced};

/// The states of a connection as `--ct-next` takes them.
pub(crate) fn names(state: u32) -> String {
    let text = Match::new().with(MatchField::CtState(state.into())).to_string();
    text.trim_start_matches("ct_state=").replace('|', ",")
}

/// Flows that lead to the tables in which these flows let packets go on behind the tracker.
pub(crate) fn entrances(flows: &[Flow]) -> Vec<String> {
    let actions = flows.iter().flat_map(|flow| &flow.instructions).filter_map(|own| match own {
        Instruction::ApplyActions(actions) => Some(actions),
        _ => None,
    });
    let tables = actions.flatten().filter_map(|own| if let Action::Ct(ct) = own { ct.table } else { None });
    let mut tables: Vec<_> = tables.collect();
    tables.sort();
    tables.dedup();
    let entrance = |table: TableId| format!("table=0,priority=65535,metadata={table} actions=resubmit(,{table})");
    tables.into_iter().map(entrance).collect()
}

impl Ovs {
    /// What becomes of a packet in a table behind the tracker, which says this of it when it is asked again.
    pub(crate) fn resume(&mut self, bridge: &str, table: TableId, seen: &Headers, states: &[u32]) -> Traced {
        let port = if seen.in_port == PortNo::LOCAL { "LOCAL".to_owned() } else { seen.in_port.to_string() };
        let Headers { eth_src, eth_dst, nw_src, nw_dst, nw_proto, nw_tos, nw_ttl, tp_src, tp_dst, .. } = seen;
        let mut flow =
            format!("in_port={port},metadata={table},ct_state={:#x},ct_zone={}", seen.ct_state, seen.ct_zone);
        let vlan = seen.vlan.map_or(0, |vlan| vlan.tci | 0x1000);
        let ip = format!("nw_proto={nw_proto},nw_src={nw_src},nw_dst={nw_dst},nw_tos={nw_tos},nw_ttl={nw_ttl}");
        let mut add = |text: String| write!(flow, ",{text}").expect("a string takes any text");
        (0..).zip(&seen.registers).for_each(|(index, value)| add(format!("reg{index}={value}")));
        add(format!("dl_src={eth_src},dl_dst={eth_dst},vlan_tci={vlan:#x},dl_type=0x0800,{ip}"));
        match nw_proto {
            1 => add(format!("icmp_type={tp_src},icmp_code={tp_dst}")),
            6 => add(format!("tcp_src={tp_src},tcp_dst={tp_dst}")),
            17 => add(format!("udp_src={tp_src},udp_dst={tp_dst}")),
            132 => add(format!("sctp_src={tp_src},sctp_dst={tp_dst}")),
            _ => {}
        }
        let mut traced = self.traced(states, [bridge, &flow]);
        let first = traced.parts.first_mut().expect("there is a first");
        assert!(first.stages.len() > 1, "nothing behind the entrance: {flow}\n{}", traced.text);
        first.stages.remove(0);
        first.measured = first.measured.map(|(at, most)| (at - 1, most));
        traced
    }
}
