//! BSON → the JSON text that JavaScript parses.

use bson::RawDocument;
use bson::spec::ElementType;

use super::elements::{Element, Elements, Malformed};
use super::text::{write_number, write_text};
use super::{CodecError, MAX_DEPTH, capsule};

/// The integers that a JavaScript number holds exactly.
const SAFE_INTEGERS: std::ops::RangeInclusive<i64> = -((1 << 53) - 1)..=(1 << 53) - 1;

/// Gives the JSON text of a session, or `None` if so much of it has no JSON form that JavaScript reads
/// its bytes sooner.
pub fn to_json(session: &RawDocument) -> Result<Option<String>, CodecError> {
    let mut writer = Writer::new(session.as_bytes().len());
    let written = writer.document(session.as_bytes(), None);
    match written.and_then(|()| writer.finish()) {
        Ok(text) => Ok(Some(text)),
        Err(Stop::Reference | Stop::NoRoom) => Ok(None),
        Err(Stop::Malformed) => Err(CodecError::Malformed),
    }
}

enum Stop {
    Malformed,
    /// A document is what JavaScript reads as a DBRef.
    Reference,
    /// Capsules take more than they save.
    NoRoom,
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Stop::Malformed
    }
}

/// Where a value stands in the session.
struct Place<'a> {
    /// What holds it; `None` for the session itself.
    within: Option<&'a Place<'a>>,
    step: Step<'a>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a [u8]),
    Index(usize),
}

impl<'a> Place<'a> {
    fn new(within: Option<&'a Place<'a>>, step: Step<'a>) -> Self {
        let depth = depth(within) + 1;
        Place {
            within,
            step,
            depth,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Some(within) = self.within {
            within.write(out);
            out.push(b',');
        }
        match self.step {
            Step::Key(key) => write_text(out, key),
            Step::Index(index) => write_number(out, index),
        }
    }
}

fn depth(place: Option<&Place<'_>>) -> usize {
    place.map_or(0, |place| place.depth)
}

struct Writer {
    text: Vec<u8>,
    /// A comma and an array for each capsule.
    paths: Vec<u8>,
    /// What capsules and paths may still take, in bytes.
    room: usize,
}

impl Writer {
    /// Capsules and paths that take half the size of the session take JavaScript as long as reading
    /// the bytes of all of it.
    fn new(size: usize) -> Self {
        Writer {
            text: Vec::with_capacity(size + 32),
            paths: Vec::new(),
            room: size / 2,
        }
    }

    fn finish(mut self) -> Result<String, Stop> {
        if !self.paths.is_empty() {
            self.text.insert(0, b'[');
            self.text.append(&mut self.paths);
            self.text.push(b']');
        }
        String::from_utf8(self.text).map_err(|_| Stop::Malformed)
    }

    fn document(&mut self, document: &[u8], place: Option<&Place<'_>>) -> Result<(), Stop> {
        let mut elements = Elements::of(document)?;
        self.text.push(b'{');
        let mut is_first = true;
        while let Some(element) = elements.advance()? {
            let key = element.key;
            // What JavaScript reads as a DBRef; a session itself is none.
            if key == b"$ref" && place.is_some() {
                return Err(Stop::Reference);
            }
            if !is_first {
                self.text.push(b',');
            }
            is_first = false;
            write_text(&mut self.text, key);
            self.text.push(b':');
            if !plain(&mut self.text, &element)? {
                self.other(&element, &Place::new(place, Step::Key(key)))?;
            }
        }
        self.text.push(b'}');
        Ok(())
    }

    fn array(&mut self, array: &[u8], place: &Place<'_>) -> Result<(), Stop> {
        let mut elements = Elements::of(array)?;
        self.text.push(b'[');
        let mut index = 0;
        while let Some(element) = elements.advance()? {
            // Nobody sees it, so nothing else would check it.
            str::from_utf8(element.key).map_err(|_| Malformed)?;
            if index > 0 {
                self.text.push(b',');
            }
            if !plain(&mut self.text, &element)? {
                self.other(&element, &Place::new(Some(place), Step::Index(index)))?;
            }
            index += 1;
        }
        self.text.push(b']');
        Ok(())
    }

    /// Writes what is not plain: a document, an array, or a value in a capsule.
    fn other(&mut self, element: &Element<'_>, place: &Place<'_>) -> Result<(), Stop> {
        match element.kind {
            ElementType::EmbeddedDocument if place.depth <= MAX_DEPTH => {
                let before = (self.text.len(), self.paths.len());
                match self.document(element.value, Some(place)) {
                    Err(Stop::Reference) => {
                        self.text.truncate(before.0);
                        self.paths.truncate(before.1);
                        self.capsule(element, place)
                    }
                    written => written,
                }
            }
            ElementType::Array if place.depth <= MAX_DEPTH => self.array(element.value, place),
            _ => self.capsule(element, place),
        }
    }

