//! The task behind a dispatcher.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id as TaskId, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::lanes::{Kind, Lanes};
use super::{Completions, Inbox};
use crate::batch;
use crate::collection::{self, Availability, Collection};
use crate::error::{Code, Failure};
use crate::operation::{Operation, Outcome};
use crate::options::Options;

/// How many batches of each kind may be on their way at once.
const IN_FLIGHT: usize = 4;

/// How exactly deadlines are kept while something is under way.
const TICK: Duration = Duration::from_millis(20);

/// The pause between attempts to resolve the address or to make the index.
const BACKGROUND_PAUSE: Duration = Duration::from_secs(1);

pub struct Worker {
    options: Options,
    inbox: Arc<Inbox>,
    completions: Arc<dyn Completions>,
    availability: Availability,
    lanes: Lanes,
    /// All that has not ended, oldest first: every operation has the same time, so the oldest is
    /// the first to run out of it.
    accepted: VecDeque<Arc<Operation>>,
    batches: JoinSet<()>,
    on_the_way: HashMap<TaskId, Batch>,
    in_flight: [usize; 3],
}

struct Batch {
    kind: Kind,
    operations: Vec<Arc<Operation>>,
}

impl Worker {
    pub fn new(options: Options, inbox: Arc<Inbox>, completions: Arc<dyn Completions>) -> Self {
        Worker {
            options,
            inbox,
            completions,
            availability: Availability::default(),
            lanes: Lanes::default(),
            accepted: VecDeque::new(),
            batches: JoinSet::new(),
            on_the_way: HashMap::new(),
            in_flight: [0; 3],
        }
    }

    pub async fn run(mut self) {
        let mut connecting = tokio::spawn(connect(
            self.options.clone(),
            self.availability.clone(),
            self.completions.clone(),
        ));
        let mut connected = None;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let inbox = self.inbox.clone();
        loop {
            let close = self.accept();
            if let Some(token) = close
                && self.lanes.is_empty()
            {
                connecting.abort();
                self.close(connected, token).await;
                return;
            }
            if let Some((collection, _)) = &connected {
                self.send(collection);
            }
            tokio::select! {
                () = inbox.wake.notified() => {}
                Some(ended) = self.batches.join_next_with_id() => self.end(ended),
                _ = tick.tick(), if !self.accepted.is_empty() => self.expire(),
                Ok(made) = &mut connecting, if connected.is_none() => {
                    let indexing = tokio::spawn(index(made.clone(), self.completions.clone()));
                    connected = Some((made, AbortOnDrop(indexing)));
                }
            }
        }
    }

