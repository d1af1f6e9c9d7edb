//! What the provider of a lab has seen, and what can be ordered from it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use buoy_topology::MacAddr;
use ipnet::Ipv4Net;

use crate::Lab;
use crate::police::patrol::{Request, socket};
use crate::police::rules::Binding;
use crate::police::{Report, Violation};

/// The policing provider of a lab.
#[derive(Clone, Debug)]
pub struct Police {
    socket: PathBuf,
}

impl Police {
    /// The one of this lab. Panics where the lab has none, or several.
    #[track_caller]
    pub fn of(lab: &Lab) -> Self {
        Self::find(lab, None)
    }

    /// The one at this node. Panics where there is none.
    #[track_caller]
    pub fn at(lab: &Lab, node: &str) -> Self {
        Self::find(lab, Some(node))
    }

    #[track_caller]
    fn find(lab: &Lab, node: Option<&str>) -> Self {
        let police = lab.spec().police(node).unwrap_or_else(|error| panic!("{error:#}"));
        Self { socket: lab.path(&socket(&police.node)) }
    }

    /// Everything that it has seen since the lab came up.
    #[track_caller]
    pub fn report(&self) -> Report {
        self.request(Request::Report)
    }

    /// The frames that it refused.
    #[track_caller]
    pub fn violations(&self) -> Vec<Violation> {
        self.report().violations
    }

    /// The largest number of who-has within a minute.
    #[track_caller]
    pub fn who_has_per_minute(&self) -> usize {
        self.report().who_has_per_minute()
    }

    /// Panics with what was seen where a frame was refused or missed, or where there were too many who-has.
    #[track_caller]
    pub fn assert_clean(&self) {
        let report = self.report();
        assert!(report.from_server > 0, "nothing came from the server\n{report}");
        if let Some(complaint) = report.complaint() {
            panic!("{complaint}");
        }
    }

    /// Binds addresses to another MAC, as the provider's customer does in its web interface.
    #[track_caller]
    pub fn bind(&self, block: Ipv4Net, mac: MacAddr) {
        self.request(Request::Bind(Binding { block, mac }));
    }

    /// Has it take addresses from a further MAC, as while an order is under way.
    #[track_caller]
    pub fn allow(&self, block: Ipv4Net, mac: MacAddr) {
        self.request(Request::Allow(Binding { block, mac }));
    }

    /// Tells it that the gateway has another MAC.
    #[track_caller]
    pub fn set_gateway_mac(&self, mac: MacAddr) {
        self.request(Request::GatewayMac(mac));
    }

    #[track_caller]
    fn request(&self, request: Request) -> Report {
        let mut stream = UnixStream::connect(&self.socket).expect("the police serves its socket");
        let line = serde_json::to_string(&request).expect("a request is JSON");
        stream.write_all(format!("{line}\n").as_bytes()).expect("the police reads");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("the police answers");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }
}
