//! A file as a tree whose every branch knows where it begins, whatever it is written in.

use serde_json::{Map, Value};

/// A value and where it begins, in bytes.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Content {
    Table(Vec<Member>),
    Array(Vec<Node>),
    /// A text, a number, true, false or null.
    Plain(Value),
}

/// A value with its name.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Where the name begins.
    pub(super) at: usize,
    pub(super) node: Node,
}

/// Something that is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) what: String,
}

impl Wrong {
    pub(super) fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

impl Node {
    /// The value without its places.
    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Table(members) => {
                members.iter().map(|own| (own.name.clone(), own.node.value())).collect::<Map<_, _>>().into()
            }
            Content::Array(all) => all.iter().map(Self::value).collect(),
            Content::Plain(value) => value.clone(),
        }
    }
}

/// A text in which lines and columns are found.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// Line and column, both from 1, as an editor counts.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..at.min(self.text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}
