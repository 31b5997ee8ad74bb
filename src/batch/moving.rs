//! Moves a session from its former id to the hash of it, as its write: `home` says by which steps.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use mongodb::bson::RawDocument;
use mongodb::bson::oid::ObjectId;
use tokio::time::Instant;

use super::home::Mark;
use super::{Batch, Ended};
use crate::collection::{self, Command, Dates, Pending, Statement, StoredSession, Written};
use crate::error::Failure;
use crate::operation::{Action, Operation, Outcome};
use crate::record;

/// Whoever has put something there and not gone on for so long has stopped; or for a quarter of the time that
/// an operation has, where that is less.
const PATIENCE: Duration = Duration::from_millis(250);

const DUPLICATE_KEY: Option<i32> = Some(11000);

/// One write that moves its session.
#[derive(Default)]
pub struct Move {
    /// The latest.
    attempt: Option<ObjectId>,
    /// What somebody else has there, and since when this has seen it.
    seen: Option<(Mark, Instant)>,
}

/// What a move begins with: the record under the former id, what others may have left under the hash,
/// and the session as it is to be there.
pub struct Step<'a> {
    pub former: &'a RawDocument,
    pub pending: Option<&'a RawDocument>,
    pub session: StoredSession<'a>,
    pub dates: Dates,
}

impl Move {
    fn has_left(&self, pending: Mark) -> bool {
        self.attempt.is_some() && pending == Mark::Pending(self.attempt)
    }

    /// Whether whoever has put this there is taken to have stopped.
    fn has_waited_for(&mut self, pending: Mark, patience: Duration) -> bool {
        match self.seen {
            Some((seen, since)) if seen == pending => since.elapsed() >= patience,
            _ => {
                self.seen = Some((pending, Instant::now()));
                false
            }
        }
    }
}

impl Batch<'_> {
    /// Tells whether it is done; if not, others have done something, and it is to be looked at again.
    pub(super) async fn move_here(
        &self,
        operation: &Operation,
        state: &mut Move,
        step: Step<'_>,
    ) -> Result<bool, Failure> {
        let (id, Some(former_id)) = (&operation.id, &operation.former) else {
            return Ok(false);
        };
        let Step {
            mut former,
            pending,
            mut session,
            dates,
        } = step;
        let renewed;
        if let Some(mark) = pending.map(Mark::of).filter(|mark| !state.has_left(*mark)) {
            let patience = PATIENCE.min(self.collection.timeout() / 4);
            if !state.has_waited_for(mark, patience) {
                return Ok(false);
            }
            let take_over;
            (take_over, renewed) = collection::take_over(id, (former_id, former));
            if !self.write_one(take_over).await? {
                return Ok(false);
            }
            former = &renewed;
        }
        let left = pending.and_then(|pending| pending.get(record::PENDING).ok().flatten());
        let attempt = ObjectId::new();
        state.attempt = Some(attempt);
        let begun = record::pending(attempt, former_id);
        session.pending = Pending::Begun(&begun);
        let begin = collection::begin_move(id, former, &session, dates, (&begun, left));
        match self.write_one(begin).await {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(failure) if failure.mongo_code == DUPLICATE_KEY => return Ok(false),
            Err(failure) => return Err(failure),
        }
        let mark = collection::mark_moved(id, (former_id, former), attempt, dates);
        let is_moved = self.write_one(mark).await?;
        if is_moved {
            // Written it is, whatever is found there now. Until that is sure the mark is needed.
            let end = collection::end_move(id, attempt);
            if self.write_one(end).await? {
                self.forget_mark(operation).await;
            }
        }
        Ok(is_moved)
    }

    /// The move has ended: whoever comes now finds the session under the hash.
    pub(super) async fn forget_mark(&self, operation: &Operation) {
        if let Some(former) = &operation.former {
            // The mark harms nobody, and ends with the session at the latest.
            let timeout = self.collection.timeout();
            let expire = collection::expire_mark(&operation.id, former, timeout);
            let _ = self.write_one(expire).await;
        }
    }

    /// The session is under the hash, and somebody has not deleted what was under its former id. Nobody reads
    /// that while the session is there, and the next read finds it again.
    pub(super) async fn forget_remains(&self, operation: &Operation) -> Result<(), Failure> {
        if let Some(former) = &operation.former {
            // Not what says that it has been moved meanwhile: that is needed.
            let delete = collection::delete_former(&operation.id, former, None, None)?;
            self.send_one(Command::Delete, delete).await?;
        }
        Ok(())
    }

    /// There is no session: nor is there what this put there.
    pub(super) async fn abandon(&self, operation: &Operation, state: &Move) {
        if let Some(attempt) = state.attempt {
            // It is no session, and ends as one.
            let statement = collection::abandon_move(&operation.id, attempt);
            let _ = self.send_one(Command::Delete, statement).await;
        }
    }

    async fn write_one(&self, statement: Statement) -> Result<bool, Failure> {
        self.send_one(Command::Update, statement).await
    }

    /// Whether it found its record.
    pub(super) async fn send_one(
        &self,
        command: Command,
        statement: Statement,
    ) -> Result<bool, Failure> {
        let mut write = (self.collection)
            .write(command, vec![statement], self.trip)
            .await;
        let answer = write.next().await;
        let written = answer.and_then(|answer| answer.into_written().next());
        match written.map(|(_, written)| written) {
            Some(Written::Failed(failure)) => Err(failure),
            Some(Written::Matched | Written::Created) => Ok(true),
            _ => Ok(false),
        }
    }

    /// Deletes what sessions that were written whole have left under their former ids: each is told as soon
    /// as its own is deleted.
    pub(super) async fn forget_formers(&self, wholes: Vec<Ended>) -> Vec<Ended> {
        let delete = |(operation, _): &Ended| {
            let former = operation.former.as_ref()?;
            Some(collection::delete(&operation.id, former))
        };
        let statements = wholes.iter().filter_map(delete).collect();
        let write = (self.collection).write(Command::Delete, statements, self.trip);
        let answers = write.await.into_answers();
        let ends = answers.map(async |answer| {
            let is_last = answer.is_last;
            let ends = answer.into_written().map(async |(place, written)| {
                let (operation, outcome) = &wholes[place];
                let failure = match (written, delete(&wholes[place])) {
                    (Written::Later, _) => return None,
                    (Written::Failed(failure), _) => Some(failure),
                    (Written::Alone, Some(delete)) => {
                        self.send_one(Command::Delete, delete).await.err()
                    }
                    _ => None,
                };
                let outcome = failure.map_or(outcome.clone(), Outcome::Failed);
                Some((operation.clone(), outcome))
            });
            let ended = join_all(ends).await;
            (ended.into_iter().flatten().collect(), is_last)
        });
        self.tell_each(ends).await
    }
}

/// Whether it is written whole, and so perhaps leaves something behind.
pub(super) fn leaves_former((operation, outcome): &Ended) -> bool {
    let is_whole = matches!(operation.action, Action::Set { read: None, .. });
    is_whole && operation.former.is_some() && !matches!(outcome, Outcome::Failed(_))
}
