//! Whether the deployment has transaction numbers, by which a write can be repeated and a late one be
//! shut out.
//!
//! A standalone server, and some that are compatible with MongoDB, refuse them. Others take them and
//! do not heed them, which shows in nothing but what goes wrong: a repeated write is executed again.
//! So the store asks once: after a number a lower one has to be refused.

use std::future::IntoFuture;
use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::{RawDocumentBuf, rawdoc};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::collection::{Collection, failure, statement};
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
    Absent,
}

pub struct Numbers(watch::Sender<State>);

impl Numbers {
    /// `wanted`: unless the application has said that there are none (`retryWrites=false`).
    pub fn new(wanted: bool) -> Self {
        let state = match wanted {
            true => State::Unknown,
            false => State::Absent,
        };
        Numbers(watch::Sender::new(state))
    }

    pub fn are_absent(&self) -> bool {
        *self.0.borrow() == State::Absent
    }

    pub fn are_refused(&self) {
        self.0.send_replace(State::Absent);
    }

    pub fn are_known_to_be_kept(&self) -> bool {
        *self.0.borrow() == State::Kept
    }

    /// Whether a write may be repeated under its number. Waits until that is known.
    pub async fn are_kept(&self, deadline: Instant) -> bool {
        let mut state = self.0.subscribe();
        let known = state.wait_for(|state| *state != State::Unknown);
        let known = timeout_at(deadline, known).await;
        matches!(known, Ok(Ok(state)) if *state == State::Kept)
    }
}

impl Collection {
    /// Finds out whether the deployment heeds numbers. Changes nothing. Fails where MongoDB cannot be
    /// asked now; gives a warning where it should have numbers, and has not.
    pub async fn ask_for_numbers(&self) -> Result<Option<Failure>, Failure> {
        if *self.numbers.0.borrow() != State::Unknown {
            return Ok(None);
        }
        let Ok(mut session) = self.client.start_session().await else {
            return Ok(None);
        };
        // The driver uses its sessions again, so none of their numbers may be used again.
        let lower = self.next_transaction_number();
        let number = self.next_transaction_number();
        for number in [number, number, lower] {
            let answer = self.ask_with(&mut session, number).await?;
            match answer {
                Ok(()) if number == lower => {
                    self.numbers.0.send_replace(State::Absent);
                    return Ok(Some(ignored()));
                }
                Ok(()) => {}
                Err(refused) if refused.without_number => {
                    self.numbers.are_refused();
                    let is_standalone =
                        refused.failure.mongo_code == Some(failure::ILLEGAL_OPERATION);
                    return Ok((!is_standalone).then(refused_numbers));
                }
                Err(refused) if refused.failure.mongo_code == Some(TRANSACTION_TOO_OLD) => {
                    self.numbers.0.send_replace(State::Kept);
                    return Ok(None);
                }
                Err(refused) => return Err(refused.failure),
            }
        }
        Ok(None)
    }

    async fn ask_with(
        &self,
        session: &mut ClientSession,
        number: i64,
    ) -> Result<Result<(), failure::Sorted>, Failure> {
        let run = self.database.run_raw_command(self.question(number));
        match timeout(PATIENCE, run.session(session).into_future()).await {
            Err(_) => Err(self.out_of_time()),
            Ok(Ok(_)) => Ok(Ok(())),
            Ok(Err(error)) => {
                let sorted = failure::sort(&error);
                let is_too_old = sorted.failure.mongo_code == Some(TRANSACTION_TOO_OLD);
                match sorted.failure.code {
                    Code::Unavailable | Code::Timeout if !is_too_old => Err(sorted.failure),
                    _ => Ok(Err(sorted)),
                }
            }
        }
    }

    /// A write under a number that finds no record.
    fn question(&self, number: i64) -> RawDocumentBuf {
        rawdoc! {
            "findAndModify": self.records.name(),
            "query": statement::no_record(""),
            "update": { "$set": { "updatedAt": null } },
            "txnNumber": number,
        }
    }
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
