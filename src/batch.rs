//! A batch: operations of one kind on different sessions that travel as one command.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use mongodb::bson::{RawDocument, RawDocumentBuf};
use tokio::time::Instant;

use crate::codec::{self, CodecError};
use crate::collection::{self, Collection, Dates, Update, Written};
use crate::error::{Code, Failure};
use crate::operation::{Action, Content, Id, Operation, Outcome, Read};
use crate::record::{self, Difference, MAX_RECORD_SIZE};

/// Executes the operations, all of one kind, and gives each its outcome.
pub async fn run(
    collection: &Collection,
    operations: &[Arc<Operation>],
    touch_after: Duration,
    deadline: Instant,
) -> Vec<(u32, Outcome)> {
    let outcomes = match operations.first().map(|operation| &operation.action) {
        Some(Action::Get) => get(collection, operations, deadline).await,
        Some(Action::Set { .. }) => set(collection, operations, touch_after, deadline).await,
        Some(Action::Destroy) => destroy(collection, operations, deadline).await,
        None => Vec::new(),
    };
    (operations.iter().map(|operation| operation.token))
        .zip(outcomes)
        .collect()
}

/// Several operations may ask for one session: it is read once.
async fn get(
    collection: &Collection,
    operations: &[Arc<Operation>],
    deadline: Instant,
) -> Vec<Outcome> {
    let mut ids: Vec<Id> = operations.iter().map(|get| get.id.clone()).collect();
    ids.dedup();
    let mut found = HashMap::with_capacity(ids.len());
    let read = collection.find(&ids, deadline, |record| {
        if let Ok(id) = record.get_str("_id") {
            found.insert(Id::from(id), outcome_of_record(record));
        }
    });
    if let Err(failure) = read.await {
        return vec![Outcome::Failed(failure); operations.len()];
    }
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
    deadline: Instant,
) -> Vec<Outcome> {
    let ids: Vec<Id> = operations
        .iter()
        .map(|destroy| destroy.id.clone())
        .collect();
    let written = collection.delete(&ids, deadline).await.into_iter();
    let outcomes = written.map(|written| match written {
        Written::Failed(failure) => Outcome::Failed(failure),
        _ => Outcome::Destroyed,
    });
    outcomes.collect()
}

/// How a `set` gets to the server.
enum Plan {
    /// As a statement of the batch's one command, and what it means if that succeeds.
    Update(Update, Outcome),
    /// By compare-and-swap, for what `$set` and `$unset` cannot express.
    Swap {
        read: RawDocumentBuf,
        data: RawDocumentBuf,
    },
    /// Not at all: `touchAfter` has not passed since the last write.
    Nothing,
    Refused(Failure),
}

async fn set(
    collection: &Collection,
    operations: &[Arc<Operation>],
    touch_after: Duration,
    deadline: Instant,
) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Dropped; operations.len()];
    let mut updates = Vec::with_capacity(operations.len());
    let mut meanings = Vec::with_capacity(operations.len());
    let mut swaps = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let plan = plan(operation, touch_after);
        match plan.unwrap_or_else(|refused| Plan::Refused(refused.into())) {
            Plan::Nothing => outcomes[index] = Outcome::Unchanged,
            Plan::Update(update, meaning) => {
                updates.push(update);
                meanings.push((index, meaning));
            }
            Plan::Swap { read, data } => swaps.push(async move {
                let swapped = swap(collection, operation, &read, &data, deadline).await;
                (index, swapped.unwrap_or_else(Outcome::Failed))
            }),
            Plan::Refused(failure) => outcomes[index] = Outcome::Failed(failure),
        }
    }
    let mut unsure = Vec::new();
    let (written, swapped) = join(collection.update(&updates, deadline), join_all(swaps)).await;
    for (index, outcome) in swapped {
        outcomes[index] = outcome;
    }
    for (((index, meaning), update), written) in meanings.into_iter().zip(&updates).zip(written) {
        outcomes[index] = match written {
            Written::Created => Outcome::Created,
            Written::Failed(failure) => Outcome::Failed(failure),
            Written::Unsure if !update.upsert => {
                unsure.push(index);
                meaning
            }
            Written::Matched | Written::Unsure => meaning,
        };
    }
    mark_dropped(collection, operations, &unsure, &mut outcomes, deadline).await;
    outcomes
}

