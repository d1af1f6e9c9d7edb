//! What a cookie says: that the flow is Buoy's, which feature made it, and for which entity.

use crate::openflow::Cookie;
use crate::pipeline::DropReason;

/// Who made a flow. Written as a cookie: 24 bits of magic, 8 bits of feature, 32 bits of entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The part of the pipeline that made it.
    pub feature: Feature,
    /// The entity that it was made for; 0 for what a bridge has in any case.
    pub entity: u32,
}

impl Owner {
    /// The owner of a flow that drops, and whose counter is shown under this reason.
    pub fn dropping(reason: DropReason) -> Self {
        Self { feature: Feature::Drop, entity: u32::from(reason.number()) }
    }

    /// The cookie that says so.
    pub fn cookie(self) -> Cookie {
        Cookie(MAGIC << 40 | u64::from(self.feature as u8) << 32 | u64::from(self.entity))
    }

    /// Who made the flow with this cookie; none where it was not Buoy, or a Buoy that this one does not understand.
    pub fn of(cookie: Cookie) -> Option<Self> {
        let [a, b, c, feature, entity @ ..] = cookie.0.to_be_bytes();
        let ours = u64::from_be_bytes([0, 0, 0, 0, 0, a, b, c]) == MAGIC;
        let feature = Feature::ALL.into_iter().find(|known| *known as u8 == feature)?;
        ours.then_some(Self { feature, entity: u32::from_be_bytes(entity) })
    }

    /// Whether the cookie carries Buoy's magic, whatever else it says.
    pub fn is_ours(cookie: Cookie) -> bool {
        cookie.0 >> 40 == MAGIC
    }
}

/// The parts of the pipeline that own flows. The numbers are in switches: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Feature {
    /// Drops with a counter; the entity is the reason.
    Drop = 0x01,
    /// The form of a bridge that no provider names.
    Unconfigured = 0x02,
    /// Who may send at all.
    Admit = 0x10,
    /// ARP answers, and what ARP teaches.
    Arp = 0x11,
    /// From the provider to instances and to the host.
    Inbound = 0x12,
    /// The choice of the source MAC towards the provider.
    Outbound = 0x13,
    /// The choice of the destination MAC towards the provider.
    NextHop = 0x14,
    /// What may leave by an uplink.
    Guard = 0x15,
    /// Traffic inside a network.
    Switching = 0x20,
    /// Traffic that leaves its network.
    Routing = 0x21,
    /// The rewriting of floating IPs.
    Nat = 0x22,
    /// The last step to an instance.
    Deliver = 0x23,
    /// ICMP that the controller has to do with.
    Icmp = 0x24,
    /// The address that instances without a floating IP share.
    Snat = 0x25,
    /// What finds out whether the datapath has followed a change; the entity is a number.
    Fence = 0x30,
}

impl Feature {
    const ALL: [Self; 15] = [
        Self::Drop,
        Self::Unconfigured,
        Self::Admit,
        Self::Arp,
        Self::Inbound,
        Self::Outbound,
        Self::NextHop,
        Self::Guard,
        Self::Switching,
        Self::Routing,
        Self::Nat,
        Self::Deliver,
        Self::Icmp,
        Self::Snat,
        Self::Fence,
    ];

    /// Cookie and mask that take the feature's flows out of a dump.
    pub fn filter(self) -> (Cookie, Cookie) {
        (Owner { feature: self, entity: 0 }.cookie(), Cookie(0xffff_ffff << 32))
    }

    /// The word that `buoyctl switch flows` shows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Unconfigured => "unconfigured",
            Self::Admit => "admit",
            Self::Arp => "arp",
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::NextHop => "next hop",
            Self::Guard => "guard",
            Self::Switching => "switching",
            Self::Routing => "routing",
            Self::Nat => "nat",
            Self::Deliver => "deliver",
            Self::Icmp => "icmp",
            Self::Snat => "snat",
            Self::Fence => "fence",
        }
    }
}

/// Other agents pick random cookies: 24 bits of them hardly ever meet these ("buo" in ASCII).
const MAGIC: u64 = 0x62_756f;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_says_who_made_the_flow() {
        let owner = Owner { feature: Feature::Nat, entity: 0xdead_beef };
        assert_eq!(owner.cookie(), Cookie(0x6275_6f22_dead_beef));
        assert_eq!(Owner::of(owner.cookie()), Some(owner));
    }

    #[test]
    fn a_foreign_cookie_has_no_owner_of_ours() {
        for cookie in [0, u64::MAX, 0x6275_6e22_0000_0001] {
            assert_eq!(Owner::of(Cookie(cookie)), None, "{cookie:x}");
            assert!(!Owner::is_ours(Cookie(cookie)));
        }
    }

    #[test]
    fn features_have_numbers_of_their_own() {
        for (at, feature) in Feature::ALL.iter().enumerate() {
            assert!(Feature::ALL.iter().skip(at + 1).all(|other| *other as u8 != *feature as u8), "{feature:?}");
        }
    }
}
