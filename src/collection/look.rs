//! Looking through the collection, page by page, in the order of the ids.
//!
//! Who reads has a cursor, from which each page is taken. It may be gone when the next page is asked for:
//! after a failover, or when that takes more than ten minutes. Then another one begins behind the last id.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt;
use mongodb::Cursor;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use tokio::time::Instant;

use super::query::matching;
use super::reply::whole;
use super::sent::Sent;
use super::trip::{Stopped, Trip};
use super::{Collection, Unread};
use crate::error::Failure;
use crate::operation::{Filter, Id, Reader};
use crate::record;
use crate::seal::Sealer;

/// A page ends when it has so many bytes, though there is room for more sessions.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The cursors of those who read.
pub type Cursors = Mutex<HashMap<Reader, Cursor<RawDocumentBuf>>>;

pub struct Look<'a> {
    pub reader: Reader,
    pub filter: &'a Filter,
    pub after: Option<&'a Id>,
    /// So many records at most.
    pub most: usize,
    pub with_data: bool,
    /// Only sessions that are not over; else all that match, as the primary has them.
    pub is_live: bool,
}

impl Collection {
    /// What `make` makes of each record, and whether there are no more behind these.
    pub async fn look<T>(
        &self,
        look: Look<'_>,
        deadline: Instant,
        make: impl Fn(&RawDocument) -> T,
    ) -> Result<(Vec<T>, bool), Failure> {
        let mut query = look.query(self.sealer.as_deref());
        if look.is_live {
            self.only_live(&mut query);
        }
        let records = match look.is_live {
            true => &self.records,
            false => &self.latest,
        };
        let mut fields = doc! { "updatedAt": 1, "expiresAt": 1 };
        if look.with_data {
            fields.insert("data", 1);
        }
        let mut attempts = self.attempts(deadline);
        loop {
            let cursor = self.lock_cursors().remove(&look.reader);
            let has_gone_on = cursor.is_some();
            let read = async {
                let mut cursor = match cursor {
                    Some(cursor) => cursor,
                    None => {
                        let find = records.find(query.clone()).projection(fields.clone());
                        let most = u32::try_from(look.most).unwrap_or(u32::MAX);
                        find.sort(doc! { "_id": 1 }).batch_size(most).await?
                    }
                };
                let mut found = Vec::new();
                let mut size = 0;
                while found.len() < look.most && size < MOST_BYTES {
                    if !cursor.advance().await? {
                        return Ok((found, None));
                    }
                    size += cursor.current().as_bytes().len();
                    found.push(make(cursor.current()));
                }
                Ok((found, Some(cursor)))
            };
            match self.in_time(deadline, read).await {
                Ok((found, cursor)) => {
                    let is_last = cursor.is_none();
                    let cursor = cursor.map(|cursor| (look.reader, cursor));
                    self.lock_cursors().extend(cursor);
                    return Ok((found, is_last));
                }
                Err(_) if has_gone_on && Instant::now() < deadline => {}
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    /// Nobody reads on: the driver tells the server.
    pub fn leave(&self, reader: Reader) {
        self.lock_cursors().remove(&reader);
    }

    fn lock_cursors(&self) -> MutexGuard<'_, HashMap<Reader, Cursor<RawDocumentBuf>>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many live sessions match.
    pub async fn count(&self, filter: &Filter, deadline: Instant) -> Result<u64, Failure> {
        let mut query = matching(filter, self.sealer.as_deref());
        of_sessions(&mut query, None);
        self.only_live(&mut query);
        // The driver's own count brings a fifth of a megabyte of code along.
        let mut command = doc! {
            "aggregate": self.records.name(),
            "pipeline": [{ "$match": query }, { "$count": "n" }],
            "cursor": {},
        };
        if let Some(concern) = self.records.read_concern() {
            let concern = mongodb::bson::serialize_to_bson(concern);
            command.extend(
                concern
                    .ok()
                    .map(|concern| ("readConcern".to_owned(), concern)),
            );
        }
        let mut attempts = self.attempts(deadline);
        loop {
            let count = self.database.run_command(command.clone());
            let count = match self.records.selection_criteria() {
                Some(criteria) => count.selection_criteria(criteria.clone()),
                None => count,
            };
            match self.in_time(deadline, count.into_future()).await {
                Ok(reply) => return Ok(counted(&reply)),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    /// A record without `expiresAt`, such as other stores wrote, is live.
    fn only_live(&self, query: &mut Document) {
        query.insert("data", doc! { "$type": "object" });
        query.insert("expiresAt", doc! { "$not": { "$lte": record::now() } });
        if self.hashes_ids() {
            for mark in [record::PENDING, record::MOVED] {
                query.insert(mark.as_str(), doc! { "$exists": false });
            }
        }
    }

    /// Which of these ids are there and match, as the primary has them now.
    pub async fn find_ids(
        &self,
        ids: &[Id],
        filter: Option<&Filter>,
        deadline: Instant,
    ) -> Result<Vec<Id>, Failure> {
        let mut query = filter.map_or(Document::new(), |filter| {
            matching(filter, self.sealer.as_deref())
        });
        of_ids(&mut query, ids);
        let mut attempts = self.attempts(deadline);
        let found = loop {
            let read = self.read_fields(&query, doc! { "_id": 1 });
            match self.in_time(deadline, read).await {
                Ok(found) => break found,
                Err(sorted) => attempts.again(sorted).await?,
            }
        };
        let id = |record: &RawDocumentBuf| record.get_str("_id").ok().map(Id::from);
        Ok(found.iter().filter_map(id).collect())
    }

    /// Of the records of these ids, as the primary has them now, what says when they end.
    pub async fn find_ends(&self, ids: &[Id], trip: &Trip) -> Result<Vec<RawDocumentBuf>, Unread> {
        let mut query = match self.hashes_ids() {
            true => doc! {}, // a mark of a move has none
            false => doc! { "data": { "$type": "object" } },
        };
        of_ids(&mut query, ids);
        let mut fields = doc! { "expiresAt": 1, "data._expire": 1, "data._maxAge": 1 };
        for mark in [record::PENDING, record::MOVED] {
            fields.insert(mark.as_str(), 1);
        }
        let mut attempts = self.attempts(trip.deadline);
        loop {
            let read = self.in_time(trip.deadline, self.read_fields(&query, fields.clone()));
            match trip
                .wait(self, || ids.len() > 1, &Sent::default(), read)
                .await
            {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(sorted)) => attempts.again(sorted).await.map_err(Unread::Failed)?,
                Err(Stopped::HeldUp) => return Err(Unread::HeldUp),
                Err(Stopped::Recalled) => return Err(Unread::Failed(self.out_of_time())),
            }
        }
    }

    async fn read_fields(
        &self,
        query: &Document,
        fields: Document,
    ) -> mongodb::error::Result<Vec<RawDocumentBuf>> {
        let find = self.latest.find(query.clone());
        find.projection(fields).await?.try_collect().await
    }
}

impl Look<'_> {
    fn query(&self, sealer: Option<&Sealer>) -> Document {
        let mut query = matching(self.filter, sealer);
        of_sessions(&mut query, self.after);
        query
    }
}

/// Of none there is no document.
fn counted(reply: &Document) -> u64 {
    let batch = reply.get_document("cursor");
    let batch = batch.and_then(|cursor| cursor.get_array("firstBatch"));
    let first = batch.ok().and_then(|batch| batch.first()?.as_document());
    let count = first.and_then(|first| whole(first.get("n")?));
    count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or_default()
}

/// Other documents than sessions may have ids of other types, which come before or behind.
fn of_sessions(query: &mut Document, after: Option<&Id>) {
    query.insert("_id", doc! { "$gt": after.map_or("", |id| id) });
}

fn of_ids(query: &mut Document, ids: &[Id]) {
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    query.insert("_id", doc! { "$in": ids });
}
