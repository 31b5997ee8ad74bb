//! What `index.js` holds of a store: the one module that knows JavaScript.
//!
//! Arguments come by position, so that no object is walked; outcomes leave in bunches, through one
//! thread-safe function per store, so that the event loop is woken once for many of them.

mod many;
mod options;
mod outcomes;
mod stats;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::dispatch::{Dispatcher, Watched};
use crate::error::Failure;
use crate::operation::{Action, Content, Operation, Read, Renewal};
use crate::recent::RecentReads;

use options::SessionsOptions;
use outcomes::{Bunch, Settle, ToJavaScript, lock};
use stats::Stats;

/// A session as a request read it or wrote it.
type Encoded<'a> = Either<String, BufferSlice<'a>>;

fn content(encoded: Encoded<'_>) -> Content {
    match encoded {
        Either::A(text) => Content::Json(text),
        Either::B(bytes) => Content::Bson(bytes.to_vec()),
    }
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
        ts_args_type = "options: SessionsOptions, stats: Stats, settle: (firstReadNumber: number, outdated: Array<number> | null, expiry: Array<number> | null, together: Array<number> | null, ...outcomes: Array<number | string | Buffer | FoundObject | FailureObject>) => void"
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
