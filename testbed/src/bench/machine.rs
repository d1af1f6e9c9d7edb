//! Where a run took place: figures of two machines are not to be compared.

use std::{fmt, fs, thread};

use serde::Serialize;

use crate::tools::command;

/// The machine, and what was measured on it.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    /// The processor, as the kernel names it.
    pub(super) processor: String,
    /// How many threads it runs at once.
    pub(super) cores: usize,
    /// The kernel.
    pub(super) kernel: String,
    /// The Open vSwitch.
    pub(super) ovs: String,
    /// What carries the lab's packets.
    pub(super) datapath: String,
    /// Whether Buoy was built without optimisation: then the figures say nothing.
    pub(super) debug: bool,
    /// How many processes wanted to run when it began, the average of a minute.
    pub(super) load: f64,
}

impl Machine {
    /// This machine.
    pub(super) fn here(datapath: &str) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let version = command("ovs-vswitchd").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
        let version = String::from_utf8_lossy(&version);
        Self {
            processor: model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            ovs: version.lines().next().and_then(|line| line.split(' ').next_back()).unwrap_or("?").to_owned(),
            datapath: datapath.to_owned(),
            debug: cfg!(debug_assertions),
            load: read("/proc/loadavg").split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel, ovs, datapath, debug, load } = self;
        write!(f, "{processor}, {cores} cores, load {load}; Linux {kernel}; Open vSwitch {ovs}, {datapath} datapath")?;
        if *debug {
            write!(f, "\nbuilt without --release: the figures say nothing")?;
        }
        Ok(())
    }
}
