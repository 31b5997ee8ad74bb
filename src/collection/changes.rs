//! What happens to the sessions, in whichever process, by a change stream.
//!
//! The stream begins where it ended, by the token of the last change, wherever the server still knows
//! that: after a failover, a restart, a connection that was lost. Where it does not, or the collection
//! itself went away, something may have been missed, which a gap says.
//!
//! MongoDB says of a session that is gone no more than its id. So a watch with a filter keeps the ids of
//! the sessions that matched, and follows each of them until it is gone; and whether one had expired is known where it was seen before with its
//! end, or where the collection keeps pre-images (`changeStreamPreAndPostImages`).

use std::collections::HashMap;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mongodb::bson::{DateTime, RawDocument, RawDocumentBuf};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ResumeToken;
use mongodb::options::{
    CollectionOptions, FullDocumentBeforeChangeType, FullDocumentType, ReadConcern, ReadPreference,
    SelectionCriteria,
};
use tokio::time::{Instant, sleep, timeout};

use super::command::attempts::{FIRST_PAUSE, MAX_PAUSE};
use super::failure::Sorted;
use super::followed::pipeline;
use super::{Collection, Look};
use crate::error::{Code, Failure};
use crate::operation::{Change, Filter, Id, Reader};
use crate::record;

/// The server answers at least this often, also where nothing happens.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

/// The server cannot begin where the stream ended: it knows no longer what has happened since.
const HISTORY_LOST: [i32; 6] = [136, 260, 280, 286, 40585, 40615];

/// How servers refuse what they do not have.
const NO_CHANGE_STREAMS: [i32; 8] = [20, 59, 115, 136, 238, 304, 40324, 40573];

/// After so many failures in a row that are not passing, the stream begins anew, behind a gap.
const MOST_FAILURES: u32 = 5;

/// So many sessions are looked at in one go.
const PAGE: usize = 2000;

static WATCHES: AtomicU64 = AtomicU64::new(0);

/// Its events are read as they are: to have the driver make types of them takes 0.2 MB of code.
type Stream = ChangeStream<RawDocumentBuf>;

pub struct Changes {
    collection: Arc<Collection>,
    filter: Filter,
    stream: Option<Stream>,
    token: Option<ResumeToken>,
    /// With a filter: the sessions that matched, and when they end.
    known: HashMap<Id, Option<i64>>,
    reader: Reader,
    /// How often in a row the stream brought nothing, and did not wait for it either.
    in_vain: u32,
    /// How often of these it failed.
    failures: u32,
    /// Whether the servers may keep pre-images, as far as any was there to tell.
    may_keep_pre_images: bool,
}

