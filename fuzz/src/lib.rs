//! What every target holds a decoded message to.

use std::fmt::Display;

use buoy_flows::openflow::{EncodeError, Message, Xid};
use bytes::BytesMut;

/// A message that was read is written, and read again to the same; its text can be made.
///
/// The one excuse is a message that is too long only because a field has a longer name in the form that OVS answers in.
pub fn check_message(xid: Xid, message: &Message) {
    check_text(&message.with_xid(xid));
    let mut again = BytesMut::new();
    match message.encode(xid, &mut again) {
        Ok(()) => assert_eq!(Message::decode(&again).as_ref(), Ok(&(xid, message.clone()))),
        Err(EncodeError::TooLong { .. }) => {}
        Err(error) => panic!("{error}: {message:?}"),
    }
}

/// A text can be made of it.
pub fn check_text(value: &impl Display) {
    assert!(!value.to_string().contains('\0'));
}
