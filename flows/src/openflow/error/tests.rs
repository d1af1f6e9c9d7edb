use super::*;

#[test]
fn names_are_unique_but_where_ovs_has_one_for_two() {
    let mut names: Vec<_> = names::all().map(|(.., name)| name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn display_gives_the_name_or_the_numbers() {
    let check = |kind, code, data: &'static [u8], text: &str| {
        assert_eq!(ErrorMsg { kind, code, data: Bytes::from_static(data) }.to_string(), text);
    };
    check(2, 4, b"", "OFPBAC_BAD_OUT_PORT");
    check(2, 99, b"", "error type 2 code 99");
    check(77, 0, b"", "error type 77 code 0");
    check(0xffff, 2_308, b"ONF\0rest", "OFPBFC_MSG_BAD_LEN");
    check(0xffff, 1, b"ONF\0", "error 1 of experimenter 0x4f4e4600");
    check(0xffff, 1, b"ON", "error type 65535 code 1");
    check(0, 0, b"only \x1b1.4", "OFPHFC_INCOMPATIBLE: only \\u{1b}1.4");
}

#[test]
fn failed_message_is_found_behind_an_experimenter() {
    let frame = b"\x04\x0e\x00\x50\x00\x00\x00\x07";
    let plain = ErrorMsg { kind: 2, code: 4, data: Bytes::from_static(frame) };
    let vendor = ErrorMsg { kind: 0xffff, code: 2_600, data: [b"ONF\0", &frame[..]].concat().into() };
    for error in [plain, vendor] {
        let header = error.failed_header().unwrap();
        assert_eq!((header.kind, header.length, header.xid.0), (14, 80, 7));
    }
    assert_eq!(ErrorMsg::incompatible("OpenFlow 1.3 only").failed_header(), None);
}
