//! What ovs-ofctl and a real Open vSwitch say to each other is read, written back to the same bytes, and has a name.
//!
//! With `BUOY_GOLDEN=write` what was heard is written into `flows/tests/golden`, where the tests of the codec read it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use buoy_flows::openflow::Message;
use buoy_testbed::recorder::{Recorder, Side};
use buoy_testbed::{Lab, tools};
use bytes::{Bytes, BytesMut};

mod commands;

/// Longer messages are checked, but not kept: the features of 254 tables fill many.
const LONGEST_KEPT: usize = 2_048;

#[test]
fn what_ovs_ofctl_encodes_is_read_and_written_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut golden = Golden::new();
    for (kind, words) in commands::flows().chain(commands::others()) {
        let recorder = Recorder::start(dir.path(), None, &words);
        let (heard, _) = recorder.finish();
        let kept = |side: Side, frame: &Bytes| side == Side::Client && !is_small_talk(frame);
        golden.add(&words, heard.into_iter().filter(|(side, frame)| kept(*side, frame)));
        assert!(golden.names.contains(&kind), "{words:?} says no {kind}: {:?}", golden.names);
    }
    golden.finish("encoded");
}

#[test]
fn what_a_switch_and_ovs_ofctl_say_is_read_and_written_back() {
    let lab = Lab::up("flat");
    let dir = tempfile::tempdir().expect("a directory");
    let bridge = || Some(lab.path("/run/openvswitch/br-int.mgmt"));
    let mut golden = Golden::new();
    for words in commands::dialogues() {
        let (heard, _) = Recorder::start(dir.path(), bridge(), words).finish();
        golden.add(words, heard.into_iter().filter(|(_, frame)| !is_small_talk(frame)));
    }
    for words in commands::refused() {
        let heard = Recorder::start(dir.path(), bridge(), words).wait();
        golden.add(words, heard.into_iter().filter(|(_, frame)| !is_small_talk(frame)));
    }
    for (ready, words, cause, effect) in commands::monitors() {
        let recorder = Recorder::start(dir.path(), bridge(), words);
        assert!(recorder.wait_for(ready, DEADLINE), "{words:?} says no {ready}");
        lab.ovs_ofctl(cause);
        assert!(recorder.wait_for(effect, DEADLINE), "{words:?} hears no {effect}: {:?}", recorder.stop());
        golden.add(words, recorder.stop().into_iter().filter(|(_, frame)| !is_small_talk(frame)));
    }
    let missing: Vec<_> = commands::NAMES.iter().copied().filter(|name| !golden.names.contains(name)).collect();
    assert!(missing.is_empty(), "not heard: {missing:?} of {:?}", golden.names);
    golden.finish("dialogues");
}

const DEADLINE: Duration = Duration::from_secs(10);

/// Hellos and barriers, which every command begins and ends with.
fn is_small_talk(frame: &[u8]) -> bool {
    matches!(Message::decode(frame), Ok((_, Message::Hello(_) | Message::BarrierRequest | Message::BarrierReply)))
}

/// What was heard, as it stands in a golden file.
struct Golden {
    text: String,
    names: BTreeSet<&'static str>,
}

impl Golden {
    fn new() -> Self {
        let version = tools::command("ovs-ofctl").arg("--version").output().expect("ovs-ofctl runs").stdout;
        let version = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
        let text = format!(
            "# Lines with $ are commands, those with > what ovs-ofctl said, those with < what the switch said.\n\
             # By {version}, with: BUOY_GOLDEN=write cargo test -p buoy-testbed --test golden\n"
        );
        Self { text, names: BTreeSet::new() }
    }

    /// Checks each message, and keeps it under the command that it was heard of.
    #[track_caller]
    fn add(&mut self, words: &[&str], heard: impl Iterator<Item = (Side, Bytes)>) {
        write!(self.text, "\n$ ovs-ofctl -O OpenFlow13 {}\n", words.join(" ")).expect("a string takes any text");
        for (side, frame) in heard {
            let (xid, message) =
                Message::decode(&frame).unwrap_or_else(|error| panic!("{words:?}: {error}: {frame:02x?}"));
            let mut again = BytesMut::new();
            message.encode(xid, &mut again).expect("what was read can be written");
            assert_eq!(again, frame, "{words:?}: {message:?}");
            let name = message.openflow_name().unwrap_or_else(|| panic!("{words:?}: no name for {message:?}"));
            assert!(message.with_xid(xid).to_string().starts_with(name), "{message:?}");
            self.names.insert(name);
            if frame.len() <= LONGEST_KEPT {
                let mark = if side == Side::Client { '>' } else { '<' };
                writeln!(self.text, "{mark} {}", hex(&frame)).expect("a string takes any text");
            }
        }
    }

    fn finish(self, name: &str) {
        if std::env::var_os("BUOY_GOLDEN").is_some() {
            let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../flows/tests/golden/{name}.txt"));
            std::fs::write(&path, self.text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
