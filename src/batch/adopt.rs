//! The steps of `adopt()`, which JavaScript puts in order (`lib/call/adopt.js`).

use serde_json::json;
use tokio::time::Instant;

use crate::adopt::Terms;
use crate::collection::{Collection, Field, Foreign, Tally};
use crate::error::Failure;
use crate::operation::{AdoptStep, Outcome};
use crate::record;

pub async fn run(collection: &Collection, step: &AdoptStep, deadline: Instant) -> Outcome {
    let done = match step {
        AdoptStep::Indexes => indexes(collection).await,
        AdoptStep::Page { .. } => page(collection, step, deadline).await,
        AdoptStep::Drop(index) => collection.drop_index(index).await.map(|()| "{}".into()),
    };
    done.map_or_else(Outcome::Failed, Outcome::Done)
}

async fn indexes(collection: &Collection) -> Result<String, Failure> {
    let indexes = collection.foreign_indexes().await?;
    let described = indexes.iter().map(|Foreign { name, field, removes_after }| {
        let field = match field {
            Field::UpdatedAt => "updatedAt",
            Field::Expires => "expires",
        };
        json!({ "name": name, "field": field, "removesAfter": removes_after })
    });
    Ok(json!(described.collect::<Vec<_>>()).to_string())
}

async fn page(
    collection: &Collection,
    step: &AdoptStep,
    deadline: Instant,
) -> Result<String, Failure> {
    let AdoptStep::Page { after, kinds, lifetime, ends_after } = step else {
        return Err(Failure::internal());
    };
    let terms = Terms {
        now: record::now(),
        lifetime: *lifetime,
        ends_after: *ends_after,
    };
    let mut tally = Tally::default();
    let adopting = collection.adopt_page(after.as_deref(), *kinds, &terms, &mut tally, deadline);
    let last = adopting.await?;
    let Tally { looked, adopted, unreadable, unfit, other, busy } = tally;
    let tally = json!({
        "last": last,
        "looked": looked,
        "adopted": adopted,
        "unreadable": unreadable,
        "unfit": unfit,
        "other": other,
        "busy": busy,
    });
    Ok(tally.to_string())
}
