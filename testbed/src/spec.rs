//! A lab as data: what stands in `labs/*.toml`, checked once when it is read.

use std::collections::HashSet;
use std::net::IpAddr;

use anyhow::{Context as _, Result, bail, ensure};
use buoy_topology::MacAddr;
use ipnet::IpNet;
use serde::Deserialize;

use crate::police::Rules;

/// The node name of the lab's root namespace, where Open vSwitch and the daemon run.
pub const HOST: &str = "host";

/// A whole lab: bridges of the host, the provider's switches, nodes, and the links between them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabSpec {
    /// The word after `buoy-testbed up`.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// The range that floating IPs may be taken from, in the form that `buoyctl pool create --range` takes.
    pub pool: String,
    /// Open vSwitch bridges in the host.
    #[serde(default)]
    pub bridges: Vec<BridgeSpec>,
    /// Routes of the host beyond those of its bridges.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
    /// Patch links between them.
    #[serde(default)]
    pub patches: Vec<PatchSpec>,
    /// Kernel bridges of the provider, each in a namespace of its own.
    #[serde(default)]
    pub switches: Vec<SwitchSpec>,
    /// Hosts, routers and instances: namespaces.
    pub nodes: Vec<NodeSpec>,
    /// veth pairs.
    pub links: Vec<LinkSpec>,
    /// What stands between an uplink and its provider's router, one for each provider that polices.
    #[serde(default)]
    pub police: Vec<PoliceSpec>,
}

/// A node that passes on only what the provider allows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoliceSpec {
    /// The node.
    pub node: String,
    /// Its interface towards the server.
    pub server: String,
    /// Its interface towards the router.
    pub router: String,
    /// What it allows.
    pub rules: Rules,
}

/// An Open vSwitch bridge; its LOCAL port carries addresses of the host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeSpec {
    /// Name of the bridge and of its LOCAL port.
    pub name: String,
    /// 16 hex digits.
    pub datapath_id: String,
    /// MAC of LOCAL.
    pub mac: MacAddr,
    /// The host's addresses on LOCAL.
    #[serde(default)]
    pub addresses: Vec<IpNet>,
    /// The host's routes through LOCAL.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
}

/// A patch link between two bridges.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchSpec {
    /// One end.
    pub a: PatchEnd,
    /// The other end.
    pub b: PatchEnd,
}

/// One end of a patch link.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchEnd {
    /// The bridge that it is on.
    pub bridge: String,
    /// The port's name.
    pub port: String,
}

/// A kernel bridge in a namespace of its own: the LAN of a provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchSpec {
    /// Name of the namespace; the bridge in it is `br0`.
    pub name: String,
}

/// A namespace with an IP stack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its name in `exec` and in [`crate::Lab::node`].
    pub name: String,
    /// Whether it forwards IPv4.
    #[serde(default)]
    pub forwards: bool,
    /// Routes beyond those of its addresses.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
}

/// One route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// `default` or a CIDR.
    pub to: String,
    /// The next hop.
    pub via: Option<IpAddr>,
    /// The interface, where the next hop alone does not say it.
    pub dev: Option<String>,
    /// Whether the next hop lies outside every subnet of the interface.
    #[serde(default)]
    pub onlink: bool,
    /// Only packets from this address take it: what belongs to one provider does not leave by the other.
    pub from: Option<IpAddr>,
}

/// A veth pair.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    /// One end.
    pub a: LinkEnd,
    /// The other end.
    pub b: LinkEnd,
}

/// One end of a veth pair: an interface of a node or of the host, or a port of a bridge or switch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkEnd {
    /// The node, bridge or switch that it belongs to, or `host`.
    pub at: String,
    /// The interface's name there.
    pub name: String,
    /// Its MAC; the kernel picks one where none is given.
    pub mac: Option<MacAddr>,
    /// Addresses; only of a node or the host.
    #[serde(default)]
    pub addresses: Vec<IpNet>,
}

