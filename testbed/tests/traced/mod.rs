//! What `ovs-appctl ofproto/trace` says: the flows that a packet meets, and the datapath actions read as what leaves.

mod resume;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use buoy_flows::simulate::Headers;
use buoy_flows::simulate::headers::Vlan;
use buoy_testbed::Lab;
use buoy_topology::PortNo;
use serde_json::{Value, json};

use crate::packets::Packet;
pub(crate) use resume::{entrances, names};

/// The control socket of a lab's ovs-vswitchd.
#[derive(Debug)]
pub(crate) struct Ovs {
    stream: UnixStream,
    /// Bridge and OpenFlow number of each port of the datapath.
    ports: BTreeMap<u32, (String, PortNo)>,
}

/// Bridge, table, and the flow's priority and cookie.
pub(crate) type Stage = (String, u8, Option<(u16, u64)>);

/// What OVS said of a packet: until it goes to the connection tracker, and again from there on.
#[derive(Debug)]
pub(crate) struct Traced {
    /// All of it.
    pub(crate) text: String,
    pub(crate) parts: Vec<Part>,
}

/// What OVS said of a packet up to the connection tracker, or to its end.
#[derive(Debug)]
pub(crate) struct Part {
    /// Source and destination that OVS takes the translated packet to have, where it says so.
    pub(crate) translated: Option<(Ipv4Addr, Ipv4Addr)>,
    text: String,
    stages: Vec<Stage>,
    /// Where the packet is measured: after so many stages, and how long it may be. Both ways are told, the longer one first.
    measured: Option<(usize, usize)>,
    actions: String,
    ports: BTreeMap<u32, (String, PortNo)>,
}

/// What becomes of a packet or of a copy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Sent { bridge: String, port: PortNo, headers: Headers },
    Controller { reason: u8, headers: Headers },
}

impl Ovs {
    pub(crate) fn connect(lab: &Lab) -> Self {
        let pid = std::fs::read_to_string(lab.path("/run/openvswitch/ovs-vswitchd.pid")).expect("it runs");
        let path = lab.path(&format!("/run/openvswitch/ovs-vswitchd.{}.ctl", pid.trim()));
        let stream = UnixStream::connect(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
        let mut ovs = Self { stream, ports: BTreeMap::new() };
        let mut bridge = String::new();
        for line in ovs.call("dpif/show", &[]).lines() {
            // A bridge is "  name:", a port of it "    name 1/2: (dummy)"; patch ports have no number behind the slash.
            if let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) {
                bridge = name.trim_end_matches(':').to_owned();
            } else if let Some((numbers, _)) = line.trim().split_once(": ")
                && let Some((_, numbers)) = numbers.split_once(' ')
                && let Some((number, datapath)) = numbers.split_once('/')
                && bridge.starts_with("sim-")
                && let (Ok(number), Ok(datapath)) = (number.parse(), datapath.parse())
            {
                let number = if number == 65_534 { PortNo::LOCAL } else { PortNo(number) };
                ovs.ports.insert(datapath, (bridge.clone(), number));
            }
        }
        ovs
    }

    /// One call of the JSON-RPC that ovs-appctl speaks.
    fn call(&mut self, method: &str, params: &[&str]) -> String {
        let call = json!({"id": 0, "method": method, "params": params});
        self.stream.write_all(call.to_string().as_bytes()).expect("OVS reads");
        let mut answer = Vec::new();
        let mut chunk = [0; 65_536];
        loop {
            let count = self.stream.read(&mut chunk).expect("OVS answers");
            assert_ne!(count, 0, "OVS hung up");
            answer.extend_from_slice(&chunk[..count]);
            if let Ok(answer) = serde_json::from_slice::<Value>(&answer) {
                return answer["result"].as_str().unwrap_or_else(|| panic!("{method} {params:?}: {answer}")).to_owned();
            }
        }
    }

    /// What becomes of a packet of which the connection tracker says this, each time that it is asked.
    pub(crate) fn trace(&mut self, packet: &Packet, states: &[u32]) -> Traced {
        let port = if packet.port == PortNo::LOCAL { "LOCAL".to_owned() } else { packet.port.to_string() };
        let mut hex = String::new();
        packet.frame.iter().for_each(|byte| write!(hex, "{byte:02x}").expect("a string takes any text"));
        self.traced(states, [packet.bridge.as_str(), &format!("in_port={port}"), &hex])
    }

