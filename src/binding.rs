//! What `index.js` holds of a store: the one module that knows JavaScript.
//!
//! Arguments come by position, so that no object is walked; outcomes leave in bunches, through one
//! thread-safe function per store, so that the event loop is woken once for many of them.

mod stats;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::bson::{Document, RawDocument};
use napi::bindgen_prelude::*;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use crate::adopt::Kinds;
use crate::dispatch::{Completions, Dispatcher, Watched};
use crate::error::Failure;
use crate::operation::{
    Action, AdoptStep, Change, Content, Filter, Id, Listed, Operation, Outcome, Page, Place, Read,
    Renewal, Sweep, Told, Wide,
};
use crate::options::{AutoRemove, Options};
use crate::recent::RecentReads;
use crate::seal::Sealer;
use crate::seal::ids::IdHasher;
use crate::stats::Stats as Counts;

use stats::Stats;

/// The token of outcomes that belong to no operation: warnings, and sessions that a sweep destroyed.
const NO_OPERATION: u32 = 0;

/// Where an outcome is that of the operation before, as `lib/call/link.js` knows it.
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
type Settled = Either5<u32, String, Buffer, FoundObject, FailureObject>;

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
            ids: Some(sessions().map(|session| session.id.to_string()).collect()),
            contents: Some(contents.map(content).collect()),
            updated_at: Some(sessions().map(|one| millis(one.updated_at)).collect()),
            expires_at: Some(sessions().map(|one| millis(one.expires_at)).collect()),
            is_last: Some(page.is_last),
            ..FoundObject::default()
        }
    }
}

/// Tokens, as many outcomes, the number in [`RecentReads`] of the first of these (the others follow),
/// the places of sessions that are outdated (stored otherwise than they would be now), when the
/// sessions among them end (0: not known), and with how many operations each travelled. The last two
/// are missing where nobody asks: without `touchAfter`, and while nobody traces.
type Bunch = FnArgs<(
    Vec<u32>,
    Vec<Settled>,
    f64,
    Vec<u32>,
    Option<Vec<f64>>,
    Option<Vec<u32>>,
)>;

/// Never keeps the process alive: `lib/call/operations.js` does, while an operation is under way.
type Settle = ThreadsafeFunction<Bunch, (), Bunch, Status, false, true>;

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

struct ToJavaScript {
    settle: Settle,
    with_expiry: bool,
    recent: Arc<Mutex<RecentReads>>,
    stats: Arc<Counts>,
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
}

impl Completions for ToJavaScript {
    fn settled(&self, outcomes: Vec<Told>) {
        let first = self.keep(&outcomes);
        let told = || outcomes.iter();
        let outdated = (0..)
            .zip(told())
            .filter(|(_, told)| is_outdated(&told.outcome));
        let outdated = outdated.map(|(place, _)| place).collect();
        let expiry = || told().map(|told| expiry(&told.outcome)).collect();
        let expiry = self.with_expiry.then(expiry);
        let is_traced = self.stats.is_traced.load(Ordering::Relaxed);
        let together = is_traced.then(|| told().map(|told| told.together).collect());
        let outcomes = outcomes.into_iter().map(|told| (told.token, told.outcome));
        let (tokens, outcomes): (Vec<_>, Vec<_>) = outcomes.unzip();
        let outcomes = once_each(outcomes);
        // The only way to fail is that the environment is going away, and the promises with it.
        self.settle.call(
            (tokens, outcomes, first, outdated, expiry, together).into(),
            ThreadsafeFunctionCallMode::NonBlocking,
        );
    }

    fn warning(&self, failure: Failure) {
        self.settled(vec![Told::of(NO_OPERATION, Outcome::Failed(failure))]);
    }

