//! What speaks against an adoption, and what the admin should know before it. Pure.

use super::error::HostError;
use super::machine::{Link, Machine};
use super::names::InterfaceName;
use super::ovs;
use super::plan::Wanted;

/// Refuses what cannot go well. Nothing has been touched then.
pub(super) fn refuse(machine: &Machine, wanted: &Wanted) -> Result<(), HostError> {
    let Wanted { uplink, bridge, int_bridge, .. } = wanted;
    if uplink == bridge || int_bridge.as_ref().is_some_and(|own| own == bridge || own == uplink) {
        let text = "--uplink, --bridge and --int-bridge name three different things";
        return Err(HostError::Invalid(text.to_owned()));
    }
    let Some(link) = machine.link(uplink) else {
        let uplinks =
            machine.links.iter().filter(|own| own.link_type == "ether" && own.wider_addresses().next().is_some());
        let known: Vec<_> = uplinks.map(|own| own.name.clone()).collect();
        let hint =
            if known.is_empty() { String::new() } else { format!(": with addresses there are {}", known.join(", ")) };
        return Err(HostError::NotFound(format!("there is no interface {uplink}{hint}")));
    };
    refuse_uplink(machine, link, wanted)?;
    if machine.bridge(bridge).is_none() && machine.link(bridge).is_some() {
        return Err(HostError::Conflict(format!("{bridge} is an interface already and no bridge of Open vSwitch")));
    }
    for name in [Some(bridge), int_bridge.as_ref()].into_iter().flatten() {
        refuse_bridge(machine, name, wanted)?;
    }
    let kinds = [Some(bridge), int_bridge.as_ref()].into_iter().flatten().filter_map(|name| machine.bridge(name));
    let mut kinds: Vec<_> =
        kinds.map(|own| own.datapath_type.as_str()).map(|own| if own.is_empty() { "system" } else { own }).collect();
    kinds.dedup();
    if let [one, other] = kinds[..] {
        let text = format!("the bridges have datapaths of two types, {one} and {other}, which no patch port can join");
        return Err(HostError::Conflict(text));
    }
    Ok(())
}

fn refuse_uplink(machine: &Machine, link: &Link, wanted: &Wanted) -> Result<(), HostError> {
    let Wanted { uplink, bridge, .. } = wanted;
    let conflict = |text: String| Err(HostError::Conflict(text));
    if let Some(own) = machine.bridges.iter().find(|own| own.name == link.name) {
        return conflict(format!("{} is a bridge itself, not an uplink", own.name));
    }
    if let Some(own) = machine.bridge_with(uplink) {
        return conflict(if own.name == bridge.as_str() {
            format!("{uplink} is in {bridge} already: there is nothing to adopt")
        } else {
            format!("{uplink} is a port of the bridge {} already: ovs-vsctl del-port {uplink} takes it out", own.name)
        });
    }
    if let Some(master) = &link.master {
        return conflict(format!(
            "{uplink} belongs to {master} already: adopt {master}, or take {uplink} out of it first"
        ));
    }
    if link.link_type != "ether" {
        return Err(HostError::Invalid(format!("{uplink} is no Ethernet interface ({})", link.link_type)));
    }
    if !link.is_up() {
        return conflict(format!("{uplink} is down: ip link set {uplink} up"));
    }
    let on_it = |own: &&Link| own.parent.as_deref() == Some(uplink.as_str());
    if let Some(own) = machine.links.iter().filter(on_it).find(|own| TAKERS.contains(&&*own.linkinfo.name)) {
        return conflict(format!(
            "{} ({}) takes the frames of {uplink}, so no bridge can",
            own.name, own.linkinfo.name
        ));
    }
    if let Some(route) = machine.routes.iter().find(|route| route.leads_by(uplink) && route.is_compound()) {
        return conflict(format!(
            "the route to {} has several next hops or is bound to one by id: give it one plain next hop first",
            route.dst
        ));
    }
    Ok(())
}

