//! Indexes by which other stores have MongoDB remove their sessions.

use mongodb::bson::doc;

use super::{Index, NAMESPACE_NOT_FOUND, UNAUTHORIZED};
use crate::collection::Collection;
use crate::error::{Code, Failure};

const INDEX_NOT_FOUND: Option<i32> = Some(27);

#[derive(Debug, Clone, PartialEq)]
pub struct Foreign {
    pub name: String,
    pub field: Field,
    /// Seconds after the date in that field.
    pub removes_after: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// koa-session-mongoose's, and that of a `sessionStore.js` on Mongoose.
    UpdatedAt,
    /// connect-mongo's.
    Expires,
}

impl Foreign {
    fn of(index: &Index) -> Option<Self> {
        let field = match index.field.as_deref()? {
            "updatedAt" => Field::UpdatedAt,
            "expires" => Field::Expires,
            _ => return None,
        };
        let removes_after = index.removes_after.filter(|_| !index.is_partial)?;
        let name = index.name.clone();
        Some(Foreign {
            name,
            field,
            removes_after,
        })
    }
}

impl Collection {
    /// Those that are there; none where the user may not know them.
    pub async fn foreign_indexes(&self) -> Result<Vec<Foreign>, Failure> {
        let indexes = self.list_indexes().await?.unwrap_or_default();
        Ok(indexes.iter().filter_map(Foreign::of).collect())
    }

    /// Drops one. Somebody else may have done so already.
    pub async fn drop_foreign(&self, name: &str) -> Result<(), Failure> {
        let command = doc! { "dropIndexes": self.records.name(), "index": name };
        let Err(failure) = self.run(command).await else {
            return Ok(());
        };
        match failure.mongo_code {
            INDEX_NOT_FOUND | NAMESPACE_NOT_FOUND => Ok(()),
            UNAUTHORIZED => Err(Failure {
                message: format!(
                    "the sessions are adopted, but this user may not drop the former store's index \
                     {name} (Unauthorized, code 13): let somebody who may run \
                     {shell}.dropIndex({name:?})",
                    shell = self.in_shell()
                ),
                ..failure
            }),
            _ => Err(failure),
        }
    }

    /// What stores on Mongoose leave behind.
    pub(super) fn ends_early(&self, index: &Index) -> Option<Failure> {
        let Foreign {
            name,
            field: Field::UpdatedAt,
            removes_after: seconds,
        } = Foreign::of(index)?
        else {
            return None;
        };
        let message = format!(
            "MongoDB removes sessions {seconds} seconds after their last write, by the index {name} \
             on `updatedAt`, as stores on Mongoose make it: those that are to live longer end early. \
             Once no server uses such a store any more, `await store.adopt()` takes its sessions over \
             and drops the index; {shell}.dropIndex({name:?}) only drops it",
            shell = self.in_shell()
        );
        Some(Failure::new(Code::Options, message))
    }
}
