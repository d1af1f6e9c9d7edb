use buoy_topology::EntityId;

use super::*;

const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

fn key(last: u8) -> NeighbourKey {
    NeighbourKey { provider: EntityId(1), address: [203, 0, 113, last].into() }
}

/// Polls once a second for a while, and returns the seconds at which something was asked.
fn asked(resolver: &mut Resolver, start: Instant, seconds: u64) -> Vec<u64> {
    let at = |second| start + Duration::from_secs(second);
    (0..seconds).flat_map(|second| resolver.poll(at(second)).questions.into_iter().map(move |_| second)).collect()
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
    assert!(!resolver.heard(key(1), MAC, start));
    assert!(asked(&mut resolver, start, 600).is_empty());
    let due = resolver.poll(start + Duration::from_secs(600));
    assert_eq!(due.questions, [Question { key: key(1), to: Some(MAC) }]);
}

#[test]
fn a_silent_gateway_keeps_its_mac_and_a_silent_neighbour_is_forgotten() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    resolver.watch(key(1), true, Some(MAC), start);
    resolver.watch(key(2), false, Some(MAC), start);
    let lost: Vec<_> = (0..120).flat_map(|second| resolver.poll(start + Duration::from_secs(second)).lost).collect();
    assert_eq!(lost, [key(2)]);
    assert_eq!(resolver.state(key(1), start).unwrap().0, State::Failed);
}

#[test]
fn many_stations_share_one_budget() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    for last in 0..=255 {
        resolver.watch(key(last), true, None, start);
    }
    assert_eq!(asked(&mut resolver, start, 60).len(), 10 + 9);
}

#[test]
fn a_new_mac_is_news_and_an_old_one_is_not() {
    let start = Instant::now();
    let mut resolver = Resolver::default();
    resolver.watch(key(1), true, None, start);
    assert!(resolver.heard(key(1), MAC, start));
    assert!(!resolver.heard(key(1), MAC, start));
    assert!(!resolver.heard(key(9), MAC, start));
}
