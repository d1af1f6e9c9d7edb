//! What the fleet is made of: hosts of two bridges each, and the site that they belong to.
//!
//! Floating IPs are from 198.18.0.0/15, which is set apart for benchmarks (RFC 2544). Inside, all tenants have the same
//! addresses.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use buoy_topology::{DatapathId, MacAddr, PortNo};
use serde_json::{Map, Value, json};

/// How large the fleet is.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    hosts: u32,
    slow: u32,
    addresses: u32,
}

/// Which bridge of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The provider's bridge.
    External,
    /// The instances' bridge.
    Integration,
}

/// A bridge as it tells of itself.
#[derive(Clone, Debug)]
pub struct BridgeSpec {
    /// Its name.
    pub name: String,
    /// Its number.
    pub datapath_id: DatapathId,
    /// Its ports beside LOCAL.
    pub ports: Vec<(PortNo, String)>,
    /// The MAC of LOCAL; the ports have those that follow.
    pub mac: MacAddr,
}

impl Layout {
    /// So many switches with so many floating IPs for each pair of them, and so many slow hosts beside.
    pub fn new(switches: u32, addresses: u32, slow: u32) -> Result<Self> {
        ensure!(
            switches >= 2 && switches.is_multiple_of(2),
            "--switches {switches}: a host has two, so give an even number"
        );
        let layout = Self { hosts: switches / 2, slow, addresses };
        ensure!(switches <= MOST_SWITCHES, "--switches {switches}: the daemon takes at most {MOST_SWITCHES} here");
        ensure!(slow <= MOST_SLOW, "--slow {slow}: at most {MOST_SLOW}");
        ensure!(
            (1..=MOST_ADDRESSES).contains(&addresses),
            "--addresses {addresses}: 1 to {MOST_ADDRESSES} for each host"
        );
        let (hosts, block) = (layout.all_hosts(), layout.block());
        ensure!(
            u64::from(hosts) * u64::from(block) <= u64::from(BENCHMARK_ADDRESSES),
            "{hosts} hosts with blocks of {block} addresses do not fit into 198.18.0.0/15: give fewer"
        );
        Ok(layout)
    }

    /// The hosts, without the slow ones.
    pub fn hosts(self) -> std::ops::Range<u32> {
        0..self.hosts
    }

    /// The slow hosts.
    pub fn slow_hosts(self) -> std::ops::Range<u32> {
        self.hosts..self.all_hosts()
    }

    /// Floating IPs of a host.
    pub fn addresses(self) -> u32 {
        self.addresses
    }

    fn all_hosts(self) -> u32 {
        self.hosts + self.slow
    }

    /// The addresses of a host are the first of a block, so that all pools are cut into the same blocks.
    fn block(self) -> u32 {
        self.addresses.next_power_of_two()
    }

    /// The address that a host's bridges connect from.
    pub fn source(host: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(FIRST_SOURCE + host)
    }

    /// A bridge of a host.
    pub fn bridge(self, host: u32, kind: Kind) -> BridgeSpec {
        let external = bridge_name(host, Kind::External);
        let (side, names) = match kind {
            Kind::External => (0, vec![UPLINK.to_owned(), format!("phy-{external}")]),
            Kind::Integration => {
                let guests = (0..self.addresses).map(guest_port);
                (1, std::iter::once(format!("int-{external}")).chain(guests).collect())
            }
        };
        let [a, b, c, d] = (host << 1 | side).to_be_bytes();
        BridgeSpec {
            name: bridge_name(host, kind),
            datapath_id: DatapathId(u64::from(host) << 1 | u64::from(side) | 1 << 40),
            ports: (1..).map(PortNo).zip(names).collect(),
            mac: MacAddr::new([0x06, a, b, c, d, 0]),
        }
    }

    /// The floating IP of an instance.
    pub fn floating_ip(self, host: u32, number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(BENCHMARK_FIRST + host * self.block() + number)
    }

    /// The name of an instance.
    pub fn instance(host: u32, number: u32) -> String {
        format!("vm-{host}-{number}")
    }

    /// The entries of the site, each with its noun, in an order in which a part may end anywhere.
    pub fn entries(self) -> impl Iterator<Item = (&'static str, Value)> {
        (0..self.all_hosts()).flat_map(move |host| self.entries_of(host))
    }

