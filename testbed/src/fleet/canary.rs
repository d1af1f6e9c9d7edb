//! What answers a fence: somebody behind a port of the switch, by way of a flow that the switch has cached. No I/O.

use buoy_flows::flow::owner::{Feature, Owner};
use buoy_flows::openflow::{
    Action, BufferId, Cookie, FlowMod, FlowModCommand, Match, MatchField, PacketIn, PacketInReason, PacketOut,
};
use buoy_topology::PortNo;

/// The canary, where there is one.
#[derive(Debug)]
pub struct Canary {
    port: PortNo,
    flow: FlowMod,
    /// What the next answer comes by, where that is not what it is now: the cache follows after one.
    cached: Option<Cookie>,
}

impl Canary {
    /// Takes in a flow mod; tells whether it was about a canary.
    pub fn heed(canary: &mut Option<Self>, flow_mod: &FlowMod) -> bool {
        let is_its = |own: &Self| (own.flow.priority, &own.flow.matching) == (flow_mod.priority, &flow_mod.matching);
        let before = canary.take_if(|own| is_its(own));
        let is_one = Owner::of(flow_mod.cookie).is_some_and(|owner| owner.feature == Feature::Fence);
        if let Some(port) = in_port(&flow_mod.matching).filter(|_| is_one && flow_mod.command == FlowModCommand::Add) {
            let cached = before.as_ref().map(|own| own.flow.cookie);
            *canary = Some(Self { port, flow: flow_mod.clone(), cached });
        }
        is_one || before.is_some()
    }

    /// The answer to a question that goes out by its port.
    pub fn answer(&mut self, question: &PacketOut) -> Option<PacketIn> {
        if !question.actions.contains(&Action::output(self.port)) {
            return None;
        }
        let (ethernet, asking) = question.frame.split_at_checked(question.frame.len().checked_sub(ARP)?)?;
        let (station, target) = (ethernet.get(6..12)?, asking.get(24..)?);
        // From any MAC: the canary's own, were it looked at.
        let (head, sender) = ([asking.get(..7)?, &[2]].concat(), [2, 0, 0, 0, 0, 1]);
        let frame = [station, &sender, ethernet.get(12..)?, &head, &sender, target, station, &[0; 4]].concat();
        Some(PacketIn {
            buffer_id: BufferId::NONE,
            total_len: frame.len().try_into().ok()?,
            reason: PacketInReason::Action,
            table: self.flow.table,
            cookie: self.cached.take().unwrap_or(self.flow.cookie),
            matching: Match::new().with(MatchField::InPort(self.port)),
            frame: frame.into(),
        })
    }
}

fn in_port(matching: &Match) -> Option<PortNo> {
    matching.fields().iter().find_map(|field| match field {
        MatchField::InPort(port) => Some(*port),
        _ => None,
    })
}

/// How long a question of ARP is, behind Ethernet.
const ARP: usize = 28;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use buoy_flows::pipeline::fence::{self, Respondent};

    use super::*;

    #[test]
    fn each_number_comes_back_after_the_one_before() {
        let asked = Respondent::host(Ipv4Addr::new(203, 0, 113, 2));
        let mut canary = None;
        for (number, answers) in [(7, [7, 7]), (8, [7, 8]), (9, [8, 9])] {
            assert!(Canary::heed(&mut canary, &asked.number(number, true)));
            let own: &mut Canary = canary.as_mut().unwrap();
            for expected in answers {
                let answer = fence::answer(&own.answer(&asked.question(0x12_3456)).unwrap()).unwrap();
                assert_eq!((answer.number, answer.nonce, answer.port), (expected, 0x12_3456, PortNo::LOCAL));
            }
        }
        assert!(Canary::heed(&mut canary, &asked.remove()) && canary.is_none());
        assert!(!Canary::heed(&mut canary, &FlowMod::default()));
    }
}
