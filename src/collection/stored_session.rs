//! A session as its record holds it.

use std::borrow::Cow;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{RawDocument, RawDocumentBuf};

use super::statement::{Dates, operator};
use crate::record;

/// A session as it is stored.
pub struct StoredSession<'a> {
    pub data: Cow<'a, RawDocument>,
    /// With `encryption`, what stands in `lookup`: all of it.
    pub lookup: Option<RawDocumentBuf>,
    pub pending: Pending,
}

/// What a record is to say of its session's move to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Ids are not hashed.
    Unmentioned,
    /// The session is there.
    Ended,
    Begun(Attempt),
}

/// An attempt at a move of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The move: who takes the place of another goes on with it.
    pub of: ObjectId,
    pub by: ObjectId,
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
            Pending::Begun(Attempt { of, by }) => {
                set.append(record::PENDING, record::pending(of, by));
            }
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
