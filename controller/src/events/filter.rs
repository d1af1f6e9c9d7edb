//! Which events somebody wants.

use std::net::Ipv4Addr;

use buoy_topology::Name;
use serde::Deserialize;

use super::{Class, Event, Kind};

/// Which events somebody wants: all that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this part of the log.
    pub class: Option<Class>,
    /// Only of these kinds; none stand for all.
    pub kinds: Vec<Kind>,
    /// Only what happened to this.
    pub subject: Option<String>,
    /// Only what is about this address, as the subject or in the detail.
    pub address: Option<Ipv4Addr>,
    /// Only what is of this project.
    pub project: Option<Name>,
}

impl Filter {
    /// Whether an event is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        let is_kind = self.kinds.is_empty() || self.kinds.contains(&event.kind);
        let is_class = self.class.is_none_or(|class| event.kind.class() == class);
        let is_subject = self.subject.as_deref().is_none_or(|subject| *event.subject == *subject);
        is_kind && is_class && is_subject && self.wants_detail(event)
    }

    /// What is in the detail is looked at only where it matters.
    fn wants_detail(&self, event: &Event) -> bool {
        if self.address.is_none() && self.project.is_none() {
            return true;
        }
        let known: Known = serde_json::from_str(event.detail.text()).unwrap_or_default();
        let is_about = |address: Ipv4Addr| event.subject.parse() == Ok(address) || known.address == Some(address);
        let is_address = self.address.is_none_or(is_about);
        is_address && self.project.as_ref().is_none_or(|project| known.project.as_ref() == Some(project))
    }
}

/// What filters look at in a detail.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Known {
    address: Option<Ipv4Addr>,
    project: Option<Name>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::time::Millis;
    use crate::events::{Detail, Seq};

    #[test]
    fn what_is_given_must_hold() {
        let event = |kind, subject: &str, detail| Event {
            seq: Seq(1),
            time: Millis(0),
            kind,
            subject: subject.into(),
            detail: Detail::of(&detail),
        };
        let fip = event(Kind::Associated, "192.0.2.1", json!({"project": "blue", "uid": 0}));
        let alarm = event(Kind::GuardAlarm, "lan", json!({"address": "192.0.2.1", "project": null}));
        let (address, project) = (Some([192, 0, 2, 1].into()), Some("blue".parse().unwrap()));
        let all = Filter::default();
        for (filter, fits) in [
            (all.clone(), [true, true]),
            (Filter { kinds: vec![Kind::Associated, Kind::Moved], ..all.clone() }, [true, false]),
            (Filter { class: Some(Class::Signal), ..all.clone() }, [false, true]),
            (Filter { subject: Some("lan".to_owned()), ..all.clone() }, [false, true]),
            (Filter { address, ..all.clone() }, [true, true]),
            (Filter { address: Some([192, 0, 2, 2].into()), ..all.clone() }, [false, false]),
            (Filter { project: project.clone(), ..all.clone() }, [true, false]),
            (Filter { project, subject: Some("192.0.2.2".to_owned()), ..all }, [false, false]),
        ] {
            assert_eq!([filter.wants(&fip), filter.wants(&alarm)], fits, "{filter:?}");
        }
    }
}
