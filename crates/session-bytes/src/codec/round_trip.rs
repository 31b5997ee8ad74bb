//! What is converted and converted back is the same.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{
    Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, RawDocumentBuf, Regex,
    Timestamp, doc,
};
use proptest::prelude::*;

use super::{MAX_DEPTH, from_json, to_json};

/// Values that a session of JSON may hold.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        any::<f64>()
            .prop_filter("an integer comes back as one", |number| number.is_finite()
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
        12 => prop_oneof![
            Just(Bson::Null),
            any::<bool>().prop_map(Bson::Boolean),
            any::<i32>().prop_map(Bson::Int32),
            any::<String>().prop_map(Bson::String),
            prop::num::f64::ANY.prop_map(Bson::Double),
            any::<i64>().prop_map(Bson::Int64),
            (-(1i64 << 53)..=1 << 53).prop_map(Bson::Int64),
        ],
        1 => any::<i64>().prop_map(|millis| Bson::DateTime(DateTime::from_millis(millis))),
        1 => without_json_form(),
    ];
    let value = leaf.prop_recursive(5, 48, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Bson::Array),
            entries(inner).prop_map(Bson::Document),
        ]
    });
    // Text makes room for capsules.
    (entries(value), 0..4000usize).prop_map(|(mut session, length)| {
        session.insert("text", "x".repeat(length));
        session
    })
}

fn without_json_form() -> impl Strategy<Value = Bson> {
    let binary = |(subtype, bytes): (u8, Vec<u8>)| Binary {
        subtype: BinarySubtype::from(subtype),
        bytes,
    };
    let options = prop_oneof![Just(""), Just("im")];
    let regex = ("[^\0]*", options).prop_map(|(pattern, options)| Regex {
        pattern: pattern.try_into().unwrap(),
        options: options.try_into().unwrap(),
    });
    let timestamp = any::<(u32, u32)>().prop_map(|(time, increment)| Timestamp { time, increment });
    let code = (any::<String>(), any::<i64>()).prop_map(|(code, value)| {
        let scope = doc! { "a": [value, DateTime::from_millis(value)] };
        JavaScriptCodeWithScope { code, scope }
    });
    prop_oneof![
        any::<[u8; 12]>().prop_map(|bytes| Bson::ObjectId(ObjectId::from_bytes(bytes))),
        any::<[u8; 12]>().prop_map(db_pointer),
        any::<[u8; 16]>().prop_map(|bytes| Bson::Decimal128(Decimal128::from_bytes(bytes))),
        any::<(u8, Vec<u8>)>().prop_map(move |parts| Bson::Binary(binary(parts))),
        regex.prop_map(Bson::RegularExpression),
        timestamp.prop_map(Bson::Timestamp),
        code.prop_map(Bson::JavaScriptCodeWithScope),
        any::<String>().prop_map(Bson::JavaScriptCode),
        any::<String>().prop_map(Bson::Symbol),
        prop_oneof![
            Just(Bson::Undefined),
            Just(Bson::MinKey),
            Just(Bson::MaxKey)
        ],
        any::<i64>().prop_map(|id| Bson::Document(doc! { "a": [id], "$ref": "users", "$id": id })),
    ]
}

fn entries(value: impl Strategy<Value = Bson>) -> impl Strategy<Value = Document> {
    let key = prop_oneof![
        8 => "[^\0]*",
        1 => prop::sample::select(vec!["$ref", "$id", "$db", "$", "$where"]).prop_map(Into::into),
    ];
    prop::collection::vec((key, value), 0..8).prop_map(Document::from_iter)
}

fn db_pointer(id: [u8; 12]) -> Bson {
    let mut bytes = b"\x22\0\0\0\x0ca\0\x0a\0\0\0app.users\0".to_vec();
    bytes.extend(id);
    bytes.push(0);
    let document = RawDocumentBuf::from_bytes(bytes).unwrap();
    Document::try_from(document).unwrap().remove("a").unwrap()
}

/// As JavaScript writes what it reads: an int64 that is a number to it as an int32 or a double.
fn rewritten(value: Bson) -> Bson {
    match value {
        Bson::Int64(number) if number.unsigned_abs() < 1 << 53 => match i32::try_from(number) {
            Ok(number) => Bson::Int32(number),
            Err(_) => Bson::Double(number as f64),
        },
        Bson::Array(items) => Bson::Array(items.into_iter().map(rewritten).collect()),
        // A capsule, unless it is the session.
        Bson::Document(document) if !document.contains_key("$ref") => {
            Bson::Document(each_rewritten(document))
        }
        value => value,
    }
}

fn each_rewritten(document: Document) -> Document {
    let entries = document.into_iter();
    entries.map(|(key, item)| (key, rewritten(item))).collect()
}

fn bytes(session: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(session).unwrap()
}

proptest! {
    #[test]
    fn json_survives_the_way_to_bson_and_back(value in any_json()) {
        let session = serde_json::json!({ "value": value });
        let text = to_json(&from_json(&session.to_string()).unwrap()).unwrap().unwrap();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), session);
    }

    #[test]
    fn bson_survives_the_way_to_json_and_back(session in any_session()) {
        if let Some(text) = to_json(&bytes(&session)).unwrap() {
            prop_assert_eq!(from_json(&text).unwrap(), bytes(&each_rewritten(session)));
        }
    }

    #[test]
    fn a_path_leads_to_each_capsule(session in any_session()) {
        let text = to_json(&bytes(&session)).unwrap().unwrap_or_default();
        if let Ok(serde_json::Value::Array(parts)) = serde_json::from_str(&text) {
            let (mut session, paths) = (parts[0].clone(), &parts[1..]);
            for path in paths {
                let capsule = find(&mut session, path).take();
                prop_assert!(capsule.get("\0").is_some());
            }
            let left = session.to_string().matches(r#"{"\u0000":"#).count();
            prop_assert_eq!((paths.is_empty(), left), (false, 0));
        }
    }
}

fn find<'a>(
    session: &'a mut serde_json::Value,
    path: &serde_json::Value,
) -> &'a mut serde_json::Value {
    let steps = path.as_array().unwrap().iter();
    steps.fold(session, |holder, step| match step {
        serde_json::Value::String(key) => &mut holder[key],
        step => &mut holder[step.as_u64().unwrap() as usize],
    })
}

#[test]
fn what_looks_like_a_reference_as_a_whole_crosses_as_other_sessions_do() {
    let reference = doc! { "$ref": "app.users", "$id": 1, "text": "x".repeat(1000) };
    let text = to_json(&bytes(&reference)).unwrap().unwrap();
    assert_eq!(from_json(&text), Ok(bytes(&reference)));
    let session =
        doc! { "ids": vec![Bson::ObjectId(ObjectId::new()); 50], "$ref": "users", "$id": 1 };
    assert_eq!(to_json(&bytes(&session)), Ok(None));
}

#[test]
fn the_innermost_value_may_be_in_a_capsule() {
    for levels in [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1] {
        let innermost = doc! { "at": DateTime::from_millis(1) };
        let mut session = (0..levels).fold(innermost, |inner, _| doc! { "a": inner });
        session.insert("text", "x".repeat(4000));
        let text = to_json(&bytes(&session)).unwrap().unwrap();
        assert_eq!(from_json(&text), Ok(bytes(&session)));
    }
}
