use std::net::Ipv4Addr;

use buoy_flows::flow::owner::Feature;
use buoy_flows::openflow::{Action, Cookie, FlowDuration, FlowModFlags, MatchField, TableId};
use buoy_flows::pipeline::Role;
use buoy_topology::PortNo;
use proptest::prelude::*;

use super::*;
use crate::reconcile::order::is_due;

fn entity(last: u8) -> Entity {
    Entity::Association(Ipv4Addr::new(203, 0, 113, last))
}

fn flow(number: u8, port: u32) -> Flow {
    let owner = Owner { feature: Feature::Nat, entity: 1 };
    let flow = Flow::new(TableId(1), 100, owner).on(MatchField::InPort(PortNo(u32::from(number) + 1)));
    flow.apply([Action::Output { port: PortNo(port), max_len: 0 }])
}

fn reported(flow: &Flow, cookie: Cookie) -> FlowStats {
    FlowStats {
        table: flow.table,
        duration: FlowDuration { seconds: 0, nanoseconds: 0 },
        priority: flow.priority,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: FlowModFlags::NONE,
        cookie,
        packet_count: 0,
        byte_count: 0,
        matching: flow.matching.clone(),
        instructions: flow.instructions.clone(),
    }
}

/// A table whose switch reports these.
fn dumped(wanted: &[(Entity, Vec<Flow>)], installed: &[FlowStats]) -> FlowTable {
    let mut table = FlowTable::default();
    table.begin_dump();
    wanted.iter().for_each(|(entity, flows)| table.want(entity, flows));
    installed.iter().for_each(|stats| table.reported(stats));
    table.end_dump();
    table
}

fn all(table: &FlowTable) -> Batch {
    table.due(|_, _| true)
}

#[test]
fn nothing_is_sent_where_nothing_changed() {
    let own = flow(1, 2);
    let table = dumped(&[(entity(1), vec![own.clone()])], &[reported(&own, own.owner.cookie())]);
    assert!(all(&table).is_empty());
    assert!(table.is_clean());
}

#[test]
fn what_nobody_wants_is_removed_and_what_is_foreign_stays() {
    let (orphan, foreign) = (flow(1, 2), flow(2, 2));
    let table = dumped(&[], &[reported(&orphan, orphan.owner.cookie()), reported(&foreign, Cookie(5))]);
    let mods = all(&table).flow_mods();
    assert_eq!(mods.len(), 1);
    assert_eq!((mods[0].command, &mods[0].matching), (FlowModCommand::DeleteStrict, &orphan.matching));
    assert_eq!(table.foreign(), 1);
}

#[test]
fn a_flow_with_other_actions_or_a_timeout_is_sent_again() {
    let own = flow(1, 2);
    let other = reported(&flow(1, 3), own.owner.cookie());
    let fading = FlowStats { idle_timeout: 10, ..reported(&own, own.owner.cookie()) };
    for wrong in [other, fading] {
        let mods = all(&dumped(&[(entity(1), vec![own.clone()])], &[wrong])).flow_mods();
        assert_eq!(mods.len(), 1);
        assert_eq!((mods[0].command, &mods[0].instructions), (FlowModCommand::Add, &own.instructions));
    }
}

#[test]
fn an_identity_goes_over_to_another_entity_whichever_is_told_first() {
    for first in [1, 2] {
        let mut table = dumped(&[(entity(1), vec![flow(1, 2)])], &[]);
        let batch = all(&table);
        table.applied(batch);
        for turn in [first, 3 - first] {
            let flows = if turn == 2 { vec![flow(1, 9)] } else { Vec::new() };
            table.want(&entity(turn), &flows);
        }
        let mods = all(&table).flow_mods();
        assert_eq!(mods.len(), 1, "{first}: {mods:?}");
        assert_eq!(mods[0].instructions, flow(1, 9).instructions);
    }
}

