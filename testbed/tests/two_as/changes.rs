//! Moves, ends and refusals with addresses of two providers.

use std::time::Duration;

use buoy_testbed::probe::{PingRun, eventually, ping, tcp_exchange, tcp_server};

use crate::site::{FIXED, HOSTS, NORTH, PATIENCE, SOUTH, in_both_forms};

#[test]
fn one_address_ends_while_the_other_lives_on() {
    in_both_forms(|site| {
        let both = site.associate_both();
        for (gone, stays) in [(both[0], both[1]), (both[1], both[0])] {
            both.into_iter().for_each(|address| site.assert_reached(address));
            let mut run = PingRun::start(&site.lab.node("remote"), stays, Duration::from_millis(5));
            run.await_reply(PATIENCE);
            site.command(&format!("fip disassociate {gone}"));
            site.await_silent(gone);
            run.await_more(50, PATIENCE);
            let fixed = FIXED[usize::from(gone == both[1])];
            site.command(&format!("fip associate {gone} blue-1 --fixed-ip {fixed}"));
            site.assert_reached(gone);
            run.await_more(50, PATIENCE);
            let report = run.stop();
            assert!(report.lost.is_empty(), "{stays}: {report:?}");
        }
    });
}

#[test]
fn an_address_moves_and_keeps_its_provider() {
    in_both_forms(|site| {
        let both = site.associate_both();
        let remote = site.lab.node("remote");
        let _servers = [("vm1", 81), ("vm2", 82)].map(|(node, port)| tcp_server(&site.lab.node(node), port));
        for address in both {
            let answers = |port| tcp_exchange(&remote, address, port, "who", Duration::from_secs(1)).is_ok();
            for (instance, port, other) in [("blue-2", 82, 81), ("blue-1", 81, 82)] {
                // Back to the fixed IP that it had.
                let fixed = if instance == "blue-1" {
                    FIXED[usize::from(address == both[1])].to_string()
                } else {
                    "10.0.0.12".to_owned()
                };
                site.command(&format!("fip associate {address} {instance} --fixed-ip {fixed}"));
                eventually(PATIENCE, "the address is at its new place", || answers(port).then_some(()));
                assert!(!answers(other), "{address} on {instance}");
                both.into_iter().for_each(|address| site.assert_reached(address));
            }
        }
    });
}

#[test]
fn a_second_floating_ip_on_one_fixed_ip_is_refused_with_the_way_out() {
    in_both_forms(|site| {
        let (north, south) = (NORTH[0].0.to_string(), SOUTH[0].to_string());
        site.command(&format!("fip associate {north} blue-1 --fixed-ip {}", FIXED[0]));
        let fixed = FIXED[0].to_string();
        let refused = site.daemon.buoyctl(["fip", "associate", &south, "blue-1", "--fixed-ip", &fixed]);
        assert_eq!(refused.code(), 4, "{refused}");
        for word in [&fixed, &north, "blue-1", "--fixed-ip 10.0.1.11"] {
            assert!(refused.stderr.contains(word), "{word}: {refused}");
        }
        // The way out that it names is one.
        site.command(&format!("fip associate {south} blue-1 --fixed-ip {}", FIXED[1]));
        // Where there is no fixed IP left, the way is another interface.
        let refused = site.daemon.buoyctl(["fip", "associate", &SOUTH[1].to_string(), "blue-1"]);
        assert_eq!(refused.code(), 4, "{refused}");
        assert!(refused.stderr.contains("buoyctl instance attach"), "{refused}");
        for address in [NORTH[0].0, SOUTH[0], HOSTS[0], HOSTS[1]] {
            site.assert_reached(address);
        }
        assert!(ping(&site.lab.node("vm1"), SOUTH[0], 2).is_complete(), "its own one");
    });
}
