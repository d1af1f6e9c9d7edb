//! Everything at once: guests that send whatever comes to their mind, associations that change, a controller and a switch
//! that are killed, ports that are pulled. A slice of it by default, minutes with `BUOY_LONG`.

use std::env;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_testbed::probe::{PingRun, StormRun, eventually, ping};
use buoy_testbed::scenario::{SOON, await_up_to_date};

use crate::site::{CASES, REMOTE, Site, instance_ip, instance_mac, vm};

const RECONNECT: Duration = Duration::from_secs(20);
/// Instances whose guests storm; the others are honest.
const STORMY: [u8; 2] = [1, 2];

fn duration() -> Duration {
    Duration::from_secs(if env::var_os("BUOY_LONG").is_some() { 180 } else { 8 })
}

/// Random numbers that a seed repeats: xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).expect("small")).expect("below a usize")
    }
}

/// Starts a storm in a guest, of what it could gain most by forging.
fn storm(site: &Site, number: u8, seed: u64) -> StormRun {
    for (node, interface) in [(site.lab.node(&vm(number)), "eth0".to_owned()), (site.lab.host(), vm(number))] {
        node.run(["ip", "link", "set", &interface, "mtu", "9000"]).expect_success();
    }
    let network = site.command("network show blue");
    let router = network.get("gateway_mac").and_then(serde_json::Value::as_str).expect("a network has a gateway");
    let rules = site.lab.rules();
    let macs = [instance_mac(number), instance_mac(3), site.main_mac(), rules.gateway_mac];
    let addresses =
        [instance_ip(number), instance_ip(3), site.case.host, site.case.gateway, Ipv4Addr::new(10, 0, 0, 1)];
    let mut known = vec![router.to_owned(), router.to_owned()];
    known.extend(macs.iter().map(ToString::to_string));
    known.extend(site.case.addresses.iter().map(|address| site.mac(*address).to_string()));
    known.extend(addresses.iter().chain(site.case.addresses).map(ToString::to_string));
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    StormRun::start(&site.lab.node(&vm(number)), "eth0", seed, 2_000, &known)
}

/// Runs `buoyctl`; it may be refused, or have to wait for a bridge, but must not fail otherwise.
fn attempt(site: &Site, command: &str) {
    let output = site.daemon.buoyctl(["--timeout", "0.2"].into_iter().chain(command.split(' ')));
    assert!([0, 3, 4, 7].contains(&output.code()), "{output}");
}

fn change_associations(site: &Site, dice: &mut Dice) {
    let address = site.case.addresses.get(dice.below(site.case.addresses.len())).expect("one of them");
    match dice.below(4) {
        0 => attempt(site, &format!("fip disassociate {address}")),
        1 => attempt(site, &format!("fip release {address}")),
        _ => attempt(site, &format!("fip associate {address} web-{}", dice.below(4) + 1)),
    }
}

fn replug(site: &Site, dice: &mut Dice) {
    let port = vm(u8::try_from(dice.below(4) + 1).expect("small"));
    site.lab.ovs_vsctl(["del-port", "br-int", &port]);
    change_associations(site, dice);
    site.lab.ovs_vsctl(["add-port", "br-int", &port]);
}

fn replug_uplink(site: &Site) {
    site.lab.ovs_vsctl(["del-port", "br-ex", "uplink0"]);
    site.lab.ovs_vsctl(["add-port", "br-ex", "uplink0"]);
}

/// Does something random until the time is up; tells how often it did what.
fn rage(site: &mut Site, seed: u64) -> [usize; 6] {
    let (mut dice, end) = (Dice(seed), Instant::now() + duration());
    let mut done = [0; 6];
    while Instant::now() < end {
        let what = match dice.below(40) {
            0 => 1,
            1 => 2,
            2..=4 => 3,
            5 => 4,
            6 => 5,
            _ => 0,
        };
        match what {
            0 => change_associations(site, &mut dice),
            1 => {
                site.daemon.kill9();
                site.daemon.start_again();
            }
            2 => site.daemon.restart(),
            3 => replug(site, &mut dice),
            4 => replug_uplink(site),
            _ => {
                site.lab.kill_vswitchd();
                site.lab.restart_vswitchd();
            }
        }
        done.iter_mut().skip(what).take(1).for_each(|count| *count += 1);
    }
    done
}

#[test]
fn nothing_wrong_leaves_in_a_storm() {
    for (seed, case) in (0x0b0e_u64..).zip(CASES) {
        let mut site = Site::up(case, "");
        site.associate(case.addresses[0], 1);
        let storms = STORMY.map(|number| storm(&site, number, seed + u64::from(number)));
        // An honest guest sends beside them.
        let honest = PingRun::start(&site.lab.node("vm3"), REMOTE, Duration::from_millis(5));
        let done = rage(&mut site, seed);
        drop(honest);
        let storms = storms.map(StormRun::stop);
        println!(
            "lab {} with the policy {}: {storms:?}; changes, kills, restarts, ports, uplinks, switches: {done:?}; \
             at most {} who-has within a minute",
            case.lab,
            case.policy,
            site.police.who_has_per_minute()
        );
        assert!(storms.iter().all(|storm| storm.sent > 1_000), "{storms:?}");
        site.await_host(RECONNECT);
        await_up_to_date(&site.daemon, RECONNECT);
        attempt(&site, &format!("fip release {}", case.addresses[0]));
        for number in [3, 4] {
            for address in case.addresses {
                attempt(&site, &format!("fip release {address}"));
            }
            site.associate(case.addresses[0], number);
            eventually(SOON, "the address answers", || {
                let report = ping(&site.lab.node("remote"), case.addresses[0], 1);
                report.is_complete().then_some(())
            });
        }
        site.assert_clean();
    }
}
