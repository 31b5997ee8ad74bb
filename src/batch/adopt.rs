//! The steps of `adopt()`, which JavaScript puts in order (`lib/call/adopt.js`).

use serde_json::json;
use tokio::time::Instant;

use crate::adopt::Terms;
use crate::collection::{Collection, Field, Foreign, Tally};
use crate::error::Failure;
use crate::operation::AdoptStep;
use crate::record;

/// Resolves to what the step found and did, as JSON text.
pub async fn run(
    collection: &Collection,
    step: &AdoptStep,
    deadline: Instant,
) -> Result<String, Failure> {
    let done = match step {
        AdoptStep::Indexes => {
            let indexes = collection.foreign_indexes().await?;
            json!(indexes.iter().map(described).collect::<Vec<_>>())
        }
        AdoptStep::Drop(index) => {
            collection.drop_foreign(index).await?;
            json!({})
        }
        AdoptStep::Documents {
            place,
            kinds,
            lifetime,
            ends_after,
        } => {
            let terms = Terms {
                now: record::now(),
                lifetime: *lifetime,
                ends_after: *ends_after,
            };
            let mut tally = Tally::default();
            let adopting = collection.adopt_next(place, *kinds, &terms, &mut tally, deadline);
            let next = adopting.await?.map(
                |place| json!({ "after": place.after.as_deref(), "until": place.until.as_deref() }),
            );
            json!({
                "next": next,
                "looked": tally.looked,
                "adopted": tally.adopted,
                "unreadable": tally.unreadable,
                "unfit": tally.unfit,
                "other": tally.other,
                "ending": tally.ending,
                "busy": tally.busy,
            })
        }
    };
    Ok(done.to_string())
}

fn described(index: &Foreign) -> serde_json::Value {
    let field = match index.field {
        Field::UpdatedAt => "updatedAt",
        Field::Expires => "expires",
    };
    json!({ "name": index.name, "field": field, "removesAfter": index.removes_after })
}
