//! Looking at a lab from inside: each probe has a deadline and says what it saw.
//!
//! [`ping`], [`exchange`] and [`stream`] carry traffic, [`reach`] does all of it at once, [`mod@hop`] finds the way, [`arp`] asks and forgets neighbours, [`capture`] records [`frame`]s,
//! [`inject`] and [`storm`] send
//! what no stack would, [`mod@flood`] as much as can be sent, [`mod@stamp`] says when it was, [`police`] tells what a provider saw, [`eventually`] waits for what cannot be waited for otherwise. `responder` is what runs at the other end, in the
//! nodes, and [`stack`] what their kernels count.

pub mod arp;
pub mod capture;
pub mod exchange;
pub mod flood;
pub mod frame;
pub mod hop;
pub mod inject;
pub mod ping;
pub mod police;
pub mod reach;
pub mod responder;
pub mod stack;
pub mod stamp;
pub mod storm;
pub mod stream;

pub use arp::{arping, flush_neighbours, neighbour};
pub use capture::Capture;
pub use exchange::{Exchange, Server, tcp_exchange, tcp_server, udp_exchange, udp_server};
pub use flood::{FloodReport, Sink, counter, flood};
pub use frame::{Arp, ArpOperation, Frame};
pub use hop::hop;
pub use inject::inject;
pub use ping::{PingReport, PingRun, ping};
pub use police::Police;
pub use reach::{assert_reaches, assert_refused};
pub use stack::{counted, with_port};
pub use stamp::{StampRun, Stamps, moment};
pub use storm::{StormReport, StormRun};
pub use stream::{StreamReport, StreamRun};

use std::thread;
use std::time::{Duration, Instant};

/// Asks again and again until there is an answer; panics with `what` where there is none in time.
#[track_caller]
pub fn eventually<T>(deadline: Duration, what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < end, "not within {deadline:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
