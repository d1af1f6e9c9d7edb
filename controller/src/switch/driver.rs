//! The task of one connection: bytes in, bytes out. Reading never waits for writing, so that a switch that is slow to
//! read is still heard; and while the core has no time to hear, the switch sees that somebody is there.

use std::time::{Duration, Instant};

use buoy_flows::openflow::split_frame;
use buoy_topology::HostName;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::places::Place;
use super::session::{CloseReason, Command, Event, Session, WRITE_WAIT};

/// Tells connections apart; never reused while the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A connection as the core knows it.
#[derive(Debug)]
pub struct Connection {
    /// Its number.
    pub id: ConnectionId,
    /// The host that it comes from.
    pub host: HostName,
    /// The peer's address as text.
    pub address: String,
    /// Where commands go. The connection ends when this is dropped.
    pub commands: mpsc::Sender<Command>,
}

/// What drivers tell the core.
#[derive(Debug)]
pub enum Report {
    /// A switch connected; nothing is known of it yet.
    Opened(Connection),
    /// A switch said something.
    Said(ConnectionId, Event),
    /// A connection is over.
    Closed(ConnectionId, CloseReason),
}

/// Runs a connection to its end, and reports it.
pub(super) async fn run<S>(
    stream: S,
    id: ConnectionId,
    commands: mpsc::Receiver<Command>,
    reports: mpsc::Sender<Report>,
    place: Place,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let session = Session::new(Instant::now());
    let reason = Driver { id, session, reports: reports.clone(), place }.run(stream, commands).await;
    // A core that is gone needs no report.
    let _ = reports.send(Report::Closed(id, reason)).await;
}

struct Driver {
    id: ConnectionId,
    session: Session,
    reports: mpsc::Sender<Report>,
    place: Place,
}

impl Driver {
    async fn run<S>(mut self, stream: S, mut commands: mpsc::Receiver<Command>) -> CloseReason
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut incoming = BytesMut::with_capacity(READ_AHEAD);
        let mut outgoing = BytesMut::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut wrote, mut reported) = (Instant::now(), Instant::now());
        let reports = self.reports.clone();
        loop {
            if let Err(reason) = self.take_in(&mut incoming) {
                // What the session still had to say, an error about versions above all, goes out before the end.
                if self.session.transmit(&mut outgoing).is_ok() {
                    let _ = tokio::time::timeout(FAREWELL, writer.write_all(&outgoing)).await;
                }
                return reason;
            }
            if let Err(error) = self.session.transmit(&mut outgoing) {
                return CloseReason::Io(error.to_string());
            }
            let waits_for_core = self.session.has_events();
            let due = self.session.fence_due().filter(|_| !waits_for_core);
            tokio::select! {
                written = writer.write(&outgoing), if !outgoing.is_empty() => match written {
                    Ok(0) => return CloseReason::Eof,
                    Ok(count) => {
                        outgoing.advance(count);
                        wrote = Instant::now();
                    }
                    Err(error) => return CloseReason::Io(error.to_string()),
                },
                place = reports.reserve(), if waits_for_core => match (place, self.session.poll_event()) {
                    (Ok(place), Some(event)) => {
                        self.report(event, place);
                        reported = Instant::now();
                    }
                    (Ok(_), None) => {}
                    (Err(_), _) => return CloseReason::Shutdown,
                },
                read = reader.read_buf(&mut incoming), if !waits_for_core => match read {
                    Ok(0) => return CloseReason::Eof,
                    Ok(_) => {}
                    Err(error) => return CloseReason::Io(error.to_string()),
                },
                command = commands.recv() => match command {
                    Some(command) => self.session.command(command),
                    None => return CloseReason::Shutdown,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                    self.session.tick_fence(Instant::now());
                }
                _ = ticks.tick() => {
                    let now = Instant::now();
                    if outgoing.is_empty() {
                        wrote = now;
                    } else if now.duration_since(wrote) >= WRITE_WAIT {
                        return CloseReason::WriteTimeout;
                    }
                    if waits_for_core && now.duration_since(reported) >= TICK {
                        self.session.show_life(now);
                    } else if let Err(reason) = self.session.tick(now) {
                        return reason;
                    }
                }
            }
        }
    }

    /// Takes in what has been read, until there is something to report that takes no more: what comes after that waits in
    /// its socket. Packets are reported together, as many as have been read.
    fn take_in(&mut self, incoming: &mut BytesMut) -> Result<(), CloseReason> {
        let broken = |error: buoy_flows::openflow::FrameError| CloseReason::BadMessage(error.to_string());
        let now = Instant::now();
        while self.session.takes_more()
            && let Some(frame) = split_frame(incoming).map_err(broken)?
        {
            self.session.receive(&frame, now)?;
        }
        Ok(())
    }

    fn report(&mut self, event: Event, place: mpsc::Permit<'_, Report>) {
        if matches!(event, Event::Ready(_)) {
            self.place.finish_handshake();
        }
        place.send(Report::Said(self.id, event));
    }
}

const TICK: Duration = Duration::from_secs(1);
const FAREWELL: Duration = Duration::from_secs(1);
/// The longest OpenFlow message.
const READ_AHEAD: usize = 64 * 1024;
