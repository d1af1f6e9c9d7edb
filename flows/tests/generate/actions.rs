//! Actions that OVS takes in a flow of a shape.

use buoy_flows::openflow::{
    Action, Controller, Cookie, Ct, CtFlags, CtZone, FieldId, Learn, LearnFlags, LearnLimit, LearnSource, LearnSpec,
    LearnTarget, Masked, MatchField as F, Nat, NatFlags, NatRange, PacketInReason, Subfield, TableId,
};
use buoy_topology::PortNo;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

use super::fields::Shape;
use super::{bytes, mac, value};

/// Actions of an apply-actions instruction.
pub(crate) fn list(shape: Shape) -> impl Strategy<Value = Vec<Action>> {
    proptest::collection::vec(action(shape), 1..6)
}

/// Actions of a write-actions instruction.
pub(crate) fn set() -> impl Strategy<Value = Vec<Action>> {
    (mac(), any::<u32>(), output_port()).prop_map(|(mac, queue, port)| {
        vec![Action::SetField(F::EthDst(mac.into())), Action::SetQueue(queue), Action::output(port)]
    })
}

/// One action; a VLAN or MPLS tag is pushed and taken off again, so that what follows still fits.
pub(crate) fn action(shape: Shape) -> BoxedStrategy<Action> {
    let simple = simple(shape);
    prop_oneof![
        12 => simple.clone(),
        1 => proptest::collection::vec(simple, 1..4).prop_map(Action::Clone),
    ]
    .boxed()
}

fn simple(shape: Shape) -> BoxedStrategy<Action> {
    let any_shape =
        prop_oneof![outputs().boxed(), fields().boxed(), control().boxed(), learn().prop_map(Action::Learn).boxed()];
    if shape.is_ip() { prop_oneof![3 => any_shape, 1 => of_ip(shape)].boxed() } else { any_shape.boxed() }
}

fn output_port() -> impl Strategy<Value = PortNo> + Clone {
    prop_oneof![
        4 => (1_u32..0xff00).prop_map(PortNo),
        1 => prop_oneof![Just(PortNo::IN_PORT), Just(PortNo::LOCAL), Just(PortNo::NORMAL), Just(PortNo::FLOOD), Just(PortNo::ALL)],
    ]
}

fn outputs() -> impl Strategy<Value = Action> + Clone {
    let controller = (any::<u16>(), any::<u16>(), 0_u8..3, bytes(0..9), any::<bool>(), 0_u32..9).prop_map(
        |(max_len, controller_id, reason, userdata, pause, meter)| {
            let reason = PacketInReason::from(reason);
            Action::Controller(Controller { max_len, controller_id, reason, userdata, pause, meter })
        },
    );
    prop_oneof![
        4 => output_port().prop_map(Action::output),
        1 => any::<u16>().prop_map(|max_len| Action::Output { port: PortNo::CONTROLLER, max_len }),
        1 => (any::<u16>(), any::<u16>(), 0_u8..3).prop_map(|(max_len, controller_id, reason)| {
            Action::ControllerExt { max_len, controller_id, reason: PacketInReason::from(reason) }
        }),
        1 => controller,
        1 => (0_u8..16, any::<u16>()).prop_map(|(reg, max_len)| Action::OutputReg { source: FieldId::reg(reg).whole(), max_len }),
        1 => ((1_u32..0xff00).prop_map(PortNo), 14_u32..).prop_map(|(port, max_len)| Action::OutputTrunc { port, max_len }),
        1 => (0_u32..0xffff_ff00).prop_map(Action::Group),
    ]
}

/// A part of a register, or the whole of it.
pub(crate) fn register_part() -> impl Strategy<Value = Subfield> + Clone {
    (0_u8..16, 0_u16..32, 1_u16..=32)
        .prop_map(|(reg, offset, bits)| FieldId::reg(reg).part(offset, bits.min(32 - offset)))
}

