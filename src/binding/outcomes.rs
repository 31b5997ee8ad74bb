//! How outcomes get to JavaScript.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::*;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use crate::dispatch::Completions;
use crate::error::Failure;
use crate::operation::{Change, Content, Id, Listed, Outcome, Page, Told};
use crate::recent::RecentReads;
use crate::stats::Stats as Counts;

/// The token of outcomes that belong to no operation: warnings, and sessions that a sweep destroyed.
const NO_OPERATION: u32 = 0;

/// Where an outcome is that of the operation before, as `lib/call/sessions.js` knows it.
const SAME: u32 = 7;

#[napi(object, object_from_js = false)]
pub struct FailureObject {
    pub code: String,
    pub message: String,
    pub mongo_code: Option<i32>,
    pub cause: Option<String>,
}

impl From<Failure> for FailureObject {
    fn from(failure: Failure) -> Self {
        FailureObject {
            code: failure.code.as_str().to_owned(),
            message: failure.message,
            mongo_code: failure.mongo_code,
            cause: failure.cause,
        }
    }
}

/// An outcome in JavaScript: a number for no session and for what a write did, a session as JSON
/// text or as BSON bytes, or a failure.
pub type Settled = Either5<u32, String, Buffer, FoundObject, FailureObject>;

/// What concerns many sessions: how many there are, or a page of them. Of a page the fields stand side
/// by side; a session that cannot be read has a failure in the place of its content.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct FoundObject {
    pub count: Option<f64>,
    pub ids: Option<Vec<String>>,
    pub contents: Option<Vec<Either3<String, Buffer, FailureObject>>>,
    /// Milliseconds since 1970; 0: not known.
    pub updated_at: Option<Vec<f64>>,
    pub expires_at: Option<Vec<f64>>,
    /// Behind which the next page begins.
    pub last: Option<String>,
    pub is_last: Option<bool>,
    /// Of changes, beside their ids: the places of their names in `lib/call/watch.js`.
    pub kinds: Option<Vec<u32>>,
    /// What a step of `adopt()` found and did, as JSON text.
    pub done: Option<String>,
}

impl From<Vec<Change>> for FoundObject {
    fn from(changes: Vec<Change>) -> Self {
        let entry = |change| match change {
            Change::Created(id) => (0, id.to_string()),
            Change::Updated(id) => (1, id.to_string()),
            Change::Destroyed(id) => (2, id.to_string()),
            Change::Expired(id) => (3, id.to_string()),
            Change::Gap => (4, String::new()),
        };
        let (kinds, ids) = changes.into_iter().map(entry).unzip();
        FoundObject {
            kinds: Some(kinds),
            ids: Some(ids),
            ..FoundObject::default()
        }
    }
}

impl From<&Page> for FoundObject {
    fn from(page: &Page) -> Self {
        let sessions = || page.sessions.iter();
        let contents = sessions().filter_map(|session| session.content.clone());
        let content = |content| match content {
            Ok(Content::Json(text)) => Either3::A(text),
            Ok(Content::Bson(bytes)) => Either3::B(bytes.into()),
            Err(failure) => Either3::C(FailureObject::from(failure)),
        };
        let millis = |time: Option<i64>| time.unwrap_or_default() as f64;
        FoundObject {
            ids: Some(
                sessions()
                    .map(|session| session.told().to_string())
                    .collect(),
            ),
            last: page.sessions.last().map(|session| session.id.to_string()),
            contents: Some(contents.map(content).collect()),
            updated_at: Some(sessions().map(|one| millis(one.updated_at)).collect()),
            expires_at: Some(sessions().map(|one| millis(one.expires_at)).collect()),
            is_last: Some(page.is_last),
            ..FoundObject::default()
        }
    }
}

/// So many outcomes cross in one call: JavaScript has its arguments on the stack, which is a megabyte.
const MOST_AT_ONCE: usize = 4096;

/// Outcomes as arguments of `settle`: what concerns them all, then of each its token and its outcome, so
/// that no array is made and filled one call after the other.
///
/// What concerns them all: the number in [`RecentReads`] of the first (the others follow), the places of
/// sessions that are outdated (stored otherwise than they would be now), when the sessions among them end
/// (0: not known), and with how many operations each travelled. Missing where there is nothing to tell:
/// the second mostly, the third without `touchAfter`, the last while nobody traces.
pub struct Bunch {
    first: f64,
    outdated: Option<Vec<u32>>,
    expiry: Option<Vec<f64>>,
    together: Option<Vec<u32>>,
    outcomes: Vec<(u32, Settled)>,
}

impl JsValuesTupleIntoVec for Bunch {
    fn into_vec(self, env: sys::napi_env) -> Result<Vec<sys::napi_value>> {
        let of_all = (self.first, self.outdated, self.expiry, self.together);
        let mut arguments = FnArgs::from(of_all).into_vec(env)?;
        arguments.reserve(2 * self.outcomes.len());
        for (token, outcome) in self.outcomes {
            arguments.extend(token.into_vec(env)?);
            arguments.extend(outcome.into_vec(env)?);
        }
        Ok(arguments)
    }
}

/// Never keeps the process alive: `lib/call/under-way.js` does, while an operation is under way.
pub type Settle = ThreadsafeFunction<Bunch, (), Bunch, Status, false, true>;

