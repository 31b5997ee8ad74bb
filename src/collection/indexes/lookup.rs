//! The indexes over paths in `data`, by which all sessions of a user are found.

use mongodb::bson::doc;

use super::{INDEX_OPTIONS_CONFLICT, Index, UNAUTHORIZED};
use crate::collection::Collection;
use crate::collection::query::{in_data, in_lookup};
use crate::error::{Code, Failure};

/// There is an index of the same name over other keys.
const INDEX_KEY_SPECS_CONFLICT: Option<i32> = Some(86);

impl Collection {
    /// Gives why the index is not there; fails with what is no matter of indexes.
    pub(super) async fn ensure_lookup_index(
        &self,
        path: &str,
        known: &[Index],
    ) -> Result<Vec<Failure>, Failure> {
        let mut told = Vec::new();
        // Sessions that are still plain are found as before. Once there are none, that index has nothing
        // in it where the path has several keys.
        let sealed = self.sealer.is_some().then(|| in_lookup(path));
        for field in sealed.into_iter().chain([in_data(path)]) {
            told.extend(self.ensure_index_over(&field, path, known).await?);
        }
        Ok(told)
    }

    async fn ensure_index_over(
        &self,
        field: &str,
        path: &str,
        known: &[Index],
    ) -> Result<Option<Failure>, Failure> {
        let is_over = |index: &Index| index.first.as_deref() == Some(field);
        if known.iter().any(|index| index.finds && is_over(index)) {
            return Ok(None);
        }
        let name = format!("{field}_1");
        // Sparse: a session without a value there needs no place in it.
        let index = doc! { "key": { field: 1 }, "name": &name, "sparse": true };
        let Err(failure) = self.create_index(index).await else {
            return Ok(None);
        };
        let shell = self.in_shell();
        let why = match (failure.code, failure.mongo_code) {
            (_, INDEX_OPTIONS_CONFLICT | INDEX_KEY_SPECS_CONFLICT) => {
                let known = self.list_indexes().await?.unwrap_or_default();
                if known.iter().any(|index| index.finds && is_over(index)) {
                    return Ok(None); // another store made it meanwhile
                }
                let is_in_the_way = |index: &&Index| index.name == name || is_over(index);
                let there = known.iter().find(is_in_the_way);
                let there = there.map_or(name.as_str(), |index| index.name.as_str());
                format!(
                    "the index {there} is in the way of one over `{field}`: after \
                     {shell}.dropIndex({there:?}) the store makes its own"
                )
            }
            (Code::Auth, UNAUTHORIZED) => format!(
                "this user may not make the index over `{field}` (Unauthorized, code 13): let \
                 somebody who may run {shell}.createIndex({{ {field:?}: 1 }}, {{ sparse: true }})"
            ),
            (Code::Auth | Code::Unavailable | Code::Timeout | Code::Options, _) => {
                return Err(failure);
            }
            _ => format!(
                "the index over `{field}` cannot be made: {}",
                failure.message
            ),
        };
        let message = format!("finding sessions by {path} reads all of them, since {why}");
        Ok(Some(Failure { message, ..failure }))
    }
}
