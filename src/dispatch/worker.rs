//! The task behind a dispatcher.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{Id as TaskId, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::absence;
use super::connection::{AbortOnDrop, Connection};
use super::errand::{Errand, Leaving, report, run_batch};
use super::flow::{self, Flow, MOST_HELD_UP, MOST_LEFT_BEHIND, MOST_WITHOUT_SERVER, Traffic};
use super::lanes::{Kind, Lanes};
use super::{Close, Completions, Inbox};
use crate::collection::{self, Availability};
use crate::error::Failure;
use crate::operation::{Operation, Outcome};
use crate::options::Options;

/// How exactly deadlines are kept while something is under way.
const TICK: Duration = Duration::from_millis(20);

pub struct Worker {
    options: Options,
    inbox: Arc<Inbox>,
    completions: Arc<dyn Completions>,
    availability: Availability,
    connection: Connection,
    telling: AbortOnDrop<()>,
    lanes: Lanes,
    /// All that has not ended, oldest first: every operation has the same time, so the oldest is
    /// the first to run out of it.
    accepted: VecDeque<Arc<Operation>>,
    /// Each gives how long its answer took, if there was one.
    batches: JoinSet<Option<Duration>>,
    on_the_way: HashMap<TaskId, Errand>,
    leaving: UnboundedReceiver<Leaving>,
    exit: UnboundedSender<Leaving>,
    flow: Flow,
}

