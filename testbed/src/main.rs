//! `buoy-testbed`: brings labs up and down and runs commands in them.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use buoy_testbed::datapath::{self, Choice};
use buoy_testbed::fleet;
use buoy_testbed::police::patrol;
use buoy_testbed::probe::{flood, inject, responder, stamp, storm, stream};
use buoy_testbed::registry::{self, Entry};
use buoy_testbed::spec::{HOST, LabSpec};
use clap::{Parser, Subcommand};

/// Labs of network namespaces around a private, real Open vSwitch.
///
/// A lab touches nothing of this machine's own network, needs no root where user namespaces are allowed, and leaves
/// nothing behind.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring a lab up; it stays until `down`
    Up {
        /// A lab that `list` names
        lab: String,
        /// What carries its packets
        #[arg(long, value_enum, default_value_t, env = datapath::VARIABLE)]
        datapath: Choice,
    },
    /// End a lab and everything that runs in it
    Down {
        /// The lab, where several are up
        lab: Option<String>,
    },
    /// Run a command in a node of the lab
    Exec {
        /// A node that `list` names; `host` is where Open vSwitch and buoyd run
        node: String,
        /// The lab, where several are up
        #[arg(long)]
        lab: Option<String>,
        /// The command and its arguments
        #[arg(required = true, last = true)]
        words: Vec<String>,
    },
    /// Start a shell in a node of the lab
    Shell {
        /// A node that `list` names
        #[arg(default_value = HOST)]
        node: String,
        /// The lab, where several are up
        #[arg(long)]
        lab: Option<String>,
    },
    /// List labs, whether they are up, and their nodes
    List,
    /// Show one floating IP from end to end in lab `flat`, and clean up
    Demo,
    /// Measure Buoy beside its peers, and print a table
    Bench(Box<buoy_testbed::bench::Options>),
    /// Connect a simulated fleet of switches to a daemon of its own, all at once, and measure
    Fleet(Fleet),
    /// Build a lab and hold it: process 1 of its namespaces
    #[command(hide = true)]
    Hold {
        lab: String,
        #[arg(long, value_enum)]
        datapath: Choice,
        #[arg(long)]
        detached: bool,
    },
    /// Small servers and clients that run in nodes
    #[command(hide = true, subcommand)]
    Probe(Probe),
}

/// Fake switches that speak OpenFlow for real, over loopback, from an address for each host; nothing is left behind.
#[derive(clap::Args)]
struct Fleet {
    /// Switches: two for each host
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    switches: u32,
    /// Floating IPs, and instances, of each host
    #[arg(long, default_value_t = 100, value_name = "N")]
    addresses: u32,
    /// Hosts beside them that are slow: by turns they read 1 KiB a second, nothing, or do not tell their flows
    #[arg(long, default_value_t = 3, value_name = "N")]
    slow: u32,
    /// Do everything once, for a look
    #[arg(long)]
    quick: bool,
    /// Write the figures as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Probe {
    TcpServe { port: u16 },
    UdpServe { port: u16 },
    StreamServe { port: u16 },
    StreamRun { server: SocketAddr },
    TcpExchange { server: SocketAddr, deadline_ms: u64, payload: String },
    Police { lab: String, node: String },
    Inject { interface: String, frames: Vec<String> },
    Flood { interface: String, file: String, millis: u64 },
    Sink { port: u16 },
    Stamp { interface: String, frames: String, per_second: u32 },
    Stamps { port: u16 },
    Storm { interface: String, seed: u64, per_second: u32, known: Vec<String> },
    UdpExchange { server: SocketAddr, deadline_ms: u64, payload: String },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("buoy-testbed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Up { lab, datapath } => up(&lab, datapath),
        Command::Down { lab } => registry::end(&pick(lab.as_deref())?),
        Command::Exec { node, lab, words } => enter(&pick(lab.as_deref())?, &node, &words),
        Command::Shell { node, lab } => {
            let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
            enter(&pick(lab.as_deref())?, &node, &[shell])
        }
        Command::Demo => {
            buoy_testbed::demo::run();
            Ok(())
        }
        Command::Bench(options) => buoy_testbed::bench::run(&options),
        Command::List => list(),
        Command::Fleet(arguments) => run_fleet(&arguments),
        Command::Hold { lab, datapath, detached } => buoy_testbed::hold::hold(&lab, datapath, detached),
        Command::Probe(probe) => run_probe(probe),
    }
}

