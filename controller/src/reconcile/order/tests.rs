use std::net::Ipv4Addr;

use buoy_flows::flow::owner::Feature;
use buoy_flows::flow::{Flow, Owner};
use buoy_flows::openflow::{FlowModCommand, TableId};

use super::super::Batch;
use super::*;

const ADDRESS: Entity = Entity::Association(Ipv4Addr::new(203, 0, 113, 5));

/// The two bridges of a host.
struct Host {
    external: FlowTable,
    integration: FlowTable,
}

impl Host {
    /// Both bridges are connected and empty.
    fn new() -> Self {
        Self { external: empty(), integration: empty() }
    }

    /// Both bridges serve the address.
    fn serving() -> Self {
        let mut host = Self::new();
        host.wants(&[flow(1)]);
        let batch = host.integration_due();
        host.integration.applied(batch);
        let batch = host.external_due();
        host.external.applied(batch);
        assert!(host.external.is_clean() && host.integration.is_clean());
        host
    }

    fn wants(&mut self, flows: &[Flow]) {
        self.external.want(&ADDRESS, flows);
        self.integration.want(&ADDRESS, flows);
    }

    fn external_due(&self) -> Batch {
        let other = || [(Role::Integration, &self.integration)].into_iter();
        self.external.due(|entity, lane| is_due(Role::External, entity, lane, other()))
    }

    fn integration_due(&self) -> Batch {
        let other = || [(Role::External, &self.external)].into_iter();
        self.integration.due(|entity, lane| is_due(Role::Integration, entity, lane, other()))
    }
}

fn empty() -> FlowTable {
    let mut table = FlowTable::default();
    table.begin_dump();
    table.end_dump();
    table
}

fn flow(priority: u16) -> Flow {
    Flow::new(TableId(0), priority, Owner { feature: Feature::Nat, entity: 1 })
}

#[test]
fn address_is_answered_for_only_when_it_can_be_delivered() {
    let mut host = Host::new();
    host.wants(&[flow(1)]);
    assert!(host.external_due().is_empty());
    let batch = host.integration_due();
    assert_eq!(batch.len(), 1);
    host.integration.applied(batch);
    assert_eq!(host.external_due().len(), 1);
}

#[test]
fn address_is_not_answered_for_while_br_int_is_away_or_unknown() {
    let mut host = Host::new();
    host.wants(&[flow(1)]);
    let due = host.external.due(|entity, lane| is_due(Role::External, entity, lane, std::iter::empty()));
    assert!(due.is_empty());
    host.integration.lose_sync();
    assert!(host.external_due().is_empty());
}

#[test]
fn address_is_not_answered_for_when_br_int_refuses_it() {
    let mut host = Host::new();
    host.wants(&[flow(1)]);
    let batch = host.integration_due();
    host.integration.refused(&batch, 0, "OFPBAC_BAD_OUT_PORT");
    assert!(host.external_due().is_empty());
    host.wants(&[flow(2)]);
    let batch = host.integration_due();
    host.integration.applied(batch);
    assert_eq!(host.external_due().len(), 1);
}

#[test]
fn address_is_taken_from_br_int_after_br_ex() {
    let mut host = Host::serving();
    host.wants(&[]);
    assert!(host.integration_due().is_empty());
    let batch = host.external_due();
    assert_eq!(batch.len(), 1);
    host.external.applied(batch);
    assert_eq!(host.integration_due().len(), 1);
}

#[test]
fn address_is_taken_from_br_int_while_br_ex_is_away() {
    let mut host = Host::serving();
    host.wants(&[]);
    let due = host.integration.due(|entity, lane| is_due(Role::Integration, entity, lane, std::iter::empty()));
    assert_eq!(due.len(), 1);
}

#[test]
fn what_is_on_its_way_counts_until_it_is_answered_also_when_it_is_not_wanted_any_more() {
    let mut host = Host::new();
    host.wants(&[flow(1)]);
    let batch = host.integration_due();
    host.integration.applied(batch);
    let batch = host.external_due();
    host.external.sends(&batch);
    host.wants(&[]);
    assert!(host.external.is_pending(&ADDRESS), "it may be in force in a moment");
    assert!(host.integration_due().is_empty(), "br-ex may begin to answer for it");
    host.external.applied(batch);
    host.external.answered();
    assert!(host.external.is_pending(&ADDRESS) && host.integration_due().is_empty());
    let batch = host.external_due();
    host.external.applied(batch);
    assert!(!host.external.is_pending(&ADDRESS));
    assert_eq!(host.integration_due().len(), 1);
}

#[test]
fn move_is_one_batch_on_br_int() {
    let mut host = Host::serving();
    host.integration.want(&ADDRESS, &[flow(2)]);
    let flow_mods = host.integration_due().flow_mods().map(|step| step.to_flow_mod());
    let mut commands: Vec<_> = flow_mods.map(|own| (own.priority, own.command)).collect();
    commands.sort();
    assert_eq!(commands, [(1, FlowModCommand::DeleteStrict), (2, FlowModCommand::Add)]);
    assert!(host.external_due().is_empty());
}

#[test]
fn what_has_no_order_waits_for_nothing() {
    for role in [Role::External, Role::Integration, Role::Unconfigured] {
        for lane in [Lane::Install, Lane::Remove, Lane::Replace] {
            assert!(is_due(role, &Entity::Base, lane, std::iter::empty()));
        }
    }
}

#[test]
fn what_is_on_its_way_to_the_other_bridge_counts_where_it_is_marked() {
    let mut host = Host::new();
    host.wants(&[flow(1)]);
    let external = |host: &Host, is_marked| {
        let other = || [(Role::Integration, &host.integration, is_marked)].into_iter();
        host.external.due(|entity, lane| is_due_after(Role::External, entity, lane, other())).len()
    };
    assert_eq!([false, true].map(|is_marked| external(&host, is_marked)), [0, 1]);
    let batch = host.integration_due();
    host.integration.refused(&batch, 0, "OFPBAC_BAD_OUT_PORT");
    assert_eq!(external(&host, true), 0, "br-int will not have it");
    host.integration.lose_sync();
    assert_eq!(external(&host, true), 0, "what br-int has is not known");
    let mut host = Host::serving();
    host.wants(&[]);
    let integration = |host: &Host, is_marked| {
        let other = || [(Role::External, &host.external, is_marked)].into_iter();
        host.integration.due(|entity, lane| is_due_after(Role::Integration, entity, lane, other())).len()
    };
    assert_eq!([false, true].map(|is_marked| integration(&host, is_marked)), [0, 1]);
}

#[test]
fn a_batch_is_within_another_that_has_all_its_steps_as_they_are() {
    let mut table = empty();
    table.want(&Entity::Base, &[flow(1)]);
    let one = table.due(|_, _| true);
    table.want(&ADDRESS, &[flow(2)]);
    let both = table.due(|_, _| true);
    assert!(one.is_within(&both) && !both.is_within(&one));
    table.want(&Entity::Base, &[]);
    assert!(!one.is_within(&table.due(|_, _| true)), "it is not wanted any more");
}
