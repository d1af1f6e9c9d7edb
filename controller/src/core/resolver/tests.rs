use buoy_topology::EntityId;

use super::*;

const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

fn key(last: u8) -> NeighbourKey {
    NeighbourKey { provider: EntityId(1), address: [203, 0, 113, last].into() }
}

/// Polls once a second for a while, and returns the seconds at which something was asked.
fn asked(resolver: &mut Resolver, start: Instant, seconds: u64) -> Vec<u64> {
    let at = |second| start + Duration::from_secs(second);
    (0..seconds)
        .flat_map(|second| resolver.poll(at(second), anywhere).questions.into_iter().map(move |_| second))
        .collect()
}

#[test]
fn an_unknown_gateway_is_asked_for_with_growing_pauses() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    resolver.watch(key(1), true, None, start);
    assert_eq!(asked(&mut resolver, start, 600), [0, 2, 6, 14, 30, 62, 126, 254, 494]);
    assert_eq!(resolver.state(key(1), start).unwrap().0, State::Failed);
}

#[test]
fn a_known_gateway_is_asked_directly_and_seldom() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    resolver.watch(key(1), true, Some(MAC), start);
    resolver.heard(key(1), MAC, start);
    assert!(asked(&mut resolver, start, 600).is_empty());
    let due = resolver.poll(start + Duration::from_secs(600), anywhere);
    assert_eq!(due.questions, [Question { key: key(1), to: Some(MAC) }]);
}

#[test]
fn a_silent_gateway_keeps_its_mac_and_a_silent_neighbour_is_forgotten() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    resolver.watch(key(1), true, Some(MAC), start);
    resolver.watch(key(2), false, Some(MAC), start);
    let lost: Vec<_> =
        (0..120).flat_map(|second| resolver.poll(start + Duration::from_secs(second), anywhere).lost).collect();
    assert_eq!(lost, [key(2)]);
    assert_eq!(resolver.state(key(1), start).unwrap().0, State::Failed);
}

#[test]
fn many_stations_share_one_budget() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    for last in 2..=255 {
        resolver.watch(key(last), false, None, start);
    }
    assert_eq!(asked(&mut resolver, start, 60).len(), 6 + 5);
}

/// What a provider hears in an hour of a daemon that has been up for a while.
#[test]
fn in_an_hour_a_gateway_that_answers_is_asked_six_times() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    resolver.watch(key(1), true, Some(MAC), start);
    resolver.heard(key(1), MAC, start);
    let mut asked = Vec::new();
    for second in 0..=3_600 {
        let now = start + Duration::from_secs(second);
        for question in resolver.poll(now, anywhere).questions {
            asked.push(second);
            resolver.heard(question.key, MAC, now);
        }
    }
    assert_eq!(asked, [600, 1_200, 1_800, 2_400, 3_000, 3_600]);
}

#[test]
fn in_an_hour_a_gateway_that_is_silent_is_asked_twenty_one_times() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    resolver.watch(key(1), true, None, start);
    assert_eq!(asked(&mut resolver, start, 3_600).len(), 21);
}

/// A guest that scans the subnet keeps the neighbours' budget empty, whatever their addresses are.
#[test]
fn gateway_is_found_beside_any_scan() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    let gateway = key(254);
    let mut asked = Vec::new();
    for second in 0..600 {
        let now = start + Duration::from_secs(second);
        for last in 1..=253 {
            resolver.watch(key(last), false, None, now);
        }
        resolver.watch(gateway, true, None, now);
        asked.extend(
            resolver.poll(now, anywhere).questions.into_iter().filter(|own| own.key == gateway).map(|_| second),
        );
    }
    assert_eq!(asked.get(..6), Some(&[0, 2, 6, 14, 30, 62][..]), "{asked:?}");
}

#[test]
fn nobody_is_lost_behind_a_bridge_that_is_away() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    resolver.watch(key(2), false, Some(MAC), start);
    let nowhere = |_| false;
    for second in 0..3_600 {
        let due = resolver.poll(start + Duration::from_secs(second), nowhere);
        assert_eq!(due, Due::default());
    }
    let due = resolver.poll(start + Duration::from_secs(3_600), anywhere);
    assert_eq!(due.questions, [Question { key: key(2), to: Some(MAC) }], "it is asked as if nothing had been");
}

#[test]
fn stations_of_one_provider_are_bounded_and_the_gateway_always_has_room() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    for number in 0..10_000_u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
        resolver.watch(NeighbourKey { provider: EntityId(1), address }, false, None, start);
    }
    assert_eq!(resolver.stations.len(), MOST_STATIONS);
    resolver.watch(key(1), true, None, start);
    assert!(resolver.watches(key(1)));
}

fn anywhere(_: EntityId) -> bool {
    true
}
