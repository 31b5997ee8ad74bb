//! A session as its record holds it.

use std::borrow::Cow;

use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{DateTime, RawBsonRef, RawDocument, RawDocumentBuf};

use crate::record;

/// What every write of a session renews.
#[derive(Debug, Clone, Copy)]
pub struct Dates {
    pub updated_at: DateTime,
    pub expires_at: DateTime,
    /// What a session that is made keeps of it, where it does.
    pub created_at: Option<DateTime>,
}

impl Dates {
    /// Of a write now, after which the session lives for so many milliseconds.
    pub fn of(lifetime: i64) -> Self {
        let updated_at = record::now();
        Dates {
            updated_at,
            expires_at: record::expiry(updated_at, lifetime),
            created_at: None,
        }
    }

    pub fn append_to(self, set: &mut RawDocumentBuf) {
        set.append(cstr!("updatedAt"), self.updated_at);
        set.append(cstr!("expiresAt"), self.expires_at);
    }
}

/// A session as it is stored.
pub struct StoredSession<'a> {
    pub data: Cow<'a, RawDocument>,
    /// With `encryption`, what stands in `lookup`: all of it.
    pub lookup: Option<RawDocumentBuf>,
    pub pending: Pending<'a>,
}

/// What a record is to say of its session's move to it.
#[derive(Debug, Clone, Copy)]
pub enum Pending<'a> {
    /// Ids are not hashed.
    Unmentioned,
    /// The session is there.
    Ended,
    Begun(&'a RawDocument),
}

impl StoredSession<'_> {
    /// What writes all of it.
    pub fn change(&self, dates: Dates) -> RawDocumentBuf {
        let (mut set, mut unset) = (RawDocumentBuf::new(), RawDocumentBuf::new());
        set.append(cstr!("data"), &*self.data);
        dates.append_to(&mut set);
        let lookup = self.lookup.as_deref();
        if let Some(lookup) = lookup.filter(|lookup| !lookup.is_empty()) {
            set.append(LOOKUP, lookup);
        }
        if lookup.is_some_and(RawDocument::is_empty) {
            unset.append(LOOKUP, "");
        }
        match self.pending {
            Pending::Unmentioned => {}
            Pending::Ended => unset.append(record::PENDING, ""),
            Pending::Begun(pending) => set.append(record::PENDING, pending),
        }
        let mut change = operator(cstr!("$set"), &set);
        if !unset.is_empty() {
            change.append(cstr!("$unset"), unset);
        }
        change
    }

    /// What it adds to a record, in bytes.
    pub fn size(&self) -> usize {
        let lookup = self
            .lookup
            .as_ref()
            .map_or(0, |lookup| lookup.as_bytes().len());
        self.data.as_bytes().len() + lookup
    }
}

/// The field of a record beside `data` in which the hashes stand by which a session is found.
pub const LOOKUP: &CStr = cstr!("lookup");

/// A document of one element, such as `{ $set: … }`.
pub fn operator<'a>(name: &CStr, value: impl Into<RawBsonRef<'a>>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(name, value.into());
    document
}
