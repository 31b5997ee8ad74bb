//! BSON → the JSON text that JavaScript parses.

use mongodb::bson::{RawArray, RawBsonRef, RawDocument};

use super::{CodecError, MAX_DEPTH};

/// The integers that a JavaScript number holds exactly.
const SAFE_INTEGERS: std::ops::RangeInclusive<i64> = -((1 << 53) - 1)..=(1 << 53) - 1;

/// Gives the JSON text of a session, or `None` if one of its values has no JSON form (a date, an
/// ObjectId, a NaN, …) or nests deeper than a session may: then it crosses as its bytes.
pub fn to_json(document: &RawDocument) -> Result<Option<String>, CodecError> {
    let mut out = Vec::with_capacity(document.as_bytes().len() + 32);
    match write_document(&mut out, document, 0) {
        Ok(()) => String::from_utf8(out)
            .map(Some)
            .map_err(|_| CodecError::Malformed),
        Err(Stop::NoJsonForm) => Ok(None),
        Err(Stop::Malformed) => Err(CodecError::Malformed),
    }
}

enum Stop {
    NoJsonForm,
    Malformed,
}

impl From<mongodb::bson::error::Error> for Stop {
    fn from(_: mongodb::bson::error::Error) -> Self {
        Stop::Malformed
    }
}

