//! `watch.start` and `buoyctl watch` without a switch.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Client, Daemon, declared, until};

/// A connection that watches, and what its watch began with.
fn watching(daemon: &Daemon, params: &Value) -> (Client, Value) {
    let mut client = daemon.ask(&line(1, "watch.start", params));
    let answer = client.answer();
    assert_eq!(answer["id"], 1, "{answer}");
    (client, answer)
}

fn line(id: u32, method: &str, params: &Value) -> String {
    format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// The next event.
fn event(client: &mut Client) -> Value {
    let mut message = client.answer();
    assert_eq!(message["method"], "watch.event", "{message}");
    message["params"].take()
}

/// The next so many events, whose numbers must follow each other.
fn events(client: &mut Client, count: usize) -> Vec<Value> {
    let events: Vec<_> = (0..count).map(|_| event(client)).collect();
    let numbers: Vec<_> = events.iter().map(seq).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    events
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap_or_else(|| panic!("{event}"))
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["kind"].as_str()).collect()
}

/// All events until now.
fn all(daemon: &Daemon) -> Vec<Value> {
    let (mut client, answer) = watching(daemon, &json!({"since": 0}));
    let newest = answer["result"]["newest"].as_u64().unwrap_or_default();
    events(&mut client, usize::try_from(newest).expect("few"))
}

/// buoyctl that watches in the background; its lines go to a file.
struct Background {
    child: Child,
    out: std::path::PathBuf,
}

impl Background {
    fn start(daemon: &Daemon, words: &str) -> Self {
        let out = daemon.dir.path().join("watched");
        let file = std::fs::File::create(&out).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_buoyctl"));
        command.env("BUOY_SOCKET", daemon.socket()).args(["--format", "json", "watch"]).args(words.split(' '));
        let child = command.stdout(file).stderr(Stdio::null()).spawn().expect("buoyctl starts");
        Self { child, out }
    }

