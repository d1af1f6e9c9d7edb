use super::*;

const BARRIER: &str = "0414000800000001";

/// What is printed of this hex, and what is found wrong with it.
fn check(hex: &str, texts: &[&str], failures: &[&str]) {
    let (messages, found) = match bytes_of(hex) {
        Ok(bytes) => decode(&bytes),
        Err(failure) => (Vec::new(), vec![failure]),
    };
    assert_eq!(messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), texts, "{hex}");
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), failures, "{hex}");
}

#[test]
fn hex_may_be_spaced_and_begin_with_0x() {
    let text = "OFPT_BARRIER_REQUEST (OF1.3) (xid=0x1):";
    for hex in [BARRIER, "0x0414000800000001", "04 14 00 08\n00 00 00 01\n", "0X0414 0x0008 00000001"] {
        check(hex, &[text], &[]);
    }
    check(&BARRIER.repeat(2), &[text, text], &[]);
    check("04140008DEADBEEF", &["OFPT_BARRIER_REQUEST (OF1.3) (xid=0xdeadbeef):"], &[]);
}

#[test]
fn what_is_no_hex_is_named() {
    check("", &[], &["there is no hex to decode"]);
    check("0x", &[], &["there is no hex to decode"]);
    check("04 1g", &[], &["'g' is no hex digit (digit 4)"]);
    check("041", &[], &["the last byte has one hex digit only (3 digits in all)"]);
}

#[test]
fn what_is_cut_short_is_named_after_what_is_whole() {
    let text = "OFPT_BARRIER_REQUEST (OF1.3) (xid=0x1):";
    check("0414", &[], &["message 1 is cut short: 2 of the 8 bytes of its header are there"]);
    check(&format!("{BARRIER}0402000c00000001aa"), &[text], &["message 2 is cut short: 9 of its 12 bytes are there"]);
    check(
        "0414000700000001",
        &[],
        &["message 1 claims to be 7 bytes long, which no message is; what follows is not read"],
    );
}

#[test]
fn a_message_that_makes_no_sense_does_not_hide_the_next() {
    check(
        &format!("040e000800000001{BARRIER}"),
        &["OFPT_BARRIER_REQUEST (OF1.3) (xid=0x1):"],
        &["message 1 (at byte 0) makes no sense: flow mod is cut short"],
    );
}
