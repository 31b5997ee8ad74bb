//! Operations that concern many sessions: looking for some, and sweeps that destroy all they find.
//!
//! Such an operation begins when all that was called before it has ended, on whichever session, or gets no
//! answer: a write that it is to find, and a read that is not to find what it will have missed. Once it has
//! begun it goes on page by page without waiting again. A sweep waits for others of its like, too: they are
//! to find what it will have destroyed.
//! What is called after it does not wait for it, with one exception: until a sweep has found its first
//! page, all are held back, so that they come after it, as they were called. That is over after
//! [`ORDER_PATIENCE`]: without an index a search may take long, and the application must not stand still
//! for it. A session that this store has written whole since the sweep was called stays ([`super::written`]).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::connection::Connection;
use super::errand::report;
use super::lanes::Kind;
use super::sweep::Sweeper;
use super::worker::Worker;
use super::written::{Written, is_whole};
use crate::batch::look;
use crate::operation::{
    Action, Caller, Filter, Id, Operation, Outcome, Reader, Start, SweepNumber, Wide,
};
use crate::seal::ids::is_hash;

/// How long what is called after a sweep waits for it.
const ORDER_PATIENCE: Duration = Duration::from_millis(250);

/// What was called before is waited for until it has taken this part of its time.
const PART_OF_TIME: u32 = 4;

/// So many are on their way at once, of so many connections.
const MOST: usize = 8;
const PART_OF_CONNECTIONS: usize = 8;

#[derive(Default)]
pub struct WideOperations {
    waiting: Vec<Arc<Operation>>,
    /// Those that look through the collection.
    pub looks: JoinSet<()>,
    pub sweepers: JoinSet<()>,
    pub watches: JoinSet<()>,
    /// Those that wait for the connection.
    pub to_watch: Vec<Arc<Operation>>,
    sweeps: HashMap<SweepNumber, SweepUnderWay>,
    next_number: SweepNumber,
    /// Operations on single sessions that are held back.
    behind: VecDeque<Arc<Operation>>,
}

struct SweepUnderWay {
    operation: Arc<Operation>,
    filter: Arc<Filter>,
    parts: UnboundedSender<(Id, Outcome)>,
    /// Since when it holds back what was called after it.
    holds_back: Option<Instant>,
    written: Written,
}

impl WideOperations {
    pub fn sweeps(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.sweeps.values().map(|sweep| &sweep.operation)
    }

    /// Whether a sweep that was called before still holds back what was called then.
    fn holds_back(&self, called: Instant) -> bool {
        let mut sweeps = self.sweeps.values();
        sweeps.any(|sweep| {
            let holds = (sweep.holds_back).is_some_and(|since| since.elapsed() < ORDER_PATIENCE);
            holds && sweep.operation.called < called
        })
    }
}

impl Worker {
    /// Takes what was called, and lets it wait for what was called before.
    pub(super) fn admit(&mut self, operation: Arc<Operation>) {
        match &operation.action {
            Action::Sweep(_) => self.begin_sweep(operation),
            Action::Watch { .. } => {
                self.accepted.push_back(operation.clone());
                self.wide.to_watch.push(operation);
            }
            Action::Wide(Wide::Leave(reader)) => {
                if let Connection::Ready { collection, .. } = &self.connection {
                    collection.leave(*reader);
                }
                report(&*self.completions, vec![(operation, Outcome::Missing)]);
            }
            Action::Wide(_) => {
                self.accepted.push_back(operation.clone());
                self.wide.waiting.push(operation);
            }
            _ => {
                self.accepted.push_back(operation.clone());
                // Not before others that are held back: one of them may be on the same session.
                let is_behind = !self.wide.behind.is_empty();
                match is_behind || self.wide.holds_back(operation.called) {
                    true => self.wide.behind.push_back(operation),
                    false => self.lanes.add(operation),
                }
            }
        }
    }

    /// What was held back goes on, once no sweep needs it to wait.
    pub(super) fn let_go(&mut self) {
        while let Some(next) = self.wide.behind.front() {
            if self.wide.holds_back(next.called) {
                return;
            }
            let next = self.wide.behind.pop_front();
            if let Some(operation) = next.filter(|next| !next.is_answered()) {
                self.lanes.add(operation);
            }
        }
    }

    /// Sends what need not wait any more.
    pub(super) fn send_wide(&mut self) {
        let Connection::Ready { collection, .. } = &self.connection else {
            return;
        };
        if self.wide.waiting.is_empty() {
            return;
        }
        let most = (self.options.max_pool_size() / PART_OF_CONNECTIONS).clamp(1, MOST);
        let first_of_one = self.first_called(|operation| Kind::of(operation).is_some());
        let first_of_many =
            self.first_called(|operation| matches!(operation.action, Action::Wide(_)));
        let wide = &mut self.wide;
        let mut waiting = std::mem::take(&mut wide.waiting);
        waiting.retain(|operation| {
            let Action::Wide(looked_for) = &operation.action else {
                return false;
            };
            if operation.is_answered() {
                return false;
            }
            let called = operation.called;
            let is_before = |first: Option<Instant>| first.is_some_and(|first| first < called);
            let is_of_sweep = matches!(looked_for, Wide::Find { .. });
            let is_behind = !looked_for.goes_on()
                && (is_before(first_of_one) || is_of_sweep && is_before(first_of_many));
            if wide.looks.len() >= most || is_behind || wide.holds_back(called) {
                return true;
            }
            let (operation, collection) = (operation.clone(), collection.clone());
            let completions = self.completions.clone();
            let deadline = operation.submitted + self.options.timeout;
            completions.stats().send(&operation, 1);
            wide.looks.spawn(async move {
                let outcome = look::run(&collection, &operation, deadline.into()).await;
                report(&*completions, vec![(operation, outcome)]);
            });
            false
        });
        wide.waiting = waiting;
    }

