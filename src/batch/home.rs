//! Where a session is stored whose id is hashed: under the hash, or, from before, still under the id as it
//! is, its former one. The next write moves it. No reader may find it nowhere meanwhile, nobody who signed
//! out may be signed in again, and whoever moves it may stop at any point: two records are never written at
//! once, so each of them says how far it is.
//!
//! | step                                      | under the hash | under the former id | the session is |
//! |-------------------------------------------|----------------|---------------------|----------------|
//! | before                                    | nothing        | the session         | the former     |
//! | 1 the new content is put there            | pending        | the session         | the former     |
//! | 2 the former becomes a mark, if it is still as it was read | pending | moved     | under the hash |
//! | 3 no longer pending                       | the session    | moved               | under the hash |
//! | 4 the mark expires                        | the session    | nothing             | under the hash |
//!
//! Step 2 is the one moment at which the session is written. So:
//!
//! * A `destroy` deletes the former first and then the hash. Before step 2 it makes that fail; after it,
//!   the record under the hash was there before, and is deleted. What is pending beside nothing is no
//!   session: step 1 of somebody who came too late, or the rest of a destroy.
//! * Who finds something pending beside a former that is still there waits for a while, then takes its
//!   place (1). Who then does step 2 first has written; the other finds out at step 3 and writes again,
//!   onto what is there.
//! * Who finds something pending beside a mark of the same move takes it for the session: the next write
//!   ends the move. A move begins where nothing is under the hash; who takes another's place goes on with
//!   its move. So a step 1 that came when the session had been moved, and perhaps destroyed, began a move of
//!   its own, which no mark is of: it is no session.
//! * Each step names what it expects to find, so one that is executed late finds nothing, or does what
//!   the move needed anyway. Besides, it is shut out as any other write.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{RawBsonRef, RawDocument};

use crate::operation::Operation;
use crate::record;

/// What a record says of a move, and of which: `None` where it was not this store that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    None,
    Pending(Option<ObjectId>),
    Moved(Option<ObjectId>),
}

impl Mark {
    pub fn of(record: &RawDocument) -> Mark {
        let get = |field| {
            let value = record.get(field).ok().flatten();
            value.filter(|value| *value != RawBsonRef::Null)
        };
        match (get(record::PENDING), get(record::MOVED)) {
            (Some(pending), _) => Mark::Pending(record::move_of(pending)),
            (None, Some(moved)) => Mark::Moved(moved.as_object_id()),
            (None, None) => Mark::None,
        }
    }
}

/// Of the records under a session's two ids, or of what was made of them, which is the session.
#[derive(Debug, PartialEq, Eq)]
pub enum Home<T> {
    Here(T),
    /// Somebody stopped, or is, between steps 2 and 3.
    Unsettled(T),
    /// Still under the former id; perhaps there is something pending.
    Former(T, Option<T>),
    /// Moved by this move, but not found under the hash: it was not there yet when this looked, or is gone.
    Unseen(Option<ObjectId>),
    Nowhere(Option<T>),
}

/// What was found under a session's two ids.
#[derive(Debug)]
pub struct Sighting<T> {
    pub here: Option<(Mark, T)>,
    pub former: Option<(Mark, T)>,
}

impl<T> Default for Sighting<T> {
    fn default() -> Self {
        Sighting {
            here: None,
            former: None,
        }
    }
}

impl<T> Sighting<T> {
    pub fn home(self) -> Home<T> {
        match (self.here, self.former) {
            (Some((Mark::None | Mark::Moved(_), here)), _) => Home::Here(here),
            (Some((Mark::Pending(pending), here)), Some((Mark::Moved(moved), _)))
                if pending == moved =>
            {
                Home::Unsettled(here)
            }
            (_, Some((Mark::Moved(moved), _))) => Home::Unseen(moved),
            (here, Some((Mark::None | Mark::Pending(_), former))) => {
                Home::Former(former, here.map(|(_, pending)| pending))
            }
            (here, None) => Home::Nowhere(here.map(|(_, pending)| pending)),
        }
    }
}