    fn destroyed(&self, ids: Vec<Id>) {
        let sessions = ids.into_iter().map(|id| Listed {
            id,
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
fn once_each(outcomes: Vec<Outcome>) -> Vec<Settled> {
    let mut last = None;
    let outcomes: Vec<Option<Outcome>> = (outcomes.into_iter())
        .map(|outcome| {
            let found = match &outcome {
                Outcome::Found(found) => Some(Arc::as_ptr(found)),
                _ => None,
            };
            let is_same = found.is_some() && found == last;
            last = found;
            (!is_same).then_some(outcome)
        })
        .collect();
    let settled = |outcome: Option<Outcome>| outcome.map_or(Either5::A(SAME), Settled::from);
    outcomes.into_iter().map(settled).collect()
}

#[napi(object, object_to_js = false)]
pub struct SessionsOptions {
    pub uri: String,
    pub db: String,
    pub collection: String,
    pub timeout_ms: f64,
    pub touch_after_ms: f64,
    pub timestamps: bool,
    pub auto_remove: String,
    pub auto_remove_interval_ms: f64,
    pub indexes: Vec<String>,
    pub server_api: Option<ServerApiObject>,
    /// The keys of `encryption`; none if it is off.
    pub encryption_keys: Vec<Uint8Array>,
    /// The key of `hashIds`, if it is on.
    pub hash_ids_key: Option<Uint8Array>,
}

#[napi(object, object_to_js = false)]
pub struct ServerApiObject {
    pub version: String,
    pub strict: Option<bool>,
    pub deprecation_errors: Option<bool>,
}

impl SessionsOptions {
    fn check(self) -> std::result::Result<Options, Failure> {
        let mut options = Options::new(&self.uri, self.db, self.collection, self.timeout_ms)?;
        options.touch_after = Duration::from_millis(self.touch_after_ms as u64);
        options.timestamps = self.timestamps;
        let interval = Duration::from_millis(self.auto_remove_interval_ms as u64);
        options.auto_remove = match self.auto_remove.as_str() {
            "interval" => AutoRemove::Interval(interval),
            "disabled" => AutoRemove::Disabled,
            _ => AutoRemove::Native,
        };
        if let Some(key) = &self.hash_ids_key {
            options.ids = Some(Arc::new(IdHasher::new(key)));
        }
        if !self.encryption_keys.is_empty() {
            let sealer = Sealer::new(&self.encryption_keys, &self.indexes);
            options.sealer = Some(Arc::new(sealer));
        }
        options.indexes = self.indexes;
        if let Some(api) = self.server_api {
            options.set_server_api(&api.version, api.strict, api.deprecation_errors)?;
        }
        Ok(options)
    }
}

fn lock(recent: &Mutex<RecentReads>) -> MutexGuard<'_, RecentReads> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session as a request read it or wrote it.
type Encoded<'a> = Either<String, BufferSlice<'a>>;

fn content(encoded: Encoded<'_>) -> Content {
    match encoded {
        Either::A(text) => Content::Json(text),
        Either::B(bytes) => Content::Bson(bytes.to_vec()),
    }
}

/// Paths in `data` and their values, as BSON.
fn filter(paths: &[u8], has_operators: bool) -> Result<Filter> {
    let malformed = |_| Error::from_reason("the filter is malformed");
    let paths = RawDocument::from_bytes(paths).and_then(Document::try_from);
    Ok(Filter {
        paths: paths.map_err(malformed)?,
        has_operators,
    })
}

#[napi]
pub struct Sessions {
    dispatcher: Dispatcher,
    recent: Arc<Mutex<RecentReads>>,
    watches: HashMap<u32, Arc<Watched>>,
}

#[napi]
impl Sessions {
    /// Throws where the driver cannot use the connection string: `ERR_OPTIONS`. Does no I/O:
    /// connecting goes on in the background.
    #[napi(
        constructor,
        ts_args_type = "options: SessionsOptions, stats: Stats, settle: (tokens: Array<number>, outcomes: Array<number | string | Buffer | FoundObject | FailureObject>, firstReadNumber: number, outdated: Array<number>, expiry?: Array<number>, together?: Array<number>) => void"
    )]
    pub fn new(
        options: SessionsOptions,
        stats: &Stats,
        settle: Function<'_, Bunch, ()>,
    ) -> Result<Self> {
        let thrown = |failure: Failure| Error::from_reason(failure.message);
        let options = options.check().map_err(thrown)?;
        let settle: Settle = settle.build_threadsafe_function().weak::<true>().build()?;
        let recent = Arc::default();
        let completions = ToJavaScript {
            settle,
            with_expiry: !options.touch_after.is_zero(),
            recent: Arc::clone(&recent),
            stats: stats.counts.clone(),
        };
        let dispatcher = Dispatcher::start(options, Arc::new(completions)).map_err(thrown)?;
        let watches = HashMap::new();
        Ok(Sessions {
            dispatcher,
            recent,
            watches,
        })
    }

    #[napi]
    pub fn get(&self, token: u32, id: String) {
        self.submit(token, &id, Action::Get);
    }

    /// Writes the whole session. `lifetime` is in milliseconds.
    #[napi(ts_args_type = "token: number, id: string, data: Uint8Array, lifetime: number")]
    pub fn set(&self, token: u32, id: String, data: BufferSlice<'_>, lifetime: f64) {
        let action = Action::Set {
            data: Content::Bson(data.to_vec()),
            read: None,
            writing: Vec::new(),
            lifetime: lifetime as i64,
        };
        self.submit(token, &id, action);
    }

    /// Writes what the request changed since it read the session. `read` is the number under which
    /// that is kept, or else the content; `expires_at` is when it ends (0: not known), `is_outdated`
    /// whether it is to be written anew as a whole; `writing` is what the request may have written since.
    ///
    /// False, and nothing is done, if nothing is kept under this number any more.
    #[allow(clippy::too_many_arguments)] // by position, so that no object is walked
    #[napi(
        ts_args_type = "token: number, id: string, data: Uint8Array, lifetime: number, read: number | string | Uint8Array, expiresAt: number, isOutdated: boolean, writing?: Array<Uint8Array>"
    )]
    pub fn change(
        &self,
        token: u32,
        id: String,
        data: BufferSlice<'_>,
        lifetime: f64,
        read: Either<f64, Encoded<'_>>,
        expires_at: f64,
        is_outdated: bool,
        writing: Option<Vec<BufferSlice<'_>>>,
    ) -> bool {
        let read = match read {
            Either::A(number) => {
                let session = lock(&self.recent).take(number as u64);
                session.map(|session| Content::Bson(session.to_vec()))
            }
            Either::B(encoded) => Some(content(encoded)),
        };
        let Some(read) = read else {
            return false;
        };
        let action = Action::Set {
            data: Content::Bson(data.to_vec()),
            read: Some(Read {
                content: read,
                expires_at: (expires_at != 0.0).then_some(expires_at as i64),
                is_outdated,
            }),
            writing: (writing.into_iter().flatten())
                .map(|bytes| Content::Bson(bytes.to_vec()))
                .collect(),
            lifetime: lifetime as i64,
        };
        self.submit(token, &id, action);
        true
    }

