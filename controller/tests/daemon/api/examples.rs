//! The examples of the document, in its order, with one daemon.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Document;
use super::play::{Exchange, play as play_block};
use super::schema::Api;
use crate::support::Daemon;

/// What the examples showed.
#[derive(Default)]
pub(super) struct Played {
    pub(super) methods: BTreeSet<String>,
    pub(super) kinds: BTreeSet<String>,
}

/// Plays every block. One that is marked so is played with a daemon in safe mode.
pub(super) fn play(document: &mut Document, api: &Api, daemon: Daemon, bless: bool) -> Played {
    let refused = in_safe_mode();
    let mut played = Played::default();
    for part in &mut document.parts {
        let mut text = String::new();
        let mut rest = part.text.as_str();
        while let Some((before, (mark, inside))) =
            rest.split_once("```json").and_then(|(before, rest)| Some((before, rest.split_once('\n')?)))
        {
            let (block, after) = inside.split_once("```\n").expect("a block ends");
            let daemon = if mark == SAFE_MODE { &refused } else { &daemon };
            let (exchanges, block) = play_block(block, &mut daemon.client(), bless);
            exchanges.iter().for_each(|own| played.note(api, own));
            text += &format!("{before}```json{mark}\n{block}```\n");
            rest = after;
        }
        part.text = text + rest;
    }
    played
}

impl Played {
    /// Holds that an exchange is as it is described.
    fn note(&mut self, api: &Api, Exchange { request, answer }: &Exchange) {
        let Some(request) = request else {
            let name = answer["method"].as_str().unwrap_or_default();
            return api.check(api.notification(name), &answer["params"], name);
        };
        let one = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let answers = one(answer);
        for request in one(request).iter().filter(|own| own.get("id").is_some()) {
            let answer = answers.iter().find(|own| own["id"] == request["id"]).expect("it is answered");
            self.note_one(api, request, answer);
        }
    }

    fn note_one(&mut self, api: &Api, request: &Value, answer: &Value) {
        let name = request["method"].as_str().unwrap_or_default();
        if let Some(kind) = answer["error"]["data"]["kind"].as_str() {
            self.kinds.insert(kind.to_owned());
        }
        match answer["error"]["code"].as_i64() {
            None => {
                let method = api.method(name);
                method.check_params(request.get("params").unwrap_or(&Value::Object(Default::default())));
                api.check(method.result(), &answer["result"], name);
                self.methods.insert(name.to_owned());
            }
            Some(REFUSED) => {
                let kind = answer["error"]["data"]["kind"].as_str().unwrap_or_default();
                assert!(api.method(name).kinds().any(|own| own == kind), "{name} does not say {kind}: {answer}");
                self.methods.insert(name.to_owned());
            }
            Some(_) => assert_eq!(answer["error"]["data"]["kind"], "invalid", "{answer}"),
        }
    }
}

/// A daemon whose store is none.
fn in_safe_mode() -> Daemon {
    let mut daemon = Daemon::start();
    daemon.end(nix::sys::signal::Signal::SIGTERM);
    std::fs::write(daemon.state.join("commit"), "no number").expect("it can be damaged");
    daemon.start_again();
    daemon
}

const SAFE_MODE: &str = " (in safe mode)";
const REFUSED: i64 = -32000;
