//! Looking through the collection, in the order of the ids. A page is one query, which leaves nothing
//! open on the server: the next one begins behind its last id, on whichever server there is then.

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use tokio::time::Instant;

use super::Collection;
use super::query::matching;
use crate::error::Failure;
use crate::operation::{Filter, Id};
use crate::record;
use crate::seal::Sealer;

/// A page ends when it has so many bytes, though there is room for more sessions.
const MOST_BYTES: usize = 4 * 1024 * 1024;

pub struct Look<'a> {
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
            let read = async {
                let find = records.find(query.clone()).projection(fields.clone());
                let find = find.sort(doc! { "_id": 1 });
                let mut cursor = find.limit(look.most as i64).await?;
                let mut found = Vec::new();
                let mut size = 0;
                while cursor.advance().await? {
                    let record = cursor.current();
                    size += record.as_bytes().len();
                    found.push(make(record));
                    if size >= MOST_BYTES {
                        return Ok((found, false));
                    }
                }
                let is_last = found.len() < look.most;
                Ok((found, is_last))
            };
            match self.in_time(deadline, read).await {
                Ok(found) => return Ok(found),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    /// How many live sessions match.
    pub async fn count(&self, filter: &Filter, deadline: Instant) -> Result<u64, Failure> {
        let mut query = matching(filter, self.sealer.as_deref());
        of_sessions(&mut query, None);
        self.only_live(&mut query);
        let mut attempts = self.attempts(deadline);
        loop {
            let count = self.records.count_documents(query.clone());
            match self.in_time(deadline, async { count.await }).await {
                Ok(count) => return Ok(count),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    /// A record without `expiresAt`, such as other stores wrote, is live.
    fn only_live(&self, query: &mut Document) {
        query.insert("data", doc! { "$type": "object" });
        query.insert("expiresAt", doc! { "$not": { "$lte": record::now() } });
        if self.hashes_ids {
            query.insert(record::PENDING.as_str(), doc! { "$exists": false });
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
        let found = self.find_fields(query, doc! { "_id": 1 }, deadline).await?;
        let id = |record: &RawDocumentBuf| record.get_str("_id").ok().map(Id::from);
        Ok(found.iter().filter_map(id).collect())
    }

    /// Of the records of these ids, as the primary has them now, what says when they end.
    pub async fn find_ends(
        &self,
        ids: &[Id],
        deadline: Instant,
    ) -> Result<Vec<RawDocumentBuf>, Failure> {
        let mut query = match self.hashes_ids {
            true => doc! {}, // a mark of a move has none
            false => doc! { "data": { "$type": "object" } },
        };
        of_ids(&mut query, ids);
        let mut fields = doc! { "expiresAt": 1, "data._expire": 1, "data._maxAge": 1 };
        for mark in [record::PENDING, record::MOVED] {
            fields.insert(mark.as_str(), 1);
        }
        self.find_fields(query, fields, deadline).await
    }

    async fn find_fields(
        &self,
        query: Document,
        fields: Document,
        deadline: Instant,
    ) -> Result<Vec<RawDocumentBuf>, Failure> {
        let mut attempts = self.attempts(deadline);
        loop {
            let read = async {
                let find = self.latest.find(query.clone());
                let cursor = find.projection(fields.clone()).await?;
                cursor.try_collect().await
            };
            match self.in_time(deadline, read).await {
                Ok(found) => return Ok(found),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }
}

impl Look<'_> {
    fn query(&self, sealer: Option<&Sealer>) -> Document {
        let mut query = matching(self.filter, sealer);
        of_sessions(&mut query, self.after);
        query
    }
}

/// Other documents than sessions may have ids of other types, which come before or behind.
fn of_sessions(query: &mut Document, after: Option<&Id>) {
    query.insert("_id", doc! { "$gt": after.map_or("", |id| id) });
}

fn of_ids(query: &mut Document, ids: &[Id]) {
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    query.insert("_id", doc! { "$in": ids });
}
