//! The `update` and `delete` commands, many statements in one.
//!
//! The driver has no helper that sends many updates to servers before 8.0, so the commands are
//! built here. They carry a transaction number as the driver's own retryable writes do: a server
//! that has already executed a statement does not execute it again when the command is repeated,
//! which would otherwise undo what somebody else wrote in between.

use std::future::IntoFuture;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use mongodb::ClientSession;
use mongodb::bson::raw::{RawArrayBuf, cstr};
use mongodb::bson::{Bson, Document, RawDocumentBuf};
use mongodb::options::WriteConcern;

use super::failure::{
    self, DUPLICATE_KEY, Sorted, blames_a_statement, refuses_transaction_numbers,
};
use super::fence::{Trip, Unanswered};
use super::statement::{self, Update};
use super::{Attempts, Collection};
use crate::error::Failure;
use crate::operation::Id;

/// How many bytes of statements one command may carry: MongoDB allows 16 MiB and 16 KiB for all.
const MAX_COMMAND_SIZE: usize = 16 * 1024 * 1024;

/// What became of one statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// It made a document.
    Created,
    /// It found its document.
    Matched,
    /// It found no document, or another statement of the same command found none: MongoDB only
    /// says how many did.
    Unsure,
    Failed(Failure),
}

/// MongoDB's answer to a command of several statements.
struct Reply {
    matched: usize,
    created: Vec<usize>,
    failed: Vec<(usize, Sorted)>,
}

impl Collection {
    /// Executes the statements, each on a document of its own, in any order.
    pub async fn update(&self, updates: &[Update], trip: &Trip) -> Vec<Written> {
        let statements = updates.iter().map(|update| &update.statement);
        self.write("update", &statements.collect::<Vec<_>>(), trip)
            .await
    }

    pub async fn delete(&self, ids: &[Id], trip: &Trip) -> Vec<Written> {
        let statements: Vec<_> = ids.iter().map(|id| statement::delete(id)).collect();
        self.write("delete", &statements.iter().collect::<Vec<_>>(), trip)
            .await
    }

