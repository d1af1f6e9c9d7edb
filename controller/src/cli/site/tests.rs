use super::*;

/// The entries of a text, or what is wrong, each with its place.
fn entries(text: &str) -> Vec<String> {
    let lines = Lines::of(text);
    match parse("-", text).and_then(|root| Entries::of(&root)) {
        Ok(entries) => entries.entries.iter().map(|(noun, entry)| format!("{noun} {entry}")).collect(),
        Err(mut wrong) => {
            wrong.sort();
            let place = |at| lines.place(at);
            wrong.iter().map(|own| format!("{}:{}: {}", place(own.at).0, place(own.at).1, own.what)).collect()
        }
    }
}

#[test]
fn both_forms_say_the_same() {
    let toml = "
fip = [{ address = '203.0.113.100', instance = 'web' }]
[[instance]]
name = 'web'
[[instance.interface]]
network = 'blue'
port = 'vm1'
mac = '02:00:00:00:00:11'
ip = '10.0.0.11'
vlan = 0x10
";
    let json = r#" {"instance": [{"name": "web", "interface": [{"network": "blue", "port": "vm1",
        "mac": "02:00:00:00:00:11", "ip": "10.0.0.11", "vlan": 16}]}],
        "fip": [{"address": "203.0.113.100", "instance": "web"}]}"#;
    assert_eq!(entries(toml), entries(json));
    assert_eq!(entries(toml)[1], r#"fip {"address":"203.0.113.100","instance":"web"}"#);
    assert!(entries("").is_empty() && entries("{}").is_empty());
}

#[test]
fn all_mistakes_have_their_places() {
    let toml = "[[provider]]
name = \"lan\"
bridg = \"br-ex\"
uplink = \"eth0\"
onlink = [\"203.0.113.0/24\", \"203.0.113.0\"]
vlan = 5000

[[pols]]
[pool]
[[fip]]
address = \"203.0.113.256\"
mac = 7
  [[instance]]
  name = \"two words\"
  [[instance.interface]]
  prot = \"vm1\"
";
    assert_eq!(
        entries(toml),
        [
            "1:1: provider needs bridge",
            "3:1: there is no bridg: did you mean bridge?",
            "5:29: onlink: \"203.0.113.0\" is not a subnet: write it with its prefix length, like 192.0.2.0/24",
            "6:8: vlan: 5000 is not a VLAN id: use 1 to 4094",
            "8:3: there is no pols: did you mean pool?",
            "9:2: there can be several: write [[pool]], or an array",
            "11:11: address: \"203.0.113.256\" is not an IPv4 address: write it like 192.0.2.1",
            "12:7: mac: invalid type: integer `7`, expected a string",
            "14:10: name: \"two words\" cannot be a name because of ' ': use letters, digits and . _ - :",
            "15:3: interface needs ip",
            "15:3: interface needs mac",
            "15:3: interface needs network",
            "15:3: interface needs port",
            "16:3: there is no prot: did you mean port?",
        ]
    );
    let json = "{\n \"fip\": [\n  {\"adress\": \"203.0.113.9\", \"mac\": \"02:00\"}],\n \"fip\": []}";
    assert_eq!(
        entries(json),
        [
            "3:3: fip needs address",
            "3:4: there is no adress: did you mean address?",
            "3:36: mac: \"02:00\" is not a MAC address: write six octets in hex, like 02:00:00:00:00:01",
            "4:2: fip is there twice",
        ]
    );
}

#[test]
fn what_is_neither_toml_nor_json_is_told_where() {
    for (text, says) in [
        ("[[pool]]\nname = \"a\nname = 7", "2:10: this is no TOML: invalid basic string"),
        ("name", "1:5: this is no TOML: "),
        ("[[pool]]\nname = \"a\"\nname = \"b\"", "3:1: this is no TOML: duplicate key"),
        ("{\"pool\": [\n {\"name\": }]}", "2:11: this is no JSON: expected value"),
        ("{\"pool\": 7}", "1:2: there can be several: "),
        ("pool = [7]", "1:9: pool is a table with name"),
        ("[[fip]]\naddress = 1.5", "2:11: nothing here is a fraction"),
    ] {
        let found = entries(text).concat();
        assert!(found.starts_with(says), "{text:?}: {found}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let site = json!({
        "provider": [{"name": "lan", "bridge": "br-ex", "uplink": "eth0", "gateway": "203.0.113.1",
            "onlink": ["203.0.113.0/24"], "garp": "on", "garp_count": 3}],
        "pool": [{"name": "public", "provider": "lan", "default": true,
            "range": ["192.0.2.1", "192.0.2.3", "192.0.2.5", "192.0.2.7", "192.0.2.9-192.0.2.11"]}],
        "instance": [{"name": "web", "project": "default", "bridge": "br-int", "interface": [
            {"network": "blue", "port": "vm1", "mac": "02:00:00:00:00:11", "ip": "10.0.0.11"},
            {"network": "blue", "port": "vm1", "mac": "02:00:00:00:00:12", "ip": "10.0.0.12", "vlan": 7}]}],
        "fip": [{"address": "192.0.2.1", "note": "\"rack\" 7\\ 'x' # ü"}],
    });
    let Value::Object(site) = site else { panic!("it is an object") };
    let flat = |site: &Map<String, Value>| -> Vec<String> {
        let of = |noun: &str| site.get(noun).and_then(Value::as_array).cloned().unwrap_or_default();
        crate::api::site::NOUNS
            .iter()
            .flat_map(|noun| of(noun).into_iter().map(move |own| (noun, own)))
            .map(|(noun, own)| {
                // A table keeps its members in an order of its own.
                let sorted: std::collections::BTreeMap<_, _> =
                    own.as_object().cloned().unwrap_or_default().into_iter().collect();
                format!("{noun} {sorted:?}")
            })
            .collect()
    };
    for text in [write::toml(&site), write::json(&site)] {
        let root = parse("-", &text).unwrap();
        let mut back = Map::new();
        for (noun, entry) in Entries::of(&root).unwrap().entries {
            back.entry(noun).or_insert_with(|| json!([])).as_array_mut().unwrap().push(entry);
        }
        assert_eq!(flat(&back), flat(&site), "{text}");
    }
}
