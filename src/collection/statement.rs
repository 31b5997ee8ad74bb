//! The statements of the `update` and `delete` commands.

use mongodb::bson::raw::{CStr, CString, cstr};
use mongodb::bson::{RawBsonRef, RawDocument, RawDocumentBuf, doc};

use super::query::matching;
use super::stored_session::{Dates, LOOKUP, StoredSession, operator};

use crate::difference::is_path;
use crate::error::Failure;
use crate::operation::{Filter, Id};
use crate::record;
use crate::seal::Sealer;
use crate::seal::lookup::Lookup;

/// One element of `updates` or `deletes`.
#[derive(Debug)]
pub struct Statement {
    /// Of the session.
    pub id: Id,
    /// Of the record, where that is another: the session's former id.
    pub at: Id,
    pub body: RawDocumentBuf,
}

/// Writes the whole session, made if need be.
pub fn write_whole(id: &Id, session: &StoredSession<'_>, dates: Dates) -> Statement {
    let mut change = session.change(dates);
    if let Some(created_at) = dates.created_at {
        let made = operator(cstr!("createdAt"), created_at);
        change.append(cstr!("$setOnInsert"), made);
    }
    update(id, &filter(id), &change, true)
}

/// Writes what a request changed in a session that exists: values and lookups to set and to remove.
pub fn write_difference<'a>(
    id: &Id,
    values: impl IntoIterator<Item = (&'a CStr, RawBsonRef<'a>)>,
    gone: &[&CStr],
    lookups: &[Lookup<'_>],
    dates: Dates,
) -> Statement {
    let (mut set, mut unset) = (RawDocumentBuf::new(), RawDocumentBuf::new());
    for (key, value) in values {
        set.append(path(key), value);
    }
    for key in gone {
        unset.append(path(key), "");
    }
    for (field, hash) in lookups {
        match hash {
            Some(hash) => set.append(path_in(LOOKUP, field), hash.as_raw_bson_ref()),
            None => unset.append(path_in(LOOKUP, field), ""),
        }
    }
    dates.append_to(&mut set);
    let mut change = operator(cstr!("$set"), &set);
    if !unset.is_empty() {
        change.append(cstr!("$unset"), unset);
    }
    update(id, &filter(id), &change, false)
}

/// Replaces `data` whole, provided nobody has written since `stored` was read.
pub fn write_swap(
    id: &Id,
    stored: &RawDocument,
    session: &StoredSession<'_>,
    dates: Dates,
) -> Statement {
    let unchanged = unchanged(id, stored, session.size());
    update(id, &unchanged, &session.change(dates), false)
}

/// A filter of a record that is as it was read; a command has to carry so many bytes besides. MongoDB takes
/// some values for equal that are not (0 and -0, 1 and 1.00), so the dates of its last write count as well.
pub(super) fn unchanged(id: &Id, stored: &RawDocument, besides: usize) -> RawDocumentBuf {
    let mut unchanged = filter(id);
    for date in [cstr!("updatedAt"), cstr!("expiresAt")] {
        let current = stored.get(date).ok().flatten();
        let current = current.unwrap_or(RawBsonRef::Null);
        unchanged.append(date, operator(cstr!("$eq"), current));
    }
    let together = stored.as_bytes().len() + besides;
    match stored.get("data") {
        Ok(Some(RawBsonRef::Document(current))) if together > FITS => {
            append_parts(&mut unchanged, current, FITS.saturating_sub(besides));
        }
        current => {
            let current = current.ok().flatten().unwrap_or(RawBsonRef::Null);
            unchanged.append(cstr!("data"), operator(cstr!("$eq"), current));
        }
    }
    unchanged
}

