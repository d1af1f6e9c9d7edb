//! Where packets end: the reasons that `buoyctl drops` counts.

/// Why a packet is dropped. The numbers are in the cookies of switches: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// The end of a table that nothing else took.
    NoMatch = 1,
    /// From a port that belongs to nobody that Buoy knows.
    UnknownPort = 2,
    /// An instance or a direct port sent with a source MAC that is not its own.
    ForgedMac = 3,
    /// An instance or a direct port sent with a source address that is not its own.
    ForgedAddress = 4,
    /// An instance or a direct port claimed an address or a MAC in ARP that is not its own.
    ForgedArp = 5,
    /// An instance or a direct port sent something that is neither IPv4 nor ARP.
    NotIpv4 = 6,
    /// An ARP question that nobody in the network can answer.
    UnknownArpTarget = 7,
    /// An ARP question about an address of a pool that is not associated.
    UnassociatedArp = 8,
    /// Somebody outside claimed an address of a pool.
    ClaimedAddress = 9,
    /// To an address of a pool that is not associated.
    Unassociated = 10,
    /// From an instance that has no floating IP.
    NoFloatingIp = 11,
    /// From br-int, but not from a floating IP of the provider.
    NotFloating = 12,
    /// The gateway's MAC is not known yet.
    UnresolvedGateway = 13,
    /// Would have left with an Ethernet source that is not registered.
    UnregisteredMac = 14,
    /// Would have left with an ARP sender that is not registered.
    UnregisteredArpSender = 15,
    /// Multicast or broadcast of an instance.
    Multicast = 16,
    /// To a MAC or an address that no instance of the network has.
    UnknownInstance = 17,
    /// To the network's gateway itself.
    ToGateway = 18,
    /// The provider's bridge has no patch port, or br-int has not.
    NoPatchPort = 19,
    /// Would have left the host with a source MAC that is not LOCAL's.
    ForgedHostMac = 20,
    /// ARP of a station about its own address, an announcement or a probe; or anything to its own MAC.
    OwnAddress = 21,
    /// To a direct port that is not there, or whose address has no MAC.
    NoDirectPort = 22,
    /// ARP of a direct port for what the switch cannot answer: it never leaves.
    StationArp = 23,
    /// Malformed IPv4 or ARP, IPv4 of protocol 0, or ARP of an operation that does not exist: Open vSwitch rewrites none
    /// of them.
    Unwritable = 24,
    /// To a floating IP, from where a provider routes fixed addresses to: the answer would come from the fixed one.
    ToFloating = 25,
    /// Longer than the provider takes.
    TooLong = 26,
    /// From an instance without a floating IP, while all ports of the shared address are in use towards there.
    PortsExhausted = 27,
    /// From an instance without a floating IP, and of a kind that the connection tracker does not take.
    Untracked = 28,
    /// To a shared address, and no answer to anything.
    Unsolicited = 29,
    /// An answer to a question of a fence that is over.
    LateAnswer = 30,
}

impl DropReason {
    const ALL: [Self; 30] = [
        Self::NoMatch,
        Self::UnknownPort,
        Self::ForgedMac,
        Self::ForgedAddress,
        Self::ForgedArp,
        Self::NotIpv4,
        Self::UnknownArpTarget,
        Self::UnassociatedArp,
        Self::ClaimedAddress,
        Self::Unassociated,
        Self::NoFloatingIp,
        Self::NotFloating,
        Self::UnresolvedGateway,
        Self::UnregisteredMac,
        Self::UnregisteredArpSender,
        Self::Multicast,
        Self::UnknownInstance,
        Self::ToGateway,
        Self::NoPatchPort,
        Self::ForgedHostMac,
        Self::OwnAddress,
        Self::NoDirectPort,
        Self::StationArp,
        Self::Unwritable,
        Self::ToFloating,
        Self::TooLong,
        Self::PortsExhausted,
        Self::Untracked,
        Self::Unsolicited,
        Self::LateAnswer,
    ];

