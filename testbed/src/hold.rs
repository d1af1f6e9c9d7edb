//! The holder: process 1 of a lab's own pid, mount and network namespaces.
//!
//! It builds the lab, says so in one line on stdout, and then only waits. Everything of the lab hangs on it: when it
//! dies, by whatever signal, the kernel ends every process of the pid namespace, and with them go the mounts, the
//! network namespaces and the interfaces.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};
use nix::sys::wait::wait;
use serde::{Deserialize, Serialize};

use crate::datapath::{self, Choice, Datapath};
use crate::spec::{HOST, LabSpec, Place};
use crate::tools::{OVS_DIR, command};
use crate::wiring;

/// What the holder says when the lab stands, or why it does not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The lab stands.
    Ready {
        /// What carries it.
        datapath: Datapath,
    },
    /// It could not be built.
    Failed {
        /// The reason.
        error: String,
    },
}

/// Builds the lab and holds it until stdin ends, or until it is killed where `detached`.
pub fn hold(lab: &str, datapath: Choice, detached: bool) -> Result<()> {
    ensure!(std::process::id() == 1, "hold is run by `buoy-testbed up` in namespaces of its own");
    let built = LabSpec::named(lab).and_then(|lab| build(&lab, datapath));
    let report = match built {
        Ok(datapath) => Report::Ready { datapath },
        Err(error) => Report::Failed { error: format!("{error:#}") },
    };
    println!("{}", serde_json::to_string(&report)?);
    if matches!(report, Report::Failed { .. }) {
        std::process::exit(1);
    }
    if !detached {
        thread::spawn(|| {
            // The pipe ends when whoever started the lab ends, however that happens.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            std::process::exit(0);
        });
    }
    loop {
        // Process 1 inherits every orphan and has to collect it.
        if wait().is_err() {
            thread::sleep(Duration::from_millis(200));
        }
    }
}

fn build(lab: &LabSpec, datapath: Choice) -> Result<Datapath> {
    own_mounts()?;
    let datapath = found(datapath)?;
    // The kernel's datapath takes frames as the stack makes them; the police reads them off the wire.
    let must_complete_checksums = datapath != Datapath::System || !lab.police.is_empty();
    ip_batch(&wiring::namespaces(lab))?;
    thread::scope(|scope| {
        let switch = scope.spawn(|| start_open_vswitch(datapath));
        let links = scope.spawn(|| {
            for_each_namespace(lab, |name| quiet_stack(name, lab))?;
            quiet_stack(HOST, lab)?;
            ip_batch(&wiring::links(lab, datapath))?;
            wiring::ports(lab).try_for_each(deafen)?;
            wiring::bare(lab).try_for_each(|end| listen_for_own(&end.name))?;
            if must_complete_checksums {
                checksum_in_software(wiring::bare(lab).map(|end| &*end.name))?;
            }
            for_each_namespace(lab, |name| {
                ip_batch(&wiring::inside(lab, name))?;
                if must_complete_checksums && lab.place(name) == Some(Place::Node) {
                    checksum_in_software(lab.ends().filter(|end| end.at == name).map(|end| &*end.name))?;
                }
                if lab.police.iter().any(|police| police.node == name) {
                    start_police(&lab.name, name)?;
                }
                Ok(())
            })
        });
        links.join().map_err(|_| anyhow::anyhow!("wiring panicked"))??;
        switch.join().map_err(|_| anyhow::anyhow!("starting Open vSwitch panicked"))?
    })?;
    if !lab.bridges.is_empty() {
        run("ovs-vsctl", wiring::bridges(lab, datapath))?;
    }
    for_each_namespace(lab, |_| await_carrier())?;
    ip_batch(&wiring::host_addresses(lab))?;
    if datapath == Datapath::Dummy {
        for bridge in lab.bridges.iter().filter(|bridge| !bridge.addresses.is_empty()) {
            let name = &bridge.name;
            checksum_in_software(std::iter::once(&**name))?;
            // A wire learns nothing.
            for (from, to) in [("wire", "sock"), ("sock", "wire")] {
                let flow = format!("in_port={name}.{from},actions=output:{name}.{to}");
                run("ovs-ofctl", ["add-flow", &format!("{name}.w"), &flow])?;
            }
        }
    }
    Ok(datapath)
}

/// What there is of what was chosen.
fn found(choice: Choice) -> Result<Datapath> {
    if choice == Choice::System {
        return datapath::require_kernel().map(|()| Datapath::System);
    }
    let tun = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    Ok(if tun.is_ok() { Datapath::Netdev } else { Datapath::Dummy })
}

/// A `/run` of its own, so that the usual paths of `ip netns` and Open vSwitch are private to the lab.
fn own_mounts() -> Result<()> {
    let none: Option<&str> = None;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=0755"))
        .context("mount a tmpfs on /run")?;
    for directory in ["/run/netns", OVS_DIR, "/run/buoy", "/run/lock"] {
        fs::create_dir_all(directory).with_context(|| format!("create {directory}"))?;
    }
    // Shows the lab's interfaces instead of the machine's. Some containers forbid it, and no step depends on it.
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none);
    Ok(())
}

