//! Texts that are kept by the hundred thousand.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use triomphe::ThinArc;

/// A text behind a pointer that knows no length. Cloning shares it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text(ThinArc<(), u8>);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0.slice).expect("it was made of a text")
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(ThinArc::from_header_and_slice((), text.as_bytes()))
    }
}

// Both as of the text itself, which may stand for it in a map. The pointee's own would look at the length first.
impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.slice.cmp(&other.0.slice)
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_ordered_and_hashed_as_its_text_is(one in "[abß]{0,3}", other in "[abß]{0,3}") {
            let (text, second) = (Text::from(one.as_str()), Text::from(other.as_str()));
            let hashing = RandomState::new();
            prop_assert_eq!(text.as_str(), &one);
            prop_assert_eq!(text.cmp(&second), one.cmp(&other));
            prop_assert_eq!(text == second, one == other);
            prop_assert_eq!(hashing.hash_one(&text), hashing.hash_one(one.as_str()));
        }
    }

    #[test]
    fn a_pointer_is_all_that_is_kept_beside_it() {
        assert_eq!(size_of::<Option<Text>>(), size_of::<usize>());
    }
}
