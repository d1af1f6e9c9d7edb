//! The socket: JSON-RPC 2.0 as its specification says, and clients that do not behave.

use serde_json::json;

use crate::support::{declared, until};

#[test]
fn a_batch_is_answered_as_one_and_a_notification_not_at_all() {
    let daemon = declared();
    let mut client = daemon.ask(concat!(
        r#"{"jsonrpc":"2.0","method":"network.create","params":{"name":"red","cidr":"10.1.0.0/24","gateway":"10.1.0.1","wait":"store"}}"#,
        "\n",
        r#"[{"jsonrpc":"2.0","id":1,"method":"network.show","params":{"name":"red"}},{"jsonrpc":"2.0","id":"x","method":"pool.lst"}]"#,
        "\n{garbage\n",
        r#"{"jsonrpc":"2.0","id":4,"method":"pool.list"}"#,
        "\n"
    ));
    let batch = client.answer();
    assert_eq!((&batch[0]["id"], &batch[0]["result"]["name"]), (&json!(1), &json!("red")));
    assert_eq!((&batch[1]["id"], &batch[1]["error"]["code"]), (&json!("x"), &json!(-32601)));
    assert_eq!(client.answer()["error"]["code"], -32700);
    assert_eq!(client.answer()["id"], 4);
}

#[test]
fn a_line_that_does_not_end_changes_nothing() {
    let daemon = declared();
    let before = daemon.lists();
    let half = r#"{"jsonrpc":"2.0","id":1,"method":"fip.release","params":{"address":"203.0.113.100","wait":"store"}}"#;
    let mut client = daemon.ask(half);
    client.finish();
    client.ends();
    drop(daemon.ask(&"x".repeat(2 * MIB)));
    assert_eq!(daemon.lists(), before);
}

#[test]
fn many_clients_get_different_addresses() {
    let daemon = declared();
    let allocate = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fip.allocate\",\"params\":{\"wait\":\"store\"}}\n";
    let mut results: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..32).map(|_| scope.spawn(|| daemon.ask(allocate).answer())).collect();
        clients.into_iter().map(|client| client.join().expect("an answer")).collect()
    });
    let all = results.len();
    results.retain(|own| own["error"]["data"]["kind"] != "exhausted");
    let refused = all - results.len();
    let addresses: std::collections::BTreeSet<_> =
        results.iter().map(|own| own["result"]["address"].to_string()).collect();
    assert_eq!((addresses.len(), refused), (19, 32 - 19));
}

#[test]
fn a_line_over_the_limit_is_answered_before_the_daemon_hangs_up() {
    let daemon = declared();
    for excess in [1, MIB, 8 * MIB] {
        let mut client = daemon.client();
        client.send(format!("{LIST}{}\n{LIST}", "x".repeat(MIB + excess)).as_bytes());
        assert_eq!(client.answer()["id"], 1);
        let error = client.answer();
        assert_eq!((&error["id"], &error["error"]["code"]), (&json!(null), &json!(-32600)));
        assert_eq!(error["error"]["data"]["kind"], "invalid");
        assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("1 MiB")), "{error}");
        client.ends();
    }
    assert_eq!(daemon.ask(LIST).answer()["id"], 1);
}

