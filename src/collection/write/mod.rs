//! The `update` and `delete` commands, many statements in one. A statement that may succeed alone
//! is left to the caller, so that the others need not wait for it.
//!
//! The driver has no helper that sends many updates to servers before 8.0, so the commands are
//! built here. They carry a transaction number as the driver's own retryable writes do: MongoDB
//! remembers of each statement, by its place in the command, that it was executed under the number
//! of its session, and does not execute it again when the command is repeated, which would
//! otherwise undo what somebody else wrote in between.
//!
//! | the command                | with a number                      | without                        |
//! |----------------------------|------------------------------------|--------------------------------|
//! | never left                 | is sent again                      | is sent again                  |
//! | was refused before it began | is sent again where that may help | is sent again where that may help |
//! | was refused for the sake of its number ([`numbers`]) | is sent again without | |
//! | got no answer, or one that leaves open what was executed | is sent again; what is left of it in the end is shut out ([`fence`]) | fails |
//! | gets no answer while the server answers others | is sent again in parts | fails at its deadline |

mod body;
mod fence;
mod numbers;
pub mod reply;
mod sessions;

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::ops::Range;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use mongodb::ClientSession;
use tokio::time::{Instant, timeout};

use super::Collection;
use super::command::{Attempts, Late, Sent, Stopped, Trip, Unanswered};
use super::failure::{DUPLICATE_KEY, Sorted, blames_a_session};
use super::statement::Statement;
use crate::error::Failure;

use body::how_many_fit;
pub use body::write_concern_document;
pub use numbers::Numbers;
use reply::Reply;
pub use reply::Written;

/// A part of a command is not given up on sooner.
const LEAST_PATIENCE: Duration = Duration::from_millis(25);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Update,
    Delete,
}

/// A command of many statements, each on a document of its own, in any order. It is answered in
/// parts: mostly in one.
pub struct Write<'a> {
    collection: &'a Collection,
    trip: &'a Trip,
    command: Command,
    statements: Vec<Statement>,
    /// Those that did not fit into the command.
    unsent: Range<usize>,
    /// Without one, the commands carry no number.
    session: Option<ClientSession>,
    number: i64,
    /// The statements that have not been answered, as they are to be sent.
    parts: VecDeque<Range<usize>>,
    attempts: Attempts<'a>,
    /// How often a single statement got no answer: each time the next is waited for longer.
    disappointments: u32,
    /// Whether something was sent that may still be executed.
    is_exposed: bool,
    late: Vec<Late>,
    has_collided: bool,
}

/// What became of some of a command's statements.
pub struct Answer {
    pub statements: Range<usize>,
    pub written: Result<Vec<Written>, Failure>,
    /// No other statement of the command is left to be answered.
    pub is_last: bool,
}

impl Answer {
    /// Each statement's place and what became of it.
    pub fn into_written(self) -> impl Iterator<Item = (usize, Written)> {
        let written = match self.written {
            Ok(written) => written,
            Err(failure) => vec![Written::Failed(failure); self.statements.len()],
        };
        self.statements.zip(written)
    }
}

impl Collection {
    /// Does nothing by itself: [`Write::next`] does.
    pub async fn write<'a>(
        &'a self,
        command: Command,
        statements: Vec<Statement>,
        trip: &'a Trip,
    ) -> Write<'a> {
        let fitting = how_many_fit(&statements);
        let session = match fitting {
            0 => None,
            _ => self.take_session().await,
        };
        Write {
            collection: self,
            trip,
            command,
            unsent: fitting..statements.len(),
            parts: (fitting > 0).then_some(0..fitting).into_iter().collect(),
            statements,
            session,
            number: self.next_transaction_number(),
            attempts: self.attempts(trip.deadline),
            disappointments: 0,
            is_exposed: false,
            late: Vec::new(),
            has_collided: false,
        }
    }
}

impl<'a> Write<'a> {
    /// All of them, as they come: what is waited for before the next is asked for need not end first.
    pub fn into_answers(self) -> impl Stream<Item = Answer> {
        stream::unfold(Box::new(self), async |mut write| {
            let answer = write.next().await?;
            Some((answer, write))
        })
    }
}

