//! The priorities of the one table, side by side: which flow wins where several match.

/// br-ex, by the port that a packet came in on.
pub(super) mod external {
    // From the uplink and from the host: ARP.
    /// Somebody claims an address of a pool.
    pub(crate) const CLAIMED: u16 = 310;
    /// Somebody asks for an associated floating IP.
    pub(crate) const FLOATING: u16 = 300;
    /// Somebody asks for any other address of a pool.
    pub(crate) const NOBODY: u16 = 250;
    /// A known station asks with its known MAC: that teaches nothing.
    pub(crate) const KNOWN: u16 = 210;
    /// The gateway speaks.
    pub(crate) const LEARN_GATEWAY: u16 = 200;
    /// An on-link neighbour speaks.
    pub(crate) const LEARN_ONLINK: u16 = 190;
    /// The host speaks.
    pub(crate) const LEARN_HOST: u16 = 180;
    /// What is added where the destination is the uplink's MAC, and LOCAL has another one.
    pub(crate) const TRANSLATED: u16 = 5;

    // From the uplink and from the host: everything else.
    /// To an address of a pool.
    pub(crate) const INSTANCES: u16 = 200;
    /// Between provider and host.
    pub(crate) const HOST: u16 = 100;
    /// From the host, with a MAC that is not its own.
    pub(crate) const FORGED: u16 = 50;

    // From br-int.
    /// With a fixed address as source: it never leaves, wherever it goes.
    pub(crate) const FIXED: u16 = 350;
    /// To the host itself.
    pub(crate) const TO_HOST: u16 = 300;
    /// To an address of a pool: back to br-int.
    pub(crate) const HAIRPIN: u16 = 250;
    /// To an on-link neighbour.
    pub(crate) const NEIGHBOUR: u16 = 200;
    /// To an on-link address that is not known.
    pub(crate) const UNRESOLVED: u16 = 150;
    /// From a floating IP that has a MAC of its own, to the gateway.
    pub(crate) const ADDRESS: u16 = 120;
    /// To the gateway.
    pub(crate) const FAR: u16 = 100;

    // From the controller.
    /// With a MAC that is registered for this address.
    pub(crate) const REGISTERED_ADDRESS: u16 = 110;
    /// With a MAC that is registered for all addresses.
    pub(crate) const REGISTERED: u16 = 100;

    /// The rest of what comes from br-int or from the controller.
    pub(crate) const END: u16 = 10;
}

/// br-int, by the port that a packet came in on.
pub(super) mod integration {
    /// What the switch would not rewrite, from wherever.
    pub(crate) const UNWRITABLE: u16 = 250;

    // From an instance, with its own MAC and address.
    /// A question by ARP.
    pub(crate) const ASK: u16 = 200;
    /// To the network's gateway itself.
    pub(crate) const GATEWAY: u16 = 160;
    /// To another instance of the network.
    pub(crate) const INSIDE: u16 = 150;
    /// To an address of the network that nobody has.
    pub(crate) const NOBODY: u16 = 140;
    /// To the world, from a floating IP.
    pub(crate) const FLOATING: u16 = 100;
    /// To the world, from an instance without one.
    pub(crate) const FIXED: u16 = 90;
    /// To no MAC that is served.
    pub(crate) const ASTRAY: u16 = 80;

    // From an instance, otherwise.
    /// With its own MAC, but not with its own address.
    pub(crate) const FORGED: u16 = 50;
    /// With its own MAC, neither IPv4 nor ARP.
    pub(crate) const NOT_IPV4: u16 = 40;
    /// With another MAC.
    pub(crate) const FORGED_MAC: u16 = 30;

    // From a provider's bridge.
    /// To an associated floating IP.
    pub(crate) const INWARD: u16 = 100;
    /// To anything else.
    pub(crate) const UNASSOCIATED: u16 = 10;
}
