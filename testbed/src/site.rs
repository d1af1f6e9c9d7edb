//! The site that demo and tests declare in lab `flat`, with the commands of a user.

use std::net::Ipv4Addr;

/// The first address of the pool.
pub const FLOATING_IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 100);
/// The on-link client.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 50);
/// The station behind the router.
pub const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
/// The host itself.
pub const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// The one MAC that the provider may see.
pub const REGISTERED_MAC: &str = "02:00:cb:00:71:02";
/// Frames that do not come from the provider's own stations: a filter for tcpdump on the LAN.
pub const FROM_US: &str = "not ether src 02:00:cb:00:71:01 and not ether src 02:00:cb:00:71:32";

/// What is declared before an address can be associated.
pub const DECLARATION: [&str; 5] = [
    "provider create lan --bridge br-ex --uplink uplink0 --gateway 203.0.113.1 --host-ip 203.0.113.2 --onlink 203.0.113.0/24",
    "pool create public --provider lan --range 203.0.113.100-203.0.113.119",
    "network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1",
    "instance add web-1 --network blue --port vm1 --mac 02:00:0a:00:00:0b --ip 10.0.0.11",
    "instance add web-2 --network blue --port vm2 --mac 02:00:0a:00:00:0c --ip 10.0.0.12",
];
