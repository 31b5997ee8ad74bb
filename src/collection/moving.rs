//! The statements by which a session moves from its former id to the hash of it: the steps of
//! `batch/home.rs`, in their order.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{DateTime, RawBsonRef, RawDocument, RawDocumentBuf};

use super::statement::{Statement, delete_at, filter, unchanged, update_at};
use super::stored_session::{Dates, StoredSession, operator};
use crate::operation::Id;
use crate::record;

/// A mark outlives whoever has read one of the two records before the move, and looks at the other after it:
/// that takes no longer than an operation may.
const LIFE_OF_A_MARK: Duration = Duration::from_secs(60);

/// Before 1, to take the place of somebody who has begun: the former is no longer as the other has read it.
/// Gives it as it is then, too.
pub fn take_over(id: &Id, (former, read): (&Id, &RawDocument)) -> (Statement, RawDocumentBuf) {
    let latest = read
        .get_datetime(UPDATED_AT)
        .map_or(0, |date| date.timestamp_millis());
    let now = record::now().timestamp_millis().max(latest + 1);
    let updated_at = DateTime::from_millis(now);
    let change = operator(cstr!("$set"), &operator(UPDATED_AT, updated_at));
    let statement = update_at(id, former, &unchanged(former, read, 0), &change, false);
    let mut renewed = RawDocumentBuf::new();
    for element in read.iter_elements().flatten() {
        if let Ok(value) = element.value()
            && element.key() != UPDATED_AT
        {
            renewed.append(element.key(), value);
        }
    }
    renewed.append(UPDATED_AT, updated_at);
    (statement, renewed)
}

/// 1: puts the session under the hash, pending; in the place of what somebody else has left there, or of
/// nothing: where there is something, this fails with a duplicate key.
pub fn begin_move(
    id: &Id,
    former: &RawDocument,
    session: &StoredSession<'_>,
    dates: Dates,
    (pending, left): (&RawDocument, Option<RawBsonRef<'_>>),
) -> Statement {
    let mut query = filter(id);
    match left {
        Some(left) => query.append(record::PENDING, operator(cstr!("$eq"), left)),
        None => query.append(record::PENDING, pending),
    }
    let mut change = session.change(dates);
    if let Ok(Some(created_at)) = former.get("createdAt") {
        let made = operator(cstr!("createdAt"), created_at);
        change.append(cstr!("$setOnInsert"), made);
    }
    update_at(id, id, &query, &change, left.is_none())
}

/// 2: makes a mark of the former record, if it is still as it was read. It lives as long as the session:
/// without it, what is pending is no session.
pub fn mark_moved(
    id: &Id,
    (former, read): (&Id, &RawDocument),
    attempt: ObjectId,
    dates: Dates,
) -> Statement {
    let query = unchanged(former, read, 0);
    let mut set = RawDocumentBuf::new();
    set.append(record::MOVED, attempt);
    set.append(EXPIRES_AT, dates.expires_at);
    let mut unset = RawDocumentBuf::new();
    for field in OF_A_SESSION {
        unset.append(field, "");
    }
    let mut change = operator(cstr!("$set"), &set);
    change.append(cstr!("$unset"), unset);
    update_at(id, former, &query, &change, false)
}

const UPDATED_AT: &CStr = cstr!("updatedAt");
const EXPIRES_AT: &CStr = cstr!("expiresAt");

/// What a record of a session has, of this store or of another: a mark is none.
const OF_A_SESSION: [&CStr; 6] = [
    cstr!("data"),
    cstr!("lookup"),
    UPDATED_AT,
    cstr!("session"),
    cstr!("expires"),
    cstr!("lastModified"),
];

/// 3: the session is there.
pub fn end_move(id: &Id, attempt: ObjectId) -> Statement {
    let unset = operator(record::PENDING, "");
    let change = operator(cstr!("$unset"), &unset);
    update_at(id, id, &pending_by(id, attempt), &change, false)
}

/// 4: nobody who comes now needs the mark. MongoDB removes it as an expired session.
pub fn expire_mark(id: &Id, former: &Id, timeout: Duration) -> Statement {
    let mut query = filter(former);
    query.append(record::MOVED, operator(cstr!("$exists"), true));
    let life = (LIFE_OF_A_MARK + timeout).as_millis();
    let life = i64::try_from(life).unwrap_or(i64::MAX);
    let end = operator(EXPIRES_AT, record::expiry(record::now(), life));
    update_at(id, former, &query, &operator(cstr!("$set"), &end), false)
}

/// Takes back what is pending, where there is no session any more.
pub fn abandon_move(id: &Id, attempt: ObjectId) -> Statement {
    delete_at(id, id, &pending_by(id, attempt))
}

/// What a move has left of a session that is over.
pub fn delete_left(id: &Id, at: &Id, mark: &CStr) -> Statement {
    let mut query = filter(at);
    query.append(mark, operator(cstr!("$exists"), true));
    delete_at(id, at, &query)
}

fn pending_by(id: &Id, attempt: ObjectId) -> RawDocumentBuf {
    let mut query = filter(id);
    query.append(record::ATTEMPT, attempt);
    query
}