fn refuse_bridge(machine: &Machine, name: &InterfaceName, wanted: &Wanted) -> Result<(), HostError> {
    let conflict = |text: String| Err(HostError::Conflict(text));
    let is_external = *name == wanted.bridge;
    let Some(bridge) = machine.bridge(name) else { return Ok(()) };
    if let Some(other) = bridge.controllers.iter().find(|own| **own != wanted.controller) {
        let hint = if is_external { "" } else { ", or leave this bridge alone: --int-bridge none" };
        return conflict(format!("{name} has another controller, {other}: ovs-vsctl del-controller {name}{hint}"));
    }
    if is_external && let Some(address) = machine.link(name).and_then(|link| link.wider_addresses().next()) {
        let text = format!("{name} has an address already, {}: ip address flush dev {name}", address.local);
        return conflict(text);
    }
    let [ours, theirs] = ["phy-", "int-"].map(|prefix| wanted.bridge.prefixed(prefix));
    let (port, peer) = if is_external { (ours, theirs) } else { (theirs, ours) };
    let interfaces = bridge.ports.iter().flat_map(|port| &port.interfaces);
    let found = interfaces.into_iter().find(|own| own.name == port.as_str());
    if wanted.int_bridge.is_some()
        && let Some(found) = found
        && (found.kind != "patch" || found.peer.as_deref() != Some(peer.as_str()))
    {
        return conflict(format!("{port} is there and is no patch port to {peer}: ovs-vsctl del-port {name} {port}"));
    }
    Ok(())
}

/// What may surprise, one sentence each.
pub(super) fn warn(machine: &Machine, wanted: &Wanted) -> Vec<String> {
    let Wanted { uplink, bridge, int_bridge, .. } = wanted;
    let mut warnings = Vec::new();
    let Some(link) = machine.link(uplink) else { return warnings };
    if link.wider_addresses().next().is_none() {
        warnings.push(format!("{uplink} has no address: it becomes a port of {bridge}, and nothing moves"));
    }
    if link.addresses.iter().any(|own| own.dynamic && own.local.is_ipv4()) {
        warnings.push(format!("{uplink} has an address for a time (DHCP): its client has to ask on {bridge} from now on, or the address runs out"));
    }
    for shown in &machine.named_by {
        warnings.push(format!(
            "`{shown}` names {uplink}: what comes to the host arrives on {bridge} then, and such rules do not see it"
        ));
    }
    for own in machine.links.iter().filter(|own| own.parent.as_deref() == Some(uplink.as_str())) {
        warnings.push(format!(
            "{} stands on {uplink} ({}): what it sends and gets does not go by {bridge}",
            own.name, own.linkinfo.name
        ));
    }
    for (name, unknown) in unknown(machine, link, uplink) {
        warnings.push(format!("{name} has {unknown}, which is not carried over"));
    }
    for own in [Some(bridge), int_bridge.as_ref()].into_iter().flatten().filter_map(|name| machine.bridge(name)) {
        let ports: Vec<_> = own.others().filter(|port| !is_patch(port)).map(|port| port.name.as_str()).collect();
        if !ports.is_empty() && own.controllers.is_empty() {
            let what =
                "its flows go when the controller comes, and what is between its ports stops until it is declared";
            warnings.push(format!("{} has ports ({}): {what}", own.name, few(&ports)));
        }
    }
    warnings
}

fn unknown(machine: &Machine, link: &Link, uplink: &InterfaceName) -> Vec<(String, String)> {
    let addresses = link.addresses.iter().map(|own| (own.local.to_string(), own.unknown()));
    let routes = machine.made_routes(uplink).into_iter();
    let routes = routes.map(|route| (format!("the route to {}", route.dst), route.unknown()));
    let some = addresses.chain(routes).filter(|(_, unknown)| !unknown.is_empty());
    some.map(|(name, unknown)| (name, unknown.join(", "))).collect()
}

fn is_patch(port: &ovs::Port) -> bool {
    port.interfaces.iter().all(|own| own.kind == "patch")
}

fn few(names: &[&str]) -> String {
    match names {
        [a, b, c, _, ..] => format!("{a}, {b}, {c}, …"),
        _ => names.join(", "),
    }
}

/// Interfaces that take what arrives at the one that they stand on.
const TAKERS: [&str; 4] = ["macvlan", "macvtap", "ipvlan", "ipvtap"];
