mod drift;
mod histories;
mod plain;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use buoy_flows::flow::owner::Feature;
use buoy_flows::flow::{FlowBody, Owner};
use buoy_flows::openflow::{Cookie, FlowMod, FlowModCommand, FlowModFlags, FlowStats, Match, TableId};

use super::*;
use crate::reconcile::Lane;

const OTHERS: Cookie = Cookie(0x1234);

/// A switch: its flows by identity.
#[derive(Clone, Debug, Default, PartialEq)]
struct Switch {
    flows: BTreeMap<(TableId, u16, Match), FlowStats>,
}

impl Switch {
    fn apply(&mut self, batch: &Batch) {
        for FlowMod { table, priority, matching, command, cookie, instructions, .. } in flow_mods(batch) {
            let key = (table, priority, matching.clone());
            match command {
                FlowModCommand::Add => {
                    self.flows.insert(key, stats(table, priority, matching, cookie, instructions));
                }
                FlowModCommand::DeleteStrict => drop(self.flows.remove(&key)),
                other => panic!("{other:?}"),
            }
        }
    }

    fn has(&mut self, flow: &Flow) {
        let Flow { table, priority, matching, owner, instructions } = flow.clone();
        let key = (table, priority, matching.clone());
        self.flows.insert(key, stats(table, priority, matching, owner.cookie(), instructions));
    }

    fn dump_into(&self, table: &mut FlowTable) {
        table.begin_dump();
        self.flows.values().for_each(|flow| table.reported(flow));
        table.end_dump();
    }
}

fn stats(
    table: TableId,
    priority: u16,
    matching: Match,
    cookie: Cookie,
    instructions: Vec<buoy_flows::openflow::Instruction>,
) -> FlowStats {
    FlowStats {
        table,
        duration: Default::default(),
        priority,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: FlowModFlags::NONE,
        cookie,
        packet_count: 7,
        byte_count: 700,
        matching,
        instructions,
    }
}

/// The flow with this number; its body goes on in the given table.
fn flow(number: u16, body: u8) -> Flow {
    Flow::new(TableId(0), number, Owner { feature: Feature::Nat, entity: 1 }).goto(TableId(body))
}

fn association(last: u8) -> Entity {
    Entity::Association(Ipv4Addr::new(203, 0, 113, last))
}

fn all(_: &Entity, _: Lane) -> bool {
    true
}

fn flow_mods(batch: &Batch) -> Vec<FlowMod> {
    batch.flow_mods().map(|step| step.to_flow_mod()).collect()
}

/// A table that knows what a switch has.
fn synced(switch: &Switch) -> FlowTable {
    let mut table = FlowTable::default();
    switch.dump_into(&mut table);
    table
}

/// Sends what is due and lets the switch apply it; returns how many flow mods that took.
fn roll_out(table: &mut FlowTable, switch: &mut Switch) -> usize {
    let batch = table.due(all);
    let count = batch.len();
    switch.apply(&batch);
    table.applied(batch);
    count
}

/// A switch that has these flows of an entity, and the table that put them there.
fn installed(entity: &Entity, flows: &[Flow]) -> (FlowTable, Switch) {
    let mut switch = Switch::default();
    let mut table = synced(&switch);
    table.want(entity, flows);
    assert_eq!(roll_out(&mut table, &mut switch), flows.len());
    assert!(table.is_clean());
    (table, switch)
}

#[test]
fn restart_with_nothing_changed_sends_nothing() {
    let flows = [flow(1, 10), flow(2, 20), flow(3, 30)];
    let (_, switch) = installed(&Entity::Base, &flows);
    for wants_first in [true, false] {
        let mut table = FlowTable::default();
        if wants_first {
            table.want(&Entity::Base, &flows);
            assert!(table.is_pending(&Entity::Base) && !table.is_clean());
        }
        switch.dump_into(&mut table);
        table.want(&Entity::Base, &flows);
        assert!(table.due(all).is_empty(), "{:?}", table.due(all));
        assert!(table.is_clean());
    }
}

#[test]
fn orphan_of_ours_is_deleted_and_a_foreign_flow_stays() {
    let mut switch = Switch::default();
    switch.has(&flow(1, 10));
    let foreign = stats(TableId(0), 2, Match::new(), OTHERS, Vec::new());
    switch.flows.insert((TableId(0), 2, Match::new()), foreign.clone());
    let mut table = synced(&switch);
    assert_eq!(table.foreign(), 1);
    assert_eq!(roll_out(&mut table, &mut switch), 1);
    assert_eq!(switch.flows.into_values().collect::<Vec<_>>(), [foreign]);
    assert!(table.is_clean());
}

