//! The pages of a collection that is adopted, in the order of the ids, and what is on none of them.

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use mongodb::options::Hint;
use tokio::time::Instant;

use super::Tally;
use crate::collection::read::counted;
use crate::collection::{Collection, failure};
use crate::error::Failure;
use crate::operation::Id;

/// How many documents a page has.
const PAGE: i64 = 10_000;

/// The types that an `_id` has in MongoDB beside a string: by name, so that its index finds them.
const ID_TYPES: [&str; 11] = [
    "objectId",
    "int",
    "long",
    "double",
    "decimal",
    "binData",
    "object",
    "date",
    "timestamp",
    "bool",
    "null",
];

/// So many documents at most are counted that are no session's.
const MOST_COUNTED: i64 = 100_000;

impl Collection {
    /// Counts the documents whose `_id` is no session's, and which no page has.
    pub(super) async fn count_without_id(
        &self,
        tally: &mut Tally,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let types = ID_TYPES.map(|name| doc! { "_id": { "$type": name } });
        let is_ending = doc! { "$eq": [{ "$type": "$expires" }, "date"] };
        let ending = doc! { "$sum": { "$cond": [is_ending, 1, 0] } };
        let stages = vec![
            doc! { "$match": { "$or": types.to_vec() } },
            doc! { "$limit": MOST_COUNTED },
            doc! { "$group": { "_id": null, "count": { "$sum": 1 }, "ending": ending } },
        ];
        if let Some(found) = self.sum(stages, deadline).await? {
            let count = counted(&found, "count")?;
            tally.looked += count;
            tally.other += count;
            tally.ending += counted(&found, "ending")?;
        }
        Ok(())
    }

    /// The last id of a page, and how many documents it has.
    pub(super) async fn page_after(
        &self,
        after: Option<&str>,
        deadline: Instant,
    ) -> Result<Option<(Id, u64)>, Failure> {
        let stages = vec![
            doc! { "$match": { "_id": behind(after) } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": PAGE },
            doc! { "$group": { "_id": null, "last": { "$max": "$_id" }, "count": { "$sum": 1 } } },
        ];
        let page = self.sum(stages, deadline).await?;
        page.map(|page| read_page(&page)).transpose()
    }

    /// What all that is found comes to, in the order of the ids; `None` where nothing is found.
    async fn sum(
        &self,
        stages: Vec<Document>,
        deadline: Instant,
    ) -> Result<Option<RawDocumentBuf>, Failure> {
        let mut attempts = self.attempts(deadline);
        loop {
            let sum = async {
                let sums = self.latest.aggregate(stages.clone());
                // Some look-alikes of MongoDB would sort the whole collection.
                let sums = sums.hint(Hint::Keys(doc! { "_id": 1 }));
                let mut sums = sums.with_type::<RawDocumentBuf>().await?;
                sums.try_next().await
            };
            match self.in_time(deadline, sum).await {
                Ok(sum) => return Ok(sum),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }
}

/// A session's id is a string.
pub(super) fn behind(id: Option<&str>) -> Document {
    match id {
        Some(id) => doc! { "$gt": id },
        None => doc! { "$gte": "" },
    }
}

fn read_page(page: &RawDocument) -> Result<(Id, u64), Failure> {
    let last = page.get_str("last").map_err(|_| failure::malformed())?;
    Ok((Id::from(last), counted(page, "count")?))
}
