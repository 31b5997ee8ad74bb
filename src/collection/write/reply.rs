//! What MongoDB answers to an `update` or a `delete` of several statements.

use std::ops::Range;

use mongodb::bson::{Bson, Document};

use crate::collection::failure::{self, RETRYABLE_WRITE, Sorted};
use crate::error::Failure;

/// What became of one statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// It made a document.
    Created,
    /// It found its document.
    Matched,
    /// It found no document, or another statement of the same command found none: MongoDB only
    /// says how many did.
    Unsure,
    /// It was not executed, but may be if it goes alone.
    Alone,
    /// It is sent again: what became of it comes with another answer.
    Later,
    Failed(Failure),
}

/// MongoDB's answer to a command of several statements.
pub struct Reply {
    pub matched: usize,
    created: Vec<usize>,
    pub failed: Vec<(usize, Sorted)>,
    /// The places of statements that MongoDB had executed before, under the same number: they count as
    /// matched, whatever stands there now.
    repeated: Vec<usize>,
    /// Too few servers confirmed what was executed, or none in time.
    pub unconfirmed: Option<Failure>,
}

impl Reply {
    /// Of a command of so many statements. Fails if it was executed, but not confirmed, and may be if it
    /// is sent again; and if it cannot be read.
    pub fn parse(reply: &Document, count: usize) -> Result<Self, Sorted> {
        let labels = reply.get_array("errorLabels").into_iter().flatten();
        let labelled = labels
            .into_iter()
            .any(|label| label.as_str() == Some(RETRYABLE_WRITE));
        let unconfirmed = match reply.get_document("writeConcernError") {
            Ok(error) => Some(failure::sort_code(code(error), name(error))),
            Err(_) => None,
        };
        let unconfirmed = match unconfirmed {
            Some(sorted) if sorted.retry || labelled => {
                return Err(Sorted {
                    retry: true,
                    unanswered: true,
                    ..sorted
                });
            }
            unconfirmed => unconfirmed.map(|sorted| sorted.failure),
        };
        let index = |entry: &Document| index(entry).filter(|index| *index < count);
        let created = entries(reply, "upserted", |entry| index(entry));
        let failed = entries(reply, "writeErrors", |error| {
            let sorted = failure::sort_code(code(error), name(error)).of_statement();
            Some((index(error)?, sorted))
        });
        let malformed = || Sorted::out_of_time(failure::malformed());
        Ok(Reply {
            matched: (number(reply, "n").and_then(|n| usize::try_from(n).ok()))
                .ok_or_else(malformed)?,
            created: created.ok_or_else(malformed)?,
            failed: failed.ok_or_else(malformed)?,
            repeated: numbers(reply, "retriedStmtIds").ok_or_else(malformed)?,
            unconfirmed,
        })
    }

    pub fn made_some(&self) -> bool {
        !self.created.is_empty()
    }

    /// How many of the statements that were sent in these places found their document.
    pub fn matched_in(&self, places: &Range<usize>) -> usize {
        let others = self.repeated.iter().filter(|place| **place < places.start);
        self.matched.saturating_sub(others.count())
    }

    /// What became of each of the statements that were sent in these places. Those of which MongoDB
    /// does not know are answered later, if they are `repeated`; those that were refused and may
    /// succeed go alone, unless they are `alone`.
    pub fn written(self, places: Range<usize>, repeated: bool, alone: bool) -> Vec<Written> {
        let count = places.len();
        let matched = self.matched_in(&places);
        let failed = (self.failed.into_iter()).filter(|(place, _)| places.contains(place));
        let failed: Vec<_> = failed.collect();
        let all_matched = matched + failed.len() == count;
        let rest = match (self.unconfirmed, all_matched) {
            (Some(failure), _) => Written::Failed(failure),
            (None, true) => Written::Matched,
            (None, false) => Written::Unsure,
        };
        let is_confirmed = !matches!(rest, Written::Failed(_));
        let mut written = vec![rest; count];
        let created = self.created.into_iter().filter(|_| is_confirmed);
        for place in created.filter(|place| places.contains(place)) {
            written[place - places.start] = Written::Created;
        }
        for (place, sorted) in failed {
            written[place - places.start] = match sorted.unanswered {
                true if repeated => Written::Later,
                false if sorted.retry && !alone => Written::Alone,
                _ => Written::Failed(sorted.failure),
            };
        }
        written
    }
}

fn numbers(reply: &Document, key: &str) -> Option<Vec<usize>> {
    match reply.get(key) {
        None => Some(Vec::new()),
        Some(list) => (list.as_array()?.iter())
            .map(|entry| usize::try_from(whole(entry)?).ok())
            .collect(),
    }
}

/// What `read` makes of each entry of a list; `None` if it cannot be made of one, or there is no list.
fn entries<T>(
    reply: &Document,
    key: &str,
    read: impl Fn(&Document) -> Option<T>,
) -> Option<Vec<T>> {
    match reply.get(key) {
        None => Some(Vec::new()),
        Some(list) => (list.as_array()?.iter())
            .map(|entry| read(entry.as_document()?))
            .collect(),
    }
}

fn index(entry: &Document) -> Option<usize> {
    usize::try_from(number(entry, "index")?).ok()
}

fn number(document: &Document, key: &str) -> Option<i64> {
    whole(document.get(key)?)
}

/// A whole number, in whichever of BSON's types: not every server takes the same.
pub fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) if number.fract() == 0.0 => Some(*number as i64),
        _ => None,
    }
}

fn code(error: &Document) -> i32 {
    let code = number(error, "code").and_then(|code| i32::try_from(code).ok());
    code.unwrap_or_default()
}

fn name(error: &Document) -> &str {
    error.get_str("codeName").unwrap_or_default()
}
