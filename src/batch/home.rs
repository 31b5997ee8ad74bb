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
//! * Who finds something pending beside a mark takes it for the session: the next write ends the move.
//! * Each step names what it expects to find, so one that is executed late finds nothing, or does what
//!   the move needed anyway. Besides, it is shut out as any other write.

use mongodb::bson::RawBsonRef;
use mongodb::bson::RawDocument;

use crate::operation::Operation;
use crate::record;

/// What a record says of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    None,
    Pending,
    Moved,
}

impl Mark {
    pub fn of(record: &RawDocument) -> Mark {
        let has = |field| matches!(record.get(field), Ok(Some(value)) if value != RawBsonRef::Null);
        match (has(record::PENDING), has(record::MOVED)) {
            (true, _) => Mark::Pending,
            (_, true) => Mark::Moved,
            _ => Mark::None,
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
    /// Moved, but not found under the hash: it was not there yet when this looked, or is gone.
    Unseen,
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
            (Some((Mark::None | Mark::Moved, here)), _) => Home::Here(here),
            (Some((Mark::Pending, here)), Some((Mark::Moved, _))) => Home::Unsettled(here),
            (here, Some((Mark::None | Mark::Pending, former))) => {
                Home::Former(former, here.map(|(_, pending)| pending))
            }
            (None, Some((Mark::Moved, _))) => Home::Unseen,
            (here, None) => Home::Nowhere(here.map(|(_, pending)| pending)),
        }
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
    use super::Mark::{Moved, None as Plain, Pending};
    use super::*;

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
        let first = home(Some(Pending), Some(Plain));
        assert_eq!(first, Home::Former("former", Some("here")));
        assert_eq!(home(Some(Pending), Some(Moved)), Home::Unsettled("here"));
        assert_eq!(home(Some(Plain), Some(Moved)), Home::Here("here"));
        assert_eq!(home(Some(Plain), None), Home::Here("here"));
    }

    #[test]
    fn what_a_destroy_leaves_is_no_session() {
        assert_eq!(home(None, None), Home::Nowhere(None));
        assert_eq!(home(Some(Pending), None), Home::Nowhere(Some("here")));
        assert_eq!(home(None, Some(Moved)), Home::Unseen);
    }

    #[test]
    fn what_was_written_whole_stands_before_what_it_left_behind() {
        assert_eq!(home(Some(Plain), Some(Plain)), Home::Here("here"));
    }
}
