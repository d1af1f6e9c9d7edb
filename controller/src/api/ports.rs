//! Which ports the instances of a project may have, where somebody acts for it who is not the admin.

use std::fmt;
use std::str::FromStr;

use buoy_topology::PortName;
use serde::Deserialize;

/// The ports that somebody may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortGrants(pub Vec<PortGrant>);

/// Ports of one bridge by a pattern: `*` stands for any letters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PortGrant {
    /// The bridge; none is the one that instances are on where they do not say.
    bridge: Option<PortName>,
    pattern: String,
}

impl PortGrants {
    /// Whether a port is among them. `usual` is the bridge of instances that do not say theirs.
    pub fn cover(&self, bridge: &PortName, port: &PortName, usual: &PortName) -> bool {
        let covers = |own: &PortGrant| own.bridge.as_ref().unwrap_or(usual) == bridge && own.matches(port);
        self.0.iter().any(covers)
    }
}

impl PortGrant {
    fn matches(&self, port: &PortName) -> bool {
        let (pattern, text): (Vec<_>, Vec<_>) = (self.pattern.chars().collect(), port.as_str().chars().collect());
        is_like(&pattern, &text)
    }
}

/// Whether a text fits a pattern. The last `*` alone takes more where it has to: what came before it fits already.
fn is_like(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Behind the last `*`, and how much of the text it has left over.
    let mut star = None;
    loop {
        match (pattern.get(at), text.get(read)) {
            (Some('*'), _) => {
                at += 1;
                star = Some((at, read));
            }
            (Some('?'), Some(_)) => (at, read) = (at + 1, read + 1),
            (Some(own), Some(other)) if own == other => (at, read) = (at + 1, read + 1),
            (None, None) => return true,
            (_, Some(_)) => {
                let Some((behind, from)) = star else { return false };
                star = Some((behind, from + 1));
                (at, read) = (behind, from + 1);
            }
            (Some(_), None) => return false,
        }
    }
}

impl FromStr for PortGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (bridge, pattern) = match text.split_once(':') {
            Some((bridge, pattern)) => (Some(bridge.parse().map_err(|error| format!("{text:?}: {error}"))?), pattern),
            None => (None, text),
        };
        // A name is compared as far as OpenFlow tells it: a pattern that is longer would fit nothing.
        let whole: PortName = pattern.parse().map_err(|error| format!("{text:?}: {error}"))?;
        let is_pattern = pattern.contains(['*', '?']);
        if is_pattern && whole.as_str() != pattern {
            return Err(format!(
                "{text:?} is too long: OpenFlow tells the first {} bytes of a port's name",
                whole.as_str().len()
            ));
        }
        Ok(Self { bridge, pattern: whole.as_str().to_owned() })
    }
}

impl TryFrom<String> for PortGrant {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for PortGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bridge {
            Some(bridge) => write!(f, "{bridge}:{}", self.pattern),
            None => f.write_str(&self.pattern),
        }
    }
}

impl fmt::Display for PortGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, own) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            own.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_is_like_it_on_its_bridge() {
        let name = |text: &str| text.parse::<PortName>().unwrap();
        let usual = name("br-int");
        for (grant, bridge, port, covered) in [
            ("tap-a-*", "br-int", "tap-a-1", true),
            ("tap-a-*", "br-int", "tap-a-", true),
            ("tap-a-*", "br-int", "tap-b-1", false),
            ("tap-a-*", "br-int", "xtap-a-1", false),
            ("tap-a-*", "br-two", "tap-a-1", false),
            ("br-two:tap-a-*", "br-two", "tap-a-1", true),
            ("br-two:tap-a-*", "br-int", "tap-a-1", false),
            ("vm1", "br-int", "vm1", true),
            ("vm1", "br-int", "vm11", false),
            ("vm?", "br-int", "vm1", true),
            ("vm?", "br-int", "vm", false),
            ("vm?", "br-int", "vm12", false),
            ("*a*b", "br-int", "aabab", true),
            ("*a*b", "br-int", "aabac", false),
            ("*", "br-int", "anything", true),
            ("a-name-of-20-letters", "br-int", "a-name-of-20-letters", true),
        ] {
            let grants = PortGrants(vec![grant.parse().unwrap()]);
            assert_eq!(grants.cover(&name(bridge), &name(port), &usual), covered, "{grant} {bridge}:{port}");
        }
        assert!(!PortGrants::default().cover(&usual, &name("vm1"), &usual));
    }

    #[test]
    fn a_pattern_that_fits_nothing_is_refused() {
        for (text, says) in
            [("", "empty"), ("br-int:", "empty"), ("a b", "\"a b\""), ("a-name-of-20-letter*", "too long")]
        {
            let refused = text.parse::<PortGrant>().unwrap_err();
            assert!(refused.contains(says), "{text}: {refused}");
        }
    }
}
