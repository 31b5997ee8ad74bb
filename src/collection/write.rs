//! The `update` and `delete` commands, many statements in one. A statement that may succeed alone
//! is left to the caller, so that the others need not wait for it.
//!
//! The driver has no helper that sends many updates to servers before 8.0, so the commands are
//! built here. They carry a transaction number as the driver's own retryable writes do: a server
//! that has already executed a statement does not execute it again when the command is repeated,
//! which would otherwise undo what somebody else wrote in between.

use std::future::IntoFuture;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use mongodb::ClientSession;
use mongodb::bson::RawDocumentBuf;
use mongodb::bson::raw::{RawArrayBuf, cstr};
use mongodb::options::WriteConcern;

use super::failure::DUPLICATE_KEY;
use super::fence::{Trip, Unanswered};
use super::reply::{Reply, Written};
use super::statement::{self, Update};
use super::{Attempts, Collection};
use crate::error::Failure;
use crate::operation::Id;

/// How many bytes of statements one command may carry: MongoDB allows 16 MiB and 16 KiB for all.
const MAX_COMMAND_SIZE: usize = 16 * 1024 * 1024;

impl Collection {
    /// Executes the statements, each on a document of its own, in any order: all that fit into one
    /// command. Fails if the command does as a whole.
    pub async fn update(&self, updates: &[Update], trip: &Trip) -> Result<Vec<Written>, Failure> {
        let statements: Vec<_> = updates.iter().map(|update| &update.statement).collect();
        self.write("update", &statements, trip).await
    }

    pub async fn delete(&self, ids: &[Id], trip: &Trip) -> Result<Vec<Written>, Failure> {
        let statements: Vec<_> = ids.iter().map(|id| statement::delete(id)).collect();
        let statements: Vec<_> = statements.iter().collect();
        self.write("delete", &statements, trip).await
    }

    async fn write(
        &self,
        command: &str,
        statements: &[&RawDocumentBuf],
        trip: &Trip,
    ) -> Result<Vec<Written>, Failure> {
        let (sent, _) = statements.split_at(how_many_fit(statements));
        let reply = match sent {
            [] => return Ok(Vec::new()),
            [only] => self.send_alone(command, only, trip).await?,
            sent => self.send(command, sent, trip).await?,
        };
        if reply.made_some() {
            self.made.notify_one();
        }
        let mut written = reply.written(sent.len());
        written.resize(statements.len(), Written::Alone);
        Ok(written)
    }

    /// Repeats the statement, too, where that may help.
    async fn send_alone(
        &self,
        command: &str,
        statement: &RawDocumentBuf,
        trip: &Trip,
    ) -> Result<Reply, Failure> {
        let mut attempts = Attempts::until(trip.deadline);
        let mut has_collided = false;
        loop {
            let mut reply = self.send(command, &[statement], trip).await?;
            let Some((_, sorted)) = reply.failed.pop() else {
                return Ok(reply);
            };
            // Two stores that make the same session at once collide, and the second attempt finds
            // it. Who collides again does so with a unique index of the application.
            let collides = sorted.failure.mongo_code == Some(DUPLICATE_KEY);
            if collides && has_collided {
                return Err(sorted.failure);
            }
            has_collided |= collides;
            attempts.again(sorted).await?;
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
            match answer.and_then(|reply| Reply::parse(&reply)) {
                // What found no record left no trace of its number: an attempt that was not
                // answered may still arrive.
                Ok(reply) if unanswered && reply.matched < statements.len() => {
                    self.leave_behind(session, statements, trip);
                    return Ok(reply);
                }
                Ok(reply) => {
                    self.give_back(session);
                    return Ok(reply);
                }
                Err(sorted) if session.is_some() && sorted.without_number => {
                    self.retryable_writes.store(false, Ordering::Relaxed);
                    session = None;
                }
                Err(sorted) => {
                    unanswered |= sorted.unanswered;
                    if let Err(failure) = attempts.again(sorted).await {
                        match unanswered {
                            true => self.leave_behind(session, statements, trip),
                            false => self.give_back(session),
                        }
                        return Err(failure);
                    }
                }
            }
        }
    }

    fn leave_behind(
        &self,
        session: Option<ClientSession>,
        statements: &[&RawDocumentBuf],
        trip: &Trip,
    ) {
        if let Some(session) = session {
            let ids = statements.iter().filter_map(|one| statement::id(one));
            let ids = ids.collect();
            trip.leave_behind(Unanswered { session, ids });
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
    fitting.count().max(1).min(statements.len())
}

/// The write concern as a command carries it; `None` for the server's default.
pub(super) fn write_concern_document(concern: &WriteConcern) -> Option<RawDocumentBuf> {
    let document = mongodb::bson::serialize_to_raw_document_buf(concern).ok()?;
    (!document.is_empty()).then_some(document)
}
