//! The fields of a match, without the header that a message puts around them.

#![no_main]

use buoy_flows::openflow::Match;
use buoy_fuzz::check_text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(matching) = Match::decode_oxm(input) else { return };
    check_text(&matching);
    let mut again = Vec::new();
    matching.encode_oxm(&mut again);
    assert_eq!(Match::decode_oxm(&again).as_ref(), Ok(&matching));
    // The order in which conditions are given makes no difference.
    assert_eq!(matching.fields().iter().rev().cloned().collect::<Match>(), matching);
});
