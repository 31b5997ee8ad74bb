//! A batch: operations of one kind on different sessions that travel as one command.
//!
//! No operation waits for another that travels with it: one that takes longer, or that may be to
//! blame for a failure of all, leaves the batch and goes alone.

mod set;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::RawDocument;

use crate::codec::{self, CodecError};
use crate::collection::{Collection, Trip, Written, blames_a_statement};
use crate::error::{Code, Failure};
use crate::operation::{Action, Content, Id, Operation, Outcome, Read};
use crate::recent::RecentReads;
use crate::record;

pub type Ended = (Arc<Operation>, Outcome);

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
    pub async fn run(&self) -> Vec<Ended> {
        match self.operations.first().map(|operation| &operation.action) {
            Some(Action::Get) => self.get().await,
            Some(Action::Set { .. }) => self.set().await,
            Some(Action::Destroy) => self.destroy().await,
            None => Vec::new(),
        }
    }

    async fn get(&self) -> Vec<Ended> {
        let by_id = || self.operations.chunk_by(|one, next| one.id == next.id);
        let ids: Vec<Id> = by_id().map(|gets| gets[0].id.clone()).collect();
        let outcome = |record: &RawDocument| Some((id_of(record)?, outcome_of_record(record)));
        let read = self.collection.find(&ids, self.trip.deadline, outcome);
        let mut found: HashMap<Id, Outcome> = match read.await {
            Ok(found) => found.into_iter().flatten().collect(),
            Err(failure) => return self.refused(self.operations.iter(), failure),
        };
        let mut ended = Vec::with_capacity(self.operations.len());
        for gets in by_id() {
            let outcome = found.remove(&gets[0].id).unwrap_or(Outcome::Missing);
            let outcomes = std::iter::repeat_n(outcome, gets.len());
            ended.extend(gets.iter().cloned().zip(outcomes));
        }
        ended
    }

    async fn destroy(&self) -> Vec<Ended> {
        let ids: Vec<Id> = self.operations.iter().map(|one| one.id.clone()).collect();
        let written = match self.collection.delete(&ids, self.trip).await {
            Ok(written) => written,
            Err(failure) => return self.refused(self.operations.iter(), failure),
        };
        let mut ended = Vec::with_capacity(written.len());
        for (destroy, written) in self.operations.iter().zip(written) {
            match written {
                Written::Alone => self.leave.alone(std::slice::from_ref(destroy)),
                Written::Failed(failure) => ended.push((destroy.clone(), Outcome::Failed(failure))),
                _ => ended.push((destroy.clone(), Outcome::Destroyed)),
            }
        }
        ended
    }

    /// A command of these operations failed as a whole. If that may be for the sake of one of them,
    /// each goes alone.
    fn refused<'o>(
        &self,
        operations: impl Iterator<Item = &'o Arc<Operation>>,
        failure: Failure,
    ) -> Vec<Ended> {
        let operations: Vec<_> = operations.cloned().collect();
        let by_id = operations.chunk_by(|one, next| one.id == next.id);
        if blames_a_statement(&failure) && by_id.clone().nth(1).is_some() {
            by_id.for_each(|operations| self.leave.alone(operations));
            return Vec::new();
        }
        let failed = |operation| (operation, Outcome::Failed(failure.clone()));
        operations.into_iter().map(failed).collect()
    }
}

fn id_of(record: &RawDocument) -> Option<Id> {
    record.get_str("_id").ok().map(Id::from)
}

fn outcome_of_record(record: &RawDocument) -> Outcome {
    let Some(data) = record::session(record, record::now()) else {
        return Outcome::Missing;
    };
    let content = match codec::to_json(data) {
        Ok(Some(text)) => Content::Json(text),
        Ok(None) => Content::Bson(data.as_bytes().to_vec()),
        Err(_) => {
            let message = "the stored session is malformed";
            return Outcome::Failed(Failure::new(Code::SessionValue, message));
        }
    };
    let bytes = Some(data.as_bytes()).filter(|bytes| RecentReads::is_worth_keeping(bytes));
    Outcome::Found {
        read: Read {
            content,
            expires_at: record::expires_at(record),
        },
        stored: bytes.map(Arc::from),
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
