use super::*;

/// The entries of a list as text: place, address, MAC, note.
fn entries(list: &str) -> Vec<String> {
    let show = |(place, entry): (Place, ImportEntry)| {
        let mac = entry.mac.map(|mac| mac.to_string()).unwrap_or_default();
        format!("{place} {} {mac} {}", entry.address, entry.note.map(|note| note.to_string()).unwrap_or_default())
    };
    match parse(list.as_bytes(), None) {
        Ok(entries) => entries.into_iter().map(show).collect(),
        Err(Mistake { place, what }) => vec![format!("{place}: {what}")],
    }
}

#[test]
fn csv_is_read_as_it_is_exported() {
    for (list, expected) in [
        ("address,mac,note\n192.0.2.1,02:00:00:00:00:01,one\n", &["2:1 192.0.2.1 02:00:00:00:00:01 one"][..]),
        (
            "\u{feff}Note;MAC;IP\r\n\r\n\"a;b\"; 02-00-00-00-00-01 ;192.0.2.1\r\n",
            &["3:27 192.0.2.1 02:00:00:00:00:01 a;b"],
        ),
        ("ip\n192.0.2.0/30\n192.0.2.8-192.0.2.9", &["2:1 192.0.2.0/30  ", "3:1 192.0.2.8-192.0.2.9  "]),
        ("type\taddress\tmac\nfailover\t192.0.2.1\t\n\t\t\n", &["2:10 192.0.2.1  "]),
        ("address,note\n192.0.2.1,\"say \"\"hi\"\"\"\n192.0.2.2\n", &["2:1 192.0.2.1  say \"hi\"", "3:1 192.0.2.2  "]),
    ] {
        assert_eq!(entries(list), expected, "{list:?}");
    }
}

#[test]
fn json_is_read_with_members_in_any_order_and_case() {
    let list = r#"[
  {"Note": "one", "IP": "192.0.2.1", "type": {"x": [1]}, "mac": "02:00:00:00:00:01"},
  {"address": "192.0.2.0/30", "mac": "", "note": null}]"#;
    assert_eq!(entries(list), ["2:3 192.0.2.1 02:00:00:00:00:01 one", "3:3 192.0.2.0/30  "]);
}

#[test]
fn mistakes_have_their_line_and_column() {
    for (list, expected) in [
        ("", "1:1: the list is empty"),
        ("address\n", "2:1: the list has no entry"),
        ("adress,mac\n192.0.2.1,\n", "1:1: the first line names the columns, and none is address or ip: adress, mac"),
        ("ip,mac,address\n", "1:8: a second column named address or ip"),
        ("note,address\nx,192.0.2.256\n", "2:3: \"192.0.2.256\" is not a range: "),
        ("address\n192.0.2.1\n192.0.2.9/24\n", "3:1: 192.0.2.9/24 has host bits set: did you mean 192.0.2.0/24?"),
        ("note,mac,address\n\"ü,\"\"\",02:00,192.0.2.1\n", "2:8: \"02:00\" is not a MAC address"),
        ("address,mac\n192.0.2.1,ff:ff:ff:ff:ff:ff\n", "2:11: ff:ff:ff:ff:ff:ff is a group address"),
        ("address,note\n192.0.2.1,\"a\nb\"\n", "2:11: a note is one line without control characters"),
        ("address\n192.0.2.1,02:00:00:00:00:01\n", "2:11: the line has 2 fields, the first one has 1"),
        ("[", "1:1: EOF while parsing a list"),
        ("[]", "1:3: the list has no entry"),
        ("[{\"address\": \"192.0.2.1\"},\n {\"mac\": \"\"}]", "2:12: it has no address"),
        ("[{\"address\": \"192.0.2.1\",\n  \"mac\": \"02:00\"}]", "2:17: \"02:00\" is not a MAC address"),
        ("[{\"address\": \"192.0.2.1\", \"ip\": \"192.0.2.2\"}]", "1:30: it has two addresses"),
        ("[\n 7]", "2:2: invalid type: integer `7`, expected an object with an address"),
    ] {
        let found = entries(list).concat();
        assert!(found.starts_with(expected), "{list:?}: {found}");
    }
    assert_eq!(parse(b"ip\n192.0.2.1\n\xff", None).unwrap_err().place.to_string(), "3:1");
}
