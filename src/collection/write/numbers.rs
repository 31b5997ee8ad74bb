//! Whether the deployment has transaction numbers, by which a write can be repeated and a late one be
//! shut out.
//!
//! A standalone server, and some that are compatible with MongoDB, refuse them, each by a code and in
//! words of its own. Others take them and do not heed them, which shows in nothing but what goes wrong:
//! a repeated write is executed again. So the store asks, by commands that change nothing:
//!
//! | what the server does                                            | numbers are  |
//! |-----------------------------------------------------------------|--------------|
//! | after a number it refuses a lower one (225)                     | kept         |
//! | after a number it takes a lower one                             | absent       |
//! | it refuses a number, takes the same without, and refuses it again | absent     |
//! | anything else: no answer, or a refusal of the same without      | not known yet |

use std::future::IntoFuture;
use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::raw::cstr;
use mongodb::bson::rawdoc;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::collection::failure::{self, Sorted};
use crate::collection::{Collection, blames_a_session, statement};
use crate::error::{Code, Failure};

/// MongoDB's code for a number that is lower than the latest of its session.
const TRANSACTION_TOO_OLD: i32 = 225;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not known yet: numbers are sent, and nothing relies on them.
    Unknown,
    Kept,
    Absent(Absence),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// The application has said so (`retryWrites=false`).
    Told,
    /// They are taken and not heeded.
    Ignored,
    /// What carries one is refused, by this code.
    Refused(Option<i32>),
}

pub struct Numbers {
    state: watch::Sender<State>,
    asking: Mutex<Asking>,
}

#[derive(Default)]
struct Asking {
    /// Stays where no answer comes: a connection that breaks does not set it back.
    question: Option<Question>,
    /// The latest code that a write was refused by and that proved to be no refusal of its number.
    innocent: Option<i32>,
}

/// A number, the same again, and a lower one.
struct Question {
    session: ClientSession,
    lower: i64,
    number: i64,
    /// How often it was sent, and how much of that was taken.
    sent: u32,
    taken: u32,
}

impl Numbers {
    /// `wanted`: unless the application has said that there are none (`retryWrites=false`).
    pub fn new(wanted: bool) -> Self {
        let state = match wanted {
            true => State::Unknown,
            false => State::Absent(Absence::Told),
        };
        Numbers {
            state: watch::Sender::new(state),
            asking: Mutex::default(),
        }
    }

    fn state(&self) -> State {
        *self.state.borrow()
    }

    pub fn are_absent(&self) -> bool {
        matches!(self.state(), State::Absent(_))
    }

    pub fn are_known_to_be_kept(&self) -> bool {
        self.state() == State::Kept
    }

    /// Whether a write may be repeated under its number. Waits until that is known.
    pub async fn are_kept(&self, deadline: Instant) -> bool {
        let known = timeout_at(deadline, self.known()).await;
        known.is_ok() && self.are_known_to_be_kept()
    }

    async fn known(&self) {
        let mut state = self.state.subscribe();
        // Its sender is part of this.
        let _ = state.wait_for(|state| *state != State::Unknown).await;
    }
}

impl Collection {
    /// Finds out whether the deployment heeds numbers, where that is not known. Changes nothing. Fails
    /// where it cannot be found out now; gives a warning where there should be numbers, and are none.
    pub async fn ask_for_numbers(&self) -> Result<Option<Failure>, Failure> {
        let mut asking = self.numbers.asking.lock().await;
        if self.numbers.state() == State::Unknown {
            self.ask(&mut asking.question).await?;
        }
        Ok(match self.numbers.state() {
            State::Absent(Absence::Ignored) => Some(ignored()),
            // A standalone server, which is known to have none.
            State::Absent(Absence::Refused(Some(failure::ILLEGAL_OPERATION))) => None,
            State::Absent(Absence::Refused(_)) => Some(refused_numbers()),
            State::Absent(Absence::Told) | State::Kept | State::Unknown => None,
        })
    }

    /// Resolves when it is known whether there are numbers, at the latest after this time.
    pub async fn numbers_known(&self, limit: Duration) {
        let _ = timeout(limit, self.numbers.known()).await;
    }

