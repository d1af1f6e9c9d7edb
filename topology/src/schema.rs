//! How the words here look in JSON, for clients that read JSON Schema.
//!
//! A type whose serde form is a text or a number of its own stands here; an enum of words derives its schema where it is.
//! Patterns say what a text looks like; what is too long in bytes, or out of order, is refused when it is read.

use crate::{
    CoolDown, HookCommand, Label, LabelFilter, LabelKey, Labels, MacAddr, Mtu, Name, Note, Percent, PortName, Quota,
    RangeSpec, Snat, VlanId,
};

/// Gives types the JSON schemas that stand behind their names. The caller has `schemars` among its crates.
#[macro_export]
macro_rules! schemas {
    ($($type:ident = $schema:tt;)*) => {$(
        impl ::schemars::JsonSchema for $type {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn schema_id() -> ::std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($type)).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!($schema)
            }
        }
    )*};
}

schemas! {
    Name = {
        "description": "A name: up to 255 bytes of letters, digits and . _ - :, not beginning with a dash.",
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\p{Alphabetic}\p{N}._:][\p{Alphabetic}\p{N}._:-]*$",
    };
    PortName = {
        "description": "A bridge or a port, as ovs-vsctl shows it. What is longer than 15 bytes is cut, as OpenFlow does.",
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": r#"^[^\s/"]+$"#,
    };
    MacAddr = {
        "description": "A MAC address: six octets in hex. It is shown as 02:00:00:00:00:01.",
        "type": "string", "pattern": "^[0-9A-Fa-f]{1,2}([:-][0-9A-Fa-f]{1,2}){5}$",
    };
    RangeSpec = {
        "description": "Addresses: a CIDR, a span A-B or a single address.",
        "type": "string", "pattern": r"^\s*[0-9.]+\s*(/[0-9]{1,2}|-\s*[0-9.]+\s*)?$",
    };
    Snat = {
        "description": "A shared address, with its ports where they are not 1024-65535: ADDRESS or ADDRESS:FIRST-LAST.",
        "type": "string", "pattern": r"^[0-9.]+(:[0-9]{1,5}-[0-9]{1,5})?$",
    };
    VlanId = {
        "description": "An IEEE 802.1Q VLAN id.",
        "type": "integer", "minimum": 1, "maximum": 4094,
    };
    Mtu = {
        "description": "The bytes of the longest IPv4 packet, without the frame and its VLAN tag.",
        "type": "integer", "minimum": 68, "maximum": 65_535,
    };
    Percent = {
        "description": "A share in percent.",
        "type": "integer", "minimum": 1, "maximum": 100,
    };
    CoolDown = {
        "description": "Seconds, or a number with s, m, h or d: from 0, which turns it off, to 366d.",
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 31_622_400},
            {"type": "string", "pattern": "^[0-9]+[smhd]?$"},
        ],
    };
    Quota = {
        "description": "How many floating IPs, or `unlimited`.",
        "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^([0-9]+|unlimited)$"}],
    };
    Note = {
        "description": "A line of up to 256 characters.",
        "type": "string", "minLength": 1, "maxLength": 256,
    };
    LabelKey = {
        "description": "The key of a label: letters, digits and . _ - /.",
        "type": "string", "pattern": "^[A-Za-z0-9._/-]{1,63}$",
    };
    Label = {
        "description": "A label: KEY=VALUE, with up to 127 characters of value.",
        "type": "string", "pattern": "^[A-Za-z0-9._/-]{1,63}=.{0,127}$",
    };
    LabelFilter = {
        "description": "KEY=VALUE, or KEY for any value.",
        "type": "string", "pattern": "^[A-Za-z0-9._/-]{1,63}(=.{0,127})?$",
    };
    Labels = {
        "description": "Values by their keys, up to 32.",
        "type": "object", "additionalProperties": {"type": "string", "maxLength": 127}, "maxProperties": 32,
    };
    HookCommand = {
        "description": "A program by its absolute path, and its arguments; no shell.",
        "type": "string", "pattern": "^/[^\"'\\\\]*$",
    };
}
