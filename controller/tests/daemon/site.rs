//! The whole site as a file: applied at once, told with its mistakes, and written back.

mod random;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Daemon, declared};

/// The file that the documentation shows.
const EXAMPLE: &str = include_str!("../../../docs/site.toml");

/// Writes a file beside the daemon's socket.
fn file(daemon: &Daemon, name: &str, text: &str) -> PathBuf {
    let path = daemon.dir.path().join(name);
    std::fs::write(&path, text).expect("it can be written");
    path
}

/// Applies a file and waits for no switch.
fn apply(daemon: &Daemon, text: &str, words: &str) -> Output {
    let path = file(daemon, "site.toml", text);
    daemon.buoyctl(&format!("--wait store --timeout 600 apply -f {}{words}", path.display()))
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn export(daemon: &Daemon) -> String {
    stdout(&daemon.buoyctl("--timeout 600 export"))
}

fn generation(daemon: &Daemon) -> u64 {
    daemon.json("status")["generation"].as_u64().expect("a number")
}

#[test]
fn the_example_makes_a_site_once_and_in_one_commit() {
    let mut daemon = Daemon::start();
    let dry = stdout(&apply(&daemon, EXAMPLE, " --dry-run"));
    assert!(dry.starts_with("+ provider lan: bridge br-ex, uplink eth0"), "{dry}");
    assert!(dry.lines().last().is_some_and(|last| last.starts_with("Dry run, nothing was changed: ")), "{dry}");
    assert_eq!(generation(&daemon), 0);
    let done = stdout(&apply(&daemon, EXAMPLE, ""));
    let of = |text: &str| text.lines().filter(|line| line.starts_with("+ ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(of(&done), of(&dry));
    assert!(done.ends_with(&format!("{} created, 0 changed, 0 deleted\n", of(&done).len())), "{done}");
    assert_eq!(generation(&daemon), 1);
    let lists = daemon.lists();
    assert_eq!(stdout(&apply(&daemon, EXAMPLE, "")), "Nothing to change: all of the file is so already\n");
    assert_eq!(stdout(&apply(&daemon, EXAMPLE, " --prune")), "Nothing to change: all of the file is so already\n");
    assert_eq!((generation(&daemon), daemon.lists()), (1, lists.clone()));
    daemon.end(Signal::SIGKILL);
    daemon.start_again();
    assert_eq!(daemon.lists(), lists);
    // Nobody carries it yet: that is told as for any other change.
    let path = file(&daemon, "site.toml", EXAMPLE);
    let waited = daemon.buoyctl(&format!("--format json --timeout 0.1 apply -f {}", path.display()));
    assert_eq!(waited.status.code(), Some(7), "{waited:?}");
    let waited: Value = serde_json::from_slice(&waited.stdout).expect("one document");
    assert_eq!((&waited["applied"], &waited["pending"]), (&json!(false), &json!(["br-ex", "br-int"])));
}

#[test]
fn what_was_declared_by_commands_is_exported_and_taken_back() {
    let daemon = declared();
    daemon.json("--wait store fip set 203.0.113.105 --note spare");
    daemon.json("--wait store direct add gw --provider lan --port qg-1 --mac 02:00:00:00:00:31 --ip 203.0.113.110");
    daemon.json("--wait store provider set lan --garp on --garp-count 3 --onlink 203.0.113.0/24");
    daemon.json("--wait store provider set lan --no-snat 192.0.2.0/25 --no-snat 192.0.2.128/26 --mtu 1400");
    for words in [
        "pool set public --cool-down 1h --warn-at 70",
        "fip reserve 203.0.113.112-203.0.113.114 --note spare",
        "fip set 203.0.113.100 --label env=prod --label team=a=b",
        "fip allocate --address 203.0.113.103 --project office",
        "fip release 203.0.113.103",
        "instance set web-1 --label rack=7 --note front",
        "--project office network create green --cidr 10.1.0.0/24 --gateway 10.1.0.1 --auto-assign public",
        "project set office --fip-quota 3",
        "project set lab --fip-quota default",
        "project set --default --fip-quota unlimited",
        "project set --default --fip-quota 9",
    ] {
        daemon.json(&format!("--wait store {words}"));
    }
    let (exported, before) = (export(&daemon), generation(&daemon));
    for says in [
        "no_snat = [\"192.0.2.0/25\", \"192.0.2.128/26\"]",
        "mtu = 1400",
        "cool_down = \"3600s\"",
        "warn_at = 70",
        "reserved = [\"203.0.113.112-203.0.113.114\"]",
        "label = [\"env=prod\", \"team=a=b\"]",
        "label = [\"rack=7\"]",
        "note = \"front\"",
        "auto_assign = \"public\"",
        "project = \"office\"",
        "fip_quota = 3",
        "name = \"lab\"",
        "default = true\nfip_quota = 9",
    ] {
        assert!(exported.contains(says), "{says}\n{exported}");
    }
    for (words, text) in [("", exported.clone()), ("--format json ", stdout(&daemon.buoyctl("--format json export")))] {
        // Through a pipe, as `export | apply -f - --dry-run` does it.
        let mut command = Command::new(env!("CARGO_BIN_EXE_buoyctl"));
        command.env("BUOY_SOCKET", daemon.socket()).args(["apply", "-f", "-", "--dry-run", "--prune"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("buoyctl starts");
        child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it is read");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(stdout(&output), "Nothing to change: all of the file is so already\n", "{words}{text}");
    }
    assert_eq!(generation(&daemon), before);
    let other = Daemon::start();
    apply(&other, &exported, "");
    assert_eq!(export(&other), exported);
    let path = daemon.dir.path().join("out.toml");
    std::fs::write(&path, "before").expect("it can be written");
    assert!(daemon.buoyctl(&format!("export -o {}", path.display())).status.success());
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), exported);
    let nowhere = daemon.buoyctl("export -o /nonexistent/site.toml");
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
}

#[test]
fn all_mistakes_are_told_with_line_and_column_and_nothing_is_changed() {
    let daemon = declared();
    let before = (daemon.lists(), export(&daemon));
    let text = "[[provider]]
name = \"lan\"
bridg = \"br-ex\"
uplink = \"eth0\"

[[fip]]
address = \"203.0.113.300\"
";
    let path = daemon.dir.path().join("site.toml");
    let output = apply(&daemon, text, "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let says = |text: &str| text.lines().map(|line| format!("buoyctl: {}{line}\n", path.display())).collect::<String>();
    assert_eq!(
        stderr(&output),
        says(
            ":1:1: provider needs bridge\n:3:1: there is no bridg: did you mean bridge?\n:7:11: address: \"203.0.113.300\" is not an IPv4 address: write it like 192.0.2.1"
        )
    );
    // What only the daemon can know.
    let text = "[[pool]]
name = \"more\"
provider = \"wan\"
range = [\"198.51.100.0/28\"]

[[fip]]
address = \"203.0.113.101\"
instance = \"web-9\"
[[fip]]
address = \"192.0.2.1\"
[[instance]]
name = \"web-3\"
[[instance.interface]]
network = \"blue\"
port = \"vm3\"
mac = \"02:00:00:00:00:11\"
ip = \"10.0.0.13\"
[[network]]
name = \"blue\"
cidr = \"10.0.0.0/24\"
gateway = \"10.0.0.2\"
";
    let output = apply(&daemon, text, "");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(
        stderr(&output),
        says(
            ":3:12: there is no provider named wan: `buoyctl provider list` shows those there are
:8:12: there is no instance named web-9: `buoyctl instance list` shows those there are
:16:7: MAC 02:00:00:00:00:11 in network blue belongs to instance web-1
:18:1: network blue is in use by instance web-1, instance web-2"
        )
    );
    assert_eq!((daemon.lists(), export(&daemon)), before);
    let json = file(&daemon, "site.json", "{\"fip\": [\n  {\"address\": \"203.0.113.101\", \"instance\": \"web-9\"}]}");
    let output = daemon.buoyctl(&format!("apply -f {}", json.display()));
    assert!(stderr(&output).contains("site.json:2:44: there is no instance named web-9"), "{output:?}");
    let absent = daemon.buoyctl("apply -f /nonexistent/site.toml");
    assert_eq!(absent.status.code(), Some(2), "{absent:?}");
}

#[test]
fn what_is_not_in_the_file_is_listed_and_deleted_on_demand() {
    let daemon = declared();
    let text = export(&daemon);
    let (kept, _) = text.split_once("\n[[fip]]").expect("an address");
    let less = kept.replace("name = \"web-2\"", "name = \"web-3\"").replace("10.0.0.12", "10.0.0.13");
    let less = less.replace("\"vm2\"", "\"vm3\"").replace("02:00:00:00:00:12", "02:00:00:00:00:13");
    let done = stdout(&apply(&daemon, &less, ""));
    assert_eq!(
        done,
        "+ instance web-3: project default, bridge br-int, interface [network blue port vm3 mac 02:00:00:00:00:13 ip 10.0.0.13]
? instance web-2: not in the file, left alone (--prune deletes it)
? fip 203.0.113.100: not in the file, left alone (--prune deletes it)
1 created, 0 changed, 0 deleted
"
    );
    let done = stdout(&apply(&daemon, &less, " --prune"));
    assert_eq!(done, "- instance web-2\n- fip 203.0.113.100\n0 created, 0 changed, 2 deleted\n");
    assert_eq!(daemon.json("fip list"), json!([]));
    let done = stdout(&apply(&daemon, "", " --prune"));
    assert!(done.ends_with("0 created, 0 changed, 5 deleted\n"), "{done}");
    assert_eq!(daemon.json("provider list"), json!([]));
}

#[test]
fn an_edited_file_changes_only_what_was_edited() {
    let daemon = declared();
    let text = export(&daemon);
    let moved = text.replace("instance = \"web-1\"", "instance = \"web-2\"").replace("fixed_ip = \"10.0.0.11\"", "");
    let done = stdout(&apply(&daemon, &moved, ""));
    assert_eq!(
        done,
        "~ fip 203.0.113.100: instance web-1 -> web-2, fixed_ip 10.0.0.11 -> 10.0.0.12\n0 created, 1 changed, 0 deleted\n"
    );
    let wider = export(&daemon).replace("203.0.113.119\"", "203.0.113.119\", \"198.51.100.16/29\"");
    let done = document(
        &daemon
            .buoyctl(&format!("--format json --wait store apply -f {}", file(&daemon, "site.toml", &wider).display())),
    );
    assert_eq!((&done["created"], &done["changed"], &done["deleted"]), (&json!(0), &json!(1), &json!(0)));
    let change = json!({"action": "change", "noun": "pool", "name": "public",
        "before": {"range": ["203.0.113.100-203.0.113.119"]},
        "after": {"range": ["198.51.100.17-198.51.100.22", "203.0.113.100-203.0.113.119"]}});
    assert_eq!(done["changes"], json!([change]));
}

#[test]
fn ten_thousand_addresses_in_one_file_are_one_commit() {
    let daemon = declared();
    let mut text = "[[pool]]\nname = \"big\"\nprovider = \"lan\"\nrange = [\"198.18.0.0/16\"]\n".to_owned();
    text.push_str("[[network]]\nname = \"green\"\ncidr = \"10.64.0.0/16\"\ngateway = \"10.64.0.1\"\n");
    for number in 0..10_000_u32 {
        let [_, _, high, low] = (number + 2).to_be_bytes();
        writeln!(
            text,
            "[[instance]]\nname = \"vm-{number}\"\n[[instance.interface]]\nnetwork = \"green\"\nport = \"p{number}\"\nmac = \"02:00:00:00:{high:02x}:{low:02x}\"\nip = \"10.64.{high}.{low}\"\n[[fip]]\naddress = \"198.18.{high}.{low}\"\ninstance = \"vm-{number}\"\nnote = \"server of the customer number {number}\""
        )
        .expect("it is a string");
    }
    let wrong = format!("{text}[[fip]]\naddress = \"192.0.2.1\"\n");
    let refused = apply(&daemon, &wrong, "");
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(
        stderr(&refused).contains(&format!(":{}:11: 192.0.2.1 is in no pool", wrong.lines().count())),
        "{refused:?}"
    );
    let before = generation(&daemon);
    let done = apply(&daemon, &text, "");
    assert_eq!(stderr(&done), "", "no bar where there is no terminal");
    assert!(stdout(&done).ends_with("20002 created, 0 changed, 0 deleted\n"));
    assert_eq!(generation(&daemon), before + 1);
    let exported = export(&daemon);
    assert!(exported.len() > 2 * 1024 * 1024, "more than a line may have");
    assert_eq!(stdout(&apply(&daemon, &exported, " --prune")), "Nothing to change: all of the file is so already\n");
}

#[test]
fn quotas_labels_and_what_is_reserved_are_declared_and_checked() {
    let daemon = declared();
    let site = "[[project]]
name = \"office\"
fip_quota = 1
[[project]]
default = true
fip_quota = \"5\"
[[fip]]
address = \"203.0.113.101\"
project = \"office\"
label = [\"env=prod\"]
";
    assert_eq!(
        stdout(&apply(&daemon, site, " --dry-run")).lines().filter(|line| line.starts_with('+')).collect::<Vec<_>>(),
        [
            "+ fip 203.0.113.101: project office, label [env=prod]",
            "+ project office: fip_quota 1",
            "+ project default quota: default true, fip_quota 5",
        ]
    );
    stdout(&apply(&daemon, site, ""));
    let project = daemon.json("project show office");
    assert_eq!((&project["fip_quota"], &project["allocated"]), (&json!(1), &json!(1)));
    assert_eq!(daemon.json("project show default")["fip_quota"], 5);
    let before = export(&daemon);
    let wrong = "[[fip]]
address = \"203.0.113.102\"
project = \"office\"
[[fip]]
address = \"203.0.113.103\"
label = [\"a=b\"]
[[pool]]
name = \"public\"
provider = \"lan\"
range = [\"203.0.113.100-203.0.113.119\"]
reserved = [\"203.0.113.120\"]
[[network]]
name = \"green\"
cidr = \"10.1.0.0/24\"
gateway = \"10.1.0.1\"
auto_assign = \"publik\"
[[project]]
default = true
";
    let output = apply(&daemon, &wrong.replace("[[project]]\ndefault = true\n", ""), "");
    let lines: Vec<_> =
        stderr(&output).lines().map(|line| line.split("site.toml:").last().unwrap_or_default().to_owned()).collect();
    assert_eq!(
        lines,
        [
            "3:11: project office has 1 floating IPs and may have 1: release one, or `buoyctl project set office --fip-quota N` lets it have more",
            "6:9: 203.0.113.103 belongs to no project: labels are its project's, so allocate it first; note stays in any case",
            "11:12: 203.0.113.120 is not wholly in pool public: `buoyctl pool show public` shows its ranges",
            "16:15: there is no pool named publik: `buoyctl pool list` shows those there are",
        ]
    );
    let output = apply(&daemon, wrong, "");
    assert!(stderr(&output).contains(":17:1: the default is a number or unlimited: fip_quota"), "{output:?}");
    assert_eq!(export(&daemon), before);
    let denied = daemon.buoyctl("--project office export");
    assert!(!denied.status.success() && stderr(&denied).contains("is the admin's"), "{denied:?}");
    // What is not named is forgotten on demand, whoever has addresses.
    let (_, bare) = before.split_once("# Upstreams").expect("the comment of providers");
    let done = stdout(&apply(&daemon, &format!("# Upstreams{bare}"), " --prune"));
    assert!(done.contains("- project office\n") && done.contains("- project default quota\n"), "{done}");
    assert_eq!(daemon.json("project show office")["fip_quota"], json!(null));
}

#[test]
fn parts_that_are_left_out_are_no_whole() {
    let daemon = declared();
    let before = daemon.lists();
    let part = |number: u32, more: bool, name: &str| {
        let network = json!([{"name": name, "cidr": "10.9.0.0/24", "gateway": "10.9.0.1"}]);
        let params = json!({"part": number, "more": more, "network": network, "wait": "store"});
        format!("{}\n", json!({"jsonrpc": "2.0", "id": number, "method": "site.apply", "params": params}))
    };
    let mut client = daemon.ask(&format!("{}{}", part(0, true, "a"), part(2, false, "c")));
    assert_eq!(client.answer()["result"], json!({"parts": 1}));
    assert_eq!(client.answer()["error"]["data"]["kind"], "invalid");
    client.send(part(1, false, "b").as_bytes());
    assert_eq!(client.answer()["error"]["data"]["kind"], "invalid");
    // What a client that went had sent so far is forgotten.
    drop(daemon.ask(&part(0, true, "a")));
    assert_eq!(daemon.ask(&part(1, false, "b")).answer()["error"]["data"]["kind"], "invalid");
    assert_eq!(daemon.lists(), before);
    let mut client = daemon.ask(&format!("{}{}", part(0, true, "a"), part(1, false, "b")));
    client.answer();
    assert_eq!(client.answer()["result"]["created"], 2);
}
