//! What switches hold, how the daemon is, and what happens.

use buoy_topology::PortName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::events::{Kind, Seq};

views! {
    /// A switch.
    SwitchView {
        /// Its datapath id; null for a peer that never became a switch.
        datapath_id: Option<String>,
        /// The bridge's name; null for a peer that never became a switch.
        bridge: Option<PortName>,
        /// `external` or `integration`; null for a bridge that no provider names.
        role: Option<String>,
        /// The host that it is on.
        host: String,
        /// Where it connects from.
        address: String,
        /// Whether it is there.
        connected: bool,
        /// What this daemon is to it: `equal`, `primary` or `secondary`.
        controller_role: Option<String>,
        /// `OpenFlow 1.3`, or `OpenFlow 1.0` for a bridge that offers nothing newer.
        dialect: Option<String>,
        /// How many flows of ours it has; null until it has told.
        flows: Option<u64>,
        /// How many flows of others it has; null until it has told.
        foreign_flows: Option<u64>,
        /// Flows of ours that others changed and that were put back, since it connected.
        repaired_flows: Option<u64>,
        /// The last state that it has acknowledged as a whole.
        generation: Option<u64>,
        /// Whether that is the newest.
        applied: bool,
        /// What is wrong: why it was dropped, which flow it refused, which port is missing.
        error: Option<String>,
        /// What cannot be done in its dialect, or because it is too old.
        limits: Vec<String>,
        /// What says that a cut is in force: `datapath`, which was seen to follow, or `time`, 3 s after the switch said so; null
        /// until something was taken away on its host.
        fence: Option<String>,
        /// Flows of others that stand before ours; `switch.show` alone looks for them.
        warnings: Option<Vec<String>>,
    }
    /// A flow of a switch.
    FlowView {
        /// The number of its table.
        table: u8,
        /// The name of its table.
        table_name: Option<String>,
        /// Its priority.
        priority: u16,
        /// The feature that made it; null where it is another one's.
        owner: Option<String>,
        /// Packets that it matched.
        packets: u64,
        /// Bytes of these packets.
        bytes: u64,
        /// The flow in the words that ovs-ofctl reads.
        flow: String,
    }
    /// Dropped packets of one reason in one table.
    DropRow {
        /// The bridge.
        bridge: PortName,
        /// The number of the table.
        table: u8,
        /// The name of the table.
        table_name: Option<String>,
        /// Why they were dropped.
        reason: String,
        /// How many.
        packets: u64,
        /// How many bytes.
        bytes: u64,
    }
    /// How the daemon is.
    StatusView {
        /// Its version.
        version: String,
        /// `normal`, or `safe` where the store was refused.
        mode: String,
        /// Why it is in safe mode, and what to do.
        problem: Option<String>,
        /// The number of the last commit.
        generation: u64,
        /// Switches that are connected.
        switches: usize,
        /// How many there are.
        providers: usize,
        /// How many there are.
        pools: usize,
        /// How many there are.
        networks: usize,
        /// How many there are.
        instances: usize,
        /// Floating IPs that a project has, without an instance.
        allocated: usize,
        /// Floating IPs that lead to an instance.
        associated: usize,
    }
    /// Figures.
    MetricsView {
        /// All of them, in the text format of Prometheus, version 0.0.4.
        text: String,
    }
    /// Where a watch begins.
    WatchView {
        /// The event after which it begins.
        since: Seq,
        /// The newest event.
        newest: Seq,
        /// The oldest event that is kept.
        oldest: Seq,
    }
    /// How far a watch has looked where nothing was wanted.
    WatchSeenView {
        /// The event to go on after.
        seq: Seq,
    }
    /// The last thing that a watch says.
    WatchEndView {
        /// The event to go on after.
        seq: Seq,
        /// The oldest event that is kept.
        oldest: Seq,
        /// Why it ends.
        reason: String,
    }
    /// What happened.
    EventView {
        /// Its number: one more than that of the event before.
        seq: Seq,
        /// When it happened, in UTC.
        time: String,
        /// What it is.
        kind: Kind,
        /// What it happened to: an address, a name, a bridge, a port.
        subject: String,
        /// What else is to be known; docs/events.md says what that is for each kind.
        detail: Map<String, Value>,
    }
}