impl From<Outcome> for Settled {
    fn from(outcome: Outcome) -> Self {
        // The places of their names in `lib/call/operation.js`.
        let number = match outcome {
            Outcome::Found(found) => {
                // Nobody else has it any more, unless its read settled otherwise meanwhile.
                let read = Arc::try_unwrap(found).map_or_else(
                    |found| found.read.content.clone(),
                    |found| found.read.content,
                );
                return match read {
                    Content::Json(text) => Either5::B(text),
                    Content::Bson(bytes) => Either5::C(bytes.into()),
                };
            }
            Outcome::Failed(failure) => return Either5::E(failure.into()),
            Outcome::Done(text) => {
                return Either5::D(FoundObject {
                    done: Some(text),
                    ..FoundObject::default()
                });
            }
            Outcome::Page(page) => return Either5::D(FoundObject::from(&*page)),
            Outcome::Counted(count) => {
                return Either5::D(FoundObject {
                    count: Some(count as f64),
                    ..FoundObject::default()
                });
            }
            Outcome::Changed(changes) => return Either5::D(FoundObject::from(changes)),
            Outcome::Missing | Outcome::Closed => 0,
            Outcome::Created => 1,
            Outcome::Updated => 2,
            Outcome::Touched => 3,
            Outcome::Unchanged => 4,
            Outcome::Dropped => 5,
            Outcome::Destroyed => 6,
            Outcome::Watching => 8,
        };
        Either5::A(number)
    }
}

pub struct ToJavaScript {
    pub settle: Settle,
    pub with_expiry: bool,
    pub recent: Arc<Mutex<RecentReads>>,
    pub stats: Arc<Counts>,
}

impl ToJavaScript {
    /// Numbers the outcomes and keeps what was read. Gives the number of the first.
    fn keep(&self, outcomes: &[Told]) -> f64 {
        let mut recent = lock(&self.recent);
        let first = recent.next_number();
        for told in outcomes {
            match &told.outcome {
                Outcome::Found(found) => recent.keep(found.stored.clone()),
                Outcome::Closed => recent.clear(),
                _ => recent.keep(None),
            }
        }
        first as f64
    }

    fn send(&self, outcomes: Vec<Told>) {
        let first = self.keep(&outcomes);
        let told = || outcomes.iter();
        let outdated = (0..)
            .zip(told())
            .filter(|(_, told)| is_outdated(&told.outcome));
        let outdated: Vec<u32> = outdated.map(|(place, _)| place).collect();
        let expiry = || told().map(|told| expiry(&told.outcome)).collect();
        let is_traced = self.stats.is_traced.load(Ordering::Relaxed);
        let bunch = Bunch {
            first,
            outdated: (!outdated.is_empty()).then_some(outdated),
            expiry: self.with_expiry.then(expiry),
            together: is_traced.then(|| told().map(|told| told.together).collect()),
            outcomes: once_each(outcomes),
        };
        // The only way to fail is that the environment is going away, and the promises with it.
        (self.settle).call(bunch, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl Completions for ToJavaScript {
    fn settled(&self, mut outcomes: Vec<Told>) {
        while outcomes.len() > MOST_AT_ONCE {
            let others = outcomes.split_off(MOST_AT_ONCE);
            self.send(std::mem::replace(&mut outcomes, others));
        }
        self.send(outcomes);
    }

    fn warning(&self, failure: Failure) {
        self.settled(vec![Told::of(NO_OPERATION, Outcome::Failed(failure))]);
    }

    fn destroyed(&self, ids: Vec<Id>) {
        let sessions = ids.into_iter().map(|id| Listed {
            id,
            told: None,
            former: None,
            content: None,
            updated_at: None,
            expires_at: None,
        });
        let page = Page {
            sessions: sessions.collect(),
            is_last: true,
        };
        self.settled(vec![Told::of(NO_OPERATION, Outcome::Page(Arc::new(page)))]);
    }

    fn stats(&self) -> &Arc<Counts> {
        &self.stats
    }
}

fn expiry(outcome: &Outcome) -> f64 {
    match outcome {
        Outcome::Found(found) => found.read.expires_at.unwrap_or_default() as f64,
        _ => 0.0,
    }
}

fn is_outdated(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Found(found) if found.read.is_outdated)
}

/// A session that many reads of a batch have found crosses once.
fn once_each(outcomes: Vec<Told>) -> Vec<(u32, Settled)> {
    let mut last = None;
    let outcomes: Vec<(u32, Option<Outcome>)> = (outcomes.into_iter())
        .map(|Told { token, outcome, .. }| {
            let found = match &outcome {
                Outcome::Found(found) => Some(Arc::as_ptr(found)),
                _ => None,
            };
            let is_same = found.is_some() && found == last;
            last = found;
            (token, (!is_same).then_some(outcome))
        })
        .collect();
    let settled = |outcome: Option<Outcome>| outcome.map_or(Either5::A(SAME), Settled::from);
    (outcomes.into_iter())
        .map(|(token, outcome)| (token, settled(outcome)))
        .collect()
}

pub fn lock(recent: &Mutex<RecentReads>) -> MutexGuard<'_, RecentReads> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}
