//! Connection tracking and its address translation as text: `ct(commit,zone=5,nat(src=192.0.2.1))`.

use std::fmt;
use std::net::Ipv6Addr;

use super::Listed;
use super::action::Actions;
use crate::openflow::action::{Action, Ct, CtFlags, CtZone, Nat, NatFlags, NatRange};

/// A ct action.
pub(super) struct Tracked<'a>(pub(super) &'a Ct);

impl fmt::Display for Tracked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ct { flags, zone, table, alg, actions } = self.0;
        // A nat that comes first stands outside of exec.
        let (nat, exec) = match actions.split_first() {
            Some((Action::Nat(nat), rest)) => (Some(nat), rest),
            _ => (None, &actions[..]),
        };
        let words = [
            flags.contains(CtFlags::COMMIT).then(|| "commit".to_owned()),
            flags.contains(CtFlags::FORCE).then(|| "force".to_owned()),
            table.map(|table| format!("table={table}")),
            match zone {
                CtZone::Number(0) => None,
                CtZone::Number(number) => Some(format!("zone={number}")),
                CtZone::Field(field) => Some(format!("zone={field}")),
            },
            nat.map(|nat| Translated(nat).to_string()),
            (!exec.is_empty()).then(|| format!("exec({})", Actions(exec))),
            match alg {
                0 => None,
                21 => Some("alg=ftp".to_owned()),
                69 => Some("alg=tftp".to_owned()),
                port => Some(format!("alg={port}")),
            },
        ];
        let words: Vec<_> = words.into_iter().flatten().collect();
        write!(f, "ct({})", Listed(&words))
    }
}

/// A nat action.
pub(super) struct Translated<'a>(pub(super) &'a Nat);

impl fmt::Display for Translated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.0.flags;
        f.write_str("nat")?;
        let side = if flags.contains(NatFlags::SRC) {
            "src"
        } else if flags.contains(NatFlags::DST) {
            "dst"
        } else {
            return Ok(());
        };
        if self.0.addresses == NatRange::Any {
            return write!(f, "({side})");
        }
        write!(f, "({side}=")?;
        self.range(f)?;
        for (flag, name) in
            [(NatFlags::PERSISTENT, "persistent"), (NatFlags::HASH, "hash"), (NatFlags::RANDOM, "random")]
        {
            if flags.contains(flag) {
                write!(f, ",{name}")?;
            }
        }
        f.write_str(")")
    }
}

impl Translated<'_> {
    fn range(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.0.ports;
        match self.0.addresses {
            NatRange::Any => {}
            NatRange::V4(first, last) => {
                write!(f, "{first}")?;
                last.filter(|last| *last != first && !last.is_unspecified())
                    .map_or(Ok(()), |last| write!(f, "-{last}"))?;
            }
            NatRange::V6(first, last) => {
                // With a port behind it the address stands in brackets.
                let mut address = |before: &str, own: Ipv6Addr| match low {
                    0 => write!(f, "{before}{own}"),
                    _ => write!(f, "{before}[{own}]"),
                };
                address("", first)?;
                last.filter(|last| *last != first && !last.is_unspecified())
                    .map_or(Ok(()), |last| address("-", last))?;
            }
        }
        match (low, high) {
            (0, _) => Ok(()),
            (low, high) if high == 0 || high == low => write!(f, ":{low}"),
            (low, high) => write!(f, ":{low}-{high}"),
        }
    }
}
