//! Flow mods that OVS understands.

use buoy_flows::openflow::{Cookie, FlowMod, FlowModCommand, FlowModFlags, Instruction, TableId};
use buoy_topology::PortNo;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

use super::actions;
use super::fields::{self, Shape};

/// A flow mod, in canonical form.
pub(crate) fn flow_mod() -> BoxedStrategy<FlowMod> {
    let shape = prop_oneof![9 => fields::shape().prop_map(Some), 1 => Just(None)];
    let matched = shape.prop_flat_map(|shape| match shape {
        Some(shape) => (fields::matching(shape).boxed(), instructions(shape).boxed()),
        None => (fields::neighbour_discovery().boxed(), instructions(Shape::Ipv6(Some(58))).boxed()),
    });
    (matched, numbers(), 0_u8..200)
        .prop_map(|((matching, instructions), mut flow, table)| {
            flow.table = TableId(table);
            flow.matching = matching;
            let deletes = matches!(flow.command, FlowModCommand::Delete | FlowModCommand::DeleteStrict);
            if !deletes {
                flow.out_port = PortNo::ANY;
                flow.instructions = instructions;
            }
            Instruction::canonicalise(&mut flow.instructions);
            flow
        })
        // What is made on the way is large: it goes on the heap, for threads of tests have small stacks.
        .boxed()
}

/// What stands beside match and instructions.
fn numbers() -> impl Strategy<Value = FlowMod> {
    let command = prop_oneof![
        4 => Just(FlowModCommand::Add),
        1 => Just(FlowModCommand::Modify),
        1 => Just(FlowModCommand::ModifyStrict),
        1 => Just(FlowModCommand::Delete),
        1 => Just(FlowModCommand::DeleteStrict),
    ];
    let priority = prop_oneof![1 => Just(0x8000), 3 => any::<u16>()];
    let timeout = || prop_oneof![3 => Just(0), 1 => any::<u16>()];
    let mask = prop_oneof![3 => Just(0), 1 => any::<u64>()];
    let out_port = prop_oneof![Just(PortNo::ANY), (1_u32..0xff00).prop_map(PortNo)];
    (command, priority, timeout(), timeout(), 0_u16..32, any::<u64>(), mask, out_port).prop_map(
        |(command, priority, idle_timeout, hard_timeout, flags, cookie, mask, out_port)| FlowMod {
            command,
            priority,
            idle_timeout,
            hard_timeout,
            flags: FlowModFlags(flags),
            cookie: Cookie(cookie),
            cookie_mask: Cookie(if command == FlowModCommand::Add { 0 } else { mask }),
            out_port,
            ..FlowMod::default()
        },
    )
}

fn instructions(shape: Shape) -> impl Strategy<Value = Vec<Instruction>> {
    let apply =
        (actions::list(shape), proptest::option::weighted(0.1, actions::push_vlan())).prop_map(|(mut list, tag)| {
            list.extend(tag.into_iter().flatten());
            Instruction::ApplyActions(list)
        });
    let metadata =
        any::<(u64, u64)>().prop_map(|(value, mask)| Instruction::WriteMetadata { value: value & mask, mask });
    let parts = (
        proptest::option::weighted(0.1, (1_u32..0xffff).prop_map(Instruction::Meter)),
        proptest::option::weighted(0.8, apply.boxed()),
        proptest::option::weighted(0.1, Just(Instruction::ClearActions)),
        proptest::option::weighted(0.2, actions::set().prop_map(Instruction::WriteActions).boxed()),
        proptest::option::weighted(0.2, metadata),
        proptest::option::weighted(0.3, (200_u8..254).prop_map(|table| Instruction::GotoTable(TableId(table)))),
    );
    let usual = parts.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].into_iter().flatten().collect());
    let conjunctions = proptest::collection::vec(actions::conjunction(), 1..4);
    prop_oneof![19 => usual.boxed(), 1 => conjunctions.prop_map(|list| vec![Instruction::ApplyActions(list)]).boxed()]
}
