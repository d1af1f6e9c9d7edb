//! The name that was probably meant, where a request names what there is not.

use buoy_topology::Name;
use buoy_topology::ops::{Noun, OpError};
use serde_json::Value;

use super::Core;
use crate::api::{ApiError, Call, ErrorKind};

impl Core {
    /// A refusal with the name that was probably meant, among those that the caller may see.
    pub(super) fn taught(&self, call: &Call, error: ApiError) -> ApiError {
        let hint = || {
            let (noun, name) = unknown(call, &error)?;
            let near = nearest(name.as_str(), &self.names(noun, call.project.as_ref()))?;
            Some(format!("there is no {noun} named {name}: did you mean {near}?"))
        };
        match error.kind {
            ErrorKind::NotFound => ApiError { message: hint().unwrap_or(error.message), ..error },
            _ => error,
        }
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

/// Which of the names in a request a refusal says to be unknown.
fn unknown(call: &Call, error: &ApiError) -> Option<(Noun, Name)> {
    let request = serde_json::to_value(&call.request).ok()?;
    let params = request.get("params")?.as_object()?;
    let texts = params.values().filter_map(Value::as_str);
    let names: Vec<Name> = texts.filter_map(|text| text.parse().ok()).collect();
    let said = |noun, name: &Name| OpError::Unknown { noun, name: name.clone() }.to_string() == error.message;
    names.into_iter().find_map(|name| Some((Noun::ALL.into_iter().find(|noun| said(*noun, &name))?, name)))
}

/// The one name with the fewest letters to change, if they are few. Where two are as near, neither was meant for sure.
fn nearest(text: &str, names: &[Name]) -> Option<Name> {
    let most = 1 + text.chars().count() / 4;
    let mut near: Vec<_> = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(text, name.as_str()), name))
        .filter(|(distance, _)| *distance <= most)
        .collect();
    near.sort_unstable();
    match near.as_slice() {
        [first, second, ..] if first.0 == second.0 => None,
        [first, ..] => Some(first.1.clone()),
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
            let names: Vec<Name> = names.iter().map(|name| name.parse().unwrap()).collect();
            assert_eq!(nearest(text, &names).as_ref().map(Name::as_str), meant, "{text}");
        }
    }
}
