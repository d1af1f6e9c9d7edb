//! A simulated fleet runs through everything that `buoy-testbed fleet` does, and has what the daemon says it has.

use buoy_testbed::fleet::{self, Effort, Layout};

#[test]
fn a_small_fleet_has_what_the_daemon_says() {
    let layout = Layout::new(8, 5, 3).expect("there is room for it");
    let effort = Effort { returns: 1, rounds: 1, associations: 4 };
    let report = fleet::run(layout, effort).unwrap_or_else(|error| panic!("{error:#}"));

    let held = 4 * (report.checked.external + report.checked.integration);
    assert_eq!((report.checked.counted, report.checked.flows), (8, held), "{report}");
    assert!(report.checked.external > 2 * 5 && report.checked.integration > 3 * 5, "{report}");
    // Each flow is sent once.
    for power in report.returns.iter().chain(&report.beside) {
        assert_eq!((power.flow_mods, power.switches.count), (held, 8), "{report}");
    }
    assert_eq!((report.returns.len(), report.beside.len()), (1, 1));
    assert_eq!(report.reconnect.flow_mods, 0, "{report}");
    let fairness = report.fairness.as_ref().expect("there are slow hosts");
    assert!(fairness.alone.count >= 2 && fairness.beside.count >= 2, "{report}");
    assert_eq!((fairness.late_alone, fairness.late_beside), (0, 0), "{report}");
}
