//! A learn action as text: `learn(table=10,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])`.

use std::fmt;

use super::action::FieldName;
use super::value::{Number, Value};
use crate::openflow::action::{Learn, LearnFlags, LearnSource, LearnSpec, LearnTarget};

const DEFAULT_PRIORITY: u16 = 0x8000;

/// A learn action.
pub(super) struct Learnt<'a>(pub(super) &'a Learn);

impl fmt::Display for Learnt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let learn = self.0;
        write!(f, "learn(table={}", learn.table)?;
        let timeouts = [
            ("idle_timeout", learn.idle_timeout),
            ("hard_timeout", learn.hard_timeout),
            ("fin_idle_timeout", learn.fin_idle_timeout),
            ("fin_hard_timeout", learn.fin_hard_timeout),
        ];
        timeouts.iter().filter(|(_, own)| *own != 0).try_for_each(|(name, own)| write!(f, ",{name}={own}"))?;
        if learn.priority != DEFAULT_PRIORITY {
            write!(f, ",priority={}", learn.priority)?;
        }
        if learn.flags.contains(LearnFlags::SEND_FLOW_REM) {
            f.write_str(",send_flow_rem")?;
        }
        if learn.flags.contains(LearnFlags::DELETE_LEARNED) {
            f.write_str(",delete_learned")?;
        }
        if learn.cookie.0 != 0 {
            write!(f, ",cookie={}", learn.cookie)?;
        }
        if let Some(limit) = learn.limit {
            if limit.flows != 0 {
                write!(f, ",limit={}", limit.flows)?;
            }
            limit.result.map_or(Ok(()), |result| write!(f, ",result_dst={result}"))?;
        }
        learn.specs.iter().try_for_each(|spec| write!(f, ",{}", Part(spec)))?;
        f.write_str(")")
    }
}

/// One part of the learnt flow.
struct Part<'a>(&'a LearnSpec);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.source, self.0.target) {
            (LearnSource::Value(value), LearnTarget::Match(field)) => match field.holding(value) {
                Some(own) => write!(f, "{}={}", FieldName(&own), Value(&own)),
                None => write!(f, "{field}={}", Number(value)),
            },
            (LearnSource::Field(source), LearnTarget::Match(field)) if *source == field => write!(f, "{field}"),
            (LearnSource::Field(source), LearnTarget::Match(field)) => write!(f, "{field}={source}"),
            (LearnSource::Value(value), LearnTarget::Load(field)) => write!(f, "load:{}->{field}", Number(value)),
            (LearnSource::Field(source), LearnTarget::Load(field)) => write!(f, "load:{source}->{field}"),
            (LearnSource::Field(source), LearnTarget::Output) => write!(f, "output:{source}"),
            (LearnSource::Value(value), LearnTarget::Output) => write!(f, "output:{}", Number(value)),
        }
    }
}
