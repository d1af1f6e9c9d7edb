//! The tables, side by side. A packet only ever goes to a table with a higher number.

use crate::openflow::TableId;

/// br-ex, the provider's side.
pub mod external {
    use super::TableId;

    /// Who may send at all: uplink, host, br-int.
    pub const ADMIT: TableId = TableId(0);
    /// What the sender of an ARP packet teaches.
    pub const ARP: TableId = TableId(10);
    /// Who answers for the address that an ARP packet asks about.
    pub const ARP_TARGET: TableId = TableId(11);
    /// An answer made by the switch goes back to where the question came from.
    pub const ARP_ANSWER: TableId = TableId(12);
    /// To instances, or to the host.
    pub const INBOUND: TableId = TableId(20);
    /// From instances: which provider, which source MAC.
    pub const OUTBOUND: TableId = TableId(30);
    /// The destination MAC of what is not behind the gateway.
    pub const NEXT_HOP: TableId = TableId(40);
    /// The destination MAC of what is: one flow per provider.
    pub const GATEWAY: TableId = TableId(45);
    /// The only table that outputs to an uplink.
    pub const GUARD: TableId = TableId(50);

    /// All of them with the words that `buoyctl` shows.
    pub const NAMES: [(TableId, &str); 9] = [
        (ADMIT, "admit"),
        (ARP, "arp"),
        (ARP_TARGET, "arp target"),
        (ARP_ANSWER, "arp answer"),
        (INBOUND, "inbound"),
        (OUTBOUND, "outbound"),
        (NEXT_HOP, "next hop"),
        (GATEWAY, "gateway"),
        (GUARD, "guard"),
    ];
}

/// br-int, the instances' side.
pub mod integration {
    use super::TableId;

    /// Which interface, or which provider's bridge, the packet comes from.
    pub const ADMIT: TableId = TableId(0);
    /// Whether an instance speaks with its own addresses.
    pub const ANTI_SPOOF: TableId = TableId(5);
    /// Who answers an instance's ARP request.
    pub const ARP: TableId = TableId(10);
    /// Inside the network, or to its gateway.
    pub const L2: TableId = TableId(20);
    /// What a packet to the gateway's MAC is for.
    pub const ROUTE: TableId = TableId(30);
    /// What the tracker made of a packet to the network's gateway itself.
    pub const GATEWAY_BACK: TableId = TableId(32);
    /// Whether what goes to where fixed addresses are routed answers somebody who asked a floating IP.
    pub const ROUTED_BACK: TableId = TableId(35);
    /// The fixed source address becomes the floating one.
    pub const SOURCE_NAT: TableId = TableId(40);
    /// What the tracker made of a packet of an instance without a floating IP. Only where an address is shared.
    pub const SHARED_OUT: TableId = TableId(45);
    /// The floating destination address becomes the fixed one.
    pub const DESTINATION_NAT: TableId = TableId(50);
    /// What the tracker made of a packet to a shared address. Only where one is shared.
    pub const SHARED_BACK: TableId = TableId(52);
    /// What it is for an instance, with its fixed address again. Only where one is shared.
    pub const SHARED_HOME: TableId = TableId(55);
    /// Where a floating IP leads, for whom: an instance that has none is to be seen as another address.
    pub const HAIRPIN: TableId = TableId(56);
    /// What the tracker made of its packet.
    pub const HAIRPIN_OUT: TableId = TableId(58);
    /// To the provider's bridge.
    pub const EGRESS: TableId = TableId(60);
    /// Whether the provider takes a packet of this length.
    pub const SIZE: TableId = TableId(65);
    /// To an instance's port.
    pub const DELIVER: TableId = TableId(70);

    /// All of them with the words that `buoyctl` shows.
    pub const NAMES: [(TableId, &str); 14] = [
        (ADMIT, "admit"),
        (ANTI_SPOOF, "anti-spoof"),
        (ARP, "arp"),
        (L2, "l2"),
        (ROUTE, "route"),
        (GATEWAY_BACK, "gateway back"),
        (ROUTED_BACK, "routed back"),
        (SOURCE_NAT, "source nat"),
        (DESTINATION_NAT, "destination nat"),
        (HAIRPIN, "hairpin"),
        (HAIRPIN_OUT, "hairpin out"),
        (EGRESS, "egress"),
        (SIZE, "size"),
        (DELIVER, "deliver"),
    ];

    /// The words for the tables that are there only where an address is shared.
    pub const SHARED_NAMES: [(TableId, &str); 3] =
        [(SHARED_OUT, "shared out"), (SHARED_BACK, "shared back"), (SHARED_HOME, "shared home")];
}

/// The only table of a bridge that no provider names.
pub const UNCONFIGURED: TableId = TableId(0);