    /// When the first was called of those that have not ended, and may do so soon: one that gets no answer
    /// must not take the time of those that are called later.
    fn first_called(&self, is_of: impl Fn(&Operation) -> bool) -> Option<Instant> {
        let patience = self.options.timeout / PART_OF_TIME;
        let before = self.accepted.iter().filter(|operation| {
            let may_end = operation.age() < patience && !self.lanes.is_silent(&operation.id);
            is_of(operation) && !operation.is_answered() && may_end
        });
        before.map(|operation| operation.called).min()
    }

    fn begin_sweep(&mut self, operation: Arc<Operation>) {
        let Action::Sweep(sweep) = &operation.action else {
            return;
        };
        let (parts, outcomes) = unbounded_channel();
        let number = self.wide.next_number;
        self.wide.next_number += 1;
        let under_way = SweepUnderWay {
            operation: operation.clone(),
            filter: sweep.filter.clone(),
            parts,
            holds_back: Some(Instant::now()),
            written: Written::default(),
        };
        self.completions.stats().send(&operation, 1);
        self.wide.sweeps.insert(number, under_way);
        let (news, completions) = (self.to_worker.clone(), self.completions.clone());
        let mut sweeper = Sweeper::new(number, operation, outcomes, news, completions);
        if self.options.ids.is_some() {
            sweeper.looks_again();
        }
        self.wide.sweepers.spawn(sweeper.run());
        self.find(number, Start::First);
    }

    /// Looks for the next page of a sweep.
    pub(super) fn find(&mut self, number: SweepNumber, from: Start) {
        let Some(sweep) = self.wide.sweeps.get(&number) else {
            return;
        };
        let filter = sweep.filter.clone();
        let is_first = from == Start::First;
        let mut find = Operation::of(
            Caller::Sweep(sweep.parts.clone()),
            Id::from(""),
            Action::Wide(Wide::Find {
                reader: Reader::Sweep(number),
                filter,
                from,
            }),
        );
        if is_first {
            find.called = sweep.operation.called;
        }
        self.completions.stats().accept();
        self.admit(Arc::new(find));
    }

    /// Destroys what a sweep has found.
    pub(super) fn destroy_found(&mut self, sweep: SweepNumber, ids: Vec<Id>) {
        let hasher = self.options.ids.as_deref();
        let Some(sweep) = self.wide.sweeps.get_mut(&sweep) else {
            return;
        };
        let is_first = sweep.holds_back.take().is_some();
        let called = sweep.operation.called;
        let mut destroys = Vec::with_capacity(ids.len());
        for id in ids {
            let is_former = !is_hash(&id);
            let mut destroy = Operation::of(
                Caller::Sweep(sweep.parts.clone()),
                id,
                Action::Destroy {
                    matching: Some(sweep.filter.clone()),
                },
            );
            // What was called after the sweep has waited for this page, and waits for no other.
            if is_first {
                destroy.called = called;
            }
            if let Some(hasher) = hasher.filter(|_| is_former) {
                destroy.hash_ids(hasher);
            }
            destroys.extend(sweep.written.find(destroy));
        }
        for destroy in destroys {
            self.send_destroy(called, destroy);
        }
    }

    /// Of a sweep that was called at this time: what was called before and still waits goes first.
    fn send_destroy(&mut self, called: Instant, mut destroy: Operation) {
        destroy.submitted = Instant::now();
        let destroy = Arc::new(destroy);
        self.completions.stats().accept();
        self.accepted.push_back(destroy.clone());
        self.lanes.add_called(called, destroy);
    }

    pub(super) fn end_sweep(&mut self, sweep: SweepNumber) {
        self.wide.sweeps.remove(&sweep);
        if let Connection::Ready { collection, .. } = &self.connection {
            collection.leave(Reader::Sweep(sweep));
        }
    }

    /// These are sent.
    pub(super) fn begin_writes(&mut self, batch: &[Arc<Operation>]) {
        if self.wide.sweeps.is_empty() {
            return;
        }
        for write in batch.iter().filter(|operation| is_whole(operation)) {
            let sweeps = self.wide.sweeps.values_mut();
            for sweep in sweeps.filter(|sweep| sweep.operation.called < write.called) {
                sweep.written.begin(write);
            }
        }
    }

    /// Of these some may have ended.
    pub(super) fn end_writes(&mut self, operations: &[Arc<Operation>]) {
        if self.wide.sweeps.is_empty() {
            return;
        }
        let ended = |write: &&Arc<Operation>| is_whole(write) && write.is_answered();
        for write in operations.iter().filter(ended) {
            let sweeps = self.wide.sweeps.values_mut();
            let destroys = sweeps.flat_map(|sweep| {
                let called = sweep.operation.called;
                let destroys = sweep.written.end(write).into_iter();
                destroys.map(move |destroy| (called, destroy))
            });
            for (called, destroy) in destroys.collect::<Vec<_>>() {
                self.send_destroy(called, destroy);
            }
        }
    }

    pub(super) fn is_sweeping(&self) -> bool {
        !self.wide.sweeps.is_empty()
    }
}
