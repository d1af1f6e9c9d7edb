use super::*;
use crate::ops::{PolicySpec, PoolSpec, ProviderSpec, RangesSpec};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

fn entry(range: &str, mac: Option<MacAddr>, note: &str) -> EntrySpec {
    EntrySpec { range: range.parse().unwrap(), mac, note: (!note.is_empty()).then(|| note.parse().unwrap()) }
}

fn list(entries: impl Into<Vec<EntrySpec>>) -> ImportSpec {
    ImportSpec { entries: entries.into(), all_addresses: false }
}

/// The pools `mine` (203.0.113.0/29) and `other` (198.51.100.7) of a provider.
fn site() -> Site {
    let mut site = Site::default();
    let provider = ProviderSpec {
        bridge: "br-ex".parse().unwrap(),
        uplink: "eth0".parse().unwrap(),
        vlan: None,
        patch: None,
        gateway: Some([203, 0, 113, 254].into()),
        gateway_mac: None,
        host_ips: Vec::new(),
        mac_policy: PolicySpec::Vmac,
        onlink: Vec::new(),
        no_snat: Vec::new(),
        mtu: None,
        garp: false,
        garp_timing: crate::GarpTiming::default(),
        hook: None,
    };
    site.apply(&site.create_provider(name("lan"), provider).unwrap());
    for (pool, range) in [("mine", "203.0.113.0/29"), ("other", "198.51.100.7")] {
        let ranges = RangesSpec { ranges: vec![range.parse().unwrap()], ..RangesSpec::default() };
        let spec =
            PoolSpec { provider: name("lan"), ranges, default: false, cool_down: Default::default(), warn_at: None };
        site.apply(&site.create_pool(name(pool), spec).unwrap());
    }
    site
}

fn refusal(entries: impl Into<Vec<EntrySpec>>) -> (Option<usize>, String) {
    let ImportError { entry, error } = site().import_to_pool(&name("mine"), &list(entries)).unwrap_err();
    (entry, error.to_string())
}

#[test]
fn a_list_adds_what_is_new_and_a_second_time_nothing() {
    let mut site = site();
    let spec = list([
        entry("203.0.113.5", Some(mac(5)), "five"),
        entry("192.0.2.0/30", Some(mac(9)), ""),
        entry("192.0.2.9", None, ""),
        entry("203.0.113.6", None, ""),
    ]);
    let imported = site.import_to_pool(&name("mine"), &spec).unwrap();
    let rows: Vec<_> =
        imported.entries.iter().map(|own| (own.span.to_string(), own.added, own.mac, own.note.is_some())).collect();
    assert_eq!(
        rows,
        [
            ("203.0.113.5".to_owned(), 0, Some(mac(5)), true),
            ("192.0.2.1-192.0.2.2".to_owned(), 2, Some(mac(9)), false),
            ("192.0.2.9".to_owned(), 1, None, false),
        ]
    );
    site.apply(&imported.change);
    let ids: Vec<_> = site.floating_ips().map(|fip| fip.id).collect();
    assert!(ids.iter().all(|id| *id < site.next_entity()) && ids.len() == 3, "{ids:?}");
    assert_eq!(site.import_to_pool(&name("mine"), &spec).unwrap(), Imported::default());
    let other = list([entry("203.0.113.5", Some(mac(6)), "")]);
    site.apply(&site.import_to_pool(&name("mine"), &other).unwrap().change);
    let five = site.floating_ip([203, 0, 113, 5].into()).unwrap();
    assert_eq!((five.mac, five.note.as_ref().map(Note::as_str)), (Some(mac(6)), Some("five")));
}

#[test]
fn mistakes_name_their_entry() {
    let good = || entry("192.0.2.1", None, "");
    for (entries, number, says) in [
        (vec![good(), entry("198.51.100.0-198.51.100.9", None, "")], 1, "of pool other"),
        (vec![entry("192.0.2.2", Some(MacAddr::BROADCAST), "")], 0, "group address"),
        (vec![good(), good(), entry("127.0.0.1", None, "")], 2, "no address that a station can have"),
        (
            vec![entry("192.0.2.0/30", Some(mac(1)), ""), good(), entry("192.0.2.2", Some(mac(2)), "")],
            2,
            "192.0.2.2 has \"02:00:00:00:00:01\" further up, and \"02:00:00:00:00:02\" here",
        ),
        (vec![entry("192.0.2.1", None, "a"), entry("192.0.2.1", None, "b")], 1, "has \"a\" further up"),
        (vec![good(), entry("10.0.0.0/14", Some(mac(1)), "")], 1, "at most 65536 addresses"),
    ] {
        let (entry, text) = refusal(entries);
        assert_eq!(entry, Some(number), "{text}");
        assert!(text.contains(says), "{text}");
    }
    let unknown = site().import_to_pool(&name("none"), &list([])).unwrap_err();
    assert_eq!(unknown.entry, None);
}