    /// The events that came until now.
    fn told(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.out).expect("it can be read");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_change_is_an_event_with_a_number_that_grows_by_one() {
    let daemon = declared();
    let (mut client, answer) = watching(&daemon, &json!({}));
    let newest = answer["result"]["newest"].as_u64().expect("a number");
    for words in [
        "fip associate 203.0.113.100 web-2",
        "fip associate 203.0.113.100 web-2",
        "fip set 203.0.113.100 --note mail",
        "fip release 203.0.113.100",
        "fip associate 203.0.113.101 web-1",
        "fip disassociate 203.0.113.101",
        "pool set public --warn-at 80",
        "instance attach web-1 --network blue --port vm3 --mac 02:00:00:00:00:13 --ip 10.0.0.13",
        "instance remove web-2",
    ] {
        daemon.json(&format!("--wait store {words}"));
    }
    let told = events(&mut client, 10);
    assert_eq!(seq(&told[0]), newest + 1);
    let shown: Vec<_> = told.iter().map(|own| [&own["kind"], &own["subject"], &own["detail"]["instance"]]).collect();
    assert_eq!(
        json!(shown),
        json!([
            ["moved", "203.0.113.100", "web-2"],
            ["address_changed", "203.0.113.100", null],
            ["disassociated", "203.0.113.100", null],
            ["released", "203.0.113.100", null],
            ["allocated", "203.0.113.101", "web-1"],
            ["associated", "203.0.113.101", "web-1"],
            ["disassociated", "203.0.113.101", null],
            ["pool_changed", "public", null],
            ["instance_changed", "web-1", null],
            ["instance_deleted", "web-2", null],
        ])
    );
    let moved = &told[0];
    assert_eq!(moved.as_object().map(|own| own.len()), Some(5), "seq, time, kind, subject, detail: {moved}");
    let time = moved["time"].as_str().unwrap_or_default();
    assert!(time.len() == 24 && time.ends_with('Z'), "{moved}");
    let generation = moved["detail"]["generation"].clone();
    let uid = nix::unistd::geteuid().as_raw();
    let user = nix::unistd::User::from_uid(uid.into()).ok().flatten().map(|user| user.name);
    assert_eq!(
        moved["detail"],
        json!({
            "pool": "public", "provider": "lan", "project": "default", "instance": "web-2", "fixed_ip": "10.0.0.12",
            "previous_instance": "web-1", "previous_fixed_ip": "10.0.0.11", "generation": generation, "uid": uid,
            "user": user,
        })
    );
    assert_eq!(
        (&told[1]["detail"]["set"], &told[1]["detail"]["was"]),
        (&json!({"note": "mail"}), &json!({"note": null}))
    );
    assert_eq!(told[7]["detail"]["was"], json!({"warn_at": 90}));
}

#[test]
fn a_site_that_is_applied_makes_the_events_of_single_changes() {
    let daemon = declared();
    let site = String::from_utf8(daemon.buoyctl("export").stdout).expect("it is text");
    let site = site.replace("name = \"public\"", "name = \"public\"\nwarn_at = 80");
    let site = site.replace("instance = \"web-1\"", "instance = \"web-2\"\nnote = \"mail\"");
    let site = site.replace("fixed_ip = \"10.0.0.11\"\n", "");
    let guest = "[[instance]]\nname = \"web-3\"\ninterface = [{ network = \"blue\", port = \"vm3\", mac = \"02:00:00:00:00:13\", ip = \"10.0.0.13\" }]\n";
    let path = daemon.dir.path().join("site.toml");
    std::fs::write(&path, format!("{site}{guest}")).expect("it can be written");
    let (mut client, _) = watching(&daemon, &json!({}));
    let applied = daemon.json(&format!("--wait store apply -f {}", path.display()));
    assert_eq!((&applied["created"], &applied["changed"]), (&json!(1), &json!(2)), "{applied}");
    let told = events(&mut client, 4);
    let shown: Vec<_> = told.iter().map(|own| [&own["kind"], &own["subject"]]).collect();
    assert_eq!(
        json!(shown),
        json!([
            ["pool_changed", "public"],
            ["instance_created", "web-3"],
            ["moved", "203.0.113.100"],
            ["address_changed", "203.0.113.100"],
        ])
    );
    assert_eq!(
        (&told[0]["detail"]["was"], &told[0]["detail"]["set"]),
        (&json!({"warn_at": 90}), &json!({"warn_at": 80}))
    );
    assert_eq!(told[2]["detail"]["previous_instance"], "web-1");
    assert_eq!(told[3]["detail"]["set"], json!({"note": "mail"}));
    assert!(told.iter().all(|own| own["detail"]["generation"] == told[0]["detail"]["generation"]), "one commit");
}

#[test]
fn numbers_and_events_outlive_the_daemon_however_it_ends() {
    let mut daemon = declared();
    let before = all(&daemon);
    assert_eq!(seq(&before[0]), 1);
    assert_eq!(kinds(&before)[..2], ["daemon_started", "provider_created"], "{before:#?}");
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let before = all(&daemon);
        daemon.end(signal);
        daemon.start_again();
        until("the start is told", || kinds(&all(&daemon)).last() == Some(&"daemon_started"));
        let after = all(&daemon);
        assert_eq!(after[..before.len()], before[..], "{signal}");
        let stopped = usize::from(signal == Signal::SIGTERM);
        let news = &after[before.len()..];
        assert_eq!(kinds(news), ["daemon_stopped", "daemon_started"][1 - stopped..], "{signal}");
    }
}

#[test]
fn a_watch_goes_on_after_a_restart_without_a_gap() {
    let mut daemon = declared();
    let watch = Background::start(&daemon, "--since 0");
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        daemon.json("--wait store fip associate 203.0.113.100 web-2");
        daemon.end(signal);
        daemon.start_again();
        daemon.json("--wait store fip associate 203.0.113.100 web-1");
    }
    until("all was told", || watch.told().iter().filter(|event| event["kind"] == "moved").count() == 4);
    let numbers: Vec<_> = watch.told().iter().map(seq).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
}

