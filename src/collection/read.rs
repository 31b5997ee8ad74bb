//! Finding sessions by their ids: many with one command.

use std::pin::pin;
use std::task::Poll;

use futures_util::{TryStreamExt, poll};
use mongodb::bson::{Bson, RawDocument, RawDocumentBuf, doc};
use mongodb::options::{CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria};
use tokio::time::Instant;

use super::command::{Sent, Stopped, Trip};
use super::write::reply::whole;
use super::{Collection, failure};
use crate::error::Failure;
use crate::operation::Id;

/// What is told of a read.
pub enum Reading<T> {
    /// It begins, or begins again: what was found before may have changed.
    Begins,
    Some(Vec<T>),
    Last(Vec<T>),
}

/// Why a read has no outcome.
pub enum Unread {
    Failed(Failure),
    HeldUp,
}

impl Collection {
    /// Finds the records of these ids. `found` is told what `make` makes of them, with each of MongoDB's
    /// replies that are more than one. `is_divisible`: they are of more than one session.
    pub async fn find<T>(
        &self,
        ids: &[Id],
        is_divisible: bool,
        trip: &Trip,
        make: impl Fn(&RawDocument) -> T,
        mut found: impl FnMut(Reading<T>),
    ) -> Result<(), Unread> {
        let mut attempts = self.attempts(trip.deadline);
        loop {
            found(Reading::Begins);
            let read = async {
                let mut cursor = query(&self.records, ids).await?;
                let mut records = Vec::with_capacity(ids.len());
                loop {
                    let has_next = {
                        let mut next = pin!(cursor.advance());
                        match poll!(&mut next) {
                            Poll::Ready(has_next) => has_next?,
                            // What is here does not wait for what another reply brings.
                            Poll::Pending => {
                                found(Reading::Some(std::mem::take(&mut records)));
                                next.await?
                            }
                        }
                    };
                    if !has_next {
                        return Ok(records);
                    }
                    records.push(make(cursor.current()));
                }
            };
            let read = self.in_time(trip.deadline, read);
            match trip
                .wait(self, ids.len(), || is_divisible, &Sent::default(), read)
                .await
            {
                Ok(Ok(records)) => {
                    found(Reading::Last(records));
                    return Ok(());
                }
                Ok(Err(sorted)) => attempts.again(sorted).await.map_err(Unread::Failed)?,
                Err(Stopped::HeldUp) => return Err(Unread::HeldUp),
                Err(Stopped::Recalled) => return Err(Unread::Failed(self.out_of_time())),
            }
        }
    }

    /// Finds the records with all that was written: what a write depends on.
    pub async fn find_latest(
        &self,
        ids: &[Id],
        deadline: Instant,
    ) -> Result<Vec<RawDocumentBuf>, Failure> {
        let mut attempts = self.attempts(deadline);
        loop {
            let read = async {
                let cursor = query(&self.latest, ids).await?;
                cursor.try_collect().await
            };
            match self.in_time(deadline, read).await {
                Ok(found) => return Ok(found),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }
}

fn query<'a>(
    records: &'a mongodb::Collection<RawDocumentBuf>,
    ids: &[Id],
) -> mongodb::action::Find<'a, RawDocumentBuf> {
    let batch_size = in_one_batch(ids);
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    let filter = match ids.as_slice() {
        [id] => doc! { "_id": id },
        ids => doc! { "_id": { "$in": ids } },
    };
    records.find(filter).batch_size(batch_size)
}

/// The size of a batch that holds the records of all these ids, and ends its cursor: a second one costs another
/// command, and may find the cursor lost.
pub fn in_one_batch(ids: &[Id]) -> u32 {
    u32::try_from(ids.len() + 1).unwrap_or(u32::MAX)
}

/// What MongoDB has counted.
pub fn counted(record: &RawDocument, field: &str) -> Result<u64, Failure> {
    let count = record.get(field).ok().flatten();
    let count = count.and_then(|count| whole(&Bson::try_from(count).ok()?));
    let count = count.and_then(|count| u64::try_from(count).ok());
    count.ok_or_else(failure::malformed)
}

/// Of a collection that is read as the primary has it now, whatever the application reads from.
pub fn latest() -> CollectionOptions {
    CollectionOptions::builder()
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::local())
        .build()
}