impl Write<'_> {
    /// The next statements that are answered; `None` after the last.
    pub async fn next(&mut self) -> Option<Answer> {
        if !self.unsent.is_empty() {
            let statements = std::mem::replace(&mut self.unsent, 0..0);
            return Some(Answer {
                written: Ok(vec![Written::Alone; statements.len()]),
                statements,
                is_last: false,
            });
        }
        loop {
            let part = self.parts.pop_front()?;
            let written = match self.attempt(&part).await {
                Ok(Ok(reply)) => self.read(&part, reply).await.map(Ok),
                Ok(Err(sorted)) => Box::pin(self.refused(&part, sorted)).await,
                Err(Stopped::HeldUp) => {
                    self.divide(part.clone());
                    None
                }
                Err(Stopped::Recalled) => Some(Err(self.collection.out_of_time())),
            };
            if let Some(written) = written {
                return Some(self.answer(part, written));
            }
        }
    }

    async fn attempt(&mut self, part: &Range<usize>) -> Result<Result<Reply, Sorted>, Stopped> {
        let collection = self.collection;
        let deadline = self.trip.deadline;
        if Instant::now() >= deadline {
            return Ok(Err(Sorted::last(collection.out_of_time())));
        }
        let run = collection.database.run_raw_command(self.body(part));
        let has_number = self.session.is_some();
        let has_others = part.len() > 1 || !self.parts.is_empty();
        // Asked when it is needed: a store that has just begun may not know yet.
        let is_divisible = || has_number && has_others && collection.may_divide();
        let patience = self.patience(part);
        let run = match self.session.as_mut() {
            Some(session) => run.session(session).into_future(),
            None => run.into_future(),
        };
        let sent = Sent::default();
        let answer = sent.watch(collection.in_time(deadline, run));
        let is_part = self.is_exposed && self.trip.was_held_up() && is_divisible();
        let answer = match is_part {
            true => timeout(patience, answer)
                .await
                .map_err(|_| Stopped::HeldUp)?,
            false => {
                (self.trip)
                    .wait(collection, part.len(), is_divisible, &sent, answer)
                    .await?
            }
        };
        let reply = answer.and_then(|reply| Reply::parse(&reply, part.end));
        Ok(reply.map_err(|sorted| Sorted {
            unanswered: sorted.unanswered && sent.has_left(),
            ..sorted
        }))
    }

    /// How long a part of a command is waited for that got no answer as a whole.
    fn patience(&self, part: &Range<usize>) -> Duration {
        let share = self.trip.patience.part * part.len() as u32 / self.statements.len() as u32;
        share.max(LEAST_PATIENCE) * 2_u32.saturating_pow(self.disappointments.min(16))
    }

    /// Some of it gets no answer: who that is shows when they are sent apart. The statements keep
    /// their places in the command, by which MongoDB knows what it has executed already.
    fn divide(&mut self, part: Range<usize>) {
        self.is_exposed = true;
        self.collection.stats.retry();
        let middle = part.start + part.len() / 2;
        if part.len() > 1 {
            self.parts.extend([part.start..middle, middle..part.end]);
        } else {
            self.disappointments += 1;
            self.parts.push_back(part);
        }
    }

    /// What an answer says of the statements; `None` if it is to be asked for again.
    async fn read(&mut self, part: &Range<usize>, mut reply: Reply) -> Option<Vec<Written>> {
        if reply.made_some() {
            self.collection.made.notify_one();
        }
        if self.statements.len() == 1
            && let Some((_, sorted)) = reply.failed.pop()
        {
            let failure = Box::pin(self.fail_alone(part, sorted)).await?;
            return Some(vec![Written::Failed(failure)]);
        }
        let failed = reply.failed.iter();
        let unknown = failed.filter(|(place, sorted)| sorted.unanswered && part.contains(place));
        let unknown: Vec<usize> = unknown.map(|(place, _)| *place).collect();
        self.is_exposed |= !unknown.is_empty();
        let are_repeated =
            !unknown.is_empty() && self.are_numbers_kept().await && self.attempts.pause().await;
        if are_repeated {
            let parts = unknown.into_iter().map(|place| place..place + 1);
            self.parts.extend(parts);
        }
        let is_alone = self.statements.len() == 1;
        Some(reply.written(part.clone(), are_repeated, is_alone))
    }

    /// The command has failed as a whole. If that is for the sake of its number, it goes without; if it
    /// is for the sake of one of its statements, and none was executed, each goes alone.
    async fn refused(
        &mut self,
        part: &Range<usize>,
        sorted: Sorted,
    ) -> Option<Result<Vec<Written>, Failure>> {
        let (collection, deadline) = (self.collection, self.trip.deadline);
        let is_numbered = self.session.is_some() && !self.is_exposed;
        if is_numbered && collection.refuses_number(&sorted, deadline).await {
            collection.give_back(self.session.take());
            self.parts.push_front(part.clone());
            return None;
        }
        let was_executed = sorted.unanswered;
        let failure = self.fail(part, sorted).await?;
        let go_alone = part.len() > 1 && !was_executed && blames_a_session(&failure);
        Some(match go_alone {
            true => Ok(vec![Written::Alone; part.len()]),
            false => Err(failure),
        })
    }

    /// MongoDB has refused the only statement: it is sent again where that may help.
    async fn fail_alone(&mut self, part: &Range<usize>, sorted: Sorted) -> Option<Failure> {
        // Two stores that make the same session at once collide, and the second attempt finds it.
        // Who collides again does so with a unique index of the application.
        let collides = sorted.failure.mongo_code == Some(DUPLICATE_KEY);
        if collides && self.has_collided {
            return Some(sorted.failure);
        }
        self.has_collided |= collides;
        self.fail(part, sorted).await
    }

    /// Why the statements fail; `None` if they are to be sent again.
    async fn fail(&mut self, part: &Range<usize>, sorted: Sorted) -> Option<Failure> {
        self.is_exposed |= sorted.unanswered;
        // Executed or not: only a number says.
        let may_be_repeated = !sorted.unanswered || self.are_numbers_kept().await;
        let given_up = match may_be_repeated {
            true => self.attempts.again(sorted).await.err(),
            false => Some(sorted.failure),
        };
        if let Some(failure) = given_up {
            return Some(self.collection.availability.retell(failure));
        }
        self.parts.push_front(part.clone());
        None
    }

    async fn are_numbers_kept(&self) -> bool {
        self.session.is_some() && self.collection.numbers.are_kept(self.trip.deadline).await
    }

    fn answer(
        &mut self,
        statements: Range<usize>,
        written: Result<Vec<Written>, Failure>,
    ) -> Answer {
        if self.is_exposed && self.session.is_some() {
            self.note_late(&statements, &written);
        }
        let is_last = self.parts.is_empty();
        if is_last {
            self.end();
        }
        Answer {
            statements,
            written,
            is_last,
        }
    }

    /// Of what it has executed MongoDB knows the number, and does not execute it again. Of the rest
    /// something that was sent and not answered may still arrive.
    fn note_late(&mut self, statements: &Range<usize>, written: &Result<Vec<Written>, Failure>) {
        for place in statements.clone() {
            let is_known = match written {
                Ok(written) => matches!(
                    written[place - statements.start],
                    Written::Matched | Written::Created | Written::Later
                ),
                Err(_) => false,
            };
            if !is_known {
                let Statement { id, at, .. } = &self.statements[place];
                let (id, at) = (id.clone(), at.clone());
                self.trip.is_late(id.clone());
                self.late.push(Late { id, at });
            }
        }
    }

    fn end(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        if self.late.is_empty() {
            self.collection.give_back(Some(session));
        } else {
            let late = std::mem::take(&mut self.late);
            self.trip.leave_behind(Unanswered { session, late });
        }
    }
}

impl Collection {
    /// Only where MongoDB says which statements it had executed before: they count in its answer,
    /// also where others stand in their places.
    fn may_divide(&self) -> bool {
        self.numbers.are_known_to_be_kept() && self.availability.names_repeated_statements()
    }
}
