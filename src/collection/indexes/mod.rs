//! The indexes: that by which MongoDB removes expired sessions, those by which sessions are found
//! (`lookup.rs`), and those of others that get in their way (`foreign.rs`).

mod foreign;
mod lookup;

use mongodb::bson::{Bson, Document, doc};

use super::Collection;
use crate::error::{Code, Failure};
use crate::options::AutoRemove;
pub use foreign::{Field, Foreign};

/// The names that the store gives its index: the second where the first is taken by another one.
const NAMES: [&str; 2] = ["expiresAt_1", "expiresAt_ttl"];

pub(super) const UNAUTHORIZED: Option<i32> = Some(13);
pub(super) const NAMESPACE_NOT_FOUND: Option<i32> = Some(26);
/// There is an index of the same keys, which differs in something else.
pub(super) const INDEX_OPTIONS_CONFLICT: Option<i32> = Some(85);

/// One index of a collection, as far as it matters here.
#[derive(Debug, PartialEq)]
pub(super) struct Index {
    pub name: String,
    /// The one field that it is over; `None` if it is over several.
    pub field: Option<String>,
    /// The first of its fields.
    pub first: Option<String>,
    is_ascending: bool,
    /// It finds documents by the first of its fields, whichever those are.
    pub finds: bool,
    /// Seconds after the date in that field at which MongoDB removes a document.
    pub removes_after: Option<f64>,
    pub is_partial: bool,
}

impl Collection {
    /// Makes sure that MongoDB removes expired sessions, if it is to, and that those are found quickly
    /// that are looked for; also after somebody dropped the collection. Gives what an administrator has
    /// to know of the indexes; fails where it cannot be found out.
    pub async fn ensure_indexes(&self) -> Result<Vec<Failure>, Failure> {
        let indexes = self.list_indexes().await?;
        let known = indexes.as_deref().unwrap_or_default();
        let mut told: Vec<Failure> = match self.auto_remove {
            AutoRemove::Native => self.ensure_expiry_index(known).await?.into_iter().collect(),
            mode => known
                .iter()
                .filter_map(|index| self.removes_all_the_same(index, mode))
                .collect(),
        };
        for path in &self.indexes {
            told.extend(self.ensure_lookup_index(path, known).await?);
        }
        told.extend(known.iter().filter_map(|index| self.ends_early(index)));
        Ok(told)
    }

    async fn ensure_expiry_index(&self, known: &[Index]) -> Result<Option<Failure>, Failure> {
        if known.iter().any(Index::takes_the_place) {
            return Ok(self.conflict(known));
        }
        if known.iter().any(Index::removes_expired) {
            return Ok(None);
        }
        match self.create_expiry_index(known).await {
            Ok(()) => Ok(None),
            Err(failure) if failure.mongo_code == INDEX_OPTIONS_CONFLICT => {
                // Another store may have made it meanwhile.
                let indexes = self.list_indexes().await?.unwrap_or_default();
                Ok(self.conflict(&indexes))
            }
            Err(failure) => self.not_made(failure).map(Some),
        }
    }

    /// `None` if the user may not know them.
    pub(super) async fn list_indexes(&self) -> Result<Option<Vec<Index>>, Failure> {
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

    async fn create_expiry_index(&self, known: &[Index]) -> Result<(), Failure> {
        let is_free = |name: &&&str| !known.iter().any(|index| index.name == ***name);
        let name = NAMES.iter().find(is_free).unwrap_or(&NAMES[0]);
        self.create_index(
            doc! { "key": { "expiresAt": 1 }, "name": *name, "expireAfterSeconds": 0 },
        )
        .await
    }

    pub(super) async fn create_index(&self, index: Document) -> Result<(), Failure> {
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

    /// Why the index is not there; fails with what is no matter of indexes.
    fn not_made(&self, failure: Failure) -> Result<Failure, Failure> {
        let message = match (failure.code, failure.mongo_code) {
            (Code::Auth, UNAUTHORIZED) => format!(
                "expired sessions stay stored, since this user may not make the index that removes \
                 them (Unauthorized, code 13): let somebody who may run \
                 {shell}.createIndex({{ expiresAt: 1 }}, {{ expireAfterSeconds: 0 }})",
                shell = self.in_shell()
            ),
            // Nothing works with these; there is no need to speak of an index.
            (Code::Auth | Code::Unavailable | Code::Timeout | Code::Options, _) => {
                return Err(failure);
            }
            _ => format!(
                "expired sessions stay stored, since the index on `expiresAt` that removes them \
                 cannot be made: {}",
                failure.message
            ),
        };
        Ok(Failure { message, ..failure })
    }

    /// An index that was there before, where nobody asks for it.
    fn removes_all_the_same(&self, index: &Index, mode: AutoRemove) -> Option<Failure> {
        let name = &index.name;
        let mode = match mode {
            AutoRemove::Disabled => "disabled",
            _ => "interval",
        };
        index.removes_expired().then(|| {
            let message = format!(
                "MongoDB removes expired sessions, though autoRemove is '{mode}', since the index \
                 {name} on `expiresAt` says so: {shell}.dropIndex({name:?}) changes that",
                shell = self.in_shell()
            );
            Failure::new(Code::Options, message)
        })
    }

    /// The collection, as one calls it in mongosh.
    pub(super) fn in_shell(&self) -> String {
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
        let (first, order) = keys.and_then(|keys| keys.iter().next()).unzip();
        let is_partial = index.contains_key("partialFilterExpression");
        let compares_otherwise = index.contains_key("collation");
        Index {
            name: index.get_str("name").unwrap_or_default().into(),
            field: field.cloned(),
            first: first.cloned(),
            finds: order.is_some_and(finds) && !is_partial && !compares_otherwise,
            is_ascending: direction.and_then(number) == Some(1.0),
            removes_after: index.get("expireAfterSeconds").and_then(number),
            is_partial,
        }
    }
}

/// Whether an index in this order (1, -1, 'hashed') finds documents by a value.
fn finds(order: &Bson) -> bool {
    number(order).is_some() || order.as_str() == Some("hashed")
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_documents_by_a_value_is_known() {
        let index = |index: Document| Index::from(&index);
        let orders: [Bson; 3] = [1.into(), Bson::Double(-1.0), "hashed".into()];
        for order in orders {
            assert!(index(doc! { "key": { "a": order, "b": 1 } }).finds);
        }
        for order in ["2dsphere", "text"] {
            assert!(!index(doc! { "key": { "a": order } }).finds);
        }
        let partial = doc! { "a": { "$exists": true } };
        assert!(!index(doc! { "key": { "a": 1 }, "partialFilterExpression": partial }).finds);
        assert!(!index(doc! { "key": { "a": 1 }, "collation": { "locale": "de" } }).finds);
    }
}
