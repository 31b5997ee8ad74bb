//! The commands of one batch: until when they may be sent, when to ask whether the server answers
//! others, and what is left behind unanswered.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::ClientSession;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::Sent;
use crate::collection::Collection;
use crate::collection::failure::Sorted;
use crate::operation::Id;

/// How long an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To a command, where many are answered that were sent well after it.
    pub whole: Duration,
    /// To a command, where there are no such others, but the server answers when asked.
    pub long: Duration,
    /// To all parts of a command together that got none as a whole, if all were answered.
    pub part: Duration,
}

pub struct Trip {
    pub deadline: Instant,
    pub(in crate::collection) patience: Patience,
    was_held_up: AtomicBool,
    recall: Recall,
    left_behind: Mutex<LeftBehind>,
}

#[derive(Default)]
struct LeftBehind {
    /// Of these ids something that was sent may still be executed.
    late: HashSet<Id>,
    unanswered: Vec<Unanswered>,
}

/// Writes of one driver session that MongoDB may have received, or may still receive.
pub struct Unanswered {
    pub(in crate::collection) session: ClientSession,
    pub late: Vec<Late>,
}

/// A statement that may still be executed.
#[derive(Debug, Clone)]
pub struct Late {
    /// Of the session.
    pub id: Id,
    /// Of the record.
    pub(in crate::collection) at: Id,
}

/// Why a command is not waited for any longer.
pub enum Stopped {
    /// It gets no answer while the server answers others.
    HeldUp,
    /// Nobody waits for its outcome, and it has not left.
    Recalled,
}

/// Calls back what has not left.
#[derive(Debug, Default, Clone)]
pub struct Recall(Arc<(AtomicBool, Notify)>);

impl Recall {
    pub fn call(&self) {
        self.0.0.store(true, Ordering::Release);
        self.0.1.notify_one();
    }

    async fn called(&self) {
        while !self.0.0.load(Ordering::Acquire) {
            self.0.1.notified().await;
        }
    }
}

impl Trip {
    pub fn new(deadline: Instant, patience: Patience) -> Self {
        Trip {
            deadline,
            patience,
            was_held_up: AtomicBool::new(false),
            recall: Recall::default(),
            left_behind: Mutex::default(),
        }
    }

    pub fn recall(&self) -> Recall {
        self.recall.clone()
    }

    /// Whether a command of the trip waited for its answer while the server answered others.
    pub fn was_held_up(&self) -> bool {
        self.was_held_up.load(Ordering::Relaxed)
    }

    /// Whether something that was sent of this session may still be executed.
    pub fn may_be_late(&self, id: &Id) -> bool {
        self.left_behind().late.contains(id)
    }

    pub fn into_unanswered(self) -> Vec<Unanswered> {
        let left_behind = self.left_behind.into_inner();
        (left_behind.unwrap_or_else(PoisonError::into_inner)).unanswered
    }

    pub(in crate::collection) fn is_late(&self, id: Id) {
        self.left_behind().late.insert(id);
    }

    pub(in crate::collection) fn leave_behind(&self, unanswered: Unanswered) {
        self.left_behind().unanswered.push(unanswered);
    }

    fn left_behind(&self) -> MutexGuard<'_, LeftBehind> {
        (self.left_behind.lock()).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an answer to a command about so many sessions. Where the server answers others, gives up on
    /// it if `gives_up`.
    pub(in crate::collection) async fn wait<T>(
        &self,
        collection: &Collection,
        size: usize,
        gives_up: impl Fn() -> bool,
        sent: &Sent,
        answer: impl Future<Output = Result<T, Sorted>>,
    ) -> Result<Result<T, Sorted>, Stopped> {
        let mut answer = pin!(answer);
        let began = Instant::now();
        let command = collection.order.next();
        let Patience { whole, long, .. } = self.patience;
        let mut sent_since = None;
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => {
                    // A connection that broke says nothing of the server.
                    let is_answer = match &answer {
                        Ok(_) => true,
                        Err(sorted) => sorted.failure.mongo_code.is_some(),
                    };
                    if is_answer {
                        collection.order.answered(command, size);
                    }
                    return Ok(answer);
                }
                () = self.recall.called(), if !sent.has_left() => match sent.has_left() {
                    true => continue, // since this began to wait
                    false => return Err(Stopped::Recalled),
                },
                () = sleep(whole / 2) => {}
            }
            let Some(commands) = sent_since else {
                sent_since = Some(collection.order.next());
                continue;
            };
            // A busy server takes longer for all: only who is overtaken is held up.
            let mut is_held_up = collection.order.has_overtaken(commands, size);
            if !is_held_up && began.elapsed() >= long {
                is_held_up = tokio::select! {
                    biased;
                    answer = &mut answer => return Ok(answer),
                    answers = collection.answers_within(long) => answers,
                };
            }
            if is_held_up {
                self.was_held_up.store(true, Ordering::Relaxed);
                if gives_up() {
                    return Err(Stopped::HeldUp);
                }
            }
        }
    }
}
