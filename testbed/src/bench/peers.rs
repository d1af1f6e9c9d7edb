//! Peers that are measured only where they are installed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use super::netfilter::has_nftables;
use super::ovn;
use super::report::Missing;
use crate::tools::command;

/// Sends flows as os-ken does.
const OS_KEN: &str = include_str!("os_ken.py");

/// Whether Python finds os-ken.
pub(super) fn has_os_ken() -> bool {
    let mut line = command("python3");
    line.args(["-c", "from os_ken.ofproto import ofproto_protocol, ofproto_v1_3_parser"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    line.status().is_ok_and(|status| status.success())
}

/// The peers that are not installed.
pub(super) fn missing() -> Vec<Missing> {
    let all = [
        (
            has_os_ken(),
            "os-ken",
            "python3 does not find it, or what it needs: apt-get install python3-os-ken, or pip install os-ken",
        ),
        (
            has_nftables(),
            "nftables",
            "nft does not run in a namespace here: apt-get install nftables, and a kernel with nf_tables",
        ),
        (
            ovn::is_found(),
            "OVN",
            "ovn-northd, ovn-controller and ovn-nbctl are not found: docs/performance.md says how",
        ),
    ];
    let absent = all.into_iter().filter(|(is_there, ..)| !is_there);
    absent.map(|(_, peer, why)| Missing { peer, why: why.to_owned() }).collect()
}

/// A process of Python that has read the flows of two bridges, and waits for a word to send them.
#[derive(Debug)]
pub(super) struct OsKen {
    process: Child,
    says: BufReader<ChildStdout>,
}

impl OsKen {
    /// Starts it while the bridges have their flows; returns when it has read them.
    #[track_caller]
    pub(super) fn start(sockets: &[impl AsRef<Path>]) -> Self {
        let mut line = command("python3");
        line.args(["-c", OS_KEN]).args(sockets.iter().map(AsRef::as_ref));
        let mut process = line.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let says = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut own = Self { process, says };
        assert_eq!(own.line(), "ready\n");
        own
    }

    /// Sends all flows; how long that took until the switch had them.
    #[track_caller]
    pub(super) fn send(&mut self) -> Duration {
        self.process.stdin.as_mut().expect("a pipe").write_all(b"go\n").expect("Python reads");
        let line = self.line();
        Duration::from_secs_f64(line.trim().parse().unwrap_or_else(|error| panic!("{error}: {line:?}")))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("Python answers");
        line
    }
}

impl Drop for OsKen {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