    /// Sends the statements in as few commands as their size allows.
    async fn write(
        &self,
        command: &str,
        statements: &[&RawDocumentBuf],
        trip: &Trip,
    ) -> Vec<Written> {
        let mut written = Vec::with_capacity(statements.len());
        let mut rest = statements;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(how_many_fit(rest));
            written.extend(self.write_command(command, now, trip).await);
            rest = later;
        }
        written
    }

    async fn write_command(
        &self,
        command: &str,
        statements: &[&RawDocumentBuf],
        trip: &Trip,
    ) -> Vec<Written> {
        match self.send(command, statements, trip).await {
            Ok(reply) => self.sort_reply(command, statements, reply, trip).await,
            Err(failure) if statements.len() > 1 && blames_a_statement(&failure) => {
                let mut written = Vec::with_capacity(statements.len());
                for statement in statements {
                    written.extend(Box::pin(self.write_command(command, &[statement], trip)).await);
                }
                written
            }
            Err(failure) => vec![Written::Failed(failure); statements.len()],
        }
    }

    async fn sort_reply(
        &self,
        command: &str,
        statements: &[&RawDocumentBuf],
        reply: Reply,
        trip: &Trip,
    ) -> Vec<Written> {
        let all_matched = reply.matched + reply.failed.len() == statements.len();
        let rest = match all_matched {
            true => Written::Matched,
            false => Written::Unsure,
        };
        let mut written = vec![rest; statements.len()];
        for index in reply.created {
            written[index] = Written::Created;
        }
        for (index, sorted) in reply.failed {
            let again = self.write_again(command, statements[index], sorted, trip);
            written[index] = again.await.unwrap_or_else(Written::Failed);
        }
        written
    }

    /// Repeats a statement that failed alone, if that may help.
    async fn write_again(
        &self,
        command: &str,
        statement: &RawDocumentBuf,
        mut sorted: Sorted,
        trip: &Trip,
    ) -> Result<Written, Failure> {
        let mut attempts = Attempts::until(trip.deadline);
        loop {
            // Two stores that make the same session at once collide, and the second attempt finds
            // it. Who collides again does so with a unique index of the application.
            let collided = sorted.failure.mongo_code == Some(DUPLICATE_KEY);
            attempts.again(sorted).await?;
            let mut reply = self.send(command, &[statement], trip).await?;
            sorted = match reply.failed.pop() {
                Some((_, again)) if collided => return Err(again.failure),
                Some((_, again)) => again,
                None if !reply.created.is_empty() => return Ok(Written::Created),
                None if reply.matched > 0 => return Ok(Written::Matched),
                None => return Ok(Written::Unsure),
            };
        }
    }

    async fn send(
        &self,
        command: &str,
        statements: &[&RawDocumentBuf],
        trip: &Trip,
    ) -> Result<Reply, Failure> {
        let mut session = self.take_session().await;
        let number = self.next_transaction_number();
        let mut attempts = Attempts::until(trip.deadline);
        let mut unanswered = false;
        loop {
            let body = self.body(command, statements, session.is_some().then_some(number));
            let run = self.database.run_raw_command(body);
            let answer = match session.as_mut() {
                Some(session) => {
                    self.in_time(trip.deadline, run.session(session).into_future())
                        .await
                }
                None => self.in_time(trip.deadline, run.into_future()).await,
            };
            match answer.and_then(|reply| parse(&reply)) {
                Ok(reply) => {
                    self.give_back(session);
                    return Ok(reply);
                }
                Err(sorted) if session.is_some() && refuses_transaction_numbers(&sorted) => {
                    self.retryable_writes.store(false, Ordering::Relaxed);
                    session = None;
                }
                Err(sorted) => {
                    unanswered |= sorted.unanswered;
                    if let Err(failure) = attempts.again(sorted).await {
                        if let Some(session) = session.filter(|_| unanswered) {
                            let ids = statements.iter().filter_map(|one| statement::id(one));
                            let ids = ids.collect();
                            trip.leave_behind(Unanswered { session, ids });
                        }
                        return Err(failure);
                    }
                }
            }
        }
    }

    pub(super) fn next_transaction_number(&self) -> i64 {
        self.transaction_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn body(
        &self,
        command: &str,
        statements: &[&RawDocumentBuf],
        transaction_number: Option<i64>,
    ) -> RawDocumentBuf {
        let list: RawArrayBuf = statements
            .iter()
            .map(|statement| statement.as_ref())
            .collect();
        let mut body = RawDocumentBuf::new();
        let (name, field) = match command {
            "update" => (cstr!("update"), cstr!("updates")),
            _ => (cstr!("delete"), cstr!("deletes")),
        };
        body.append(name, self.records.name());
        body.append(field, list);
        body.append(cstr!("ordered"), false);
        if let Some(number) = transaction_number {
            body.append(cstr!("txnNumber"), number);
        }
        if let Some(concern) = &self.write_concern {
            body.append(cstr!("writeConcern"), concern.as_ref());
        }
        body
    }

    async fn take_session(&self) -> Option<ClientSession> {
        if !self.retryable_writes.load(Ordering::Relaxed) {
            return None;
        }
        let idle = self.lock_sessions().pop();
        match idle {
            Some(session) => Some(session),
            None => self.client.start_session().await.ok(),
        }
    }

    pub(super) fn give_back(&self, session: Option<ClientSession>) {
        self.lock_sessions().extend(session);
    }

    pub(super) fn take_sessions(&self) -> Vec<ClientSession> {
        std::mem::take(&mut *self.lock_sessions())
    }

    fn lock_sessions(&self) -> std::sync::MutexGuard<'_, Vec<ClientSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of the statements fit into one command; one always does.
fn how_many_fit(statements: &[&RawDocumentBuf]) -> usize {
    let mut size = 0;
    let fitting = statements.iter().take_while(|statement| {
        size += statement.as_bytes().len();
        size <= MAX_COMMAND_SIZE
    });
    fitting.count().max(1)
}

fn parse(reply: &Document) -> Result<Reply, Sorted> {
    if let Ok(error) = reply.get_document("writeConcernError") {
        return Err(failure::sort_code(code(error), name(error)));
    }
    let list = |key| reply.get_array(key).into_iter().flatten();
    let documents = |key| list(key).filter_map(Bson::as_document);
    Ok(Reply {
        matched: reply.get_i32("n").unwrap_or_default().max(0) as usize,
        created: documents("upserted").filter_map(index).collect(),
        failed: documents("writeErrors")
            .filter_map(|error| Some((index(error)?, failure::sort_code(code(error), name(error)))))
            .collect(),
    })
}

fn index(entry: &Document) -> Option<usize> {
    usize::try_from(entry.get_i32("index").ok()?).ok()
}

fn code(error: &Document) -> i32 {
    error.get_i32("code").unwrap_or_default()
}

fn name(error: &Document) -> &str {
    error.get_str("codeName").unwrap_or_default()
}

/// The write concern as a command carries it; `None` for the server's default.
pub(super) fn write_concern_document(concern: &WriteConcern) -> Option<RawDocumentBuf> {
    let document = mongodb::bson::serialize_to_raw_document_buf(concern).ok()?;
    (!document.is_empty()).then_some(document)
}
