//! The difference of two documents is what JavaScript would write otherwise, by a model of that.

use std::collections::HashSet;

use bson::raw::CStr;
use bson::{RawArrayBuf, RawBson, RawBsonRef, RawDocument, RawDocumentBuf};
use proptest::prelude::*;

use super::Difference;
use super::javascript::same;

pub fn assert_same(a: &RawDocumentBuf, b: &RawDocumentBuf, expected: bool) {
    for (a, b) in [(a, b), (b, a)] {
        let (a, b) = (RawBsonRef::Document(a), RawBsonRef::Document(b));
        assert_eq!(same(a, b), expected, "{a:?} {b:?}");
    }
}

/// One key after the other, which may repeat.
pub fn document<'a, V: Into<RawBson>>(
    entries: impl IntoIterator<Item = (&'a str, V)>,
) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    for (key, value) in entries {
        document.append(<&CStr>::try_from(key).unwrap(), value.into());
    }
    document
}

/// What JavaScript would write after reading it, in words.
fn rewritten(value: RawBsonRef<'_>) -> String {
    match value {
        RawBsonRef::Document(document) => format!("document {:?}", entries(document)),
        RawBsonRef::Array(items) => {
            let items = items.into_iter().map(|item| match item.unwrap() {
                RawBsonRef::Undefined => "Null".to_owned(),
                item => rewritten(item),
            });
            format!("{:?}", items.collect::<Vec<_>>())
        }
        RawBsonRef::Int32(number) => format!("{:?}", f64::from(number)),
        RawBsonRef::Int64(number) if number < 1 << 53 => format!("{:?}", number as f64),
        RawBsonRef::Double(number) => format!("{number:?}"),
        RawBsonRef::Symbol(text) => rewritten(RawBsonRef::String(text)),
        value => format!("{value:?}"),
    }
}

fn entries(document: &RawDocument) -> Vec<(String, String)> {
    let mut entries: Vec<(&str, RawBsonRef<'_>)> = Vec::new();
    for entry in document.iter() {
        let (key, value) = entry.unwrap();
        match entries.iter_mut().find(|(known, _)| *known == key.as_str()) {
            Some(known) => known.1 = value,
            None => entries.push((key.as_str(), value)),
        }
    }
    entries.sort_by_key(|(key, _)| match key.parse::<u32>() {
        Ok(index) if index.to_string() == *key => u64::from(index),
        _ => u64::MAX,
    });
    let defined = (entries.into_iter()).filter(|(_, value)| *value != RawBsonRef::Undefined);
    let entry = |(key, value): (&str, _)| (key.to_owned(), rewritten(value));
    defined.map(entry).collect()
}

/// Documents of few keys and values: many are the same to JavaScript, and keys repeat.
fn any_document(repeats: bool) -> impl Strategy<Value = RawDocumentBuf> {
    let leaf = prop::sample::select(vec![
        RawBson::Int32(5),
        RawBson::Int64(5),
        RawBson::Double(5.0),
        RawBson::Int64(1 << 53 | 1),
        RawBson::String("x".into()),
        RawBson::Symbol("x".into()),
        RawBson::Undefined,
        RawBson::Null,
    ]);
    let value = leaf.prop_recursive(3, 12, 4, move |inner| {
        let items = prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            items.prop_map(|items| RawBson::Array(RawArrayBuf::from_iter(items))),
            any_entries(inner, repeats).prop_map(RawBson::Document),
        ]
    });
    any_entries(value, repeats)
}

fn any_entries(
    value: impl Strategy<Value = RawBson>,
    repeats: bool,
) -> impl Strategy<Value = RawDocumentBuf> {
    let key = prop::sample::select(vec!["a", "b", "2", "10"]);
    prop::collection::vec((key, value), 0..4).prop_map(move |mut entries| {
        let mut known = HashSet::new();
        entries.retain(|(key, _)| known.insert(*key) || repeats);
        document(entries)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn what_javascript_would_write_is_the_same(a in any_document(true), b in any_document(false)) {
        let expected = entries(&a) == entries(&b);
        assert_same(&a, &b, expected);
    }

    #[test]
    fn a_difference_gives_what_javascript_would_write(
        read in any_document(true),
        data in any_document(false),
    ) {
        let difference = Difference::between(&read, &data).unwrap();
        let written = difference.apply(&data, &read).unwrap();
        prop_assert_eq!(entries(&written), entries(&data));
    }
}
