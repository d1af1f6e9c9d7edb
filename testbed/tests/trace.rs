//! The simulator against `ovs-appctl ofproto/trace`: random packets at random sites meet the same flows, leave by the same
//! ports with the same headers, or are dropped by the same flow.
//!
//! `BUOY_LONG=1` (`testbed/test --long`) sends thousands of packets over many sites; `BUOY_SEED` repeats a run.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may stop where something is not there")]

#[path = "../../flows/tests/simulate/packets.rs"]
mod packets;
#[path = "../../flows/tests/simulate/site.rs"]
mod site;
mod traced;

use std::time::{SystemTime, UNIX_EPOCH};

use buoy_flows::simulate::{Effect, Headers, Outcome, Trace};
use buoy_testbed::{Lab, Switch};
use buoy_topology::PortNo;
use packets::{Packet, SEED, packet};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use site::{EXTERNAL, EXTERNAL_PORTS, INTEGRATION, INTEGRATION_PORTS, Sample, plans};
use traced::{End, Ovs, Traced};

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
    for number in 0..sites {
        let mut plan = plans().new_tree(&mut runner).expect("a plan").current();
        // Of connections ofproto/trace knows nothing.
        plan.shares = false;
        // Every fourth site is in one table.
        let sample = if number % 4 == 3 { plan.legacy().sample() } else { plan.sample() };
        install(&lab, &sample);
        let network = sample.network();
        for _ in 0..count {
            let seed = any::<[u8; SEED]>().new_tree(&mut runner).expect("bytes").current();
            let packet = packet(&sample, &seed);
            // OVS knows no packet from a port that is not there.
            if network.switch(&packet.bridge).unwrap().ports().all(|port| port != packet.port) {
                continue;
            }
            let ours = network.send(&packet.bridge, packet.port, &packet.frame);
            // Nor what the tracker makes of a packet.
            if ours.stages.iter().flat_map(|own| &own.effects).any(|own| matches!(own, Effect::Tracked { .. })) {
                continue;
            }
            let theirs = ovs.trace(&packet);
            compared += 1;
            delivered += usize::from(ours.sent().count() > 0);
            measured += usize::from(theirs.is_measured());
            if let Err(difference) = compare(&packet, &ours, &theirs) {
                differences.push(format!("{difference}\n{packet:02x?}\n{:02x?}\n{}", ours.ends, theirs.text));
            }
        }
    }
    println!("{compared} packets at {sites} sites compared, {delivered} leave by a port, {measured} are measured");
    // A run that compares nothing proves nothing.
    assert!(compared > sites * count / 2 && delivered > 0, "{compared} {delivered}");
    let shown: Vec<_> = differences.iter().take(5).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} of {compared} differ, such as\n{}", differences.len(), shown.join("\n\n"));
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
        let text: Vec<_> = sample.flows(bridge).iter().map(ToString::to_string).collect();
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

fn compare(packet: &Packet, ours: &Trace, theirs: &Traced) -> Result<(), String> {
    let met = ours.stages.iter().map(|own| {
        let flow = own.flow.as_ref().map(|flow| (flow.priority, flow.cookie.0));
        (own.bridge.to_string(), own.table.0, flow)
    });
    let met: Vec<_> = met.collect();
    let length = unpadded(&packet.frame);
    if met != theirs.stages(length) {
        return Err(format!("we meet {met:x?}\nOVS meets {:x?}", theirs.stages(length)));
    }
    let headers = |frame: &[u8]| Headers::of(PortNo(0), frame).expect("it was one before");
    let mut ends = Vec::new();
    for end in &ours.ends {
        match &end.outcome {
            Outcome::Sent { port, frame } => {
                ends.push(End::Sent { bridge: end.bridge.to_string(), port: *port, headers: headers(frame) });
            }
            Outcome::Controller { reason, frame, .. } => {
                ends.push(End::Controller { reason: reason.number(), headers: headers(frame) });
            }
            Outcome::Dropped(_) => {}
            Outcome::Unjudged(what) => return Err(format!("not judged: {what}")),
        }
    }
    let theirs = theirs.ends(headers(&packet.frame), length);
    if ends == theirs { Ok(()) } else { Err(format!("ours   {ends:x?}\ntheirs {theirs:x?}")) }
}
