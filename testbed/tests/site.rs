//! A whole site declared by one file: real buoyd, real Open vSwitch, real packets.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::{PingRun, eventually, ping, tcp_exchange, tcp_server};
use buoy_testbed::scenario::{BRIDGES, await_up_to_date};
use buoy_testbed::site::FLOATING_IP;
use buoy_testbed::{Daemon, Lab};
use serde_json::Value;

/// Long enough on a machine that does other things too.
const DEADLINE: Duration = Duration::from_secs(30);
const SECOND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 101);
const THIRD: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 102);

/// Lab `flat` with three guests and an address for each.
fn site() -> String {
    let mut site = "
[[provider]]
name = \"lan\"
bridge = \"br-ex\"
uplink = \"uplink0\"
gateway = \"203.0.113.1\"
host_ip = [\"203.0.113.2\"]
onlink = [\"203.0.113.0/24\"]

[[pool]]
name = \"public\"
provider = \"lan\"
range = [\"203.0.113.100-203.0.113.119\"]

[[network]]
name = \"blue\"
cidr = \"10.0.0.0/24\"
gateway = \"10.0.0.1\"
"
    .to_owned();
    for (number, mac) in ["0b", "0c", "0d"].into_iter().enumerate() {
        let (guest, address) = (number + 1, 100 + number);
        site.push_str(&format!(
            "
[[fip]]
address = \"203.0.113.{address}\"
instance = \"web-{guest}\"

[[instance]]
name = \"web-{guest}\"
interface = [{{ network = \"blue\", port = \"vm{guest}\", mac = \"02:00:0a:00:00:{mac}\", ip = \"10.0.0.1{guest}\" }}]
"
        ));
    }
    site
}

/// Applies a site, which is in force then.
fn apply(lab: &Lab, daemon: &Daemon, site: &str, words: &[&str]) -> Value {
    std::fs::write(lab.path("/run/buoy/site.toml"), site).expect("/run of the lab is writable");
    let line = ["--timeout", "30", "apply", "-f", "/run/buoy/site.toml"];
    let result = daemon.buoyctl_json(line.into_iter().chain(words.iter().copied()));
    assert_eq!(result.get("applied"), Some(&true.into()), "{result}");
    result
}

fn count(result: &Value, field: &str) -> u64 {
    result.get(field).and_then(Value::as_u64).unwrap_or_else(|| panic!("{field} of {result}"))
}

/// A lab whose site came from the file alone.
fn applied() -> (Lab, Daemon) {
    let lab = Lab::up("flat");
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    let result = apply(&lab, &daemon, &site(), &[]);
    assert_eq!(count(&result, "created"), 9, "{result}");
    await_up_to_date(&daemon, DEADLINE);
    (lab, daemon)
}

fn reaches(lab: &Lab, address: Ipv4Addr) {
    for from in ["client", "remote"] {
        eventually(DEADLINE, "the address answers", || ping(&lab.node(from), address, 1).is_complete().then_some(()));
    }
}

/// Whether a server at a port answers at an address.
fn serves(lab: &Lab, address: Ipv4Addr, port: u16) -> bool {
    tcp_exchange(&lab.node("remote"), address, port, "who", Duration::from_secs(5)).is_ok()
}

#[test]
fn a_file_makes_a_whole_lab_and_the_second_time_no_flow_mod() {
    let (lab, daemon) = applied();
    [FLOATING_IP, SECOND, THIRD].into_iter().for_each(|address| reaches(&lab, address));
    let generation = || daemon.buoyctl_json(["status"]).get("generation").cloned();
    let flows = || {
        BRIDGES.map(|bridge| {
            let flows = lab.dump_flows(bridge);
            let ages =
                flows.iter().filter_map(|flow| flow.split("duration=").nth(1)?.split('s').next()?.parse::<f64>().ok());
            (flows.len(), ages.fold(f64::MAX, f64::min))
        })
    };
    let before = (generation(), flows());
    let result = apply(&lab, &daemon, &site(), &[]);
    assert_eq!(result.get("changes"), Some(&Value::Array(Vec::new())), "{result}");
    let exported = daemon.buoyctl(["--timeout", "30", "export"]).expect_success();
    apply(&lab, &daemon, &exported, &["--prune"]);
    let after = (generation(), flows());
    assert_eq!(after.0, before.0);
    for ((had, youngest), (has, youngest_after)) in before.1.into_iter().zip(after.1) {
        assert_eq!(had, has);
        // A flow that was sent again would begin to count anew.
        assert!(youngest_after >= youngest, "{youngest} {youngest_after}\n{}", daemon.log());
    }
}

#[test]
fn an_edited_file_moves_addresses_and_other_traffic_goes_on() {
    let (lab, daemon) = applied();
    let _servers = [1, 2, 3].map(|guest| tcp_server(&lab.node(&format!("vm{guest}")), 80 + guest));
    [FLOATING_IP, SECOND, THIRD].into_iter().for_each(|address| reaches(&lab, address));
    assert!(serves(&lab, SECOND, 82) && serves(&lab, THIRD, 83));
    let mut other = PingRun::start(&lab.node("remote"), FLOATING_IP, Duration::from_millis(5));
    other.await_reply(DEADLINE);
    // Two addresses change places.
    let line = |address: Ipv4Addr, guest: u8| format!("address = \"{address}\"\ninstance = \"web-{guest}\"");
    let swapped = site().replace(&line(SECOND, 2), &line(SECOND, 9)).replace(&line(THIRD, 3), &line(THIRD, 2));
    let swapped = swapped.replace(&line(SECOND, 9), &line(SECOND, 3));
    let result = apply(&lab, &daemon, &swapped, &[]);
    assert_eq!((count(&result, "changed"), count(&result, "created")), (2, 0), "{result}");
    eventually(DEADLINE, "both have changed places", || {
        (serves(&lab, SECOND, 83) && serves(&lab, THIRD, 82)).then_some(())
    });
    assert!(!serves(&lab, SECOND, 82) && !serves(&lab, THIRD, 83));
    // One is given back.
    let (less, _) = swapped.split_once(&format!("\n[[fip]]\naddress = \"{THIRD}\"")).expect("it is there");
    let less = format!("{less}\n{}", &swapped[swapped.rfind("[[instance]]").expect("the last guest")..]);
    let result = apply(&lab, &daemon, &less, &["--prune"]);
    assert_eq!((count(&result, "deleted"), count(&result, "changed")), (1, 0), "{result}");
    eventually(DEADLINE, "nobody answers", || ping(&lab.node("remote"), THIRD, 1).is_silent().then_some(()));
    other.await_more(50, DEADLINE);
    let report = other.stop();
    assert!(report.lost.is_empty(), "{report:?}\n{}", daemon.log());
    assert!(serves(&lab, SECOND, 83));
}