/// Renews the end of a session that is there, and koa-session's own where it has one, if what koa-session
/// says of its life is still as it was seen. Where its move has not been ended, that ends it, as long as the
/// same is pending as was seen: what is pending and nobody's session must not become one.
pub fn write_end(
    id: &Id,
    at: &Id,
    (seen, pending): (&RawDocument, Option<RawBsonRef<'_>>),
    expire: f64,
    dates: Dates,
) -> Statement {
    let mut set = RawDocumentBuf::new();
    let mut filter = filter(at);
    filter.append(cstr!("data"), operator(cstr!("$type"), "object"));
    match seen.get(cstr!("_maxAge")) {
        Ok(Some(max_age)) => filter.append(MAX_AGE, operator(cstr!("$eq"), max_age)),
        _ => filter.append(MAX_AGE, operator(cstr!("$exists"), false)),
    }
    let has_own = matches!(seen.get(cstr!("_expire")), Ok(Some(_)));
    filter.append(EXPIRE, operator(cstr!("$exists"), has_own));
    if has_own {
        set.append(EXPIRE, expire);
    }
    dates.append_to(&mut set);
    let mut change = operator(cstr!("$set"), &set);
    if let Some(pending) = pending {
        filter.append(record::PENDING, operator(cstr!("$eq"), pending));
        change.append(cstr!("$unset"), operator(record::PENDING, ""));
    }
    update_at(id, at, &filter, &change, false)
}

const EXPIRE: &CStr = cstr!("data._expire");
const MAX_AGE: &CStr = cstr!("data._maxAge");

/// What one command may carry of a session that is there and one that takes its place, in bytes.
const FITS: usize = 15 * 1024 * 1024;

/// Where a session does not fit into the filter, as many of its values as there is room for stand for it, the
/// smallest first: what is written often is small.
fn append_parts(filter: &mut RawDocumentBuf, session: &RawDocument, mut room: usize) {
    let elements = session.iter_elements().flatten();
    let mut elements: Vec<_> = elements.filter(|element| is_path(element.key())).collect();
    elements.sort_by_key(|element| element.size());
    for element in elements {
        // Each costs its path and its operator as well.
        room = room.saturating_sub(element.size() + element.key().as_str().len() + 32);
        match element.value() {
            Ok(value) if room > 0 => {
                filter.append(path(element.key()), operator(cstr!("$eq"), value));
            }
            _ => return,
        }
    }
}

/// Deletes what is there.
pub fn delete(id: &Id, at: &Id) -> Statement {
    delete_at(id, at, &filter(at))
}

pub(super) fn delete_at(id: &Id, at: &Id, filter: &RawDocument) -> Statement {
    Statement {
        id: id.clone(),
        at: at.clone(),
        body: delete_body(filter),
    }
}

/// Deletes the session if it matches.
pub fn delete_matching(
    id: &Id,
    filter: &Filter,
    sealer: Option<&Sealer>,
) -> Result<Statement, Failure> {
    Ok(delete_at(id, id, &filter_matching(id, filter, sealer)?))
}

/// Deletes the session under its former id, if it has not been moved; and if it matches, where there is a
/// filter.
pub fn delete_former(
    id: &Id,
    former: &Id,
    matching: Option<&Filter>,
    sealer: Option<&Sealer>,
) -> Result<Statement, Failure> {
    let mut query = match matching {
        Some(matching) => filter_matching(former, matching, sealer)?,
        None => filter(former),
    };
    query.append(record::MOVED, operator(cstr!("$exists"), false));
    Ok(delete_at(id, former, &query))
}

fn filter_matching(
    at: &Id,
    filter: &Filter,
    sealer: Option<&Sealer>,
) -> Result<RawDocumentBuf, Failure> {
    let mut query = doc! { "_id": &**at };
    query.extend(matching(filter, sealer));
    RawDocumentBuf::try_from(&query).map_err(|_| Failure::internal())
}

/// An element of `updates` that finds no record, whatever there is under this id.
pub fn update_nothing(id: &str) -> RawDocumentBuf {
    let mut unset = RawDocumentBuf::new();
    unset.append(NO_FIELD, "");
    update_body(&no_record(id), &operator(cstr!("$unset"), &unset), false)
}

/// The same for `deletes`.
pub fn delete_nothing(id: &str) -> RawDocumentBuf {
    delete_body(&no_record(id))
}

/// No record has it.
const NO_FIELD: &CStr = cstr!("koa-session-mongo-native");

/// A filter of one id that finds no record, whatever there is under it.
pub fn no_record(id: &str) -> RawDocumentBuf {
    let mut filter = filter(id);
    filter.append(NO_FIELD, true);
    filter
}

pub(super) fn filter(id: &str) -> RawDocumentBuf {
    let mut filter = RawDocumentBuf::new();
    filter.append(cstr!("_id"), id);
    filter
}

fn update(id: &Id, filter: &RawDocument, change: &RawDocument, upsert: bool) -> Statement {
    update_at(id, id, filter, change, upsert)
}

pub(super) fn update_at(
    id: &Id,
    at: &Id,
    filter: &RawDocument,
    change: &RawDocument,
    upsert: bool,
) -> Statement {
    Statement {
        id: id.clone(),
        at: at.clone(),
        body: update_body(filter, change, upsert),
    }
}

pub(super) fn update_body(
    filter: &RawDocument,
    change: &RawDocument,
    upsert: bool,
) -> RawDocumentBuf {
    let mut statement = RawDocumentBuf::new();
    statement.append(cstr!("q"), filter);
    statement.append(cstr!("u"), change);
    statement.append(cstr!("upsert"), upsert);
    statement
}

fn delete_body(filter: &RawDocument) -> RawDocumentBuf {
    let mut statement = RawDocumentBuf::new();
    statement.append(cstr!("q"), filter);
    statement.append(cstr!("limit"), 1);
    statement
}

/// The dotted path of a top-level key of `data`.
fn path(key: &CStr) -> CString {
    path_in(cstr!("data"), key)
}

fn path_in(field: &CStr, key: &CStr) -> CString {
    // A key cannot hold a NUL, so neither can its path.
    CString::try_from(format!("{field}.{key}")).unwrap_or_else(|_| field.to_owned())
}
