//! From the machine as it is to the steps that put its uplink into a bridge, and to those that take it out again. Pure.
//!
//! The order keeps the host reachable. First the bridge is made, with the uplink's MAC, secure and with its controller:
//! nothing of the host goes by it yet. Only when it has its flows the uplink becomes its port; from then on frames come in
//! by the bridge and still leave by the uplink. Only when the flows lead both ways the addresses move.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::machine::{Link, Machine, Neighbour};
use super::names::InterfaceName;
use super::ovs;
use super::route::Route;
use super::settings::LOOSE;
use super::step::{Action, Path, Step};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) uplink: InterfaceName,
    pub(super) bridge: InterfaceName,
    /// The bridge of the guests, where there is to be one.
    pub(super) int_bridge: Option<InterfaceName>,
    pub(super) controller: String,
    /// Of bridges that are made.
    pub(super) datapath_type: Option<String>,
}

/// The steps, and those that undo them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// What a confirmation does.
    pub(super) confirmed: Vec<Step>,
    /// Each with the number of steps that must have begun before there is something to undo.
    pub(super) undo: Vec<(usize, Step)>,
}

/// The plan for a machine that [`super::check`] has nothing against.
pub(super) fn plan(machine: &Machine, wanted: &Wanted) -> Plan {
    let Wanted { uplink, bridge, .. } = wanted;
    let link = machine.link(uplink).cloned().unwrap_or_default();
    let mut plan = Plan::default();
    let bridges = Bridges { machine, wanted, link: &link };

    plan.steps.push(Step::new(
        format!("Make {bridge} with the MAC of {uplink}, secure and with its controller. Nothing of the host goes by it yet."),
        Action::Ovs(bridges.make()),
    ));
    let settings = machine.settings.iter().map(|own| (own.path(bridge), own.value.clone()));
    let loose = machine.rp_filter.iter().map(|own| (own.path(bridge), LOOSE.to_owned()));
    let settings: Vec<_> = settings.chain(loose).collect();
    if !settings.is_empty() {
        let what = format!(
            "Give {bridge} the settings that {uplink} has; what comes in by it may be answered by {uplink} for now."
        );
        plan.steps.push(Step::new(what, Action::Write(settings)));
    }
    let up = Action::Ip { lines: vec![format!("link set {bridge} up")], force: false };
    plan.steps.push(Step::new(format!("Bring {bridge} up, still without an address."), up));
    let served = [Some(bridge), wanted.int_bridge.as_ref()].into_iter().flatten().cloned().collect();
    let what = "Wait until the daemon has brought the bridges up to date: connected yes, applied yes.";
    plan.steps.push(Step::new(what, Action::AwaitBridges(served)));

    let add = [words(&["add-port", bridge.as_str(), uplink.as_str()]), transient("set", uplink)];
    plan.steps.push(Step::new(
        format!("Make {uplink} a port of {bridge}: what arrives comes in by the bridge, what the host sends still leaves by {uplink}."),
        Action::Ovs(add.to_vec()),
    ));
    let joined = plan.steps.len();
    let movement = Move::new(machine, &link, uplink);
    if let Some(path) = path(machine, &link, wanted, &movement) {
        let what = "Wait until the flows lead out and in: the last line of each names the other end.";
        plan.steps.push(Step::new(what, Action::AwaitPath(path)));
    }
    let lines = movement.lines(uplink, bridge);
    if !lines.is_empty() {
        plan.steps
            .push(Step::new("Move addresses, routes and neighbours, all at once.", Action::Ip { lines, force: false }));
        let back = Action::Ip { lines: movement.lines(bridge, uplink), force: true };
        plan.undo.push((plan.steps.len(), Step::new("Move addresses, routes and neighbours back.", back)));
    }
    if let Some(own) = machine.rp_filter.as_ref().filter(|own| own.value != LOOSE) {
        let filter = |value: &str| Action::Write(vec![(own.path(bridge), value.to_owned())]);
        let what = format!("What comes in by {bridge} is answered by it from now on: be as strict as {uplink} was.");
        plan.steps.push(Step::new(what, filter(&own.value)));
        let what = format!("What comes in by {bridge} may be answered by {uplink} again.");
        plan.undo.insert(0, (plan.steps.len(), Step::new(what, filter(LOOSE))));
    }

    let leave = vec![words(&["--if-exists", "del-port", bridge.as_str(), uplink.as_str()])];
    plan.undo.push((joined, Step::new(format!("Take {uplink} out of {bridge}."), Action::Ovs(leave))));
    plan.undo.extend(bridges.restore_link().into_iter().map(|step| (2, step)));
    let what = "Remove what was made, and put back what was changed.";
    plan.undo.push((1, Step::new(what, Action::Ovs(bridges.unmake()))));
    plan.confirmed.push(Step::new(
        format!("Keep {uplink} in {bridge} when Open vSwitch starts anew."),
        Action::Ovs(vec![transient("remove", uplink)]),
    ));
    plan
}

