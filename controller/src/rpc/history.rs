//! The answer to `history.show`.

use serde_json::Value;

use super::watch::explain;
use crate::api::{ApiError, ErrorKind, HistoryShow};
use crate::events::{Log, Missing, Seq};

/// The changes that are asked for, the oldest first.
pub(super) async fn show(log: &Log, asked: &HistoryShow) -> Result<Value, ApiError> {
    check_open(log)?;
    let most = asked.limit.unwrap_or(MOST_SHOWN).min(MOST_SHOWN);
    let filter = asked.filter();
    let newest = log.newest().borrow().seq;
    if let Some(since) = asked.since.filter(|since| *since > newest) {
        return Err(ApiError::new(ErrorKind::NotFound, explain(Missing::New { newest }, since)));
    }
    let events = match asked.since {
        Some(since) => log.first_changes(&filter, since, most).await,
        None if asked.limit.is_some() => log.newest_changes(&filter, most).await,
        None => log.first_changes(&filter, Seq(0), most).await,
    };
    Ok(events.iter().map(|event| event.view()).collect())
}

/// A daemon that keeps no log has nothing to show.
pub(super) fn check_open(log: &Log) -> Result<(), ApiError> {
    match &log.newest().borrow().ended {
        Some(why) => Err(ApiError::new(ErrorKind::Storage, format!("no events are kept: {why}"))),
        None => Ok(()),
    }
}

/// Events in one answer.
pub(crate) const MOST_SHOWN: usize = 10_000;
