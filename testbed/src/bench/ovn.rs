//! OVN beside Buoy: databases, northd and a controller of its own, in a lab of its own. A router has a gateway on the lab's
//! host, and floating IPs that it translates both ways.
//!
//! It is a peer that may be there or not: nothing of it panics, and what goes wrong becomes a line of the report.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::tools::{command, find};
use crate::{Lab, crowd};

/// A running OVN with floating IPs. Dropped, it ends with its lab.
#[derive(Debug)]
pub(super) struct Ovn {
    lab: Lab,
    /// Flows of its integration bridge for each floating IP; none where there is none.
    pub(super) flows_each: Option<f64>,
}

/// Whether its programs are found.
pub(super) fn is_found() -> bool {
    ["ovn-northd", "ovn-controller", "ovn-nbctl", "ovn-sbctl"].iter().all(|program| find(program).is_some())
        && schemas().is_some()
}

impl Ovn {
    /// Starts it, and waits until so many floating IPs are in the switch.
    pub(super) fn start(size: u32) -> Result<Self> {
        let lab = Lab::start("flat")?;
        let mut own = Self { lab, flows_each: None };
        let schemas = schemas().context("ovn-nb.ovsschema is not beside ovn-northd")?;
        let line = ["sh", "-ec", START, "sh", schemas.to_str().context("a path in UTF-8")?];
        checked(own.lab.namespaces().command("host", ["timeout", "60"].into_iter().chain(line)))?;
        for line in ROUTER {
            own.nbctl(line.split(' '))?;
        }
        own.sync(SOON)?;
        let before = own.flows()?;
        for first in (0..size).step_by(PIECE) {
            own.add_all(first, size.min(first.saturating_add(u32::try_from(PIECE)?)))?;
        }
        own.sync(LATE)?;
        let added = u32::try_from(own.flows()?.saturating_sub(before))?;
        own.flows_each = (size > 0).then(|| f64::from(added) / f64::from(size));
        Ok(own)
    }

    /// Adds one floating IP more, and waits until the switch has it; how long that took. It is gone afterwards.
    pub(super) fn associate(&self) -> Result<Duration> {
        let since = Instant::now();
        self.nbctl(["--wait=hv", "lr-nat-add", "r", "dnat_and_snat", "203.0.113.100", "10.0.0.11"])?;
        let took = since.elapsed();
        self.nbctl(["--wait=hv", "lr-nat-del", "r", "dnat_and_snat", "203.0.113.100"])?;
        Ok(took)
    }

    /// Adds the crowd's floating IPs with these numbers in one transaction.
    fn add_all(&self, first: u32, end: u32) -> Result<()> {
        let (mut words, mut names) = (Vec::new(), Vec::new());
        for number in first..end {
            let (outside, inside) = (crowd::address(number), Ipv4Addr::from_bits(0x0a80_0100 + number));
            let (outside, inside) = (format!("external_ip={outside}"), format!("logical_ip={inside}"));
            let id = format!("--id=@n{number}");
            let nat = ["--", &id, "create", "NAT", "type=dnat_and_snat", &outside, &inside];
            words.extend(nat.map(str::to_owned));
            names.push(format!("@n{number}"));
        }
        words.extend(["--", "add", "Logical_Router", "r", "nat"].map(str::to_owned));
        words.extend(names);
        self.nbctl(words.iter().map(String::as_str))
    }

    fn sync(&self, timeout: &str) -> Result<()> {
        self.nbctl([timeout, "--wait=hv", "sync"])
    }

    /// Runs `ovn-nbctl` from outside the lab, so that it is one process and no more.
    fn nbctl<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut line = command("ovn-nbctl");
        line.arg(format!("--db=unix:{}", self.lab.path("/run/ovn/nb.sock").display())).arg(LATE).args(words);
        checked(line).map(drop)
    }

    /// How many flows its integration bridge has.
    fn flows(&self) -> Result<u64> {
        let words = ["ovs-ofctl", "-O", "OpenFlow15", "dump-aggregate", "br-ovn"];
        let said = checked(self.lab.namespaces().command("host", words))?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let count = said.split_once("flow_count=").map(|(_, rest)| rest.trim()).context("no number of flows")?;
        count.parse().with_context(|| format!("{count:?} is no number of flows"))
    }
}