fn fields() -> impl Strategy<Value = Action> + Clone {
    let set = prop_oneof![
        mac().prop_map(|mac| F::EthSrc(mac.into())),
        mac().prop_map(|mac| F::EthDst(mac.into())),
        any::<u64>().prop_map(|value| F::Metadata(value.into())),
        any::<u64>().prop_map(|value| F::TunnelId(value.into())),
        (0_u8..16, any::<u32>()).prop_map(|(index, value)| F::Reg { index, value: value.into() }),
        any::<u32>().prop_map(|value| F::PktMark(value.into())),
        any::<[u8; 4]>().prop_map(|address| F::TunDst(std::net::Ipv4Addr::from(address).into())),
    ];
    prop_oneof![
        3 => set.prop_map(Action::SetField),
        2 => (register_part(), any::<u32>()).prop_map(|(dst, value)| {
            Action::Load { dst, value: u64::from(value) & (u64::MAX >> (64 - u32::from(dst.bits))) }
        }),
        2 => (register_part(), 0_u8..16).prop_map(|(src, reg)| {
            Action::Move { src, dst: FieldId::reg(reg).part(0, src.bits) }
        }),
        1 => Just(Action::Move { src: FieldId::ETH_SRC.whole(), dst: FieldId::ETH_DST.whole() }),
        1 => register_part().prop_map(Action::StackPush),
        1 => register_part().prop_map(Action::StackPop),
        1 => (any::<u16>(), 0_u8..16, 0_u16..32).prop_map(|(len, reg, bit)| {
            Action::CheckPktLarger { len, dst: FieldId::reg(reg).part(bit, 1) }
        }),
    ]
}

fn control() -> impl Strategy<Value = Action> + Clone {
    let port = proptest::option::of((1_u32..0xff00).prop_map(PortNo));
    prop_oneof![
        3 => (port, any::<u8>()).prop_map(|(port, table)| Action::Resubmit { port, table: TableId(table) }),
        1 => (0_usize..4, bytes(30)).prop_map(|(words, data)| Action::Note(data.slice(..6 + 8 * words))),
        1 => any::<u32>().prop_map(Action::SetQueue),
        1 => Just(Action::PopQueue),
        1 => Just(Action::Exit),
        1 => Just(Action::CtClear),
    ]
}

/// What OVS wants to stand by itself.
pub(crate) fn conjunction() -> impl Strategy<Value = Action> {
    (any::<u32>(), 2_u8..=64)
        .prop_flat_map(|(id, clauses)| (0..clauses).prop_map(move |clause| Action::Conjunction { id, clause, clauses }))
}

fn of_ip(shape: Shape) -> BoxedStrategy<Action> {
    let ttl = prop_oneof![
        Just(Action::DecNwTtl),
        proptest::collection::vec(any::<u16>(), 1..5).prop_map(Action::DecTtlIds),
        any::<u8>().prop_map(|ttl| Action::SetField(F::NwTtl(ttl))),
        (0_u8..64).prop_map(|dscp| Action::SetField(F::IpDscp(dscp))),
        (0_u8..4).prop_map(|ecn| Action::SetField(F::IpEcn(ecn))),
    ];
    let address = match shape {
        Shape::Ipv4(_) => any::<[u8; 4]>().prop_map(|own| F::Ipv4Dst(std::net::Ipv4Addr::from(own).into())).boxed(),
        _ => value().prop_map(|own| F::Ipv6Dst(std::net::Ipv6Addr::from(own).into())).boxed(),
    };
    let ct = ct(shape).prop_map(Action::Ct);
    prop_oneof![2 => ttl.boxed(), 1 => address.prop_map(Action::SetField).boxed(), 2 => ct.boxed()].boxed()
}

fn ct(shape: Shape) -> impl Strategy<Value = Ct> {
    let zone = prop_oneof![
        any::<u16>().prop_map(CtZone::Number),
        (0_u8..16, 0_u16..=16).prop_map(|(reg, offset)| CtZone::Field(FieldId::reg(reg).part(offset, 16))),
    ];
    let exec = prop_oneof![
        any::<u32>().prop_map(|mark| Action::SetField(F::CtMark(mark.into()))),
        value().prop_map(|label| Action::SetField(F::CtLabel(label.into()))),
    ];
    let exec = (proptest::option::of(nat(shape)), proptest::collection::vec(exec, 0..3));
    let table = proptest::option::of((0_u8..255).prop_map(TableId));
    (any::<bool>(), any::<bool>(), zone, table, exec).prop_map(|(commit, force, zone, table, (nat, exec))| {
        let flags = CtFlags(u16::from(commit) | u16::from(commit && force) << 1);
        // Without commit the only action is a nat that applies what was committed.
        let nat = nat.map(|nat| if commit { nat } else { Nat::default() }).map(Action::Nat);
        let exec = exec.into_iter().filter(|_| commit);
        Ct { flags, zone, table, alg: 0, actions: nat.into_iter().chain(exec).collect() }
    })
}

