//! One message. Its length field is made right, so that everything behind the header is reached.

#![no_main]

use buoy_flows::openflow::Message;
use buoy_fuzz::check_message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(length) = u16::try_from(input.len()) else { return };
    let mut frame = input.to_vec();
    if let Some(place) = frame.get_mut(2..4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    if let Ok((xid, message)) = Message::decode(&frame) {
        check_message(xid, &message);
    }
});
