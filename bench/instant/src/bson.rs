//! BSON as bytes: read where it lies, written to the end of a buffer.

pub const DOUBLE: u8 = 0x01;
pub const STRING: u8 = 0x02;
pub const DOCUMENT: u8 = 0x03;
pub const ARRAY: u8 = 0x04;
pub const BOOL: u8 = 0x08;
pub const DATE: u8 = 0x09;
pub const NULL: u8 = 0x0A;
pub const INT32: u8 = 0x10;
pub const INT64: u8 = 0x12;

/// A value: its type, and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    pub kind: u8,
    pub bytes: &'a [u8],
}

impl<'a> Value<'a> {
    pub fn number(self) -> Option<f64> {
        match self.kind {
            DOUBLE => Some(f64::from_le_bytes(self.bytes.try_into().ok()?)),
            INT32 => Some(f64::from(i32::from_le_bytes(self.bytes.try_into().ok()?))),
            INT64 => Some(i64::from_le_bytes(self.bytes.try_into().ok()?) as f64),
            _ => None,
        }
    }

    /// As MongoDB takes a truth: `true`, or a number that is not 0.
    pub fn is_true(self) -> bool {
        match self.kind {
            BOOL => self.bytes[0] != 0,
            _ => self.number().is_some_and(|number| number != 0.0),
        }
    }

    pub fn date(self) -> Option<i64> {
        (self.kind == DATE).then(|| i64::from_le_bytes(eight(self.bytes)))
    }

    pub fn int64(self) -> Option<i64> {
        (self.kind == INT64).then(|| i64::from_le_bytes(eight(self.bytes)))
    }

    pub fn text(self) -> Option<&'a [u8]> {
        (self.kind == STRING).then(|| &self.bytes[4..self.bytes.len() - 1])
    }

    pub fn document(self) -> Option<&'a [u8]> {
        (self.kind == DOCUMENT).then_some(self.bytes)
    }

    pub fn array(self) -> Option<&'a [u8]> {
        (self.kind == ARRAY).then_some(self.bytes)
    }
}

fn eight(bytes: &[u8]) -> [u8; 8] {
    bytes.try_into().expect("eight bytes")
}

pub fn int32_at(bytes: &[u8], place: usize) -> usize {
    let four = bytes[place..place + 4].try_into().expect("four bytes");
    i32::from_le_bytes(four) as usize
}

/// The elements of a document or an array.
pub fn elements(document: &[u8]) -> Elements<'_> {
    Elements {
        rest: &document[4..document.len() - 1],
    }
}

pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, rest) = self.rest.split_first()?;
        let end = length_of_text(rest);
        let (key, rest) = (&rest[..end], &rest[end + 1..]);
        let (bytes, rest) = rest.split_at(size(kind, rest));
        self.rest = rest;
        Some((key, Value { kind, bytes }))
    }
}

/// How long a text is that a zero byte ends.
pub fn length_of_text(bytes: &[u8]) -> usize {
    let zero = bytes.iter().position(|byte| *byte == 0);
    zero.expect("a zero byte ends a key")
}

fn size(kind: u8, bytes: &[u8]) -> usize {
    match kind {
        DOUBLE | DATE | INT64 | 0x11 => 8,
        STRING | 0x0D | 0x0E => 4 + int32_at(bytes, 0),
        DOCUMENT | ARRAY | 0x0F => int32_at(bytes, 0),
        0x05 => 5 + int32_at(bytes, 0),
        0x07 => 12,
        BOOL => 1,
        0x06 | NULL | 0x7F | 0xFF => 0,
        0x0B => {
            let pattern = length_of_text(bytes) + 1;
            pattern + length_of_text(&bytes[pattern..]) + 1
        }
        0x0C => 4 + int32_at(bytes, 0) + 12,
        INT32 => 4,
        0x13 => 16,
        other => panic!("BSON has no type {other:#x}"),
    }
}

/// A value of a document, by its key.
pub fn get<'a>(document: &'a [u8], key: &str) -> Option<Value<'a>> {
    let mut all = elements(document);
    all.find(|(name, _)| *name == key.as_bytes())
        .map(|(_, value)| value)
}

/// Begins a document at the end of a buffer; `end` needs what this returns.
pub fn begin(out: &mut Vec<u8>) -> usize {
    out.extend([0; 4]);
    out.len() - 4
}

pub fn end(out: &mut Vec<u8>, start: usize) {
    out.push(0);
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

pub fn put(out: &mut Vec<u8>, key: &[u8], value: Value<'_>) {
    put_key(out, value.kind, key);
    out.extend_from_slice(value.bytes);
}

fn put_key(out: &mut Vec<u8>, kind: u8, key: &[u8]) {
    out.push(kind);
    out.extend_from_slice(key);
    out.push(0);
}

pub fn put_int32(out: &mut Vec<u8>, key: &str, number: i32) {
    put_key(out, INT32, key.as_bytes());
    out.extend(number.to_le_bytes());
}

pub fn put_int64(out: &mut Vec<u8>, key: &str, number: i64) {
    put_key(out, INT64, key.as_bytes());
    out.extend(number.to_le_bytes());
}

pub fn put_double(out: &mut Vec<u8>, key: &str, number: f64) {
    put_key(out, DOUBLE, key.as_bytes());
    out.extend(number.to_le_bytes());
}

pub fn put_date(out: &mut Vec<u8>, key: &str, milliseconds: i64) {
    put_key(out, DATE, key.as_bytes());
    out.extend(milliseconds.to_le_bytes());
}

pub fn put_bool(out: &mut Vec<u8>, key: &str, is_true: bool) {
    put_key(out, BOOL, key.as_bytes());
    out.push(u8::from(is_true));
}

pub fn put_null(out: &mut Vec<u8>, key: &str) {
    put_key(out, NULL, key.as_bytes());
}

pub fn put_text(out: &mut Vec<u8>, key: &str, text: &[u8]) {
    put_key(out, STRING, key.as_bytes());
    out.extend((text.len() as u32 + 1).to_le_bytes());
    out.extend_from_slice(text);
    out.push(0);
}

/// Begins a document in a document; ends as `begin` does.
pub fn begin_document(out: &mut Vec<u8>, key: &[u8]) -> usize {
    put_key(out, DOCUMENT, key);
    begin(out)
}

pub fn begin_array(out: &mut Vec<u8>, key: &str) -> usize {
    put_key(out, ARRAY, key.as_bytes());
    begin(out)
}

/// The key of a place in an array: its number.
pub fn place(number: usize) -> Place {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return Place { digits, start };
        }
    }
}

pub struct Place {
    digits: [u8; 20],
    start: usize,
}

impl Place {
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}
