//! The process that stands between uplink and router: it forwards, judges and records.
//!
//! ```text
//! server ─> [judge, record] ─> router      one thread for each direction,
//! server <──────────────────── router      one for each client of the socket
//! ```

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use buoy_topology::MacAddr;
use nix::poll::PollTimeout;
use serde::{Deserialize, Serialize};

use super::{Report, Rules};
use crate::police::rules::Binding;
use crate::raw::{RawPort, Received};
use crate::spec::LabSpec;

/// Where the one at this node answers, inside the lab.
pub fn socket(node: &str) -> String {
    format!("/run/buoy/{node}.sock")
}

/// What a provider's web interface can do. Each line that is sent is one of these; each is answered with a [`Report`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Only tell what was seen.
    Report,
    /// Bind addresses to this MAC from now on.
    Bind(Binding),
    /// Take addresses from this MAC too.
    Allow(Binding),
    /// The gateway has this MAC from now on.
    GatewayMac(MacAddr),
}

/// Forwards for ever between the interfaces that a lab names for this node.
pub fn run(lab: &str, node: &str) -> Result<()> {
    let spec = LabSpec::named(lab)?;
    let police = spec.police(Some(node))?;
    let server = Arc::new(RawPort::open(&police.server)?);
    let router = Arc::new(RawPort::open(&police.router)?);
    let socket = socket(node);
    let listener = UnixListener::bind(&socket).with_context(|| socket.clone())?;
    let desk = Arc::new(Desk {
        since: Instant::now(),
        book: Mutex::new(Book { rules: police.rules.clone(), report: Report::default() }),
        idle: AtomicU64::new(0),
    });
    for (from, to, forward) in [(&server, &router, outward as Forward), (&router, &server, inward)] {
        let (from, to, desk) = (Arc::clone(from), Arc::clone(to), Arc::clone(&desk));
        thread::spawn(move || {
            // Without it the lab has no provider any more, and whoever asks finds nobody.
            if let Err(error) = forward(&from, &to, &desk) {
                eprintln!("police: {error:#}");
                std::process::exit(1);
            }
        });
    }
    println!("ready");
    for client in listener.incoming() {
        // A client that went away is its own affair.
        let Ok(client) = client else { continue };
        let desk = Arc::clone(&desk);
        thread::spawn(move || serve(&client, &desk));
    }
    Ok(())
}

type Forward = fn(&RawPort, &RawPort, &Desk) -> Result<()>;

/// What the threads share.
struct Desk {
    since: Instant,
    book: Mutex<Book>,
    /// How often there was nothing left to read from the server.
    idle: AtomicU64,
}

struct Book {
    rules: Rules,
    report: Report,
}

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what the server sent before this call has been judged.
    fn await_backlog(&self) {
        let (before, end) = (self.idle.load(Ordering::SeqCst), Instant::now() + BACKLOG_DEADLINE);
        // The first pause may have begun before the call.
        while self.idle.load(Ordering::SeqCst) < before + 2 && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn outward(server: &RawPort, router: &RawPort, desk: &Desk) -> Result<()> {
    loop {
        let Some(Received { frame, lost }) = server.receive(PollTimeout::from(PAUSE_MS))? else {
            desk.idle.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        let cause = {
            let Book { rules, report } = &mut *desk.book();
            let cause = rules.judge(&frame);
            report.note(&frame, desk.since.elapsed(), cause, rules.who_has_per_minute);
            report.lost = lost.map_or(report.lost, u64::from);
            cause
        };
        if cause.is_none() {
            // A router that is away loses packets, as a wire would.
            let _ = router.send(&frame);
        }
    }
}

fn inward(router: &RawPort, server: &RawPort, desk: &Desk) -> Result<()> {
    loop {
        let Some(Received { frame, .. }) = router.receive(PollTimeout::NONE)? else { continue };
        let _ = server.send(&frame);
        desk.book().report.to_server += 1;
    }
}

fn serve(client: &UnixStream, desk: &Desk) -> Result<()> {
    let mut writer = client;
    for line in BufReader::new(client).lines() {
        let request: Request = serde_json::from_str(&line?)?;
        desk.await_backlog();
        let report = {
            let Book { rules, report } = &mut *desk.book();
            match request {
                Request::Report => {}
                Request::Bind(binding) => rules.bind(binding),
                Request::Allow(binding) => rules.allow(binding),
                Request::GatewayMac(mac) => rules.gateway_mac = mac,
            }
            report.clone()
        };
        writer.write_all(format!("{}\n", serde_json::to_string(&report)?).as_bytes())?;
    }
    Ok(())
}

/// How long nothing may come until there is nothing left.
const PAUSE_MS: u8 = 5;
/// How long a client waits at most for a pause.
const BACKLOG_DEADLINE: Duration = Duration::from_millis(500);
