//! Where something stands in a text, as an editor counts.

use std::fmt;

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// The first character.
    pub(super) const START: Self = Self { line: 1, column: 1 };

    /// Where the next character after a text stands.
    pub(super) fn after(text: &str) -> Self {
        Self::START.moved(text)
    }

    /// Where one stands after so much more text.
    pub(super) fn moved(self, text: &str) -> Self {
        let last = text.rsplit('\n').next().unwrap_or_default().chars().count();
        match text.matches('\n').count() {
            0 => Self { line: self.line, column: self.column + last },
            lines => Self { line: self.line + lines, column: last + 1 },
        }
    }

    /// A place in a text that begins here.
    pub(super) fn within(self, line: usize, column: usize) -> Self {
        match line {
            0 | 1 => Self { line: self.line, column: self.column + column.saturating_sub(1) },
            line => Self { line: self.line + line - 1, column },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Walks through a text from front to back and knows its place.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    rest: &'a str,
    place: Place,
}

impl<'a> Walk<'a> {
    /// Begins at the start.
    pub(super) fn through(text: &'a str) -> Self {
        Self { rest: text, place: Place::START }
    }

    /// Steps over characters of a kind.
    pub(super) fn skip(&mut self, is_kind: impl Fn(char) -> bool) -> Place {
        let kept = self.rest.trim_start_matches(is_kind);
        self.advance(self.rest.len() - kept.len())
    }

    /// Goes so many bytes on.
    pub(super) fn advance(&mut self, bytes: usize) -> Place {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.place = self.place.moved(passed);
        self.rest = rest;
        self.place
    }

    /// What is still to come.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }
}
