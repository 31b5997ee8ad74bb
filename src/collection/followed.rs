//! What a watch asks MongoDB to tell: a change stream's pipeline.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document, doc};

use super::query::{JOINING, matching_in};
use crate::operation::Filter;
use crate::seal::Sealer;

/// What sessions hold does not cross the network for nothing. With a filter these changes come:
///
/// | change                                     | why                                            |
/// |--------------------------------------------|------------------------------------------------|
/// | the session matches                        |                                                |
/// | it is gone again, though it was written    | nobody can say any more whether it matched     |
/// | it was replaced, or written where the      | it may have matched before, and has to be      |
/// | filter looks                               | followed to its end                            |
/// | anything but a write                       | it has no content                              |
pub fn pipeline(filter: &Filter, sealer: Option<&Sealer>) -> Vec<Document> {
    let without_content = doc! { "$project": {
        "fullDocument.data": 0,
        "fullDocumentBeforeChange.data": 0,
        "updateDescription": 0,
    } };
    if filter.paths.is_empty() {
        return vec![without_content];
    }
    let no_write = doc! { "operationType": { "$nin": ["insert", "update", "replace"] } };
    let gone = doc! { "operationType": "update", "fullDocument": null };
    let replaced = doc! { "operationType": "replace" };
    let matches = matching_in("fullDocument.", filter, sealer);
    let any = [no_write, gone, replaced, written_at(filter), matches];
    vec![doc! { "$match": { "$or": any.to_vec() } }, without_content]
}

/// Updates of `data` as a whole, or at one of the top-level keys that the filter names. (Where sessions are
/// sealed, a hash in `lookup` changes with the value in `data`.)
fn written_at(filter: &Filter) -> Document {
    let mut keys = BTreeSet::new();
    add_keys(&filter.paths, &mut keys);
    let keys: Vec<Bson> = keys.into_iter().map(Bson::String).collect();
    let description = |name: &str| {
        let field = format!("$updateDescription.{name}");
        doc! { "$ifNull": [field, []] }
    };
    let updated = doc! { "$ifNull": ["$updateDescription.updatedFields", {}] };
    let updated = doc! { "$map": {
        "input": { "$objectToArray": updated },
        "as": "field",
        "in": "$$field.k",
    } };
    let removed = description("removedFields");
    let truncated = description("truncatedArrays.field");
    // `data.user.id` is at the key `user`.
    let key = doc! { "$arrayElemAt": [{ "$split": ["$$path", "."] }, 1] };
    let is_at_key = doc! { "$in": [{ "$ifNull": [key, ""] }, { "$literal": keys }] };
    let written = doc! { "$filter": {
        "input": { "$concatArrays": [updated, removed, truncated] },
        "as": "path",
        "cond": { "$or": [{ "$eq": ["$$path", "data"] }, is_at_key] },
    } };
    doc! { "operationType": "update", "$expr": { "$gt": [{ "$size": written }, 0] } }
}

fn add_keys(paths: &Document, keys: &mut BTreeSet<String>) {
    for (path, value) in paths {
        match value {
            Bson::Array(filters) if JOINING.contains(&path.as_str()) => {
                for filter in filters.iter().filter_map(Bson::as_document) {
                    add_keys(filter, keys);
                }
            }
            _ => {
                let key = path.split_once('.').map_or(path.as_str(), |(key, _)| key);
                keys.insert(key.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_joined_filters_count_too() {
        let mut keys = BTreeSet::new();
        let filter =
            doc! { "user.id": 1, "$or": [{ "a.b": 1 }, { "$and": [{ "c": 2 }, { "user.x": 3 }] }] };
        add_keys(&filter, &mut keys);
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["a", "c", "user"]);
    }

    #[test]
    fn without_a_filter_all_is_told_without_content() {
        let filter = Filter {
            paths: doc! {},
            has_operators: false,
        };
        assert_eq!(pipeline(&filter, None).len(), 1);
    }
}
