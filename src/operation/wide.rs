//! The words of operations that concern many sessions, and of what they find.

use std::collections::HashSet;
use std::sync::Arc;

use mongodb::bson::Document;

use super::{Content, Id};
use crate::adopt::Kinds;
use crate::error::Failure;

/// What sessions have to be like.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Paths in `data`, and the values there. Empty: any session.
    pub paths: Document,
    /// Whether the values may be MongoDB's operators; else they are taken literally.
    pub has_operators: bool,
}

/// Which sweep of a store.
pub type SweepNumber = u64;

/// Who reads page by page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reader {
    Listing(u32),
    Sweep(SweepNumber),
    Watch(u64),
}

/// What an operation looks for that concerns many sessions.
#[derive(Debug)]
pub enum Wide {
    /// How many live sessions there are.
    Length(Filter),
    /// Live sessions in the order of their stored ids, from behind one on.
    List {
        reader: Reader,
        filter: Filter,
        after: Option<Id>,
        with_data: bool,
    },
    /// The ids of all that match, live or not, as the primary has them now.
    Find {
        reader: Reader,
        filter: Arc<Filter>,
        from: Start,
    },
    /// Nothing more: nobody reads on.
    Leave(Reader),
    /// Nothing: it takes over what other stores wrote.
    Adopt(AdoptStep),
}

impl Wide {
    /// Whether it goes on with what has begun, after all that had been called before.
    pub fn goes_on(&self) -> bool {
        match self {
            Wide::List { after, .. } => after.is_some(),
            Wide::Find { from, .. } => *from != Start::First,
            Wide::Adopt(step) => !matches!(step, AdoptStep::Indexes),
            Wide::Leave(_) => true,
            Wide::Length(_) => false,
        }
    }
}

/// From where on a sweep looks for sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    First,
    Behind(Id),
    /// The hashed ids, once more: a session may have moved to one, behind where the sweep was.
    HashedAgain,
}

/// A step of `adopt()`. Each can be repeated.
#[derive(Debug)]
pub enum AdoptStep {
    /// Names the indexes by which other stores have sessions removed.
    Indexes,
    /// Adopts the next documents.
    Documents {
        place: Place,
        kinds: Kinds,
        /// Milliseconds, for a session whose end nobody knows.
        lifetime: i64,
        /// Milliseconds after `updatedAt` at which the former store's index ends sessions.
        ends_after: Option<i64>,
    },
    /// Drops such an index, by its name.
    Drop(String),
}

/// How far `adopt()` has come: behind this id, in a page of the collection that ends with that one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub after: Option<Id>,
    /// `None`: the next page is yet to be found.
    pub until: Option<Id>,
}

#[derive(Debug)]
pub struct Sweep {
    pub filter: Arc<Filter>,
    /// By their stored ids: these stay.
    pub except: HashSet<Id>,
    /// Whether somebody wants to know which sessions end.
    pub is_told: bool,
}

/// What happened to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Created(Id),
    Updated(Id),
    Destroyed(Id),
    Expired(Id),
    /// Something may have been missed.
    Gap,
}

/// Sessions in the order of their stored ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub sessions: Vec<Listed>,
    /// There are no more behind these.
    pub is_last: bool,
}

/// One session of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Of its record, which decides where it stands in the list.
    pub id: Id,
    /// The session's stored id, where the record still has its plain one.
    pub told: Option<Id>,
    /// Where the record is that of a session that is moving to it, from where.
    pub former: Option<Id>,
    /// Where it was asked for.
    pub content: Option<Result<Content, Failure>>,
    /// Milliseconds since 1970, where they are stored.
    pub updated_at: Option<i64>,
    pub expires_at: Option<i64>,
}

impl Listed {
    /// Under which its session is looked for by who destroys it.
    pub fn sought(&self) -> &Id {
        self.former.as_ref().unwrap_or(&self.id)
    }

    /// The session's stored id, as the application gets it.
    pub fn told(&self) -> &Id {
        self.told.as_ref().unwrap_or(&self.id)
    }
}
