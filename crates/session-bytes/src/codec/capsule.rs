//! A capsule: a value without a JSON form, in JSON text.
//!
//! `{"\u0000":1700000000000}` is a date, in milliseconds since 1970. `{"\u0000":"13000000…"}` is
//! any other value: the hex digits of a BSON document that has it under an empty key. In BSON no
//! key holds a NUL, so nothing else looks like a capsule.

use std::fmt;
use std::io::Write;

use bson::RawDocument;
use bson::spec::ElementType;
use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::elements::{Element, Malformed};

/// The one key of a capsule.
pub const KEY: &str = "\0";

/// What a document with one element has before the value: its length, the type, the empty key.
const BEFORE_VALUE: usize = 6;

pub fn write(out: &mut Vec<u8>, element: &Element<'_>) -> Result<(), Malformed> {
    out.extend_from_slice(br#"{"\u0000":"#);
    if element.kind == ElementType::DateTime {
        let date = i64::from_le_bytes(element.bytes()?);
        let _ = write!(out, "{date}"); // a Vec takes all
    } else {
        let document = document_of(element);
        only_value(&document).ok_or(Malformed)?;
        out.push(b'"');
        write_hex(out, &document);
        out.push(b'"');
    }
    out.push(b'}');
    Ok(())
}

/// The document that has only this value, under an empty key.
fn document_of(element: &Element<'_>) -> Vec<u8> {
    let size = BEFORE_VALUE + element.value.len() + 1;
    let mut document = Vec::with_capacity(size);
    // No longer than what the element is from, which MongoDB limits to 16 MB.
    document.extend_from_slice(&(size as i32).to_le_bytes());
    document.extend_from_slice(&[element.kind as u8, 0]);
    document.extend_from_slice(element.value);
    document.push(0);
    document
}

/// Reads what a capsule has under its key, and writes the BSON value.
pub struct Contained<'a> {
    pub out: &'a mut Vec<u8>,
    /// Where the type byte of the value belongs.
    pub kind_at: usize,
}

impl<'de> DeserializeSeed<'de> for Contained<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Contained<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("milliseconds or hex digits")
    }

    fn visit_i64<E: Error>(self, date: i64) -> Result<(), E> {
        self.out[self.kind_at] = ElementType::DateTime as u8;
        self.out.extend_from_slice(&date.to_le_bytes());
        Ok(())
    }

    fn visit_u64<E: Error>(self, date: u64) -> Result<(), E> {
        self.visit_i64(i64::try_from(date).map_err(E::custom)?)
    }

    fn visit_str<E: Error>(self, digits: &str) -> Result<(), E> {
        let document = from_hex(digits).ok_or_else(|| E::custom("no hex digits"))?;
        let (kind, value) = only_value(&document).ok_or_else(|| E::custom("no value"))?;
        self.out[self.kind_at] = kind as u8;
        self.out.extend_from_slice(value);
        Ok(())
    }
}

fn only_value(document: &[u8]) -> Option<(ElementType, &[u8])> {
    let mut elements = RawDocument::from_bytes(document).ok()?.iter_elements();
    let element = elements.next()?.ok()?;
    element.value().ok()?;
    match element.key().is_empty() && elements.next().is_none() {
        true => Some((
            element.element_type(),
            &document[BEFORE_VALUE..][..element.size()],
        )),
        false => None,
    }
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = digits.as_bytes().as_chunks();
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as u8));
    rest.is_empty().then(|| bytes.collect())?
}

#[cfg(test)]
mod tests {
    use bson::{DateTime, RawBson, rawdoc};

    use crate::codec::{CodecError, from_json};

    #[test]
    fn what_is_no_capsule_is_refused() {
        let value = |value: &str| from_json(&format!(r#"[{{"a":{value}}},["a"]]"#));
        assert_eq!(
            value(r#"{"\u0000":5}"#),
            Ok(rawdoc! { "a": DateTime::from_millis(5) })
        );
        assert_eq!(
            value(r#"{"\u0000":"070000000A0000"}"#),
            Ok(rawdoc! { "a": RawBson::Null })
        );
        for contained in [
            "true",
            "9223372036854775808",
            r#""070000000a000""#,
            r#""070000000a00zz""#,
            r#""0500000000""#,
            r#""0800000008000200""#,
            r#""080000000a610000""#,
            r#""090000000a000a0000""#,
            r#"5,"b":1"#,
        ] {
            let refused = value(&format!(r#"{{"\u0000":{contained}}}"#));
            assert_eq!(refused, Err(CodecError::Malformed), "{contained}");
        }
        assert_eq!(value(r#"{"b":1,"\u0000":5}"#), Err(CodecError::NulInKey));
        assert_eq!(from_json(r#"{"\u0000":5}"#), Err(CodecError::NulInKey));
    }
}
