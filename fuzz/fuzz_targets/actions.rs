//! A list of actions.

#![no_main]

use buoy_flows::openflow::Action;
use buoy_fuzz::check_text;
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(actions) = Action::decode_list(input) else { return };
    actions.iter().for_each(check_text);
    let mut again = BytesMut::new();
    Action::encode_list(&actions, &mut again).expect("what was read can be written");
    assert_eq!(Action::decode_list(&again).as_ref(), Ok(&actions));
});
