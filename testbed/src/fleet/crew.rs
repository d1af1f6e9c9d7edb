//! All the switches of a fleet, each with a thread of its own while it is connected.

use std::net::SocketAddrV4;
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::bridge::Bridge;
use super::layout::{Kind, Layout};
use super::peer::{Pace, Peer};

/// The switches. Dropped, they hang up.
#[derive(Debug)]
pub struct Crew {
    controller: SocketAddrV4,
    /// Those that do as they should.
    swift: Vec<Arc<Peer>>,
    /// Those of the slow hosts.
    slow: Vec<Arc<Peer>>,
    running: Vec<(Arc<Peer>, JoinHandle<()>)>,
}

impl Crew {
    /// The switches of a fleet, none connected.
    pub fn new(layout: Layout, controller: SocketAddrV4) -> Self {
        let of_host = |host, pace| {
            [Kind::External, Kind::Integration]
                .map(|kind| Arc::new(Peer::new(Layout::source(host), pace, Bridge::new(layout.bridge(host, kind)))))
        };
        let paces = Pace::SLOW.into_iter().cycle();
        Self {
            controller,
            swift: layout.hosts().flat_map(|host| of_host(host, Pace::Full)).collect(),
            slow: layout.slow_hosts().zip(paces).flat_map(|(host, pace)| of_host(host, pace)).collect(),
            running: Vec::new(),
        }
    }

    /// Those that do as they should.
    pub fn swift(&self) -> &[Arc<Peer>] {
        &self.swift
    }

    /// Those of the slow hosts.
    pub fn slow(&self) -> &[Arc<Peer>] {
        &self.slow
    }

    /// Connects switches, all at the same moment; returns that moment.
    pub fn connect(&mut self, swift: bool, slow: bool) -> Result<Instant> {
        let chosen = self.swift.iter().filter(|_| swift).chain(self.slow.iter().filter(|_| slow));
        let chosen: Vec<_> = chosen.cloned().collect();
        let start = Arc::new(Barrier::new(chosen.len() + 1));
        for peer in chosen {
            peer.begin_anew();
            let (own, start, controller) = (Arc::clone(&peer), Arc::clone(&start), self.controller);
            let thread = thread::Builder::new().stack_size(STACK).name("switch".to_owned()).spawn(move || {
                start.wait();
                own.run(controller);
            });
            match thread {
                Ok(thread) => self.running.push((peer, thread)),
                // Those that wait for the start would wait for ever.
                Err(error) => {
                    eprintln!("buoy-testbed: no thread for a switch: {error}: raise the limit on processes");
                    std::process::exit(1);
                }
            }
        }
        start.wait();
        Ok(Instant::now())
    }

    /// Ends the connections of these, and waits until their threads are gone.
    pub fn disconnect(&mut self, peers: Peers) -> Result<()> {
        let is_meant = |peer: &Peer| match peers {
            Peers::All => true,
            Peers::Slow => peer.pace() != Pace::Full,
        };
        let (leaving, staying): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.running).into_iter().partition(|(peer, _)| is_meant(peer));
        self.running = staying;
        leaving.iter().for_each(|(peer, _)| peer.leave());
        for (peer, thread) in leaving {
            let name = peer.bridge().name().to_owned();
            thread.join().ok().with_context(|| format!("the thread of {name} panicked"))?;
        }
        Ok(())
    }

    /// Takes all flows away, as a loss of power does.
    pub fn lose_power(&self) {
        self.swift.iter().chain(&self.slow).for_each(|peer| peer.bridge().lose_all());
    }

    /// How often a switch that does as it should lost its connection, and the first of them.
    pub fn losses(&self) -> (usize, Option<String>) {
        let mut first = None;
        let count = |peer: &Arc<Peer>| {
            let losses = peer.seen().losses;
            if let (None, Some(reason)) = (&first, losses.first()) {
                first = Some(format!("{}: {reason}", peer.bridge().name()));
            }
            losses.len()
        };
        let all = self.swift.iter().map(count).sum();
        (all, first)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // A thread that panicked has said so.
        let _ = self.disconnect(Peers::All);
    }
}

/// Some of the switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peers {
    /// All of them.
    All,
    /// Those of the slow hosts.
    Slow,
}

/// A switch needs little of it.
const STACK: usize = 256 * 1024;
