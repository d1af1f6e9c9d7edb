//! Whether what the daemon answers of switches is what `rpc.discover` says of it. Without a switch there is nothing to hold
//! to it.

use buoy_testbed::Daemon;
use buoy_testbed::rpc::Rpc;
use serde_json::{Value, json};

/// Asks for all that there is of switches, and holds that each answer has the fields that are described and no others.
pub(crate) fn are_as_described(daemon: &Daemon, bridge: &str) {
    let mut rpc = Rpc::connect(daemon);
    let document = rpc.call("rpc.discover", json!({}));
    let mut types = document.get("components").cloned().expect("types");
    close(&mut types);
    for (method, params) in [
        ("switch.list", json!({})),
        ("switch.show", json!({"bridge": bridge})),
        ("switch.flows", json!({"bridge": bridge})),
        ("drops.show", json!({})),
    ] {
        let methods = document.get("methods").and_then(Value::as_array).expect("a list");
        let own = methods.iter().find(|own| own.get("name") == Some(&method.into()));
        let schema = own.and_then(|own| own.pointer("/result/schema"));
        let schema = schema.unwrap_or_else(|| panic!("{method} is not described"));
        let whole = json!({"$schema": DRAFT, "allOf": [schema], "components": types});
        let answer = rpc.call(method, params);
        assert!(answer.as_array().is_none_or(|rows| !rows.is_empty()), "{method} tells of nothing");
        let validator = jsonschema::validator_for(&whole).expect("a schema");
        let errors: Vec<_> =
            validator.iter_errors(&answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{method}: {errors:#?} in {answer:#}");
    }
}

/// Objects have the fields that are described and no others.
fn close(value: &mut Value) {
    match value {
        Value::Array(own) => own.iter_mut().for_each(close),
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.contains_key("properties") && fields.get("type").is_some_and(|own| own == "object") {
                fields.entry("additionalProperties").or_insert(false.into());
            }
        }
        _ => {}
    }
}

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";
