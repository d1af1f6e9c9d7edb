//! What is wrong with a declared site, and where.

use buoy_topology::ops::declare::{self, Spot, Thing};
use buoy_topology::ops::{Noun, OpError};

use crate::api::{ApiError, Mistake};

impl From<declare::Mistake> for Mistake {
    fn from(own: declare::Mistake) -> Self {
        let field = own.spot.and_then(|spot| field_of(spot, &own.error));
        let ApiError { kind, message, .. } = ApiError::from(own.error);
        Self {
            noun: own.spot.map(|spot| spot.thing.word().to_owned()),
            entry: own.spot.map(|spot| spot.entry),
            interface: own.spot.and_then(|spot| spot.interface),
            field: field.map(str::to_owned),
            kind,
            message: in_fields(&message),
        }
    }
}

/// What is wrong about an entry before it is looked at beside others.
pub(super) fn at(thing: Thing, entry: usize, error: ApiError) -> Mistake {
    let (noun, message) = (Some(thing.word().to_owned()), in_fields(&error.message));
    Mistake { noun, entry: Some(entry), interface: None, field: None, kind: error.kind, message }
}

/// The refusal of the whole. Its kind is that of the first mistake.
pub(super) fn refusal(mistakes: Vec<Mistake>) -> ApiError {
    let Some(first) = mistakes.first() else {
        return ApiError::new(crate::api::ErrorKind::Invalid, "nothing of this can be applied");
    };
    let place = match (&first.noun, first.entry) {
        (Some(noun), Some(entry)) => format!("{noun} {}: ", entry.saturating_add(1)),
        _ => String::new(),
    };
    let more = match mistakes.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more mistakes)"),
    };
    let message = format!("{place}{}{more}", first.message);
    let kind = first.kind;
    ApiError { mistakes, ..ApiError::new(kind, message) }
}

/// The field of an entry that an error is about.
fn field_of(spot: Spot, error: &OpError) -> Option<&'static str> {
    let is_direct = spot.thing == Thing::Direct;
    Some(match error {
        // What keeps an address from being shared.
        OpError::Allocated { .. }
        | OpError::Kept { .. }
        | OpError::Leaving { .. }
        | OpError::Cooling { .. }
        | OpError::NoMac { .. }
        | OpError::Shared { .. }
            if spot.thing == Thing::Provider =>
        {
            "snat"
        }
        OpError::Shared { .. } | OpError::Cooling { .. } if spot.thing == Thing::Pool => "range",
        OpError::Shared { .. } if spot.thing == Thing::Network => "cidr",
        OpError::Shared { .. } if !is_direct => "address",
        OpError::Unknown { noun: Noun::Provider, .. } => "provider",
        OpError::Unknown { noun: Noun::Pool, .. } => "auto_assign",
        OpError::Unknown { noun: Noun::Network, .. } => "network",
        OpError::Unknown { noun: Noun::Instance, .. } => "instance",
        OpError::OutsidePools { .. } | OpError::Allocated { .. } | OpError::Kept { .. } if !is_direct => "address",
        OpError::Leaving { .. } | OpError::Reserved { .. } | OpError::Cooling { .. } => "address",
        OpError::NotInPool { .. } | OpError::ReservedInUse { .. } => "reserved",
        OpError::Label(_) | OpError::LabelOfNobody { .. } => "label",
        OpError::OtherProjectsNetwork { .. } => "network",
        OpError::NoSuchFixedIp { .. } => "fixed_ip",
        OpError::UplinkTaken { .. } => "uplink",
        OpError::Overlap { .. } | OpError::AddressesInUse { .. } => "range",
        OpError::NoSnatPool { .. } if spot.thing == Thing::Pool => "range",
        OpError::NoSnatNetwork { .. } | OpError::NoSnatHost { .. } | OpError::NetworksMeet { .. }
            if spot.thing == Thing::Network =>
        {
            "cidr"
        }
        OpError::NoSnatTaken { .. }
        | OpError::NoSnatPool { .. }
        | OpError::NoSnatNetwork { .. }
        | OpError::NoSnatHost { .. }
        | OpError::NetworksMeet { .. } => "no_snat",
        OpError::NetworkOverlap { .. } if spot.thing == Thing::Pool => "range",
        OpError::NetworkOverlap { .. } => "cidr",
        OpError::FixedIpTaken { .. } => "ip",
        OpError::MacTaken { .. } => "mac",
        OpError::PortTaken { .. } => "port",
        OpError::DirectPortTaken { .. } if is_direct => "port",
        OpError::OtherProject { .. } | OpError::StillServed { .. } | OpError::OverQuota { .. } => "project",
        OpError::FixedIpBound { .. } => "instance",
        _ => return None,
    })
}

/// Arguments by the names that they have as fields: `--host-ip` is `host_ip`. Commands stay as they are.
fn in_fields(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for (number, piece) in message.split('`').enumerate() {
        if number > 0 {
            text.push('`');
        }
        if number % 2 == 1 {
            text.push_str(piece);
            continue;
        }
        let mut parts = piece.split("--");
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(part.len());
            let (name, rest) = part.split_at_checked(end).unwrap_or((part, ""));
            text.push_str(&name.replace('-', "_"));
            text.push_str(rest);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::in_fields;

    #[test]
    fn arguments_are_named_as_fields_and_commands_as_commands() {
        for (said, written) in [
            ("a provider needs a --gateway, or --onlink", "a provider needs a gateway, or onlink"),
            ("--gateway-mac needs the --gateway", "gateway_mac needs the gateway"),
            (
                "`buoyctl fip set 192.0.2.1 --mac MAC`: no --host-ip",
                "`buoyctl fip set 192.0.2.1 --mac MAC`: no host_ip",
            ),
        ] {
            assert_eq!(in_fields(said), written);
        }
    }
}