impl Worker {
    /// Starts connecting; has to be called on the store's threads.
    pub fn new(options: Options, inbox: Arc<Inbox>, completions: Arc<dyn Completions>) -> Self {
        let availability = Availability::default();
        let (exit, leaving) = unbounded_channel();
        let patience = options.server_selection_timeout.min(options.timeout);
        let telling = absence::tell(availability.clone(), patience, completions.clone());
        Worker {
            telling: AbortOnDrop(tokio::spawn(telling)),
            connection: Connection::start(&options, &availability),
            options,
            inbox,
            completions,
            availability,
            lanes: Lanes::default(),
            accepted: VecDeque::new(),
            batches: JoinSet::new(),
            on_the_way: HashMap::new(),
            leaving,
            exit,
            flow: Flow::default(),
        }
    }

    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let inbox = self.inbox.clone();
        loop {
            let close = self.accept();
            if close == Some(Close::Abandoned) || (close.is_some() && self.is_done()) {
                return self.close(close).await;
            }
            self.send();
            if self.listen() {
                continue;
            }
            tokio::select! {
                () = inbox.wake.notified() => {}
                Some(leaving) = self.leaving.recv() => self.leave(leaving),
                Some(ended) = self.batches.join_next_with_id() => self.end(ended),
                _ = tick.tick(), if !self.accepted.is_empty() => {
                    self.connection.has_waited(TICK, &self.availability);
                    self.expire();
                }
                () = self.connection.advance(&self.completions) => {}
            }
        }
    }

    /// Whether nobody waits for anything any more, though batches may still be on their way.
    fn is_done(&self) -> bool {
        self.accepted.iter().all(|operation| operation.is_settled())
    }

    /// Takes what was submitted; tells whether the store is to end.
    fn accept(&mut self) -> Option<Close> {
        let mut queue = self.inbox.lock();
        let operations = queue.take();
        let close = queue.close;
        drop(queue);
        for operation in operations {
            let operation = Arc::new(operation);
            self.accepted.push_back(operation.clone());
            self.lanes.add(operation);
        }
        close
    }

    /// Sends all that may go, as far as there is room on the way.
    fn send(&mut self) {
        match &self.connection {
            Connection::Ready { .. } => {}
            Connection::Impossible(failure) => return self.fail_all(failure.clone()),
            Connection::Connecting(_) | Connection::Indexing { .. } => return,
        }
        for kind in Kind::ALL {
            while let Some(size) = self.next_size(kind) {
                let operations = self.lanes.take(kind, size);
                if operations.is_empty() {
                    break;
                }
                self.send_batch(Some(kind), operations);
            }
        }
    }

    /// How many ids go with the next batch of a kind, if one goes now.
    fn next_size(&self, kind: Kind) -> Option<usize> {
        let waiting = self.lanes.count_ready(kind);
        let traffic = self.traffic(kind)?;
        let threshold = flow::threshold(traffic, self.limit())?;
        (waiting >= threshold).then(|| flow::share(waiting, traffic, self.limit()))
    }

    fn send_batch(&mut self, kind: Option<Kind>, operations: Vec<Arc<Operation>>) {
        let Connection::Ready { collection, .. } = &self.connection else {
            return;
        };
        let task = self.batches.spawn(run_batch(
            collection.clone(),
            self.completions.clone(),
            self.exit.clone(),
            operations.clone(),
            self.options.touch_after,
            self.deadline(&operations),
        ));
        let errand = Errand {
            kind,
            sent: Instant::now(),
            ids: by_id(&operations).count(),
            operations,
        };
        self.on_the_way.insert(task.id(), errand);
    }

    fn limit(&self) -> usize {
        self.flow.limit(self.availability.round_trip())
    }

    /// What is on its way of a kind; `None`, if so much is held up that nothing more may go.
    fn traffic(&self, kind: Kind) -> Option<Traffic> {
        let batches = self.on_the_way.values();
        let same_kind = batches.filter(|batch| batch.kind == Some(kind));
        let (held_up, others): (Vec<_>, Vec<_>) =
            same_kind.partition(|batch| self.flow.is_held_up(batch.sent.elapsed()));
        let waited_for = held_up.iter().filter(|batch| !batch.is_settled());
        let has_room = match self.availability.is_available() {
            true => waited_for.count() < MOST_HELD_UP && held_up.len() < MOST_LEFT_BEHIND,
            false => held_up.len() < MOST_WITHOUT_SERVER,
        };
        has_room.then(|| Traffic {
            batches: others.len(),
            ids: (others.iter())
                .filter(|batch| !self.flow.is_overdue(batch.sent.elapsed()) && !batch.is_settled())
                .map(|batch| batch.ids.min(batch.operations.len()))
                .sum(),
        })
    }

    /// Tells the inbox how many operations are worth waking up for: as many as make up a batch that
    /// goes at once, and the first while none is timed, since nothing else would time it. True if
    /// they are there already.
    fn listen(&self) -> bool {
        let none_is_timed = self.accepted.is_empty();
        let wanted = Kind::ALL.map(|kind| match none_is_timed {
            true => 1,
            false => self.wanted(kind),
        });
        let mut queue = self.inbox.lock();
        queue.wanted = wanted;
        Kind::ALL.iter().any(|kind| queue.is_wanted(*kind))
    }

    /// How many more operations of a kind have to come before some are sent.
    fn wanted(&self, kind: Kind) -> usize {
        let traffic = self.traffic(kind);
        let threshold = traffic.and_then(|traffic| flow::threshold(traffic, self.limit()));
        let more = |threshold: usize| threshold.saturating_sub(self.lanes.count_ready(kind));
        threshold.map_or(usize::MAX, more).max(1)
    }

    /// A batch may use the time of its youngest operation; older ones expire by themselves.
    fn deadline(&self, operations: &[Arc<Operation>]) -> Instant {
        let youngest = operations.iter().map(|operation| operation.submitted).max();
        Instant::from_std(youngest.unwrap_or_else(std::time::Instant::now)) + self.options.timeout
    }

    fn end(&mut self, ended: Result<(TaskId, Option<Duration>), JoinError>) {
        // What has left a batch is not among those that end with it.
        while let Ok(leaving) = self.leaving.try_recv() {
            self.leave(leaving);
        }
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(batch) = self.on_the_way.remove(&id) else {
            return;
        };
        self.release(&batch.operations);
        match ended {
            Ok((_, Some(took))) => self.flow.learn(took),
            Ok((_, None)) => {}
            Err(_) => self.fail(&batch.operations, Failure::internal()),
        }
    }

    fn leave(&mut self, leaving: Leaving) {
        let left = |operation: &Arc<Operation>| {
            let mut leaving = leaving.operations.iter();
            leaving.any(|left| Arc::ptr_eq(left, operation))
        };
        if let Some(batch) = self.on_the_way.get_mut(&leaving.batch) {
            batch.operations.retain(|operation| !left(operation));
        }
        let mut operations = leaving.operations.iter();
        if leaving.have_ended || operations.all(|operation| operation.is_settled()) {
            self.release(&leaving.operations);
        } else {
            self.send_batch(None, leaving.operations);
        }
    }

    fn release(&mut self, operations: &[Arc<Operation>]) {
        for operations in by_id(operations) {
            self.lanes.release(&operations[0].id);
        }
    }

    /// Fails what has run out of time, queued or on the way. The time that an operation waited for
    /// an answer does not count as waiting for a server.
    fn expire(&mut self) {
        let patience = self.options.server_selection_timeout;
        let limit = match self.availability.absence() >= patience {
            true => patience.min(self.options.timeout),
            false => self.options.timeout,
        };
        let failure = match self.availability.is_available() {
            true => collection::timeout(limit),
            false => self.availability.unavailable(),
        };
        self.accepted.retain(|operation| !operation.is_settled());
        let in_time = self
            .accepted
            .partition_point(|operation| operation.age() >= limit);
        let expired: Vec<_> = self.accepted.drain(..in_time).collect();
        self.fail(&expired, failure);
    }

    fn fail_all(&mut self, failure: Failure) {
        let accepted: Vec<_> = self.accepted.drain(..).collect();
        self.fail(&accepted, failure);
    }

    fn fail(&mut self, operations: &[Arc<Operation>], failure: Failure) {
        let failed = |operation: &Arc<_>| (Arc::clone(operation), Outcome::Failed(failure.clone()));
        report(&*self.completions, operations.iter().map(failed).collect());
        for operation in operations {
            self.lanes.expire(operation);
        }
    }

    async fn close(mut self, close: Option<Close>) {
        drop(self.telling);
        self.batches.shutdown().await;
        if let Some(collection) = self.connection.end() {
            collection.close().await;
        }
        if let Some(Close::WhenDone(token)) = close {
            self.completions.settled(vec![(token, Outcome::Closed)]);
        }
    }
}

/// The operations of a batch by their ids: those on one id stand together.
fn by_id(operations: &[Arc<Operation>]) -> impl Iterator<Item = &[Arc<Operation>]> {
    operations.chunk_by(|one, next| one.id == next.id)
}
