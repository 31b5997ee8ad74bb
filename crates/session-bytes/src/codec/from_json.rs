//! JSON text → BSON, in one pass and without a tree in between.

use std::cell::Cell;
use std::fmt;

use bson::RawDocumentBuf;
use bson::spec::ElementType;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::capsule::{self, Contained};
use super::{CodecError, MAX_DEPTH, surrogates};

/// Converts the text that [`to_json`](super::to_json) gave back to BSON. Integers within 32 bits
/// become int32, every other number a double.
pub fn from_json(text: &str) -> Result<RawDocumentBuf, CodecError> {
    // Behind a session with capsules are their paths, which only JavaScript needs.
    let (text, has_paths) = match text.strip_prefix('[') {
        Some(session) => (session, true),
        None => (text, false),
    };
    convert(text, true, has_paths)
}

/// Converts an object that some other program wrote as JSON: what looks like a capsule is none.
pub fn from_plain_json(text: &str) -> Result<RawDocumentBuf, CodecError> {
    let text = text.trim_ascii_start();
    match convert(text, false, false) {
        // JavaScript writes half a character as an escape, which serde refuses.
        Err(CodecError::Malformed) if text.contains("\\u") => {
            convert(&surrogates::mend(text), false, false)
        }
        converted => converted,
    }
}

fn convert(text: &str, has_capsules: bool, has_paths: bool) -> Result<RawDocumentBuf, CodecError> {
    if !text.starts_with('{') {
        return Err(CodecError::NotAnObject);
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 4 + 16);
    // serde's errors are texts; the two that callers tell apart are noted beside them.
    let refusal = Cell::new(CodecError::Malformed);
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Value {
        out: &mut out,
        kind_at: None,
        depth: 0,
        has_capsules,
        refusal: &refusal,
    };
    value
        .deserialize(&mut json)
        .and_then(|()| if has_paths { Ok(()) } else { json.end() })
        .map_err(|_| refusal.take())?;
    RawDocumentBuf::from_bytes(out).map_err(|_| CodecError::Malformed)
}

/// Writes one JSON value behind its key, and its type before the key.
struct Value<'a> {
    out: &'a mut Vec<u8>,
    /// Where the type byte belongs; `None` for the document itself, which has none.
    kind_at: Option<usize>,
    depth: usize,
    has_capsules: bool,
    refusal: &'a Cell<CodecError>,
}

