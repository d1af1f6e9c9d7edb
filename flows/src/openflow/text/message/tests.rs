use super::*;

fn check(hex: &str, text: &str) {
    let digits: Vec<u8> =
        hex.chars().map(|digit| digit.to_digit(16).expect("hex").try_into().expect("a digit")).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let (xid, message) = Message::decode(&bytes).expect("it is understood");
    assert_eq!(message.with_xid(xid).to_string(), text);
    let mut again = bytes::BytesMut::new();
    message.encode(xid, &mut again).expect("it can be written");
    assert_eq!(again, bytes);
}

#[test]
fn messages_read_as_ovs_prints_them() {
    check("0400001000000001000100080000001a", "OFPT_HELLO (OF1.3) (xid=0x1):\n version bitmap: 0x01, 0x03, 0x04");
    check("0414000800000001", "OFPT_BARRIER_REQUEST (OF1.3) (xid=0x1):");
    check("0409000c000000020000ffff", "OFPT_SET_CONFIG (OF1.3) (xid=0x2): frags=normal miss_send_len=65535");
}

#[test]
fn what_is_kept_whole_has_a_name_and_its_bytes() {
    check("040f0010000000030000000100000007", "OFPT_GROUP_MOD (OF1.3) (xid=0x3):\n 0000000100000007");
    check(
        "041200180000000300040000000000000000000100000000",
        "OFPST_PORT request (OF1.3) (xid=0x3):\n 0000000100000000",
    );
    check(
        "0404001800000004000023200000001400000000000000ab",
        "NXT_SET_CONTROLLER_ID (OF1.3) (xid=0x4):\n 00000000000000ab",
    );
    check(
        "041300180000000affff0000000000000000232000000003",
        "NXST_IPFIX_BRIDGE reply (OF1.3) (xid=0xa):\n 0000232000000003",
    );
    check("01040010000000040000232000000012", "OFPT_VENDOR (xid=0x4):\n 0000232000000012");
}

#[test]
fn what_has_no_name_is_printed_by_its_numbers() {
    check("0463000800000001", "message type 99 (OF1.3) (xid=0x1):");
    check("0712000800000001", "message type 18 (OF 0x07) (xid=0x1):");
    check("041200100000000300ff000000000000", "multipart 255 request (OF1.3) (xid=0x3):");
    check("04040010000000040000232000000099", "message 153 of experimenter 0x00002320 (OF1.3) (xid=0x4):");
}

#[test]
fn an_error_prints_the_message_that_it_quotes() {
    check(
        "0401001400000007000200040414000800000007",
        "OFPT_ERROR (OF1.3) (xid=0x7): OFPBAC_BAD_OUT_PORT\nOFPT_BARRIER_REQUEST (OF1.3) (xid=0x7):",
    );
    // One that is cut off is printed as it is, and so is what a quoted error quotes.
    check(
        "0401001400000007000200040414000900000007",
        "OFPT_ERROR (OF1.3) (xid=0x7): OFPBAC_BAD_OUT_PORT\n 0414000900000007",
    );
    check(
        "040100200000000700020004040100140000000700020004\
         0414000800000007",
        "OFPT_ERROR (OF1.3) (xid=0x7): OFPBAC_BAD_OUT_PORT\n\
         OFPT_ERROR (OF1.3) (xid=0x7): OFPBAC_BAD_OUT_PORT\n 0414000800000007",
    );
}
