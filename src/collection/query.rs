//! A filter as MongoDB's query.

use mongodb::bson::{Bson, Document, doc};

use crate::operation::Filter;

/// The operators that join several filters.
pub const JOINING: [&str; 3] = ["$and", "$or", "$nor"];

/// What the filter's sessions match.
pub fn matching(filter: &Filter) -> Document {
    matching_under("data", filter)
}

/// The field in which sessions are found by their value at a path, and so are in its index.
pub fn in_data(path: &str) -> String {
    format!("data.{path}")
}

/// The same where the session is under another path.
pub fn matching_under(data: &str, filter: &Filter) -> Document {
    let paths = filter.paths.clone();
    match filter.has_operators {
        true => with_operators(data, paths),
        false => (paths.into_iter())
            .map(|(path, value)| (format!("{data}.{path}"), literally(value)))
            .collect(),
    }
}

/// MongoDB also finds `null` where there is nothing, which would be most sessions.
fn literally(value: Bson) -> Bson {
    match value {
        Bson::Null => doc! { "$eq": Bson::Null, "$exists": true },
        value => doc! { "$eq": value },
    }
    .into()
}

fn with_operators(data: &str, filter: Document) -> Document {
    let entry = |(path, value): (String, Bson)| match value {
        Bson::Array(filters) if JOINING.contains(&path.as_str()) => {
            let filters = filters.into_iter().map(|filter| match filter {
                Bson::Document(filter) => Bson::Document(with_operators(data, filter)),
                other => other,
            });
            (path, Bson::Array(filters.collect()))
        }
        value => (format!("{data}.{path}"), value),
    };
    filter.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(paths: Document, has_operators: bool) -> Document {
        matching(&Filter {
            paths,
            has_operators,
        })
    }

    #[test]
    fn values_are_taken_literally() {
        let literal = query(
            doc! { "user.id": 42, "roles": ["a"], "gone": Bson::Null },
            false,
        );
        let expected = doc! {
            "data.user.id": { "$eq": 42 },
            "data.roles": { "$eq": ["a"] },
            "data.gone": { "$eq": Bson::Null, "$exists": true },
        };
        assert_eq!(literal, expected);
    }

    #[test]
    fn operators_are_for_those_who_ask() {
        let filter = doc! { "n": { "$gt": 1 }, "$or": [{ "a": 1 }, { "$and": [{ "b": 2 }] }] };
        let expected = doc! {
            "data.n": { "$gt": 1 },
            "$or": [{ "data.a": 1 }, { "$and": [{ "data.b": 2 }] }],
        };
        assert_eq!(query(filter, true), expected);
    }
}
