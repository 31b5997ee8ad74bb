//! The statements by which a session moves from its former id to the hash of it: the steps of
//! `batch/home.rs`, in their order.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{DateTime, RawBsonRef, RawDocument, RawDocumentBuf};

use super::statement::{Statement, delete_at, filter, unchanged, update_at};
use super::stored_session::{Attempt, Dates, Pending, StoredSession, operator};
use crate::operation::Id;
use crate::record;

/// 1: puts the session under the hash, pending; in the place of what somebody else has left there, or of
/// nothing: where there is something, this fails with a duplicate key.
pub fn begin_move(
    id: &Id,
    former: &RawDocument,
    session: &StoredSession<'_>,
    dates: Dates,
    (attempt, left): (Attempt, Option<RawBsonRef<'_>>),
) -> Statement {
    debug_assert_eq!(session.pending, Pending::Begun(attempt));
    let query = match left {
        Some(left) => {
            let mut query = filter(id);
            query.append(record::PENDING, operator(cstr!("$eq"), left));
            query
        }
        None => pending(id, attempt),
    };
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
    of: ObjectId,
    dates: Dates,
) -> Statement {
    let query = unchanged(former, read, 0);
    let mut set = RawDocumentBuf::new();
    set.append(record::MOVED, of);
    set.append(cstr!("expiresAt"), dates.expires_at);
    let mut unset = RawDocumentBuf::new();
    for field in OF_A_SESSION {
        unset.append(field, "");
    }
    let mut change = operator(cstr!("$set"), &set);
    change.append(cstr!("$unset"), unset);
    update_at(id, former, &query, &change, false)
}

/// What a record of a session has, of this store or of another: a mark is none.
const OF_A_SESSION: [&CStr; 6] = [
    cstr!("data"),
    cstr!("lookup"),
    cstr!("updatedAt"),
    cstr!("session"),
    cstr!("expires"),
    cstr!("lastModified"),
];

/// 3: the session is there.
pub fn end_move(id: &Id, attempt: Attempt) -> Statement {
    let unset = operator(record::PENDING, "");
    let change = operator(cstr!("$unset"), &unset);
    update_at(id, id, &pending(id, attempt), &change, false)
}

/// 4: nobody needs the mark any more. MongoDB removes it as an expired session, which leaves those time
/// who read one record before the move and the other after it.
pub fn expire_mark(id: &Id, former: &Id) -> Statement {
    let mut query = filter(former);
    query.append(record::MOVED, operator(cstr!("$exists"), true));
    let end = operator(cstr!("expiresAt"), DateTime::from_millis(0));
    update_at(id, former, &query, &operator(cstr!("$set"), &end), false)
}

/// Takes back what is pending, where there is no session any more.
pub fn abandon_move(id: &Id, attempt: Attempt) -> Statement {
    delete_at(id, id, &pending(id, attempt))
}

fn pending(id: &Id, Attempt { of, by }: Attempt) -> RawDocumentBuf {
    let mut query = filter(id);
    query.append(record::PENDING, record::pending(of, by));
    query
}