fn write_document(out: &mut Vec<u8>, document: &RawDocument, depth: usize) -> Result<(), Stop> {
    out.push(b'{');
    for (index, element) in document.iter_elements().enumerate() {
        let element = element?;
        let key = element.key().as_str();
        // What the `bson` package reads as a DBRef; a session itself is none.
        if key == "$ref" && depth > 0 {
            return Err(Stop::NoJsonForm);
        }
        if index > 0 {
            out.push(b',');
        }
        write_string(out, key)?;
        out.push(b':');
        write_value(out, element.value()?, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_array(out: &mut Vec<u8>, array: &RawArray, depth: usize) -> Result<(), Stop> {
    out.push(b'[');
    for (index, value) in array.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_value(out, value?, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}

fn write_value(out: &mut Vec<u8>, value: RawBsonRef<'_>, depth: usize) -> Result<(), Stop> {
    match value {
        RawBsonRef::String(text) => write_string(out, text),
        RawBsonRef::Int32(number) => write_json(out, &number),
        RawBsonRef::Int64(number) if SAFE_INTEGERS.contains(&number) => write_json(out, &number),
        RawBsonRef::Double(number) if has_json_form(number) => write_json(out, &number),
        RawBsonRef::Boolean(value) => write_json(out, &value),
        RawBsonRef::Null => write_json(out, &()),
        RawBsonRef::Document(document) if depth <= MAX_DEPTH => {
            write_document(out, document, depth)
        }
        RawBsonRef::Array(array) if depth <= MAX_DEPTH => write_array(out, array, depth),
        _ => Err(Stop::NoJsonForm),
    }
}

fn has_json_form(number: f64) -> bool {
    number.is_finite() && !(number == 0.0 && number.is_sign_negative())
}

fn write_string(out: &mut Vec<u8>, text: &str) -> Result<(), Stop> {
    write_json(out, text)
}

fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Stop> {
    serde_json::to_writer(out, value).map_err(|_| Stop::Malformed)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
    use proptest::prelude::*;

    use super::*;
    use crate::codec::from_json;
    use crate::difference::Difference;

    fn json(document: mongodb::bson::Document) -> Option<String> {
        to_json(&RawDocumentBuf::try_from(&document).unwrap()).unwrap()
    }

    #[test]
    fn plain_values_become_json() {
        let document = doc! { "a": 1, "b": [true, null_value(), "x\u{2028}\"\n"], "c": { "": 1.5 }, "d": 9007199254740991i64 };
        assert_eq!(
            json(document).unwrap(),
            "{\"a\":1,\"b\":[true,null,\"x\u{2028}\\\"\\n\"],\"c\":{\"\":1.5},\"d\":9007199254740991}"
        );
    }

    fn null_value() -> mongodb::bson::Bson {
        mongodb::bson::Bson::Null
    }

    #[test]
    fn values_without_a_json_form_are_left_to_the_bson_package() {
        assert_eq!(json(doc! { "a": DateTime::now() }), None);
        assert_eq!(json(doc! { "a": [{ "b": ObjectId::new() }] }), None);
        assert_eq!(json(doc! { "a": f64::NAN }), None);
        assert_eq!(json(doc! { "a": -0.0 }), None);
        assert_eq!(json(doc! { "a": 9007199254740992i64 }), None);
    }

    #[test]
    fn what_the_bson_package_reads_otherwise_is_left_to_it() {
        let reference = doc! { "$ref": "users", "$id": 1 };
        assert_eq!(json(doc! { "a": [reference.clone()] }), None);
        assert!(json(reference).is_some());
        let nested = |levels| (0..levels).fold(doc! {}, |inner, _| doc! { "a": inner });
        assert!(json(nested(MAX_DEPTH)).is_some());
        assert_eq!(json(nested(MAX_DEPTH + 1)), None);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            any::<f64>()
                .prop_filter("no JSON form", |number| has_json_form(*number)
                    && number.fract() != 0.0)
                .prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..12).prop_map(Into::into),
                prop::collection::btree_map("[^\0]*", inner, 0..8)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    fn any_session() -> impl Strategy<Value = Document> {
        let leaf = prop_oneof![
            6 => prop_oneof![
                Just(Bson::Null),
                any::<bool>().prop_map(Bson::Boolean),
                any::<i32>().prop_map(Bson::Int32),
                any::<String>().prop_map(Bson::String),
                prop::num::f64::ANY.prop_map(Bson::Double),
            ],
            1 => prop_oneof![
                any::<i64>().prop_map(Bson::Int64),
                (-(1i64 << 53)..=1 << 53).prop_map(Bson::Int64),
                any::<i64>().prop_map(|millis| Bson::DateTime(DateTime::from_millis(millis))),
                any::<[u8; 12]>().prop_map(|bytes| Bson::ObjectId(ObjectId::from_bytes(bytes))),
                Just(Bson::Undefined),
            ],
        ];
        let value = leaf.prop_recursive(5, 48, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..12).prop_map(Bson::Array),
                entries(inner).prop_map(Bson::Document),
            ]
        });
        entries(value)
    }

    fn entries(value: impl Strategy<Value = Bson>) -> impl Strategy<Value = Document> {
        prop::collection::vec(("[^\0$]*", value), 0..8).prop_map(Document::from_iter)
    }

    fn all_have_json_form(session: &Document) -> bool {
        session.values().all(has_json_form_all_through)
    }

    fn has_json_form_all_through(value: &Bson) -> bool {
        match value {
            Bson::Double(number) => has_json_form(*number),
            Bson::Int64(number) => SAFE_INTEGERS.contains(number),
            Bson::DateTime(_) | Bson::ObjectId(_) | Bson::Undefined => false,
            Bson::Array(items) => items.iter().all(has_json_form_all_through),
            Bson::Document(document) => all_have_json_form(document),
            _ => true,
        }
    }

    proptest! {
        #[test]
        fn json_survives_the_way_to_bson_and_back(value in any_json()) {
            let session = serde_json::json!({ "value": value });
            let bytes = from_json(&session.to_string()).unwrap();
            let text = to_json(&bytes).unwrap().unwrap();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), session);
        }

        #[test]
        fn bson_survives_the_way_to_json_and_back(session in any_session()) {
            let bytes = RawDocumentBuf::try_from(&session).unwrap();
            let text = to_json(&bytes).unwrap();
            prop_assert_eq!(text.is_some(), all_have_json_form(&session));
            if let Some(text) = text {
                let back = from_json(&text).unwrap();
                let difference = Difference::between(&bytes, &back).unwrap();
                prop_assert!(difference.set.is_empty() && difference.unset.is_empty());
            }
        }
    }
}
