//! What the datapath remembers of packets: flows of its own, and the masks that they differ in.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::bench::figures::Figures;
use crate::bench::report::{Row, Unit};
use crate::bench::stage::Stage;
use crate::bench::traffic::{FLOWS, Guest, REGISTERED_MAC, SHORT, Way, datagrams};
use crate::crowd;
use crate::site::FLOATING_IP;

pub(super) fn measure(stage: &mut Stage) -> Vec<Row> {
    let guest = Guest::open(stage);
    let active = datagrams(REGISTERED_MAC, FLOATING_IP, SHORT, FLOWS);
    let one = megaflows(stage, &guest, &active);
    let mut all = active;
    for number in 0..stage.size.min(MOST) {
        all.extend(datagrams(REGISTERED_MAC, crowd::address(number), SHORT, 1));
    }
    let many = megaflows(stage, &guest, &all);
    guest.close(stage);
    let row = |what, count: usize| {
        let count = u32::try_from(count).expect("no switch has more");
        Row::new(what, stage.size, Unit::Number, Figures::of(vec![count.into()]))
    };
    let masks = |flows: &BTreeSet<String>| flows.iter().map(|flow| mask(flow)).collect::<BTreeSet<_>>().len();
    vec![
        row("megaflows of 1,000 flows to one floating IP", one.len()),
        row("their masks", masks(&one)),
        row("megaflows, up to 1,000 other floating IPs in use", many.len()),
        row("their masks, up to 1,000 other floating IPs in use", masks(&many)),
    ]
}

/// What the datapath has of IPv4 from the uplink when it has seen all of these frames, and nothing of that kind before.
#[track_caller]
fn megaflows(stage: &Stage, guest: &Guest, frames: &[Vec<u8>]) -> BTreeSet<String> {
    let way = Way::through_the_uplink(&stage.lab, "active", frames);
    guest.reach(&way);
    stage.lab.ovs_appctl(["revalidator/purge"]);
    let mut last = BTreeSet::new();
    loop {
        // Where the switch is busy it takes some of them only at the next time.
        guest.burst(&way, TIME);
        let dump = stage.lab.ovs_appctl(["dpctl/dump-flows", "--names"]);
        let ours = |line: &&str| line.contains("in_port(uplink0)") && line.contains("eth_type(0x0800)");
        let key = |line: &str| Some(line.split_once(", packets:")?.0.to_owned());
        let now: BTreeSet<String> = dump.lines().filter(ours).filter_map(key).collect();
        if !now.is_empty() && now == last {
            return now;
        }
        last = now;
    }
}

/// What a megaflow looks at, without what it wants to see there: the names of its fields, and their masks.
fn mask(flow: &str) -> String {
    let field = |piece: &str| {
        if piece.ends_with('(') {
            return piece.to_owned();
        }
        let name = piece.split_once('=').map_or("", |(name, _)| name);
        let mask = piece.find('/').or_else(|| piece.rfind([',', ')'])).and_then(|at| piece.get(at..));
        format!("{name}{}", mask.unwrap_or_default())
    };
    flow.split_inclusive(['(', ',', ')']).map(field).collect()
}

/// How many others are used.
const MOST: u32 = 1_000;
/// Long enough to send all of them many times.
const TIME: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn megaflows_of_one_mask_are_told_from_those_of_another() {
        let flow = |to: &str| {
            format!(
                "recirc_id(0),in_port(uplink0),eth(dst=02:00:cb:00:71:02),eth_type(0x0800),ipv4(dst={to},ttl=64,frag=no)"
            )
        };
        assert_eq!(
            mask(&flow("203.0.113.100/255.255.255.252")),
            "recirc_id(),in_port(),eth(dst),eth_type(),ipv4(dst/255.255.255.252,ttl,frag)"
        );
        assert_eq!(mask(&flow("203.0.113.100")), mask(&flow("203.0.113.101")));
        assert_ne!(mask(&flow("203.0.113.100")), mask(&flow("203.0.113.100/255.255.255.252")));
    }
}
