//! Bridges that do not come back.

use crate::{Change, FloatingIp, PortName, Record, Site};

impl Site {
    /// No longer waits for a bridge: what it may still hold of the addresses that wait for it counts as gone.
    pub fn forget_bridge(&self, bridge: &PortName, waits: impl Fn(&FloatingIp) -> bool) -> Change {
        let mut change = Change::default();
        for fip in self.floating_ips().filter(|fip| fip.left.contains(bridge) && waits(fip)) {
            let left = fip.left.iter().filter(|own| *own != bridge).cloned().collect();
            change.put(Record::FloatingIp(FloatingIp { left, ..fip.clone() }));
        }
        change
    }
}
