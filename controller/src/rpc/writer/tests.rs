//! Clients that read slowly, or not at all.

use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::json;

use super::*;
use crate::events::time::Millis;
use crate::events::{Detail, Event, Kind};

/// A client that takes some bytes, nothing for so many tries, and then everything.
struct Stuck {
    taken: Vec<u8>,
    room: usize,
    tries: usize,
}

impl AsyncWrite for Stuck {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.tries == 0 {
            self.room = usize::MAX;
        } else if self.room == 0 {
            self.tries -= 1;
            return Poll::Pending;
        }
        let count = bytes.len().min(self.room);
        self.room -= count;
        self.taken.extend(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A log of so many events.
fn log(count: u64) -> Log {
    let event = |seq| Event {
        seq: Seq(seq),
        time: Millis(seq),
        kind: Kind::PortUp,
        subject: "vm1".into(),
        detail: Detail::of(&json!({})),
    };
    Log::load((1..=count).map(event).collect())
}

#[tokio::test]
async fn a_client_that_reads_again_too_late_finds_whole_lines_and_where_to_go_on() {
    let log = log(100);
    let patience = Patience { read: Duration::from_millis(20), last: Duration::from_secs(60) };
    let (steps, queued) = mpsc::channel(4);
    let (_go, stop) = watch::channel(false);
    let watch = Step::Watch(Some(1.into()), Box::new(WatchStart { since: Some(Seq(0)), ..WatchStart::default() }));
    assert!(steps.send(watch).await.is_ok());
    // It is asked when the event is written, and when the time is over.
    let mut client = Stuck { taken: Vec::new(), room: 1_000, tries: 2 };
    let ended = Writer::new(&mut client, &log, patience).run(queued, stop).await;
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let text = String::from_utf8(client.taken).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, events) = lines.split_last().unwrap();
    let told: Vec<_> = events.iter().skip(1).map(|line| line["params"]["seq"].as_u64().unwrap()).collect();
    assert!(!told.is_empty() && told.len() < 100 && told.iter().copied().eq(1..=told.len() as u64), "{told:?}");
    assert_eq!(last["method"], "watch.end", "{last}");
    assert_eq!(last["params"]["seq"].as_u64(), told.last().copied(), "{last}");
}

#[tokio::test]
async fn events_stay_out_of_a_batch_and_follow_it() {
    let log = log(3);
    let (steps, queued) = mpsc::channel(8);
    let (go, stop) = watch::channel(false);
    let watch = WatchStart { since: Some(Seq(1)), ..WatchStart::default() };
    let again = Step::Watch(Some(2.into()), Box::default());
    for step in [Step::Open, Step::Watch(Some(1.into()), Box::new(watch)), again, Step::Close] {
        assert!(steps.send(step).await.is_ok());
    }
    drop(steps);
    let mut client = Stuck { taken: Vec::new(), room: usize::MAX, tries: 1 };
    go.send(true).unwrap();
    Writer::new(&mut client, &log, Patience::default()).run(queued, stop).await.unwrap();
    let text = String::from_utf8(client.taken).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0][0]["result"], json!({"since": 1, "newest": 3, "oldest": 1}), "{text}");
    assert_eq!(lines[0][1]["error"]["data"]["kind"], "conflict", "{text}");
    assert_eq!(lines.last().map(|line| &line["method"]), Some(&json!("watch.end")), "{text}");
}
