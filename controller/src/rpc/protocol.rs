//! From a line of JSON to a call, and from a result to a line of JSON (JSON-RPC 2.0).

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::request::DEFAULT_TIMEOUT;
use crate::api::{ApiError, Call, ErrorKind, Request, Wait};
use crate::spelling::nearest;

/// One request of a line.
#[derive(Debug)]
pub(super) struct Incoming {
    /// What the answer repeats; none for a notification, which gets no answer.
    pub(super) id: Option<Value>,
    /// The call, or the error object that answers it.
    pub(super) call: Result<Box<Call>, Value>,
}

/// The requests of a line, and whether they came as a batch. An error is the whole answer.
pub(super) fn parse(line: &str) -> Result<(impl Iterator<Item = Incoming>, bool), Value> {
    let value: Value = serde_json::from_str(line)
        .map_err(|error| answer(&Value::Null, Err(fault(PARSE_ERROR, &format!("not JSON: {error}")))))?;
    match value {
        Value::Array(batch) if batch.is_empty() => {
            Err(answer(&Value::Null, Err(fault(INVALID_REQUEST, "an empty batch"))))
        }
        Value::Array(batch) => Ok((batch.into_iter().map(request), true)),
        single => Ok((vec![single].into_iter().map(request), false)),
    }
}

/// The object that answers a request.
pub(super) fn answer(id: &Value, result: Result<Value, Value>) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error}),
    }
}

/// The error object of a refusal.
pub(super) fn refusal(error: &ApiError) -> Value {
    let data = match &*error.mistakes {
        [] => json!({"kind": error.kind}),
        mistakes => json!({"kind": error.kind, "mistakes": mistakes}),
    };
    json!({"code": REFUSED, "message": error.message, "data": data})
}

/// The answer to a line that is no text.
pub(super) fn garbled() -> Value {
    answer(&Value::Null, Err(fault(PARSE_ERROR, "not JSON: the line is not UTF-8")))
}

/// The answer to a line that was too long to be read.
pub(super) fn too_long() -> Value {
    answer(&Value::Null, Err(fault(INVALID_REQUEST, "a line has at most 1 MiB: send less at once")))
}

fn request(value: Value) -> Incoming {
    let Value::Object(mut object) = value else {
        return Incoming { id: Some(Value::Null), call: Err(fault(INVALID_REQUEST, "a request is an object")) };
    };
    let id = object.remove("id");
    if matches!(id, Some(Value::Bool(_) | Value::Array(_) | Value::Object(_))) {
        let text = "an id is a string, a number or null";
        return Incoming { id: Some(Value::Null), call: Err(fault(INVALID_REQUEST, text)) };
    }
    let well_formed = object.get("jsonrpc").is_some_and(|version| version == "2.0");
    let Some(Value::String(method)) = object.remove("method").filter(|_| well_formed) else {
        let text = "a request has \"jsonrpc\": \"2.0\" and a \"method\"";
        return Incoming { id: Some(id.unwrap_or(Value::Null)), call: Err(fault(INVALID_REQUEST, text)) };
    };
    Incoming { id, call: call(&method, object.remove("params").unwrap_or(Value::Null)).map(Box::new) }
}

fn call(method: &str, params: Value) -> Result<Call, Value> {
    if !Request::METHODS.contains(&method) {
        let near = nearest(method, Request::METHODS.iter().copied());
        let near = near.map(|near| format!(": did you mean {near}?")).unwrap_or_default();
        return Err(fault(UNKNOWN_METHOD, &format!("there is no method {method}{near}")));
    }
    let mut params = match params {
        Value::Null => Map::new(),
        Value::Object(params) => params,
        _ => return Err(bad_params(method, "params are an object, by name")),
    };
    let wait = match params.remove("wait") {
        None | Some(Value::Null) => Wait::default(),
        Some(wait) => serde_json::from_value(wait).map_err(|_| bad_params(method, "wait is none, store or switch"))?,
    };
    let timeout = match params.remove("timeout") {
        None | Some(Value::Null) => DEFAULT_TIMEOUT,
        Some(timeout) => timeout
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|timeout| *timeout <= LONGEST)
            .ok_or_else(|| bad_params(method, "timeout is a number of seconds from 0 to 3600"))?,
    };
    // The projects of a declared site are none that asks.
    let are_declared = Request::declares_projects(method) && params.get("project").is_some_and(Value::is_array);
    let project = match params.get("project") {
        None | Some(Value::Null) => None,
        Some(_) if are_declared => None,
        Some(project) => {
            serde_json::from_value(project.clone()).map_err(|error| bad_params(method, &format!("project: {error}")))?
        }
    };
    if !Request::names_project(method) && !are_declared {
        params.remove("project");
    }
    // Absent values are null: an absent parameter may be written so too.
    params.retain(|_, value| !value.is_null());
    let mut object = Map::from_iter([("method".to_owned(), Value::from(method))]);
    if Request::takes_params(method) {
        object.insert("params".to_owned(), params.into());
    } else if let Some(name) = params.keys().next() {
        return Err(bad_params(method, &format!("it takes no parameter {name}")));
    }
    let read = |object: &Map<String, Value>| Request::deserialize(object);
    let request = read(&object).map_err(|error| {
        let text = error.to_string();
        let is_same = |object: &_| read(object).is_err_and(|error| error.to_string() == text);
        let name = if text.contains(" field `") { None } else { culprit(&object, is_same) };
        bad_params(method, &name.map(|name| format!("{name}: {text}")).unwrap_or(text))
    })?;
    Ok(Call { request, wait, timeout, project, ports: None })
}