/// What a [`LinkEnd::at`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An Open vSwitch bridge of the host.
    Bridge,
    /// A switch of the provider.
    Switch,
    /// A node.
    Node,
    /// The host itself: an interface of it that is in no bridge.
    Host,
}

impl LabSpec {
    /// The lab of this name, of those that are built in.
    pub fn named(name: &str) -> Result<Self> {
        for text in LABS {
            let spec = Self::parse(text)?;
            if spec.name == name {
                return Ok(spec);
            }
        }
        let known: Vec<String> = Self::all()?.into_iter().map(|lab| lab.name).collect();
        bail!("there is no lab {name:?}; labs: {}", known.join(", "))
    }

    /// Every lab that is built in.
    pub fn all() -> Result<Vec<Self>> {
        LABS.iter().map(|text| Self::parse(text)).collect()
    }

    /// Reads and checks a description.
    pub fn parse(text: &str) -> Result<Self> {
        let spec: Self = toml::from_str(text).context("lab description")?;
        spec.check().with_context(|| format!("lab {}", spec.name))?;
        Ok(spec)
    }

    /// What this name stands for.
    pub fn place(&self, name: &str) -> Option<Place> {
        if name == HOST {
            Some(Place::Host)
        } else if self.bridges.iter().any(|bridge| bridge.name == name) {
            Some(Place::Bridge)
        } else if self.switches.iter().any(|switch| switch.name == name) {
            Some(Place::Switch)
        } else if self.nodes.iter().any(|node| node.name == name) {
            Some(Place::Node)
        } else {
            None
        }
    }

    /// Who polices at this node; the only one where none is named.
    pub fn police(&self, node: Option<&str>) -> Result<&PoliceSpec> {
        let mut posts = self.police.iter().filter(|police| node.is_none_or(|node| police.node == node));
        let first = posts.next().with_context(|| match node {
            Some(node) => format!("lab {} has no police at {node}", self.name),
            None => format!("lab {} has no police", self.name),
        })?;
        ensure!(posts.next().is_none(), "lab {} has several polices: name a node", self.name);
        Ok(first)
    }

    /// Every namespace below the host: nodes and switches.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        let nodes = self.nodes.iter().map(|node| node.name.as_str());
        nodes.chain(self.switches.iter().map(|switch| switch.name.as_str()))
    }

    /// All ends of all links.
    pub fn ends(&self) -> impl Iterator<Item = &LinkEnd> {
        self.links.iter().flat_map(|link| [&link.a, &link.b])
    }

    fn check(&self) -> Result<()> {
        let mut places = HashSet::from([HOST]);
        for name in self.namespaces().chain(self.bridges.iter().map(|bridge| bridge.name.as_str())) {
            ensure!(places.insert(name), "the name {name} is used twice");
        }
        let mut interfaces = HashSet::new();
        for bridge in &self.bridges {
            ensure!(
                bridge.datapath_id.len() == 16 && bridge.datapath_id.bytes().all(|digit| digit.is_ascii_hexdigit()),
                "datapath_id of {} is not 16 hex digits",
                bridge.name
            );
            interfaces.insert((HOST, bridge.name.as_str()));
        }
        for end in self.patches.iter().flat_map(|patch| [&patch.a, &patch.b]) {
            ensure!(self.place(&end.bridge) == Some(Place::Bridge), "patch port {} on no bridge", end.port);
            ensure!(interfaces.insert((HOST, end.port.as_str())), "interface {} is used twice", end.port);
        }
        for end in self.ends() {
            let place = self.place(&end.at).with_context(|| format!("link end {} at unknown {}", end.name, end.at))?;
            ensure!(end.name.len() <= INTERFACE_NAME_MAX, "interface name {} is too long", end.name);
            let is_port = matches!(place, Place::Bridge | Place::Switch);
            ensure!(!is_port || end.addresses.is_empty(), "port {} can have no address", end.name);
            let namespace = if place == Place::Bridge { HOST } else { end.at.as_str() };
            ensure!(interfaces.insert((namespace, end.name.as_str())), "interface {} is used twice", end.name);
        }
        let mut posts = HashSet::new();
        for police in &self.police {
            ensure!(posts.insert(&police.node), "two polices at {}", police.node);
            for name in [&police.server, &police.router] {
                ensure!(interfaces.contains(&(&*police.node, name)), "police without interface {name}");
            }
        }
        Ok(())
    }
}

