//! The statements of the `update` and `delete` commands.

use mongodb::bson::raw::{CStr, CString, cstr};
use mongodb::bson::{DateTime, RawBson, RawBsonRef, RawDocument, RawDocumentBuf};

use crate::difference::Difference;

/// What every write of a session renews.
#[derive(Debug, Clone, Copy)]
pub struct Dates {
    pub updated_at: DateTime,
    pub expires_at: DateTime,
}

impl Dates {
    fn append_to(self, set: &mut RawDocumentBuf) {
        set.append(cstr!("updatedAt"), self.updated_at);
        set.append(cstr!("expiresAt"), self.expires_at);
    }
}

/// One element of `updates`.
#[derive(Debug)]
pub struct Update {
    pub statement: RawDocumentBuf,
    /// Whether a session that is not there is made.
    pub upsert: bool,
}

/// Writes the whole session, made if need be.
pub fn write_whole(id: &str, data: &RawDocument, dates: Dates) -> Update {
    let mut set = RawDocumentBuf::new();
    set.append(cstr!("data"), data);
    dates.append_to(&mut set);
    update(&filter(id), &operator(cstr!("$set"), &set), true)
}

/// Writes what a request changed in a session that exists.
pub fn write_difference(id: &str, difference: &Difference<'_>, dates: Dates) -> Update {
    let mut set = RawDocumentBuf::new();
    for (key, value) in &difference.set {
        set.append(path(key), *value);
    }
    dates.append_to(&mut set);
    let mut change = operator(cstr!("$set"), &set);
    if !difference.unset.is_empty() {
        let mut unset = RawDocumentBuf::new();
        for key in &difference.unset {
            unset.append(path(key), "");
        }
        change.append(cstr!("$unset"), unset);
    }
    update(&filter(id), &change, false)
}

/// Replaces `data` whole, provided nobody has written since `stored` was read. Where the two
/// together would not fit into one command, `updatedAt` stands for the content.
pub fn write_swap(id: &str, stored: &RawDocument, data: &RawDocument, dates: Dates) -> Update {
    const FITS: usize = 15 * 1024 * 1024;
    let together = stored.as_bytes().len() + data.as_bytes().len();
    let (field, current) = if together < FITS {
        (cstr!("data"), stored.get("data"))
    } else {
        (cstr!("updatedAt"), stored.get("updatedAt"))
    };
    let current = current.ok().flatten().unwrap_or(RawBsonRef::Null);
    let mut unchanged = filter(id);
    unchanged.append(field, operator(cstr!("$eq"), current));
    let mut set = RawDocumentBuf::new();
    set.append(cstr!("data"), data);
    dates.append_to(&mut set);
    update(&unchanged, &operator(cstr!("$set"), &set), false)
}

/// One element of `deletes`.
pub fn delete(id: &str) -> RawDocumentBuf {
    let mut statement = RawDocumentBuf::new();
    statement.append(cstr!("q"), filter(id));
    statement.append(cstr!("limit"), 1);
    statement
}

/// One element of `updates` that finds no record, whatever there is under this id.
pub fn nothing(id: &RawBson) -> RawDocumentBuf {
    const NO_FIELD: &CStr = cstr!("koa-session-mongo-native");
    let mut filter = RawDocumentBuf::new();
    filter.append(cstr!("_id"), id.as_raw_bson_ref());
    filter.append(NO_FIELD, true);
    let mut unset = RawDocumentBuf::new();
    unset.append(NO_FIELD, "");
    update(&filter, &operator(cstr!("$unset"), &unset), false).statement
}

/// The id of the record that a statement writes.
pub fn id(statement: &RawDocument) -> Option<RawBson> {
    let filter = statement.get_document("q").ok()?;
    Some(filter.get("_id").ok()??.into())
}

fn filter(id: &str) -> RawDocumentBuf {
    let mut filter = RawDocumentBuf::new();
    filter.append(cstr!("_id"), id);
    filter
}

fn operator<'a>(name: &CStr, value: impl Into<RawBsonRef<'a>>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(name, value.into());
    document
}

fn update(filter: &RawDocument, change: &RawDocument, upsert: bool) -> Update {
    let mut statement = RawDocumentBuf::new();
    statement.append(cstr!("q"), filter);
    statement.append(cstr!("u"), change);
    statement.append(cstr!("upsert"), upsert);
    Update { statement, upsert }
}

/// The dotted path of a top-level key of `data`.
fn path(key: &CStr) -> CString {
    // A key cannot hold a NUL, so neither can its path.
    CString::try_from(format!("data.{key}")).unwrap_or_else(|_| cstr!("data").to_owned())
}