    fn capsule(&mut self, element: &Element<'_>, place: &Place<'_>) -> Result<(), Stop> {
        if element.value.len() > self.room {
            return Err(Stop::NoRoom);
        }
        let before = self.text.len() + self.paths.len();
        capsule::write(&mut self.text, element)?;
        self.paths.extend_from_slice(b",[");
        place.write(&mut self.paths);
        self.paths.push(b']');
        let taken = self.text.len() + self.paths.len() - before;
        self.room = self.room.checked_sub(taken).ok_or(Stop::NoRoom)?;
        Ok(())
    }
}

/// Writes a value that has a JSON form and holds no others; else gives false.
fn plain(out: &mut Vec<u8>, element: &Element<'_>) -> Result<bool, Malformed> {
    match element.kind {
        ElementType::String => write_text(out, element.text()?),
        ElementType::Int32 => write_number(out, i32::from_le_bytes(element.bytes()?)),
        ElementType::Int64 => match i64::from_le_bytes(element.bytes()?) {
            number if SAFE_INTEGERS.contains(&number) => write_number(out, number),
            _ => return Ok(false),
        },
        ElementType::Double => match f64::from_le_bytes(element.bytes()?) {
            number if has_json_form(number) => write_number(out, number),
            _ => return Ok(false),
        },
        ElementType::Boolean => match element.bytes()? {
            [0] => out.extend_from_slice(b"false"),
            [1] => out.extend_from_slice(b"true"),
            [_] => return Err(Malformed),
        },
        ElementType::Null => out.extend_from_slice(b"null"),
        _ => return Ok(false),
    }
    Ok(true)
}

fn has_json_form(number: f64) -> bool {
    number.is_finite() && !(number == 0.0 && number.is_sign_negative())
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::raw::{RawBinaryRef, cstr};
    use bson::spec::BinarySubtype;
    use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};

    use super::*;

    /// A text at the end of a session makes room for a few capsules before it.
    fn padding() -> String {
        "x".repeat(1000)
    }

    fn json(document: Document) -> Option<String> {
        to_json(&RawDocumentBuf::try_from(&document).unwrap()).unwrap()
    }

    /// The text of a session with padding, without that.
    fn padded_json(mut document: Document) -> String {
        document.insert("", padding());
        let text = json(document).unwrap();
        text.replacen(&format!(r#","":"{}""#, padding()), "", 1)
    }

    #[test]
    fn plain_values_become_json() {
        let document = doc! { "a": 1, "b": [true, Bson::Null, "x\u{2028}\"\n"], "c": { "": 1.5 }, "d": 9007199254740991i64 };
        assert_eq!(
            json(document).unwrap(),
            "{\"a\":1,\"b\":[true,null,\"x\u{2028}\\\"\\n\"],\"c\":{\"\":1.5},\"d\":9007199254740991}"
        );
    }

    #[test]
    fn a_date_is_in_a_capsule_as_milliseconds() {
        let at = DateTime::from_millis(-5);
        assert_eq!(
            padded_json(doc! { "a": 1, "at": at }),
            r#"[{"a":1,"at":{"\u0000":-5}},["at"]]"#
        );
    }

    #[test]
    fn other_values_without_a_json_form_are_in_a_capsule_as_bson() {
        let capsule = |value: Bson| {
            let bytes = RawDocumentBuf::try_from(&doc! { "": value }).unwrap();
            let digits = bytes.as_bytes().iter().map(|byte| format!("{byte:02x}"));
            format!(r#"{{"\u0000":"{}"}}"#, digits.collect::<String>())
        };
        let id = Bson::ObjectId(ObjectId::new());
        for value in [id, f64::NAN.into(), (-0.0).into(), (1i64 << 53).into()] {
            assert_eq!(
                padded_json(doc! { "a": value.clone() }),
                format!(r#"[{{"a":{}}},["a"]]"#, capsule(value))
            );
        }
    }

    #[test]
    fn the_path_to_each_capsule_follows_the_session() {
        let at = DateTime::from_millis(0);
        let text = padded_json(doc! { "at": at, "\"": [[1, at], { "0": at }] });
        let paths = text.split_once("]},").unwrap().1;
        assert_eq!(paths, r#"["at"],["\"",0,1],["\"",1,"0"]]"#);
    }

    #[test]
    fn what_javascript_reads_otherwise_is_left_to_it() {
        let reference = doc! { "at": DateTime::now(), "$ref": "users", "$id": 1 };
        let text = padded_json(doc! { "a": [reference.clone()] });
        assert!(text.starts_with(r#"[{"a":[{"\u0000":""#) && text.ends_with(r#"},["a",0]]"#));
        let session = padded_json(reference);
        assert!(session.ends_with(r#","$ref":"users","$id":1},["at"]]"#));
        let nested = |levels| (0..levels).fold(doc! {}, |inner, _| doc! { "a": inner });
        assert!(json(nested(MAX_DEPTH)).unwrap().starts_with("{\"a\":"));
        assert!(json(nested(MAX_DEPTH + 1)).is_none_or(|text| text.starts_with('[')));
    }

    #[test]
    fn a_session_that_has_little_else_crosses_as_its_bytes() {
        let ids: Vec<_> = (0..20).map(|_| Bson::ObjectId(ObjectId::new())).collect();
        assert_eq!(json(doc! { "ids": ids.clone(), "text": padding() }), None);
        assert_eq!(json(doc! { "at": DateTime::now() }), None);
        let binary = vec![0; 10_000];
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("a"), "x".repeat(10_000));
        document.append(
            cstr!("b"),
            RawBinaryRef {
                subtype: BinarySubtype::Generic,
                bytes: &binary,
            },
        );
        assert_eq!(to_json(&document), Ok(None));
    }
}