    /// Takes what was submitted; gives the token of `close`, if it was called.
    fn accept(&mut self) -> Option<u32> {
        let mut queue = self.inbox.lock();
        let operations = std::mem::take(&mut queue.operations);
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
    fn send(&mut self, collection: &Arc<Collection>) {
        for kind in Kind::ALL {
            while self.in_flight[kind as usize] < IN_FLIGHT && self.lanes.has_ready(kind) {
                let operations = self.lanes.take(kind);
                if operations.is_empty() {
                    break;
                }
                let deadline = self.deadline(&operations);
                let task = self.batches.spawn(run_batch(
                    collection.clone(),
                    self.completions.clone(),
                    operations.clone(),
                    deadline,
                ));
                self.in_flight[kind as usize] += 1;
                self.on_the_way
                    .insert(task.id(), Batch { kind, operations });
            }
        }
    }

    /// A batch may use the time of its youngest operation; older ones expire by themselves.
    fn deadline(&self, operations: &[Arc<Operation>]) -> Instant {
        let youngest = operations.iter().map(|operation| operation.submitted).max();
        Instant::from_std(youngest.unwrap_or_else(std::time::Instant::now)) + self.options.timeout
    }

    fn end(&mut self, ended: Result<(TaskId, ()), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let Some(batch) = self.on_the_way.remove(&id) else {
            return;
        };
        self.in_flight[batch.kind as usize] -= 1;
        for operation in &batch.operations {
            self.lanes.release(&operation.id);
        }
        if ended.is_err() {
            let failure = Failure::new(Code::Server, "the store failed internally");
            let outcome = Outcome::Failed(failure);
            let outcomes = batch.operations.iter().map(|operation| operation.token);
            let outcomes = outcomes.map(|token| (token, outcome.clone())).collect();
            report(&*self.completions, &batch.operations, outcomes);
        }
    }

    /// Fails what has run out of time, queued or on the way.
    fn expire(&mut self) {
        let limit = match self.availability.is_available() {
            true => self.options.timeout,
            false => (self.options.server_selection_timeout).min(self.options.timeout),
        };
        let failure = match self.availability.is_available() {
            true => collection::timeout(limit),
            false => collection::unavailable(None),
        };
        let mut expired = Vec::new();
        while let Some(oldest) = self.accepted.front() {
            if !oldest.is_settled() {
                if oldest.age() < limit {
                    break;
                }
                expired.push(oldest.clone());
            }
            self.accepted.pop_front();
        }
        let outcomes = expired.iter().map(|operation| operation.token);
        let outcomes = outcomes.map(|token| (token, Outcome::Failed(failure.clone())));
        report(&*self.completions, &expired, outcomes.collect());
        for operation in expired {
            self.lanes.expire(&operation);
        }
    }

    async fn close(self, connected: Option<(Arc<Collection>, AbortOnDrop)>, token: u32) {
        if let Some((collection, indexing)) = connected {
            drop(indexing);
            collection.close().await;
        }
        self.completions.settled(vec![(token, Outcome::Closed)]);
    }
}

async fn run_batch(
    collection: Arc<Collection>,
    completions: Arc<dyn Completions>,
    operations: Vec<Arc<Operation>>,
    deadline: Instant,
) {
    let outcomes = batch::run(&collection, &operations, deadline).await;
    report(&*completions, &operations, outcomes);
}

/// Hands over the outcomes of the operations that have none yet.
fn report(
    completions: &dyn Completions,
    operations: &[Arc<Operation>],
    outcomes: Vec<(u32, Outcome)>,
) {
    let unsettled = operations.iter().zip(outcomes);
    let unsettled: Vec<_> = unsettled
        .filter(|(operation, _)| operation.settle())
        .map(|(_, outcome)| outcome)
        .collect();
    if !unsettled.is_empty() {
        completions.settled(unsettled);
    }
}

/// Makes the client. Only a name that does not resolve can delay that: operations wait meanwhile.
async fn connect(
    options: Options,
    availability: Availability,
    completions: Arc<dyn Completions>,
) -> Arc<Collection> {
    let mut warned = false;
    loop {
        match Collection::connect(&options, &availability).await {
            Ok(collection) => return collection,
            Err(failure) if !warned => completions.warning(failure),
            Err(_) => {}
        }
        warned = true;
        tokio::time::sleep(BACKGROUND_PAUSE).await;
    }
}

/// Makes the TTL index as soon as MongoDB is there.
async fn index(collection: Arc<Collection>, completions: Arc<dyn Completions>) {
    while let Err(failure) = collection.ensure_index().await {
        if failure.code != Code::Unavailable {
            let message = format!(
                "expired sessions stay stored, as their index could not be made: {}",
                failure.message
            );
            return completions.warning(Failure { message, ..failure });
        }
        tokio::time::sleep(BACKGROUND_PAUSE).await;
    }
    if let Ok(Some(name)) = collection.find_ttl_on_updated_at().await {
        completions.warning(Failure::new(
            Code::Options,
            format!(
                "the collection has an index ({name}) by which MongoDB removes sessions some time \
                 after `updatedAt`, as stores on Mongoose make it: sessions with a longer life end \
                 early until it is dropped"
            ),
        ));
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
