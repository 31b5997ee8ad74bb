//! A watch: follows what happens to sessions, for as long as somebody wants to know.
//!
//! It reads ahead of whoever asks by [`AHEAD`] changes, and waits then: MongoDB keeps what comes later.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::RawDocumentBuf;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::connection::Connection;
use super::errand::report;
use super::worker::Worker;
use super::{Completions, runtime};
use crate::collection::{Changes, Collection};
use crate::error::Failure;
use crate::operation::{Action, Change, Id, Operation, Outcome, Told};
use crate::record;

const AHEAD: usize = 1024;

/// Where the changes of one watch arrive. Dropping it ends the watch.
pub struct Watched {
    arriving: Mutex<Arriving>,
    ended: Notify,
}

struct Arriving {
    changes: Receiver<Result<Change, Failure>>,
    /// Why there are no more.
    failure: Option<Failure>,
}

impl Watched {
    /// With the sender that a watch is to be given.
    pub fn new() -> (Self, Sender<Result<Change, Failure>>) {
        let (sender, changes) = mpsc::channel(AHEAD);
        let arriving = Arriving {
            changes,
            failure: None,
        };
        let watched = Watched {
            arriving: Mutex::new(arriving),
            ended: Notify::new(),
        };
        (watched, sender)
    }

    /// Whoever waits for changes gets none any more.
    pub fn end(&self) {
        self.ended.notify_one();
    }

    /// Waits for changes. [`Outcome::Closed`]: there will be none.
    async fn next(&self) -> Outcome {
        let mut arriving = self.arriving.lock().await;
        tokio::select! {
            () = self.ended.notified() => Outcome::Closed,
            outcome = arriving.next() => outcome,
        }
    }
}

impl Arriving {
    async fn next(&mut self) -> Outcome {
        let mut arrived = Vec::new();
        if self.failure.is_none() {
            self.changes.recv_many(&mut arrived, AHEAD).await;
        }
        let mut changes = Vec::with_capacity(arrived.len());
        for change in arrived {
            match change {
                Ok(change) => changes.push(change),
                Err(failure) => self.failure = Some(failure),
            }
        }
        if !changes.is_empty() {
            return Outcome::Changed(changes);
        }
        (self.failure.take()).map_or(Outcome::Closed, Outcome::Failed)
    }
}

/// Settles `token` with what happens next.
pub fn next(
    watched: Arc<Watched>,
    token: u32,
    completions: Arc<dyn Completions>,
) -> Result<(), Failure> {
    runtime()?.spawn(async move {
        let outcome = watched.next().await;
        completions.settled(vec![Told::of(token, outcome)]);
    });
    Ok(())
}

impl Worker {
    /// Begins what was called before the store was connected, or now. Who has left meanwhile keeps nobody
    /// waiting.
    pub(super) fn begin_watches(&mut self) {
        let completions = &self.completions;
        self.wide.to_watch.retain(|operation| {
            let is_left = is_left(operation);
            if is_left {
                report(&**completions, vec![(operation.clone(), Outcome::Closed)]);
            }
            !is_left
        });
        let Connection::Ready { collection, .. } = &self.connection else {
            return;
        };
        for operation in std::mem::take(&mut self.wide.to_watch) {
            let deadline = Instant::from_std(operation.submitted + self.options.timeout);
            let (collection, completions) = (collection.clone(), self.completions.clone());
            completions.stats().send(&operation, 1);
            let timeout = self.options.timeout;
            (self.wide.watches).spawn(follow(
                collection,
                completions,
                operation,
                deadline,
                timeout,
            ));
        }
    }
}

/// Whether nobody will ask it for changes.
fn is_left(operation: &Operation) -> bool {
    match &operation.action {
        Action::Watch { changes, .. } => changes.is_closed(),
        _ => true,
    }
}

async fn follow(
    collection: Arc<Collection>,
    completions: Arc<dyn Completions>,
    operation: Arc<Operation>,
    deadline: Instant,
    timeout: Duration,
) {
    let Action::Watch { filter, changes } = &operation.action else {
        return;
    };
    let followed = tokio::select! {
        () = changes.closed() => {
            return report(&*completions, vec![(operation.clone(), Outcome::Closed)]);
        }
        followed = Changes::open(collection.clone(), filter.clone(), deadline) => followed,
    };
    if operation.is_answered() {
        return; // out of time
    }
    let (mut followed, outcome) = match followed {
        Ok(followed) => (Some(followed), Outcome::Watching),
        Err(failure) => (None, Outcome::Failed(failure)),
    };
    report(&*completions, vec![(operation.clone(), outcome)]);
    while let Some(followed) = &mut followed {
        let change = tokio::select! {
            () = changes.closed() => return,
            change = followed.next() => change,
        };
        let change = match change {
            Ok(change) => told(&collection, change, timeout).await.map(Ok),
            Err(failure) => Some(Err(failure)),
        };
        let Some(change) = change else { continue };
        let is_last = change.is_err();
        if changes.send(change).await.is_err() || is_last {
            return;
        }
    }
}

/// The change as it is told: by the session's stored id, also where its record had the plain one. There what
/// is left of a session goes away once that was moved, which is not its end.
async fn told(collection: &Collection, change: Change, timeout: Duration) -> Option<Change> {
    let (kind, id): (fn(Id) -> Change, &Id) = match &change {
        Change::Created(id) => (Change::Created, id),
        Change::Updated(id) => (Change::Updated, id),
        Change::Destroyed(id) => (Change::Destroyed, id),
        Change::Expired(id) => (Change::Expired, id),
        Change::Gap => return Some(change),
    };
    let Some(stored) = collection.stored_id(id) else {
        return Some(change);
    };
    if matches!(change, Change::Destroyed(_) | Change::Expired(_)) {
        let ids = [stored.clone()];
        let is_moved = |record: &RawDocumentBuf| matches!(record.get(record::PENDING), Ok(None));
        match collection.find_latest(&ids, Instant::now() + timeout).await {
            Ok(found) if found.iter().any(is_moved) => return None,
            Ok(_) => {}
            // Nobody can say which it was.
            Err(_) => return Some(Change::Gap),
        }
    }
    Some(kind(stored))
}
