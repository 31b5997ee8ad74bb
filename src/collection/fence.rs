//! Shutting out late writes.
//!
//! A command that ran out of time is not gone: if the network only held it back, MongoDB executes
//! it when it arrives, and so undoes what others wrote since. MongoDB refuses a transaction number
//! below the latest of its session, so a later command in the same session, once it is answered,
//! shuts the former one out.

use std::future::IntoFuture;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::ClientSession;
use mongodb::bson::raw::{RawArrayBuf, cstr};
use mongodb::bson::{RawBson, RawDocumentBuf};
use tokio::time::{Instant, sleep, timeout};

use super::{Collection, failure, statement};
use crate::error::Code;

/// How long one attempt waits for an answer; it doubles up to `LONGEST_WAIT`, since a connection
/// that a network has swallowed answers never.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(50);

/// A server that refuses for a passing reason does so less often; one that always does must not hold
/// the sessions for ever.
const MOST_REFUSALS: usize = 20;

/// The commands of one batch: until when they may be sent, and which were given up.
pub struct Trip {
    pub deadline: Instant,
    unanswered: Mutex<Vec<Unanswered>>,
}

/// A write that MongoDB may have received, or may still receive.
pub(super) struct Unanswered {
    pub session: ClientSession,
    pub ids: Vec<RawBson>,
}

impl Trip {
    pub fn until(deadline: Instant) -> Self {
        Trip {
            deadline,
            unanswered: Mutex::default(),
        }
    }

    pub(super) fn leave_behind(&self, unanswered: Unanswered) {
        let mut all = (self.unanswered.lock()).unwrap_or_else(PoisonError::into_inner);
        all.push(unanswered);
    }
}

impl Collection {
    /// Returns when nothing that the trip left behind can be executed any more.
    pub async fn fence(&self, trip: Trip) {
        let unanswered = trip.unanswered.into_inner();
        let unanswered = unanswered.unwrap_or_else(PoisonError::into_inner);
        join_all(unanswered.into_iter().map(|one| self.shut_out(one))).await;
    }

    async fn shut_out(&self, Unanswered { mut session, ids }: Unanswered) {
        let fence = self.fence_command(&ids);
        let mut wait = FIRST_WAIT;
        let mut refusals = 0;
        loop {
            let run = self.database.run_raw_command(fence.clone());
            match timeout(wait, run.session(&mut session).into_future()).await {
                Ok(Ok(_)) => return self.give_back(Some(session)),
                Ok(Err(error)) => match failure::sort(&error).failure.code {
                    Code::Unavailable => sleep(PAUSE).await,
                    // Who may not write this cannot have written the other either.
                    Code::Auth => return,
                    _ if refusals == MOST_REFUSALS => return,
                    _ => {
                        refusals += 1;
                        sleep(PAUSE).await;
                    }
                },
                Err(_) => wait = (wait * 2).min(LONGEST_WAIT),
            }
        }
    }

    /// An update of the same records, so that it gets to the same shards, that changes nothing.
    fn fence_command(&self, ids: &[RawBson]) -> RawDocumentBuf {
        let statements: RawArrayBuf = ids.iter().map(statement::nothing).collect();
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), self.records.name());
        command.append(cstr!("updates"), statements);
        command.append(cstr!("ordered"), false);
        command.append(cstr!("txnNumber"), self.next_transaction_number());
        command
    }
}