#[test]
fn foreign_flow_gives_way_to_ours_and_is_never_deleted() {
    let foreign = stats(TableId(0), 1, Match::new(), OTHERS, Vec::new());
    let mut switch = Switch::default();
    switch.flows.insert((TableId(0), 1, Match::new()), foreign);
    let mut table = FlowTable::default();
    table.want(&Entity::Base, &[flow(1, 10)]);
    switch.dump_into(&mut table);
    assert_eq!(table.due(all).len(), 1);
    table.want(&Entity::Base, &[]);
    assert!(table.due(all).is_empty(), "{:?}", table.due(all));
    assert!(table.is_clean());
}

/// A flow of ours was to be deleted; before that, somebody else put one of theirs in its place.
#[test]
fn foreign_flow_in_the_place_of_an_orphan_stays() {
    let mut switch = Switch::default();
    switch.has(&flow(1, 10));
    let mut table = synced(&switch);
    assert_eq!(table.due(all).len(), 1);
    switch.flows.insert((TableId(0), 1, Match::new()), stats(TableId(0), 1, Match::new(), OTHERS, Vec::new()));
    switch.dump_into(&mut table);
    assert!(table.due(all).is_empty(), "{:?}", table.due(all));
}

#[test]
fn changed_body_is_added_again() {
    let (mut table, mut switch) = installed(&Entity::Base, &[flow(1, 10), flow(2, 20)]);
    table.want(&Entity::Base, &[flow(1, 10), flow(2, 21)]);
    assert_eq!(flow_mods(&table.due(all)), [flow(2, 21).to_flow_mod(FlowModCommand::Add)]);
    roll_out(&mut table, &mut switch);
    let mut expected = Switch::default();
    expected.has(&flow(1, 10));
    expected.has(&flow(2, 21));
    assert_eq!(switch, expected);
}

#[test]
fn flow_with_a_timeout_is_replaced() {
    let (_, switch) = installed(&Entity::Base, &[flow(1, 10)]);
    for (idle_timeout, flags) in [(1, FlowModFlags::NONE), (0, FlowModFlags::SEND_FLOW_REM)] {
        let mut changed = switch.clone();
        changed.flows.values_mut().for_each(|flow| (flow.idle_timeout, flow.flags) = (idle_timeout, flags));
        let mut table = FlowTable::default();
        table.want(&Entity::Base, &[flow(1, 10)]);
        changed.dump_into(&mut table);
        assert_eq!(table.due(all).len(), 1);
    }
}

#[test]
fn identity_may_move_from_one_entity_to_another() {
    for removed_first in [true, false] {
        let (mut table, mut switch) = installed(&association(1), &[flow(1, 10)]);
        if removed_first {
            table.want(&association(1), &[]);
        }
        table.want(&association(2), &[flow(1, 20)]);
        table.want(&association(1), &[]);
        assert!(table.is_pending(&association(2)) && !table.is_pending(&association(1)));
        assert_eq!(roll_out(&mut table, &mut switch), 1);
        assert!(table.is_clean());
        let mut expected = Switch::default();
        expected.has(&flow(1, 20));
        assert_eq!(switch, expected);
    }
}

#[test]
fn refused_flow_is_not_sent_again_until_it_changes() {
    let mut table = synced(&Switch::default());
    table.want(&Entity::Base, &[flow(1, 10), flow(2, 20)]);
    let batch = table.due(all);
    let index = flow_mods(&batch).iter().position(|own| own.priority == 2).unwrap();
    table.refused(&batch, index, "OFPBAC_BAD_OUT_PORT");
    let reason = table.refusal(&Entity::Base).expect("a refusal");
    assert!(reason.starts_with("OFPBAC_BAD_OUT_PORT: ") && reason.contains("priority=2"), "{reason}");
    assert_eq!(table.any_refusal(), Some(reason));
    table.want(&Entity::Base, &[flow(1, 10), flow(2, 20)]);
    let again = table.due(all);
    assert_eq!(flow_mods(&again), [flow(1, 10).to_flow_mod(FlowModCommand::Add)]);
    table.applied(again);
    assert!(table.due(all).is_empty());
    table.want(&Entity::Base, &[flow(1, 10), flow(2, 21)]);
    assert_eq!(table.due(all).len(), 1);
    assert_eq!(table.refusal(&Entity::Base), None);
}

#[test]
fn refusal_of_what_is_not_wanted_any_more_is_forgotten() {
    let mut table = synced(&Switch::default());
    table.want(&Entity::Base, &[flow(1, 10)]);
    let batch = table.due(all);
    table.want(&Entity::Base, &[flow(1, 11)]);
    table.refused(&batch, 0, "OFPBAC_BAD_OUT_PORT");
    assert_eq!(table.any_refusal(), None);
    assert_eq!(table.due(all).len(), 1);
}