/// The parameter that an error is about, where the error does not name it: without it the error is another or none.
fn culprit(object: &Map<String, Value>, is_same: impl Fn(&Map<String, Value>) -> bool) -> Option<String> {
    let params = object.get("params")?.as_object().filter(|params| params.len() <= MOST_PARAMS)?;
    let without = |name: &String| {
        let mut object = object.clone();
        if let Some(params) = object.get_mut("params").and_then(Value::as_object_mut) {
            params.remove(name);
        }
        object
    };
    params.keys().find(|name| !is_same(&without(name))).cloned()
}

fn fault(code: i64, text: &str) -> Value {
    json!({"code": code, "message": text, "data": {"kind": ErrorKind::Invalid}})
}

fn bad_params(method: &str, text: &str) -> Value {
    fault(BAD_PARAMS, &format!("{method}: {text}"))
}

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const UNKNOWN_METHOD: i64 = -32601;
const BAD_PARAMS: i64 = -32602;
/// The request was understood and refused; `data.kind` says why.
const REFUSED: i64 = -32000;
/// More than any method takes.
const MOST_PARAMS: usize = 32;
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn error_code(line: &str) -> i64 {
        let error = match parse(line) {
            Err(answer) => answer["error"].clone(),
            Ok((mut requests, _)) => requests.next().unwrap().call.unwrap_err(),
        };
        error["code"].as_i64().unwrap()
    }

    #[test]
    fn mistakes_have_the_codes_of_the_specification() {
        for (line, code) in [
            ("{", PARSE_ERROR),
            ("[]", INVALID_REQUEST),
            ("1", INVALID_REQUEST),
            (r#"{"method":"pool.list"}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1,"method":"pool.lst"}"#, UNKNOWN_METHOD),
            (r#"{"jsonrpc":"2.0","id":1,"method":"pool.show"}"#, BAD_PARAMS),
            (r#"{"jsonrpc":"2.0","id":1,"method":"pool.list","params":{"x":1}}"#, BAD_PARAMS),
            (r#"{"jsonrpc":"2.0","id":1,"method":"pool.list","params":[1]}"#, BAD_PARAMS),
            (r#"{"jsonrpc":"2.0","id":1,"method":"fip.show","params":{"address":"192.0.2.256"}}"#, BAD_PARAMS),
            (r#"{"jsonrpc":"2.0","id":1,"method":"fip.show","params":{"address":"192.0.2.1","x":1}}"#, BAD_PARAMS),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"fip.show","params":{"address":"192.0.2.1","timeout":-1}}"#,
                BAD_PARAMS,
            ),
        ] {
            assert_eq!(error_code(line), code, "{line}");
        }
    }

    #[test]
    fn a_mistyped_method_is_corrected() {
        let (mut requests, _) = parse(r#"{"jsonrpc":"2.0","id":1,"method":"pool.lits"}"#).unwrap();
        let error = requests.next().unwrap().call.unwrap_err();
        assert_eq!(error["message"], "there is no method pool.lits: did you mean pool.list?");
    }

    #[test]
    fn absent_null_and_empty_params_are_the_same() {
        for params in ["", r#","params":null"#, r#","params":{}"#] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"pool.list"{params}}}"#);
            let (mut requests, batch) = parse(&line).unwrap();
            assert!(requests.next().unwrap().call.is_ok(), "{line}");
            assert!(!batch);
        }
    }

    #[test]
    fn wait_and_timeout_are_taken_with_any_method() {
        let line =
            r#"{"jsonrpc":"2.0","method":"fip.release","params":{"address":"192.0.2.1","wait":"store","timeout":0.5}}"#;
        let (mut requests, _) = parse(line).unwrap();
        let call = requests.next().unwrap();
        assert_eq!(call.id, None);
        let call = call.call.unwrap();
        assert_eq!((call.wait, call.timeout), (Wait::Store, Duration::from_millis(500)));
    }
}