/// IFNAMSIZ without the closing zero.
const INTERFACE_NAME_MAX: usize = 15;

/// The descriptions that are built in.
const LABS: &[&str] = &[
    include_str!("../labs/flat.toml"),
    include_str!("../labs/ten.toml"),
    include_str!("../labs/ovh.toml"),
    include_str!("../labs/hetzner.toml"),
    include_str!("../labs/bare.toml"),
    include_str!("../labs/bare-ovh.toml"),
    include_str!("../labs/two-as.toml"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, complaint: &str) {
        let error = LabSpec::parse(text).expect_err(complaint);
        assert!(format!("{error:#}").contains(complaint), "{error:#}");
    }

    const HEAD: &str = "name='x'\nsummary=''\npool=''\n";

    #[test]
    fn built_in_labs_are_sound() {
        let labs = LabSpec::all().expect("labs");
        assert_eq!(
            labs.iter().map(|lab| lab.name.as_str()).collect::<Vec<_>>(),
            ["flat", "ten", "ovh", "hetzner", "bare", "bare-ovh", "two-as"]
        );
    }

    #[test]
    fn an_unsound_lab_is_refused_with_the_reason() {
        check(&format!("{HEAD}nodes=[{{name='a'}},{{name='a'}}]\nlinks=[]"), "the name a is used twice");
        check(&format!("{HEAD}nodes=[{{name='host'}}]\nlinks=[]"), "the name host is used twice");
        check(&format!("{HEAD}nodes=[]\nlinks=[{{a={{at='q',name='e'}},b={{at='q',name='f'}}}}]"), "at unknown q");
        check(&format!("{HEAD}nodes=[]\nlinks=[]\ncolour='red'"), "unknown field `colour`");
        check(
            &format!("{HEAD}nodes=[{{name='a'}}]\nlinks=[{{a={{at='a',name='e'}},b={{at='a',name='e'}}}}]"),
            "interface e is used twice",
        );
        let rules = "rules={gateway='192.0.2.1',gateway_mac='02:00:00:00:00:01',bindings=[],only_to_gateway=true,who_has_per_minute=1}";
        let police = format!("{{node='a',server='s',router='r',{rules}}}");
        let links = "links=[{a={at='a',name='s'},b={at='a',name='t'}}]";
        check(&format!("{HEAD}nodes=[{{name='a'}}]\n{links}\npolice=[{police}]"), "police without interface r");
        let links = "links=[{a={at='a',name='s'},b={at='a',name='r'}}]";
        check(&format!("{HEAD}nodes=[{{name='a'}}]\n{links}\npolice=[{police},{police}]"), "two polices at a");
    }

    #[test]
    fn where_several_police_one_has_to_be_named() {
        let lab = LabSpec::named("two-as").expect("it is built in");
        assert_eq!(lab.police(Some("north")).expect("it polices").node, "north");
        for (lab, node, complaint) in [
            ("two-as", None, "lab two-as has several polices: name a node"),
            ("two-as", Some("remote"), "lab two-as has no police at remote"),
            ("flat", None, "lab flat has no police"),
        ] {
            let lab = LabSpec::named(lab).expect("it is built in");
            assert_eq!(lab.police(node).expect_err(complaint).to_string(), complaint);
        }
    }

    #[test]
    fn an_unknown_lab_is_answered_with_the_known_ones() {
        let error = LabSpec::named("moon").expect_err("no such lab");
        assert_eq!(
            error.to_string(),
            "there is no lab \"moon\"; labs: flat, ten, ovh, hetzner, bare, bare-ovh, two-as"
        );
    }
}
