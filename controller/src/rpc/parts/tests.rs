use buoy_topology::Generation;
use serde_json::json;

use super::*;
use crate::api::{Request, Wait};

fn call(params: Value) -> Call {
    let request = serde_json::from_value(json!({"method": "site.apply", "params": params})).unwrap();
    Call { request, project: None, wait: Wait::Store, timeout: Duration::ZERO, ports: None }
}

fn part(number: u32, more: bool, address: &str) -> Call {
    call(json!({"part": number, "more": more, "fip": [{"address": address}]}))
}

fn is_held(taken: Result<Taken, ApiError>) -> bool {
    matches!(taken, Ok(Taken::Held(_)))
}

#[test]
fn parts_become_one_request_in_their_order() {
    let (mut parts, now) = (Parts::new(places()), Instant::now());
    assert!(is_held(parts.take(part(0, true, "192.0.2.1"), 1, now)));
    assert!(is_held(parts.take(part(1, true, "192.0.2.2"), 1, now)));
    let Ok(Taken::Whole(Call { request: Request::SiteApply(site), .. })) =
        parts.take(part(2, false, "192.0.2.3"), 1, now)
    else {
        panic!("it is whole");
    };
    let addresses: Vec<_> = site.fip.iter().map(|own| own.address.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert_eq!(parts.places.available_permits(), MOST_HELD);
}

#[test]
fn what_does_not_follow_is_refused_and_all_is_forgotten() {
    let now = Instant::now();
    for later in [
        part(2, false, "192.0.2.2"),
        call(json!({"part": 1, "prune": true})),
        call(json!({"part": 1, "dry_run": true})),
    ] {
        let mut parts = Parts::new(places());
        assert!(parts.take(part(1, false, "192.0.2.1"), 1, now).is_err(), "nothing came before");
        assert!(is_held(parts.take(part(0, true, "192.0.2.1"), 1, now)));
        assert!(parts.take(later, 1, now).is_err());
        assert!(parts.take(part(1, false, "192.0.2.2"), 1, now).is_err(), "what was held is gone");
    }
}

#[test]
fn a_part_for_a_project_is_handed_on_to_be_refused_and_holds_nothing() {
    let (mut parts, now) = (Parts::new(places()), Instant::now());
    for number in 0..2 {
        let own = Call { project: Some("shop".parse().unwrap()), ..part(number, true, "192.0.2.1") };
        assert!(matches!(parts.take(own, 1, now), Ok(Taken::Whole(_))));
    }
    assert_eq!((parts.deadline(), parts.places.available_permits()), (None, MOST_HELD));
}

#[test]
fn what_is_held_is_bounded_in_time_size_and_number() {
    let (all, now) = (places(), Instant::now());
    let mut clients: Vec<_> = (0..=MOST_HELD).map(|_| Parts::new(Arc::clone(&all))).collect();
    let held = clients.iter_mut().filter_map(|own| own.take(part(0, true, "192.0.2.1"), 1, now).ok()).count();
    assert_eq!(held, MOST_HELD);
    let late = now + PATIENCE;
    assert_eq!(clients[0].deadline(), Some(late));
    clients[0].expire(late);
    assert_eq!(clients[0].deadline(), None);
    assert!(clients[0].take(part(1, false, "192.0.2.2"), 1, late).is_err());
    assert!(clients[1].take(part(1, true, "192.0.2.2"), MOST_BYTES, now).is_err());
    assert_eq!(all.available_permits(), 2);
}

#[test]
fn a_site_goes_out_in_parts_and_nothing_is_lost() {
    let fips: Vec<_> =
        (0..20_000).map(|number| json!({"address": number.to_string(), "note": "x".repeat(40)})).collect();
    let (mut parts, now) = (Parts::new(places()), Instant::now());
    let entries = fips.iter().map(|own| ("fip", own.to_string()));
    let entries = std::iter::once(("pool", r#"{"name":"a"}"#.to_owned())).chain(entries).collect();
    let read = |page: String| serde_json::from_str::<Value>(&page).unwrap();
    let mut page = read(parts.first(Exported { generation: Generation(7), entries }, now).unwrap());
    assert_eq!(page["pool"], json!([{"name": "a"}]));
    let (mut got, mut number) = (Vec::new(), 0);
    loop {
        assert_eq!((&page["generation"], &page["part"]), (&json!(7), &json!(number)));
        assert!(page.to_string().len() < 2 * PAGE);
        got.extend(page["fip"].as_array().cloned().unwrap_or_default());
        if page["more"] == json!(false) {
            break;
        }
        number += 1;
        page = read(parts.further(number, now).unwrap());
    }
    assert_eq!(got, fips);
    assert!(number > 3 && parts.further(number + 1, now).is_err());
    assert_eq!(parts.places.available_permits(), MOST_HELD);
}
