//! What others change, told by the monitor or found by a dump.

use buoy_flows::openflow::{FlowChange, FlowEvent};

use super::*;

fn change(flow: &Flow, event: FlowEvent, cookie: Cookie) -> FlowChange {
    FlowChange {
        event,
        table: flow.table,
        priority: flow.priority,
        idle_timeout: 0,
        hard_timeout: 0,
        cookie,
        matching: flow.matching.clone(),
        instructions: flow.instructions.clone(),
    }
}

fn ours(flow: &Flow, event: FlowEvent) -> FlowChange {
    change(flow, event, flow.owner.cookie())
}

const DELETED: FlowEvent = FlowEvent::Deleted { reason: 2 };

#[test]
fn deleted_flow_is_put_back() {
    let (mut table, _) = installed(&association(1), &[flow(1, 10), flow(2, 20)]);
    assert!(table.changed(&ours(&flow(1, 10), DELETED)));
    assert!(table.is_pending(&association(1)));
    assert_eq!(flow_mods(&table.due(all)), [flow(1, 10).to_flow_mod(FlowModCommand::Add)]);
}

#[test]
fn changed_flow_is_put_right() {
    let (mut table, _) = installed(&Entity::Base, &[flow(1, 10)]);
    assert!(table.changed(&ours(&flow(1, 99), FlowEvent::Modified)));
    assert_eq!(flow_mods(&table.due(all)), [flow(1, 10).to_flow_mod(FlowModCommand::Add)]);
    assert!(!table.changed(&ours(&flow(1, 10), FlowEvent::Modified)), "somebody else put it right");
    assert!(table.is_clean());
}

#[test]
fn added_flow_with_our_cookie_is_taken_away() {
    let (mut table, _) = installed(&Entity::Base, &[flow(1, 10)]);
    assert!(table.changed(&ours(&flow(7, 10), FlowEvent::Added)));
    let sent = flow_mods(&table.due(all));
    assert_eq!(
        sent.iter().map(|own| (own.priority, own.command)).collect::<Vec<_>>(),
        [(7, FlowModCommand::DeleteStrict)]
    );
}

#[test]
fn foreign_flows_are_counted_as_they_come_and_go() {
    let (mut table, _) = installed(&Entity::Base, &[flow(1, 10)]);
    assert!(!table.changed(&change(&flow(7, 10), FlowEvent::Added, OTHERS)));
    assert_eq!((table.foreign(), table.is_clean()), (1, true));
    assert!(!table.changed(&change(&flow(7, 10), DELETED, OTHERS)));
    assert_eq!((table.foreign(), table.is_clean()), (0, true));
    assert!(table.changed(&change(&flow(1, 99), FlowEvent::Added, OTHERS)), "it took the place of ours");
    let batch = table.due(all);
    assert_eq!(batch.len(), 1);
    table.applied(batch);
    assert_eq!((table.foreign(), table.shadows().len()), (0, 0), "ours has taken its place back");
}

#[test]
fn audit_finds_what_the_monitor_did_not_tell() {
    let (mut table, switch) = installed(&Entity::Base, &[flow(1, 10), flow(2, 20), flow(3, 30)]);
    let mut drifted = Switch::default();
    drifted.has(&flow(1, 10));
    drifted.has(&flow(2, 99));
    drifted.has(&flow(4, 40));
    table.begin_dump();
    assert!(table.is_clean(), "what was known counts until the end");
    drifted.flows.values().for_each(|flow| table.reported(flow));
    assert_eq!(table.end_dump(), 3);
    let mut mended = drifted.clone();
    assert_eq!(roll_out(&mut table, &mut mended), 3);
    assert_eq!(mended, switch);
    table.begin_dump();
    mended.flows.values().for_each(|flow| table.reported(flow));
    assert_eq!(table.end_dump(), 0);
}

#[test]
fn change_during_an_audit_is_newer_than_what_the_audit_tells() {
    let (mut table, _) = installed(&Entity::Base, &[flow(1, 10), flow(2, 20)]);
    table.begin_dump();
    table.reported(&stats(TableId(0), 1, Match::new(), flow(1, 10).owner.cookie(), flow(1, 10).instructions));
    table.changed(&ours(&flow(1, 10), DELETED));
    table.changed(&ours(&flow(2, 20), FlowEvent::Added));
    table.end_dump();
    assert_eq!(flow_mods(&table.due(all)), [flow(1, 10).to_flow_mod(FlowModCommand::Add)]);
}
