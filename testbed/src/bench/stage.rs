//! Where everything is measured: a lab, a daemon whose state is on a disk, and so many associated floating IPs.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use super::progress::Progress;
use super::report::Missing;
use super::watch::Watch;
use crate::scenario::BRIDGES;
use crate::site::DECLARATION;
use crate::tools::command;
use crate::{Daemon, Lab, Rpc, crowd};

/// A lab with its daemon.
#[derive(Debug)]
pub(super) struct Stage {
    /// How many floating IPs of the crowd are associated.
    pub(super) size: u32,
    /// The lab, flat.
    pub(super) lab: Lab,
    /// The daemon.
    pub(super) daemon: Daemon,
    /// What the daemon took with nothing declared, in bytes.
    pub(super) empty: u64,
    /// Peers that failed here.
    pub(super) missing: Vec<Missing>,
    disk: TempDir,
    is_connected: bool,
    progress: Progress,
}

impl Stage {
    /// Sets the stage, with its files on the disk of this directory. The bridges are not connected yet.
    #[track_caller]
    pub(super) fn set(size: u32, parent: &Path, progress: Progress) -> Self {
        let disk = tempfile::tempdir_in(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
        let lab = Lab::up("flat");
        let state = disk.path().canonicalize().expect("it exists").join("state");
        let daemon = Daemon::start_with(&lab, state.to_str().expect("a path in UTF-8"), &[]);
        let empty = daemon.memory();
        for line in DECLARATION {
            daemon.buoyctl_json(["--wait", "store"].into_iter().chain(line.split(' ')));
        }
        let stage = Self { size, lab, daemon, empty, missing: Vec::new(), disk, is_connected: false, progress };
        if size > 0 {
            crowd::plug_in(&stage.lab, size);
            let mut rpc = Rpc::connect(&stage.daemon);
            crowd::declare(&mut rpc, "lan");
            stage.in_pieces("instances are declared", |piece| crowd::add_instances(&mut rpc, piece, crowd::trunk));
            stage.associate_crowd();
        }
        stage
    }

    /// Associates the whole crowd, durably.
    #[track_caller]
    pub(super) fn associate_crowd(&self) {
        let mut rpc = Rpc::connect(&self.daemon);
        self.in_pieces("floating IPs are associated", |piece| drop(crowd::associate(&mut rpc, piece)));
    }

    /// Takes all its floating IPs from the crowd, durably.
    #[track_caller]
    pub(super) fn release_crowd(&self) {
        let mut rpc = Rpc::connect(&self.daemon);
        self.in_pieces("floating IPs are released", |piece| drop(crowd::release(&mut rpc, piece)));
    }

    /// Does something with all numbers of the crowd, so many at once that the disk is no matter, and says how far it is.
    fn in_pieces(&self, what: &str, mut work: impl FnMut(Range<u32>)) {
        let mut done = 0;
        while done < self.size {
            let end = self.size.min(done + PIECE);
            work(done..end);
            done = end;
            self.tell(&format!("{what}, {done} of {}", self.size));
        }
    }

    /// Says what is under way.
    pub(super) fn tell(&self, part: &str) {
        self.progress.tell(part);
    }

    /// Points the bridges at the daemon, whose flows they lack, and waits until both have them; how long that took.
    #[track_caller]
    pub(super) fn connect(&mut self) -> std::time::Duration {
        self.disconnect();
        let mut watch = Watch::start(&self.daemon);
        self.lab.point_at_controller();
        self.is_connected = true;
        watch.until_applied()
    }

    /// The same where the bridges may be connected already.
    #[track_caller]
    pub(super) fn ensure_connected(&mut self) {
        if !self.is_connected {
            self.connect();
        }
    }

    /// Takes the bridges from the daemon, and with it all their flows.
    #[track_caller]
    pub(super) fn disconnect(&mut self) {
        if std::mem::take(&mut self.is_connected) {
            let mut watch = Watch::start(&self.daemon);
            self.lab.ovs_vsctl(["del-controller", "br-ex", "--", "del-controller", "br-int"]);
            watch.until_gone();
        }
    }

    /// Runs `ovs-ofctl` in OpenFlow 1.3 on a bridge, from outside the lab, so that it is one process and no more. What it
    /// prints goes into a file, where one is named. Panics where it fails.
    #[track_caller]
    pub(super) fn ovs_ofctl(&self, words: &[&str], bridge: &str, more: &[&str], out: Option<&Path>) {
        let socket = self.management(bridge);
        let mut line = command("ovs-ofctl");
        line.args(["-vconsole:err", "-O", "OpenFlow13"])
            .args(words)
            .arg(format!("unix:{}", socket.display()))
            .args(more);
        if let Some(out) = out {
            line.stdout(std::fs::File::create(out).unwrap_or_else(|error| panic!("{}: {error}", out.display())));
        } else {
            line.stdout(Stdio::null());
        }
        let status = line.status().expect("ovs-ofctl starts");
        assert!(status.success(), "{line:?}: {status}");
    }

    /// How many flows a bridge has.
    #[track_caller]
    pub(super) fn flow_count(&self, bridge: &str) -> u32 {
        let file = self.file("aggregate");
        self.ovs_ofctl(&["dump-aggregate"], bridge, &[], Some(&file));
        let said = std::fs::read_to_string(file).expect("ovs-ofctl has written it");
        let count = said.split_once("flow_count=").and_then(|(_, rest)| rest.trim().parse().ok());
        count.unwrap_or_else(|| panic!("no number of flows: {said}"))
    }

    /// Takes all flows from both bridges, which have no controller.
    #[track_caller]
    pub(super) fn clear(&self) {
        assert!(!self.is_connected, "the daemon would put them back");
        for bridge in BRIDGES {
            self.ovs_ofctl(&["del-flows"], bridge, &[], None);
        }
    }

    /// What carries the lab's packets.
    pub(super) fn datapath(&self) -> &'static str {
        self.lab.namespaces().datapath.as_str()
    }

    /// Where a bridge takes connections, as it is reached from outside the lab.
    pub(super) fn management(&self, bridge: &str) -> PathBuf {
        self.lab.path(&format!("/run/openvswitch/{bridge}.mgmt"))
    }

    /// A file on the disk that the daemon's state is on.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.disk.path().join(name)
    }

    /// The daemon's state directory.
    pub(super) fn state(&self) -> PathBuf {
        self.file("state")
    }
}

/// So many changes are asked for at once.
const PIECE: u32 = 10_000;
