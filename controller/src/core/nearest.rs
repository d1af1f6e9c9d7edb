//! The name that was probably meant, where a request names what there is not.

use super::Core;
use crate::api::{ApiError, Call, Request};
use buoy_topology::Name;
use buoy_topology::ops::{Noun, OpError};

impl Core {
    /// A refusal as the caller is told it: with the name that was probably meant, among those that it may see, and without
    /// what is not its own.
    pub(super) fn taught(&self, call: &Call, error: ApiError) -> ApiError {
        let said = match error.cause.as_deref() {
            Some(OpError::Unknown { noun, name }) => {
                let names = self.names(*noun, call.project.as_ref());
                // Who sends a packet need not be an instance.
                let is_sender = *noun == Noun::Instance && matches!(call.request, Request::TraceShow(_));
                let ends = if is_sender { ["host", "gateway"].as_slice() } else { &[] };
                let near = nearest(name.as_str(), names.iter().map(Name::as_str).chain(ends.iter().copied()));
                near.map(|near| format!("there is no {noun} named {name}: did you mean {near}?"))
            }
            Some(cause) if call.is_confined() => self.discreet(call.project.as_ref(), cause),
            _ => None,
        };
        ApiError { message: said.unwrap_or(error.message), ..error }
    }

    /// The names of all things of a kind that a caller sees.
    fn names(&self, noun: Noun, caller: Option<&Name>) -> Vec<Name> {
        match noun {
            Noun::Provider => self.site.providers().map(|own| own.name.clone()).collect(),
            Noun::Pool => self.site.pools().map(|own| own.name.clone()).collect(),
            Noun::Direct => self.site.directs().map(|own| own.name.clone()).collect(),
            Noun::Network => {
                let seen = self.site.networks().filter(|own| Self::sees(caller, own.project.as_ref()));
                seen.map(|own| own.name.clone()).collect()
            }
            Noun::Instance => {
                let seen = self.site.instances().filter(|own| Self::sees(caller, Some(&own.project)));
                seen.map(|own| own.name.clone()).collect()
            }
            Noun::Project => {
                self.site.project_names().into_iter().filter(|own| Self::sees(caller, Some(own))).collect()
            }
        }
    }
}

/// The one name with the fewest letters to change, if they are few. Where two are as near, neither was meant for sure.
pub(super) fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = 1 + text.chars().count() / 4;
    let mut near: Vec<_> = names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(text, name), name))
        .filter(|(distance, _)| *distance <= most)
        .collect();
    near.sort_unstable();
    match near.as_slice() {
        [first, second, ..] if first.0 == second.0 => None,
        [first, ..] => Some(first.1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_near_name_is_meant_and_none_of_two() {
        for (text, names, meant) in [
            ("publc", &["public", "private"][..], Some("public")),
            ("pubilc", &["public", "private"], Some("public")),
            ("web-3", &["web-1", "web-2"], None),
            ("wbe-1", &["web-1", "web-2"], Some("web-1")),
            ("a", &["ovh", "gra"], None),
            ("x", &[], None),
        ] {
            assert_eq!(nearest(text, names.iter().copied()), meant, "{text}");
        }
    }
}
