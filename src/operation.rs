//! The operations of a store as values, and what each can end in.

mod wide;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Sender, UnboundedSender};

use crate::error::Failure;
use crate::seal::ids::{IdHasher, is_hash};

pub use wide::{
    AdoptStep, Change, Filter, Listed, Page, Place, Reader, Start, Sweep, SweepNumber, Wide,
};

/// A session id, shared between the queue, the batch and the command.
pub type Id = Arc<str>;

/// The content of a session as it crosses between JavaScript and Rust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// JSON text, for JavaScript to read: values without a JSON form are in capsules.
    Json(String),
    /// BSON bytes: what JavaScript writes, what was read lately, and sessions that have little else
    /// than such values.
    Bson(Vec<u8>),
}

impl Content {
    /// In bytes.
    pub fn size(&self) -> usize {
        match self {
            Content::Json(text) => text.len(),
            Content::Bson(bytes) => bytes.len(),
        }
    }
}

/// A session as a request read it, or wrote it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub content: Content,
    /// When it ends, in milliseconds since 1970. Unknown where another store wrote it.
    pub expires_at: Option<i64>,
    /// It is stored otherwise than it would be now, such as not encrypted: the next write of the session
    /// writes all of it anew.
    pub is_outdated: bool,
}

#[derive(Debug)]
pub enum Action {
    Get,
    Set {
        data: Content,
        /// What the same request read under this id. Then only the difference is written, and a
        /// session that is gone stays gone.
        read: Option<Read>,
        /// What the same request has under way or failed to write: the session may be in any of
        /// these states, too.
        writing: Vec<Content>,
        /// Milliseconds from the write to the session's end.
        lifetime: i64,
    },
    /// Renews a session's end.
    Touch(Renewal),
    Destroy {
        /// Only if the session is like this.
        matching: Option<Arc<Filter>>,
    },
    /// Looks through the collection. Belongs to no session.
    Wide(Wide),
    /// Destroys all sessions that match, page by page. Belongs to no session.
    Sweep(Sweep),
    /// Follows what happens to the sessions that match. Belongs to no session.
    Watch {
        filter: Filter,
        /// Where the changes go, and why there are no more.
        changes: Sender<Result<Change, Failure>>,
    },
}

/// How long a session lives from a touch on, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Where the store's `expires` decides.
    pub lifetime: Option<i64>,
    /// As the caller says it; else the session keeps its own.
    pub max_age: Option<i64>,
    /// Where nothing else says.
    pub otherwise: i64,
}

/// Who is told of an operation's outcome.
#[derive(Debug)]
pub enum Caller {
    /// By JavaScript's name for the promise that waits.
    JavaScript(u32),
    /// A sweep, of which the operation is a part.
    Sweep(UnboundedSender<(Id, Outcome)>),
}

/// How an operation has ended, if it has.
enum Fate {
    Open,
    Succeeded,
    Failed,
}

#[derive(Debug)]
pub struct Operation {
    pub caller: Caller,
    /// Under which its session is stored; until the dispatcher has it, as the caller has it.
    pub id: Id,
    /// Where ids are hashed, under which the session may still be stored from before.
    pub former: Option<Id>,
    pub action: Action,
    pub submitted: Instant,
    /// Its place in the order of the calls: for a part of a sweep, that of the sweep.
    pub called: Instant,
    /// A [`Fate`].
    fate: AtomicU8,
    /// How many travel together with it, itself included; 0 while it waits.
    together: AtomicU32,
}

impl Operation {
    pub fn new(token: u32, id: &str, action: Action) -> Self {
        Self::of(Caller::JavaScript(token), Id::from(id), action)
    }

    pub fn of(caller: Caller, id: Id, action: Action) -> Self {
        let now = Instant::now();
        Operation {
            caller,
            id,
            former: None,
            action,
            submitted: now,
            called: now,
            fate: AtomicU8::new(Fate::Open as u8),
            together: AtomicU32::new(0),
        }
    }

