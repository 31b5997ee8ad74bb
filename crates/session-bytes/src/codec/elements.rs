//! The elements of a BSON document, as slices of it.
//!
//! The `bson` crate's own iterator makes a value of each and checks its UTF-8, which takes longer
//! than all else on the way to JSON text; there the text is checked once, as a whole.

use bson::spec::ElementType;

#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    pub kind: ElementType,
    /// Perhaps not UTF-8, like all text here.
    pub key: &'a [u8],
    /// As long as such a value is, though not necessarily one.
    pub value: &'a [u8],
}

/// A document, or a value in it, is not what it says.
#[derive(Debug)]
pub struct Malformed;

pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub fn of(document: &'a [u8]) -> Result<Self, Malformed> {
        let (length, rest) = document.split_first_chunk().ok_or(Malformed)?;
        let is_whole = size_of(*length) == Some(document.len());
        match rest {
            [rest @ .., 0] if is_whole => Ok(Elements { rest }),
            _ => Err(Malformed),
        }
    }

    /// The next element; `None` at the end.
    #[inline(always)] // it is too large to come back in registers
    pub fn advance(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        match self.rest.is_empty() {
            true => Ok(None),
            false => self.split().map(Some).ok_or(Malformed),
        }
    }

    #[inline(always)]
    fn split(&mut self) -> Option<Element<'a>> {
        let (kind, rest) = self.rest.split_first()?;
        let kind = ElementType::from(*kind)?;
        let (key, rest) = split_name(rest)?;
        let (value, rest) = rest.split_at_checked(size(kind, rest)?)?;
        self.rest = rest;
        Some(Element { kind, key, value })
    }
}

impl<'a> Element<'a> {
    /// The text of a string.
    pub fn text(&self) -> Result<&'a [u8], Malformed> {
        match self.value.get(4..) {
            Some([text @ .., 0]) => Ok(text),
            _ => Err(Malformed),
        }
    }

    /// The bytes of a value that has so many.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        self.value.try_into().map_err(|_| Malformed)
    }
}

