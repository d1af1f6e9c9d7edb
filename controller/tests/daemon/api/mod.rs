//! `rpc.discover` and `docs/api.md`: what is said of the methods is so. With `BUOY_BLESS=1` the document is written anew:
//! all that is made from the types, and answers that are others now.

mod document;
mod examples;
mod json;
mod play;
mod schema;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Daemon, declared};
use document::Document;
use schema::Api;

/// What a daemon says of itself.
fn discover(daemon: &Daemon) -> Api {
    let mut answer = daemon.ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.discover\"}\n").answer();
    Api::new(answer["result"].take())
}

#[test]
fn the_description_is_whole() {
    let daemon = Daemon::start();
    let api = discover(&daemon);
    let names: Vec<_> = api.methods().map(|method| method.name().to_owned()).collect();
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "a method is described twice");
    let known: BTreeSet<_> = buoy_controller::api::Request::METHODS.iter().map(|own| (*own).to_owned()).collect();
    assert_eq!(unique.into_iter().cloned().collect::<BTreeSet<_>>(), known);
    for reference in api.references() {
        assert!(api.at(&reference).is_some(), "{reference} leads nowhere");
    }
    for method in api.methods() {
        let name = method.name();
        assert!(method.summary().ends_with('.'), "{name} has no sentence");
        let params = method.params();
        let unique: BTreeSet<_> = params.iter().map(|own| own["name"].to_string()).collect();
        assert_eq!(unique.len(), params.len(), "{name} has a parameter twice");
        // What must be there comes first.
        let required: Vec<_> = params.iter().map(|own| own["required"] == true).collect();
        assert!(required.is_sorted_by(|a, b| a >= b), "{name}: {required:?}");
        for param in params {
            assert!(param["description"].as_str().is_some_and(|text| text.len() > 5), "{name}: {param}");
            assert!(param["schema"].is_object(), "{name}: {param}");
        }
    }
    for (name, schema) in api.schemas() {
        for (field, own) in schema["properties"].as_object().into_iter().flatten() {
            assert!(own["description"].is_string(), "nothing is said of {field} of {name}");
        }
    }
}

/// The daemon's own reading is the judge.
#[test]
fn the_params_are_those_that_are_read() {
    let daemon = declared();
    let api = discover(&daemon);
    let mut client = daemon.client();
    let mut refusal = |method: &str, params: Value| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        client.send(format!("{call}\n").as_bytes());
        client.answer()["error"]["message"].as_str().unwrap_or_default().to_owned()
    };
    for method in api.methods() {
        let name = method.name();
        let own = |required: bool| {
            let all = method.own_params().filter(move |own| !required || own["required"] == true);
            all.filter_map(|own| own["name"].as_str()).collect::<BTreeSet<_>>()
        };
        // A param that nobody knows is refused with a list of those that are known.
        let message = refusal(name, json!({"nothing": 0}));
        assert!(message.contains("nothing"), "{name}: {message}");
        let listed: BTreeSet<_> = message.split('`').skip(3).step_by(2).collect();
        assert_eq!(listed, own(false), "{message}");
        // One that lacks is named.
        let message = refusal(name, json!({"wait": "store"}));
        let lacks = message.split_once("missing field `").and_then(|(_, rest)| rest.split('`').next());
        match lacks {
            Some(lacks) => assert!(own(true).contains(lacks), "{message}"),
            None => assert_eq!(own(true), BTreeSet::new(), "{message}"),
        }
    }
}

#[test]
fn the_document_says_what_is_and_its_examples_are_played() {
    let daemon = Daemon::start();
    let api = discover(&daemon);
    let mut document = Document::read();
    let bless = std::env::var_os("BUOY_BLESS").is_some();
    document.generate(&api);
    let played = examples::play(&mut document, &api, daemon, bless);
    if bless {
        document.write();
    } else {
        document.compare();
    }
    let known: BTreeSet<_> = buoy_controller::api::Request::METHODS.iter().map(|own| (*own).to_owned()).collect();
    assert_eq!(played.methods, known, "a method has no example");
    assert_eq!(played.kinds, api.kinds(), "a kind of refusal has no example");
}

#[test]
fn a_name_that_is_nearly_right_is_corrected() {
    let daemon = declared();
    let mut client = daemon.client();
    for (method, params, says) in [
        ("pool.show", json!({"name": "publc"}), "there is no pool named publc: did you mean public?"),
        ("provider.set", json!({"name": "lam", "garp": "on"}), "there is no provider named lam: did you mean lan?"),
        (
            "pool.create",
            json!({"name": "pubic", "provider": "laan"}),
            "there is no provider named laan: did you mean lan?",
        ),
        ("fip.allocate", json!({"pool": "Public"}), "there is no pool named Public: did you mean public?"),
        ("fip.list", json!({"pool": "publik"}), "there is no pool named publik: did you mean public?"),
        ("network.delete", json!({"name": "bleu"}), "there is no network named bleu: did you mean blue?"),
        ("instance.show", json!({"name": "wbe-1"}), "there is no instance named wbe-1: did you mean web-1?"),
        ("fip.associate", json!({"address": "203.0.113.101", "instance": "eb-2"}), "did you mean web-2?"),
        // Two are as near, or none is.
        ("instance.show", json!({"name": "web-3"}), "`buoyctl instance list` shows those there are"),
        ("pool.show", json!({"name": "other"}), "`buoyctl pool list` shows those there are"),
        // What another project has is not told.
        ("instance.show", json!({"name": "web-11", "project": "red"}), "`buoyctl instance list` shows those there are"),
    ] {
        client.send(format!("{}\n", json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).as_bytes());
        let answer = client.answer();
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.ends_with(says), "{method} {params}: {message}");
        assert_eq!(answer["error"]["data"]["kind"], "not_found");
    }
}

/// A value as text, for failures.
fn shown(value: &Value) -> String {
    json::wrapped(value)
}
