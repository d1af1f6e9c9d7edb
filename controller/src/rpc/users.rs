//! The names of users.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::unistd::{Uid, User};
use tokio::time::timeout;

/// The names that were found. A user who is renamed has the old name until the daemon starts again.
#[derive(Clone, Debug, Default)]
pub(super) struct Users(Arc<Mutex<HashMap<u32, Arc<str>>>>);

impl Users {
    /// The name of a user, where there is one and it is found in time.
    pub(super) async fn name(&self, uid: u32) -> Option<Arc<str>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&uid).cloned();
        if known.is_some() {
            return known;
        }
        // A directory service may have to be asked.
        let search = tokio::task::spawn_blocking(move || User::from_uid(Uid::from_raw(uid)));
        let user = timeout(LONGEST, search).await.ok()?.ok()?.ok()??;
        let name: Arc<str> = user.name.into();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, Arc::clone(&name));
        Some(name)
    }
}

/// How long a client waits for its own name.
const LONGEST: Duration = Duration::from_secs(1);
