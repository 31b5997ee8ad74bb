//! Operations that concern many sessions: looking for some, and sweeps that destroy all they find.
//!
//! Such an operation begins when all that was called before it has ended, on whichever session. What is
//! called after it does not wait for it, with one exception: until a sweep has found its first page,
//! operations on single sessions are held back, so that they come after it, as they were called. That is
//! over after [`ORDER_PATIENCE`]: without an index a search may take long, and the application must
//! not stand still for it. A session that was written whole since the sweep was called stays.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::connection::Connection;
use super::errand::report;
use super::sweep::Sweeper;
use super::worker::Worker;
use crate::batch::look;
use crate::operation::{Action, Caller, Filter, Id, Operation, Outcome, Wide};
use crate::seal::ids::is_hash;

/// How long what is called after a sweep waits for it.
const ORDER_PATIENCE: Duration = Duration::from_millis(250);

/// So many are on their way at once, of so many connections.
const MOST: usize = 8;
const PART_OF_CONNECTIONS: usize = 8;

#[derive(Default)]
pub struct WideOperations {
    waiting: Vec<Waiting>,
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

pub type SweepNumber = u64;

struct Waiting {
    operation: Arc<Operation>,
    /// What was called before.
    before: Vec<Arc<Operation>>,
}

impl Waiting {
    fn may_go(&mut self) -> bool {
        while self.before.last().is_some_and(|last| last.is_settled()) {
            self.before.pop();
        }
        self.before.is_empty()
    }
}

struct SweepUnderWay {
    operation: Arc<Operation>,
    filter: Arc<Filter>,
    parts: UnboundedSender<(Id, Outcome)>,
    /// Since when it holds back what was called after it.
    holds_back: Option<Instant>,
    /// Sessions that were written whole since it was called.
    written: HashSet<Id>,
}

impl WideOperations {
    pub fn sweeps(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.sweeps.values().map(|sweep| &sweep.operation)
    }

    /// Whether a sweep that was called before still holds this back.
    fn is_held_back(&self, operation: &Operation) -> bool {
        let mut sweeps = self.sweeps.values();
        sweeps.any(|sweep| {
            let holds = (sweep.holds_back).is_some_and(|since| since.elapsed() < ORDER_PATIENCE);
            holds && sweep.operation.submitted < operation.submitted
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
            Action::Wide(_) => {
                let before = self.accepted.iter().filter(|one| !one.is_settled());
                let before = before.cloned().collect();
                self.accepted.push_back(operation.clone());
                self.wide.waiting.push(Waiting { operation, before });
            }
            _ => {
                self.accepted.push_back(operation.clone());
                match self.wide.is_held_back(&operation) {
                    true => self.wide.behind.push_back(operation),
                    false => self.lanes.add(operation),
                }
            }
        }
    }

    /// What was held back goes on, once no sweep needs it to wait.
    pub(super) fn let_go(&mut self) {
        while let Some(next) = self.wide.behind.front() {
            if self.wide.is_held_back(next) {
                return;
            }
            let next = self.wide.behind.pop_front();
            if let Some(operation) = next.filter(|next| !next.is_settled()) {
                self.lanes.add(operation);
            }
        }
    }

    /// Sends what need not wait any more.
    pub(super) fn send_wide(&mut self) {
        let Connection::Ready { collection, .. } = &self.connection else {
            return;
        };
        let most = (self.options.max_pool_size() / PART_OF_CONNECTIONS).clamp(1, MOST);
        let wide = &mut self.wide;
        let mut waiting = std::mem::take(&mut wide.waiting);
        waiting.retain_mut(|one| {
            if one.operation.is_settled() {
                return false;
            }
            if wide.looks.len() >= most || !one.may_go() {
                return true;
            }
            let (operation, collection) = (one.operation.clone(), collection.clone());
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
            written: HashSet::new(),
        };
        self.completions.stats().send(&operation, 1);
        self.wide.sweeps.insert(number, under_way);
        let (news, completions) = (self.to_worker.clone(), self.completions.clone());
        let mut sweeper = Sweeper::new(number, operation, outcomes, news, completions);
        if self.options.ids.is_some() {
            sweeper.looks_again();
        }
        self.wide.sweepers.spawn(sweeper.run());
        self.find(number, None);
    }

    /// Looks for the next page of a sweep.
    pub(super) fn find(&mut self, sweep: SweepNumber, after: Option<Id>) {
        let Some(sweep) = self.wide.sweeps.get(&sweep) else {
            return;
        };
        let filter = sweep.filter.clone();
        let is_first = after.is_none();
        let find = Operation::of(
            Caller::Sweep(sweep.parts.clone()),
            Id::from(""),
            Action::Wide(Wide::Find { filter, after }),
        );
        let find = Arc::new(find);
        self.completions.stats().accept();
        if is_first {
            return self.admit(find);
        }
        self.accepted.push_back(find.clone());
        self.wide.waiting.push(Waiting {
            operation: find,
            before: Vec::new(),
        });
    }

    /// Destroys what a sweep has found. All that waits for these sessions was called after it.
    pub(super) fn destroy_found(&mut self, sweep: SweepNumber, ids: Vec<Id>) {
        let hasher = self.options.ids.as_deref();
        let Some(sweep) = self.wide.sweeps.get_mut(&sweep) else {
            return;
        };
        sweep.holds_back = None;
        for id in ids {
            let is_former = !is_hash(&id);
            let mut destroy = Operation::of(
                Caller::Sweep(sweep.parts.clone()),
                id,
                Action::Destroy {
                    matching: Some(sweep.filter.clone()),
                },
            );
            if let Some(hasher) = hasher.filter(|_| is_former) {
                destroy.hash_ids(hasher);
            }
            if sweep.written.contains(&destroy.id) {
                destroy.tell(Outcome::Missing);
                continue;
            }
            let destroy = Arc::new(destroy);
            self.completions.stats().accept();
            self.accepted.push_back(destroy.clone());
            self.lanes.add_first(destroy);
        }
    }

    pub(super) fn end_sweep(&mut self, sweep: SweepNumber) {
        self.wide.sweeps.remove(&sweep);
    }

    /// A session that is written whole is not the one that a sweep was called for, if the write was called
    /// later.
    pub(super) fn note_written(&mut self, batch: &[Arc<Operation>]) {
        if self.wide.sweeps.is_empty() {
            return;
        }
        for operation in batch {
            if let Action::Set { read: None, .. } = operation.action {
                let sweeps = self.wide.sweeps.values_mut();
                for sweep in sweeps.filter(|sweep| sweep.operation.submitted < operation.submitted)
                {
                    sweep.written.insert(operation.id.clone());
                }
            }
        }
    }

    pub(super) fn is_sweeping(&self) -> bool {
        !self.wide.sweeps.is_empty()
    }
}
