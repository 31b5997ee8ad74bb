use mongodb::bson::raw::cstr;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, RawDocument, RawDocumentBuf, rawdoc};
use proptest::prelude::*;

use super::*;
use crate::seal::value::SUBTYPE;

fn sealer(keys: &[u8]) -> Sealer {
    let secrets: Vec<[u8; 32]> = keys.iter().map(|key| [*key; 32]).collect();
    Sealer::new(&secrets, &["user.id".to_owned(), "tags".to_owned()])
}

fn session() -> RawDocumentBuf {
    rawdoc! {
        "user": { "id": 42 }, "views": 1i64, "nothing": null, "_expire": 5.0, "_maxAge": 1, "at": "x",
    }
}

fn open(sealer: &Sealer, id: &str, sealed: &RawDocument) -> Result<RawDocumentBuf, SealError> {
    sealer
        .of(id)
        .open(sealed, None)
        .map(|opened| opened.session)
}

fn bytes_of<'a>(sealed: &'a RawDocument, key: &CStr) -> &'a [u8] {
    match sealed.get(key).unwrap() {
        Some(RawBsonRef::Binary(binary)) => binary.bytes,
        _ => panic!("not sealed"),
    }
}

fn with_value(key: &CStr, bytes: &[u8]) -> RawDocumentBuf {
    let subtype = BinarySubtype::from(SUBTYPE);
    let mut document = RawDocumentBuf::new();
    let bytes = bytes.to_vec();
    document.append(key, Binary { subtype, bytes });
    document
}

#[test]
fn what_is_sealed_opens_byte_for_byte() {
    let sealer = sealer(&[1]);
    let sealed = sealer.of("id").seal(&session()).unwrap();
    assert_eq!(open(&sealer, "id", &sealed).unwrap(), session());
    assert_eq!(sealed.as_bytes().len(), sealed_size(&session()));
}

#[test]
fn only_names_and_koa_sessions_own_keys_stay_readable() {
    let sealed = sealer(&[1]).of("id").seal(&session()).unwrap();
    let keys: Vec<_> = sealed.iter().map(|entry| entry.unwrap()).collect();
    let names: Vec<_> = keys.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        names,
        ["user", "views", "nothing", "_expire", "_maxAge", "at"]
    );
    for (key, value) in keys {
        let is_sealed = matches!(value, RawBsonRef::Binary(_));
        assert_eq!(is_sealed, !key.as_str().starts_with('_'));
    }
}

#[test]
fn nothing_is_sealed_twice_alike() {
    let sealer = sealer(&[1]);
    let many: RawDocumentBuf = (0..100).map(|_| (cstr!("a"), 1)).collect();
    let sealed = sealer.of("id").seal(&many).unwrap();
    let values = sealed
        .iter_elements()
        .map(|element| match element.unwrap().value() {
            Ok(RawBsonRef::Binary(binary)) => binary.bytes.to_vec(),
            _ => panic!("not sealed"),
        });
    let different: std::collections::HashSet<_> = values.collect();
    assert_eq!(different.len(), 100);
}

#[test]
fn one_bit_changed_or_one_byte_cut_is_noticed() {
    let sealer = sealer(&[1]);
    let sealed = sealer.of("id").seal(&session()).unwrap();
    let bytes = bytes_of(&sealed, cstr!("user"));
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&sealer, "id", &with_value(cstr!("user"), &changed)).is_err());
    }
    for end in 0..bytes.len() {
        assert!(open(&sealer, "id", &with_value(cstr!("user"), &bytes[..end])).is_err());
    }
    let longer = [bytes, &[0]].concat();
    assert!(open(&sealer, "id", &with_value(cstr!("user"), &longer)).is_err());
    assert!(open(&sealer, "id", &with_value(cstr!("user"), bytes)).is_ok());
}

#[test]
fn a_value_opens_in_its_place_only() {
    let sealer = sealer(&[1]);
    let sealed = sealer.of("id").seal(&session()).unwrap();
    let bytes = bytes_of(&sealed, cstr!("user"));
    let elsewhere = with_value(cstr!("views"), bytes);
    assert_eq!(open(&sealer, "id", &elsewhere), Err(SealError::Altered));
    let there = with_value(cstr!("user"), bytes);
    assert_eq!(open(&sealer, "id2", &there), Err(SealError::Altered));
    // What is the end of one is not the beginning of the other.
    let sealed = sealer.of("ab").seal(&rawdoc! { "c": 1 }).unwrap();
    let moved = with_value(cstr!("bc"), bytes_of(&sealed, cstr!("c")));
    assert_eq!(open(&sealer, "a", &moved), Err(SealError::Altered));
}

#[test]
fn every_key_opens_and_the_first_is_current() {
    let (old, both) = (sealer(&[1]), sealer(&[2, 1]));
    let stored = old.of("id").seal(&session()).unwrap();
    let lookups = old.of("id").lookups(&session());
    let opened = both.of("id").open(&stored, Some(&lookups)).unwrap();
    assert_eq!(opened.session, session());
    assert!(!opened.is_current);
    assert!(
        old.of("id")
            .open(&stored, Some(&lookups))
            .unwrap()
            .is_current
    );
    let error = open(&sealer(&[3]), "id", &stored).unwrap_err();
    assert!(matches!(error, SealError::UnknownKey(_)));
}

