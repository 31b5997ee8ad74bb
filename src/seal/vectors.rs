//! The test vectors of `docs/encryption.md`, which a reader in another language made.

use mongodb::bson::RawBsonRef;
use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{Bson, RawDocumentBuf};
use serde_json::Value;

use super::ids::IdHasher;
use super::value::{self, Places, Sealed};
use super::{Sealer, keys::Key};
use crate::codec::{Element, Elements};

fn vectors(of: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../docs/encryption-vectors.json"))
        .expect("the vectors are JSON");
    all[of].as_array().expect("a list").clone()
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().expect("text")
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    let digits = text(vector, field).as_bytes().chunks(2);
    let byte = |digits| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn fingerprints() {
    for vector in vectors("fingerprints") {
        let key = Key::new(&bytes(&vector, "secret"));
        assert_eq!(key.fingerprint.to_vec(), bytes(&vector, "fingerprint"));
    }
}

#[test]
fn values() {
    for vector in vectors("values") {
        let key = Key::new(&bytes(&vector, "secret"));
        let (id, sealed) = (text(&vector, "id"), bytes(&vector, "sealed"));
        let name = text(&vector, "key").as_bytes();
        let mut places = Places::of(id);
        let document = bytes(&vector, "bson");
        let element = Elements::of(&document).unwrap().advance().unwrap().unwrap();
        let element = Element {
            key: name,
            ..element
        };
        let mut opened = Vec::new();
        let parsed = Sealed::parse(&sealed).unwrap();
        let kind = parsed.open(&mut opened, (&mut places, name), &key.of_session(id));
        assert_eq!(kind, Ok(element.kind as u8));
        assert_eq!(opened, element.value);
        let mut out = Vec::new();
        let nonce = bytes(&vector, "nonce").try_into().unwrap();
        let session_key = key.of_session(id);
        value::seal(
            &mut out,
            &element,
            &mut places,
            &session_key,
            key.fingerprint,
            nonce,
        )
        .unwrap();
        assert_eq!(out, sealed);
    }
}

#[test]
fn lookups() {
    for vector in vectors("lookups") {
        let path = text(&vector, "path").to_owned();
        let sealer = Sealer::new(&[bytes(&vector, "secret")], std::slice::from_ref(&path));
        let document = RawDocumentBuf::from_bytes(bytes(&vector, "bson")).unwrap();
        let value = document.get(cstr!("")).unwrap().unwrap();
        let asked = sealer.lookups_of(&path, &Bson::try_from(value).unwrap());
        assert_eq!(asked[0].bytes, bytes(&vector, "hash"));
        if let Some((key, rest)) = path.split_once('.') {
            let mut inner = RawDocumentBuf::new();
            inner.append(<&CStr>::try_from(rest).unwrap(), value);
            let mut session = RawDocumentBuf::new();
            session.append(<&CStr>::try_from(key).unwrap(), inner);
            let stored = sealer.of("id").lookups(&session);
            let Some(RawBsonRef::Binary(hash)) = stored.get("user%2Eid").unwrap() else {
                panic!("no lookup");
            };
            assert_eq!(hash.bytes, asked[0].bytes);
        }
    }
}

#[test]
fn ids() {
    for vector in vectors("ids") {
        let hasher = IdHasher::new(&bytes(&vector, "secret"));
        assert_eq!(hasher.hash(text(&vector, "id")), text(&vector, "stored"));
    }
}
