//! The calls on one session, as functions that belong to a store instead of methods of its class: with each
//! call of a method napi-rs makes sure whose object it is called on, which takes longer than the rest of the
//! way to Rust.

use std::sync::{Arc, Mutex};

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::outcomes::lock;
use crate::dispatch::Dispatcher;
use crate::operation::{Action, Content, Operation, Read, Renewal};
use crate::recent::RecentReads;

/// A session as a request read it or wrote it.
type Encoded<'a> = Either<String, BufferSlice<'a>>;

/// What was read: the number under which it is kept, or else the content.
type Known<'a> = Either<f64, Encoded<'a>>;

/// All begin with the operation's token and the session's id. Lives are in milliseconds.
#[napi(object, object_from_js = false)]
pub struct Calls<'env> {
    #[napi(ts_type = "(token: number, id: string) => void")]
    pub get: Function<'env, (), ()>,
    /// Writes the whole session.
    #[napi(ts_type = "(token: number, id: string, data: Uint8Array, lifetime: number) => void")]
    pub set: Function<'env, (), ()>,
    /// Writes what the request changed since it read the session. `read` is the number under which
    /// that is kept, or else the content; `expiresAt` is when it ends (0: not known), `isOutdated`
    /// whether it is to be written anew as a whole; `writing` is what the request may have written since.
    ///
    /// False, and nothing is done, if nothing is kept under this number any more.
    #[napi(
        ts_type = "(token: number, id: string, data: Uint8Array, lifetime: number, read: number | string | Uint8Array, expiresAt: number, isOutdated: boolean, writing: Array<Uint8Array> | undefined) => boolean"
    )]
    pub change: Function<'env, (), bool>,
    /// `lifetime` where the store's `expires` decides, `maxAge` where the caller does, `otherwise` where
    /// neither does, nor the session itself.
    #[napi(
        ts_type = "(token: number, id: string, otherwise: number, lifetime: number | undefined, maxAge: number | undefined) => void"
    )]
    pub touch: Function<'env, (), ()>,
    #[napi(ts_type = "(token: number, id: string) => void")]
    pub destroy: Function<'env, (), ()>,
}

/// Where operations go, and what was read lately.
pub struct Crossing {
    pub dispatcher: Dispatcher,
    pub recent: Arc<Mutex<RecentReads>>,
}

impl Crossing {
    pub fn submit(&self, token: u32, id: &str, action: Action) {
        self.dispatcher.submit(Operation::new(token, id, action));
    }

    fn get(&self, (token, id): (u32, String)) {
        self.submit(token, &id, Action::Get);
    }

    fn set(&self, (token, id, data, lifetime): (u32, String, BufferSlice<'_>, f64)) {
        let action = Action::Set {
            data: Content::Bson(data.to_vec()),
            read: None,
            writing: Vec::new(),
            lifetime: lifetime as i64,
        };
        self.submit(token, &id, action);
    }

    #[allow(clippy::type_complexity)] // the arguments, by position
    fn change(
        &self,
        (token, id, data, lifetime, read, expires_at, is_outdated, writing): (
            u32,
            String,
            BufferSlice<'_>,
            f64,
            Known<'_>,
            f64,
            bool,
            Option<Vec<BufferSlice<'_>>>,
        ),
    ) -> bool {
        let Some(read) = self.content(read) else {
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

    fn content(&self, read: Known<'_>) -> Option<Content> {
        match read {
            Either::A(number) => {
                let session = lock(&self.recent).take(number as u64);
                session.map(|session| Content::Bson(session.to_vec()))
            }
            Either::B(Either::A(text)) => Some(Content::Json(text)),
            Either::B(Either::B(bytes)) => Some(Content::Bson(bytes.to_vec())),
        }
    }

    fn touch(
        &self,
        (token, id, otherwise, lifetime, max_age): (u32, String, f64, Option<f64>, Option<f64>),
    ) {
        let renewal = Renewal {
            lifetime: lifetime.map(|millis| millis as i64),
            max_age: max_age.map(|millis| millis as i64),
            otherwise: otherwise as i64,
        };
        self.submit(token, &id, Action::Touch(renewal));
    }

    fn destroy(&self, (token, id): (u32, String)) {
        self.submit(token, &id, Action::Destroy { matching: None });
    }

    pub fn calls<'env>(self: &Arc<Self>, env: &'env Env) -> Result<Calls<'env>> {
        Ok(Calls {
            get: self.function(env, "get", Self::get)?,
            set: self.function(env, "set", Self::set)?,
            change: self.function(env, "change", Self::change)?,
            touch: self.function(env, "touch", Self::touch)?,
            destroy: self.function(env, "destroy", Self::destroy)?,
        })
    }

    fn function<'env, Arguments: TupleFromSliceValues, Returned: ToNapiValue>(
        self: &Arc<Self>,
        env: &'env Env,
        name: &str,
        run: impl Fn(&Self, Arguments) -> Returned + 'static,
    ) -> Result<Function<'env, (), Returned>> {
        let crossing = Arc::clone(self);
        env.create_function_from_closure(name, move |call| Ok(run(&crossing, call.args()?)))
    }
}