fn split_name(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// How many of the bytes are the value.
fn size(kind: ElementType, bytes: &[u8]) -> Option<usize> {
    let length = || size_of(*bytes.first_chunk()?);
    match kind {
        ElementType::Null | ElementType::Undefined | ElementType::MinKey | ElementType::MaxKey => {
            Some(0)
        }
        ElementType::Boolean => Some(1),
        ElementType::Int32 => Some(4),
        ElementType::Double
        | ElementType::Int64
        | ElementType::DateTime
        | ElementType::Timestamp => Some(8),
        ElementType::ObjectId => Some(12),
        ElementType::Decimal128 => Some(16),
        ElementType::String | ElementType::Symbol | ElementType::JavaScriptCode => {
            length()?.checked_add(4)
        }
        ElementType::Binary => length()?.checked_add(4 + 1),
        ElementType::DbPointer => length()?.checked_add(4 + 12),
        ElementType::EmbeddedDocument
        | ElementType::Array
        | ElementType::JavaScriptCodeWithScope => length(),
        ElementType::RegularExpression => {
            let (pattern, rest) = split_name(bytes)?;
            let (options, _) = split_name(rest)?;
            Some(pattern.len() + 1 + options.len() + 1)
        }
    }
}

fn size_of(length: [u8; 4]) -> Option<usize> {
    usize::try_from(i32::from_le_bytes(length)).ok()
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::raw::cstr;
    use bson::spec::BinarySubtype;
    use bson::{
        Binary, Bson, DateTime, Document, JavaScriptCodeWithScope, RawDocument, RawDocumentBuf,
        Regex, Timestamp, doc,
    };

    use super::*;

    fn every_kind() -> Document {
        let bytes = Binary {
            subtype: BinarySubtype::Generic,
            bytes: vec![1, 2, 3],
        };
        let scoped = JavaScriptCodeWithScope {
            code: "a".into(),
            scope: doc! { "a": 1 },
        };
        let pattern = Regex {
            pattern: cstr!("a+").into(),
            options: cstr!("i").into(),
        };
        let kinds: Vec<Bson> = vec![
            1.5.into(),
            "text".into(),
            doc! { "a": { "b": [] } }.into(),
            vec![1, 2].into(),
            bytes.into(),
            Bson::Undefined,
            ObjectId::new().into(),
            true.into(),
            DateTime::now().into(),
            Bson::Null,
            pattern.into(),
            Bson::JavaScriptCode("code".into()),
            Bson::Symbol("symbol".into()),
            scoped.into(),
            1.into(),
            Bson::Timestamp(Timestamp {
                time: 1,
                increment: 2,
            }),
            2i64.into(),
            "1.5".parse::<bson::Decimal128>().unwrap().into(),
            Bson::MaxKey,
            Bson::MinKey,
        ];
        let named = kinds.into_iter().enumerate();
        named
            .map(|(number, value)| (format!("key {number}"), value))
            .collect()
    }

    fn read(document: &[u8]) -> Result<Vec<(ElementType, String, usize)>, Malformed> {
        let mut elements = Elements::of(document)?;
        let mut read = Vec::new();
        while let Some(element) = elements.advance()? {
            let key = String::from_utf8_lossy(element.key).into_owned();
            read.push((element.kind, key, element.value.len()));
        }
        Ok(read)
    }

    fn read_by_bson(document: &[u8]) -> Option<Vec<(ElementType, String, usize)>> {
        let elements = RawDocument::from_bytes(document).ok()?.iter_elements();
        let read = elements.map(|element| {
            let element = element.ok()?;
            let key = element.key().as_str().to_owned();
            Some((element.element_type(), key, element.size()))
        });
        read.collect()
    }

    #[test]
    fn they_are_those_that_the_bson_crate_reads() {
        let document = RawDocumentBuf::try_from(&every_kind()).unwrap();
        let elements = read(document.as_bytes()).unwrap();
        assert_eq!(elements.len(), every_kind().len());
        assert_eq!(Some(elements), read_by_bson(document.as_bytes()));
    }

    /// A document of every kind of value with one byte of it changed, for each byte.
    fn damaged(document: Document) -> impl Iterator<Item = Vec<u8>> {
        let document = RawDocumentBuf::try_from(&document).unwrap().into_bytes();
        let changes = (0..document.len()).flat_map(|at| [0, 1, 0x7f, 0xff].map(|byte| (at, byte)));
        changes.map(move |(at, byte)| {
            let mut damaged = document.clone();
            damaged[at] = byte;
            damaged
        })
    }

    #[test]
    fn what_the_bson_crate_reads_is_not_malformed() {
        for document in damaged(every_kind()) {
            if let Some(elements) = read_by_bson(&document) {
                assert_eq!(read(&document).unwrap(), elements, "{document:?}");
            }
        }
    }

    #[test]
    fn what_the_bson_crate_cannot_read_becomes_no_text() {
        let padding = "x".repeat(2000); // makes room for capsules
        let is_scoped = |value: &Bson| matches!(value, Bson::JavaScriptCodeWithScope(_));
        // Its scope is for JavaScript to check, which reads the capsule.
        let kinds = every_kind().into_iter();
        let kinds = kinds.filter(|(_, value)| !is_scoped(value)).collect();
        for document in damaged(kinds) {
            let Ok(raw) = RawDocument::from_bytes(&document) else {
                continue;
            };
            let mut session = RawDocumentBuf::new();
            session.append(cstr!("padding"), padding.as_str());
            session.append(cstr!("damaged"), raw);
            if let Ok(Some(_)) = crate::codec::to_json(&session) {
                assert!(Document::try_from(raw).is_ok(), "{document:?}");
            }
        }
    }

    #[test]
    fn what_was_cut_off_is_malformed() {
        let document = RawDocumentBuf::try_from(&every_kind()).unwrap();
        let document = document.as_bytes();
        for end in 0..document.len() {
            assert!(read(&document[..end]).is_err());
        }
    }
}
