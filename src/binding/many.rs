//! The calls that concern many sessions.

use std::sync::Arc;

use mongodb::bson::{Document, RawDocument};
use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::Sessions;
use crate::adopt::Kinds;
use crate::dispatch::Watched;
use crate::error::Failure;
use crate::operation::{Action, AdoptStep, Filter, Id, Place, Reader, Sweep, Wide};

#[napi]
impl Sessions {
    #[napi(ts_args_type = "token: number, paths: Uint8Array, hasOperators: boolean")]
    pub fn length(&self, token: u32, paths: BufferSlice<'_>, has_operators: bool) -> Result<()> {
        let filter = filter(&paths, has_operators)?;
        self.submit(token, "", Action::Wide(Wide::Length(filter)));
        Ok(())
    }

    /// The next live sessions of a listing, or those behind an id where it is not known any more.
    #[napi(
        ts_args_type = "token: number, listing: number, paths: Uint8Array, hasOperators: boolean, withData: boolean, after?: string"
    )]
    pub fn list(
        &self,
        token: u32,
        listing: u32,
        paths: BufferSlice<'_>,
        has_operators: bool,
        with_data: bool,
        after: Option<String>,
    ) -> Result<()> {
        let list = Wide::List {
            reader: Reader::Listing(listing),
            filter: filter(&paths, has_operators)?,
            after: after.map(Id::from),
            with_data,
        };
        self.submit(token, "", Action::Wide(list));
        Ok(())
    }

    /// Nobody reads on in the listing.
    #[napi]
    pub fn leave(&self, token: u32, listing: u32) {
        let leave = Wide::Leave(Reader::Listing(listing));
        self.submit(token, "", Action::Wide(leave));
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
        let next = self
            .crossing
            .dispatcher
            .next_changes(token, watched.clone());
        next.map_err(thrown)
    }

    #[napi]
    pub fn unwatch(&mut self, watch: u32) {
        if let Some(watched) = self.watches.remove(&watch) {
            watched.end();
        }
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