#[test]
fn entity_is_pending_until_its_own_flows_are_acknowledged() {
    let mut table = synced(&Switch::default());
    table.want(&association(1), &[flow(1, 10), flow(2, 20)]);
    table.want(&association(2), &[flow(3, 30)]);
    let first = table.due(|entity, _| *entity == association(1));
    assert_eq!(first.len(), 2);
    table.applied(first);
    assert!(!table.is_pending(&association(1)) && table.is_pending(&association(2)));
    table.want(&association(1), &[]);
    assert!(table.is_pending(&association(1)));
    table.applied(table.due(all));
    assert!(!table.is_pending(&association(1)) && !table.is_pending(&association(2)));
    table.lose_sync();
    assert!(table.is_pending(&association(1)), "what the switch has is not known");
}

#[test]
fn change_during_a_bundle_is_sent_after_it() {
    let mut switch = Switch::default();
    let mut table = synced(&switch);
    table.want(&Entity::Base, &[flow(1, 10), flow(2, 20)]);
    let batch = table.due(all);
    table.want(&Entity::Base, &[flow(1, 11)]);
    switch.apply(&batch);
    table.applied(batch);
    assert_eq!(roll_out(&mut table, &mut switch), 2);
    let mut expected = Switch::default();
    expected.has(&flow(1, 11));
    assert_eq!(switch, expected);
}

/// A new layout gives an association's flows other priorities. On br-ex they wait for br-int; until then the old ones serve.
#[test]
fn old_layout_serves_until_the_new_one_may_be_installed() {
    let mut switch = Switch::default();
    switch.has(&flow(1, 10));
    let other = Flow { owner: Owner { feature: Feature::Nat, entity: 2 }, ..flow(5, 10) };
    switch.has(&other);
    let mut table = FlowTable::default();
    table.want(&association(1), &[flow(2, 10)]);
    switch.dump_into(&mut table);
    let early = table.due(|_, lane| lane == Lane::Remove);
    assert_eq!(
        flow_mods(&early).iter().map(|own| own.priority).collect::<Vec<_>>(),
        [5],
        "an orphan of another origin"
    );
    assert_eq!(table.due(all).len(), 3);
    roll_out(&mut table, &mut switch);
    let mut expected = Switch::default();
    expected.has(&flow(2, 10));
    assert_eq!(switch, expected);
}

#[test]
fn identity_that_two_entities_claim_is_told() {
    let mut table = synced(&Switch::default());
    table.want(&association(1), &[flow(1, 10)]);
    table.want(&association(2), &[flow(1, 20)]);
    let clashes = table.clashes();
    assert!(matches!(&*clashes, [(_, one, two)] if (one, two) == (&association(1), &association(2))), "{clashes:?}");
    table.want(&association(2), &[flow(1, 20)]);
    table.want(&association(1), &[]);
    assert!(table.clashes().is_empty());
    // One that only changes hands is none.
    table.want(&association(3), &[flow(1, 30)]);
    table.want(&association(2), &[]);
    assert!(table.clashes().is_empty());
}

#[test]
fn full_table_refuses_its_new_flows_at_once() {
    let (mut table, mut switch) = installed(&Entity::Base, &[flow(1, 10)]);
    let elsewhere = Flow { table: TableId(1), ..flow(9, 10) };
    table.want(&association(1), &[flow(2, 20), flow(3, 30), elsewhere.clone()]);
    table.want(&Entity::Base, &[flow(1, 11)]);
    let batch = table.due(all);
    let index = flow_mods(&batch).iter().position(|own| own.priority == 3).unwrap();
    table.refused_for_want_of_room(&batch, index, "OFPFMFC_TABLE_FULL");
    assert_eq!(roll_out(&mut table, &mut switch), 2, "what changes in place, and another table");
    let mut expected = Switch::default();
    expected.has(&flow(1, 11));
    expected.has(&elsewhere);
    assert_eq!(switch, expected);
}

#[test]
fn flow_of_nobody_is_a_stray_until_it_is_gone() {
    let mut switch = Switch::default();
    switch.has(&flow(1, 10));
    switch.has(&flow(2, 20));
    let mut table = FlowTable::default();
    table.want(&Entity::Base, &[flow(1, 10)]);
    switch.dump_into(&mut table);
    assert!(table.has_strays() && !table.is_pending(&Entity::Base));
    roll_out(&mut table, &mut switch);
    assert!(!table.has_strays() && table.is_clean());
}
