//! Multipart requests and replies: the first byte says which, the second is the low byte of the type.

#![no_main]

use buoy_flows::openflow::Message;
use buoy_fuzz::check_message;
use libfuzzer_sys::fuzz_target;

const REQUEST: u8 = 18;
const REPLY: u8 = 19;

fuzz_target!(|input: &[u8]| {
    let [which, kind, flags, body @ ..] = input else { return };
    let Ok(length) = u16::try_from(16 + body.len()) else { return };
    let mut frame = vec![4, if which % 2 == 0 { REQUEST } else { REPLY }];
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0, 0, 7]);
    // Of the two-byte types only the experimenter's has a high byte.
    frame.extend([if *kind == 0xff { 0xff } else { 0 }, *kind, 0, *flags, 0, 0, 0, 0]);
    frame.extend(body);
    if let Ok((xid, message)) = Message::decode(&frame) {
        check_message(xid, &message);
    }
});