/// A port that is marked so is taken out by `ovs-ctl --delete-transient-ports`, which some systems run at boot.
fn transient(verb: &str, uplink: &InterfaceName) -> Vec<String> {
    match verb {
        "set" => words(&["set", "port", uplink.as_str(), "other_config:transient=true"]),
        _ => words(&["--if-exists", "remove", "port", uplink.as_str(), "other_config", "transient"]),
    }
}

/// What moves from one interface to another.
struct Move<'a> {
    home: &'a InterfaceName,
    addresses: &'a [Address],
    routes: Vec<&'a Route>,
    neighbours: Vec<&'a Neighbour>,
}

impl<'a> Move<'a> {
    fn new(machine: &'a Machine, link: &'a Link, home: &'a InterfaceName) -> Self {
        let routes = machine.made_routes(home);
        // Who was heard lately, and whom the routes go by: nobody has to be asked anew.
        let is_gateway = |own: &Neighbour| routes.iter().any(|route| route.gateway.as_ref() == Some(&own.address));
        let is_known = |own: &&Neighbour| {
            let is = |states: &[&str]| own.state.iter().any(|state| states.contains(&&**state));
            own.mac.is_some() && (is(&LATELY) || is(&["STALE"]) && is_gateway(own))
        };
        let neighbours = machine.neighbours.iter().filter(is_known).collect();
        Self { home, addresses: &link.addresses, routes, neighbours }
    }

    /// Lines of `ip -batch`: all is there twice before the first is taken away, so that no packet is without a way.
    fn lines(&self, from: &InterfaceName, to: &InterfaceName) -> Vec<String> {
        // The uplink keeps what is of the link only: nobody reaches it there, and it need not come back.
        let moving = self.addresses.iter().filter(|own| to != self.home || !own.is_link_local());
        let mut lines: Vec<_> = moving.map(|own| own.replace(self.home, to)).collect();
        lines.extend(self.routes.iter().map(|route| route.replace(to)));
        lines.extend(self.neighbours.iter().filter_map(|own| {
            let state = if own.state.iter().any(|state| state == "PERMANENT") { "permanent" } else { "reachable" };
            Some(format!("neighbour replace {} lladdr {} dev {to} nud {state}", own.address, own.mac.as_ref()?))
        }));
        // The first address of a subnet takes the others along when it goes, so it goes last.
        let wider = self.addresses.iter().rev().filter(|own| !own.is_link_local());
        lines.extend(wider.map(|own| own.delete(from)));
        lines
    }
}

const LATELY: [&str; 4] = ["REACHABLE", "DELAY", "PROBE", "PERMANENT"];

/// The way that a packet of the host takes, by the first address that has one.
fn path(machine: &Machine, link: &Link, wanted: &Wanted, movement: &Move<'_>) -> Option<Path> {
    let own = link.wider_addresses().next()?;
    let of_family = |text: &str| text.parse().ok().filter(|hop: &IpAddr| hop.is_ipv4() == own.local.is_ipv4());
    let gateway = movement.routes.iter().filter_map(|route| route.gateway.as_deref()).find_map(of_family);
    let gateway = gateway.or(own.peer).unwrap_or(own.local);
    let known = machine.neighbours.iter().find(|neighbour| neighbour.address == gateway.to_string());
    let gateway_mac = known.and_then(|neighbour| neighbour.mac.clone()).unwrap_or_else(|| SOMEBODY.to_owned());
    let Wanted { uplink, bridge, .. } = wanted.clone();
    Some(Path { bridge, uplink, mac: link.mac.clone(), host: own.local, gateway, gateway_mac })
}

/// A MAC of nobody, for a gateway that was not heard yet.
const SOMEBODY: &str = "02:00:00:00:00:01";

/// What becomes of the bridges themselves.
struct Bridges<'a> {
    machine: &'a Machine,
    wanted: &'a Wanted,
    link: &'a Link,
}