impl Value<'_> {
    fn kind(&mut self, kind: ElementType) {
        if let Some(at) = self.kind_at {
            self.out[at] = kind as u8;
        }
    }

    fn refuse<E: Error>(&self, why: CodecError) -> E {
        let error = E::custom(&why);
        self.refusal.set(why);
        error
    }

    /// Opens a document or an array: its length is filled in by `close`.
    fn open<E: Error>(&mut self, kind: ElementType) -> Result<usize, E> {
        // Before serde has enough of it, which it does not tell apart from what is no JSON.
        if self.depth > MAX_DEPTH + 1 {
            return Err(self.refuse(CodecError::TooDeep));
        }
        self.kind(kind);
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        Ok(start)
    }

    fn close<E: Error>(&mut self, start: usize) -> Result<(), E> {
        // Only now: what was opened so deep may have been a capsule.
        if self.depth > MAX_DEPTH {
            return Err(self.refuse(CodecError::TooDeep));
        }
        self.out.push(0);
        let length = (self.out.len() - start) as i32;
        self.out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    fn child(&mut self, kind_at: usize) -> Value<'_> {
        Value {
            out: self.out,
            kind_at: Some(kind_at),
            depth: self.depth + 1,
            has_capsules: self.has_capsules,
            refusal: self.refusal,
        }
    }

    /// Leaves room for the type of the element whose key comes next.
    fn start_element(&mut self) -> usize {
        let kind_at = self.out.len();
        self.out.push(0);
        kind_at
    }

    fn double(&mut self, value: f64) {
        self.kind(ElementType::Double);
        self.out.extend_from_slice(&value.to_le_bytes());
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.kind(ElementType::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.kind(ElementType::Boolean);
        self.out.push(value.into());
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        match i32::try_from(value) {
            Ok(value) => {
                self.kind(ElementType::Int32);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            Err(_) => self.double(value as f64),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => {
                self.double(value as f64);
                Ok(())
            }
        }
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.double(value);
        Ok(())
    }

    fn visit_str<E: Error>(mut self, value: &str) -> Result<(), E> {
        self.kind(ElementType::String);
        let length = (value.len() + 1) as i32;
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(0);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let start = self.open(ElementType::Array)?;
        let mut index = 0usize;
        loop {
            let element = self.start_element();
            push_index(self.out, index);
            let item = items.next_element_seed(self.child(element))?;
            if item.is_none() {
                self.out.truncate(element);
                break;
            }
            index += 1;
        }
        self.close(start)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let start = self.open(ElementType::EmbeddedDocument)?;
        let first = self.out.len();
        loop {
            let element = self.start_element();
            match (
                entries.next_key_seed(Key { value: &mut self })?,
                self.kind_at,
            ) {
                (Some(KeyOf::Element), _) => entries.next_value_seed(self.child(element))?,
                (Some(KeyOf::Capsule), Some(kind_at)) if element == first => {
                    let out = self.out;
                    out.truncate(start);
                    return entries.next_value_seed(Contained { out, kind_at });
                }
                (Some(KeyOf::Capsule), _) => return Err(self.refuse(CodecError::NulInKey)),
                (None, _) => {
                    self.out.truncate(element);
                    return self.close(start);
                }
            }
        }
    }
}

enum KeyOf {
    Element,
    Capsule,
}

/// Writes a key as BSON has it: the characters and a NUL.
struct Key<'a, 'b> {
    value: &'a mut Value<'b>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = KeyOf;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<KeyOf, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = KeyOf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<KeyOf, E> {
        if key == capsule::KEY && self.value.has_capsules {
            return Ok(KeyOf::Capsule);
        }
        if key.as_bytes().contains(&0) {
            return Err(self.value.refuse(CodecError::NulInKey));
        }
        self.value.out.extend_from_slice(key.as_bytes());
        self.value.out.push(0);
        Ok(KeyOf::Element)
    }
}

/// Writes an array index as a key.
fn push_index(out: &mut Vec<u8>, index: usize) {
    if index < 10 {
        out.push(b'0' + index as u8);
    } else {
        out.extend_from_slice(index.to_string().as_bytes());
    }
    out.push(0);
}

#[cfg(test)]
mod tests {
    use bson::{Bson, Document, doc, rawdoc};

    use super::*;

    fn document(text: &str) -> Document {
        Document::try_from(from_json(text).unwrap()).unwrap()
    }

    #[test]
    fn numbers_are_int32_within_32_bits_and_doubles_beyond() {
        assert_eq!(
            document(
                r#"{"a":2147483647,"b":-2147483648,"c":2147483648,"d":1.5,"e":1e21,"f":18446744073709551616}"#
            ),
            doc! { "a": i32::MAX, "b": i32::MIN, "c": 2147483648f64, "d": 1.5, "e": 1e21, "f": 18446744073709551616f64 }
        );
    }

    #[test]
    fn keys_keep_their_order_and_may_be_anything_but_nul() {
        let text = r#"{"z":1,"":2,"a.b":3,"$where":4,"__proto__":{"0":[[],{}]}}"#;
        let keys: Vec<_> = document(text).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["z", "", "a.b", "$where", "__proto__"]);
        assert_eq!(from_json(r#"{"a\u0000b":1}"#), Err(CodecError::NulInKey));
    }

    #[test]
    fn arrays_longer_than_ten_are_numbered() {
        let text = format!(
            r#"{{"a":[{}]}}"#,
            (0..120)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(",")
        );
        let expected: Vec<Bson> = (0..120).map(Bson::Int32).collect();
        assert_eq!(document(&text), doc! { "a": expected });
    }

    #[test]
    fn what_is_too_deep_or_no_object_is_refused() {
        let nested =
            |depth: usize| format!("{}{}{}", r#"{"a":"#.repeat(depth), "1", "}".repeat(depth));
        assert!(from_json(&nested(MAX_DEPTH + 1)).is_ok());
        assert_eq!(from_json(&nested(MAX_DEPTH + 2)), Err(CodecError::TooDeep));
        assert_eq!(from_json("[1]"), Err(CodecError::NotAnObject));
        assert_eq!(from_json("{\"a\":"), Err(CodecError::Malformed));
        assert_eq!(from_json("{} x"), Err(CodecError::Malformed));
    }
    #[test]
    fn in_plain_json_nothing_is_a_capsule_and_half_a_character_is_replaced() {
        let plain =
            |text: &str| from_plain_json(text).map(|bson| Document::try_from(bson).unwrap());
        assert_eq!(
            plain(r#"{"a":{"\u0000":1700000000000}}"#),
            Err(CodecError::NulInKey)
        );
        assert_eq!(plain(r#"[{"a":1},["a"]]"#), Err(CodecError::NotAnObject));
        assert_eq!(plain(r#"{"a":1} x"#), Err(CodecError::Malformed));
        let mended = doc! { "\u{fffd}": "\u{fffd}x😀\\ud83d" };
        assert_eq!(
            plain(r#"{"\udc00":"\ud83dx\ud83d\ude00\\ud83d"}"#),
            Ok(mended)
        );
    }

    #[test]
    fn plain_json_may_begin_with_white_space_and_is_too_deep_however_deep() {
        assert_eq!(
            from_plain_json(" \r\n\t{\"a\":1}\n"),
            Ok(rawdoc! { "a": 1 })
        );
        for depth in [101, 126, 127, 128, 1000] {
            let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(
                from_plain_json(&format!("{{\"a\":{lists}}}")),
                Err(CodecError::TooDeep)
            );
            let objects = format!("{}1{}", "{\"a\":".repeat(depth + 1), "}".repeat(depth + 1));
            assert_eq!(from_plain_json(&objects), Err(CodecError::TooDeep));
        }
    }
}
