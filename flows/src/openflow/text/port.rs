//! Ports, and what happened to them.

use std::fmt;

use super::Bits;
use crate::openflow::port::{Port, PortReason};

/// One word for what happened to a port.
pub(super) struct Status(pub(super) PortReason);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            PortReason::Add => "ADD",
            PortReason::Delete => "DEL",
            PortReason::Modify => "MOD",
        })
    }
}

/// A port, over several lines.
pub(super) struct Details<'a>(pub(super) &'a Port);

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Port { number, hw_addr, name, config, state, .. } = self.0;
        writeln!(f, "{number}({}): addr:{hw_addr}", name.escape_debug())?;
        writeln!(f, "     config:     {}", Bits(config.0, &CONFIG))?;
        writeln!(f, "     state:      {}", Bits(state.0, &STATE))?;
        let features = [
            ("current:   ", self.0.curr),
            ("advertised:", self.0.advertised),
            ("supported: ", self.0.supported),
            ("peer:      ", self.0.peer),
        ];
        for (name, bits) in features.into_iter().filter(|(_, bits)| *bits != 0) {
            writeln!(f, "     {name} {}", Bits(bits, &FEATURES))?;
        }
        write!(f, "     speed: {} Mbps now, {} Mbps max", self.0.curr_speed / 1_000, self.0.max_speed / 1_000)
    }
}

const CONFIG: [(u32, &str); 4] = [(1, "PORT_DOWN"), (1 << 2, "NO_RECV"), (1 << 5, "NO_FWD"), (1 << 6, "NO_PACKET_IN")];

const STATE: [(u32, &str); 3] = [(1, "LINK_DOWN"), (1 << 1, "BLOCKED"), (1 << 2, "LIVE")];

const FEATURES: [(u32, &str); 16] = [
    (1, "10MB-HD"),
    (1 << 1, "10MB-FD"),
    (1 << 2, "100MB-HD"),
    (1 << 3, "100MB-FD"),
    (1 << 4, "1GB-HD"),
    (1 << 5, "1GB-FD"),
    (1 << 6, "10GB-FD"),
    (1 << 7, "40GB-FD"),
    (1 << 8, "100GB-FD"),
    (1 << 9, "1TB-FD"),
    (1 << 10, "OTHER"),
    (1 << 11, "COPPER"),
    (1 << 12, "FIBER"),
    (1 << 13, "AUTO_NEG"),
    (1 << 14, "AUTO_PAUSE"),
    (1 << 15, "AUTO_PAUSE_ASYM"),
];
