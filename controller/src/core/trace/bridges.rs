//! The bridges that a packet can meet: as their switches report them, or as they would look where they are away.

use std::collections::{BTreeMap, BTreeSet};

use buoy_flows::openflow::TableId;
use buoy_flows::pipeline::{Role, World, compile_all};
use buoy_flows::simulate::{Entry, Names, Network, Switch};
use buoy_topology::{Bridge, DatapathId, Dialect, HostName, MacAddr, Port, PortName, PortNo, Provider, Site};

use super::Scene;
use crate::api::{ApiError, ErrorKind};
use crate::core::stats::table_name;

/// All bridges that the site names and all that are connected.
#[derive(Debug)]
pub(super) struct Bridges {
    all: BTreeMap<PortName, (Bridge, Role)>,
    /// Those that are not connected.
    pub(super) assumed: BTreeSet<PortName>,
}

/// What the ports of a bridge that is away have for a MAC.
pub(super) const ASSUMED_MAC: MacAddr = MacAddr::new([0x02, 0x62, 0x75, 0x6f, 0x00, 0x01]);

impl Bridges {
    pub(super) fn of(scene: &Scene) -> Self {
        let mut all: BTreeMap<PortName, (Bridge, Role)> = BTreeMap::new();
        for (bridge, role) in &scene.connected {
            all.entry(bridge.name.clone()).or_insert_with(|| (bridge.clone(), *role));
        }
        let mut assumed = BTreeSet::new();
        for (name, ports) in declared(&scene.site, &scene.integration) {
            if !all.contains_key(&name) {
                let role = Role::of(&scene.site, &name, &scene.integration);
                all.insert(name.clone(), (bridge(name.clone(), ports), role));
                assumed.insert(name);
            }
        }
        Self { all, assumed }
    }

    pub(super) fn get(&self, name: &PortName) -> Option<&Bridge> {
        self.all.get(name).map(|(bridge, _)| bridge)
    }

    /// What they are called.
    pub(super) fn names(&self) -> impl Iterator<Item = &PortName> {
        self.all.keys()
    }

    /// The bridge on which a provider's patch port ends: one of the same host, where there is.
    fn beyond(&self, provider: &Provider) -> Option<(&PortName, PortNo)> {
        let host = self.get(&provider.bridge).map(|own| &own.host);
        let ends = self.all.values().filter(|(own, _)| own.name != provider.bridge);
        let ends = ends.filter_map(|(own, _)| Some((own, own.port(&provider.patch_peer())?.number)));
        let (own, port) = ends.min_by_key(|(own, _)| Some(&own.host) != host)?;
        Some((&own.name, port))
    }

    /// The bridges with their flows: those that they told, or those that they should have.
    pub(super) fn network(
        &self,
        scene: &Scene,
        told: Option<BTreeMap<PortName, Vec<Entry>>>,
    ) -> Result<Network, ApiError> {
        let mut network = Network::default();
        let mut told = told;
        for (name, (bridge, role)) in &self.all {
            let flows = match &mut told {
                Some(told) => match told.remove(name) {
                    Some(flows) => flows,
                    None => continue,
                },
                None => {
                    let world = World { site: &scene.site, learnt: &scene.learnt, bridge, role: *role };
                    let flows =
                        compile_all(world).map_err(|clash| ApiError::new(ErrorKind::Storage, clash.to_string()))?;
                    flows.into_iter().map(|(_, flow)| flow.into()).collect()
                }
            };
            network.add(name.clone(), Switch::new(flows, bridge.ports.values().map(|port| port.number)));
        }
        for provider in scene.site.providers() {
            let patch = self.get(&provider.bridge).and_then(|own| own.port(&provider.patch));
            if let (Some(patch), Some(peer)) = (patch, self.beyond(provider)) {
                network.join((&provider.bridge, patch.number), peer);
            }
        }
        Ok(network)
    }

    /// The name of a port, or its number.
    pub(super) fn port_name(&self, bridge: &PortName, number: PortNo) -> String {
        if number == PortNo::LOCAL {
            return number.to_string();
        }
        let ports = self.get(bridge).into_iter().flat_map(|own| &own.ports);
        let name = ports.filter(|(_, port)| port.number == number).map(|(name, _)| name).next();
        name.map_or_else(|| format!("port {number}"), ToString::to_string)
    }

    /// What a table is for.
    pub(super) fn table_name(&self, bridge: &PortName, table: TableId) -> Option<String> {
        let (bridge, role) = self.all.get(bridge)?;
        table_name(bridge, *role, table)
    }
}

impl Names for Bridges {
    fn port(&self, bridge: &PortName, port: PortNo) -> String {
        self.port_name(bridge, port)
    }

    fn table(&self, bridge: &PortName, table: TableId) -> String {
        self.table_name(bridge, table).unwrap_or_else(|| format!("table {table}"))
    }
}

/// The bridges that the site names, with the ports that it names of each.
fn declared(site: &Site, integration: &PortName) -> BTreeMap<PortName, BTreeSet<PortName>> {
    let mut all: BTreeMap<PortName, BTreeSet<PortName>> = BTreeMap::new();
    for instance in site.instances() {
        all.entry(instance.bridge.clone()).or_default().extend(instance.interfaces.iter().map(|own| own.port.clone()));
    }
    if all.is_empty() {
        all.insert(integration.clone(), BTreeSet::new());
    }
    for provider in site.providers() {
        all.values_mut().for_each(|ports| ports.extend([provider.patch_peer()]));
    }
    for provider in site.providers() {
        all.entry(provider.bridge.clone()).or_default().extend([provider.uplink.clone(), provider.patch.clone()]);
    }
    for direct in site.directs() {
        if let Some(provider) = site.provider(&direct.provider) {
            all.entry(provider.bridge.clone()).or_default().insert(direct.port.clone());
        }
    }
    all
}

/// A bridge of OpenFlow 1.3 with these ports, numbered in the order of their names.
fn bridge(name: PortName, ports: BTreeSet<PortName>) -> Bridge {
    let local = (name.clone(), Port { number: PortNo::LOCAL, mac: ASSUMED_MAC });
    let numbered =
        ports.into_iter().zip(1..).map(|(name, number)| (name, Port { number: PortNo(number), mac: ASSUMED_MAC }));
    Bridge {
        datapath_id: DatapathId(0),
        host: HostName("assumed".into()),
        name,
        dialect: Dialect::OpenFlow13,
        meters: true,
        measures: true,
        tracks: true,
        ports: numbered.chain([local]).collect(),
    }
}