#[test]
fn plain_values_are_read_and_not_current() {
    let sealer = sealer(&[1]);
    let opened = sealer.of("id").open(&session(), None).unwrap();
    assert_eq!(opened.session, session());
    assert!(!opened.is_current);
    let empty = rawdoc! { "_expire": 1 };
    assert!(sealer.of("id").open(&empty, None).unwrap().is_current);
}

#[test]
fn an_own_binary_that_looks_sealed_comes_back() {
    let sealer = sealer(&[1]);
    let sealed = sealer.of("id").seal(&session()).unwrap();
    let own = with_value(cstr!("user"), bytes_of(&sealed, cstr!("user")));
    let sealed = sealer.of("id").seal(&own).unwrap();
    assert_eq!(open(&sealer, "id", &sealed).unwrap(), own);
}

#[test]
fn a_session_without_its_lookups_is_not_current() {
    let sealer = sealer(&[1]);
    let sealed = sealer.of("id").seal(&session()).unwrap();
    let lookups = sealer.of("id").lookups(&session());
    let none = rawdoc! {};
    let other = sealer.of("id").lookups(&rawdoc! { "user": { "id": 43 } });
    let is_current = |lookups| sealer.of("id").open(&sealed, lookups).unwrap().is_current;
    assert!(is_current(Some(&lookups)));
    assert!(!is_current(None));
    assert!(!is_current(Some(&none)));
    assert!(!is_current(Some(&other)));
}

#[test]
fn a_change_of_one_key_changes_the_lookups_of_its_paths_only() {
    let sealer = sealer(&[1]);
    let seal = sealer.of("id");
    assert!(seal.changed_lookups(cstr!("views"), None).is_empty());
    let user = rawdoc! { "id": 42 };
    let set = seal.changed_lookups(cstr!("user"), Some(RawBsonRef::Document(&user)));
    let whole = seal.lookups(&session());
    assert_eq!(set.len(), 1);
    assert_eq!(set[0].0.as_str(), "user%2Eid");
    let hash = set[0].1.as_ref().map(|hash| hash.as_raw_bson_ref());
    assert_eq!(hash, whole.get("user%2Eid").unwrap());
    assert_eq!(
        seal.changed_lookups(cstr!("user"), None),
        [(cstr!("user%2Eid"), None)]
    );
}

#[test]
fn equal_values_have_equal_lookups_under_every_key() {
    let (old, both) = (sealer(&[1]), sealer(&[2, 1]));
    let of = |value: Bson| both.lookups_of("user.id", &value);
    assert_eq!(of(42.into()), of(42.0.into()));
    assert_ne!(of(42.into()), of("42".into()));
    let stored = old.of("id").lookups(&session());
    let Some(RawBsonRef::Binary(stored)) = stored.get("user%2Eid").unwrap() else {
        panic!("no lookup");
    };
    let asked = of(42i64.into());
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].bytes, stored.bytes);
    assert!(both.lookups_of("views", &1.into()).is_empty());
}

#[test]
fn arrays_are_found_by_their_items_and_as_a_whole() {
    let sealer = sealer(&[1]);
    let session = rawdoc! { "tags": ["a", "b"], "user": [{ "id": 1 }, { "id": 2 }] };
    let lookups = sealer.of("id").lookups(&session);
    let stored = |field: &str| match lookups.get(field).unwrap() {
        Some(RawBsonRef::Array(items)) => {
            let items = items.into_iter().map(|item| item.unwrap());
            items
                .map(|item| item.as_binary().unwrap().bytes.to_vec())
                .collect::<Vec<_>>()
        }
        _ => panic!("no list"),
    };
    let hash = |path, value: Bson| sealer.lookups_of(path, &value).remove(0).bytes;
    let tags = stored("tags");
    assert_eq!(tags.len(), 3);
    assert!(tags.contains(&hash("tags", "b".into())));
    assert!(tags.contains(&hash("tags", vec!["a", "b"].into())));
    let ids = stored("user%2Eid");
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&hash("user.id", 2.into())));
}

proptest! {
    #[test]
    fn any_session_opens_as_it_was(keys in prop::collection::vec(("[a-z_]{0,9}", any::<Vec<u8>>(), any::<f64>()), 0..9), id in ".*") {
        let mut session = RawDocumentBuf::new();
        for (key, bytes, number) in keys {
            let key = <&CStr>::try_from(key.as_str()).unwrap();
            let subtype = BinarySubtype::from(number.to_bits() as u8);
            if subtype != BinarySubtype::BinaryOld {
                session.append(key, Binary { subtype, bytes });
            }
            session.append(key, number);
        }
        let sealer = sealer(&[7]);
        let sealed = sealer.of(&id).seal(&session).unwrap();
        let opened = open(&sealer, &id, &sealed).unwrap();
        prop_assert_eq!(opened.as_bytes(), session.as_bytes());
    }

    #[test]
    fn nothing_that_is_stored_makes_it_fail_otherwise(bytes in any::<Vec<u8>>()) {
        let sealer = sealer(&[7]);
        let _ = open(&sealer, "id", &with_value(cstr!("a"), &bytes));
        if let Ok(document) = RawDocument::from_bytes(&bytes) {
            let _ = open(&sealer, "id", document);
        }
    }
}
