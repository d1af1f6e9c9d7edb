//! A byte stream is cut into messages, whatever is in it.

#![no_main]

use buoy_flows::openflow::{Header, Message, split_frame};
use buoy_fuzz::check_message;
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    let mut buffer = BytesMut::from(stream);
    let mut taken = 0;
    while let Ok(Some(frame)) = split_frame(&mut buffer) {
        assert!(frame.len() >= Header::LEN);
        assert_eq!(frame, stream[taken..taken + frame.len()]);
        taken += frame.len();
        if let Ok((xid, message)) = Message::decode(&frame) {
            check_message(xid, &message);
        }
    }
    assert_eq!(buffer, stream[taken..]);
    // What waits for its end is bounded by what a length field can say.
    assert!(buffer.capacity() <= stream.len() + 0x1_0000);
});
