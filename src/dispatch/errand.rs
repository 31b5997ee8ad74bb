//! One batch on its way, and what leaves it before it ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::Id as TaskId;
use tokio::time::Instant;

use super::Completions;
use super::doubts::Doubt;
use super::lanes::Route;
use crate::batch::{self, Ended, Leave};
use crate::collection::{Collection, Recall, Trip, Unanswered};
use crate::error::Code;
use crate::operation::{Id, Operation, Outcome, Start, SweepNumber};

/// A batch on its way.
pub struct Errand {
    pub route: Route,
    pub sent: Instant,
    /// On how many ids it was sent.
    pub ids: usize,
    pub operations: Vec<Arc<Operation>>,
    /// Ends it where nothing of it has left yet.
    pub recall: Recall,
}

impl Errand {
    /// Nobody waits for it any more.
    pub fn is_answered(&self) -> bool {
        self.operations
            .iter()
            .all(|operation| operation.is_answered())
    }
}

/// What batches and fences tell the worker before they end.
pub enum News {
    /// These operations of a batch have ended, and nothing of them is on its way any more.
    Ended(TaskId, Vec<Arc<Operation>>),
    /// These of a batch, all on one id, go on alone: of their own accord, or since some of the batch
    /// get no answer.
    Alone(TaskId, Vec<Arc<Operation>>, Option<Doubt>),
    /// What may be executed of these ids was shut out.
    ShutOut(Vec<Id>),
    /// A sweep needs the page behind this id.
    Find(SweepNumber, Start),
    /// A sweep has found these.
    Found(SweepNumber, Vec<Id>),
    Swept(SweepNumber),
}

/// How a batch ended.
pub struct Arrival {
    pub is_answered: bool,
    /// How long the answer took, where nobody was left without one.
    pub took: Option<Duration>,
    /// What MongoDB may still execute.
    pub unanswered: Vec<Unanswered>,
    /// Operations that go on alone, once what may still be executed of them is shut out.
    pub alone: Vec<Arc<Operation>>,
    /// Operations that got no answer, while MongoDB answered others.
    pub silent: Vec<Arc<Operation>>,
}

pub async fn run_batch(
    collection: Arc<Collection>,
    completions: Arc<dyn Completions>,
    news: UnboundedSender<News>,
    operations: Vec<Arc<Operation>>,
    touch_after: Duration,
    trip: Trip,
) -> Arrival {
    let sent = Instant::now();
    let door = Door {
        batch: tokio::task::id(),
        completions: &*completions,
        news,
        trip: &trip,
        alone: Mutex::default(),
    };
    let batch = batch::Batch {
        collection: &collection,
        operations: &operations,
        touch_after,
        trip: &trip,
        leave: &door,
    };
    let ended = batch.run().await;
    let was_held_up = trip.was_held_up();
    let is_answered = ended.iter().any(is_answer);
    let silent: Vec<_> = (ended.iter())
        .filter(|ended| was_held_up && !is_answer(ended))
        .map(|(operation, _)| operation.clone())
        .collect();
    report(&*completions, ended);
    let alone = (door.alone.into_inner()).unwrap_or_else(PoisonError::into_inner);
    Arrival {
        is_answered,
        took: (is_answered && silent.is_empty()).then(|| sent.elapsed()),
        unanswered: trip.into_unanswered(),
        alone,
        silent,
    }
}

fn is_answer((_, outcome): &Ended) -> bool {
    match outcome {
        Outcome::Failed(failure) => !matches!(failure.code, Code::Timeout | Code::Unavailable),
        _ => true,
    }
}

/// By which operations leave a batch. What the batch has sent of them may be late: then they wait
/// inside until that is shut out.
struct Door<'a> {
    batch: TaskId,
    completions: &'a dyn Completions,
    news: UnboundedSender<News>,
    trip: &'a Trip,
    alone: Mutex<Vec<Arc<Operation>>>,
}

impl Leave for Door<'_> {
    fn ended(&self, ended: Vec<Ended>) {
        let operations = ended.iter().map(|(operation, _)| operation.clone());
        let free = operations.filter(|operation| !self.trip.may_be_late(&operation.id));
        let free = free.collect();
        report(self.completions, ended);
        // Fails only while the store ends, and all that it has accepted has.
        let _ = self.news.send(News::Ended(self.batch, free));
    }

    fn alone(&self, operations: &[Arc<Operation>]) {
        let is_late = |operation: &Arc<Operation>| self.trip.may_be_late(&operation.id);
        if operations.first().is_some_and(is_late) {
            let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
            alone.extend_from_slice(operations);
        } else {
            let doubt = self.trip.was_held_up().then_some(Doubt::Neighbour);
            let _ = (self.news).send(News::Alone(self.batch, operations.to_vec(), doubt));
        }
    }
}

/// Hands over the outcomes of the operations that have none yet.
pub fn report(completions: &dyn Completions, ended: Vec<Ended>) {
    let (stats, now) = (completions.stats(), std::time::Instant::now());
    let ended = ended.into_iter();
    let unanswered: Vec<_> = ended
        .filter(|(operation, outcome)| operation.claim_answer(outcome))
        .inspect(|(operation, outcome)| stats.end(operation, outcome, now))
        .filter_map(|(operation, outcome)| operation.tell(outcome))
        .collect();
    if !unanswered.is_empty() {
        completions.settled(unanswered);
    }
}