impl Bridges<'_> {
    /// The commands of one transaction.
    fn make(&self) -> Vec<Vec<String>> {
        let bridge = self.wanted.bridge.as_str();
        let mut commands = self.make_bridge(&self.wanted.bridge);
        let hwaddr = format!("other_config:hwaddr=\"{}\"", self.link.mac);
        commands.push(words(&["set", "bridge", bridge, &hwaddr]));
        if self.link.mtu != USUAL_MTU {
            commands.push(words(&["set", "interface", bridge, &format!("mtu_request={}", self.link.mtu)]));
        }
        commands.extend(self.point(&self.wanted.bridge));
        if let Some(int_bridge) = &self.wanted.int_bridge {
            commands.extend(self.make_bridge(int_bridge));
            commands.extend(self.point(int_bridge));
            for (on, port, peer) in self.patches(int_bridge) {
                if !self.has_port(on, &port) {
                    commands.push(words(&["add-port", on.as_str(), port.as_str()]));
                    let peer = format!("options:peer={peer}");
                    commands.push(words(&["set", "interface", port.as_str(), "type=patch", &peer]));
                }
            }
        }
        commands
    }

    fn make_bridge(&self, name: &InterfaceName) -> Vec<Vec<String>> {
        if self.machine.bridge(name).is_some() {
            return Vec::new();
        }
        let mut commands = vec![words(&["add-br", name.as_str()])];
        // Bridges of two datapaths cannot be joined.
        let others = [Some(&self.wanted.bridge), self.wanted.int_bridge.as_ref()].into_iter().flatten();
        let likewise =
            others.filter_map(|other| self.machine.bridge(other)).map(|own| own.datapath_type.clone()).next();
        if let Some(kind) = likewise.or(self.wanted.datapath_type.clone()).filter(|kind| !kind.is_empty()) {
            commands.push(words(&["set", "bridge", name.as_str(), &format!("datapath_type={kind}")]));
        }
        commands
    }

    fn point(&self, name: &InterfaceName) -> Vec<Vec<String>> {
        let bridge = name.as_str();
        let mut commands = vec![words(&["set-fail-mode", bridge, "secure"])];
        if !self.is_pointed(name) {
            commands.push(words(&["set-controller", bridge, &self.wanted.controller]));
        }
        commands.push(words(&["set", "controller", bridge, "connection_mode=out-of-band"]));
        commands
    }

    fn is_pointed(&self, name: &InterfaceName) -> bool {
        self.machine.bridge(name).is_some_and(|own| own.controllers == [self.wanted.controller.clone()])
    }

    fn patches<'a>(&'a self, int_bridge: &'a InterfaceName) -> [(&'a InterfaceName, InterfaceName, InterfaceName); 2] {
        let bridge = &self.wanted.bridge;
        let (ours, theirs) = (bridge.prefixed("phy-"), bridge.prefixed("int-"));
        [(bridge, ours.clone(), theirs.clone()), (int_bridge, theirs, ours)]
    }

    fn has_port(&self, bridge: &InterfaceName, port: &InterfaceName) -> bool {
        let has = |own: &ovs::Bridge| own.ports.iter().any(|own| own.name == port.as_str());
        self.machine.bridge(bridge).is_some_and(has)
    }

    /// What a bridge that was there has to get back besides its place in Open vSwitch.
    fn restore_link(&self) -> Vec<Step> {
        let bridge = &self.wanted.bridge;
        if self.machine.bridge(bridge).is_none() {
            return Vec::new();
        }
        let mut steps = Vec::new();
        let settings = self.machine.settings.iter().chain(&self.machine.rp_filter);
        let settings: Vec<_> = settings.map(|own| (own.path(bridge), own.was.clone())).collect();
        if !settings.is_empty() {
            steps.push(Step::new(format!("Give {bridge} its settings back."), Action::Write(settings)));
        }
        if self.machine.link(bridge).is_some_and(|link| !link.is_up()) {
            let lines = vec![format!("link set {bridge} down")];
            steps.push(Step::new(format!("Take {bridge} down, as it was."), Action::Ip { lines, force: true }));
        }
        steps
    }

    /// The transaction that takes back what [`Bridges::make`] did, also where that was done in part or never.
    fn unmake(&self) -> Vec<Vec<String>> {
        let mut commands = Vec::new();
        if let Some(int_bridge) = &self.wanted.int_bridge {
            for (on, port, _) in self.patches(int_bridge) {
                if !self.has_port(on, &port) {
                    commands.push(words(&["--if-exists", "del-port", port.as_str()]));
                }
            }
            commands.extend(self.unmake_bridge(int_bridge));
        }
        commands.extend(self.unmake_bridge(&self.wanted.bridge));
        let Some(bridge) = self.machine.bridge(&self.wanted.bridge) else { return commands };
        let name = bridge.name.as_str();
        commands.push(match &bridge.hwaddr {
            Some(mac) => words(&["set", "bridge", name, &format!("other_config:hwaddr=\"{mac}\"")]),
            None => words(&["remove", "bridge", name, "other_config", "hwaddr"]),
        });
        let local = bridge.ports.iter().flat_map(|port| &port.interfaces).find(|own| own.name == name);
        commands.push(match local.and_then(|own| own.mtu_request) {
            Some(mtu) => words(&["set", "interface", name, &format!("mtu_request={mtu}")]),
            None => words(&["clear", "interface", name, "mtu_request"]),
        });
        commands
    }

    fn unmake_bridge(&self, name: &InterfaceName) -> Vec<Vec<String>> {
        let Some(bridge) = self.machine.bridge(name) else {
            return vec![words(&["--if-exists", "del-br", name.as_str()])];
        };
        let mut commands = vec![match &bridge.fail_mode {
            Some(mode) => words(&["set-fail-mode", &bridge.name, mode]),
            None => words(&["del-fail-mode", &bridge.name]),
        }];
        if !self.is_pointed(name) {
            commands.push(words(&["del-controller", &bridge.name]));
        }
        commands
    }
}

/// What Open vSwitch gives LOCAL by itself.
const USUAL_MTU: u64 = 1500;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