impl Changes {
    /// From now on nothing is missed, or a gap says so.
    pub async fn open(
        collection: Arc<Collection>,
        filter: Filter,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let mut changes = Changes {
            collection,
            filter,
            stream: None,
            token: None,
            known: HashMap::new(),
            reader: Reader::Watch(WATCHES.fetch_add(1, Ordering::Relaxed)),
            in_vain: 0,
            failures: 0,
            may_keep_pre_images: false,
        };
        let mut pause = FIRST_PAUSE;
        while let Err(sorted) = changes.begin(deadline).await {
            if !sorted.retry || Instant::now() + pause >= deadline {
                return Err(explained(sorted.failure));
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Ok(changes)
    }

    /// The next change; waits for as long as there is none.
    pub async fn next(&mut self) -> Result<Change, Failure> {
        loop {
            if self.stream.is_none() && self.begin_again().await? {
                return Ok(Change::Gap);
            }
            let Some(stream) = &mut self.stream else {
                continue;
            };
            let patience = LONGEST_SILENCE + self.collection.timeout;
            let asked = Instant::now();
            let event = match timeout(patience, stream.next_if_any()).await {
                Ok(Ok(event)) if event.is_some() || stream.is_alive() => event,
                // The driver has tried once itself.
                Ok(Err(error)) => {
                    let sorted = self.collection.availability.sort(&error);
                    self.fail(&sorted);
                    self.pause().await;
                    continue;
                }
                // It has ended; or a network that swallowed the question swallows the answer.
                Ok(Ok(_)) | Err(_) => {
                    self.stream = None;
                    self.pause().await;
                    continue;
                }
            };
            self.token = stream.resume_token().or(self.token.take());
            let has_waited = asked.elapsed() >= LONGEST_SILENCE / 2;
            if event.is_some() || has_waited {
                (self.in_vain, self.failures) = (0, 0);
            }
            let Some(event) = event else {
                if !has_waited {
                    self.pause().await;
                }
                continue;
            };
            if let Some(change) = self.change(&event).await {
                if matches!(change, Change::Gap) {
                    self.stream = None;
                    self.token = None;
                    self.begin_again().await?;
                }
                return Ok(change);
            }
        }
    }

    /// The stream ends, and its token with it where the server can make nothing of that any more.
    fn fail(&mut self, sorted: &Sorted) {
        self.stream = None;
        self.failures += 1;
        let is_lost = (sorted.failure.mongo_code).is_some_and(|code| HISTORY_LOST.contains(&code));
        if is_lost || (self.failures > MOST_FAILURES && !sorted.retry) {
            self.token = None;
        }
    }

    /// A server is to wait for changes before it answers. One that does not, or loses each cursor (a mongos
    /// behind a balancer), must not be asked all the time. A stream that was just opened has nothing, without
    /// having asked: there is no pause yet.
    async fn pause(&mut self) {
        if let Some(doublings) = self.in_vain.checked_sub(1) {
            sleep((FIRST_PAUSE * 2_u32.pow(doublings.min(8))).min(MAX_PAUSE)).await;
        }
        self.in_vain += 1;
    }

    /// Tells whether something may have been missed meanwhile. Waits for a server for as long as there is
    /// none.
    async fn begin_again(&mut self) -> Result<bool, Failure> {
        let mut pause = FIRST_PAUSE;
        let mut is_gap = self.token.is_none();
        loop {
            let deadline = Instant::now() + self.collection.timeout;
            let Err(sorted) = self.begin(deadline).await else {
                return Ok(is_gap);
            };
            let code = sorted.failure.mongo_code;
            let is_lost = code.is_some_and(|code| HISTORY_LOST.contains(&code));
            let is_away = matches!(sorted.failure.code, Code::Unavailable | Code::Timeout);
            if is_lost && self.token.take().is_some() {
                is_gap = true;
            } else if !sorted.retry && !is_away {
                return Err(explained(sorted.failure));
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    async fn begin(&mut self, deadline: Instant) -> Result<(), Sorted> {
        let collection = self.collection.clone();
        let options = CollectionOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .read_concern(ReadConcern::majority())
            .build();
        let records = (collection.database)
            .collection_with_options::<RawDocumentBuf>(collection.records.name(), options);
        let pipeline = pipeline(&self.filter, collection.sealer.as_deref());
        let watch = records.watch().pipeline(pipeline);
        let watch = watch.max_await_time(LONGEST_SILENCE);
        let is_new = self.token.is_none();
        let watch = match self.token.clone() {
            // Also behind the end of a stream, as when the collection was dropped.
            Some(token) => watch.start_after(token),
            None => watch,
        };
        let watch = match self.has_filter() {
            true => watch.full_document(FullDocumentType::UpdateLookup),
            false => watch,
        };
        let may_keep = collection.availability.may_keep_pre_images();
        self.may_keep_pre_images = may_keep.unwrap_or(self.may_keep_pre_images);
        let watch = match self.may_keep_pre_images {
            true => watch.full_document_before_change(FullDocumentBeforeChangeType::WhenAvailable),
            false => watch,
        };
        let stream = (collection.in_time(deadline, watch.into_future())).await?;
        self.token = stream.resume_token().or(self.token.take());
        self.stream = Some(stream.with_type());
        if self.has_filter() {
            if is_new {
                self.known.clear();
            }
            self.find_known().await?;
        }
        Ok(())
    }

    fn has_filter(&self) -> bool {
        !self.filter.paths.is_empty()
    }

    async fn find_known(&mut self) -> Result<(), Sorted> {
        let collection = self.collection.clone();
        let mut after: Option<Id> = None;
        loop {
            let look = Look {
                reader: self.reader,
                filter: &self.filter,
                after: after.as_ref(),
                most: PAGE,
                with_data: false,
                is_live: false,
            };
            let deadline = Instant::now() + collection.timeout;
            let make = |record: &RawDocument| {
                let id = record.get_str("_id").ok().map(Id::from);
                (id, record::expires_at(record))
            };
            let found = collection.look(look, deadline, make).await;
            let (found, is_last) = found.map_err(Sorted::last)?;
            after = found.last().and_then(|(id, _)| id.clone());
            let found = found.into_iter();
            (self.known).extend(found.filter_map(|(id, end)| Some((id?, end))));
            if is_last || after.is_none() {
                collection.leave(self.reader);
                return Ok(());
            }
        }
    }

    async fn change(&mut self, event: &RawDocument) -> Option<Change> {
        let operation = event.get_str("operationType").ok()?;
        let kind = match operation {
            "insert" => Change::Created,
            "update" | "replace" => Change::Updated,
            "delete" => return self.end(event),
            "drop" | "rename" | "dropDatabase" | "invalidate" => return Some(Change::Gap),
            _ => return None,
        };
        let id = id_of(event)?;
        if self.has_filter() {
            let session = event.get_document("fullDocument").ok();
            // Others than those that match come as well, where they may have matched before.
            let is_sure = operation == "insert" || session.is_none();
            if !is_sure && !self.known.contains_key(&id) {
                match self.matches(&id).await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(_) => return Some(Change::Gap),
                }
            }
            let end = session.and_then(record::expires_at);
            self.known.insert(id.clone(), end);
            session?;
        }
        Some(kind(id))
    }

    async fn matches(&mut self, id: &Id) -> Result<bool, Failure> {
        let deadline = Instant::now() + self.collection.timeout;
        let ids = [id.clone()];
        let found = (self.collection).find_ids(&ids, Some(&self.filter), deadline);
        Ok(!found.await?.is_empty())
    }

    fn end(&mut self, event: &RawDocument) -> Option<Change> {
        let id = id_of(event)?;
        let known = match self.has_filter() {
            true => self.known.remove(&id)?,
            false => None,
        };
        let before = event.get_document("fullDocumentBeforeChange").ok();
        let end = before.and_then(record::expires_at).or(known);
        let at = event
            .get_datetime("wallTime")
            .unwrap_or_else(|_| record::now());
        let has_expired = end.is_some_and(|end| DateTime::from_millis(end) <= at);
        Some(match has_expired {
            true => Change::Expired(id),
            false => Change::Destroyed(id),
        })
    }
}

/// Other documents than sessions may have ids of other types.
fn id_of(event: &RawDocument) -> Option<Id> {
    let key = event.get_document("documentKey").ok()?;
    key.get_str("_id").ok().map(Id::from)
}

fn explained(failure: Failure) -> Failure {
    let code = failure.mongo_code;
    match code.is_some_and(|code| NO_CHANGE_STREAMS.contains(&code)) {
        true => Failure {
            message: format!(
                "this server has no change streams, which watch() needs (code {}): MongoDB has them \
                 on a replica set and on a sharded cluster, also on a set of one",
                code.unwrap_or_default()
            ),
            ..failure
        },
        false => failure,
    }
}
