//! What is known of an address: its MAC and its note.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::declared;

#[test]
fn mac_and_note_stay_with_the_address_through_release_and_restart() {
    let mut daemon = declared();
    let set = daemon.json("--wait store fip set 203.0.113.100 --mac 02:00:00:00:00:64 --note ordered-in-March");
    assert_eq!(set["note"], "ordered-in-March", "{set}");
    let notes = set["notices"].as_array().cloned().unwrap_or_default();
    assert!(notes.iter().any(|own| own.as_str().is_some_and(|own| own.contains("MAC policy is host"))), "{set}");
    daemon.json("--wait store provider set lan --mac-policy vmac");
    let listed = daemon.json("fip list");
    assert_eq!((&listed[0]["mac"], &listed[0]["note"]), (&json!("02:00:00:00:00:64"), &json!("ordered-in-March")));

    let refused = daemon.buoyctl("fip set 203.0.113.100 --mac none");
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("disassociate it first"), "{refused:?}");
    daemon.json("--wait store fip release 203.0.113.100");
    daemon.end(Signal::SIGKILL);
    daemon.start_again();
    let shown = daemon.json("fip show 203.0.113.100");
    assert_eq!((&shown["mac"], &shown["note"]), (&json!("02:00:00:00:00:64"), &json!("ordered-in-March")));
    let cleared = daemon.json("--wait store fip set 203.0.113.100 --mac none --note none");
    assert_eq!((&cleared["mac"], &cleared["note"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_new_mac_of_an_address_in_use_is_pending_where_it_has_to_be_in_force() {
    let daemon = declared();
    let refused = daemon.buoyctl("--wait store provider set lan --mac-policy vmac");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("203.0.113.100 has no MAC"), "{refused:?}");
    daemon.json("--wait store fip set 203.0.113.100 --mac 02:00:00:00:00:64");
    daemon.json("--wait store provider set lan --mac-policy vmac");
    let output = daemon.buoyctl("--format json --timeout 0.2 fip set 203.0.113.100 --mac 02:00:00:00:00:65");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    // One that is bound to nothing concerns no switch, and can be used at once.
    let output = daemon.buoyctl("--timeout 0.2 fip set 203.0.113.101 --mac 02:00:00:00:00:65");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = daemon.buoyctl("--wait store fip associate 203.0.113.101 web-2");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