    /// From here on it is known by the id under which its session is stored.
    pub fn hash_ids(&mut self, ids: &IdHasher) {
        match &mut self.action {
            Action::Sweep(sweep) => {
                // Who has a stored id only, as from a listing, may leave its session out, too.
                let hashes = sweep.except.iter().map(|id| Id::from(ids.hash(id)));
                let hashes: Vec<Id> = hashes.collect();
                sweep.except.extend(hashes);
            }
            Action::Wide(_) | Action::Watch { .. } => {}
            _ => {
                let hash = Id::from(ids.hash(&self.id));
                let former = std::mem::replace(&mut self.id, hash);
                self.former = (!is_hash(&former)).then_some(former);
            }
        }
    }

    /// Under which its records may be.
    pub fn stored_ids(&self) -> impl Iterator<Item = &Id> {
        self.former.iter().chain([&self.id])
    }

    pub fn age(&self) -> Duration {
        self.submitted.elapsed()
    }

    pub fn is_answered(&self) -> bool {
        self.fate.load(Ordering::Acquire) != Fate::Open as u8
    }

    pub fn has_failed(&self) -> bool {
        self.fate.load(Ordering::Acquire) == Fate::Failed as u8
    }

    /// Claims the one right to report this operation's outcome.
    pub fn claim_answer(&self, outcome: &Outcome) -> bool {
        let fate = match outcome {
            Outcome::Failed(_) => Fate::Failed,
            _ => Fate::Succeeded,
        };
        let (open, ordering) = (Fate::Open as u8, Ordering::AcqRel);
        (self.fate)
            .compare_exchange(open, fate as u8, ordering, Ordering::Acquire)
            .is_ok()
    }

    pub fn together(&self) -> u32 {
        self.together.load(Ordering::Relaxed)
    }

    /// Gives with how many it travelled until now.
    pub fn travels_with(&self, together: usize) -> u32 {
        self.together.swap(together as u32, Ordering::Relaxed)
    }

    /// Tells the outcome to whoever called; gives it back where that is JavaScript, which is told of
    /// many at a time.
    pub fn tell(&self, outcome: Outcome) -> Option<Told> {
        match &self.caller {
            Caller::JavaScript(token) => Some(Told {
                token: *token,
                outcome,
                together: self.together(),
            }),
            Caller::Sweep(sweep) => {
                // Fails only where the store has ended, and the sweep with it.
                let found = self.former.as_ref().unwrap_or(&self.id);
                let _ = sweep.send((found.clone(), outcome));
                None
            }
        }
    }

    /// Roughly what the operation adds to a command, in bytes.
    pub fn weight(&self) -> usize {
        let content = match &self.action {
            Action::Set { data, .. } => data.size(),
            _ => 0,
        };
        content + self.id.len()
    }
}

/// An outcome on its way to JavaScript.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub token: u32,
    pub outcome: Outcome,
    /// How many operations travelled in the same command; 0 if it was in none.
    pub together: u32,
}

impl Told {
    /// Of what is no operation.
    pub fn of(token: u32, outcome: Outcome) -> Self {
        Told {
            token,
            outcome,
            together: 0,
        }
    }
}

/// A session that was found. All reads that went together have the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// As JavaScript gets it.
    pub read: Read,
    /// As it is stored, where that is worth keeping.
    pub stored: Option<Arc<[u8]>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// `get` found a session.
    Found(Arc<Found>),
    /// `get` found none, or an expired one.
    Missing,
    /// `set` made a new session.
    Created,
    /// `set` changed a session.
    Updated,
    /// `set` found nothing changed but the expiry.
    Touched,
    /// The same, so soon after the last write that `touchAfter` leaves it at that.
    Unchanged,
    /// `set` came after the session was destroyed, and wrote nothing.
    Dropped,
    Destroyed,
    /// What a wide operation found.
    Page(Arc<Page>),
    /// The changes are followed from now on.
    Watching,
    /// What has happened since the last of these.
    Changed(Vec<Change>),
    /// How many a wide operation found, or a sweep destroyed.
    Counted(u64),
    /// What a step of `adopt()` found and did, as JSON text.
    Done(String),
    /// The store is closed, and all that was accepted has ended.
    Closed,
    Failed(Failure),
}
