//! A batch: operations of one kind on different sessions that travel as one command.
//!
//! No operation waits for another that travels with it: one that takes longer, or that may be to
//! blame for a failure of all, leaves the batch and goes alone.

mod adopt;
mod destroy;
mod destroy_former;
mod get;
mod home;
pub mod look;
mod moving;
mod set;
mod stored;
mod swap;
mod touch;
mod touch_after;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt};
use mongodb::bson::RawDocument;

use crate::codec::{self, CodecError};
use crate::collection::{Answer, Collection, Trip, Written};
use crate::error::{Code, Failure};
use crate::operation::{Action, Content, Found, Id, Operation, Outcome, Read};
use crate::recent::RecentReads;
use crate::record;

pub type Ended = (Arc<Operation>, Outcome);

/// What an answer says of operations that had one statement each.
struct Answered {
    failed: Vec<Ended>,
    /// The others, in the order of their statements, and whether MongoDB says that it did what the
    /// statement of each says.
    written: Vec<(Arc<Operation>, bool)>,
}

pub struct Batch<'a> {
    pub collection: &'a Collection,
    /// Of one kind. Those on one id are reads, side by side.
    pub operations: &'a [Arc<Operation>],
    pub touch_after: Duration,
    pub trip: &'a Trip,
    pub leave: &'a (dyn Leave + Sync),
}

/// Where operations go that leave a batch before it ends.
pub trait Leave {
    fn ended(&self, ended: Vec<Ended>);
    /// All of them are on one id: they become a batch that none leaves.
    fn alone(&self, operations: &[Arc<Operation>]);
}

impl Batch<'_> {
    /// Executes the operations. Gives the outcomes of those that have not left.
    ///
    /// Each kind is in a box of its own, and so is within each what is rarely needed: a future is as large as
    /// the largest that it may wait for, and is moved as a whole for each batch.
    pub async fn run(&self) -> Vec<Ended> {
        match self.operations.first().map(|operation| &operation.action) {
            Some(Action::Get) => Box::pin(self.get()).await,
            Some(Action::Set { .. }) => Box::pin(self.set()).await,
            Some(Action::Touch(_)) => Box::pin(self.touch()).await,
            Some(Action::Destroy { .. }) => Box::pin(self.destroy()).await,
            Some(Action::Wide(_) | Action::Sweep(_) | Action::Watch { .. }) | None => Vec::new(),
        }
    }

    /// Tells what came of each answer as soon as it is known, whichever that is, but for the last answer:
    /// that comes back. `ends` are what comes of each, and whether it is of the last.
    async fn tell_each(
        &self,
        ends: impl Stream<Item: Future<Output = (Vec<Ended>, bool)>>,
    ) -> Vec<Ended> {
        let mut last = Vec::new();
        let mut ends = pin!(ends.buffer_unordered(usize::MAX));
        while let Some((ended, is_last)) = ends.next().await {
            match is_last {
                true => last = ended,
                false if ended.is_empty() => {}
                false => self.leave.ended(ended),
            }
        }
        last
    }

    /// Tells what comes of the one that ends first; what comes of the other comes back.
    async fn tell_both(
        &self,
        one: impl Future<Output = Vec<Ended>>,
        other: impl Future<Output = Vec<Ended>>,
    ) -> Vec<Ended> {
        let (one, other) = (pin!(one), pin!(other));
        let (first, last) = match select(one, other).await {
            Either::Left((first, other)) => (first, Either::Left(other)),
            Either::Right((first, one)) => (first, Either::Right(one)),
        };
        if !first.is_empty() {
            self.leave.ended(first);
        }
        match last {
            Either::Left(other) => other.await,
            Either::Right(one) => one.await,
        }
    }

    /// Reads an answer to these operations, each of which had one statement. Those that are to go alone
    /// leave.
    fn answered(&self, answer: Answer, operations: &[Arc<Operation>]) -> Answered {
        let mut answered = Answered {
            failed: Vec::new(),
            written: Vec::with_capacity(answer.statements.len()),
        };
        for (place, written) in answer.into_written() {
            let operation = &operations[place];
            match written {
                Written::Later => {}
                Written::Alone => self.leave.alone(std::slice::from_ref(operation)),
                Written::Failed(failure) => {
                    let failed = (operation.clone(), Outcome::Failed(failure));
                    answered.failed.push(failed);
                }
                Written::Created | Written::Matched => {
                    answered.written.push((operation.clone(), true));
                }
                Written::Unsure => answered.written.push((operation.clone(), false)),
            }
        }
        answered
    }

    /// `is_home`: it is stored where it would be stored now.
    fn outcome_of_record(&self, record: &RawDocument, is_home: bool) -> Outcome {
        let Some(data) = record::session(record, record::now()) else {
            return Outcome::Missing;
        };
        let sealer = self.collection.sealer.as_deref();
        let opened = match stored::open(sealer, record, data) {
            Ok(opened) => opened,
            Err(failure) => return Outcome::Failed(failure),
        };
        let session = &*opened.session;
        let content = match content(session) {
            Ok(content) => content,
            Err(failure) => return Outcome::Failed(failure),
        };
        let bytes = Some(session.as_bytes()).filter(|bytes| RecentReads::is_worth_keeping(bytes));
        Outcome::Found(Arc::new(Found {
            read: Read {
                content,
                expires_at: record::expires_at(record),
                is_outdated: !opened.is_current || !is_home,
            },
            stored: bytes.map(Arc::from),
        }))
    }

    fn by_id(&self) -> impl Iterator<Item = &[Arc<Operation>]> {
        self.operations.chunk_by(|one, next| one.id == next.id)
    }
}

fn id_of(record: &RawDocument) -> Option<Id> {
    record.get_str("_id").ok().map(Id::from)
}

/// A session as JavaScript gets it.
fn content(session: &RawDocument) -> Result<Content, Failure> {
    match codec::to_json(session) {
        Ok(Some(text)) => Ok(Content::Json(text)),
        Ok(None) => Ok(Content::Bson(session.as_bytes().to_vec())),
        Err(_) => {
            let message = "the stored session is malformed";
            Err(Failure::new(Code::SessionValue, message))
        }
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Failure::new(
            Code::SessionValue,
            format!("the session cannot be stored: {error}"),
        )
    }
}
