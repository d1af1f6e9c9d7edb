//! How params look in JSON whose serde form is a text of its own.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::trace::TraceFrom;
use super::{Address, ProjectQuota, Setting, Subnet};

buoy_topology::schemas! {
    Address = {
        "description": "An IPv4 address.",
        "type": "string", "format": "ipv4",
    };
    Subnet = {
        "description": "An IPv4 subnet with its prefix length.",
        "type": "string", "pattern": "^[0-9.]+/[0-9]{1,2}$",
    };
    TraceFrom = {
        "description": "Who sends a packet: an instance's name, host, gateway, uplink:PROVIDER or BRIDGE:PORT.",
        "type": "string", "minLength": 1,
    };
    ProjectQuota = {
        "description": "How many floating IPs, `unlimited`, or `default` for what holds for all others.",
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": "^([0-9]+|unlimited|default)$"},
        ],
    };
}

impl<T: JsonSchema> JsonSchema for Setting<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrNone", T::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("{}::Setting<{}>", module_path!(), T::schema_id()).into()
    }

    /// The value, or the word; a number may also be written as a text.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let is_number = T::json_schema(generator).get("type").is_some_and(|own| own == "integer");
        let word: Value = if is_number {
            serde_json::json!({"type": "string", "pattern": "^([0-9]+|none)$"})
        } else {
            serde_json::json!({"type": "string", "const": "none"})
        };
        let value = generator.subschema_for::<T>();
        json_schema!({"description": "A value, or `none` for no value.", "anyOf": [value, word]})
    }
}
