//! Removal of expired sessions by the store itself, where MongoDB is not to do it.

use std::future::IntoFuture;

use futures_util::TryStreamExt;
use mongodb::Cursor;
use mongodb::bson::{Bson, RawDocumentBuf, doc};
use tokio::time::{Instant, sleep};

use super::Collection;
use crate::error::Failure;
use crate::record;

/// So many sessions are removed by one command.
const STEP: usize = 1000;

impl Collection {
    /// Removes what has ended by now, step by step. What is renewed meanwhile stays, and several
    /// processes may do it at once: each command removes only what has still ended when MongoDB looks
    /// at it. Reads all sessions where no index is over `expiresAt`.
    pub async fn remove_expired(&self) -> Result<(), Failure> {
        let ended = doc! { "expiresAt": { "$lte": record::now() } };
        loop {
            let find = self.latest.find(ended.clone());
            let find = find.projection(doc! { "_id": 1 }).batch_size(STEP as u32);
            let mut found = self.in_background(find.into_future()).await?;
            let mut has_removed = false;
            loop {
                let ids = match self.in_background(next_ids(&mut found)).await {
                    Ok(ids) if ids.is_empty() => return Ok(()),
                    Ok(ids) => ids,
                    // The cursor is lost: another one finds the rest.
                    Err(_) if has_removed => break,
                    Err(failure) => return Err(failure),
                };
                let mut filter = doc! { "_id": { "$in": ids } };
                filter.extend(ended.clone());
                let began = Instant::now();
                let delete = self.latest.delete_many(filter).into_future();
                self.in_background(delete).await?;
                has_removed = true;
                // Operations go before: at least half of the time is theirs.
                sleep(began.elapsed()).await;
            }
        }
    }
}

async fn next_ids(found: &mut Cursor<RawDocumentBuf>) -> mongodb::error::Result<Vec<Bson>> {
    let mut ids = Vec::new();
    while ids.len() < STEP
        && let Some(record) = found.try_next().await?
    {
        let id = record.get("_id").ok().flatten();
        ids.extend(id.and_then(|id| Bson::try_from(id).ok()));
    }
    Ok(ids)
}
