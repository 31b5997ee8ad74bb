//! What `index.js` holds of a store: the one module that knows JavaScript.
//!
//! Arguments come by position, so that no object is walked; outcomes leave in bunches, through one
//! thread-safe function per store, so that the event loop is woken once for many of them.

mod calls;
mod many;
mod options;
mod outcomes;
mod stats;

use std::collections::HashMap;
use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::dispatch::{Dispatcher, Watched};
use crate::error::Failure;
use crate::operation::Action;

use calls::{Calls, Crossing};
use options::SessionsOptions;
use outcomes::{Bunch, Settle, ToJavaScript};
use stats::Stats;

#[napi]
pub struct Sessions {
    crossing: Arc<Crossing>,
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
            crossing: Arc::new(Crossing { dispatcher, recent }),
            watches,
        })
    }

    /// The calls on one session.
    #[napi(ts_return_type = "Calls")]
    pub fn calls<'env>(&self, env: &'env Env) -> Result<Calls<'env>> {
        self.crossing.calls(env)
    }

    #[napi]
    pub fn close(&self, token: u32) {
        self.crossing.dispatcher.close(token);
    }
}

impl Sessions {
    fn submit(&self, token: u32, id: &str, action: Action) {
        self.crossing.submit(token, id, action);
    }
}
