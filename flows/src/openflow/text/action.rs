//! Actions as text: `set_field:2->arp_op,IN_PORT`.

use std::fmt;

use buoy_topology::PortNo;

use super::connection::{Tracked, Translated};
use super::learn::Learnt;
use super::matching::UntypedName;
use super::value::Value;
use super::{Hex, Listed, Reason};
use crate::openflow::action::{self, Action, Controller};
use crate::openflow::number::TableId;
use crate::openflow::oxm::MatchField;

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output { port: PortNo::CONTROLLER, max_len } => write!(f, "CONTROLLER:{max_len}"),
            Self::Output { port, .. } if port.0 >= PortNo::MAX.0 => write!(f, "{port}"),
            Self::Output { port, .. } => write!(f, "output:{port}"),
            Self::OutputReg { source, .. } => write!(f, "output:{source}"),
            Self::OutputTrunc { port, max_len } => write!(f, "output(port={port},max_len={max_len})"),
            Self::SetField(field) => write!(f, "set_field:{}->{}", Value(field), FieldName(field)),
            Self::DecNwTtl => f.write_str("dec_ttl"),
            Self::DecTtlIds(ids) => write!(f, "dec_ttl({})", Listed(ids)),
            Self::PushVlan(ethertype) => write!(f, "push_vlan:{ethertype:#06x}"),
            Self::PopVlan => f.write_str("pop_vlan"),
            Self::PushMpls(ethertype) => write!(f, "push_mpls:{ethertype:#06x}"),
            Self::PopMpls(ethertype) => write!(f, "pop_mpls:{ethertype:#06x}"),
            Self::DecMplsTtl => f.write_str("dec_mpls_ttl"),
            Self::Group(group) => write!(f, "group:{group}"),
            Self::SetQueue(queue) => write!(f, "set_queue:{queue}"),
            Self::PopQueue => f.write_str("pop_queue"),
            Self::Move { src, dst } => write!(f, "move:{src}->{dst}"),
            Self::Load { dst, value: 0 } => write!(f, "load:0->{dst}"),
            Self::Load { dst, value } => write!(f, "load:{value:#x}->{dst}"),
            Self::StackPush(field) => write!(f, "push:{field}"),
            Self::StackPop(field) => write!(f, "pop:{field}"),
            Self::Resubmit { port: Some(port), table: TableId::ALL } => write!(f, "resubmit:{port}"),
            Self::Resubmit { port, table } => write!(f, "resubmit({})", Lookup { port: *port, table: *table }),
            Self::ResubmitCt { port, table } => write!(f, "resubmit({},ct)", Lookup { port: *port, table: *table }),
            Self::Learn(learn) => write!(f, "{}", Learnt(learn)),
            Self::Note(note) => write!(f, "note:{}", Dotted(note)),
            &Self::ControllerExt { max_len, controller_id, reason } => {
                let controller = Controller { max_len, controller_id, reason, ..Controller::default() };
                write!(f, "{}", ToController(&controller))
            }
            Self::Controller(controller) => write!(f, "{}", ToController(controller)),
            Self::Ct(ct) => write!(f, "{}", Tracked(ct)),
            Self::CtClear => f.write_str("ct_clear"),
            Self::Nat(nat) => write!(f, "{}", Translated(nat)),
            Self::Conjunction { id, clause, clauses } => {
                write!(f, "conjunction({id},{}/{clauses})", u16::from(*clause) + 1)
            }
            Self::Clone(actions) => write!(f, "clone({})", Actions(actions)),
            Self::CheckPktLarger { len, dst } => write!(f, "check_pkt_larger({len})->{dst}"),
            Self::FinTimeout { idle, hard } => {
                let timeouts = [("idle_timeout", idle), ("hard_timeout", hard)].into_iter();
                let words: Vec<_> =
                    timeouts.filter(|(_, own)| **own != 0).map(|(name, own)| format!("{name}={own}")).collect();
                write!(f, "fin_timeout({})", Listed(&words))
            }
            Self::Exit => f.write_str("exit"),
            Self::Other(whole) => match action::name(whole) {
                Some(name) => write!(f, "raw({name}):{}", Hex(whole)),
                None => write!(f, "raw:{}", Hex(whole)),
            },
        }
    }
}

/// A list of actions; an empty one drops.
pub(super) struct Actions<'a>(pub(super) &'a [Action]);

impl fmt::Display for Actions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("drop") } else { write!(f, "{}", Listed(self.0)) }
    }
}

/// A field's name as the target of set_field.
pub(super) struct FieldName<'a>(pub(super) &'a MatchField);

impl fmt::Display for FieldName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MatchField::Reg { index, .. } => write!(f, "reg{index}"),
            field @ MatchField::Other { .. } => write!(f, "{}", UntypedName(field)),
            field => f.write_str(field.name()),
        }
    }
}

/// Port and table of a resubmit; nothing for what stays as it is.
struct Lookup {
    port: Option<PortNo>,
    table: TableId,
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.port.map_or(Ok(()), |port| write!(f, "{port}"))?;
        if self.table == TableId::ALL { f.write_str(",") } else { write!(f, ",{}", self.table) }
    }
}

/// Bytes with dots between them.
pub(super) struct Dotted<'a>(pub(super) &'a [u8]);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        self.0.iter().try_for_each(|byte| {
            write!(f, "{separator}{byte:02x}")?;
            separator = ".";
            Ok(())
        })
    }
}

/// A controller action: short where all but the length is usual.
struct ToController<'a>(&'a Controller);

impl fmt::Display for ToController<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Controller { max_len, controller_id, reason, userdata, pause, meter } = self.0;
        let usual = Controller { max_len: *max_len, ..Controller::default() };
        if *self.0 == usual {
            return write!(f, "CONTROLLER:{max_len}");
        }
        let words = [
            (*reason != usual.reason).then(|| format!("reason={}", Reason(*reason))),
            (*max_len != u16::MAX).then(|| format!("max_len={max_len}")),
            (*controller_id != 0).then(|| format!("id={controller_id}")),
            (!userdata.is_empty()).then(|| format!("userdata={}", Dotted(userdata))),
            pause.then(|| "pause".to_owned()),
            (*meter != 0).then(|| format!("meter_id={meter}")),
        ];
        let words: Vec<_> = words.into_iter().flatten().collect();
        write!(f, "controller({})", Listed(&words))
    }
}