    fn entries_of(self, host: u32) -> impl Iterator<Item = (&'static str, Value)> {
        let (first, last) = (self.floating_ip(host, 0), self.floating_ip(host, self.addresses - 1));
        let (provider, pool, network) = (format!("as-{host}"), format!("pool-{host}"), format!("net-{host}"));
        let head = [
            (
                "provider",
                json!({
                    "name": provider, "bridge": bridge_name(host, Kind::External), "uplink": UPLINK,
                    "gateway": GATEWAY,
                }),
            ),
            ("pool", json!({"name": pool, "provider": provider, "range": [format!("{first}-{last}")]})),
            ("network", json!({"name": network, "cidr": "10.0.0.0/16", "gateway": "10.0.0.1"})),
        ];
        let guests = (0..self.addresses).flat_map(move |number| {
            let [_, a, b, c] = number.to_be_bytes();
            let interface = json!({
                "network": network, "port": guest_port(number), "mac": format!("02:00:0a:{a:02x}:{b:02x}:{c:02x}"),
                "ip": Ipv4Addr::from_bits(FIRST_FIXED + number),
            });
            let name = Self::instance(host, number);
            let address = self.floating_ip(host, number);
            [
                (
                    "instance",
                    json!({"name": name, "bridge": bridge_name(host, Kind::Integration), "interface": [interface]}),
                ),
                ("fip", json!({"address": address, "instance": name})),
            ]
        });
        head.into_iter().chain(guests)
    }

    /// The entries in parts that each fit into a line of the socket.
    pub fn parts(self) -> Vec<Map<String, Value>> {
        let (mut parts, mut part, mut size) = (Vec::new(), Map::new(), 0);
        for (noun, entry) in self.entries() {
            size += entry.to_string().len() + 1;
            if let Value::Array(entries) = part.entry(noun).or_insert_with(|| json!([])) {
                entries.push(entry);
            }
            if size >= PART {
                parts.push(std::mem::take(&mut part));
                size = 0;
            }
        }
        if !part.is_empty() {
            parts.push(part);
        }
        parts
    }
}

/// The name of a bridge.
pub fn bridge_name(host: u32, kind: Kind) -> String {
    match kind {
        Kind::External => format!("br-ex-{host}"),
        Kind::Integration => format!("br-int-{host}"),
    }
}

fn guest_port(number: u32) -> String {
    format!("tap{number}")
}

/// The gateway of all providers.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

const UPLINK: &str = "eth0";
/// 127.1.0.1
const FIRST_SOURCE: u32 = 0x7f01_0001;
/// 10.0.1.0
const FIRST_FIXED: u32 = 0x0a00_0100;
const BENCHMARK_FIRST: u32 = 0xc612_0000;
const BENCHMARK_ADDRESSES: u32 = 1 << 17;
/// The daemon has places for 4,096 connections, and the tool as many threads.
const MOST_SWITCHES: u32 = 4_000;
const MOST_SLOW: u32 = 32;
/// As many fit into the network beside its gateway.
const MOST_ADDRESSES: u32 = 60_000;
/// Bytes of entries in a part of the site.
const PART: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_that_cannot_be_is_refused_with_the_reason() {
        for (switches, addresses, slow, reason) in [
            (3, 1, 0, "even number"),
            (0, 1, 0, "even number"),
            (4_002, 1, 0, "at most 4000"),
            (2, 0, 0, "1 to 60000"),
            (2, 1, 33, "at most 32"),
            (1_000, 257, 0, "give fewer"),
        ] {
            let error = Layout::new(switches, addresses, slow).unwrap_err().to_string();
            assert!(error.contains(reason), "{switches} {addresses} {slow}: {error}");
        }
    }

    #[test]
    fn no_two_hosts_share_an_address_or_a_bridge() {
        let layout = Layout::new(8, 3, 1).unwrap();
        let all: Vec<_> = layout.hosts().chain(layout.slow_hosts()).collect();
        let mut ids: Vec<_> = all
            .iter()
            .flat_map(|host| [Kind::External, Kind::Integration].map(|kind| layout.bridge(*host, kind).datapath_id))
            .collect();
        let mut addresses: Vec<_> =
            all.iter().flat_map(|host| (0..3).map(|number| layout.floating_ip(*host, number))).collect();
        assert_eq!((ids.len(), addresses.len()), (10, 15));
        ids.sort_unstable();
        ids.dedup();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!((ids.len(), addresses.len()), (10, 15));
    }
}
