//! The operations of a store as values, and what each can end in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::Failure;

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
    Destroy,
}

#[derive(Debug)]
pub struct Operation {
    /// JavaScript's name for the promise that waits for this operation.
    pub token: u32,
    pub id: Id,
    pub action: Action,
    pub submitted: Instant,
    settled: AtomicBool,
}

impl Operation {
    pub fn new(token: u32, id: &str, action: Action) -> Self {
        Operation {
            token,
            id: Id::from(id),
            action,
            submitted: Instant::now(),
            settled: AtomicBool::new(false),
        }
    }

    pub fn age(&self) -> Duration {
        self.submitted.elapsed()
    }

    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Claims the one right to report this operation's outcome.
    pub fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }

    /// Roughly what the operation adds to a command, in bytes.
    pub fn weight(&self) -> usize {
        let content = match &self.action {
            Action::Set { data, .. } => data.size(),
            Action::Get | Action::Destroy => 0,
        };
        content + self.id.len()
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
    /// The store is closed, and all that was accepted has ended.
    Closed,
    Failed(Failure),
}
