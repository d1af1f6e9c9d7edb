//! Stands between ovs-ofctl and a switch, and keeps what both say.
//!
//! ```text
//! ovs-ofctl ──> socket of the recorder ──> management socket of a bridge
//!           <──                        <──
//! ```
//!
//! Without a bridge the recorder plays a switch that says hello and yes: enough to hear what ovs-ofctl encodes.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use buoy_flows::openflow::{Message, split_frame};

use crate::tools;

/// The word of a command that stands for the switch.
pub const SWITCH: &str = "SWITCH";

/// A command that hangs is ended after so many seconds.
const LONGEST: &str = "--timeout=30";

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// ovs-ofctl.
    Client,
    /// The switch.
    Switch,
}

/// All that was said, in order, with word of each further message.
type Heard = Arc<(Mutex<Vec<(Side, Bytes)>>, Condvar)>;

/// An ovs-ofctl that runs, and what it and its switch have said so far.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    path: PathBuf,
    ended: Arc<AtomicBool>,
    heard: Heard,
    acceptor: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts `ovs-ofctl -O OpenFlow13` with these words, of which [`SWITCH`] is replaced by the recorder's socket.
    ///
    /// The socket is made in `dir`. Without `upstream` the recorder answers by itself.
    #[track_caller]
    pub fn start(dir: &Path, upstream: Option<PathBuf>, words: &[&str]) -> Self {
        let path = dir.join("recorder");
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let nameless = upstream.is_none().then_some("--no-names");
        let (ended, heard) = (Arc::new(AtomicBool::new(false)), Heard::default());
        let acceptor = std::thread::spawn({
            let (ended, heard) = (Arc::clone(&ended), Arc::clone(&heard));
            move || accept(&listener, &ended, &heard, upstream.as_deref())
        });
        let switch = format!("unix:{}", path.display());
        let child = tools::command("ovs-ofctl")
            .args(["-O", "OpenFlow13", LONGEST])
            // It would ask for the names of ports and tables.
            .args(nameless)
            .args(words.iter().map(|&word| if word == SWITCH { switch.as_str() } else { word }))
            // Where a monitor puts its own control socket.
            .env("OVS_RUNDIR", dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ovs-ofctl is installed (Debian: openvswitch-switch)");
        Self { child, path, ended, heard, acceptor: Some(acceptor) }
    }

    /// Waits until a message of this name (as OVS has it) was heard; whether it was in time.
    pub fn wait_for(&self, name: &str, deadline: Duration) -> bool {
        let (messages, more) = &*self.heard;
        let named = |frame: &Bytes| Message::decode(frame).is_ok_and(|(_, own)| own.openflow_name() == Some(name));
        let messages = messages.lock().expect("nobody panicked");
        let waited = more.wait_timeout_while(messages, deadline, |heard| !heard.iter().any(|(_, frame)| named(frame)));
        waited.is_ok_and(|(_, timeout)| !timeout.timed_out())
    }

    /// Waits for the end of ovs-ofctl; returns all that was said, and what it printed. Panics where it complains.
    #[track_caller]
    pub fn finish(self) -> (Vec<(Side, Bytes)>, String) {
        let (heard, output) = self.end(false);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (heard, String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits for the end of ovs-ofctl, however it ends; returns all that was said.
    pub fn wait(self) -> Vec<(Side, Bytes)> {
        self.end(false).0
    }

    /// Ends ovs-ofctl, whatever it does; returns all that was said.
    pub fn stop(self) -> Vec<(Side, Bytes)> {
        self.end(true).0
    }

    fn end(mut self, kill: bool) -> (Vec<(Side, Bytes)>, std::process::Output) {
        if kill {
            self.child.kill().expect("it is ours");
        }
        let output = self.child.wait_with_output().expect("it can be waited for");
        self.ended.store(true, Ordering::SeqCst);
        // The acceptor waits for a connection: this one tells it to look whether the end has come.
        drop(UnixStream::connect(&self.path));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the recorder's thread does not panic");
        }
        let _ = std::fs::remove_file(&self.path);
        let heard = std::mem::take(&mut *self.heard.0.lock().expect("nobody panicked"));
        (heard, output)
    }
}

/// Serves each connection that ovs-ofctl makes: some commands have two at once.
fn accept(listener: &UnixListener, ended: &AtomicBool, heard: &Heard, upstream: Option<&Path>) {
    std::thread::scope(|scope| {
        for client in listener.incoming() {
            if ended.load(Ordering::SeqCst) {
                return;
            }
            let client = client.expect("a connection");
            scope.spawn(move || match upstream {
                None => answer(client, heard),
                Some(path) => relay(&client, &UnixStream::connect(path).expect("the bridge answers"), heard),
            });
        }
    });
}

/// Carries both directions until one side hangs up.
fn relay(client: &UnixStream, switch: &UnixStream, heard: &Heard) {
    std::thread::scope(|scope| {
        scope.spawn(|| carry(switch, client, Side::Switch, heard));
        carry(client, switch, Side::Client, heard);
    });
}

fn carry(mut from: &UnixStream, mut to: &UnixStream, side: Side, heard: &Heard) {
    let mut buffer = BytesMut::new();
    let mut chunk = [0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        let bytes = chunk.get(..count).expect("no more was read");
        buffer.extend_from_slice(bytes);
        note(&mut buffer, side, heard);
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Keeps the whole messages at the front of the buffer.
fn note(buffer: &mut BytesMut, side: Side, heard: &Heard) -> Vec<Bytes> {
    let mut frames = Vec::new();
    while let Some(frame) = split_frame(buffer).expect("both sides speak OpenFlow") {
        heard.0.lock().expect("nobody panicked").push((side, frame.clone()));
        heard.1.notify_all();
        frames.push(frame);
    }
    frames
}

/// Plays a switch that says hello, and yes to every barrier and bundle.
fn answer(mut client: UnixStream, heard: &Heard) {
    let mut buffer = BytesMut::new();
    let mut chunk = [0; 65_536];
    while let Ok(count @ 1..) = client.read(&mut chunk) {
        buffer.extend_from_slice(chunk.get(..count).expect("no more was read"));
        for frame in note(&mut buffer, Side::Client, heard) {
            let (xid, message) = Message::decode(&frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
            let Some(reply) = reply_to(message) else { continue };
            let mut out = BytesMut::new();
            reply.encode(xid, &mut out).expect("it can be written");
            if client.write_all(&out).is_err() {
                return;
            }
        }
    }
}

fn reply_to(message: Message) -> Option<Message> {
    match message {
        Message::Hello(hello) => Some(Message::Hello(hello)),
        Message::BarrierRequest => Some(Message::BarrierReply),
        Message::EchoRequest(payload) => Some(Message::EchoReply(payload)),
        _ => None,
    }
}