    fn traced<const N: usize>(&mut self, states: &[u32], words: [&str; N]) -> Traced {
        let states: Vec<_> = states.iter().map(|state| resume::names(*state)).collect();
        let next = states.iter().flat_map(|state| ["--ct-next", state]);
        let text = self.call("ofproto/trace", &next.chain(words).collect::<Vec<_>>());
        let mut parts: Vec<Part> = Vec::new();
        // A line of = is before and after what is said of the tracker.
        for (number, text) in text.split(&"=".repeat(79)).enumerate() {
            if number % 2 == 1 {
                parts.push(Part::tracked(text));
                continue;
            }
            let mut part = if number == 0 { Part::tracked("") } else { parts.pop().expect("it was announced") };
            // It goes on where it was, though the bridge that it came in on is told.
            let resumed = parts.last().and_then(|before| before.stages.last()).map(|(bridge, ..)| bridge.clone());
            part.read(text, resumed, &self.ports);
            parts.push(part);
        }
        Traced { text, parts }
    }
}

impl Part {
    /// What is said of the tracker.
    fn tracked(text: &str) -> Self {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("Modified flow: "));
        let address = |name: &str| {
            let (_, value) = fields(line?).find(|(own, _)| *own == name)?;
            value.parse().ok()
        };
        Self {
            translated: address("nw_src").zip(address("nw_dst")),
            text: String::new(),
            stages: Vec::new(),
            measured: None,
            actions: String::new(),
            ports: BTreeMap::new(),
        }
    }

    fn read(&mut self, text: &str, resumed: Option<String>, ports: &BTreeMap<u32, (String, PortNo)>) {
        let (mut stages, mut measured) = (Vec::new(), None);
        let mut bridge = String::new();
        for line in text.lines() {
            if let Some(name) = resumed.as_ref().filter(|_| line.contains("Resuming from table")) {
                bridge.clone_from(name);
            }
            if let Some(name) = line.trim().strip_prefix("bridge(\"") {
                bridge = name.trim_end_matches("\")").to_owned();
            }
            if let Some((_, rest)) = line.split_once("check_pkt_larger(") {
                let most = rest.split(')').next().expect("there is a first");
                measured = Some((stages.len(), most.parse().expect("a number")));
            }
            let Some((table, rest)) = line.trim().split_once(". ") else { continue };
            let Ok(table) = table.parse() else { continue };
            let word = |name: &str| {
                let (_, rest) = rest.split_once(name)?;
                rest.split([',', ' ']).next().map(str::to_owned)
            };
            let flow = word("priority ").map(|priority| {
                let cookie = word("cookie 0x").map_or(0, |own| u64::from_str_radix(&own, 16).expect("hex"));
                (priority.parse().expect("a priority"), cookie)
            });
            stages.push((bridge.clone(), table, flow));
        }
        let actions = text.lines().rev().find_map(|line| line.strip_prefix("Datapath actions: "));
        let actions = actions.unwrap_or_else(|| panic!("no actions in\n{text}")).to_owned();
        let translated = self.translated;
        *self = Self { translated, text: text.to_owned(), stages, measured, actions, ports: ports.clone() };
    }

    /// The stages of a packet that has so many bytes without tag and padding.
    pub(crate) fn stages(&self, length: usize) -> Vec<Stage> {
        let Some((at, most)) = self.measured else { return self.stages.clone() };
        let (before, after) = self.stages.split_at(at);
        let place = |stage: &Stage| (stage.0.clone(), stage.1);
        let second =
            after.iter().skip(1).position(|own| place(own) == place(&after[0])).expect("both ways are told") + 1;
        let (longer, other) = after.split_at(second);
        [before, if length > most { longer } else { other }].concat()
    }

    /// Whether it depends on the packet's length what becomes of it.
    pub(crate) fn is_measured(&self) -> bool {
        self.measured.is_some()
    }

    /// What the datapath does with a packet that has these headers, and so many bytes without tag and padding.
    pub(crate) fn ends(&self, mut headers: Headers, length: usize) -> Vec<End> {
        let mut ends = Vec::new();
        self.run(&self.actions, (&mut headers, length), &mut ends);
        ends
    }

    fn run(&self, actions: &str, (headers, length): (&mut Headers, usize), ends: &mut Vec<End>) {
        for action in split(actions) {
            if let Ok(number) = action.parse::<u32>() {
                let (bridge, port) =
                    self.ports.get(&number).unwrap_or_else(|| panic!("no port {number}: {}", self.text));
                ends.push(End::Sent { bridge: bridge.clone(), port: *port, headers: headers.clone() });
                continue;
            }
            let (name, inner) = action
                .split_once('(')
                .map_or((action, ""), |(name, rest)| (name, rest.strip_suffix(')').expect("it is closed")));
            match name {
                // The connection tracker is where the part ends.
                "drop" | "meter" | "ct_clear" | "ct" | "recirc" => {}
                "pop_vlan" => headers.vlan = None,
                "push_vlan" => {
                    let number =
                        |name| fields(inner).find(|(own, _)| *own == name).map_or(0, |(_, value)| number(value));
                    let tci = u16::try_from(number("vid") | number("pcp") << 13).expect("a tag");
                    headers.vlan = Some(Vlan { kind: 0x8100, tci });
                }
                "set" => set(inner, headers),
                "clone" => self.run(inner, (&mut headers.clone(), length), ends),
                // How OVS hands a copy to a meter and the controller.
                "sample" => {
                    let (_, inner) = inner.split_once("actions(").unwrap_or_else(|| panic!("{action}"));
                    self.run(inner.strip_suffix(')').expect("it is closed"), (&mut headers.clone(), length), ends);
                }
                "check_pkt_len" => {
                    let parts = split(inner);
                    let [size, longer, other] = *parts else { panic!("{action}") };
                    let most = size.strip_prefix("size=").expect("a size").parse::<usize>().expect("a number");
                    let tag = if headers.vlan.is_some() { 4 } else { 0 };
                    let (way, name) = if length + tag > most { (longer, "gt(") } else { (other, "le(") };
                    let way = way.strip_prefix(name).and_then(|own| own.strip_suffix(')')).expect("it is closed");
                    self.run(way, (headers, length), ends);
                }
                "userspace" => {
                    let (_, reason) = inner.split_once("reason=").unwrap_or_else(|| panic!("{action}"));
                    let reason = reason.split(',').next().expect("there is a first").parse().expect("a number");
                    ends.push(End::Controller { reason, headers: headers.clone() });
                }
                other => panic!("{other} in {}", self.text),
            }
        }
    }
}

