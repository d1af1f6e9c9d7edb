//! The simulator against `ovs-appctl ofproto/trace`: random packets at random sites meet the same flows, leave by the same
//! ports with the same headers, or are dropped by the same flow. What the connection tracker makes of a packet is the
//! simulator's word, which OVS is given (`--ct-next`): compared is what the flows do before and after.
//!
//! `BUOY_LONG=1` (`testbed/test --long`) sends thousands of packets over many sites; `BUOY_SEED` repeats a run.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may stop where something is not there")]

#[path = "../../flows/tests/simulate/packets.rs"]
mod packets;
#[path = "../../flows/tests/simulate/site.rs"]
mod site;
mod traced;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use buoy_flows::icmp::{ErrorKind, error};
use buoy_flows::simulate::{self, Connections, Effect, Headers, Outcome, Stage, Trace, Tracked, answer};
use buoy_testbed::{Lab, Switch};
use buoy_topology::PortNo;
use etherparse::PacketBuilder;
use packets::{Packet, SEED, packet};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use site::{EXTERNAL, EXTERNAL_PORTS, INTEGRATION, INTEGRATION_PORTS, Sample, plans};
use traced::{End, Ovs};

/// Sites, and packets at each.
fn counts() -> (usize, usize) {
    if std::env::var_os("BUOY_LONG").is_some() { (100, 200) } else { (12, 60) }
}

#[test]
fn open_vswitch_does_with_random_packets_what_the_simulator_says() {
    let lab = Lab::up("flat");
    build(&lab);
    let mut ovs = Ovs::connect(&lab);
    let mut runner = runner();
    let (sites, count) = counts();
    let (mut compared, mut delivered, mut measured, mut differences) = (0, 0, 0, Vec::new());
    let mut states = BTreeMap::new();
    for number in 0..sites {
        let plan = plans().new_tree(&mut runner).expect("a plan").current();
        // Every fourth site is in one table; at every fourth all instances share an address.
        let sample = match number % 4 {
            3 => plan.legacy().sample(),
            0 => plan.all_sharing().sample(),
            _ => plan.sample(),
        };
        install(&lab, &sample);
        let (network, known) = (sample.network(), &mut Connections::default());
        let mut packets: Vec<_> = asking(&sample);
        for _ in 0..count {
            let seed = any::<[u8; SEED]>().new_tree(&mut runner).expect("bytes").current();
            packets.push(packet(&sample, &seed));
        }
        while let Some(packet) = packets.pop() {
            // OVS knows no packet from a port that is not there.
            if network.switch(&packet.bridge).unwrap().ports().all(|port| port != packet.port) {
                continue;
            }
            let before = known.iter().count();
            let ours = network.send_after(known, &packet.bridge, packet.port, &packet.frame);
            compared += 1;
            delivered += usize::from(ours.sent().count() > 0);
            tracked(&ours).for_each(|own| *states.entry(own.after.ct_state).or_insert(0) += 1);
            match compare(&packet, &ours, &mut ovs) {
                Ok(is_measured) => measured += usize::from(is_measured),
                Err(difference) => differences.push(format!("{difference}\n{packet:02x?}\n{:02x?}", ours.ends)),
            }
            if known.iter().count() > before {
                packets.extend(following(&packet, &ours));
            }
        }
    }
    println!("{compared} packets at {sites} sites compared, {delivered} leave by a port, {measured} are measured");
    let named = states.iter().map(|(state, count)| format!("{count} {}", traced::names(*state)));
    println!("the connection tracker: {}", named.collect::<Vec<_>>().join("; "));
    // A run that compares nothing proves nothing.
    assert!(compared > sites * count / 2 && delivered > 0, "{compared} {delivered}");
    let shown: Vec<_> = differences.iter().take(5).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} of {compared} differ, such as\n{}", differences.len(), shown.join("\n\n"));
    let has = |some: u32| states.keys().any(|state| state & some == some);
    assert!([0x61, 0x62, 0xaa, 0xac, 0x30].into_iter().all(has), "{states:x?}");
}

