//! Bridges that do not come back.

use crate::ops::Leaving;
use crate::{Change, FloatingIp, PortName, Record, Site};

impl Site {
    /// No longer waits for a bridge: what it may still hold of addresses counts as gone.
    pub fn forget_bridge(&self, bridge: &PortName, leaving: Leaving<'_>) -> Change {
        let mut change = Change::default();
        for fip in self.floating_ips().filter(|fip| fip.left.contains(bridge) && leaving(fip).contains(bridge)) {
            let left = fip.left.iter().filter(|own| *own != bridge).cloned().collect();
            change.put(Record::FloatingIp(FloatingIp { left, ..fip.clone() }));
        }
        change
    }
}
