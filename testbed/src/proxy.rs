//! Stands between a bridge and the daemon, counts messages, and cuts the connection where a test wants it cut.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use buoy_flows::openflow::{Message, split_frame};
use bytes::BytesMut;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the daemon to the bridge.
    ToSwitch,
    /// From the bridge to the daemon.
    ToDaemon,
}

/// Takes connections on one socket and passes them on to another, message by message.
#[derive(Clone, Debug)]
pub struct Proxy {
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    passed: [u64; 2],
    /// The direction, and how many messages still pass that way before the cut.
    cut: Option<(Direction, u64)>,
    /// The flow mods that went to the bridge, in words, while somebody wants to know.
    flow_mods: Option<Vec<String>>,
    /// The connections, to be cut at once.
    open: Vec<UnixStream>,
}

impl Proxy {
    /// Listens on `front`; every connection goes on to `back`. It ends with the process.
    #[track_caller]
    pub fn start(front: &Path, back: &Path) -> Self {
        let listener = UnixListener::bind(front).unwrap_or_else(|error| panic!("{}: {error}", front.display()));
        let proxy = Self { plan: Arc::default() };
        let (own, back) = (proxy.clone(), back.to_owned());
        thread::spawn(move || {
            for bridge in listener.incoming().flatten() {
                // A daemon that is not there closes the connection, as it would without a proxy.
                let _ = own.carry(bridge, &back);
            }
        });
        proxy
    }

    /// Counts anew.
    pub fn count_anew(&self) {
        self.lock().passed = [0, 0];
    }

    /// Notes flow mods from now on.
    pub fn note_flow_mods(&self) {
        self.lock().flow_mods = Some(Vec::new());
    }

    /// The flow mods that went to the bridge since [`Proxy::note_flow_mods`], those in bundles too.
    pub fn flow_mods(&self) -> Vec<String> {
        self.lock().flow_mods.clone().unwrap_or_default()
    }

    /// How many messages have passed in a direction.
    pub fn passed(&self, direction: Direction) -> u64 {
        let plan = self.lock();
        let [to_switch, to_daemon] = plan.passed;
        if direction == Direction::ToSwitch { to_switch } else { to_daemon }
    }

    /// Cuts the connection after so many more messages in this direction: the next one does not arrive.
    pub fn cut_after(&self, direction: Direction, messages: u64) {
        self.lock().cut = Some((direction, messages));
    }

    /// Cuts every connection now.
    pub fn cut_now(&self) {
        for stream in self.lock().open.drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Cuts no more; tells whether the cut that was planned was made.
    pub fn has_cut(&self) -> bool {
        let mut plan = self.lock();
        plan.cut.take().is_none()
    }

    fn carry(&self, bridge: UnixStream, back: &PathBuf) -> io::Result<()> {
        let daemon = UnixStream::connect(back)?;
        let (bridge_too, daemon_too) = (bridge.try_clone()?, daemon.try_clone()?);
        self.lock().open.push(bridge.try_clone()?);
        let (one, two) = (self.clone(), self.clone());
        thread::spawn(move || one.pump(daemon_too, bridge_too, Direction::ToSwitch));
        thread::spawn(move || two.pump(bridge, daemon, Direction::ToDaemon));
        Ok(())
    }

    fn pump(&self, mut from: UnixStream, mut to: UnixStream, direction: Direction) {
        // However it ends, both sides see the end.
        let _ = self.pass_all(&mut from, &mut to, direction);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    fn pass_all(&self, from: &mut UnixStream, to: &mut UnixStream, direction: Direction) -> io::Result<()> {
        let (mut buffer, mut chunk) = (BytesMut::new(), [0; 65_536]);
        loop {
            while let Some(frame) = split_frame(&mut buffer).map_err(io::Error::other)? {
                if self.is_cut(direction) {
                    return Ok(());
                }
                self.note(&frame, direction);
                to.write_all(&frame)?;
            }
            let count = from.read(&mut chunk)?;
            if count == 0 {
                return Ok(());
            }
            buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
    }

    fn note(&self, frame: &[u8], direction: Direction) {
        let mut plan = self.lock();
        let (Some(noted), Direction::ToSwitch) = (&mut plan.flow_mods, direction) else { return };
        let Ok((_, message)) = Message::decode(frame) else { return };
        let message = if let Message::BundleAdd(add) = message { *add.message } else { message };
        if let Message::FlowMod(flow_mod) = message {
            noted.push(format!("{:?} {flow_mod}", flow_mod.command));
        }
    }

    /// Counts a message; tells whether the connection is to be cut before it.
    fn is_cut(&self, direction: Direction) -> bool {
        let mut plan = self.lock();
        if let Some((own, left)) = &mut plan.cut
            && *own == direction
        {
            if *left == 0 {
                plan.cut = None;
                return true;
            }
            *left -= 1;
        }
        let [to_switch, to_daemon] = &mut plan.passed;
        *(if direction == Direction::ToSwitch { to_switch } else { to_daemon }) += 1;
        false
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
