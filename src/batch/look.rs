//! What wide operations find. Each is one step: whoever wants more asks from behind the last id.

use std::sync::Arc;

use mongodb::bson::RawDocument;
use tokio::time::Instant;

use super::{adopt, content, id_of, stored};
use crate::collection::{Collection, Look};
use crate::error::Failure;
use crate::operation::{Action, Id, Listed, Operation, Outcome, Page, Start, Wide};
use crate::record;
use crate::seal::Sealer;
use crate::seal::ids::PREFIX;

/// The most sessions of a page, in which they come with their content or without it.
const WITH_DATA: usize = 256;
const WITHOUT_DATA: usize = 2000;

/// The most that a sweep destroys at once: each has the time of an operation, also to wait for others.
const TO_DESTROY: usize = 500;

pub async fn run(collection: &Collection, operation: &Operation, deadline: Instant) -> Outcome {
    let Action::Wide(wide) = &operation.action else {
        return Outcome::Failed(Failure::internal());
    };
    let found = match wide {
        Wide::Length(filter) => {
            let count = collection.count(filter, deadline).await;
            count.map(Outcome::Counted)
        }
        Wide::List {
            reader,
            filter,
            after,
            with_data,
        } => {
            let look = Look {
                reader: *reader,
                filter,
                after: after.as_ref(),
                most: if *with_data { WITH_DATA } else { WITHOUT_DATA },
                with_data: *with_data,
                is_live: true,
            };
            page(collection, look, deadline).await
        }
        Wide::Find {
            reader,
            filter,
            from,
        } => {
            let from_the_hashes = Id::from(PREFIX);
            let after = match from {
                Start::First => None,
                Start::Behind(id) => Some(id),
                Start::HashedAgain => match collection.has_plain_ids(deadline).await {
                    Ok(true) => Some(&from_the_hashes),
                    // None has moved: what is found there was made since.
                    Ok(false) => {
                        let sessions = Vec::new();
                        let is_last = true;
                        return Outcome::Page(Arc::new(Page { sessions, is_last }));
                    }
                    Err(failure) => return Outcome::Failed(failure),
                },
            };
            let look = Look {
                reader: *reader,
                filter,
                after,
                most: TO_DESTROY,
                with_data: false,
                is_live: false,
            };
            page(collection, look, deadline).await
        }
        Wide::Leave(reader) => {
            collection.leave(*reader);
            Ok(Outcome::Missing)
        }
        Wide::Adopt(step) => {
            let done = adopt::run(collection, step, deadline).await;
            done.map(Outcome::Done)
        }
    };
    found.unwrap_or_else(Outcome::Failed)
}

async fn page(
    collection: &Collection,
    look: Look<'_>,
    deadline: Instant,
) -> Result<Outcome, Failure> {
    let with_data = look.with_data;
    let sealer = collection.sealer.as_deref();
    let make = |record: &RawDocument| {
        let mut listed = listed(sealer, record, with_data)?;
        listed.told = collection.stored_id(&listed.id);
        Some(listed)
    };
    let (sessions, is_last) = collection.look(look, deadline, make).await?;
    let sessions = sessions.into_iter().flatten().collect();
    Ok(Outcome::Page(Arc::new(Page { sessions, is_last })))
}

/// One that cannot be read does not hide the others.
fn listed(sealer: Option<&Sealer>, record: &RawDocument, with_data: bool) -> Option<Listed> {
    let data = record.get_document("data").ok();
    let content = |data| {
        let opened = stored::open(sealer, record, data)?;
        content(&opened.session)
    };
    Some(Listed {
        id: id_of(record)?,
        told: None,
        former: record::former_of(record).map(Id::from),
        content: match with_data {
            true => Some(content(data?)),
            false => None,
        },
        updated_at: record::updated_at(record),
        expires_at: record::expires_at(record),
    })
}
