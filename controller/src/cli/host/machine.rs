//! The machine as it is: interfaces, addresses, routes, bridges.

use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize;

use super::address::Address;
use super::error::HostError;
use super::names::InterfaceName;
use super::ovs;
use super::route::Route;
use super::run::{OVS_TIMEOUT, run, run_json};
use super::settings::{self, Setting};

/// What was read of the machine for one uplink and one bridge.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    pub(super) links: Vec<Link>,
    /// Of both families and all tables.
    pub(super) routes: Vec<Route>,
    /// Of the uplink.
    pub(super) neighbours: Vec<Neighbour>,
    pub(super) bridges: Vec<ovs::Bridge>,
    /// What the uplink's settings have that those of the bridge have not.
    pub(super) settings: Vec<Setting>,
    /// How strictly the uplink asks whether an answer would leave by it too.
    pub(super) rp_filter: Option<Setting>,
    /// Rules and filters that name the uplink, each by the command that shows it.
    pub(super) named_by: Vec<&'static str>,
}

/// An interface.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Link {
    pub(super) ifindex: u32,
    #[serde(rename = "ifname")]
    pub(super) name: String,
    #[serde(default)]
    pub(super) flags: Vec<String>,
    #[serde(default)]
    pub(super) mtu: u64,
    #[serde(default)]
    pub(super) link_type: String,
    #[serde(rename = "address", default)]
    pub(super) mac: String,
    #[serde(default)]
    pub(super) master: Option<String>,
    /// The interface that it stands on.
    #[serde(rename = "link", default)]
    pub(super) parent: Option<String>,
    #[serde(default)]
    pub(super) linkinfo: Kind,
    #[serde(rename = "addr_info", default)]
    pub(super) addresses: Vec<Address>,
}

/// What the kernel says an interface is.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Kind {
    #[serde(rename = "info_kind", default)]
    pub(super) name: String,
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        self.flags.iter().any(|flag| flag == "UP")
    }

    /// The addresses that are not of this link only.
    pub(super) fn wider_addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(|own| !own.is_link_local())
    }
}

/// Who was heard on an interface.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Neighbour {
    #[serde(rename = "dst")]
    pub(super) address: String,
    #[serde(rename = "lladdr", default)]
    pub(super) mac: Option<String>,
    #[serde(default)]
    pub(super) state: Vec<String>,
}

impl Machine {
    /// Reads it, with this uplink and this bridge in view.
    pub(super) fn read(uplink: &InterfaceName, bridge: &InterfaceName) -> Result<Self, HostError> {
        let links: Vec<Link> = read_links()?;
        let mut machine = Self { routes: read_routes()?, bridges: read_bridges()?, ..Self::default() };
        if links.iter().any(|link| link.name == uplink.as_str()) {
            machine.neighbours = run_json("ip", &["-j", "neighbour", "show", "dev", uplink.as_str()])?;
            machine.settings = settings::differing(Path::new("/"), uplink, bridge);
            machine.rp_filter = settings::rp_filter(Path::new("/"), uplink, bridge);
            machine.named_by = named_by(uplink);
        }
        Ok(Self { links, ..machine })
    }

    pub(super) fn link(&self, name: &InterfaceName) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name.as_str())
    }

    pub(super) fn bridge(&self, name: &InterfaceName) -> Option<&ovs::Bridge> {
        self.bridges.iter().find(|bridge| bridge.name == name.as_str())
    }

    /// The bridge that has a port with this interface.
    pub(super) fn bridge_with(&self, interface: &InterfaceName) -> Option<&ovs::Bridge> {
        let has = |port: &ovs::Port| port.interfaces.iter().any(|own| own.name == interface.as_str());
        self.bridges.iter().find(|bridge| bridge.ports.iter().any(has))
    }

    /// The routes out of an interface that somebody made, in the order in which they can be made again.
    pub(super) fn made_routes(&self, interface: &InterfaceName) -> Vec<&Route> {
        let addresses = self.link(interface).map(|link| &*link.addresses).unwrap_or_default();
        let leads = self.routes.iter().filter(|route| route.leads_by(interface) && !route.is_automatic(addresses));
        let mut routes: Vec<_> = leads.collect();
        routes.sort_by_key(|route| route.needs_another());
        routes
    }

    /// The next hops of default routes out of an interface.
    pub(super) fn gateways(&self, interface: &InterfaceName) -> impl Iterator<Item = IpAddr> {
        let routes = self.made_routes(interface).into_iter().filter(|route| route.dst == "default");
        routes.filter_map(|route| route.gateway.as_ref()?.parse().ok())
    }

    /// Addresses and routes of an interface as text, to compare what is with what was.
    pub(super) fn reach(&self, interface: &InterfaceName) -> Vec<String> {
        let addresses = self.link(interface).into_iter().flat_map(Link::wider_addresses);
        let addresses = addresses.map(|own| format!("address {}/{}", own.local, own.prefixlen));
        let routes = self.made_routes(interface).into_iter().map(|route| route.lasting(interface));
        addresses.chain(routes).collect()
    }
}

/// All interfaces with their addresses.
pub(super) fn read_links() -> Result<Vec<Link>, HostError> {
    run_json("ip", &["-j", "-d", "address", "show"])
}

/// All bridges of Open vSwitch.
pub(super) fn read_bridges() -> Result<Vec<ovs::Bridge>, HostError> {
    let mut words = vec![OVS_TIMEOUT];
    words.extend(ovs::QUERY);
    words.push("Controller");
    let text = run("ovs-vsctl", &words, "").map_err(|error| match error {
        HostError::Command { complaint, .. } => HostError::Broken(format!("Open vSwitch does not answer: {complaint}")),
        other => other,
    })?;
    ovs::parse(&text).map_err(|source| HostError::Unreadable { command: "ovs-vsctl list".to_owned(), source })
}

fn read_routes() -> Result<Vec<Route>, HostError> {
    let mut routes: Vec<Route> = run_json("ip", &["-4", "-j", "-d", "route", "show", "table", "all"])?;
    let v6: Vec<Route> = run_json("ip", &["-6", "-j", "-d", "route", "show", "table", "all"])?;
    routes.extend(v6.into_iter().map(Route::of_v6));
    Ok(routes)
}

/// Who names the uplink: rules that match on it do not see what comes by the bridge.
fn named_by(uplink: &InterfaceName) -> Vec<&'static str> {
    let sources: [(&'static str, &'static str, &[&str]); 5] = [
        ("ip rule", "ip", &["-4", "rule"]),
        ("ip -6 rule", "ip", &["-6", "rule"]),
        ("nft list ruleset", "nft", &["list", "ruleset"]),
        ("iptables-save", "iptables-save", &[]),
        ("ip6tables-save", "ip6tables-save", &[]),
    ];
    let names = |text: &str| {
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | '{' | '}'));
        words.into_iter().any(|word| word == uplink.as_str())
    };
    let tells = |program, words: &[&str]| run(program, words, "").is_ok_and(|text| names(&text));
    sources.into_iter().filter(|(_, program, words)| tells(program, words)).map(|(shown, ..)| shown).collect()
}
