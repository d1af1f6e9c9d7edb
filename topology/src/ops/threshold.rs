//! When an admin is told that a pool runs low.

use std::sync::Arc;

use super::OpError;
use crate::{Change, Name, Percent, Pool, Record, Site, Write};

impl Site {
    /// A pool with another threshold; none is never.
    pub fn warn_pool_at(&self, name: &Name, warn_at: Option<Percent>) -> Result<Change, OpError> {
        let old = self.known_pool(name)?;
        let mut change = Change::default();
        if old.warn_at != warn_at {
            change.put(Record::Pool(Arc::new(Pool { warn_at, ..(**old).clone() })));
        }
        Ok(change)
    }
}

/// The same change, in which a pool that it puts has another threshold.
pub fn with_threshold(change: &Change, name: &Name, warn_at: Option<Percent>) -> Change {
    let with = |write: &Write| match write {
        Write::Put(Record::Pool(pool)) if pool.name == *name => {
            Write::Put(Record::Pool(Arc::new(Pool { warn_at, ..(**pool).clone() })))
        }
        other => other.clone(),
    };
    change.writes().iter().map(with).collect()
}
