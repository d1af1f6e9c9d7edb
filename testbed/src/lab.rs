//! A running lab, its nodes and its Open vSwitch.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::process::Child;
use std::thread;

use anyhow::Result;

use crate::datapath::Choice;
use crate::enter::Namespaces;
use crate::police::Rules;
use crate::running::{Output, RUN_DEADLINE, Running};
use crate::spec::{HOST, LabSpec};
use crate::tools::OVS_DIR;

/// Where [`Lab::point_at_controller`] points the bridges.
pub const CONTROLLER: &str = "tcp:127.0.0.1:6653";

/// What `ovs-ofctl` may speak.
const VERSIONS: &str = "OpenFlow10,OpenFlow13";

/// A lab of one test. Dropped, it ends; dropped by a panic, it first prints what its switches look like.
#[derive(Debug)]
pub struct Lab {
    spec: LabSpec,
    namespaces: Namespaces,
    holder: Child,
}

impl Lab {
    /// Brings a lab up. Panics with the reason, such as the Debian package to install, where that is not possible.
    #[track_caller]
    pub fn up(name: &str) -> Self {
        Self::start(name).unwrap_or_else(|error| panic!("lab {name}: {error:#}"))
    }

    /// Brings a lab up, on the datapath that [`crate::datapath::VARIABLE`] names.
    pub fn start(name: &str) -> Result<Self> {
        Self::start_on(name, Choice::of_environment()?)
    }

    /// Brings a lab up on this datapath.
    pub fn start_on(name: &str, datapath: Choice) -> Result<Self> {
        let spec = LabSpec::named(name)?;
        let (namespaces, holder) = Namespaces::start(name, datapath, false)?;
        Ok(Self { spec, namespaces, holder })
    }

    /// Its description.
    pub fn spec(&self) -> &LabSpec {
        &self.spec
    }

    /// What its provider allows. Panics where none polices, or several do.
    #[track_caller]
    pub fn rules(&self) -> &Rules {
        &self.spec.police(None).unwrap_or_else(|error| panic!("{error:#}")).rules
    }

    /// Its namespaces.
    pub fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// A node or switch of the lab. Panics where there is none of this name.
    #[track_caller]
    pub fn node(&self, name: &str) -> Node {
        assert!(self.namespaces.has_node(name), "lab {} has no node {name}", self.spec.name);
        Node { namespaces: self.namespaces.clone(), name: name.to_owned() }
    }

    /// The root namespace, where the bridges and the daemon are.
    #[track_caller]
    pub fn host(&self) -> Node {
        self.node(HOST)
    }

