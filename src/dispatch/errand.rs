//! One batch on its way, and what leaves it before it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::Id as TaskId;
use tokio::time::Instant;

use super::Completions;
use super::lanes::Kind;
use crate::batch::{self, Ended, Leave};
use crate::collection::{Collection, Trip};
use crate::error::Code;
use crate::operation::{Operation, Outcome};

/// A batch on its way.
pub struct Errand {
    /// Whose room it takes; operations that left a batch to go alone take none.
    pub kind: Option<Kind>,
    pub sent: Instant,
    /// On how many ids it was sent.
    pub ids: usize,
    pub operations: Vec<Arc<Operation>>,
}

/// Operations that leave a batch before it ends.
pub struct Leaving {
    pub batch: TaskId,
    pub operations: Vec<Arc<Operation>>,
    /// Whether they have ended, or go on alone.
    pub have_ended: bool,
}

impl Errand {
    /// It is then on its way only to shut out what it left unanswered.
    pub fn is_settled(&self) -> bool {
        self.operations
            .iter()
            .all(|operation| operation.is_settled())
    }
}

/// Gives how long the answer took, if there was one.
pub async fn run_batch(
    collection: Arc<Collection>,
    completions: Arc<dyn Completions>,
    exit: UnboundedSender<Leaving>,
    operations: Vec<Arc<Operation>>,
    touch_after: Duration,
    deadline: Instant,
) -> Option<Duration> {
    let sent = Instant::now();
    let trip = Trip::until(deadline);
    let door = Door {
        batch: tokio::task::id(),
        completions: &*completions,
        exit,
    };
    let batch = batch::Batch {
        collection: &collection,
        operations: &operations,
        touch_after,
        trip: &trip,
        leave: &door,
    };
    let ended = batch.run().await;
    let took = ended.iter().any(is_answer).then(|| sent.elapsed());
    report(&*completions, ended);
    collection.fence(trip).await;
    took
}

fn is_answer((_, outcome): &Ended) -> bool {
    match outcome {
        Outcome::Failed(failure) => !matches!(failure.code, Code::Timeout | Code::Unavailable),
        _ => true,
    }
}

/// By which operations leave a batch.
struct Door<'a> {
    batch: TaskId,
    completions: &'a dyn Completions,
    exit: UnboundedSender<Leaving>,
}

impl Door<'_> {
    fn leave(&self, operations: Vec<Arc<Operation>>, have_ended: bool) {
        // Fails only while the store ends, and all that it has accepted has.
        let _ = self.exit.send(Leaving {
            batch: self.batch,
            operations,
            have_ended,
        });
    }
}

impl Leave for Door<'_> {
    fn ended(&self, ended: Vec<Ended>) {
        let operations = ended.iter().map(|(operation, _)| operation.clone());
        let operations = operations.collect();
        report(self.completions, ended);
        self.leave(operations, true);
    }

    fn alone(&self, operations: &[Arc<Operation>]) {
        self.leave(operations.to_vec(), false);
    }
}

/// Hands over the outcomes of the operations that have none yet.
pub fn report(completions: &dyn Completions, ended: Vec<Ended>) {
    let ended = ended.into_iter();
    let unsettled: Vec<_> = ended
        .filter(|(operation, _)| operation.settle())
        .map(|(operation, outcome)| (operation.token, outcome))
        .collect();
    if !unsettled.is_empty() {
        completions.settled(unsettled);
    }
}
