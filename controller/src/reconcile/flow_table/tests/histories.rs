//! Whatever was wanted in between, and whatever failed, the switch ends with what is wanted at last.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// An entity wants these numbers with these bodies.
    Want(u8, BTreeMap<u16, u8>),
    /// A bundle is sent.
    Send,
    /// The bundle under way is applied.
    Apply,
    /// The bundle under way is refused for one of its flow mods.
    Refuse(usize),
    /// The switch is dumped anew; a bundle under way may have been applied.
    Dump(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..4, btree_map(0u16..8, 1u8..4, 0..5)).prop_map(|(entity, flows)| Step::Want(entity, flows)),
        2 => Just(Step::Send),
        2 => Just(Step::Apply),
        1 => (0usize..4).prop_map(Step::Refuse),
        1 => any::<bool>().prop_map(Step::Dump),
    ]
}

/// What is wanted: for each number the entity and the body. Who wants a number takes it from the others.
#[derive(Default)]
struct Model {
    flows: BTreeMap<u16, (u8, u8)>,
}

impl Model {
    fn want(&mut self, table: &mut FlowTable, entity: u8, flows: &BTreeMap<u16, u8>) {
        let before: BTreeSet<u8> = flows.keys().filter_map(|number| Some(self.flows.get(number)?.0)).collect();
        self.flows.retain(|_, (owner, _)| *owner != entity);
        self.flows.extend(flows.iter().map(|(number, body)| (*number, (entity, *body))));
        self.tell(table, entity);
        before.into_iter().filter(|owner| *owner != entity).for_each(|owner| self.tell(table, owner));
    }

    fn tell(&self, table: &mut FlowTable, entity: u8) {
        let own = self.flows.iter().filter(|(_, (owner, _))| *owner == entity);
        let flows: Vec<_> = own.map(|(number, (_, body))| flow(*number, *body)).collect();
        table.want(&association(entity), &flows);
    }

    fn switch(&self, foreign: &FlowStats) -> Switch {
        let mut switch = Switch::default();
        self.flows.iter().for_each(|(number, (_, body))| switch.has(&flow(*number, *body)));
        switch.flows.insert((foreign.table, foreign.priority, foreign.matching.clone()), foreign.clone());
        switch
    }
}

proptest! {
    #[test]
    fn every_history_ends_with_what_is_wanted(
        orphans in btree_map(0u16..8, 1u8..4, 0..5),
        steps in vec(step(), 0..40),
    ) {
        let mut switch = Switch::default();
        orphans.iter().for_each(|(number, body)| switch.has(&flow(*number, *body)));
        let foreign = stats(TableId(0), 100, Match::new(), OTHERS, Vec::new());
        switch.flows.insert((TableId(0), 100, Match::new()), foreign.clone());
        let mut table = synced(&switch);
        let mut model = Model::default();
        let mut sent: Option<Batch> = None;
        for step in steps {
            match step {
                Step::Want(entity, flows) => model.want(&mut table, entity, &flows),
                Step::Send => sent = Some(sent.unwrap_or_else(|| table.due(all))),
                Step::Apply => if let Some(batch) = sent.take() {
                    switch.apply(&batch);
                    table.applied(batch);
                },
                Step::Refuse(index) => if let Some(batch) = sent.take() {
                    table.refused(&batch, index, "OFPBAC_BAD_OUT_PORT");
                },
                Step::Dump(is_applied) => {
                    if let Some(batch) = sent.take().filter(|_| is_applied) {
                        switch.apply(&batch);
                    }
                    switch.dump_into(&mut table);
                }
            }
        }
        if let Some(batch) = sent.take() {
            switch.apply(&batch);
            table.applied(batch);
        }
        // What was refused is tried again only after a dump.
        if table.any_refusal().is_some() {
            switch.dump_into(&mut table);
        }
        roll_out(&mut table, &mut switch);
        prop_assert!(table.is_clean());
        prop_assert!(table.due(all).is_empty());
        prop_assert_eq!(switch, model.switch(&foreign));
    }
}