/// Writes the fields of `eth(src=…,dst=…)` and the like.
fn set(inner: &str, headers: &mut Headers) {
    let (kind, inner) = inner.split_once('(').expect("a header");
    for (field, value) in fields(inner.trim_end_matches(')')) {
        match (kind, field) {
            ("eth", "src") => headers.eth_src = value.parse().unwrap(),
            ("eth", "dst") => headers.eth_dst = value.parse().unwrap(),
            ("ipv4", "src") | ("arp", "sip") => headers.nw_src = value.parse().unwrap(),
            ("ipv4", "dst") | ("arp", "tip") => headers.nw_dst = value.parse().unwrap(),
            ("ipv4", "ttl") => headers.nw_ttl = value.parse().unwrap(),
            ("arp", "op") => headers.nw_proto = value.parse().unwrap(),
            ("arp", "sha") => headers.arp_sha = value.parse().unwrap(),
            ("arp", "tha") => headers.arp_tha = value.parse().unwrap(),
            ("icmp", "type") => headers.tp_src = value.parse().unwrap(),
            ("icmp", "code") => headers.tp_dst = value.parse().unwrap(),
            _ => panic!("{kind}: {field}={value}"),
        }
    }
}

fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter_map(|pair| pair.split_once('='))
}

fn number(text: &str) -> u32 {
    text.parse().expect("a number")
}

/// The actions of a list, which have lists in them.
fn split(actions: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, letter) in actions.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&actions[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&actions[start..]);
    parts
}
