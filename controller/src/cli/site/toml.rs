//! A site file in TOML.

use ::toml::Spanned;
use ::toml::de::{DeString, DeTable, DeValue};
use serde_json::Value;

use super::tree::{Content, Member, Node, Wrong};

/// Reads a file; all that is no TOML is told at once.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Wrong>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut wrong: Vec<_> = errors
        .iter()
        .map(|error| {
            Wrong::new(error.span().map_or(0, |span| span.start), format!("this is no TOML: {}", error.message()))
        })
        .collect();
    if wrong.is_empty() {
        let root = Node { at: table.span().start, content: self::table(table.get_ref(), &mut wrong) };
        if wrong.is_empty() {
            return Ok(root);
        }
    }
    Err(wrong)
}

fn table(table: &DeTable<'_>, wrong: &mut Vec<Wrong>) -> Content {
    let member = |(name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Member {
        name: name.get_ref().to_string(),
        at: name.span().start,
        node: node(value, wrong),
    };
    let mut members: Vec<_> = table.iter().map(member).collect();
    members.sort_by_key(|own| own.at);
    Content::Table(members)
}

fn node(value: &Spanned<DeValue<'_>>, wrong: &mut Vec<Wrong>) -> Node {
    let at = value.span().start;
    let content = match value.get_ref() {
        DeValue::String(text) => Content::Plain(text.as_ref().into()),
        DeValue::Boolean(own) => Content::Plain((*own).into()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            let number = i64::from_str_radix(&digits, number.radix());
            Content::Plain(number.map_or_else(|_| Value::Null, Value::from))
        }
        DeValue::Array(all) => Content::Array(all.iter().map(|own| node(own, wrong)).collect()),
        DeValue::Table(own) => table(own, wrong),
        DeValue::Float(_) | DeValue::Datetime(_) => {
            wrong.push(Wrong::new(at, "nothing here is a fraction or a date: write texts in quotes"));
            Content::Plain(Value::Null)
        }
    };
    Node { at, content }
}