/// Runs a command to its end; it has to end well.
fn checked(mut line: Command) -> Result<Output> {
    let program = line.get_program().to_string_lossy().into_owned();
    let output = line.output().with_context(|| format!("start {program}"))?;
    let mut said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if said.len() > LONGEST {
        said = said.chars().take(LONGEST).collect();
        write!(said, " …")?;
    }
    ensure!(output.status.success(), "{program}: {}: {said}", output.status);
    Ok(output)
}

/// Where the schemas of the databases are: as its packages have it, below the same directory as its programs.
fn schemas() -> Option<PathBuf> {
    let beside = find("ovn-northd")?.parent()?.parent()?.join("share/ovn");
    [beside, PathBuf::from("/usr/share/ovn")].into_iter().find(|own: &PathBuf| has_schemas(own))
}

fn has_schemas(directory: &Path) -> bool {
    ["ovn-nb.ovsschema", "ovn-sb.ovsschema"].iter().all(|file| directory.join(file).is_file())
}

/// In the lab's host; the first argument is the directory of the schemas.
const START: &str = r#"
export OVN_RUNDIR=/run/ovn OVN_LOGDIR=/run/ovn OVN_DBDIR=/run/ovn
mkdir -p /run/ovn
cd /run/ovn
for db in nb sb; do
    ovsdb-tool create $db.db "$1/ovn-$db.ovsschema"
    ovsdb-server --detach --no-chdir --pidfile=/run/ovn/$db.pid --log-file=/run/ovn/$db.log --unixctl=/run/ovn/$db.ctl \
        --remote=punix:/run/ovn/$db.sock $db.db
done
ovn-nbctl --db=unix:/run/ovn/nb.sock init
ovn-sbctl --db=unix:/run/ovn/sb.sock init
kind=$(ovs-vsctl get bridge br-int datapath_type)
ovs-vsctl add-br br-ovn -- set bridge br-ovn datapath_type=$kind fail_mode=secure \
    -- add-br br-out -- set bridge br-out datapath_type=$kind \
    -- set open . external-ids:system-id=here external-ids:ovn-bridge-datapath-type=$kind external-ids:ovn-remote=unix:/run/ovn/sb.sock \
    external-ids:ovn-encap-type=geneve external-ids:ovn-encap-ip=127.0.0.1 \
    external-ids:ovn-bridge=br-ovn external-ids:ovn-bridge-mappings=outside:br-out
ovn-northd --detach --no-chdir --pidfile=/run/ovn/northd.pid --log-file=/run/ovn/northd.log \
    --ovnnb-db=unix:/run/ovn/nb.sock --ovnsb-db=unix:/run/ovn/sb.sock
ovn-controller --detach --no-chdir --pidfile=/run/ovn/controller.pid --log-file=/run/ovn/controller.log \
    unix:/run/openvswitch/db.sock
"#;

/// A router between a network of the provider and one of instances; its gateway is on the lab's host.
const ROUTER: [&str; 4] = [
    "lr-add r -- lrp-add r out 02:00:cb:00:71:02 198.18.0.1/15 -- lrp-add r in 02:00:0a:00:00:01 10.0.0.1/8",
    "ls-add outside -- lsp-add outside wire -- lsp-set-type wire localnet -- lsp-set-addresses wire unknown \
     -- lsp-set-options wire network_name=outside",
    "lsp-add outside outside-r -- lsp-set-type outside-r router -- lsp-set-addresses outside-r router \
     -- lsp-set-options outside-r router-port=out -- lrp-set-gateway-chassis out here",
    "ls-add inside -- lsp-add inside inside-r -- lsp-set-type inside-r router -- lsp-set-addresses inside-r router \
     -- lsp-set-options inside-r router-port=in",
];

/// How long programs wait.
const SOON: &str = "--timeout=60";
const LATE: &str = "--timeout=600";
/// So many fit into one command line.
const PIECE: usize = 1_000;
/// Of what a program complains.
const LONGEST: usize = 300;
