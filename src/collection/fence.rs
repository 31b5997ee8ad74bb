//! Shutting out late writes.
//!
//! A command that got no answer is not gone: if the network only held it back, MongoDB executes it
//! when it arrives, and so undoes what others wrote since. MongoDB refuses a transaction number below
//! the latest of its session, so a later command in the same session, once it is answered, shuts the
//! former one out. Until then the ids of the former stay held (`dispatch/lanes.rs`).
//!
//! A fence changes nothing, so it need not wait for more servers than the one that would execute the
//! late write: `w: 1`. One that is promoted later has no connection on which the write could arrive.

use std::future::IntoFuture;
use std::time::Duration;

use mongodb::bson::raw::{RawArrayBuf, cstr};
use mongodb::bson::{Document, RawDocumentBuf, rawdoc};
use tokio::time::{sleep, timeout};

use super::failure::Sorted;
use super::reply::Reply;
use super::trip::Unanswered;
use super::{Collection, failure, statement};
use crate::error::Code;
use crate::operation::Id;

/// How long the first attempt waits for an answer. It doubles up to the time of an operation: a
/// connection that a network has swallowed never answers, and a busy server takes its time.
const FIRST_WAIT: Duration = Duration::from_millis(500);

const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A server that refuses for a passing reason does so less often; one that always does must not hold
/// the sessions for ever.
const MOST_REFUSALS: u32 = 20;

/// Fails where a statement was refused: by a mongos, for one of the shards.
fn refusal(reply: &Document, count: usize) -> Result<(), Sorted> {
    match Reply::parse(reply, count)?.failed.pop() {
        Some((_, refused)) => Err(refused),
        None => Ok(()),
    }
}

impl Collection {
    /// Returns when nothing of what was left unanswered can be executed any more. Then calls `free`
    /// with its ids; before that if MongoDB keeps refusing, but goes on trying: a user who was
    /// locked out may be let in again.
    pub async fn shut_out(&self, unanswered: Unanswered, free: impl FnOnce(Vec<Id>)) {
        let Unanswered { mut session, ids } = unanswered;
        let fence = self.fence_command(&ids);
        let count = ids.len();
        let mut held = Some((ids, free));
        let mut wait = FIRST_WAIT;
        let mut pause = PAUSE;
        let mut refusals = 0;
        loop {
            // Not all at once: what others send needs connections, too.
            let room = self.fence_room.acquire().await;
            let run = self.database.run_raw_command(fence.clone());
            let answer = timeout(wait, run.session(&mut session).into_future()).await;
            let answer = answer.map(|answer| answer.map_err(|error| failure::sort(&error)));
            match answer.map(|answer| answer.and_then(|reply| refusal(&reply, count))) {
                Ok(Ok(())) => break,
                Ok(Err(refused)) if refused.without_number => break,
                Ok(Err(refused)) => {
                    refusals += u32::from(refused.failure.code != Code::Unavailable);
                }
                Err(_) => wait = (wait * 2).min(self.timeout.max(FIRST_WAIT)),
            }
            drop(room);
            if refusals >= MOST_REFUSALS {
                if let Some((ids, free)) = held.take() {
                    free(ids);
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            sleep(pause).await;
        }
        self.give_back(Some(session));
        if let Some((ids, free)) = held {
            free(ids);
        }
    }

    /// An update of the same records, so that it gets to the same shards, that changes nothing.
    fn fence_command(&self, ids: &[Id]) -> RawDocumentBuf {
        let statements = ids.iter().map(|id| statement::update_nothing(id));
        let statements: RawArrayBuf = statements.collect();
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), self.records.name());
        command.append(cstr!("updates"), statements);
        command.append(cstr!("ordered"), false);
        command.append(cstr!("txnNumber"), self.next_transaction_number());
        command.append(cstr!("writeConcern"), rawdoc! { "w": 1 });
        command
    }
}