/// Random numbers; the seed is printed, for a run that fails.
fn runner() -> TestRunner {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = std::env::var("BUOY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(now);
    println!("BUOY_SEED={seed}");
    let bytes: Vec<u8> = seed.to_be_bytes().into_iter().cycle().take(32).collect();
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// The two bridges of the sites, on a datapath of their own that moves nothing.
fn build(lab: &Lab) {
    let mut line = String::new();
    for (bridge, ports) in [(EXTERNAL, &EXTERNAL_PORTS[..]), (INTEGRATION, &INTEGRATION_PORTS[..])] {
        line += &format!(" -- add-br {bridge} -- set bridge {bridge} datapath_type=dummy fail_mode=secure");
        for (port, number) in ports {
            let kind = match *port {
                "phy-sim-ex" => "type=patch options:peer=t-int-sim-ex",
                "int-sim-ex" => "type=patch options:peer=t-phy-sim-ex",
                _ => "type=dummy",
            };
            // The lab has ports of these names itself.
            line += &format!(" -- add-port {bridge} t-{port} -- set interface t-{port} {kind} ofport_request={number}");
        }
    }
    lab.ovs_vsctl(line.split_whitespace());
    for bridge in [EXTERNAL, INTEGRATION] {
        Switch::connect(lab, bridge).give_meters();
    }
}

fn install(lab: &Lab, sample: &Sample) {
    for bridge in sample.bridges() {
        let flows = sample.flows(bridge);
        let mut text: Vec<_> = flows.iter().map(ToString::to_string).collect();
        text.extend(traced::entrances(&flows));
        lab.replace_flows(bridge.name.as_str(), &text.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// The bytes of a frame without its tag, and without what is behind an IPv4 packet.
fn unpadded(frame: &[u8]) -> usize {
    let tag = if frame[12..14] == [0x81, 0x00] { 4 } else { 0 };
    let packet = &frame[14 + tag..];
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let is_ipv4 = frame[12 + tag..14 + tag] == [0x08, 0x00] && (20..=packet.len()).contains(&total);
    14 + if is_ipv4 { total } else { packet.len() }
}

/// What each instance without a floating IP begins with a station outside, by all that the connection tracker knows.
fn asking(sample: &Sample) -> Vec<Packet> {
    let all = sample.site.instances().flat_map(|own| own.interfaces.iter().map(move |interface| (own, interface)));
    let all = all.filter(|(own, interface)| sample.site.floating_ip_of(&own.name, interface.ip).is_none());
    let mut packets = Vec::new();
    for (_, own) in all {
        let gateway = sample.site.network(&own.network).expect("it is in one").gateway_mac;
        let Some(port) = sample.integration.port(&own.port) else { continue };
        for proto in [1, 6, 17, 47] {
            let ip = PacketBuilder::ethernet2(own.mac.octets(), gateway.octets());
            let ip = ip.ipv4(own.ip.octets(), [198, 51, 100, 7], 64);
            let mut frame = Vec::new();
            let written = match proto {
                1 => ip.icmpv4_echo_request(4_000, 1).write(&mut frame, b""),
                6 => ip.tcp(4_000, 80, 1, 9_000).syn().write(&mut frame, b""),
                17 => ip.udp(4_000, 53).write(&mut frame, b""),
                _ => ip.write(&mut frame, etherparse::IpNumber(proto), b"what the tracker does not take"),
            };
            written.expect("a vector takes all bytes");
            if let Some(vlan) = own.vlan {
                frame.splice(12..12, [0x81, 0].into_iter().chain(vlan.number().to_be_bytes()));
            }
            packets.push(Packet { bridge: sample.integration.name.clone(), port: port.number, frame });
        }
    }
    packets
}

/// What belongs to the connection that a packet began, last one first: an error, the same again, an answer.
fn following(packet: &Packet, trace: &Trace) -> Vec<Packet> {
    let Some((bridge, port, left)) = trace.sent().next() else { return Vec::new() };
    let back = |frame: Vec<u8>| Packet { bridge: bridge.clone(), port, frame };
    let headers = Headers::of(port, left).expect("it was one before");
    let mut plain = left.to_vec();
    let tag: Vec<_> = if headers.vlan.is_some() { plain.drain(12..16).collect() } else { Vec::new() };
    let complaint = error(&plain, ErrorKind::TimeExceeded, headers.nw_dst).map(|mut frame| {
        frame.splice(12..12, tag);
        frame
    });
    let packets = complaint.map(back).into_iter().chain([packet.clone()]);
    packets.chain(answer(left).map(back)).collect()
}

fn tracked(trace: &Trace) -> impl Iterator<Item = &Tracked> {
    trace.stages.iter().flat_map(|own| &own.effects).filter_map(|own| match own {
        Effect::Tracked(tracked) => Some(&**tracked),
        _ => None,
    })
}

/// Holds what the simulator says of a packet against OVS, which is told what the connection tracker says. OVS takes a new
/// connection to get the first address and port of its range, and finds no answer's connection: where that is not what
/// came out of the tracker, it is asked again from there on. Says whether the packet is measured.
fn compare(packet: &Packet, ours: &Trace, ovs: &mut Ovs) -> Result<bool, String> {
    let states: Vec<_> = tracked(ours).map(|own| own.after.ct_state).collect();
    let mut theirs = ovs.trace(packet, &states);
    let (mut part, mut start, mut is_measured) = (0, 0, false);
    let length = unpadded(&packet.frame);
    let headers = |frame: &[u8]| Headers::of(PortNo(0), frame).expect("it was one before");
    let mut begin = headers(&packet.frame);
    for number in 0..=states.len() {
        let is_passage = |stage: &Stage| stage.effects.iter().any(|own| matches!(own, Effect::Tracked(_)));
        let next = ours.stages.iter().skip(start).position(is_passage).map_or(ours.stages.len(), |at| start + at + 1);
        let (segment, ends) = (start..next, || ours.ends.iter().filter(|end| (start..next).contains(&end.stage)));
        let met: Vec<_> = ours.stages[segment].iter().map(stage).collect();
        let Some(own) = theirs.parts.get(part) else { return Err(format!("OVS goes no further:\n{}", theirs.text)) };
        if met != own.stages(length) {
            return Err(format!("we meet {met:x?}\nOVS meets {:x?}\n{}", own.stages(length), theirs.text));
        }
        let ends: Vec<_> = ends().filter_map(|end| told(end, headers).transpose()).collect::<Result<_, _>>()?;
        let found = own.ends(begin.clone(), length);
        if ends != found {
            return Err(format!("ours   {ends:x?}\ntheirs {found:x?}\n{}", theirs.text));
        }
        is_measured |= own.is_measured();
        let Some(passage) = tracked(ours).nth(number) else { break };
        (start, part) = (next, part + 1);
        let (before, after) = (&passage.before, &passage.after);
        let table = ours.stages.get(next).ok_or("nothing is behind the tracker")?.table;
        let assumed = theirs.parts.get(part).and_then(|own| own.translated).unwrap_or((before.nw_src, before.nw_dst));
        // Of a ping OVS takes the first port of the range to be its type.
        if assumed != (after.nw_src, after.nw_dst) || after.nw_proto == 1 {
            theirs = ovs.resume(ours.stages[next].bridge.as_str(), table, after, &states[number + 1..]);
            part = 0;
        }
        let nothing =
            Headers { in_port: PortNo(0), registers: [0; 16], metadata: 0, ct_state: 0, ct_zone: 0, ..after.clone() };
        begin = nothing;
    }
    let is_held = ours.ends.iter().any(|end| end.outcome == Outcome::Held);
    if theirs.parts.len() == part + 1 || is_held {
        Ok(is_measured)
    } else {
        Err(format!("OVS goes on:\n{}", theirs.text))
    }
}

fn stage(own: &Stage) -> traced::Stage {
    let flow = own.flow.as_ref().map(|flow| (flow.priority, flow.cookie.0));
    (own.bridge.to_string(), own.table.0, flow)
}

/// An end that OVS tells too.
fn told(end: &simulate::End, headers: impl Fn(&[u8]) -> Headers) -> Result<Option<End>, String> {
    Ok(match &end.outcome {
        Outcome::Sent { port, frame } => {
            Some(End::Sent { bridge: end.bridge.to_string(), port: *port, headers: headers(frame) })
        }
        Outcome::Controller { reason, frame, .. } => {
            Some(End::Controller { reason: reason.number(), headers: headers(frame) })
        }
        Outcome::Dropped(_) | Outcome::Held => None,
        Outcome::Unjudged(what) => return Err(format!("not judged: {what}")),
    })
}
