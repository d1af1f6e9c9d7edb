//! OVS as oracle: what Buoy encodes is what ovs-ofctl reads, and what ovs-ofctl encodes is what Buoy reads.
//!
//! `BUOY_LONG=1` (`testbed/test --long`) looks at many times as many flows; `BUOY_SEED` repeats a run.

use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use buoy_flows::openflow::{FlowMod, FlowModCommand, Masked, MatchField, Message, Xid};
use buoy_testbed::recorder::{Recorder, SWITCH};
use buoy_testbed::tools;
use bytes::BytesMut;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[path = "../../flows/tests/generate/mod.rs"]
mod generate;

/// How many flows are looked at: bounded, or all of them.
fn count() -> usize {
    if std::env::var_os("BUOY_LONG").is_some() { 100_000 } else { 3_000 }
}

/// How many go into one file: a batch fails as a whole when ovs-ofctl does.
const BATCH: usize = 10_000;

/// So many flow mods; the seed is printed, for a run that fails.
fn flow_mods(count: usize) -> impl Iterator<Item = FlowMod> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = std::env::var("BUOY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(now);
    println!("BUOY_SEED={seed}");
    let bytes: Vec<u8> = seed.to_be_bytes().into_iter().cycle().take(32).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let flows = generate::flows::flow_mod();
    (0..count).map(move |_| flows.new_tree(&mut runner).expect("a flow").current())
}

#[test]
fn ovs_reads_what_buoy_encodes_and_says_the_same_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("messages");
    let flows: Vec<_> = flow_mods(count()).collect();
    let (mut compared, mut differences) = (0, Vec::new());
    for batch in flows.chunks(BATCH) {
        let mut bytes = BytesMut::new();
        let mut texts = Vec::new();
        for (flow, xid) in batch.iter().zip(1..) {
            let message = Message::FlowMod(flow.clone());
            message.encode(Xid(xid), &mut bytes).unwrap_or_else(|error| panic!("{error}: {flow}"));
            texts.push(message.with_xid(Xid(xid)).to_string());
        }
        std::fs::write(&file, &bytes).expect("the file can be written");
        let output = tools::command("ovs-ofctl").arg("ofp-parse").arg(&file).output();
        let output = output.expect("ovs-ofctl is installed (Debian: openvswitch-switch)");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let said: Vec<&str> = said.split("OFPT_FLOW_MOD").skip(1).map(str::trim_end).collect();
        assert_eq!(said.len(), batch.len(), "{}", String::from_utf8_lossy(&output.stderr));
        for (ours, theirs) in texts.iter().zip(said) {
            let theirs = format!("OFPT_FLOW_MOD{theirs}");
            compared += 1;
            if *ours != theirs {
                differences.push(format!("ours   {ours}\ntheirs {theirs}"));
            }
        }
    }
    println!("{compared} flow mods compared");
    let shown: Vec<_> = differences.iter().take(10).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} of {compared} differ, such as\n{}", differences.len(), shown.join("\n\n"));
}

#[test]
fn ovs_ofctl_reads_what_buoy_prints_and_encodes_the_same_flow() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flows");
    let adds = flow_mods(count()).filter(|flow| flow.command == FlowModCommand::Add);
    let flows: Vec<_> = adds.filter(is_readable).collect();
    let mut compared = 0;
    for batch in flows.chunks(BATCH) {
        let mut text = String::new();
        batch.iter().for_each(|flow| writeln!(text, "{flow}").expect("a string takes any text"));
        std::fs::write(&file, text).expect("the file can be written");
        let path = file.to_str().expect("a path of ASCII");
        let (heard, _) = Recorder::start(dir.path(), None, &["add-flows", SWITCH, path]).finish();
        let read: Vec<_> = heard
            .iter()
            .filter_map(|(_, frame)| match Message::decode(frame).expect("it is understood") {
                (_, Message::FlowMod(flow)) => Some(flow),
                _ => None,
            })
            .collect();
        assert_eq!(read.len(), batch.len());
        for (own, read) in batch.iter().zip(read) {
            // Text leaves out which of several encodings an output to the controller had; all else is the same.
            assert_eq!(read.to_string(), own.to_string());
            assert_eq!(FlowMod { instructions: own.instructions.clone(), ..read }, *own);
            compared += 1;
        }
    }
    println!("{compared} flows compared");
}

/// Whether ovs-ofctl reads the flow: masks of IPv6 addresses it reads only where they are prefixes, and it does not read
/// that a packet is looked up again with the same port in the same table.
fn is_readable(flow: &FlowMod) -> bool {
    if flow.to_string().contains("resubmit(,)") {
        return false;
    }
    let is_prefix = |address: &Masked<Ipv6Addr>| {
        let mask = address.mask.to_bits();
        mask.leading_ones() == mask.count_ones()
    };
    flow.matching.fields().iter().all(|field| match field {
        MatchField::Ipv6Src(own)
        | MatchField::Ipv6Dst(own)
        | MatchField::NdTarget(own)
        | MatchField::TunIpv6Src(own)
        | MatchField::TunIpv6Dst(own) => is_prefix(own),
        _ => true,
    })
}
