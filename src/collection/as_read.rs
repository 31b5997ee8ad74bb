//! The statement that adopts a document of another store.

use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{RawDocument, RawDocumentBuf};

use super::statement::{filter, update_body};
use super::stored_session::operator;
use crate::adopt::Adoption;
use crate::operation::Id;

/// Fields of other stores.
const FOREIGN: [&CStr; 3] = [cstr!("session"), cstr!("expires"), cstr!("lastModified")];

/// An element of `updates` that adopts a document, provided it is as it was read.
pub fn adopt(id: &Id, record: &RawDocument, adoption: &Adoption) -> RawDocumentBuf {
    let has = |field: &&&CStr| matches!(record.get(field), Ok(Some(_)));
    let mut as_read = filter(id);
    let dates = [cstr!("updatedAt"), cstr!("expiresAt")];
    let data = adoption.data.is_some().then_some(cstr!("data"));
    for field in FOREIGN.into_iter().chain(dates).chain(data) {
        append(&mut as_read, record, field);
    }
    let mut set = RawDocumentBuf::new();
    if let Some(data) = &adoption.data {
        set.append(cstr!("data"), data);
    }
    if let Some(updated_at) = adoption.updated_at {
        set.append(cstr!("updatedAt"), updated_at);
    }
    set.append(cstr!("expiresAt"), adoption.expires_at);
    let mut change = operator(cstr!("$set"), &set);
    let mut unset = RawDocumentBuf::new();
    for field in FOREIGN.iter().filter(has) {
        unset.append(field, "");
    }
    if !unset.is_empty() {
        change.append(cstr!("$unset"), unset);
    }
    update_body(&as_read, &change, false)
}

fn append(filter: &mut RawDocumentBuf, record: &RawDocument, field: &CStr) {
    let condition = match record.get(field) {
        Ok(Some(value)) => operator(cstr!("$eq"), value),
        _ => operator(cstr!("$exists"), false),
    };
    filter.append(field, condition);
}