    /// A file of the lab's own `/run`, as it is reached from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.namespaces.path(inside)
    }

    /// Runs `ovs-vsctl`; panics where it fails.
    #[track_caller]
    pub fn ovs_vsctl<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> String {
        self.host().run(with("ovs-vsctl", words)).expect_success()
    }

    /// Runs `ovs-ofctl` in OpenFlow 1.3, or 1.0 where the bridge offers nothing else; panics where it fails.
    #[track_caller]
    pub fn ovs_ofctl<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> String {
        let mut line = with("ovs-ofctl", ["-O", VERSIONS]);
        line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self.host().run(line).expect_success()
    }

    /// Runs `ovs-appctl`; panics where it fails.
    #[track_caller]
    pub fn ovs_appctl<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> String {
        self.host().run(with("ovs-appctl", words)).expect_success()
    }

    /// The flows of a bridge, one a line, with counters.
    #[track_caller]
    pub fn dump_flows(&self, bridge: &str) -> Vec<String> {
        let dump = self.ovs_ofctl(["dump-flows", bridge]);
        dump.lines().filter(|line| line.contains("actions=")).map(|line| line.trim().to_owned()).collect()
    }

    /// Replaces all flows of a bridge, in one bundle.
    #[track_caller]
    pub fn replace_flows(&self, bridge: &str, flows: &[&str]) {
        let mut line = vec!["--bundle", "add-flows", bridge, "-"];
        line.retain(|word| *word != "-");
        let file = format!("/run/buoy/{bridge}.flows");
        std::fs::write(self.path(&file), format!("delete\n{}\n", flows.join("\n")))
            .expect("/run of the lab is writable");
        line.push(&file);
        self.ovs_ofctl(line);
    }

    /// Points both bridges at a controller on [`CONTROLLER`], in the one transaction that the README gives.
    #[track_caller]
    pub fn point_at_controller(&self) {
        let mut words = Vec::new();
        for bridge in &self.spec.bridges {
            let name = &bridge.name;
            words.push(format!("-- set-fail-mode {name} secure -- set-controller {name} {CONTROLLER}"));
            words.push(format!("-- set controller {name} connection_mode=out-of-band max_backoff=1000"));
        }
        let line = words.join(" ");
        self.ovs_vsctl(line.split_whitespace());
    }

    /// The flows of a bridge without counters, as `ovs-ofctl` prints them.
    #[track_caller]
    pub fn lasting_flows(&self, bridge: &str) -> BTreeSet<String> {
        const COUNTERS: [&str; 5] = ["duration=", "n_packets=", "n_bytes=", "idle_age=", "hard_age="];
        let lasts = |word: &&str| !COUNTERS.iter().any(|own| word.starts_with(own));
        let flows = self.dump_flows(bridge);
        flows.iter().map(|line| line.split(", ").filter(lasts).collect::<Vec<_>>().join(", ")).collect()
    }

    /// Ends ovs-vswitchd by SIGKILL; returns when it is gone. Flows and taps go with it.
    #[track_caller]
    pub fn kill_vswitchd(&self) {
        let script = format!(
            "pid=$(cat {OVS_DIR}/ovs-vswitchd.pid); kill -9 $pid; while kill -0 $pid 2>/dev/null; do sleep 0.01; done"
        );
        self.host().run(["sh", "-c", &script]).expect_success();
    }

    /// Starts ovs-vswitchd after [`Lab::kill_vswitchd`]; returns when it serves and the host has its addresses again.
    #[track_caller]
    pub fn restart_vswitchd(&self) {
        self.host().run(with("ovs-vswitchd", self.namespaces.datapath.vswitchd_arguments())).expect_success();
        let file = "/run/buoy/addresses.batch";
        let batch = crate::wiring::host_addresses(&self.spec);
        std::fs::write(self.path(file), batch).expect("/run of the lab is writable");
        // ovs-vsctl returns once the daemon has taken the database in, and so made the taps.
        self.ovs_vsctl(["add-br", "settled", "--", "set", "bridge", "settled", "datapath_type=dummy"]);
        self.ovs_vsctl(["del-br", "settled"]);
        // Where LOCAL is a veth it has kept its addresses: then the lines that are there already fail, and may.
        self.host().run(["ip", "-force", "-batch", file]);
    }

    /// Flows, ports and logs, for the message of a failed test.
    pub fn state(&self) -> String {
        let mut text = String::new();
        let mut add = |words: &[&str]| {
            let output = self.host().run(words);
            text.push_str(&format!("$ {}\n{}{}\n", words.join(" "), output.stdout, output.stderr));
        };
        add(&["ovs-vsctl", "show"]);
        for bridge in &self.spec.bridges {
            add(&["ovs-ofctl", "-O", VERSIONS, "--names", "dump-flows", &bridge.name]);
            add(&["ovs-ofctl", "-O", VERSIONS, "--names", "dump-ports", &bridge.name]);
        }
        add(&["ip", "-brief", "address"]);
        add(&["ip", "neigh"]);
        add(&["tail", "-n", "20", &format!("{OVS_DIR}/ovs-vswitchd.log")]);
        text
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() && self.holder.try_wait().is_ok_and(|ended| ended.is_none()) {
            eprintln!("---- state of lab {}\n{}----", self.spec.name, self.state());
        }
        if let Err(error) = self.namespaces.end() {
            eprintln!("lab {}: {error:#}", self.spec.name);
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A namespace of a lab, to run commands in.
#[derive(Clone, Debug)]
pub struct Node {
    namespaces: Namespaces,
    name: String,
}

impl Node {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lab that it belongs to.
    pub fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// Runs a command to its end, at most [`RUN_DEADLINE`] long.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Output {
        self.spawn(words).wait(RUN_DEADLINE)
    }

    /// Starts a command.
    #[track_caller]
    pub fn spawn<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Running {
        let words: Vec<_> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let line: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        Running::start(format!("[{}] {}", self.name, line.join(" ")), self.namespaces.command(&self.name, &words))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn with<A: AsRef<OsStr>>(program: &str, words: impl IntoIterator<Item = A>) -> Vec<std::ffi::OsString> {
    let mut line = vec![program.into()];
    line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
    line
}