fn nat(shape: Shape) -> impl Strategy<Value = Nat> {
    let addresses = if matches!(shape, Shape::Ipv4(_)) {
        (1_u32.., proptest::option::of(0_u32..9))
            .prop_map(|(first, more)| NatRange::V4(first.into(), more.map(|more| first.saturating_add(more).into())))
            .boxed()
    } else {
        (1_u128.., proptest::option::of(0_u128..9))
            .prop_map(|(first, more)| NatRange::V6(first.into(), more.map(|more| first.saturating_add(more).into())))
            .boxed()
    };
    let ports = prop_oneof![
        Just((0, 0)),
        (1_u16..).prop_map(|first| (first, 0)),
        (1_u16.., 0_u16..9).prop_map(|(first, more)| (first, first.saturating_add(more))),
    ];
    let side = prop_oneof![Just(NatFlags::SRC), Just(NatFlags::DST)];
    let choice = prop_oneof![Just(0), Just(NatFlags::PERSISTENT.0), Just(NatFlags::HASH.0), Just(NatFlags::RANDOM.0)];
    prop_oneof![
        1 => Just(Nat::default()),
        1 => side.clone().prop_map(|flags| Nat { flags, ..Nat::default() }),
        4 => (side, choice, addresses, ports).prop_map(|(side, choice, addresses, ports)| {
            Nat { flags: NatFlags(side.0 | choice), addresses, ports }
        }),
    ]
}

fn learn() -> impl Strategy<Value = Learn> + Clone {
    let spec = prop_oneof![
        Just(LearnSpec {
            bits: 48,
            source: LearnSource::Field(FieldId::ETH_SRC.whole()),
            target: LearnTarget::Match(FieldId::ETH_DST.whole()),
        }),
        (register_part(), 0_u8..16).prop_map(|(source, reg)| LearnSpec {
            bits: source.bits,
            source: LearnSource::Field(source),
            target: LearnTarget::Load(FieldId::reg(reg).part(0, source.bits)),
        }),
        (0_u8..16, any::<[u8; 2]>()).prop_map(|(reg, value)| LearnSpec {
            bits: 16,
            source: LearnSource::Value(value.to_vec().into()),
            target: LearnTarget::Load(FieldId::reg(reg).part(16, 16)),
        }),
        (0_u8..16, any::<[u8; 4]>()).prop_map(|(reg, value)| LearnSpec {
            bits: 32,
            source: LearnSource::Value(value.to_vec().into()),
            target: LearnTarget::Match(FieldId::reg(reg).whole()),
        }),
        Just(LearnSpec { bits: 16, source: LearnSource::Field(FieldId::IN_PORT.whole()), target: LearnTarget::Output }),
    ];
    let limit = proptest::option::of((1_u32.., proptest::option::of(0_u16..32)));
    let timeouts = (any::<u16>(), any::<u16>(), any::<u16>(), any::<u16>());
    (timeouts, any::<(u16, u64, bool, bool)>(), 0_u8..255, limit, proptest::collection::vec(spec, 0..5)).prop_map(
        |(
            (idle_timeout, hard_timeout, fin_idle_timeout, fin_hard_timeout),
            (priority, cookie, tells, goes),
            table,
            limit,
            specs,
        )| {
            let limit =
                limit.map(|(flows, bit)| LearnLimit { flows, result: bit.map(|bit| FieldId::REG0.part(bit, 1)) });
            let writes = limit.is_some_and(|limit| limit.result.is_some());
            let flags = LearnFlags(u16::from(tells) | u16::from(goes) << 1 | u16::from(writes) << 2);
            let (cookie, table) = (Cookie(cookie), TableId(table));
            Learn {
                idle_timeout,
                hard_timeout,
                priority,
                cookie,
                flags,
                table,
                fin_idle_timeout,
                fin_hard_timeout,
                limit,
                specs,
            }
        },
    )
}

/// A VLAN tag with an id, on whatever the packet is.
pub(crate) fn push_vlan() -> impl Strategy<Value = [Action; 2]> {
    (0_u16..0x1000).prop_map(|vid| [Action::PushVlan(0x8100), Action::SetField(F::VlanVid(Masked::from(vid | 0x1000)))])
}