    #[napi]
    pub fn destroy(&self, token: u32, id: String) {
        self.submit(token, &id, Action::Destroy { matching: None });
    }

    /// Lives are in milliseconds: `lifetime` where the store's `expires` decides, `max_age` where the
    /// caller does, `otherwise` where neither does, nor the session itself.
    #[napi]
    pub fn touch(
        &self,
        token: u32,
        id: String,
        otherwise: f64,
        lifetime: Option<f64>,
        max_age: Option<f64>,
    ) {
        let renewal = Renewal {
            lifetime: lifetime.map(|millis| millis as i64),
            max_age: max_age.map(|millis| millis as i64),
            otherwise: otherwise as i64,
        };
        self.submit(token, &id, Action::Touch(renewal));
    }

    #[napi(ts_args_type = "token: number, paths: Uint8Array, hasOperators: boolean")]
    pub fn length(&self, token: u32, paths: BufferSlice<'_>, has_operators: bool) -> Result<()> {
        let filter = filter(&paths, has_operators)?;
        self.submit(token, "", Action::Wide(Wide::Length(filter)));
        Ok(())
    }

    /// Live sessions, from behind an id on.
    #[napi(
        ts_args_type = "token: number, paths: Uint8Array, hasOperators: boolean, withData: boolean, after?: string"
    )]
    pub fn list(
        &self,
        token: u32,
        paths: BufferSlice<'_>,
        has_operators: bool,
        with_data: bool,
        after: Option<String>,
    ) -> Result<()> {
        let list = Wide::List {
            filter: filter(&paths, has_operators)?,
            after: after.map(Id::from),
            with_data,
        };
        self.submit(token, "", Action::Wide(list));
        Ok(())
    }

    /// Destroys all that match but those in `except`; where `is_told`, says which.
    #[napi(
        ts_args_type = "token: number, paths: Uint8Array, hasOperators: boolean, except: Array<string>, isTold: boolean"
    )]
    pub fn sweep(
        &self,
        token: u32,
        paths: BufferSlice<'_>,
        has_operators: bool,
        except: Vec<String>,
        is_told: bool,
    ) -> Result<()> {
        let sweep = Sweep {
            filter: Arc::new(filter(&paths, has_operators)?),
            except: except.into_iter().map(Id::from).collect(),
            is_told,
        };
        self.submit(token, "", Action::Sweep(sweep));
        Ok(())
    }

    /// A step of `adopt()`: names the indexes by which other stores have sessions removed.
    #[napi]
    pub fn foreign_indexes(&self, token: u32) {
        self.submit(token, "", Action::Wide(Wide::Adopt(AdoptStep::Indexes)));
    }

    /// A step of `adopt()`: adopts the next documents behind one id and up to another, which is not
    /// known at the beginning of a page. `lifetime` and `ends_after` are in milliseconds.
    #[napi]
    pub fn adopt_documents(
        &self,
        token: u32,
        only_mongoose: bool,
        lifetime: f64,
        ends_after: Option<f64>,
        after: Option<String>,
        until: Option<String>,
    ) {
        let step = AdoptStep::Documents {
            place: Place {
                after: after.map(Id::from),
                until: until.map(Id::from),
            },
            kinds: match only_mongoose {
                true => Kinds::Mongoose,
                false => Kinds::All,
            },
            lifetime: lifetime as i64,
            ends_after: ends_after.map(|millis| millis as i64),
        };
        self.submit(token, "", Action::Wide(Wide::Adopt(step)));
    }

    /// A step of `adopt()`: drops such an index.
    #[napi]
    pub fn drop_foreign_index(&self, token: u32, name: String) {
        self.submit(token, "", Action::Wide(Wide::Adopt(AdoptStep::Drop(name))));
    }

    /// Settles when what happens to the sessions is followed. It is under `watch` from then on.
    #[napi(ts_args_type = "token: number, watch: number, paths: Uint8Array, hasOperators: boolean")]
    pub fn watch(
        &mut self,
        token: u32,
        watch: u32,
        paths: BufferSlice<'_>,
        has_operators: bool,
    ) -> Result<()> {
        let filter = filter(&paths, has_operators)?;
        let (watched, changes) = Watched::new();
        self.watches.insert(watch, Arc::new(watched));
        self.submit(token, "", Action::Watch { filter, changes });
        Ok(())
    }

    /// Settles with what happens next; with no session (0) if nothing will.
    #[napi]
    pub fn next(&self, token: u32, watch: u32) -> Result<()> {
        let thrown = |failure: Failure| Error::from_reason(failure.message);
        let watched = self.watches.get(&watch);
        let watched = watched.ok_or_else(|| Error::from_reason("there is no such watch"))?;
        let next = self.dispatcher.next_changes(token, watched.clone());
        next.map_err(thrown)
    }

    #[napi]
    pub fn unwatch(&mut self, watch: u32) {
        if let Some(watched) = self.watches.remove(&watch) {
            watched.end();
        }
    }

    #[napi]
    pub fn close(&self, token: u32) {
        self.dispatcher.close(token);
    }
}

impl Sessions {
    fn submit(&self, token: u32, id: &str, action: Action) {
        self.dispatcher.submit(Operation::new(token, id, action));
    }
}