/// ovsdb-server and ovs-vswitchd, private to the lab; returns when both serve.
fn start_open_vswitch(datapath: Datapath) -> Result<()> {
    let database = format!("{OVS_DIR}/conf.db");
    run("ovsdb-tool", ["create", &database, "/usr/share/openvswitch/vswitch.ovsschema"])?;
    run(
        "ovsdb-server",
        [
            &database,
            &format!("--remote=punix:{OVS_DIR}/db.sock"),
            "--pidfile",
            "--detach",
            "--no-chdir",
            &format!("--log-file={OVS_DIR}/ovsdb-server.log"),
            "-vconsole:off",
        ],
    )?;
    run("ovs-vsctl", ["--no-syslog", "--no-wait", "init"])?;
    run("ovs-vswitchd", datapath.vswitchd_arguments())
}

/// Sets a stack to what the lab assumes, whatever the machine's own defaults are.
fn quiet_stack(namespace: &str, lab: &LabSpec) -> Result<()> {
    let forwards = lab.nodes.iter().any(|node| node.name == namespace && node.forwards);
    write_sysctl("net/ipv4/ip_forward", if forwards { "1" } else { "0" })?;
    for scope in ["all", "default"] {
        write_sysctl(&format!("net/ipv6/conf/{scope}/disable_ipv6"), "1")?;
        for (name, value) in
            [("rp_filter", "0"), ("send_redirects", "0"), ("accept_redirects", "0"), ("arp_ignore", "0")]
        {
            write_sysctl(&format!("net/ipv4/conf/{scope}/{name}"), value)?;
        }
    }
    Ok(())
}

/// Keeps the host's stack from taking in what arrives at a port of a bridge.
///
/// Under a userspace datapath the kernel hears these frames too, and would answer ARP for the host and take in its
/// packets past the bridge. A kernel datapath would take them away.
fn deafen(port: &str) -> Result<()> {
    write_sysctl(&format!("net/ipv4/conf/{port}/arp_ignore"), "8")?;
    write_sysctl(&format!("net/ipv4/conf/{port}/rp_filter"), "1")
}

/// Lets the host's stack take in what arrives at an interface only while the addresses and the routes are on it.
///
/// Once it is a port of a bridge, whose addresses are elsewhere, it is as deaf as [`deafen`] makes one.
fn listen_for_own(interface: &str) -> Result<()> {
    write_sysctl(&format!("net/ipv4/conf/{interface}/arp_ignore"), "1")?;
    write_sysctl(&format!("net/ipv4/conf/{interface}/rp_filter"), "1")
}

fn write_sysctl(name: &str, value: &str) -> Result<()> {
    match fs::write(format!("/proc/sys/{name}"), value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && name.contains("ipv6") => Ok(()),
        other => other.with_context(|| format!("sysctl {name}={value}")),
    }
}

/// Without this a packet leaves the veth with a checksum that nobody fills in: in userspace it is dropped or forwarded as
/// it is, and TCP and UDP are dead.
fn checksum_in_software<'a>(interfaces: impl Iterator<Item = &'a str>) -> Result<()> {
    for interface in interfaces {
        run("ethtool", ["-K", interface, "tx", "off"])?;
    }
    Ok(())
}

/// Starts the process that polices, in this namespace; returns when it forwards.
fn start_police(lab: &str, node: &str) -> Result<()> {
    let path = format!("/run/buoy/{node}.log");
    let log = File::create(&path).with_context(|| path.clone())?;
    let mut police = command(std::env::current_exe()?);
    police.args(["probe", "police", lab, node]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut child = police.spawn().context("start the police")?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        io::BufReader::new(stdout).read_line(&mut line)?;
    }
    ensure!(line.trim() == "ready", "the police ended: {}", fs::read_to_string(path)?);
    Ok(())
}

/// Waits until each interface of this namespace has its carrier: a bridge port is shut until then.
fn await_carrier() -> Result<()> {
    let deadline = Instant::now() + CARRIER_DEADLINE;
    loop {
        let links = command("ip").args(["-oneline", "link"]).output()?;
        let links = String::from_utf8_lossy(&links.stdout).into_owned();
        if !links.contains("state DOWN") && !links.contains("state LOWERLAYERDOWN") {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "no carrier within {CARRIER_DEADLINE:?}\n{links}");
        thread::sleep(Duration::from_millis(10));
    }
}

const CARRIER_DEADLINE: Duration = Duration::from_secs(10);

/// Runs `step` for every namespace at once, each time inside it.
fn for_each_namespace(lab: &LabSpec, step: impl Fn(&str) -> Result<()> + Sync) -> Result<()> {
    let step = &step;
    thread::scope(|scope| {
        let threads: Vec<_> = lab
            .namespaces()
            .map(|name| {
                let thread = scope.spawn(move || {
                    let namespace = File::open(format!("/run/netns/{name}"))?;
                    // Only this thread, and the children that it starts, move over.
                    setns(namespace, CloneFlags::CLONE_NEWNET)?;
                    step(name)
                });
                (name, thread)
            })
            .collect();
        for (name, thread) in threads {
            thread.join().map_err(|_| anyhow::anyhow!("setting up {name} panicked"))?.context(name.to_owned())?;
        }
        Ok(())
    })
}

fn ip_batch(lines: &str) -> Result<()> {
    let mut child = command("ip").args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(lines.as_bytes())?;
    }
    let mut complaint = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut complaint)?;
    }
    if child.wait()?.success() {
        return Ok(());
    }
    bail!("ip -batch: {}\n{lines}", complaint.trim())
}

fn run<A: AsRef<std::ffi::OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Result<()> {
    let output = command(program).args(arguments).stdin(Stdio::null()).output().with_context(|| program.to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{program}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
}
