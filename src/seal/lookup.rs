//! Lookups: keyed hashes of the values at some paths, beside the session, so that sessions can still
//! be found by these values.
//!
//! HMAC-SHA-256 of the path, after its length in bytes (4, little-endian), and of the value in a form
//! that is the same for all that MongoDB takes for equal ([`canon`]). Where it would look into an array
//! there is a hash for each of its items and one for the array, in an array.

use std::collections::BTreeSet;

use mongodb::bson::raw::{CStr, CString, RawArrayBuf, cstr};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, RawBson, RawBsonRef, RawDocument};
use ring::hmac;

use super::Sealer;
use super::canon;

/// A field of `lookup` that a write changes, and what it is to be; `None` if it is to go.
pub type Lookup<'a> = (&'a CStr, Option<RawBson>);

const HASH: usize = 32;

type Hash = [u8; HASH];

/// A path in `data` by which sessions are found.
pub struct Path {
    path: String,
    /// Under which its hashes stand in `lookup`: a dot would make it a path there.
    field: CString,
}

impl Path {
    pub fn new(path: &str) -> Self {
        let field = field_of(path);
        Path {
            path: path.to_owned(),
            // No option holds a NUL.
            field: CString::try_from(field).unwrap_or_else(|_| cstr!("").to_owned()),
        }
    }

    pub fn field(&self) -> &CStr {
        &self.field
    }

    /// Whether it begins with this key of `data`.
    pub fn begins_with(&self, key: &CStr) -> bool {
        self.path.split('.').next() == Some(key.as_str())
    }

    /// What stands under its field; nothing if the session has no value there.
    pub fn lookup(&self, key: &hmac::Key, session: &RawDocument) -> Option<RawBson> {
        let mut values = Vec::new();
        collect(&mut values, RawBsonRef::Document(session), &self.path);
        let is_list = matches!(values.as_slice(), [_, _, ..] | [RawBsonRef::Array(_)]);
        let mut hashes = BTreeSet::new();
        for value in values {
            hashes.insert(self.hash(key, value));
            if let RawBsonRef::Array(items) = value {
                let items = items.into_iter().flatten();
                hashes.extend(items.map(|item| self.hash(key, item)));
            }
        }
        let mut hashes = hashes.into_iter().map(binary);
        match is_list {
            true => {
                let mut list = RawArrayBuf::new();
                hashes.for_each(|hash| list.push(hash));
                Some(RawBson::Array(list))
            }
            false => hashes.next(),
        }
    }

    fn hash(&self, key: &hmac::Key, value: RawBsonRef<'_>) -> Hash {
        let mut message = Vec::with_capacity(64);
        message.extend_from_slice(&(self.path.len() as u32).to_le_bytes());
        message.extend_from_slice(self.path.as_bytes());
        canon::append(&mut message, value);
        let mut hash = [0; HASH];
        hash.copy_from_slice(hmac::sign(key, &message).as_ref());
        hash
    }
}

impl Sealer {
    /// The hashes by which sessions are found that have this value at the path: one for each key, since
    /// any of them may have been the first when the session was written.
    ///
    /// None if nothing is kept of this path.
    pub fn lookups_of(&self, path: &str, value: &Bson) -> Vec<Binary> {
        let path = self.paths.iter().find(|one| one.path == path);
        let value = RawBson::try_from(value.clone()).ok();
        let (Some(path), Some(value)) = (path, value) else {
            return Vec::new();
        };
        let hashes = (self.keys.iter()).map(|key| Binary {
            subtype: BinarySubtype::Generic,
            bytes: path.hash(&key.lookups, value.as_raw_bson_ref()).to_vec(),
        });
        hashes.collect()
    }
}

/// The name under which the hashes of a path stand in `lookup`.
pub fn field_of(path: &str) -> String {
    path.replace('%', "%25").replace('.', "%2E")
}

/// The values at a path, as MongoDB goes it: through an array by the number of an item, and through
/// all items that are documents.
fn collect<'a>(values: &mut Vec<RawBsonRef<'a>>, at: RawBsonRef<'a>, path: &str) {
    if path.is_empty() {
        values.push(at);
        return;
    }
    let (key, rest) = path.split_once('.').unwrap_or((path, ""));
    match at {
        RawBsonRef::Document(document) => {
            // Of a repeated key the last, as JavaScript reads it.
            let elements = document.iter_elements().flatten();
            let last = elements
                .filter(|element| element.key().as_str() == key)
                .last();
            if let Some(value) = last.and_then(|element| element.value().ok()) {
                collect(values, value, rest);
            }
        }
        RawBsonRef::Array(array) => {
            let number = key.parse().ok().filter(|_| is_number(key));
            if let Some(item) = number.and_then(|number| array.get(number).ok().flatten()) {
                collect(values, item, rest);
            }
            for item in array.into_iter().flatten() {
                if let RawBsonRef::Document(_) = item {
                    collect(values, item, path);
                }
            }
        }
        _ => {}
    }
}

fn is_number(key: &str) -> bool {
    key == "0" || (!key.starts_with('0') && key.bytes().all(|byte| byte.is_ascii_digit()))
}

fn binary(hash: Hash) -> RawBson {
    RawBson::Binary(Binary {
        subtype: BinarySubtype::Generic,
        bytes: hash.to_vec(),
    })
}
