//! What Open vSwitch's database says of bridges and ports, as `ovs-vsctl --format=json list` prints it.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

/// A bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bridge {
    pub(super) name: String,
    pub(super) datapath_type: String,
    pub(super) fail_mode: Option<String>,
    /// The MAC that LOCAL was given.
    pub(super) hwaddr: Option<String>,
    pub(super) controllers: Vec<String>,
    pub(super) ports: Vec<Port>,
}

impl Bridge {
    /// The ports besides LOCAL.
    pub(super) fn others(&self) -> impl Iterator<Item = &Port> {
        self.ports.iter().filter(|port| port.name != self.name)
    }
}

/// A port; a bond has several interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) interfaces: Vec<Interface>,
}

/// An interface of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) kind: String,
    /// The other end, where it is a patch port.
    pub(super) peer: Option<String>,
    pub(super) mtu_request: Option<u64>,
}

/// The tables in the order in which [`parse`] reads them: one answer for each.
pub(super) const QUERY: [&str; 15] = [
    "--format=json",
    "--columns=_uuid,name,datapath_type,fail_mode,other_config,controller,ports",
    "list",
    "Bridge",
    "--",
    "--columns=_uuid,name,interfaces",
    "list",
    "Port",
    "--",
    "--columns=_uuid,name,type,options,mtu_request",
    "list",
    "Interface",
    "--",
    "--columns=_uuid,target",
    "list",
];

/// The bridges, from the answers to [`QUERY`] and the table Controller.
pub(super) fn parse(text: &str) -> Result<Vec<Bridge>, serde_json::Error> {
    let mut tables = serde_json::Deserializer::from_str(text).into_iter::<Table>();
    let mut next = || tables.next().unwrap_or_else(|| Ok(Table::default()));
    let (bridges, ports, interfaces, controllers) = (next()?, next()?, next()?, next()?);
    let interfaces: HashMap<String, Interface> = interfaces.by_id(|row| Interface {
        name: row.text("name"),
        kind: row.text("type"),
        peer: row.entry("options", "peer"),
        mtu_request: row.value("mtu_request").as_u64(),
    });
    let ports: HashMap<String, Port> = ports.by_id(|row| Port {
        name: row.text("name"),
        interfaces: row.ids("interfaces").iter().filter_map(|id| interfaces.get(id).cloned()).collect(),
    });
    let targets: HashMap<String, String> = controllers.by_id(|row| row.text("target"));
    let bridges = bridges.by_id(|row| Bridge {
        name: row.text("name"),
        datapath_type: row.text("datapath_type"),
        fail_mode: Some(row.text("fail_mode")).filter(|mode| !mode.is_empty()),
        hwaddr: row.entry("other_config", "hwaddr"),
        controllers: row.ids("controller").iter().filter_map(|id| targets.get(id).cloned()).collect(),
        ports: row.ids("ports").iter().filter_map(|id| ports.get(id).cloned()).collect(),
    });
    let mut bridges: Vec<_> = bridges.into_values().collect();
    bridges.sort_by(|a, b| a.name.cmp(&b.name));
    bridges.iter_mut().for_each(|bridge| bridge.ports.sort_by(|a, b| a.name.cmp(&b.name)));
    Ok(bridges)
}

/// A table of the database, RFC 7047 as ovs-vsctl prints it.
#[derive(Default, Deserialize)]
struct Table {
    headings: Vec<String>,
    data: Vec<Vec<Value>>,
}

impl Table {
    fn by_id<T>(&self, make: impl Fn(Row<'_>) -> T) -> HashMap<String, T> {
        let rows = self.data.iter().map(|cells| Row { headings: &self.headings, cells });
        rows.filter_map(|row| Some((row.ids("_uuid").into_iter().next()?, make(row)))).collect()
    }
}

#[derive(Clone, Copy)]
struct Row<'a> {
    headings: &'a [String],
    cells: &'a [Value],
}

impl Row<'_> {
    fn value(&self, column: &str) -> &Value {
        let place = self.headings.iter().position(|own| own == column);
        place.and_then(|place| self.cells.get(place)).unwrap_or(&Value::Null)
    }

    fn text(&self, column: &str) -> String {
        self.value(column).as_str().unwrap_or_default().to_owned()
    }

    /// The UUIDs of a column: one is `["uuid", U]`, several are `["set", [["uuid", U], ...]]`.
    fn ids(&self, column: &str) -> Vec<String> {
        let value = self.value(column);
        let one = |value: &Value| (value[0] == "uuid").then(|| value[1].as_str().map(str::to_owned)).flatten();
        match one(value) {
            Some(id) => vec![id],
            None => value[1].as_array().into_iter().flatten().filter_map(one).collect(),
        }
    }

    /// An entry of a map: `["map", [[K, V], ...]]`.
    fn entry(&self, column: &str, key: &str) -> Option<String> {
        let pairs = self.value(column)[1].as_array()?;
        pairs.iter().find(|pair| pair[0] == key)?[1].as_str().map(str::to_owned)
    }
}
