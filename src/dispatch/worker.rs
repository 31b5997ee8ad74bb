//! The task behind a dispatcher.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{Id as TaskId, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;

use super::absence;
use super::connection::{AbortOnDrop, Connection};
use super::doubts::Doubt;
use super::errand::{Arrival, Errand, News, report};
use super::flow::Flow;
use super::lanes::Lanes;
use super::wide::WideOperations;
use super::{Close, Completions, Inbox};
use crate::collection::{self, Availability, Unanswered};
use crate::error::Failure;
use crate::operation::{Id, Operation, Outcome, Told};
use crate::options::Options;

/// How exactly deadlines are kept while something is under way.
const TICK: Duration = Duration::from_millis(20);

pub struct Worker {
    pub(super) options: Options,
    pub(super) inbox: Arc<Inbox>,
    pub(super) completions: Arc<dyn Completions>,
    pub(super) availability: Availability,
    pub(super) connection: Connection,
    telling: Option<AbortOnDrop<()>>,
    pub(super) lanes: Lanes,
    /// All that has not ended, oldest first: every operation has the same time, so the oldest is
    /// the first to run out of it.
    pub(super) accepted: VecDeque<Arc<Operation>>,
    pub(super) batches: JoinSet<Arrival>,
    pub(super) on_the_way: HashMap<TaskId, Errand>,
    /// What shuts out late writes. Beside the batches, whose room it does not take.
    pub(super) fences: JoinSet<()>,
    pub(super) wide: WideOperations,
    news: UnboundedReceiver<News>,
    pub(super) to_worker: UnboundedSender<News>,
    pub(super) flow: Flow,
}

impl Worker {
    /// Starts connecting; has to be called on the store's threads.
    pub fn new(options: Options, inbox: Arc<Inbox>, completions: Arc<dyn Completions>) -> Self {
        let availability = Availability::default();
        let (to_worker, news) = unbounded_channel();
        let timeout = options.timeout;
        let patience = options.server_selection_timeout.min(timeout);
        let telling = absence::tell(availability.clone(), patience, completions.clone());
        Worker {
            telling: Some(AbortOnDrop(tokio::spawn(telling))),
            connection: Connection::start(&options, &availability, completions.stats()),
            options,
            inbox,
            completions,
            availability,
            lanes: Lanes::default(),
            accepted: VecDeque::new(),
            batches: JoinSet::new(),
            on_the_way: HashMap::new(),
            fences: JoinSet::new(),
            wide: WideOperations::default(),
            news,
            to_worker,
            flow: Flow::new(timeout),
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
            self.let_go();
            self.send();
            self.send_wide();
            self.begin_watches();
            if self.listen() {
                continue;
            }
            tokio::select! {
                () = inbox.wake.notified() => {}
                Some(news) = self.news.recv() => self.hear(news),
                Some(ended) = self.batches.join_next_with_id() => self.end(ended),
                Some(_) = self.fences.join_next() => {}
                Some(_) = self.wide.looks.join_next() => {}
                Some(_) = self.wide.sweepers.join_next() => {}
                Some(_) = self.wide.watches.join_next() => {}
                _ = tick.tick(), if !self.accepted.is_empty() => {
                    self.expire();
                }
                () = self.connection.advance(&self.availability, &self.completions) => {}
            }
        }
    }

    /// Whether nobody waits for anything any more, though batches may still be on their way.
    fn is_done(&self) -> bool {
        !self.is_sweeping()
            && self
                .accepted
                .iter()
                .all(|operation| operation.is_answered())
    }

    /// Takes what was submitted; tells whether the store is to end.
    fn accept(&mut self) -> Option<Close> {
        let mut queue = self.inbox.lock();
        let operations = queue.take();
        let close = queue.close;
        drop(queue);
        for mut operation in operations {
            if let Some(ids) = &self.options.ids {
                operation.hash_ids(ids);
            }
            self.admit(Arc::new(operation));
        }
        close
    }

    fn end(&mut self, ended: Result<(TaskId, Arrival), JoinError>) {
        // What has left a batch is not among those that end with it.
        while let Ok(news) = self.news.try_recv() {
            self.hear(news);
        }
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(batch) = self.on_the_way.remove(&id) else {
            return;
        };
        match ended {
            Ok((_, arrival)) => self.arrive(batch, arrival),
            Err(_) => {
                self.release(&batch.operations);
                self.fail(&batch.operations, Failure::internal());
            }
        }
    }