#[test]
fn who_does_not_want_to_wait_for_the_daemon_ends_with_6() {
    let mut daemon = declared();
    let mut watch = Background::start(&daemon, "--since 0 --no-reconnect");
    until("it watches", || watch.told().len() >= 6);
    daemon.end(Signal::SIGKILL);
    assert_eq!(watch.child.wait().expect("it ends").code(), Some(6));
    assert_eq!(daemon.buoyctl("watch").status.code(), Some(6), "nobody answers at all");
}

#[test]
fn filters_leave_out_what_is_not_wanted() {
    let daemon = declared();
    daemon.json("--wait store fip allocate --address 203.0.113.105 --project blue");
    daemon.json("--wait store fip associate 203.0.113.100 web-2");
    let told = |words: &str| {
        let output = daemon.buoyctl(&format!("--format json watch --since 0 {words}"));
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
        events.map(|event| format!("{} {}", event["kind"], event["subject"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(told("--kind moved,instance_created --count 2"), ["instance_created web-1", "instance_created web-2"]);
    assert_eq!(told("--kind moved --kind associated --count 1"), ["associated 203.0.113.100"]);
    assert_eq!(told("--project blue --count 1"), ["allocated 203.0.113.105"]);
    assert_eq!(told("--subject web-2 --count 1"), ["instance_created web-2"]);
    let address = "--address 203.0.113.100 --count 3";
    assert_eq!(told(address), ["allocated 203.0.113.100", "associated 203.0.113.100", "moved 203.0.113.100"]);
    let few = daemon.buoyctl("watch --since 0 --subject web-2 --count 2 --for 0.2");
    assert_eq!(few.status.code(), Some(1), "{few:?}");
    let text = String::from_utf8_lossy(&few.stdout);
    assert!(text.lines().count() == 1 && text.contains("instance_created"), "{text}");
    let silent = daemon.buoyctl("watch --for 0.1 --subject nobody");
    assert_eq!((silent.status.code(), silent.stdout.as_slice()), (Some(0), &b""[..]), "{silent:?}");
}

#[test]
fn params_that_make_no_sense_are_refused_and_the_connection_goes_on() {
    let daemon = declared();
    let mut client = daemon.client();
    for (params, kind, says) in [
        (json!({"since": 1_000_000}), "not_found", "there is no event 1000000 yet: the newest is"),
        (json!({"since": -1}), "invalid", "since"),
        (json!({"since": "x"}), "invalid", "since"),
        (json!({"kind": "moved"}), "invalid", "kind"),
        (json!({"kind": ["mooved"]}), "invalid", "mooved"),
        (json!({"address": "203.0.113"}), "invalid", "not an IPv4 address"),
        (json!({"project": ""}), "invalid", "project"),
        (json!({"x": 1}), "invalid", "x"),
    ] {
        client.send(line(7, "watch.start", &params).as_bytes());
        let answer = client.answer();
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(answer["error"]["data"]["kind"] == kind && message.contains(says), "{params}: {answer}");
    }
    client.send(line(8, "watch.start", &json!({})).as_bytes());
    assert!(client.answer()["error"].is_null());
    client.send(line(9, "watch.start", &json!({})).as_bytes());
    assert_eq!(client.answer()["error"]["data"]["kind"], "conflict");
    for (words, code) in [("watch --since 1000000", 3), ("watch --kind mooved", 2), ("watch --since x", 2)] {
        let output = daemon.buoyctl(words);
        assert_eq!(output.status.code(), Some(code), "{words}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{words}: {output:?}");
    }
}

#[test]
fn a_connection_that_watches_asks_and_changes_as_any_other() {
    let daemon = declared();
    let (mut client, _) = watching(&daemon, &json!({}));
    let asked = json!({"address": "203.0.113.100", "instance": "web-2", "wait": "store"});
    let batch =
        format!("[{},{}]\n", line(4, "pool.list", &json!({})).trim(), line(5, "status.show", &json!({})).trim());
    client.send([line(3, "fip.associate", &asked), batch].concat().as_bytes());
    let (mut answers, mut told) = (Vec::new(), Vec::new());
    while answers.len() < 2 || told.is_empty() {
        let message = client.answer();
        if message["method"] == "watch.event" { told.push(message) } else { answers.push(message) }
    }
    assert_eq!((&answers[0]["id"], &answers[0]["result"]["instance"]), (&json!(3), &json!("web-2")));
    assert_eq!((&answers[1][0]["id"], &answers[1][1]["id"]), (&json!(4), &json!(5)));
    assert_eq!(told[0]["params"]["kind"], "moved");
    // An answer that waits for a switch holds no event up.
    let waits = json!({"address": "203.0.113.100", "instance": "web-1", "timeout": 3600});
    client.send(line(6, "fip.associate", &waits).as_bytes());
    assert_eq!(event(&mut client)["kind"], "moved");
}

#[test]
fn a_client_that_only_listens_may_close_its_own_side() {
    let daemon = declared();
    let (mut client, _) = watching(&daemon, &json!({}));
    client.finish();
    daemon.json("--wait store fip associate 203.0.113.100 web-2");
    assert_eq!(event(&mut client)["kind"], "moved");
}

#[test]
fn a_daemon_that_ends_says_from_where_to_go_on() {
    let mut daemon = declared();
    let (mut client, _) = watching(&daemon, &json!({}));
    client.finish();
    daemon.json("--wait store fip associate 203.0.113.100 web-2");
    let moved = event(&mut client);
    // What it says last depends on how fast it ends: the stop itself may be told too.
    daemon.end(Signal::SIGTERM);
    let mut last = client.answer();
    if last["method"] == "watch.event" {
        assert_eq!(last["params"]["kind"], "daemon_stopped");
        last = client.answer();
    }
    assert_eq!(last["method"], "watch.end", "{last}");
    assert!(last["params"]["seq"].as_u64() >= Some(seq(&moved)), "{last}");
}

#[test]
fn many_clients_are_told_the_same() {
    let daemon = declared();
    let mut clients: Vec<_> = (0..64).map(|_| watching(&daemon, &json!({"since": 0})).0).collect();
    for instance in ["web-2", "web-1", "web-2"] {
        daemon.json(&format!("--wait store fip associate 203.0.113.100 {instance}"));
    }
    let wanted = all(&daemon);
    for client in &mut clients {
        assert_eq!(events(client, wanted.len()), wanted);
    }
}

#[test]
fn a_client_that_does_not_read_holds_nobody_up_and_is_cut_off() {
    let daemon = declared();
    let (mut lazy, _) = watching(&daemon, &json!({"since": 0}));
    let change = |round: u32| {
        let instance = if round.is_multiple_of(2) { "web-2" } else { "web-1" };
        line(round, "fip.associate", &json!({"address": "203.0.113.100", "instance": instance, "wait": "store"}))
    };
    let mut busy = daemon.client();
    let twin = busy.twin();
    let requests: String = (0..2_000).map(change).collect();
    let sender = std::thread::spawn(move || twin.send(requests.as_bytes()));
    for _ in 0..2_000 {
        assert!(busy.answer()["error"].is_null());
    }
    sender.join().expect("all was sent");
    until_long("the client is hung up on", || lazy.is_hung_up_on());
    let mut last = 0;
    while let Some(text) = lazy.rest() {
        // The last line may be half a one: the client did not read it for too long.
        let Ok(message) = serde_json::from_str::<Value>(&text) else { break };
        if message["method"] == "watch.event" {
            assert_eq!(seq(&message["params"]), last + 1);
            last += 1;
        }
    }
    assert!(last > 0);
    let (mut again, answer) = watching(&daemon, &json!({"since": last}));
    let newest = answer["result"]["newest"].as_u64().expect("a number");
    assert!(newest > 2_000, "{answer}");
    let rest = events(&mut again, usize::try_from(newest - last).expect("few"));
    assert_eq!(rest.first().map(seq), Some(last + 1));
}

/// Waits for what takes the daemon some time by itself.
fn until_long(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(90);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "waited in vain until {what}");
    }
}

#[test]
fn in_safe_mode_there_is_nothing_to_watch() {
    let mut daemon = declared();
    daemon.end(Signal::SIGTERM);
    std::fs::write(daemon.state.join("commit"), "garbage").expect("it can be written");
    daemon.start_again();
    for words in ["watch", "history"] {
        let output = daemon.buoyctl(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && error.contains("safe mode"), "{words}: {error}");
    }
}

#[test]
fn a_pool_that_runs_low_is_told_once_and_again_only_after_it_had_room() {
    let mut daemon = declared();
    daemon.json("--wait store pool create small --provider lan --range 198.51.100.0-198.51.100.9 --warn-at 50");
    assert_eq!(daemon.json("pool show small")["warn_at"], 50);
    let (mut client, _) = watching(&daemon, &json!({"kind": ["pool_low", "pool_recovered"]}));
    let change = |daemon: &Daemon, verb: &str, last: &[u8]| {
        for last in last {
            let option = if verb == "allocate" { "--address " } else { "" };
            daemon.json(&format!("--wait store fip {verb} {option}198.51.100.{last}"));
        }
    };
    change(&daemon, "allocate", &[0, 1, 2, 3, 4, 5]);
    change(&daemon, "release", &[5]);
    change(&daemon, "allocate", &[5]);
    let low = event(&mut client);
    assert_eq!((&low["kind"], &low["subject"]), (&json!("pool_low"), &json!("small")));
    let detail = &low["detail"];
    assert_eq!(
        (&detail["used"], &detail["usable"], &detail["free"], &detail["percent"]),
        (&5.into(), &10.into(), &5.into(), &50.into())
    );
    change(&daemon, "release", &[5, 4]);
    assert_eq!(event(&mut client)["kind"], "pool_recovered", "below the threshold by more than its slack");
    change(&daemon, "allocate", &[4]);
    let again = event(&mut client);
    assert_eq!(again["kind"], "pool_low");
    // What was told, the daemon knows also after a restart.
    daemon.end(Signal::SIGKILL);
    daemon.start_again();
    let (mut client, _) = watching(&daemon, &json!({"since": again["seq"], "kind": ["pool_low", "pool_recovered"]}));
    change(&daemon, "allocate", &[6, 7]);
    daemon.json("--wait store pool add small 198.51.100.10-198.51.100.40");
    let room = event(&mut client);
    assert_eq!((&room["kind"], &room["detail"]["usable"]), (&json!("pool_recovered"), &json!(41)));
    assert_eq!(daemon.json("--wait store pool set small --warn-at none")["warn_at"], Value::Null);
    for wrong in ["0", "101", "x"] {
        let output = daemon.buoyctl(&format!("pool set small --warn-at {wrong}"));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("from 1 to 100"), "{output:?}");
    }
}

#[test]
fn a_request_in_raw_json_is_answered_and_told() {
    let daemon = declared();
    let mut stream = UnixStream::connect(daemon.socket()).expect("the daemon accepts");
    writeln!(stream, r#"{{"jsonrpc":"2.0","method":"watch.start","params":{{"since":0}}}}"#).expect("it reads");
    let mut client = Client::over(stream);
    assert_eq!(seq(&event(&mut client)), 1, "a notification is not answered, and begins a watch all the same");
}
