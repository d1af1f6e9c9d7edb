//! From requests to commits. Each request is checked against the state with all that came before it; those that arrive
//! while a commit is under way share the next one. When a commit fails, the state is as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Instant;

use buoy_flows::pipeline::Touched;
use buoy_topology::{Change, Generation, HookRecord};
use tokio::sync::mpsc;
use tracing::{error, info};

use super::Core;
use super::journal::Draft;
use super::outcome::Made;
use super::plan::{Planned, Subject};
use super::rollout::Waiter;
use super::usage::Usage;
use crate::api::{ApiError, ErrorKind, Wait};
use crate::events::By;
use crate::rpc::Ask;
use crate::store::{Commit, StoreError};

/// A commit that is not durable yet, and those who wait for it.
#[derive(Debug)]
pub(super) struct Committing {
    change: Change,
    /// What takes the changes back, the last first.
    undo: Vec<Change>,
    requests: Vec<Accepted>,
    /// The newest event of each address for its provider's hook; none for an address that is no more.
    hooks: BTreeMap<Ipv4Addr, Option<HookRecord>>,
    /// What the log is told of the changes.
    events: Vec<Draft>,
    /// Those that a change which is not durable yet may be the reason to refuse.
    refused: Vec<(Ask, ApiError)>,
    /// What has been compiled anew for it.
    touched: Touched,
}

/// What the store says of the commit that is under way: it is durable, or it has failed.
pub(super) type Committed = Result<Generation, StoreError>;

/// A request whose change is made, and becomes durable with the commit.
#[derive(Debug)]
struct Accepted {
    ask: Ask,
    planned: Planned,
    made: Made,
}

impl Core {
    /// Takes requests in until one has to wait for the commit of those before it.
    pub(super) fn on_asks(&mut self, first: Ask, asks: &mut mpsc::Receiver<Ask>) {
        self.defer(first);
        while self.deferred.len() < BATCH {
            let Ok(ask) = asks.try_recv() else { break };
            self.defer(ask);
        }
        self.take_deferred();
    }

    fn defer(&mut self, ask: Ask) {
        *self.meters.requests.entry(ask.call.request.method()).or_default() += 1;
        self.deferred.push_back(ask);
    }

    fn take_deferred(&mut self) {
        let mut batch = Committing {
            change: Change::default(),
            undo: Vec::new(),
            requests: Vec::new(),
            hooks: BTreeMap::new(),
            events: Vec::new(),
            refused: Vec::new(),
            touched: Touched::Entities(BTreeSet::new()),
        };
        let now = self.clock.at(Instant::now());
        if now != self.site.now() {
            self.site_mut().set_now(now);
        }
        while let Some(mut ask) = self.deferred.pop_front() {
            if !ask.call.request.changes() {
                // A read sees what is durable, so it waits for the changes before it.
                if !batch.change.is_empty() {
                    self.deferred.push_front(ask);
                    break;
                }
                self.answer_read(ask);
                continue;
            }
            match self.plan(&ask.call).map_err(|error| self.taught(&ask.call, error)) {
                Ok(mut planned) => {
                    ask.call.request.forget_lists();
                    if !planned.change.is_empty() {
                        batch.hooks.extend(self.hooks_of(&planned.change));
                        let undo = self.site_mut().apply(&planned.change);
                        let by = By { uid: ask.peer.uid, user: ask.peer.user.clone() };
                        batch.events.extend(self.events_of(&planned.change, &undo, &by));
                        if let Subject::Forgotten(view) = &planned.subject {
                            batch.events.push(self.event_of_forgotten(view, &by));
                        }
                        batch.undo.push(undo);
                        batch.change.extend(std::mem::take(&mut planned.change));
                    }
                    let made = self.made(&planned.subject);
                    batch.requests.push(Accepted { ask, planned, made });
                }
                Err(refusal) if !batch.change.is_empty() => batch.refused.push((ask, refusal)),
                Err(refusal) => {
                    // Who hung up needs no answer.
                    let _ = ask.reply.send(Err(refusal));
                }
            }
        }
        self.commit(batch);
    }

