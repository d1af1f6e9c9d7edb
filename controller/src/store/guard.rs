//! Calls into sled, which panics where it meets bytes that it did not expect.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::StoreError;

/// Runs a call into sled; a panic in it is damage, as is an error that is not the operating system's.
///
/// Unwind safety: after any error the caller drops the database or writes nothing more to it, so that nobody sees a
/// half-changed state. The panic's own message still goes to stderr, through the process's panic hook.
pub(super) fn sled<T>(path: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::sled(path, error)),
        Err(panic) => Err(StoreError::damaged(path, format!("sled gave up on it ({})", message(&*panic)))),
    }
}

/// What a panic said, on one line.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "no message",
    };
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}