#[test]
fn a_refused_flow_is_not_sent_again_until_it_changes() {
    let mut table = dumped(&[(entity(1), vec![flow(1, 2)]), (entity(2), vec![flow(2, 2)])], &[]);
    let batch = all(&table);
    table.refused(&batch, 0, "bad port");
    assert_eq!(all(&table).len(), 1, "the other one is not held up");
    assert_eq!((table.refusal(&entity(1)), table.refusal(&entity(2))), (Some("bad port"), None));
    table.want(&entity(1), &[flow(1, 3)]);
    assert_eq!((all(&table).len(), table.refusal(&entity(1))), (2, None));
}

#[test]
fn br_ex_waits_for_br_int_and_br_int_lets_br_ex_stop_first() {
    let wanted = [(entity(1), vec![flow(1, 2)])];
    let (mut external, mut integration) = (dumped(&wanted, &[]), dumped(&wanted, &[]));
    let due_outside = |external: &FlowTable, integration: &FlowTable| {
        external
            .due(|entity, lane| is_due(Role::External, entity, lane, [(Role::Integration, integration)].into_iter()))
            .len()
    };
    let due_inside = |integration: &FlowTable, external: &FlowTable| {
        integration
            .due(|entity, lane| is_due(Role::Integration, entity, lane, [(Role::External, external)].into_iter()))
            .len()
    };
    assert_eq!((due_outside(&external, &integration), due_inside(&integration, &external)), (0, 1));
    let batch = all(&integration);
    integration.applied(batch);
    assert_eq!(due_outside(&external, &integration), 1);
    let batch = all(&external);
    external.applied(batch);

    external.want(&entity(1), &[]);
    integration.want(&entity(1), &[]);
    assert_eq!((due_outside(&external, &integration), due_inside(&integration, &external)), (1, 0));
    let batch = all(&external);
    external.applied(batch);
    assert_eq!(due_inside(&integration, &external), 1);
}

#[test]
fn br_int_does_not_wait_for_a_br_ex_that_is_away_and_br_ex_waits_for_a_br_int_that_is() {
    let wanted = [(entity(1), vec![flow(1, 2)])];
    let mut integration = dumped(&wanted, &[]);
    let batch = all(&integration);
    integration.applied(batch);
    integration.want(&entity(1), &[]);
    let alone = integration.due(|entity, lane| is_due(Role::Integration, entity, lane, [].into_iter()));
    assert_eq!(alone.len(), 1);
    let alone = dumped(&wanted, &[]).due(|entity, lane| is_due(Role::External, entity, lane, [].into_iter()));
    assert_eq!(alone.len(), 0);
}

#[test]
fn a_move_is_one_batch() {
    let mut integration = dumped(&[(entity(1), vec![flow(1, 2), flow(2, 2)])], &[]);
    let batch = all(&integration);
    integration.applied(batch);
    integration.want(&entity(1), &[flow(1, 9), flow(3, 2)]);
    let external = dumped(&[(entity(1), vec![flow(1, 2)])], &[]);
    let batch = integration
        .due(|entity, lane| is_due(Role::Integration, entity, lane, [(Role::External, &external)].into_iter()));
    assert_eq!(batch.len(), 3, "changed, added and removed together");
}

proptest! {
    #[test]
    fn any_history_ends_in_what_is_wanted(
        steps in prop::collection::vec((0..4_u8, prop::collection::btree_map(0..3_u8, 1..4_u32, 0..3), any::<bool>()), 1..30)
    ) {
        let mut table = dumped(&[], &[]);
        let mut wanted = std::collections::BTreeMap::new();
        for (own, flows, send) in steps {
            // Each entity has identities of its own, as the pipeline gives them.
            let flows: Vec<_> = flows.into_iter().map(|(number, port)| flow(own * 8 + number, port)).collect();
            table.want(&entity(own), &flows);
            wanted.insert(own, flows);
            if send {
                let batch = all(&table);
                table.applied(batch);
            }
        }
        let batch = all(&table);
        table.applied(batch);
        prop_assert!(table.is_clean());
        prop_assert_eq!(table.installed(), wanted.values().map(Vec::len).sum::<usize>());
        for (own, flows) in wanted {
            prop_assert!(!table.is_pending(&entity(own)));
            for flow in flows {
                let (key, body) = flow.pack();
                prop_assert_eq!(table.rows.get(&key).and_then(|row| row.have.clone()), Some(body));
            }
        }
    }
}
