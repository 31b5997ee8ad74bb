//! Looking through the collection, page by page, in the order of the ids.
//!
//! Who reads has a cursor over the ids, and the sessions of a page are fetched by them: where the server has
//! to sort what it finds, it sorts no sessions. The cursor may be lost: to a failover, to a balancer that asks
//! another mongos for the rest, or where the next page is asked for after more than ten minutes. Then the page
//! ends with what was found, and another cursor begins behind the last id.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt;
use mongodb::Cursor;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use tokio::time::Instant;

use super::command::{Sent, Stopped, Trip};
use super::query::matching;
use super::read::{counted, in_one_batch};
use super::{Collection, Unread};
use crate::error::Failure;
use crate::operation::{Filter, Id, Reader};
use crate::record;
use crate::seal::Sealer;
use crate::seal::ids::PREFIX;

/// A page ends when it has so many bytes, though there is room for more sessions.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How far each has come who reads.
pub type Readings = Mutex<HashMap<Reader, Reading>>;

pub struct Reading {
    rest: Rest,
    /// What it has found, and nobody has read: with the dates, if these are all that is asked for.
    found: Vec<RawDocumentBuf>,
}

/// What there is behind what was found.
enum Rest {
    Cursor(Box<Cursor<RawDocumentBuf>>),
    /// Another cursor has to find it.
    Lost,
    Nothing,
}

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
        let mut attempts = self.attempts(deadline);
        loop {
            let reading = self.lock_readings().remove(&look.reader);
            let has_gone_on = reading.is_some();
            let read = async {
                let mut reading = match reading {
                    Some(reading) => reading,
                    None => self.begin(&look).await?,
                };
                reading.find(look.most).await?;
                let made = match look.with_data {
                    true => self.fetch(&look, &mut reading, &make).await?,
                    false => reading
                        .found
                        .drain(..)
                        .map(|record| make(&record))
                        .collect(),
                };
                Ok((made, reading))
            };
            match self.in_time(deadline, read).await {
                Ok((made, reading)) => {
                    let is_last = match (&reading.rest, reading.found.as_slice()) {
                        (Rest::Nothing, []) => true,
                        (Rest::Lost, []) => false,
                        _ => {
                            self.lock_readings().insert(look.reader, reading);
                            false
                        }
                    };
                    return Ok((made, is_last));
                }
                Err(_) if has_gone_on && Instant::now() < deadline => {}
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    async fn begin(&self, look: &Look<'_>) -> mongodb::error::Result<Reading> {
        let mut query = look.query(self.sealer.as_deref());
        if look.is_live {
            self.only_live(&mut query);
        }
        let mut fields = match look.with_data {
            true => doc! { "_id": 1 },
            false => doc! { "updatedAt": 1, "expiresAt": 1 },
        };
        if self.hashes_ids() {
            fields.insert(record::FORMER.as_str(), 1);
        }
        let find = self.looked_at(look).find(query).projection(fields);
        let most = u32::try_from(look.most).unwrap_or(u32::MAX);
        let cursor = find.sort(doc! { "_id": 1 }).batch_size(most).await?;
        Ok(Reading {
            rest: Rest::Cursor(Box::new(cursor)),
            found: Vec::new(),
        })
    }

    /// The sessions of a page, as they are now.
    async fn fetch<T>(
        &self,
        look: &Look<'_>,
        reading: &mut Reading,
        make: &impl Fn(&RawDocument) -> T,
    ) -> mongodb::error::Result<Vec<T>> {
        let ids: Vec<Id> = reading
            .found
            .iter()
            .filter_map(|found| id_of(found))
            .collect();
        let mut query = Document::new();
        if look.is_live {
            self.only_live(&mut query);
        }
        of_ids(&mut query, &ids);
        let fields = doc! { "updatedAt": 1, "expiresAt": 1, "data": 1 };
        let find = self.looked_at(look).find(query).projection(fields);
        let find = find.sort(doc! { "_id": 1 }).batch_size(in_one_batch(&ids));
        let mut cursor = find.await?;
        let (mut made, mut last, mut size) = (Vec::new(), None, 0);
        while size < MOST_BYTES {
            match cursor.advance().await {
                Ok(true) => {}
                Ok(false) => {
                    reading.found.clear();
                    return Ok(made);
                }
                Err(error) if made.is_empty() => return Err(error),
                Err(_) => break,
            }
            let record = cursor.current();
            size += record.as_bytes().len();
            last = id_of(record);
            made.push(make(record));
        }
        let place = ids.iter().position(|id| Some(id) == last.as_ref());
        reading.found.drain(..=place.unwrap_or(ids.len() - 1));
        Ok(made)
    }

    fn looked_at(&self, look: &Look<'_>) -> &mongodb::Collection<RawDocumentBuf> {
        match look.is_live {
            true => &self.records,
            false => &self.latest,
        }
    }

    /// Whether there are records under other ids than hashed ones: sessions that have not moved, and what is
    /// left of those that have.
    pub async fn has_plain_ids(&self, deadline: Instant) -> Result<bool, Failure> {
        let before = doc! { "_id": { "$gt": "", "$lt": PREFIX } };
        let behind = doc! { "_id": { "$gt": behind_hashes() } };
        let query = doc! { "$or": [before, behind] };
        let mut attempts = self.attempts(deadline);
        loop {
            let read = async {
                let find = self.latest.find(query.clone()).limit(1);
                let mut cursor = find.projection(doc! { "_id": 1 }).await?;
                cursor.advance().await
            };
            match self.in_time(deadline, read).await {
                Ok(has_some) => return Ok(has_some),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    /// Nobody reads on: the driver tells the server.
    pub fn leave(&self, reader: Reader) {
        self.lock_readings().remove(&reader);
    }

    fn lock_readings(&self) -> MutexGuard<'_, HashMap<Reader, Reading>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many live sessions match.
    pub async fn count(&self, filter: &Filter, deadline: Instant) -> Result<u64, Failure> {
        let mut query = matching(filter, self.sealer.as_deref());
        of_sessions(&mut query, None);
        self.only_live(&mut query);
        // The driver's own count brings a fifth of a megabyte of code along.
        let stages = [doc! { "$match": query }, doc! { "$count": "n" }];
        let mut attempts = self.attempts(deadline);
        loop {
            let count = async {
                let counts = self.records.aggregate(stages.clone());
                let mut counts = counts.with_type::<RawDocumentBuf>().await?;
                counts.try_next().await
            };
            match self.in_time(deadline, count).await {
                Ok(Some(count)) => return counted(&count, "n"),
                Ok(None) => return Ok(0), // there is no document of none
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
            let read = self.read_fields(ids, &query, doc! { "_id": 1 });
            match self.in_time(deadline, read).await {
                Ok(found) => break found,
                Err(sorted) => attempts.again(sorted).await?,
            }
        };
        Ok(found.iter().filter_map(|record| id_of(record)).collect())
    }

    /// Of the records of these ids, as the primary has them now, what says when they end.
    /// `is_divisible`: they are of more than one session.
    pub async fn find_ends(
        &self,
        ids: &[Id],
        is_divisible: bool,
        trip: &Trip,
    ) -> Result<Vec<RawDocumentBuf>, Unread> {
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
            let read = self.in_time(trip.deadline, self.read_fields(ids, &query, fields.clone()));
            match trip
                .wait(self, ids.len(), || is_divisible, &Sent::default(), read)
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
        ids: &[Id],
        query: &Document,
        fields: Document,
    ) -> mongodb::error::Result<Vec<RawDocumentBuf>> {
        let find = self
            .latest
            .find(query.clone())
            .batch_size(in_one_batch(ids));
        find.projection(fields).await?.try_collect().await
    }
}

impl Reading {
    /// Goes on until it has found so many, or all that there are, or some and the cursor is lost.
    async fn find(&mut self, most: usize) -> mongodb::error::Result<()> {
        while self.found.len() < most
            && let Rest::Cursor(cursor) = &mut self.rest
        {
            match cursor.advance().await {
                Ok(true) => self.found.push(cursor.current().to_owned()),
                Ok(false) => self.rest = Rest::Nothing,
                Err(error) if self.found.is_empty() => return Err(error),
                Err(_) => self.rest = Rest::Lost,
            }
        }
        Ok(())
    }
}

fn id_of(record: &RawDocument) -> Option<Id> {
    record.get_str("_id").ok().map(Id::from)
}

impl Look<'_> {
    fn query(&self, sealer: Option<&Sealer>) -> Document {
        let mut query = matching(self.filter, sealer);
        of_sessions(&mut query, self.after);
        query
    }
}

/// A text behind all that begin as hashed ids do.
fn behind_hashes() -> String {
    format!("{PREFIX}\u{7f}")
}

/// Other documents than sessions may have ids of other types, which come before or behind.
fn of_sessions(query: &mut Document, after: Option<&Id>) {
    query.insert("_id", doc! { "$gt": after.map_or("", |id| id) });
}

fn of_ids(query: &mut Document, ids: &[Id]) {
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    query.insert("_id", doc! { "$in": ids });
}
