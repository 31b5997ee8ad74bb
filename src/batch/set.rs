//! The `set`s of a batch: whole sessions, differences, and what only a swap can write.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use mongodb::bson::{RawDocument, RawDocumentBuf};
use tokio::time::Instant;

use crate::codec::{self, CodecError};
use crate::collection::{self, Collection, Dates, Trip, Update, Written};
use crate::difference::Difference;
use crate::error::Failure;
use crate::operation::{Action, Content, Id, Operation, Outcome, Read};
use crate::record::{self, MAX_RECORD_SIZE};

/// The pause before a swap that somebody else was faster than is tried again.
const SWAP_PAUSE: Duration = Duration::from_millis(2);

/// How a `set` gets to the server.
enum Plan {
    /// As a statement of the batch's one command, and what it means if that succeeds.
    Update(Update, Outcome),
    /// By compare-and-swap, for what `$set` and `$unset` cannot express.
    Swap {
        states: Vec<RawDocumentBuf>,
        data: RawDocumentBuf,
    },
    /// Not at all: `touchAfter` has not passed since the last write.
    Nothing,
    Refused(Failure),
}

pub async fn run(
    collection: &Collection,
    operations: &[Arc<Operation>],
    touch_after: Duration,
    trip: &Trip,
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
            Plan::Swap { states, data } => swaps.push(async move {
                let swapped = swap(collection, operation, &states, &data, trip).await;
                (index, swapped.unwrap_or_else(Outcome::Failed))
            }),
            Plan::Refused(failure) => outcomes[index] = Outcome::Failed(failure),
        }
    }
    let mut unsure = Vec::new();
    let (written, swapped) = join(collection.update(&updates, trip), join_all(swaps)).await;
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
    mark_dropped(collection, operations, &unsure, &mut outcomes, trip).await;
    outcomes
}

/// MongoDB says how many statements found their session, not which: where some did not, this asks
/// who is gone.
async fn mark_dropped(
    collection: &Collection,
    operations: &[Arc<Operation>],
    unsure: &[usize],
    outcomes: &mut [Outcome],
    trip: &Trip,
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
    // Without an answer the sessions that are gone are taken for written: nothing was lost that
    // was still there.
    let Ok(there) = collection.find(&ids, trip.deadline, super::id_of).await else {
        return;
    };
    let there: HashSet<Id> = there.into_iter().flatten().collect();
    for (id, index) in ids.iter().zip(unsure) {
        if !there.contains(id) {
            outcomes[*index] = Outcome::Dropped;
        }
    }
}

fn plan(operation: &Operation, touch_after: Duration) -> Result<Plan, CodecError> {
    let Action::Set {
        data,
        read,
        writing,
        lifetime,
    } = &operation.action
    else {
        return Err(CodecError::Malformed);
    };
    let (id, dates) = (&*operation.id, dates(*lifetime));
    let data = to_bson(data)?;
    if record::size(id, &data) > MAX_RECORD_SIZE {
        return Ok(Plan::Refused(collection::too_large()));
    }
    let Some(read) = read else {
        let update = collection::write_whole(id, &data, dates);
        return Ok(Plan::Update(update, Outcome::Updated));
    };
    let states = states(read, writing)?;
    let mut difference = difference(&states, &data)?;
    if difference.is_new_expiry() && gains_less(touch_after, read.expires_at, dates) {
        return Ok(Plan::Nothing);
    }
    let meaning = match difference.is_touch() {
        true => Outcome::Touched,
        false => Outcome::Updated,
    };
    difference.complete_expiry(&data);
    if !difference.fits_update() {
        return Ok(Plan::Swap { states, data });
    }
    let update = collection::write_difference(id, &difference, dates);
    Ok(Plan::Update(update, meaning))
}

/// What the session may look like to the request: what it read, and what it wrote since.
fn states(read: &Read, writing: &[Content]) -> Result<Vec<RawDocumentBuf>, CodecError> {
    let states = std::iter::once(&read.content).chain(writing);
    states.map(to_bson).collect()
}

fn difference<'a>(
    states: &'a [RawDocumentBuf],
    data: &'a RawDocument,
) -> Result<Difference<'a>, CodecError> {
    let mut difference = Difference::default();
    for state in states {
        let of_state = Difference::between(state, data);
        difference.add(of_state.map_err(|_| CodecError::Malformed)?);
    }
    Ok(difference)
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

/// Reads the session, applies this request's changes, writes if nobody wrote in between, else
/// again.
async fn swap(
    collection: &Collection,
    operation: &Operation,
    states: &[RawDocumentBuf],
    data: &RawDocumentBuf,
    trip: &Trip,
) -> Result<Outcome, Failure> {
    let Action::Set { lifetime, .. } = operation.action else {
        return Ok(Outcome::Dropped);
    };
    let malformed = |_| Failure::from(CodecError::Malformed);
    let mut difference = difference(states, data)?;
    difference.complete_expiry(data);
    loop {
        let id = std::slice::from_ref(&operation.id);
        let found = collection
            .find(id, trip.deadline, RawDocument::to_owned)
            .await?;
        let Some(record) = found.first() else {
            return Ok(Outcome::Dropped);
        };
        let stored = match record.get_document("data") {
            Ok(stored) => difference.apply(data, stored).map_err(malformed)?,
            Err(_) => data.clone(),
        };
        if record::size(&operation.id, &stored) > MAX_RECORD_SIZE {
            return Err(collection::too_large());
        }
        let update = collection::write_swap(&operation.id, record, &stored, dates(lifetime));
        match collection.update(&[update], trip).await.pop() {
            Some(Written::Failed(failure)) => return Err(failure),
            Some(Written::Unsure) | None if Instant::now() < trip.deadline => {
                tokio::time::sleep(SWAP_PAUSE).await;
            }
            Some(Written::Unsure) | None => return Err(collection.out_of_time()),
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
