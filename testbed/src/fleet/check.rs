//! Whether the switches have what the daemon says they have.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Client;
use super::crew::Crew;
use super::layout::{Kind, Layout};

/// What was compared.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Switches whose number of flows is what the daemon says.
    pub counted: usize,
    /// Switches whose every flow is what `switch flows` says.
    pub compared: usize,
    /// Flows in all switches.
    pub flows: usize,
    /// Flows of each br-ex.
    pub external: usize,
    /// Flows of each br-int.
    pub integration: usize,
}

/// Compares what the switches have with what the daemon says. Fails where anything differs.
pub fn check(layout: Layout, crew: &Crew, client: &mut Client) -> Result<Checked> {
    let list = client.switches()?;
    let said: HashMap<&str, _> = list.iter().map(|own| (own.name.as_str(), own)).collect();
    let mut counts = [BTreeSet::new(), BTreeSet::new()];
    let mut flows = 0;
    for peer in crew.swift() {
        let bridge = peer.bridge();
        let (name, held) = (bridge.name(), bridge.table().len());
        let said = said.get(name).with_context(|| format!("the daemon does not know {name}"))?;
        ensure!(
            (said.flows, said.foreign_flows) == (u64::try_from(held)?, 0) && said.applied,
            "{name} has {held} flows, and the daemon says {said:?}"
        );
        let [external, integration] = &mut counts;
        if name.starts_with("br-ex-") { external } else { integration }.insert(held);
        flows += held;
    }
    // Every switch of every host is asked for it.
    client.ask("drops.show", json!({})).context("what all of them dropped")?;
    let [external, integration] = counts.map(|own| own.into_iter().collect::<Vec<_>>());
    let one = |counts: &[usize]| match counts {
        [count] => Ok(*count),
        _ => anyhow::bail!("hosts that are alike have different numbers of flows: {counts:?}"),
    };
    let (external, integration) = (one(&external)?, one(&integration)?);
    let hosts = layout.hosts();
    let some: BTreeSet<_> = [hosts.start, hosts.end / 2, hosts.end - 1].into();
    let mut compared = 0;
    for host in some {
        for kind in [Kind::External, Kind::Integration] {
            compare(layout, host, kind, crew, client)?;
            compared += 1;
        }
    }
    Ok(Checked { counted: crew.swift().len(), compared, flows, external, integration })
}

/// Compares every flow of a switch, and looks for each floating IP of its host among them.
fn compare(layout: Layout, host: u32, kind: Kind, crew: &Crew, client: &mut Client) -> Result<()> {
    let name = layout.bridge(host, kind).name;
    let answer = client.ask("switch.flows", json!({"bridge": name}))?;
    let rows = answer.as_array().context("switch.flows is an array")?;
    let mut said: Vec<_> = rows.iter().filter_map(|row| row.get("flow").and_then(Value::as_str)).collect();
    let peer = crew.swift().iter().find(|peer| peer.bridge().name() == name).context("the host is in the fleet")?;
    let held = peer.bridge().table().texts()?;
    let mut has: Vec<_> = held.iter().map(String::as_str).collect();
    said.sort_unstable();
    has.sort_unstable();
    if let Some((said, has)) = said.iter().zip(&has).find(|(said, has)| said != has) {
        anyhow::bail!("{name} has {has}, and `switch flows` says {said}");
    }
    ensure!(said.len() == has.len(), "{name} has {} flows, and `switch flows` says {}", has.len(), said.len());
    for number in 0..layout.addresses() {
        let address = layout.floating_ip(host, number);
        ensure!(held.iter().any(|flow| names(flow, address)), "{name} has no flow that names {address}");
    }
    Ok(())
}

/// Whether a flow names an address, and not one that only begins like it.
fn names(flow: &str, address: Ipv4Addr) -> bool {
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.';
    flow.split(|letter| !is_part(letter)).any(|word| word == address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_as_a_whole() {
        let flow = "table=4,priority=100,ip,nw_dst=198.18.0.10 actions=drop";
        for (address, is_named) in [([198, 18, 0, 10], true), ([198, 18, 0, 1], false), ([98, 18, 0, 10], false)] {
            assert_eq!(names(flow, address.into()), is_named, "{address:?}");
        }
    }
}