impl<T> Sighting<T> {
    /// Whether something is left of it under its former id: whoever wrote it whole stopped before that was
    /// deleted.
    pub fn has_remains(&self) -> bool {
        let is_here = matches!(self.here, Some((Mark::None, _)));
        is_here && matches!(self.former, Some((Mark::None, _)))
    }
}

/// What is under the hash now that a session was moved there by this move, if it is the session.
pub fn moved_here<T>(mark: Mark, record: T, moved: Option<ObjectId>) -> Option<Home<T>> {
    match mark {
        Mark::None | Mark::Moved(_) => Some(Home::Here(record)),
        Mark::Pending(pending) if pending == moved => Some(Home::Unsettled(record)),
        Mark::Pending(_) => None,
    }
}

impl<'r> Sighting<&'r RawDocument> {
    /// Of the records, those of the operation's session.
    pub fn of(operation: &Operation, records: impl Iterator<Item = &'r RawDocument>) -> Self {
        let mut sighting = Sighting::default();
        for record in records {
            let Ok(id) = record.get_str("_id") else {
                continue;
            };
            if *id == *operation.id {
                sighting.here = Some((Mark::of(record), record));
            } else if operation.former.as_deref() == Some(id) {
                sighting.former = Some((Mark::of(record), record));
            }
        }
        sighting
    }
}

#[cfg(test)]
mod tests {
    use super::Mark::None as Plain;
    use super::*;

    const THIS: Option<ObjectId> = Some(ObjectId::from_bytes([1; 12]));
    const OTHER: Option<ObjectId> = Some(ObjectId::from_bytes([2; 12]));
    const PENDING: Mark = Mark::Pending(THIS);
    const MOVED: Mark = Mark::Moved(THIS);

    fn home(here: Option<Mark>, former: Option<Mark>) -> Home<&'static str> {
        Sighting {
            here: here.map(|mark| (mark, "here")),
            former: former.map(|mark| (mark, "former")),
        }
        .home()
    }

    #[test]
    fn after_each_step_of_a_move_the_session_is_in_one_place() {
        assert_eq!(home(None, Some(Plain)), Home::Former("former", None));
        let first = home(Some(PENDING), Some(Plain));
        assert_eq!(first, Home::Former("former", Some("here")));
        assert_eq!(home(Some(PENDING), Some(MOVED)), Home::Unsettled("here"));
        assert_eq!(home(Some(Plain), Some(MOVED)), Home::Here("here"));
        assert_eq!(home(Some(Plain), None), Home::Here("here"));
    }

    #[test]
    fn what_a_destroy_leaves_is_no_session() {
        assert_eq!(home(None, None), Home::Nowhere(None));
        assert_eq!(home(Some(PENDING), None), Home::Nowhere(Some("here")));
        assert_eq!(home(None, Some(MOVED)), Home::Unseen(THIS));
    }

    #[test]
    fn what_began_after_the_session_had_been_moved_is_no_session() {
        let late = Some(Mark::Pending(OTHER));
        assert_eq!(home(late, Some(MOVED)), Home::Unseen(THIS));
        assert_eq!(moved_here(Mark::Pending(OTHER), "here", THIS), None);
        let unsettled = Some(Home::Unsettled("here"));
        assert_eq!(moved_here(PENDING, "here", THIS), unsettled);
    }

    #[test]
    fn what_a_whole_write_left_behind_is_seen() {
        let remains = |here, former| {
            Sighting {
                here: Some((here, ())),
                former,
            }
            .has_remains()
        };
        assert!(remains(Plain, Some((Plain, ()))));
        assert!(!remains(Plain, Some((MOVED, ()))));
        assert!(!remains(PENDING, Some((Plain, ()))));
        assert!(!remains(Plain, None));
    }

    #[test]
    fn what_was_written_whole_stands_before_what_it_left_behind() {
        assert_eq!(home(Some(Plain), Some(Plain)), Home::Here("here"));
    }
}
