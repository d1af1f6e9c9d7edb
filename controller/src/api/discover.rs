//! What `rpc.discover` answers: every method with its params, result and errors, made from the types, as an OpenRPC
//! document (<https://spec.open-rpc.org>).

use std::borrow::Cow;
use std::sync::LazyLock;

use buoy_topology::Name;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::views::{EventView, WatchEndView, WatchSeenView};
use super::{ErrorKind, Request, Wait};

/// A method, as the list of methods has it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) changes: bool,
    /// The schema of an object with all its own params, where it has any.
    pub(super) params: Option<Value>,
    pub(super) result: Schema,
    /// The kinds of refusal beside those that any method can give.
    pub(super) kinds: &'static [ErrorKind],
}

/// The schemas of the types that methods name: of what is read, and of what is written.
#[derive(Debug)]
pub(super) struct Types {
    params: SchemaGenerator,
    results: SchemaGenerator,
}

/// The result of `rpc.discover`.
#[derive(Debug)]
pub(super) struct OpenRpc;

impl JsonSchema for OpenRpc {
    fn schema_name() -> Cow<'static, str> {
        "OpenRpc".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An OpenRPC document.",
            "type": "object",
            "required": ["openrpc", "info", "methods", "components"],
            "properties": {
                "openrpc": {"type": "string", "description": "The version of the specification."},
                "info": {"type": "object", "description": "What is described, and its version."},
                "methods": {"type": "array", "description": "Every method.", "items": {"type": "object"}},
                "components": {"type": "object", "description": "The schemas that methods refer to."},
            },
        })
    }
}

impl Types {
    fn new() -> Self {
        let settings = |contract| {
            SchemaSettings::draft07().with(|own| {
                own.definitions_path = "/components/schemas".into();
                own.meta_schema = None;
                own.contract = contract;
            })
        };
        let params = settings(Contract::Deserialize).into_generator();
        Self { params, results: settings(Contract::Serialize).into_generator() }
    }

    /// The schema of a params object.
    pub(super) fn fields<T: JsonSchema>(&mut self) -> Value {
        T::json_schema(&mut self.params).to_value()
    }

    /// The schema of a result.
    pub(super) fn result<T: JsonSchema>(&mut self) -> Schema {
        self.results.subschema_for::<T>()
    }

    /// Every schema that was referred to, by its name.
    fn definitions(mut self) -> Map<String, Value> {
        let mut all = self.params.take_definitions(true);
        all.extend(self.results.take_definitions(true));
        all
    }
}

/// The document.
pub(crate) fn document() -> Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(make);
    DOCUMENT.clone()
}

fn make() -> Value {
    let mut types = Types::new();
    let methods: Vec<_> = Request::described(&mut types).iter().map(method).collect();
    let kinds = types.result::<ErrorKind>();
    let (event, seen) = (types.result::<EventView>(), types.result::<WatchSeenView>());
    let end = types.result::<WatchEndView>();
    let (wait, project) = (types.params.subschema_for::<Option<Wait>>(), types.params.subschema_for::<Option<Name>>());
    let mut document = json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Buoy",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 over a Unix socket, one JSON object per line.",
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "methods": methods,
        "components": {
            "contentDescriptors": {
                "wait": {
                    "name": "wait", "schema": wait, "required": false,
                    "description": "How far the change has to be before it is answered [default: switch]",
                },
                "timeout": {
                    "name": "timeout", "schema": {"type": ["number", "null"], "minimum": 0, "maximum": 3600}, "required": false,
                    "description": "How many seconds to wait for the switches [default: 5]",
                },
                "project": {
                    "name": "project", "schema": project, "required": false,
                    "description": "The project that asks [default: the admin]",
                },
            },
            "errors": {
                "InvalidParams": {
                    "code": -32602, "message": "The params are not those of the method", "x-kinds": ["invalid"],
                },
            },
            "schemas": types.definitions(),
        },
        "x-notifications": [
            {"name": "watch.event", "description": "What happened, after watch.start.", "schema": event},
            {
                "name": "watch.seen", "schema": seen,
                "description": "Nothing was wanted up to here; after watch.start with progress.",
            },
            {"name": "watch.end", "description": "The watch is over, and why.", "schema": end},
        ],
        "x-error-kinds": kinds,
    });
    one_line(&mut document);
    document
}

fn method(described: &Described) -> Value {
    let Described { name, summary, changes, params, result, kinds } = described;
    let params = params.as_ref();
    let required: Vec<_> = params.and_then(|own| own.get("required")?.as_array()).into_iter().flatten().collect();
    let fields = params.and_then(|own| own.get("properties")?.as_object()).into_iter().flatten();
    let mut own: Vec<_> = fields
        .map(|(name, schema)| {
            let mut schema = schema.clone();
            let text = schema.as_object_mut().and_then(|own| own.remove("description")).unwrap_or_default();
            let is_required = required.iter().any(|own| *own == name);
            json!({"name": name, "description": text, "required": is_required, "schema": schema})
        })
        .collect();
    // What must be there comes first, as OpenRPC wants it.
    own.sort_by_key(|own| own["required"] != true);
    let shared = |name: &str| json!({"$ref": format!("#/components/contentDescriptors/{name}")});
    if *changes {
        own.extend([shared("wait"), shared("timeout")]);
    }
    // A description is the same for everybody.
    let has_own = own.iter().any(|param| param["name"] == "project");
    if !has_own && *name != DISCOVER {
        own.push(shared("project"));
    }
    let kinds: Vec<_> = ANYWHERE.iter().chain(*kinds).collect();
    json!({
        "name": name,
        "summary": summary,
        "paramStructure": "by-name",
        "params": own,
        "result": {"name": "result", "schema": result},
        "errors": [
            {"$ref": "#/components/errors/InvalidParams"},
            {"code": -32000, "message": "Refused: data.kind says why", "x-kinds": kinds},
        ],
        "x-changes": changes,
    })
}

/// Texts of the code are wrapped where its lines end, which means nothing to a reader of JSON.
fn one_line(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(one_line),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "description" => *text = text.replace('\n', " "),
                    other => one_line(other),
                }
            }
        }
        _ => {}
    }
}

/// What any method can be refused for: params that contradict themselves, a caller that may not, a store that is closed.
const ANYWHERE: &[ErrorKind] = &[ErrorKind::Invalid, ErrorKind::Denied, ErrorKind::Storage];
/// The method that asks nothing about the state.
const DISCOVER: &str = "rpc.discover";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_schema_whether_it_is_read_or_written() {
        let mut types = Types::new();
        Request::described(&mut types);
        let (read, written) = (types.params.take_definitions(true), types.results.take_definitions(true));
        let both: Vec<_> = read.iter().filter_map(|(name, own)| Some((name, own, written.get(name)?))).collect();
        assert!(both.len() > 5, "{both:?}");
        for (name, read, written) in both {
            assert_eq!(read, written, "{name}");
        }
    }
}
