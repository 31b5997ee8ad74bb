//! A batch: operations of one kind on different sessions that travel as one command.

mod set;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::RawDocument;

use crate::codec::{self, CodecError};
use crate::collection::{Collection, Trip, Written, blames_a_statement};
use crate::error::{Code, Failure};
use crate::operation::{Action, Content, Id, Operation, Outcome, Read};
use crate::record;

/// Executes the operations, all of one kind, and gives each its outcome.
pub async fn run(
    collection: &Collection,
    operations: &[Arc<Operation>],
    touch_after: Duration,
    trip: &Trip,
) -> Vec<(u32, Outcome)> {
    let outcomes = match operations.first().map(|operation| &operation.action) {
        Some(Action::Get) => get(collection, operations, trip).await,
        Some(Action::Set { .. }) => set::run(collection, operations, touch_after, trip).await,
        Some(Action::Destroy) => destroy(collection, operations, trip).await,
        None => Vec::new(),
    };
    (operations.iter().map(|operation| operation.token))
        .zip(outcomes)
        .collect()
}

/// Several operations may ask for one session: it is read once.
async fn get(collection: &Collection, operations: &[Arc<Operation>], trip: &Trip) -> Vec<Outcome> {
    let mut ids: Vec<Id> = operations.iter().map(|get| get.id.clone()).collect();
    ids.dedup();
    let mut found = read(collection, &ids, trip).await;
    let mut gets = operations.iter().peekable();
    let mut outcomes = Vec::with_capacity(operations.len());
    while let Some(get) = gets.next() {
        let shared = gets.peek().is_some_and(|next| next.id == get.id);
        let outcome = match shared {
            true => found.get(&get.id).cloned(),
            false => found.remove(&get.id),
        };
        outcomes.push(outcome.unwrap_or(Outcome::Missing));
    }
    outcomes
}

/// What became of each id; those that have no record are left out.
async fn read(collection: &Collection, ids: &[Id], trip: &Trip) -> HashMap<Id, Outcome> {
    let outcome = |record: &RawDocument| Some((id_of(record)?, outcome_of_record(record)));
    match collection.find(ids, trip.deadline, outcome).await {
        Ok(found) => found.into_iter().flatten().collect(),
        Err(failure) if ids.len() > 1 && blames_a_statement(&failure) => {
            let mut found = HashMap::with_capacity(ids.len());
            for id in ids {
                found.extend(Box::pin(read(collection, std::slice::from_ref(id), trip)).await);
            }
            found
        }
        Err(failure) => {
            let failed = |id: &Id| (id.clone(), Outcome::Failed(failure.clone()));
            ids.iter().map(failed).collect()
        }
    }
}

fn id_of(record: &RawDocument) -> Option<Id> {
    record.get_str("_id").ok().map(Id::from)
}

fn outcome_of_record(record: &RawDocument) -> Outcome {
    let Some(data) = record::session(record, record::now()) else {
        return Outcome::Missing;
    };
    match codec::to_json(data) {
        Ok(Some(text)) => found(record, Content::Json(text)),
        Ok(None) => found(record, Content::Bson(data.as_bytes().to_vec())),
        Err(_) => Outcome::Failed(Failure::new(
            Code::SessionValue,
            "the stored session is malformed",
        )),
    }
}

fn found(record: &RawDocument, content: Content) -> Outcome {
    Outcome::Found(Read {
        content,
        expires_at: record::expires_at(record),
    })
}

async fn destroy(
    collection: &Collection,
    operations: &[Arc<Operation>],
    trip: &Trip,
) -> Vec<Outcome> {
    let ids: Vec<Id> = operations
        .iter()
        .map(|destroy| destroy.id.clone())
        .collect();
    let written = collection.delete(&ids, trip).await.into_iter();
    let outcomes = written.map(|written| match written {
        Written::Failed(failure) => Outcome::Failed(failure),
        _ => Outcome::Destroyed,
    });
    outcomes.collect()
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Failure::new(
            Code::SessionValue,
            format!("the session cannot be stored: {error}"),
        )
    }
}