    fn commit(&mut self, mut batch: Committing) {
        if batch.change.is_empty() {
            self.finish(batch.requests, &batch.touched);
            return;
        }
        let Some(store) = &self.store else { return };
        let committed = self.committed.clone();
        let hooks = batch.hooks.clone().into_iter().collect();
        let events = self.journal.begin(std::mem::take(&mut batch.events));
        let commit = Commit {
            generation: self.site.generation().next(),
            change: batch.change.clone(),
            learnt: Vec::new(),
            hooks,
            events,
        };
        // A core that is gone needs no word.
        store.commit(commit, move |result| drop(committed.send(result)));
        // While the store is at it the switches check what they are to have.
        let mut touched = Touched::by(&batch.change, &self.site);
        batch.undo.iter().for_each(|undo| touched.extend(Touched::before(undo)));
        if self.has_new_roles() {
            touched = Touched::Everything;
        }
        batch.touched = touched.clone();
        self.committing = Some(batch);
        self.compile(&touched);
        self.prepare_all();
    }

    /// What of the state is not on disk yet, by what it touches.
    pub(super) fn unkept(&self) -> Option<&Touched> {
        let touched = self.committing.as_ref().map(|own| &own.touched);
        touched.filter(|touched| !matches!(touched, Touched::Entities(entities) if entities.is_empty()))
    }

    pub(super) fn on_committed(&mut self, result: Committed, now: Instant) {
        let Some(batch) = self.committing.take() else { return };
        match result {
            Ok(generation) => {
                self.site_mut().set_generation(generation);
                // Who is answered finds it in the log.
                self.journal.end(Ok(()), now);
                self.await_in_force(&batch.change, generation, now);
                self.finish(batch.requests, &batch.touched);
                self.take_hooks(batch.hooks);
                for (ask, refusal) in batch.refused {
                    let _ = ask.reply.send(Err(refusal));
                }
            }
            Err(failure) => {
                error!(error = %failure, "a commit failed: nothing was changed");
                self.journal.end(Err(&failure), now);
                let mut touched = batch.touched;
                for undo in batch.undo.iter().rev() {
                    self.site_mut().apply(undo);
                    touched.extend(Touched::by(undo, &self.site));
                }
                // What was told of pools went with the commit.
                self.usage = Usage::load(&self.site, &self.journal.log);
                self.roll_out(&touched);
                let failure = ApiError::new(ErrorKind::Storage, failure.to_string());
                let accepted = batch.requests.into_iter().map(|accepted| accepted.ask);
                for ask in accepted.chain(batch.refused.into_iter().map(|(ask, _)| ask)) {
                    let _ = ask.reply.send(Err(failure.clone()));
                }
            }
        }
        self.take_deferred();
    }

    /// Lets a durable change take effect, and answers those who do not wait for the switches.
    fn finish(&mut self, requests: Vec<Accepted>, touched: &Touched) {
        let now = Instant::now();
        for Accepted { ask, planned, made } in requests {
            info!(method = ask.call.request.method(), uid = ask.peer.uid, subject = %planned.subject, "done");
            if let Subject::Forgotten(own) = &planned.subject {
                self.stop_waiting_for(own);
            }
            planned.announce.into_iter().for_each(|address| self.announcements.add(address));
            let patience = if ask.call.wait == Wait::Switch { ask.call.timeout } else { std::time::Duration::ZERO };
            let Planned { scope, notices, .. } = planned;
            self.waiters.push(Waiter { ask, made, scope, notices, deadline: now + patience });
        }
        if *touched != Touched::Entities(BTreeSet::new()) {
            self.send_out(touched);
        } else {
            self.answer_waiters();
        }
        self.expire_waiters(now);
    }
}

/// As many requests as share a commit at most.
const BATCH: usize = 256;
