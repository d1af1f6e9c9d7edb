//! An OpenRPC document, and whether an answer is what it says.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// What a daemon says of its methods.
pub(super) struct Api(Value);

/// What it says of one.
#[derive(Clone, Copy)]
pub(super) struct Method<'a> {
    api: &'a Api,
    own: &'a Value,
}

impl Api {
    pub(super) fn new(document: Value) -> Self {
        Self(document)
    }

    pub(super) fn methods(&self) -> impl Iterator<Item = Method<'_>> {
        self.0["methods"].as_array().into_iter().flatten().map(|own| Method { api: self, own })
    }

    pub(super) fn method(&self, name: &str) -> Method<'_> {
        self.methods().find(|own| own.name() == name).unwrap_or_else(|| panic!("{name} is not described"))
    }

    /// The types, by name.
    pub(super) fn schemas(&self) -> &Map<String, Value> {
        self.0["components"]["schemas"].as_object().expect("there are types")
    }

    /// What a reference leads to.
    pub(super) fn at(&self, reference: &str) -> Option<&Value> {
        self.0.pointer(reference.strip_prefix('#')?)
    }

    /// All references.
    pub(super) fn references(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        collect(&self.0, &mut all);
        all
    }

    /// The kinds of refusal.
    pub(super) fn kinds(&self) -> BTreeSet<String> {
        let all = self.schemas()["ErrorKind"]["oneOf"].as_array().into_iter().flatten();
        all.filter_map(|own| own["const"].as_str()).map(str::to_owned).collect()
    }

    /// What is sent without being asked for, by its method.
    pub(super) fn notification(&self, name: &str) -> &Value {
        let all = self.0["x-notifications"].as_array().into_iter().flatten();
        let own = all.into_iter().find(|own| own["name"] == name);
        &own.unwrap_or_else(|| panic!("{name} is not described"))["schema"]
    }

    /// Holds that a value is what a schema says, and has no field that is not described.
    pub(super) fn check(&self, schema: &Value, value: &Value, what: &str) {
        let mut types = self.0["components"].clone();
        close(&mut types);
        let document = json!({"$schema": DRAFT, "allOf": [schema], "components": types});
        let validator: Validator = jsonschema::validator_for(&document).expect("a schema");
        let errors: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{what}: {errors:#?} in {}", super::shown(value));
    }
}

impl<'a> Method<'a> {
    pub(super) fn name(self) -> &'a str {
        self.own["name"].as_str().expect("a method has a name")
    }

    pub(super) fn summary(self) -> &'a str {
        self.own["summary"].as_str().unwrap_or_default()
    }

    /// Its params, with those that many methods have.
    pub(super) fn params(self) -> Vec<&'a Value> {
        let all = self.own["params"].as_array().into_iter().flatten();
        all.map(|own| own["$ref"].as_str().map_or(own, |at| self.api.at(at).expect("it leads somewhere"))).collect()
    }

    /// Those that are its own.
    pub(super) fn own_params(self) -> impl Iterator<Item = &'a Value> {
        self.own["params"].as_array().into_iter().flatten().filter(|own| own["$ref"].is_null())
    }

    /// Those that many methods have.
    pub(super) fn shared_params(self) -> impl Iterator<Item = &'a str> {
        let all = self.own["params"].as_array().into_iter().flatten();
        all.filter_map(|own| own["$ref"].as_str()?.rsplit('/').next())
    }

    pub(super) fn result(self) -> &'a Value {
        &self.own["result"]["schema"]
    }

    /// What it can be refused for.
    pub(super) fn kinds(self) -> impl Iterator<Item = &'a str> {
        let refused = self.own["errors"].as_array().into_iter().flatten().find(|own| own["code"] == -32000);
        refused.and_then(|own| own["x-kinds"].as_array()).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Holds that params are what it takes.
    pub(super) fn check_params(self, params: &Value) {
        let all = self.params();
        let fields: Map<_, _> = all
            .iter()
            .map(|own| (own["name"].as_str().unwrap_or_default().to_owned(), own["schema"].clone()))
            .collect();
        let required: Vec<_> = all.iter().filter(|own| own["required"] == true).map(|own| &own["name"]).collect();
        let schema =
            json!({"type": "object", "properties": fields, "required": required, "additionalProperties": false});
        self.api.check(&schema, params, &format!("params of {}", self.name()));
    }
}

fn collect(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Array(own) => own.iter().for_each(|own| collect(own, all)),
        Value::Object(fields) => {
            all.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|own| collect(own, all));
        }
        _ => {}
    }
}

/// Objects have the fields that are described and no others.
fn close(value: &mut Value) {
    match value {
        Value::Array(own) => own.iter_mut().for_each(close),
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("properties").is_some_and(|own| own.get("openrpc").is_none()) && fields["type"] == "object" {
                fields.entry("additionalProperties").or_insert(false.into());
            }
        }
        _ => {}
    }
}

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";
