//! The index by which MongoDB removes expired sessions, and those of others that get in its way.

use mongodb::bson::{Bson, Document, doc};

use super::Collection;
use crate::error::{Code, Failure};

/// The names that the store gives its index: the second where the first is taken by another one.
const NAMES: [&str; 2] = ["expiresAt_1", "expiresAt_ttl"];

const UNAUTHORIZED: Option<i32> = Some(13);
const NAMESPACE_NOT_FOUND: Option<i32> = Some(26);
/// There is an index of the same keys, which differs in something else.
const INDEX_OPTIONS_CONFLICT: Option<i32> = Some(85);

/// One index of a collection, as far as it matters here.
#[derive(Debug, PartialEq)]
struct Index {
    name: String,
    /// The one field that it is over; `None` if it is over several.
    field: Option<String>,
    is_ascending: bool,
    /// Seconds after the date in that field at which MongoDB removes a document.
    removes_after: Option<f64>,
    is_partial: bool,
}

impl Collection {
    /// Makes sure that MongoDB removes expired sessions, also after somebody dropped the collection.
    /// Gives what an administrator has to know of the indexes that are there; fails where it cannot
    /// be found out, or the index cannot be made.
    pub async fn ensure_index(&self) -> Result<Vec<Failure>, Failure> {
        let indexes = self.list_indexes().await?;
        let known = indexes.as_deref().unwrap_or_default();
        let mut told = Vec::new();
        if known.iter().any(Index::takes_the_place) {
            told.extend(self.conflict(known));
        } else if !known.iter().any(Index::removes_expired) {
            match self.create_index(known).await {
                Ok(()) => {}
                Err(failure) if failure.mongo_code == INDEX_OPTIONS_CONFLICT => {
                    // Another store may have made it meanwhile.
                    let indexes = self.list_indexes().await?.unwrap_or_default();
                    told.extend(self.conflict(&indexes));
                }
                Err(failure) => return Err(self.not_made(failure)),
            }
        }
        told.extend(known.iter().filter_map(|index| self.ends_early(index)));
        Ok(told)
    }

    /// `None` if the user may not know them.
    async fn list_indexes(&self) -> Result<Option<Vec<Index>>, Failure> {
        // A collection has at most 64 indexes, which come as one batch.
        let command = doc! { "listIndexes": self.records.name(), "cursor": {} };
        let reply = match self.run(command).await {
            Ok(reply) => reply,
            Err(failure) if failure.mongo_code == NAMESPACE_NOT_FOUND => {
                return Ok(Some(Vec::new()));
            }
            Err(failure) if failure.mongo_code == UNAUTHORIZED => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let cursor = reply.get_document("cursor");
        let indexes = cursor.and_then(|cursor| cursor.get_array("firstBatch"));
        let indexes = indexes.into_iter().flatten().filter_map(Bson::as_document);
        Ok(Some(indexes.map(Index::from).collect()))
    }

    async fn create_index(&self, known: &[Index]) -> Result<(), Failure> {
        let is_free = |name: &&&str| !known.iter().any(|index| index.name == ***name);
        let name = NAMES.iter().find(is_free).unwrap_or(&NAMES[0]);
        let index = doc! { "key": { "expiresAt": 1 }, "name": *name, "expireAfterSeconds": 0 };
        let command = doc! { "createIndexes": self.records.name(), "indexes": [index] };
        self.run(command).await.map(drop)
    }

    /// Why MongoDB takes no index of the store's beside one that is there.
    fn conflict(&self, indexes: &[Index]) -> Option<Failure> {
        if indexes.iter().any(Index::removes_expired) {
            return None;
        }
        let collection = self.records.name();
        let there = indexes.iter().find(|index| index.takes_the_place());
        let message = match there {
            Some(Index {
                name,
                removes_after: Some(seconds),
                ..
            }) => format!(
                "expired sessions stay stored for {seconds} more seconds, since the index {name} \
                 on `expiresAt` says so: db.runCommand({{ collMod: {collection:?}, index: {{ name: \
                 {name:?}, expireAfterSeconds: 0 }} }}) changes that"
            ),
            Some(Index { name, .. }) => format!(
                "expired sessions stay stored, since the index {name} on `expiresAt` has no \
                 expireAfterSeconds, and MongoDB takes no second one: after {shell}.dropIndex({name:?}) \
                 the store makes its own",
                shell = self.in_shell()
            ),
            None => {
                "expired sessions may stay stored, since there is an index on `expiresAt` with \
                     other settings than those that remove them"
                    .into()
            }
        };
        Some(Failure::new(Code::Options, message))
    }

    fn not_made(&self, failure: Failure) -> Failure {
        let message = match (failure.code, failure.mongo_code) {
            (Code::Auth, UNAUTHORIZED) => format!(
                "expired sessions stay stored, since this user may not make the index that removes \
                 them (Unauthorized, code 13): let somebody who may run \
                 {shell}.createIndex({{ expiresAt: 1 }}, {{ expireAfterSeconds: 0 }})",
                shell = self.in_shell()
            ),
            // Nothing works with these; there is no need to speak of an index.
            (Code::Auth | Code::Unavailable | Code::Timeout | Code::Options, _) => return failure,
            _ => format!(
                "expired sessions stay stored, since the index on `expiresAt` that removes them \
                 cannot be made: {}",
                failure.message
            ),
        };
        Failure { message, ..failure }
    }

    /// What stores on Mongoose leave behind.
    fn ends_early(&self, index: &Index) -> Option<Failure> {
        let Index {
            name,
            field,
            removes_after: Some(seconds),
            ..
        } = index
        else {
            return None;
        };
        if field.as_deref() != Some("updatedAt") {
            return None;
        }
        let message = format!(
            "MongoDB removes sessions {seconds} seconds after their last write, by the index {name} \
             on `updatedAt`, as stores on Mongoose make it: those that are to live longer end early. \
             {shell}.dropIndex({name:?}) changes that",
            shell = self.in_shell()
        );
        Some(Failure::new(Code::Options, message))
    }

    /// The collection, as one calls it in mongosh.
    fn in_shell(&self) -> String {
        format!("db.getCollection({:?})", self.records.name())
    }
}

impl Index {
    /// MongoDB takes no second index of the same keys.
    fn takes_the_place(&self) -> bool {
        self.is_ascending && self.field.as_deref() == Some("expiresAt") && !self.is_partial
    }

    fn removes_expired(&self) -> bool {
        let at_once = self.removes_after == Some(0.0);
        at_once && self.field.as_deref() == Some("expiresAt") && !self.is_partial
    }
}

impl From<&Document> for Index {
    fn from(index: &Document) -> Self {
        let keys = index.get_document("key").ok();
        let only = keys.filter(|keys| keys.len() == 1);
        let (field, direction) = only.and_then(|keys| keys.iter().next()).unzip();
        Index {
            name: index.get_str("name").unwrap_or_default().into(),
            field: field.cloned(),
            is_ascending: direction.and_then(number) == Some(1.0),
            removes_after: index.get("expireAfterSeconds").and_then(number),
            is_partial: index.contains_key("partialFilterExpression"),
        }
    }
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}