/// MongoDB says how many statements found their session, not which: where some did not, this asks
/// who is gone.
async fn mark_dropped(
    collection: &Collection,
    operations: &[Arc<Operation>],
    unsure: &[usize],
    outcomes: &mut [Outcome],
    deadline: Instant,
) {
    if let [only] = unsure {
        outcomes[*only] = Outcome::Dropped;
        return;
    }
    if unsure.is_empty() {
        return;
    }
    let ids: Vec<Id> = unsure
        .iter()
        .map(|index| operations[*index].id.clone())
        .collect();
    let mut gone: HashMap<Id, usize> = ids.iter().cloned().zip(unsure.iter().copied()).collect();
    let asked = collection.find(&ids, deadline, |record| {
        if let Ok(id) = record.get_str("_id") {
            gone.remove(id);
        }
    });
    // Without an answer the sessions that are gone are taken for written: nothing was lost that
    // was still there.
    if asked.await.is_ok() {
        for index in gone.into_values() {
            outcomes[index] = Outcome::Dropped;
        }
    }
}

fn plan(operation: &Operation, touch_after: Duration) -> Result<Plan, CodecError> {
    let Action::Set {
        data,
        read,
        lifetime,
    } = &operation.action
    else {
        return Err(CodecError::Malformed);
    };
    let (id, dates) = (&*operation.id, dates(*lifetime));
    let data = to_bson(data)?;
    let Some(read) = read else {
        let update = collection::write_whole(id, &data, dates);
        return Ok(checked(update, Outcome::Updated));
    };
    let expires_at = read.expires_at;
    let read = to_bson(&read.content)?;
    let difference = Difference::between(&read, &data).map_err(|_| CodecError::Malformed)?;
    if difference.is_touch()
        && !difference.changes_max_age()
        && gains_less(touch_after, expires_at, dates)
    {
        return Ok(Plan::Nothing);
    }
    if !difference.fits_update() {
        return Ok(Plan::Swap { read, data });
    }
    let meaning = match difference.is_touch() {
        true => Outcome::Touched,
        false => Outcome::Updated,
    };
    let update = collection::write_difference(id, &difference, dates);
    Ok(checked(update, meaning))
}

/// Whether a touch would move the session's end by less than this. A session that is to end
/// earlier than before is always touched.
fn gains_less(touch_after: Duration, expires_at: Option<i64>, dates: Dates) -> bool {
    let Some(expires_at) = expires_at else {
        return false;
    };
    let gain = dates.expires_at.timestamp_millis() - expires_at;
    u64::try_from(gain).is_ok_and(|gain| Duration::from_millis(gain) < touch_after)
}

/// Refuses what MongoDB could not store, before anything is sent.
fn checked(update: Update, meaning: Outcome) -> Plan {
    /// What a statement holds beside the record: the names of its parts, and the id once more.
    const AROUND: usize = 64;
    if update.statement.as_bytes().len() > MAX_RECORD_SIZE + AROUND {
        return Plan::Refused(collection::too_large());
    }
    Plan::Update(update, meaning)
}

/// Reads the session, applies this request's changes, writes if nobody wrote in between, else
/// again.
async fn swap(
    collection: &Collection,
    operation: &Operation,
    read: &RawDocumentBuf,
    data: &RawDocumentBuf,
    deadline: Instant,
) -> Result<Outcome, Failure> {
    let Action::Set { lifetime, .. } = operation.action else {
        return Ok(Outcome::Dropped);
    };
    let malformed = |_| Failure::from(CodecError::Malformed);
    let difference = Difference::between(read, data).map_err(malformed)?;
    loop {
        let mut record = None;
        let id = std::slice::from_ref(&operation.id);
        collection
            .find(id, deadline, |found| record = Some(found.to_owned()))
            .await?;
        let Some(record) = record else {
            return Ok(Outcome::Dropped);
        };
        let stored = match record.get_document("data") {
            Ok(stored) => difference.apply(stored).map_err(malformed)?,
            Err(_) => data.clone(),
        };
        if stored.as_bytes().len() > MAX_RECORD_SIZE {
            return Err(collection::too_large());
        }
        let update = collection::write_swap(&operation.id, &record, &stored, dates(lifetime));
        match collection.update(&[update], deadline).await.pop() {
            Some(Written::Failed(failure)) => return Err(failure),
            Some(Written::Unsure) | None => continue,
            Some(Written::Matched | Written::Created) => return Ok(Outcome::Updated),
        }
    }
}

fn dates(lifetime: i64) -> Dates {
    let updated_at = record::now();
    Dates {
        updated_at,
        expires_at: record::expiry(updated_at, lifetime),
    }
}

fn to_bson(content: &Content) -> Result<RawDocumentBuf, CodecError> {
    match content {
        Content::Json(text) => codec::from_json(text),
        Content::Bson(bytes) => {
            RawDocumentBuf::from_bytes(bytes.clone()).map_err(|_| CodecError::Malformed)
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