    /// The number that stands in cookies.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The reason with this number.
    pub fn of(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| u32::from(reason.number()) == number)
    }

    /// The word that metrics have for it. It does not change.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoMatch => "no_match",
            Self::UnknownPort => "unknown_port",
            Self::ForgedMac => "forged_mac",
            Self::ForgedAddress => "forged_address",
            Self::ForgedArp => "forged_arp",
            Self::NotIpv4 => "not_ipv4",
            Self::UnknownArpTarget => "unknown_arp_target",
            Self::UnassociatedArp => "unassociated_arp",
            Self::ClaimedAddress => "claimed_address",
            Self::Unassociated => "unassociated",
            Self::NoFloatingIp => "no_floating_ip",
            Self::NotFloating => "not_floating",
            Self::UnresolvedGateway => "unresolved_gateway",
            Self::UnregisteredMac => "unregistered_mac",
            Self::UnregisteredArpSender => "unregistered_arp_sender",
            Self::Multicast => "multicast",
            Self::UnknownInstance => "unknown_instance",
            Self::ToGateway => "to_gateway",
            Self::NoPatchPort => "no_patch_port",
            Self::ForgedHostMac => "forged_host_mac",
            Self::OwnAddress => "own_address",
            Self::NoDirectPort => "no_direct_port",
            Self::StationArp => "station_arp",
            Self::Unwritable => "unwritable",
            Self::ToFloating => "to_floating",
            Self::TooLong => "too_long",
            Self::PortsExhausted => "ports_exhausted",
            Self::Untracked => "untracked",
            Self::Unsolicited => "unsolicited",
            Self::LateAnswer => "late_answer",
        }
    }

    /// What an admin reads.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoMatch => "nothing in the table took it",
            Self::UnknownPort => "from a port that Buoy does not know",
            Self::ForgedMac => "forged source MAC",
            Self::ForgedAddress => "forged source address",
            Self::ForgedArp => "forged ARP sender",
            Self::NotIpv4 => "neither IPv4 nor ARP",
            Self::UnknownArpTarget => "ARP for an address that nobody in the network has",
            Self::UnassociatedArp => "ARP for an address that is not associated",
            Self::ClaimedAddress => "an address of a pool claimed from outside",
            Self::Unassociated => "to an address that is not associated",
            Self::NoFloatingIp => "from an instance without a floating IP",
            Self::NotFloating => "from br-int, but not from a floating IP",
            Self::UnresolvedGateway => "the gateway's MAC is not known",
            Self::UnregisteredMac => "guard: source MAC not registered",
            Self::UnregisteredArpSender => "guard: ARP sender not registered",
            Self::Multicast => "multicast or broadcast of an instance",
            Self::UnknownInstance => "to an instance that is not in the network",
            Self::ToGateway => "to the network's gateway itself",
            Self::NoPatchPort => "no patch port to the other bridge",
            Self::ForgedHostMac => "from the host, with a MAC that is not its own",
            Self::OwnAddress => "about a station's own address, or to itself",
            Self::NoDirectPort => "to a direct port that is not there",
            Self::StationArp => "ARP of a direct port that is not answered here",
            Self::Unwritable => "malformed IPv4 or ARP, or a kind that cannot be rewritten",
            Self::ToFloating => "to a floating IP, from where only fixed addresses are reached (no_snat)",
            Self::TooLong => "longer than the provider's MTU",
            Self::PortsExhausted => "no port of the shared or the gateway's address is free",
            Self::Untracked => "nothing that the connection tracker takes",
            Self::Unsolicited => "to a shared address, and not an answer",
            Self::LateAnswer => "an answer to a fence that is over",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_leads_back_to_its_reason() {
        assert!(DropReason::ALL.is_sorted_by_key(|reason| reason.number()));
        for reason in DropReason::ALL {
            assert_eq!(DropReason::of(u32::from(reason.number())), Some(reason));
        }
        assert_eq!(DropReason::of(0), None);
        assert_eq!(DropReason::of(0x101), None);
    }
}
