//! What MongoDB answers to an `update` or a `delete` of several statements.

use mongodb::bson::{Bson, Document};

use super::failure::{self, RETRYABLE_WRITE, Sorted};
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
    Failed(Failure),
}

/// MongoDB's answer to a command of several statements.
pub struct Reply {
    pub matched: usize,
    created: Vec<usize>,
    pub failed: Vec<(usize, Sorted)>,
    /// Too few servers confirmed what was executed, or none in time.
    unconfirmed: Option<Failure>,
}

impl Reply {
    /// Fails if it was executed, but not confirmed, and may be if it is sent again.
    pub fn parse(reply: &Document) -> Result<Self, Sorted> {
        let list = |key| reply.get_array(key).into_iter().flatten();
        let documents = |key| list(key).filter_map(Bson::as_document);
        let labelled = list("errorLabels").any(|label| label.as_str() == Some(RETRYABLE_WRITE));
        let unconfirmed = match reply.get_document("writeConcernError") {
            Ok(error) => Some(failure::sort_code(code(error), name(error))),
            Err(_) => None,
        };
        let unconfirmed = match unconfirmed {
            Some(sorted) if sorted.retry || labelled => {
                let retry = true;
                return Err(Sorted { retry, ..sorted });
            }
            unconfirmed => unconfirmed.map(|sorted| sorted.failure),
        };
        Ok(Reply {
            matched: reply.get_i32("n").unwrap_or_default().max(0) as usize,
            created: documents("upserted").filter_map(index).collect(),
            failed: documents("writeErrors")
                .filter_map(|error| {
                    Some((index(error)?, failure::sort_code(code(error), name(error))))
                })
                .collect(),
            unconfirmed,
        })
    }

    pub fn made_some(&self) -> bool {
        !self.created.is_empty()
    }

    /// What became of each of so many statements.
    pub fn written(self, count: usize) -> Vec<Written> {
        let all_matched = self.matched + self.failed.len() == count;
        let rest = match (self.unconfirmed, all_matched) {
            (Some(failure), _) => Written::Failed(failure),
            (None, true) => Written::Matched,
            (None, false) => Written::Unsure,
        };
        let is_confirmed = !matches!(rest, Written::Failed(_));
        let mut written = vec![rest; count];
        for index in self.created.into_iter().filter(|_| is_confirmed) {
            written[index] = Written::Created;
        }
        for (index, sorted) in self.failed {
            written[index] = match sorted.retry && count > 1 {
                true => Written::Alone,
                false => Written::Failed(sorted.failure),
            };
        }
        written
    }
}

fn index(entry: &Document) -> Option<usize> {
    usize::try_from(entry.get_i32("index").ok()?).ok()
}

fn code(error: &Document) -> i32 {
    error.get_i32("code").unwrap_or_default()
}

fn name(error: &Document) -> &str {
    error.get_str("codeName").unwrap_or_default()
}
