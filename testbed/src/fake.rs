//! A peer that plays a switch: it says what a test wants said, true or not.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use buoy_flows::openflow::{
    BundleControl, BundleControlKind, ControllerRole, Features, Hello, Message, MeterFeatures, MultipartReply,
    MultipartReplyBody, MultipartRequestBody, Port, Role, Xid, split_frame,
};
use buoy_topology::{DatapathId, MacAddr, PortNo};
use bytes::BytesMut;

/// A connection to the daemon on which a test plays the switch.
#[derive(Debug)]
pub struct FakeSwitch {
    stream: UnixStream,
    buffer: BytesMut,
    name: String,
    datapath_id: DatapathId,
    ports: Vec<String>,
}

impl FakeSwitch {
    /// Connects to the daemon's OpenFlow socket and says nothing.
    #[track_caller]
    pub fn connect(socket: &Path, name: &str, datapath_id: u64) -> Self {
        let stream = UnixStream::connect(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let datapath_id = DatapathId(datapath_id);
        Self { stream, buffer: BytesMut::new(), name: name.to_owned(), datapath_id, ports: Vec::new() }
    }

    /// Gives it a port, to be told in the handshake.
    pub fn with_port(mut self, name: &str) -> Self {
        self.ports.push(name.to_owned());
        self
    }

    /// Says hello, and answers all that is asked until the daemon is content.
    #[track_caller]
    pub fn become_ready(&mut self) {
        self.send(Xid(1), &Message::Hello(Hello::ours())).expect("the daemon listens");
        // Two dumps' worth of answers: the handshake, the first dump, the first bundle.
        self.serve(Duration::from_millis(500)).expect("the daemon talks");
    }

    /// Says hello, and answers what is asked up to the first dump, which it leaves unanswered.
    #[track_caller]
    pub fn shake_hands(&mut self) {
        self.send(Xid(1), &Message::Hello(Hello::ours())).expect("the daemon listens");
        let quiet = Duration::from_millis(500);
        while let Some((xid, message)) = self.receive(quiet).expect("the daemon talks") {
            let is_dump =
                matches!(&message, Message::MultipartRequest(own) if matches!(own.body, MultipartRequestBody::Flow(_)));
            if is_dump {
                return;
            }
            if let Some(answer) = self.answer(message) {
                self.send(xid, &answer).expect("the daemon reads");
            }
        }
        panic!("the daemon did not ask for the flows");
    }

    /// Answers what is asked until nothing has been asked for a while.
    pub fn serve(&mut self, quiet: Duration) -> io::Result<()> {
        while let Some((xid, message)) = self.receive(quiet)? {
            if let Some(answer) = self.answer(message) {
                self.send(xid, &answer)?;
            }
        }
        Ok(())
    }

    /// Sends a message.
    pub fn send(&mut self, xid: Xid, message: &Message) -> io::Result<()> {
        let mut out = BytesMut::new();
        message.encode(xid, &mut out).map_err(io::Error::other)?;
        self.stream.write_all(&out)
    }

    /// Sends bytes.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next message; none where there is none for a while.
    pub fn receive(&mut self, quiet: Duration) -> io::Result<Option<(Xid, Message)>> {
        self.stream.set_read_timeout(Some(quiet))?;
        loop {
            if let Some(frame) = split_frame(&mut self.buffer).map_err(io::Error::other)? {
                return Message::decode(&frame).map(Some).map_err(io::Error::other);
            }
            let mut chunk = [0; 65_536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the daemon closes the connection within this time.
    pub fn is_closed(&mut self, within: Duration) -> bool {
        let deadline = std::time::Instant::now() + within;
        while std::time::Instant::now() < deadline {
            if self.receive(Duration::from_millis(50)).is_err() {
                return true;
            }
        }
        false
    }

    fn answer(&self, message: Message) -> Option<Message> {
        let multipart = |body| Message::MultipartReply(MultipartReply { more: false, body });
        Some(match message {
            Message::EchoRequest(payload) => Message::EchoReply(payload),
            Message::BarrierRequest => Message::BarrierReply,
            Message::FeaturesRequest => Message::FeaturesReply(Features {
                datapath_id: self.datapath_id,
                n_buffers: 0,
                n_tables: 254,
                auxiliary_id: 0,
                capabilities: 0x4f,
                reserved: 0,
            }),
            Message::RoleRequest(_) => {
                Message::RoleReply(Role { role: ControllerRole::Equal, generation_id: u64::MAX })
            }
            Message::BundleControl(control) => {
                let kind = match control.kind {
                    BundleControlKind::OpenRequest => BundleControlKind::OpenReply,
                    BundleControlKind::CommitRequest => BundleControlKind::CommitReply,
                    _ => BundleControlKind::DiscardReply,
                };
                Message::BundleControl(BundleControl { kind, ..control })
            }
            Message::MultipartRequest(request) => multipart(match request.body {
                MultipartRequestBody::PortDesc => MultipartReplyBody::PortDesc(self.port_list()),
                MultipartRequestBody::MeterFeatures => {
                    MultipartReplyBody::MeterFeatures(MeterFeatures { max_meter: 1_000, ..MeterFeatures::default() })
                }
                MultipartRequestBody::FlowMonitor(_) => MultipartReplyBody::FlowMonitor(Vec::new()),
                MultipartRequestBody::Flow(_) => MultipartReplyBody::Flow(Vec::new()),
                _ => return None,
            }),
            _ => return None,
        })
    }

    fn port_list(&self) -> Vec<Port> {
        let numbered = (1..).map(PortNo).zip(&self.ports);
        let all = numbered.chain([(PortNo::LOCAL, &self.name)]);
        all.map(|(number, name)| Port { number, name: name.clone(), ..fake_port(MAC) }).collect()
    }
}

/// A port that is up and has this MAC.
pub fn fake_port(hw_addr: MacAddr) -> Port {
    Port {
        number: PortNo(7),
        hw_addr,
        name: "fake7".to_owned(),
        config: Default::default(),
        state: Default::default(),
        curr: 0,
        advertised: 0,
        supported: 0,
        peer: 0,
        curr_speed: 0,
        max_speed: 0,
    }
}

const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