    fn arrive(&mut self, batch: Errand, arrival: Arrival) {
        if let Some(took) = arrival.took {
            self.flow.learn(took);
        }
        self.judge(&batch, &arrival);
        self.end_writes(&batch.operations);
        for operation in arrival.alone {
            self.completions.stats().give_back(&operation);
            self.lanes.give_back(operation);
        }
        let mut fences: HashMap<&Id, usize> = HashMap::new();
        for late in arrival.unanswered.iter().flat_map(|one| &one.late) {
            *fences.entry(&late.id).or_default() += 1;
        }
        for operations in by_id(&batch.operations) {
            let id = &operations[0].id;
            match fences.get(id) {
                Some(fences) => self.lanes.shut_out(id, *fences),
                None => self.lanes.release(id),
            }
        }
        for unanswered in arrival.unanswered {
            self.shut_out(unanswered);
        }
    }

    /// Who got no answer while others did travels alone from now on; who then gets one, with others.
    fn judge(&mut self, batch: &Errand, arrival: &Arrival) {
        let was_alone = batch.ids == 1;
        if was_alone && arrival.is_answered {
            for operation in &batch.operations {
                self.lanes.trust(&operation.id);
            }
        }
        for operation in &arrival.silent {
            let doubt = match was_alone {
                true => Doubt::Silent,
                false => Doubt::Neighbour,
            };
            self.lanes.doubt(&operation.id, doubt);
        }
    }

    fn shut_out(&mut self, unanswered: Unanswered) {
        let Connection::Ready { collection, .. } = &self.connection else {
            return;
        };
        let (collection, news) = (collection.clone(), self.to_worker.clone());
        let free = move |ids| drop(news.send(News::ShutOut(ids)));
        let waits = self.completions.stats().fence();
        self.fences.spawn(async move {
            collection.shut_out(unanswered, free).await;
            drop(waits);
        });
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Ended(batch, operations) => {
                self.take_out(batch, &operations);
                self.end_writes(&operations);
                self.release(&operations);
            }
            News::Alone(batch, operations, doubt) => {
                self.take_out(batch, &operations);
                let Some(id) = operations.first().map(|first| first.id.clone()) else {
                    return;
                };
                if let Some(doubt) = doubt {
                    self.lanes.doubt(&id, doubt);
                }
                for operation in operations.into_iter().rev() {
                    self.completions.stats().give_back(&operation);
                    self.lanes.give_back(operation);
                }
                self.lanes.release(&id);
            }
            News::ShutOut(ids) => ids.iter().for_each(|id| self.lanes.lift(id)),
            News::Find(sweep, from) => self.find(sweep, from),
            News::Found(sweep, ids) => self.destroy_found(sweep, ids),
            News::Swept(sweep) => self.end_sweep(sweep),
        }
    }

    /// Operations leave the batch that they were sent with.
    fn take_out(&mut self, batch: TaskId, operations: &[Arc<Operation>]) {
        let left = |operation: &Arc<Operation>| {
            let mut operations = operations.iter();
            operations.any(|left| Arc::ptr_eq(left, operation))
        };
        if let Some(batch) = self.on_the_way.get_mut(&batch) {
            batch.operations.retain(|operation| !left(operation));
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
        self.accepted.retain(|operation| !operation.is_answered());
        let in_time = self
            .accepted
            .partition_point(|operation| operation.age() >= limit);
        let expired: Vec<_> = self.accepted.drain(..in_time).collect();
        if expired.is_empty() {
            return;
        }
        self.fail(&expired, failure);
        let batches = self.on_the_way.values();
        batches
            .filter(|batch| batch.is_answered())
            .for_each(|batch| batch.recall.call());
    }

    pub(super) fn fail_all(&mut self, failure: Failure) {
        let accepted: Vec<_> = self.accepted.drain(..).collect();
        self.fail(&accepted, failure);
    }

    fn fail(&mut self, operations: &[Arc<Operation>], failure: Failure) {
        let failed = |operation: &Arc<_>| (Arc::clone(operation), Outcome::Failed(failure.clone()));
        report(&*self.completions, operations.iter().map(failed).collect());
        self.end_writes(operations);
        for operation in operations {
            self.lanes.expire(operation);
        }
    }

    async fn close(mut self, close: Option<Close>) {
        self.telling.take();
        self.batches.shutdown().await;
        self.fences.shutdown().await;
        self.wide.looks.shutdown().await;
        self.wide.sweepers.shutdown().await;
        self.wide.watches.shutdown().await;
        if let Some(collection) = self.connection.end() {
            collection.close().await;
        }
        if let Some(Close::WhenDone(token)) = close {
            let closed = Told::of(token, Outcome::Closed);
            self.completions.settled(vec![closed]);
        }
    }
}

/// The operations of a batch by their ids: those on one id stand together.
pub fn by_id(operations: &[Arc<Operation>]) -> impl Iterator<Item = &[Arc<Operation>]> {
    operations.chunk_by(|one, next| one.id == next.id)
}