    /// Whether a write was refused for the sake of its number: what changes nothing is refused by the same
    /// code with a number, and taken without. Such a write was not executed.
    pub(in crate::collection) async fn refuses_number(
        &self,
        refused: &Sorted,
        deadline: Instant,
    ) -> bool {
        if refused.without_number {
            let absent = State::Absent(Absence::Refused(None));
            self.numbers.state.send_replace(absent);
            return true;
        }
        let code = refused.failure.mongo_code;
        if code.is_none() || !is_lasting(refused) {
            return false;
        }
        // Many may be refused at once: the first of them asks.
        let asked = timeout_at(deadline, async {
            let mut asking = self.numbers.asking.lock().await;
            if !self.numbers.are_absent() && asking.innocent != code {
                self.ask(&mut asking.question).await?;
                asking.innocent = code;
            }
            Ok::<_, Failure>(())
        });
        let is_known = matches!(asked.await, Ok(Ok(())));
        is_known && self.numbers.state() == State::Absent(Absence::Refused(code))
    }

    async fn ask(&self, asked: &mut Option<Question>) -> Result<(), Failure> {
        let state = loop {
            let question = match asked {
                Some(question) => question,
                None => asked.insert(self.new_question().await?),
            };
            let is_last = question.taken == 2;
            let number = match is_last {
                true => question.lower,
                false => question.number,
            };
            question.sent += 1;
            let Err(refused) = self.try_with(Some((&mut question.session, number))).await? else {
                question.taken += 1;
                match (is_last, question.sent == question.taken) {
                    (false, _) => {}
                    (true, true) => break State::Absent(Absence::Ignored),
                    // Another server may have been asked since the connection broke: one that became
                    // primary knows no number of what changed nothing.
                    (true, false) => *asked = None,
                }
                continue;
            };
            let code = refused.failure.mongo_code;
            if code == Some(TRANSACTION_TOO_OLD) {
                break State::Kept;
            }
            let with_number = Some((&mut question.session, number));
            let is_for_number = refused.without_number
                || question.taken == 0
                    && is_lasting(&refused)
                    && self.try_with(None).await?.is_ok()
                    && (self.try_with(with_number).await?)
                        .is_err_and(|again| again.failure.mongo_code == code);
            match is_for_number {
                true => break State::Absent(Absence::Refused(code)),
                false => return Err(refused.failure),
            }
        };
        *asked = None;
        self.numbers.state.send_replace(state);
        Ok(())
    }

    async fn new_question(&self) -> Result<Question, Failure> {
        let session = self.client.start_session().await;
        Ok(Question {
            session: session.map_err(|error| failure::sort(&error).failure)?,
            // The driver uses its sessions again, so none of their numbers may be used again.
            lower: self.next_transaction_number(),
            number: self.next_transaction_number(),
            sent: 0,
            taken: 0,
        })
    }

    /// Sends a write that finds no record, with a number or without.
    async fn try_with(
        &self,
        number: Option<(&mut ClientSession, i64)>,
    ) -> Result<Result<(), Sorted>, Failure> {
        let mut command = rawdoc! {
            "findAndModify": self.records.name(),
            "query": statement::no_record(""),
            "update": { "$set": { "updatedAt": null } },
        };
        if let Some((_, number)) = number {
            command.append(cstr!("txnNumber"), number);
        }
        let run = self.database.run_raw_command(command);
        let run = match number {
            Some((session, _)) => run.session(session).into_future(),
            None => run.into_future(),
        };
        match timeout(PATIENCE, run).await {
            Err(_) => Err(self.out_of_time()),
            Ok(Ok(_)) => Ok(Ok(())),
            Ok(Err(error)) => {
                let sorted = self.availability.sort(&error);
                let is_too_old = sorted.failure.mongo_code == Some(TRANSACTION_TOO_OLD);
                match sorted.failure.code {
                    Code::Unavailable | Code::Timeout if !is_too_old => Err(sorted.failure),
                    _ => Ok(Err(sorted)),
                }
            }
        }
    }
}

/// Refused, and for a reason that does not pass by itself.
fn is_lasting(refused: &Sorted) -> bool {
    !refused.retry && !refused.unanswered && blames_a_session(&refused.failure)
}

fn ignored() -> Failure {
    Failure::new(
        Code::Server,
        "this server takes transaction numbers and does not heed them: a write whose answer is lost \
         fails instead of being repeated, and one that the network holds back cannot be shut out",
    )
}

fn refused_numbers() -> Failure {
    Failure::new(
        Code::Server,
        "this server has no retryable writes: a write whose answer is lost fails instead of being \
         repeated, and one that the network holds back cannot be shut out; `retryWrites: false` \
         says that this is known",
    )
}