fn run_fleet(arguments: &Fleet) -> Result<()> {
    let Fleet { switches, addresses, slow, quick, json } = arguments;
    let layout = fleet::Layout::new(*switches, *addresses, *slow)?;
    // What cannot be written is better known before than after.
    let file = json.as_ref().map(|path| File::create(path).with_context(|| path.display().to_string())).transpose()?;
    let report = fleet::run(layout, if *quick { fleet::Effort::QUICK } else { fleet::Effort::FULL })?;
    print!("{report}");
    if let Some(mut file) = file {
        serde_json::to_writer_pretty(&file, &report).context("write the figures")?;
        file.write_all(b"\n").context("write the figures")?;
    }
    Ok(())
}

fn run_probe(probe: Probe) -> Result<()> {
    let exchange = match probe {
        Probe::TcpServe { port } => return responder::tcp_serve(port),
        Probe::UdpServe { port } => return responder::udp_serve(port),
        Probe::StreamServe { port } => return stream::serve(port),
        Probe::StreamRun { server } => return stream::run(server),
        Probe::Police { lab, node } => return patrol::run(&lab, &node),
        Probe::Inject { interface, frames } => return inject::run(&interface, &frames),
        Probe::Flood { interface, file, millis } => return flood::run(&interface, &file, millis),
        Probe::Sink { port } => return flood::hold_sink(port),
        Probe::Stamps { port } => return stamp::listen(port),
        Probe::Stamp { interface, frames, per_second } => return stamp::run(&interface, &frames, per_second),
        Probe::Storm { interface, seed, per_second, known } => return storm::run(&interface, seed, per_second, &known),
        Probe::TcpExchange { server, deadline_ms, payload } => {
            responder::tcp_exchange(server, Duration::from_millis(deadline_ms), &payload)?
        }
        Probe::UdpExchange { server, deadline_ms, payload } => {
            responder::udp_exchange(server, Duration::from_millis(deadline_ms), &payload)?
        }
    };
    println!("{}", serde_json::to_string(&exchange)?);
    Ok(())
}

fn up(lab: &str, datapath: Choice) -> Result<()> {
    let spec = LabSpec::named(lab)?;
    let entry = registry::start(lab, datapath)?;
    println!("lab {lab} is up ({} datapath)", entry.datapath.as_str());
    println!("nodes: {HOST} {}", spec.namespaces().collect::<Vec<_>>().join(" "));
    println!("free for floating IPs: {}", spec.pool);
    println!("next:");
    println!("  buoy-testbed exec host -- ovs-vsctl show");
    println!("  buoy-testbed shell");
    println!("  buoy-testbed down");
    Ok(())
}

/// Becomes the command; returns only where that fails.
fn enter(entry: &Entry, node: &str, words: &[String]) -> Result<()> {
    let namespaces = entry.namespaces();
    ensure!(
        namespaces.has_node(node),
        "lab {} has no node {node}; nodes: {HOST} {}",
        entry.lab,
        namespaces.nodes().join(" ")
    );
    let mut command = namespaces.command(node, ["env"]);
    if let Ok(directory) = std::env::current_dir().and_then(|path| path.canonicalize())
        && !directory.starts_with("/run")
        && directory != Path::new("/")
    {
        command.arg("--chdir").arg(directory);
    }
    command.arg(format!("BUOY_LAB={}:{node}", entry.lab)).args(words);
    Err(command.exec()).context("run nsenter")
}

fn list() -> Result<()> {
    let running = registry::running()?;
    for lab in LabSpec::all()? {
        let state = if running.iter().any(|entry| entry.lab == lab.name) { "up" } else { "down" };
        println!("{}\t{state}\t{}", lab.name, lab.summary);
        println!("\tnodes: {HOST} {}", lab.namespaces().collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

/// The running lab of this name, or the only one.
fn pick(lab: Option<&str>) -> Result<Entry> {
    let mut running = registry::running()?;
    if let Some(lab) = lab {
        running.retain(|entry| entry.lab == lab);
        return running.pop().with_context(|| format!("lab {lab} is not up"));
    }
    let Some(entry) = running.pop() else {
        bail!("no lab is up; `buoy-testbed up flat` brings one up");
    };
    ensure!(running.is_empty(), "several labs are up: name one");
    Ok(entry)
}
