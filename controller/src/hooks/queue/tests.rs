use buoy_topology::HookKind;

use super::*;

/// An event of the nth address.
pub(in crate::hooks) fn event(number: u8, generation: u64) -> HookEvent {
    HookEvent {
        event: HookKind::Associated,
        address: address(number),
        provider: "lan".parse().unwrap(),
        pool: "public".parse().unwrap(),
        mac: None,
        project: Some("default".parse().unwrap()),
        instance: Some("web".parse().unwrap()),
        fixed_ip: Some([10, 0, 0, 11].into()),
        host: None,
        previous_instance: None,
        generation: Generation(generation),
    }
}

fn address(number: u8) -> Ipv4Addr {
    [203, 0, 113, number].into()
}

fn record(number: u8, generation: u64) -> HookRecord {
    let event = event(number, generation);
    HookRecord { event, state: HookState::Pending, tries: 0, at: 0, message: None }
}

fn started(queue: &mut Queue, now: Instant) -> Vec<(u8, u64)> {
    queue.poll(now, 0).iter().map(|event| (event.address.octets()[3], event.generation.0)).collect()
}

fn fails(queue: &mut Queue, generation: u64, now: Instant) -> Option<HookState> {
    queue.ended(address(1), Generation(generation), Err("no".to_owned()), now, 0).map(|record| record.state)
}

#[test]
fn at_most_four_run_and_those_that_waited_longest_are_next() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    for number in (1..=6).rev() {
        queue.add(record(number, 1), now - Duration::from_secs(number.into()));
    }
    assert_eq!(started(&mut queue, now), [(6, 1), (5, 1), (4, 1), (3, 1)]);
    assert_eq!(started(&mut queue, now), []);
    assert!(queue.ended(address(5), Generation(1), Ok(()), now, 9).is_some_and(|own| own.state == HookState::Done));
    assert_eq!(started(&mut queue, now), [(2, 1)]);
}

#[test]
fn the_newest_event_waits_for_the_end_of_the_one_that_runs_and_replaces_those_that_do_not() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.add(record(1, 1), now);
    queue.add(record(1, 2), now);
    assert_eq!(started(&mut queue, now), [(1, 2)]);
    queue.add(record(1, 3), now);
    queue.add(record(1, 4), now);
    assert_eq!(started(&mut queue, now), []);
    assert_eq!(queue.record(address(1)).map(|own| own.state), Some(HookState::Pending));
    // What became of the older one is nothing to store, and it is not tried again.
    assert_eq!(fails(&mut queue, 2, now), None);
    assert_eq!(started(&mut queue, now), [(1, 4)]);
    assert_eq!(started(&mut queue, now + Duration::from_secs(900)), []);
}

#[test]
fn failures_are_tried_again_later_each_time_and_at_last_no_more() {
    let (mut queue, mut now) = (Queue::default(), Instant::now());
    queue.add(record(1, 1), now);
    assert_eq!(started(&mut queue, now), [(1, 1)]);
    let mut pauses = Vec::new();
    while fails(&mut queue, 1, now) == Some(HookState::Pending) {
        let since = now;
        while started(&mut queue, now).is_empty() {
            now += Duration::from_millis(500);
        }
        pauses.push((now - since).as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
    assert_eq!(pause(10), Duration::from_secs(300));
    let failed = queue.record(address(1)).unwrap();
    assert_eq!((failed.tries, failed.message.as_deref()), (10, Some("no")));
    assert_eq!(started(&mut queue, now + Duration::from_secs(3600)), []);
}

#[test]
fn what_an_earlier_daemon_did_not_finish_is_done() {
    let now = Instant::now();
    let with = |number, state| HookRecord { state, tries: 3, ..record(number, 1) };
    let states = [HookState::Pending, HookState::Running, HookState::Done, HookState::Failed];
    let records = (1..).zip(states).map(|(number, state)| with(number, state)).collect();
    let mut queue = Queue::load(records, now);
    assert_eq!(started(&mut queue, now), [(1, 1), (2, 1)]);
    assert_eq!(queue.record(address(1)).map(|own| own.tries), Some(4));
    assert_eq!(queue.record(address(3)).map(|own| own.state), Some(HookState::Done));
}

#[test]
fn an_address_that_is_forgotten_is_told_of_no_more() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.add(record(1, 1), now);
    queue.add(record(2, 1), now);
    queue.forget(address(1));
    assert_eq!(started(&mut queue, now), [(2, 1)]);
    queue.forget(address(2));
    assert_eq!(queue.ended(address(2), Generation(1), Ok(()), now, 0), None);
    assert_eq!(queue.record(address(2)), None);
}
