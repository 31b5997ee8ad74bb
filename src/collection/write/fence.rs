//! Shutting out late writes.
//!
//! A command that got no answer is not gone: if the network only held it back, MongoDB executes it
//! when it arrives, and so undoes what others wrote since. MongoDB refuses a transaction number below
//! the latest of its session, so a later command in the same session, once it is answered, shuts the
//! former one out. Until then the ids of the former stay held (`dispatch/lanes.rs`).
//!
//! A fence changes nothing, so it need not wait for more servers than the one that would execute the
//! late write: `w: 1`. It is in that server's memory only: one that is promoted later has no connection on
//! which the write could arrive, unless a mongos still holds it.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::raw::{RawArrayBuf, cstr};
use mongodb::bson::{Document, RawDocumentBuf, rawdoc};
use tokio::time::{Instant, sleep, timeout};

use super::reply::Reply;
use crate::collection::command::{Late, Unanswered};
use crate::collection::failure::{self, Sorted};
use crate::collection::{Collection, statement};
use crate::error::Code;
use crate::operation::Id;

/// How long the first attempt waits for an answer. It doubles up to the time of an operation: a
/// connection that a network has swallowed never answers, and a busy server takes its time.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A fence that waits for longer does so among few others.
const LONGEST_EAGER_WAIT: Duration = Duration::from_secs(1);

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

fn ids_of(late: &[Late]) -> Vec<Id> {
    late.iter().map(|one| one.id.clone()).collect()
}

/// What one fence still has to do.
struct Fence<F> {
    session: ClientSession,
    number: i64,
    /// First all together; where that gets no answer one by one, since one of them may be to blame.
    parts: VecDeque<Vec<Late>>,
    wait: Duration,
    pause: Duration,
    refusals: u32,
    free: F,
}

enum Asked {
    /// Or there are no numbers, and nothing that could be shut out.
    Accepted,
    Refused,
    Silent,
}

impl Collection {
    /// Returns when nothing of what was left unanswered can be executed any more. Calls `free` with
    /// ids as soon as that holds for them; before that if MongoDB keeps refusing, but goes on trying:
    /// a user who was locked out may be let in again.
    pub async fn shut_out(&self, unanswered: Unanswered, free: impl FnMut(Vec<Id>)) {
        let Unanswered { session, late } = unanswered;
        let mut fence = Fence {
            session,
            number: self.next_transaction_number(),
            parts: VecDeque::from([late]),
            wait: FIRST_WAIT,
            pause: PAUSE,
            refusals: 0,
            free,
        };
        // As long as each is held, it is freed once.
        let mut is_held = true;
        while let Some(late) = fence.parts.pop_front() {
            match self.ask_to_shut_out(&mut fence, &late).await {
                Asked::Accepted => {
                    if is_held {
                        (fence.free)(ids_of(&late));
                    }
                    continue;
                }
                Asked::Refused => fence.parts.push_back(late),
                Asked::Silent => fence.parts.extend(late.into_iter().map(|one| vec![one])),
            }
            if is_held && fence.refusals >= MOST_REFUSALS {
                is_held = false;
                let held: Vec<Late> = fence.parts.iter().flatten().cloned().collect();
                (fence.free)(ids_of(&held));
            }
            sleep(fence.pause).await;
        }
        self.give_back(Some(fence.session));
    }

    async fn ask_to_shut_out<F>(&self, fence: &mut Fence<F>, late: &[Late]) -> Asked {
        // Not all at once: what others send needs connections, too. Who has waited for long waits
        // among others like that.
        let room = match fence.wait <= LONGEST_EAGER_WAIT {
            true => &self.fence_room,
            false => &self.stubborn_room,
        };
        let _room = room.acquire().await;
        let command = self.fence_command(late, fence.number);
        let run = (self.database.run_raw_command(command)).session(&mut fence.session);
        let answer = timeout(fence.wait, run.into_future()).await;
        let answer = answer.map(|answer| answer.map_err(|error| failure::sort(&error)));
        match answer.map(|answer| answer.and_then(|reply| refusal(&reply, late.len()))) {
            Ok(Ok(())) => Asked::Accepted,
            Ok(Err(refused)) if refused.failure.code == Code::Unavailable => Asked::Refused,
            Ok(Err(refused)) => {
                let deadline = Instant::now() + fence.wait;
                if self.refuses_number(&refused, deadline).await {
                    return Asked::Accepted;
                }
                fence.refusals += 1;
                if fence.refusals > MOST_REFUSALS {
                    fence.pause = (fence.pause * 2).min(LONGEST_PAUSE);
                }
                Asked::Refused
            }
            Err(_) => {
                fence.wait = (fence.wait * 2).min(self.timeout.max(FIRST_WAIT));
                Asked::Silent
            }
        }
    }

    /// An update of the same records, so that it gets to the same shards, that changes nothing.
    fn fence_command(&self, late: &[Late], number: i64) -> RawDocumentBuf {
        let statements = late.iter().map(|one| statement::update_nothing(&one.at));
        let statements: RawArrayBuf = statements.collect();
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), self.records.name());
        command.append(cstr!("updates"), statements);
        command.append(cstr!("ordered"), false);
        command.append(cstr!("txnNumber"), number);
        command.append(cstr!("writeConcern"), rawdoc! { "w": 1 });
        command
    }
}
