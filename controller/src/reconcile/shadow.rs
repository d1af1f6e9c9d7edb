//! Flows of others that take packets before ours do.

use buoy_flows::flow::FlowKey;

use super::FlowTable;

impl FlowTable {
    /// One line for each flow of others that stands before one of ours in its table, for some packets. The work is bounded:
    /// in a table with very many flows not every pair is looked at.
    pub fn shadows(&self) -> Vec<String> {
        let mut left = MOST_COMPARED;
        let mut foreign: Vec<_> = self.foreign_keys().collect();
        foreign.sort_by_key(|key| std::cmp::Reverse(key.place().1));
        foreign.into_iter().filter_map(|key| self.shadowed_by(key, &mut left)).take(MOST_TOLD).collect()
    }

    fn shadowed_by(&self, foreign: &FlowKey, left: &mut u32) -> Option<String> {
        let (table, priority, matching) = foreign.parts().ok()?;
        for own in self.wanted_keys() {
            *left = left.checked_sub(1)?;
            let (own_table, own_priority) = own.place();
            let is_below = own_table == table && own_priority <= priority;
            if is_below && own.parts().is_ok_and(|(_, _, own)| own.overlaps(&matching)) {
                return Some(format!("a foreign flow takes packets before ours do: {foreign:?} stands before {own:?}"));
            }
        }
        None
    }
}

/// Pairs of flows that are compared for one answer.
const MOST_COMPARED: u32 = 1_000_000;
/// Lines of one answer.
const MOST_TOLD: usize = 16;