#[test]
fn mistakes_are_answered_as_json_rpc_says_and_the_next_line_is_served() {
    let daemon = declared();
    let before = daemon.lists();
    let mut client = daemon.client();
    let deep = "[".repeat(100_000);
    let show = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"pool.show","params":{{"name":"public"}}}}"#);
    let with =
        |method: &str, params: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
    for (line, id, code) in [
        (b"GET / HTTP/1.1".to_vec(), json!(null), -32700),
        (b"{\"jsonrpc\":\"2.0\"".to_vec(), json!(null), -32700),
        (b"\xff\xfe\x00".to_vec(), json!(null), -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pool.\xe4\"}".to_vec(), json!(null), -32700),
        (deep.clone().into(), json!(null), -32700),
        (with("pool.show", &deep).into(), json!(null), -32700),
        (b"null".to_vec(), json!(null), -32600),
        (b"\"pool.list\"".to_vec(), json!(null), -32600),
        (b"[]".to_vec(), json!(null), -32600),
        (b"{}".to_vec(), json!(null), -32600),
        (br#"{"id":7,"method":"pool.list"}"#.to_vec(), json!(7), -32600),
        (br#"{"jsonrpc":2.0,"id":7,"method":"pool.list"}"#.to_vec(), json!(7), -32600),
        (br#"{"jsonrpc":"2.0","id":7,"method":["pool.list"]}"#.to_vec(), json!(7), -32600),
        (br#"{"jsonrpc":"2.0","id":7}"#.to_vec(), json!(7), -32600),
        (show("{}").into(), json!(null), -32600),
        (show("[7]").into(), json!(null), -32600),
        (show("true").into(), json!(null), -32600),
        (with("pool.lst", "{}").into(), json!(7), -32601),
        (with("", "{}").into(), json!(7), -32601),
        (with("pool.show", "null").into(), json!(7), -32602),
        (with("pool.show", r#"["public"]"#).into(), json!(7), -32602),
        (with("pool.show", r#""public""#).into(), json!(7), -32602),
        (with("pool.show", r#"{"name":7}"#).into(), json!(7), -32602),
        (with("pool.show", r#"{"name":"public","nmae":"x"}"#).into(), json!(7), -32602),
        (with("pool.list", r#"{"name":"public"}"#).into(), json!(7), -32602),
        (with("fip.allocate", r#"{"wait":"forever"}"#).into(), json!(7), -32602),
        (with("fip.allocate", r#"{"timeout":1e300}"#).into(), json!(7), -32602),
        (with("fip.allocate", r#"{"timeout":"5"}"#).into(), json!(7), -32602),
        (with("fip.release", r#"{"address":"192.0.2.1"}"#).into(), json!(7), -32000),
    ] {
        let shown = String::from_utf8_lossy(&line).chars().take(100).collect::<String>();
        client.send(&[line, b"\n".to_vec()].concat());
        let answer = client.answer();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{shown}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|text| text.len() > 3), "{shown}: {answer}");
        assert!(answer["error"]["data"]["kind"].is_string(), "{shown}: {answer}");
        assert_eq!((&answer["jsonrpc"], answer.get("result")), (&json!("2.0"), None), "{shown}");
        client.send(LIST.as_bytes());
        assert_eq!(client.answer()["id"], 1, "{shown}");
    }
    for id in ["7", "-1", "1.5", "\"a\"", "null"] {
        client.send(format!("{}\n", show(id)).as_bytes());
        let answer = client.answer();
        assert_eq!((answer["id"].to_string(), &answer["result"]["name"]), (id.to_owned(), &json!("public")));
    }
    assert_eq!(daemon.lists(), before);
}

#[test]
fn batches_are_answered_request_by_request() {
    let daemon = declared();
    let mut client = daemon.client();
    let create = |name: &str, rest: &str| {
        let params = json!({"name": name, "cidr": "10.1.0.0/24", "gateway": "10.1.0.1", "wait": "store"});
        format!(r#"{{"jsonrpc":"2.0","method":"network.create","params":{params}{rest}}}"#)
    };
    for (batch, answers) in [
        ("[1]".to_owned(), vec![(json!(null), -32600)]),
        (r#"[1,[],{"foo":"boo"}]"#.to_owned(), vec![(json!(null), -32600); 3]),
        (format!("[{}]", LIST.trim()), vec![(json!(1), 0)]),
        (format!("[{},{}]", create("a", ""), create("a", r#","id":"again""#)), vec![(json!("again"), -32000)]),
        (
            format!("[{},{},7,{}]", create("b", r#","id":5"#), create("c", ""), create("c", r#","id":6"#)),
            vec![(json!(5), 0), (json!(null), -32600), (json!(6), -32000)],
        ),
    ] {
        client.send(format!("{batch}\n").as_bytes());
        let given = client.answer();
        let given = given.as_array().map(|all| {
            all.iter().map(|own| (own["id"].clone(), own["error"]["code"].as_i64().unwrap_or(0))).collect::<Vec<_>>()
        });
        assert_eq!(given, Some(answers), "{batch}");
    }
    // Notifications alone, also wrong ones, are not answered: the next answer is that of the next request.
    let unknown = r#"{"jsonrpc":"2.0","method":"pool.lst"}"#;
    client.send(format!("[{},{unknown}]\n{unknown}\n{}\n{LIST}", create("d", ""), create("e", "")).as_bytes());
    assert_eq!(client.answer()["id"], 1);
    let networks = daemon.json("network list");
    let names: Vec<_> = networks.as_array().into_iter().flatten().map(|own| own["name"].clone()).collect();
    assert_eq!(names, ["a", "b", "blue", "c", "d", "e"]);
}

#[test]
fn ten_thousand_requests_at_once_are_answered_in_order() {
    let daemon = declared();
    let client = daemon.client();
    let lines: String = (0..10_000)
        .map(|id| match id % 3 {
            0 => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"pool.list"}}"#),
            1 => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"fip.release","params":{{"address":"203.0.113.119"}}}}"#),
            _ => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"nothing"}}"#),
        } + "\n")
        .collect();
    let mut reader = client.twin();
    std::thread::scope(|scope| {
        scope.spawn(|| client.send(lines.as_bytes()));
        for id in 0..10_000 {
            assert_eq!(reader.answer()["id"], id);
        }
    });
}

#[test]
fn a_client_that_never_reads_costs_little_and_is_hung_up_on() {
    let daemon = declared();
    assert!(daemon.buoyctl("--wait store pool add public 198.51.100.0/22").status.success());
    let before = daemon.memory();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"fip.list","params":{"state":"available"}}"#;
    let batch = format!("[{}]\n", vec![list; 10_000].join(","));
    let greedy: Vec<_> = (0..4).map(|_| daemon.ask(&batch)).collect();
    let mut most = before;
    for client in greedy {
        until("the client is hung up on", || {
            most = most.max(daemon.memory());
            assert!(daemon.buoyctl("status").status.success());
            client.is_hung_up_on()
        });
    }
    assert!(most - before < 200 * MIB, "{before} bytes grew to {most}");
}

#[test]
fn idle_clients_leave_room_for_others_and_too_many_are_told_so() {
    let daemon = declared();
    let mut idle: Vec<_> = (0..200).map(|_| daemon.client()).collect();
    assert_eq!(daemon.ask(LIST).answer()["id"], 1);
    idle.extend((200..256).map(|_| daemon.client()));
    let mut turned_away = daemon.ask(LIST);
    let error = turned_away.answer();
    assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("256 clients")), "{error}");
    assert!(turned_away.is_hung_up_on());
    let output = daemon.buoyctl("pool list");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("256 clients"), "{output:?}");
    for client in &mut idle {
        client.send(LIST.as_bytes());
        assert_eq!(client.answer()["id"], 1);
    }
    drop(idle);
    until("a place is free", || daemon.buoyctl("pool list").status.success());
}

const LIST: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pool.list\"}\n";
const MIB: usize = 1024 * 1024;
