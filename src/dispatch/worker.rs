//! The task behind a dispatcher.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{Id as TaskId, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::absence;
use super::connection::{AbortOnDrop, Connection};
use super::doubts::Doubt;
use super::errand::{Arrival, Errand, News, report, run_batch};
use super::flow::{
    self, Flow, MOST_FENCES, MOST_FENCES_ALONE, MOST_HELD_UP, MOST_WITHOUT_SERVER, Traffic,
};
use super::lanes::{Kind, Lanes, Route};
use super::{Close, Completions, Inbox};
use crate::collection::{self, Availability, Trip, Unanswered};
use crate::error::Failure;
use crate::operation::{Id, Operation, Outcome};
use crate::options::Options;

/// How exactly deadlines are kept while something is under way.
const TICK: Duration = Duration::from_millis(20);

pub struct Worker {
    options: Options,
    pub(super) inbox: Arc<Inbox>,
    pub(super) completions: Arc<dyn Completions>,
    availability: Availability,
    connection: Connection,
    telling: Option<AbortOnDrop<()>>,
    lanes: Lanes,
    /// All that has not ended, oldest first: every operation has the same time, so the oldest is
    /// the first to run out of it.
    pub(super) accepted: VecDeque<Arc<Operation>>,
    batches: JoinSet<Arrival>,
    on_the_way: HashMap<TaskId, Errand>,
    /// What shuts out late writes. Beside the batches, whose room it does not take.
    fences: JoinSet<()>,
    news: UnboundedReceiver<News>,
    to_worker: UnboundedSender<News>,
    flow: Flow,
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
            connection: Connection::start(&options, &availability),
            options,
            inbox,
            completions,
            availability,
            lanes: Lanes::default(),
            accepted: VecDeque::new(),
            batches: JoinSet::new(),
            on_the_way: HashMap::new(),
            fences: JoinSet::new(),
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
            self.send();
            if self.listen() {
                continue;
            }
            tokio::select! {
                () = inbox.wake.notified() => {}
                Some(news) = self.news.recv() => self.hear(news),
                Some(ended) = self.batches.join_next_with_id() => self.end(ended),
                Some(_) = self.fences.join_next() => {}
                _ = tick.tick(), if !self.accepted.is_empty() => {
                    let (availability, completions) = (&self.availability, &self.completions);
                    self.connection.has_waited(TICK, availability, completions);
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
        for route in Route::ALL {
            while let Some(size) = self.next_size(route) {
                let operations = self.lanes.take(route, size);
                if operations.is_empty() {
                    break;
                }
                self.send_batch(route, operations);
            }
        }
    }

    /// How many ids go with the next batch of a route, if one goes now.
    fn next_size(&self, route: Route) -> Option<usize> {
        let waiting = self.lanes.count_ready(route);
        if waiting == 0 || !self.may_send(route) {
            return None;
        }
        let Route::Together(_) = route else {
            return self.has_room_alone(route).then_some(1);
        };
        let traffic = self.traffic(route)?;
        let threshold = flow::threshold(traffic, self.limit())?;
        (waiting >= threshold).then(|| flow::share(waiting, traffic, self.limit()))
    }

    /// What nobody can shut out must not become more without end. Reads leave nothing behind.
    fn may_send(&self, route: Route) -> bool {
        let most = match route {
            Route::Together(Kind::Get) => return true,
            Route::Together(_) => MOST_FENCES,
            Route::Alone | Route::Silent => MOST_FENCES_ALONE,
        };
        self.fences.len() < most
    }

    fn has_room_alone(&self, route: Route) -> bool {
        let connections = self.options.max_pool_size();
        let batches = self.on_the_way.values();
        let same_route = batches.filter(|batch| batch.route == route);
        let ages = same_route.map(|batch| batch.sent.elapsed());
        let ages: Vec<Duration> = ages.collect();
        // Those that turn out to be silent leave the room to the others, as long as there is any.
        let fresh = ages.iter().filter(|age| !self.flow.is_held_up(**age));
        let counted = match route {
            Route::Silent => ages.len(),
            _ => fresh.count(),
        };
        let most = flow::most_alone(route, connections);
        counted < most && ages.len() < most + most / 4
    }

    fn send_batch(&mut self, route: Route, operations: Vec<Arc<Operation>>) {
        let Connection::Ready { collection, .. } = &self.connection else {
            return;
        };
        let trip = Trip::new(self.deadline(&operations), self.flow.patience());
        let recall = trip.recall();
        let task = self.batches.spawn(run_batch(
            collection.clone(),
            self.completions.clone(),
            self.to_worker.clone(),
            operations.clone(),
            self.options.touch_after,
            trip,
        ));
        let errand = Errand {
            route,
            recall,
            sent: Instant::now(),
            ids: by_id(&operations).count(),
            operations,
        };
        self.on_the_way.insert(task.id(), errand);
    }

    fn limit(&self) -> usize {
        self.flow.limit(self.availability.round_trip())
    }

    /// What is on its way of a route; `None`, if so much is held up that nothing more may go.
    fn traffic(&self, route: Route) -> Option<Traffic> {
        let batches = self.on_the_way.values();
        let same_route = batches.filter(|batch| batch.route == route);
        let (held_up, others): (Vec<_>, Vec<_>) =
            same_route.partition(|batch| self.flow.is_held_up(batch.sent.elapsed()));
        let most = match self.availability.is_available() {
            true => MOST_HELD_UP,
            false => MOST_WITHOUT_SERVER,
        };
        (held_up.len() < most).then(|| Traffic {
            batches: others.len(),
            ids: (others.iter())
                .filter(|batch| !self.flow.is_overdue(batch.sent.elapsed()))
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
        let route = Route::Together(kind);
        let traffic = self.traffic(route);
        let threshold = traffic.and_then(|traffic| flow::threshold(traffic, self.limit()));
        let more = |threshold: usize| threshold.saturating_sub(self.lanes.count_ready(route));
        threshold.map_or(usize::MAX, more).max(1)
    }

    /// A batch may use the time of its youngest operation; older ones expire by themselves.
    fn deadline(&self, operations: &[Arc<Operation>]) -> Instant {
        let youngest = operations.iter().map(|operation| operation.submitted).max();
        Instant::from_std(youngest.unwrap_or_else(std::time::Instant::now)) + self.options.timeout
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
        for operation in arrival.alone {
            self.lanes.give_back(operation);
        }
        let mut fences: HashMap<&Id, usize> = HashMap::new();
        for id in arrival.unanswered.iter().flat_map(|one| &one.ids) {
            *fences.entry(id).or_default() += 1;
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
        self.fences
            .spawn(async move { collection.shut_out(unanswered, free).await });
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Ended(batch, operations) => {
                self.take_out(batch, &operations);
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
                    self.lanes.give_back(operation);
                }
                self.lanes.release(&id);
            }
            News::ShutOut(ids) => ids.iter().for_each(|id| self.lanes.lift(id)),
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
        self.accepted.retain(|operation| !operation.is_settled());
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
            .filter(|batch| batch.is_settled())
            .for_each(|batch| batch.recall.call());
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
        self.telling.take();
        self.batches.shutdown().await;
        self.fences.shutdown().await;
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
