//! Where everything is measured: a lab, a daemon whose state is on a disk, and so many associated floating IPs.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

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
    disk: TempDir,
    is_connected: bool,
}

impl Stage {
    /// Sets the stage, with its files on the disk of this directory. The bridges are not connected yet.
    #[track_caller]
    pub(super) fn set(size: u32, parent: &Path) -> Self {
        let disk = tempfile::tempdir_in(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
        let lab = Lab::up("flat");
        let state = disk.path().canonicalize().expect("it exists").join("state");
        let daemon = Daemon::start_with(&lab, state.to_str().expect("a path in UTF-8"), &[]);
        let empty = daemon.memory();
        for line in DECLARATION {
            daemon.buoyctl_json(["--wait", "store"].into_iter().chain(line.split(' ')));
        }
        if size > 0 {
            crowd::plug_in(&lab, size);
            let mut rpc = Rpc::connect(&daemon);
            crowd::declare(&mut rpc, "lan");
            crowd::add_instances(&mut rpc, 0..size, crowd::trunk);
            crowd::associate(&mut rpc, 0..size);
        }
        Self { size, lab, daemon, empty, disk, is_connected: false }
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
        line.args(["-O", "OpenFlow13"]).args(words).arg(format!("unix:{}", socket.display())).args(more);
        if let Some(out) = out {
            line.stdout(std::fs::File::create(out).unwrap_or_else(|error| panic!("{}: {error}", out.display())));
        } else {
            line.stdout(Stdio::null());
        }
        let status = line.status().expect("ovs-ofctl starts");
        assert!(status.success(), "{line:?}: {status}");
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
