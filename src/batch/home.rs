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
//! Step 2 is the one moment at which the session is written: who has done it has written, whatever step 3
//! finds. So:
//!
//! * Who finds something pending beside a former that is still there waits for a while, then takes its
//!   place: makes the former another than the one that was read, by its `updatedAt`, so that the other fails
//!   at step 2, and then puts its own there (1). So at step 2 what is pending is of the attempt that does it.
//! * Who finds something pending beside the mark of the same attempt takes it for the session: the next
//!   write ends the move. Beside anything else it is none: a step 1 that came too late.
//! * A whole write puts the session under the hash, not pending, and then deletes the former, which is no
//!   session any more. Who finds neither of the two may have looked for the one too early and for the other
//!   too late, and looks once more.
//! * A `destroy` looks where the session is and deletes it there, and only there (`destroy_former`): what is
//!   made under the hash once it has ended is another. What is pending says which the former id is, so that a
//!   sweep that has found no more than that looks in both places, too.
//! * Each step names what it expects to find, so one that is executed late finds nothing, or does what
//!   the move needed anyway. Besides, it is shut out as any other write.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{RawBsonRef, RawDocument};

use crate::operation::Operation;
use crate::record;

/// What a record says of a move, and by which attempt: `None` where it was not this store that wrote it.
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
            (Some(pending), _) => Mark::Pending(record::attempt_of(pending)),
            (None, Some(attempt)) => Mark::Moved(attempt.as_object_id()),
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
    /// At neither: it was not under the hash yet when this looked there, or is gone. By which attempt it was
    /// moved, where the former says so.
    Unseen(Option<ObjectId>),
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
            (Some((Mark::Pending(Some(pending)), here)), Some((Mark::Moved(Some(moved)), _)))
                if pending == moved =>
            {
                Home::Unsettled(here)
            }
            (_, Some((Mark::Moved(moved), _))) => Home::Unseen(moved),
            (here, Some((Mark::None | Mark::Pending(_), former))) => {
                Home::Former(former, here.map(|(_, pending)| pending))
            }
            (_, None) => Home::Unseen(None),
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

/// What is found under the hash by who looks there once more, for what it had not seen, if it is the session.
pub fn seen_again<T>(mark: Mark, record: T, moved: Option<ObjectId>) -> Option<Home<T>> {
    match mark {
        Mark::None | Mark::Moved(_) => Some(Home::Here(record)),
        Mark::Pending(pending) if pending.is_some() && pending == moved => {
            Some(Home::Unsettled(record))
        }
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
        assert_eq!(home(None, None), Home::Unseen(None));
        assert_eq!(home(Some(PENDING), None), Home::Unseen(None));
        assert_eq!(seen_again(PENDING, "here", None), None);
        assert_eq!(home(None, Some(MOVED)), Home::Unseen(THIS));
    }

    #[test]
    fn what_began_after_the_session_had_been_moved_is_no_session() {
        let late = Some(Mark::Pending(OTHER));
        assert_eq!(home(late, Some(MOVED)), Home::Unseen(THIS));
        assert_eq!(seen_again(Mark::Pending(OTHER), "here", THIS), None);
        let unsettled = Some(Home::Unsettled("here"));
        assert_eq!(seen_again(PENDING, "here", THIS), unsettled);
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
