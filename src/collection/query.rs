//! A filter as MongoDB's query.

use mongodb::bson::{Bson, Document, doc};

use crate::operation::Filter;
use crate::seal::Sealer;
use crate::seal::lookup::field_of;

/// The operators that join several filters.
pub const JOINING: [&str; 3] = ["$and", "$or", "$nor"];

/// What the filter's sessions match.
pub fn matching(filter: &Filter, sealer: Option<&Sealer>) -> Document {
    matching_in("", filter, sealer)
}

/// The same where the record is in a field of another document, `record` being its path with the dot.
pub fn matching_in(record: &str, filter: &Filter, sealer: Option<&Sealer>) -> Document {
    let paths = filter.paths.clone();
    if paths.is_empty() {
        return paths;
    }
    let in_record = |path: &str| format!("{record}{}", in_data(path));
    let mut query = match (sealer, filter.has_operators) {
        (Some(sealer), _) => by_lookups(record, paths, sealer),
        (None, true) => with_operators(&in_record, paths),
        (None, false) => (paths.into_iter())
            .map(|(path, value)| (in_record(&path), literally(value)))
            .collect(),
    };
    // Where it asks for what is not there, documents that are no sessions match as well.
    query.insert(format!("{record}data"), doc! { "$type": "object" });
    query
}

/// Sessions that are sealed, by the hashes of the values under each of the keys; and those that are
/// still plain, by the values.
fn by_lookups(record: &str, paths: Document, sealer: &Sealer) -> Document {
    let each = paths.into_iter().map(|(path, value)| {
        let hashes = sealer.lookups_of(&path, &value).into_iter();
        let hashes: Vec<Bson> = hashes.map(Bson::Binary).collect();
        let sealed = doc! { format!("{record}{}", in_lookup(&path)): { "$in": hashes } };
        let plain = doc! { format!("{record}{}", in_data(&path)): literally(value) };
        Bson::Document(doc! { "$or": [sealed, plain] })
    });
    doc! { "$and": each.collect::<Vec<_>>() }
}

/// The field that holds the hashes of the values at a path in `data`.
pub fn in_lookup(path: &str) -> String {
    format!("lookup.{}", field_of(path))
}

/// The field in which sessions are found by their value at a path, and so are in its index.
pub fn in_data(path: &str) -> String {
    format!("data.{path}")
}

/// MongoDB also finds `null` where there is nothing, which would be most sessions.
fn literally(value: Bson) -> Bson {
    match value {
        Bson::Null => doc! { "$eq": Bson::Null, "$exists": true },
        value => doc! { "$eq": value },
    }
    .into()
}

fn with_operators(in_record: &dyn Fn(&str) -> String, filter: Document) -> Document {
    let entry = |(path, value): (String, Bson)| match value {
        Bson::Array(filters) if JOINING.contains(&path.as_str()) => {
            let filters = filters.into_iter().map(|filter| match filter {
                Bson::Document(filter) => Bson::Document(with_operators(in_record, filter)),
                other => other,
            });
            (path, Bson::Array(filters.collect()))
        }
        value => (in_record(&path), value),
    };
    filter.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(paths: Document, has_operators: bool) -> Document {
        let filter = Filter {
            paths,
            has_operators,
        };
        matching(&filter, None)
    }

    #[test]
    fn sealed_sessions_are_asked_for_by_the_hash_under_every_key() {
        let sealer = Sealer::new(&[[1; 32], [2; 32]], &["user.id".into()]);
        let filter = |value: Bson| Filter {
            paths: doc! { "user.id": value },
            has_operators: false,
        };
        let query = matching(&filter(42.into()), Some(&sealer));
        let [Bson::Document(one)] = query.get_array("$and").unwrap().as_slice() else {
            panic!("one path, one condition");
        };
        let either = one.get_array("$or").unwrap();
        let sealed = either[0].as_document().unwrap();
        let sealed = sealed.get_document("lookup.user%2Eid").unwrap();
        assert_eq!(sealed.get_array("$in").unwrap().len(), 2);
        let plain = doc! { "data.user.id": { "$eq": 42 } };
        assert_eq!(either[1].as_document().unwrap(), &plain);
        let all = Filter {
            paths: doc! {},
            has_operators: false,
        };
        assert_eq!(matching(&all, Some(&sealer)), doc! {});
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
            "data": { "$type": "object" },
        };
        assert_eq!(literal, expected);
    }

    #[test]
    fn operators_are_for_those_who_ask() {
        let filter = doc! { "n": { "$gt": 1 }, "$or": [{ "a": 1 }, { "$and": [{ "b": 2 }] }] };
        let expected = doc! {
            "data.n": { "$gt": 1 },
            "$or": [{ "data.a": 1 }, { "$and": [{ "data.b": 2 }] }],
            "data": { "$type": "object" },
        };
        assert_eq!(query(filter, true), expected);
    }
}
