use proptest::prelude::*;

use super::*;

fn span(text: &str) -> Span {
    text.parse::<RangeSpec>().unwrap().span(true)
}

#[test]
fn a_block_leaves_out_its_ends_unless_all_are_asked_for() {
    for (text, all, expected) in [
        ("198.51.100.0/28", false, "198.51.100.1-198.51.100.14"),
        ("198.51.100.0/28", true, "198.51.100.0-198.51.100.15"),
        ("198.51.100.0/30", false, "198.51.100.1-198.51.100.2"),
        ("198.51.100.4/31", false, "198.51.100.4-198.51.100.5"),
        ("198.51.100.4/32", false, "198.51.100.4"),
        ("198.51.100.4", false, "198.51.100.4"),
        ("198.51.100.4-198.51.100.9", false, "198.51.100.4-198.51.100.9"),
    ] {
        assert_eq!(text.parse::<RangeSpec>().unwrap().span(all).to_string(), expected, "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    for (text, expected) in [
        ("198.51.100.9-198.51.100.4", "the range 198.51.100.9-198.51.100.4 runs backwards"),
        ("198.51.100.5/28", "198.51.100.5/28 has host bits set: did you mean 198.51.100.0/28?"),
    ] {
        assert_eq!(text.parse::<RangeSpec>().unwrap_err().to_string(), expected);
    }
    for text in ["", "-", "198.51.100", "198.51.100.0/33", "a-b", "198.51.100.1-", "2001:db8::/64"] {
        assert!(matches!(text.parse::<RangeSpec>(), Err(ParseRangeError::Form { .. })), "{text}");
    }
}

#[test]
fn ends_of_the_address_space_do_not_overflow() {
    let mut set: AddressSet = ["0.0.0.0/0"].map(span).into_iter().collect();
    assert_eq!(set.size(), 1 << 32);
    set.remove(span("0.0.0.0"));
    set.remove(span("255.255.255.255"));
    assert_eq!(set.spans(), [span("0.0.0.1-255.255.255.254")]);
    set.insert(span("255.255.255.255"));
    assert_eq!(set.spans(), [span("0.0.0.1-255.255.255.255")]);
}

#[test]
fn blocks_cover_exactly_the_span() {
    let blocks: Vec<_> = span("203.0.113.100-203.0.113.119").blocks().map(|b| b.to_string()).collect();
    assert_eq!(blocks, ["203.0.113.100/30", "203.0.113.104/29", "203.0.113.112/29"]);
}

fn spans() -> impl Strategy<Value = Vec<(bool, u8, u8)>> {
    prop::collection::vec((any::<bool>(), 0..60_u8, 0..12_u8), 0..24)
}

proptest! {
    #[test]
    fn a_set_behaves_like_a_list_of_addresses(steps in spans()) {
        let mut set = AddressSet::default();
        let mut model = std::collections::BTreeSet::new();
        for (add, first, len) in steps {
            let span = Span { first: [192, 0, 2, first].into(), last: [192, 0, 2, first + len].into() };
            let addresses = (first..=first + len).map(|last| Ipv4Addr::from([192, 0, 2, last]));
            if add {
                set.insert(span);
                model.extend(addresses);
            } else {
                set.remove(span);
                addresses.for_each(|address| { model.remove(&address); });
            }
        }
        prop_assert_eq!(set.size(), model.len() as u64);
        for last in 0..80_u8 {
            let address = Ipv4Addr::from([192, 0, 2, last]);
            prop_assert_eq!(set.contains(address), model.contains(&address));
        }
        for pair in set.spans().windows(2) {
            prop_assert!(pair[0].last.to_bits() + 1 < pair[1].first.to_bits());
        }
    }
}

proptest! {
    #[test]
    fn what_one_set_has_and_another_has_not(own in spans(), other in spans()) {
        let set = |steps: &[(bool, u8, u8)]| -> AddressSet {
            let span = |first: u8, len: u8| Span { first: [192, 0, 2, first].into(), last: [192, 0, 2, first + len].into() };
            steps.iter().map(|(_, first, len)| span(*first, *len)).collect()
        };
        let (own, other) = (set(&own), set(&other));
        let rest = own.without(&other);
        for last in 0..=255_u8 {
            let address = Ipv4Addr::from([192, 0, 2, last]);
            prop_assert_eq!(rest.contains(address), own.contains(address) && !other.contains(address));
        }
        let ends = |last: u8| Span { first: [255, 255, 255, last].into(), last: Ipv4Addr::BROADCAST };
        let top: AddressSet = [ends(3)].into_iter().collect();
        prop_assert_eq!(top.without(&[ends(7)].into_iter().collect()).size(), 4);
    }
}
