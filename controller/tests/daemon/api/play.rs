//! One block of examples: requests and what answers them, as a stream of JSON.

use serde_json::{Deserializer, Value};

use super::json::{is_as, masked, wrapped};
use super::shown;
use crate::support::Client;

/// A request or an answer, as it is written.
struct Written {
    text: String,
    value: Value,
}

/// A request and its answer, or what came without being asked for (no request).
pub(super) struct Exchange {
    pub(super) request: Option<Value>,
    pub(super) answer: Value,
}

/// Plays a block over a connection of its own; gives what was said, and the block as it should be.
pub(super) fn play(block: &str, client: &mut Client, bless: bool) -> (Vec<Exchange>, String) {
    let (mut exchanges, mut lines) = (Vec::new(), Vec::new());
    let mut all = written(block).into_iter().peekable();
    while let Some(Written { text, value }) = all.next() {
        let request = is_request(&value).then(|| value.clone());
        if request.is_some() {
            client.send(format!("{value}\n").as_bytes());
            lines.push(text.clone());
            if !is_answered(&value) {
                continue;
            }
        }
        let said = match &request {
            None => Some(Written { text, value }),
            Some(_) => all.next_if(|own| is_answer(&own.value)),
        };
        let answer = client.answer();
        match said {
            Some(said) if is_as(&answer, &said.value) => lines.push(said.text),
            _ if bless => lines.push(wrapped(&masked(&answer))),
            Some(said) => panic!("{} is answered by\n{}\ninstead of\n{}", text_of(&request), shown(&answer), said.text),
            None => panic!("{} has no answer", text_of(&request)),
        }
        exchanges.push(Exchange { request, answer });
    }
    (exchanges, lines.join("\n") + "\n")
}

fn written(block: &str) -> Vec<Written> {
    let mut stream = Deserializer::from_str(block).into_iter::<Value>();
    let mut all = Vec::new();
    let mut from = 0;
    while let Some(value) = stream.next() {
        let value = value.unwrap_or_else(|error| panic!("{error} in {block}"));
        let text = block[from..stream.byte_offset()].trim().to_owned();
        all.push(Written { text, value });
        from = stream.byte_offset();
    }
    all
}

/// What a client sends, alone or in a batch: anything with a method but what the daemon sends by itself.
fn is_request(value: &Value) -> bool {
    let one = value.get(0).unwrap_or(value);
    one["method"].as_str().is_some_and(|own| !matches!(own, "watch.event" | "watch.seen" | "watch.end"))
}

fn is_answer(value: &Value) -> bool {
    let one = value.get(0).unwrap_or(value);
    one["method"].is_null()
}

fn is_answered(value: &Value) -> bool {
    match value {
        Value::Array(all) => all.iter().any(is_answered),
        one => one.get("id").is_some(),
    }
}

fn text_of(request: &Option<Value>) -> String {
    request.as_ref().map_or("what was watched".to_owned(), shown)
}
