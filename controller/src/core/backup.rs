//! Backups: the store writes what is durable.

use super::Core;
use crate::api::{ApiError, ErrorKind};
use crate::rpc::{Answer, Ask};
use crate::store::StoreError;

impl Core {
    /// Lets the store answer.
    pub(super) fn back_up(&self, ask: Ask) {
        let refused = |message: String| ApiError::new(ErrorKind::Storage, message);
        let Some(store) = &self.store else {
            let problem = self.problem.clone().unwrap_or_default();
            // Who hung up needs no answer.
            let _ = ask.reply.send(Err(refused(format!("the daemon is in safe mode: {problem}"))));
            return;
        };
        store.back_up(move |made: Result<_, StoreError>| {
            let _ = ask.reply.send(made.map(Answer::Document).map_err(|error| refused(error.to_string())));
        });
    }
}
