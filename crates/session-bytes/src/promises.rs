//! What holds for any input whatever. The targets in `fuzz/` look for input that breaks it; the
//! tests here try what those have kept.

use bson::RawDocument;

use crate::codec::{from_json, to_json};
use crate::difference::Difference;

/// JSON text → BSON: takes JSON objects only, alone or before paths, and what it made goes back and
/// forth unchanged.
pub fn from_json_holds(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let Ok(session) = from_json(text) else {
        return;
    };
    let taken = text.strip_prefix('[').unwrap_or(text);
    let mut values = serde_json::Deserializer::from_str(taken).into_iter::<serde_json::Value>();
    let value = values.next().expect("nothing is not taken");
    assert!(value.expect("only JSON is taken").is_object());
    to_json_holds(session.as_bytes());
}

/// BSON → JSON text: gives JSON, which is the same session to JavaScript.
pub fn to_json_holds(input: &[u8]) {
    let Ok(stored) = RawDocument::from_bytes(input) else {
        return;
    };
    let Ok(Some(text)) = to_json(stored) else {
        return;
    };
    assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
    let session = from_json(&text).expect("its own text is taken");
    assert_unchanged(stored, &session);
}

/// The difference of two documents, applied to the first, gives the second.
pub fn difference_holds(input: &[u8]) {
    let Some((read, rest)) = split(input) else {
        return;
    };
    let Some((data, rest)) = split(rest) else {
        return;
    };
    let Ok(difference) = Difference::between(read, data) else {
        return;
    };
    let written = difference
        .apply(data, read)
        .expect("what was compared can be read");
    assert_unchanged(data, &written);
    let changes_nothing = difference.set.is_empty() && difference.unset.is_empty();
    if changes_nothing && difference.fits_update() {
        assert!(difference.is_touch());
    }
    // Somebody else may have stored anything meanwhile.
    if let Some((stored, _)) = split(rest) {
        let _ = difference.apply(data, stored);
    }
}

fn assert_unchanged(before: &RawDocument, after: &RawDocument) {
    let difference = Difference::between(before, after).expect("both can be read");
    assert!(difference.set.is_empty() && difference.unset.is_empty());
}

/// The document that the bytes start with, by its own length.
fn split(bytes: &[u8]) -> Option<(&RawDocument, &[u8])> {
    let length = i32::from_le_bytes(*bytes.first_chunk()?);
    let (document, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    Some((RawDocument::from_bytes(document).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn try_corpus(target: &str, promise: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let files = fs::read_dir(corpus.join(target)).expect("the corpus is kept");
        let inputs: Vec<_> = (files)
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert!(!inputs.is_empty());
        inputs.iter().for_each(|input| promise(input));
    }

    #[test]
    fn json_text_to_bson() {
        try_corpus("from_json", from_json_holds);
    }

    #[test]
    fn bson_to_json_text() {
        try_corpus("to_json", to_json_holds);
    }

    #[test]
    fn the_difference_of_two_documents() {
        try_corpus("difference", difference_holds);
    }
    /// `{ "": { "": … } }`, so many levels, and a number innermost.
    fn nested(levels: i32, innermost: u8) -> Vec<u8> {
        const INNERMOST: i32 = 11;
        const LEVEL: i32 = 7;
        let mut bytes = Vec::new();
        for level in (1..=levels).rev() {
            let size = INNERMOST + level * LEVEL;
            bytes.extend(size.to_le_bytes());
            bytes.extend([3, 0]);
        }
        bytes.extend(INNERMOST.to_le_bytes());
        bytes.extend([16, 0, innermost, 0, 0, 0]);
        bytes.resize(bytes.len() + levels as usize + 1, 0);
        bytes
    }

    #[test]
    fn no_nesting_overflows_the_stack() {
        let (one, other) = (nested(200_000, 1), nested(200_000, 2));
        assert!(RawDocument::from_bytes(&one).is_ok());
        to_json_holds(&one);
        difference_holds(&[one.as_slice(), &other, &one].concat());
        from_json_holds("{\"\":".repeat(200_000).as_bytes());
    }
}
