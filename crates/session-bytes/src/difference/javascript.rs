//! Documents as JavaScript has them: what it only writes in another way than it read is the same.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bson::error::Result;
use bson::raw::{CStr, RawElement};
use bson::spec::ElementType;
use bson::{RawArray, RawBsonRef, RawDocument};

use crate::codec::MAX_DEPTH;

/// The elements in the order of JavaScript: first the keys that are array indices, ascending. Of
/// several with one key it keeps the value of the last, in the place of the first. Tells whether
/// there are such.
pub fn elements(document: &RawDocument) -> Result<(Vec<RawElement<'_>>, bool)> {
    let mut elements = Vec::new();
    let mut places = HashMap::new();
    let mut repeated = false;
    for element in document.iter_elements() {
        let element = element?;
        match places.entry(element.key()) {
            Entry::Vacant(place) => {
                place.insert(elements.len());
                elements.push(element);
            }
            Entry::Occupied(place) => {
                elements[*place.get()] = element;
                repeated = true;
            }
        }
    }
    let order = |element: &RawElement<'_>| array_index(element.key()).unwrap_or(u32::MAX);
    if !elements.is_sorted_by_key(order) {
        elements.sort_by_key(order);
    }
    Ok((elements, repeated))
}

/// A whole number below 2^32 - 1, as JavaScript writes it.
fn array_index(key: &CStr) -> Option<u32> {
    let digits = key.as_str();
    if digits != "0" && !digits.starts_with(|first| matches!(first, '1'..='9')) {
        return None;
    }
    digits.parse().ok().filter(|index| *index != u32::MAX)
}

/// JavaScript reads `undefined`, and writes it as if there were no such key.
pub fn is_defined(element: &RawElement<'_>) -> bool {
    element.element_type() != ElementType::Undefined
}

/// Whether JavaScript would write one where it has read the other. To it a stored int64 or double
/// that it reads as 5 is the 5 it writes back as int32. What nests too deeply for a session differs.
pub fn same(a: RawBsonRef<'_>, b: RawBsonRef<'_>) -> bool {
    same_values(a, b, 0)
}

fn same_values(a: RawBsonRef<'_>, b: RawBsonRef<'_>, depth: usize) -> bool {
    use RawBsonRef::{Array, Document, JavaScriptCodeWithScope, RegularExpression};
    match (a, b) {
        (Document(a), Document(b)) => same_documents(a, b, depth + 1),
        (Array(a), Array(b)) => same_arrays(a, b, depth + 1),
        (JavaScriptCodeWithScope(a), JavaScriptCodeWithScope(b)) => {
            a.code == b.code && same_documents(a.scope, b.scope, depth + 1)
        }
        (RegularExpression(a), RegularExpression(b)) => {
            a.pattern == b.pattern && flags(a.options) == flags(b.options)
        }
        (a, b) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            _ => a == b || text(a).is_some_and(|a| text(b) == Some(a)),
        },
    }
}

fn same_documents(a: &RawDocument, b: &RawDocument, depth: usize) -> bool {
    if a.as_bytes() == b.as_bytes() {
        return true;
    }
    if depth > MAX_DEPTH {
        return false;
    }
    // All keys first: each value is then compared once, however deep documents nest.
    if have_same_keys(a, b) {
        return same_elements(a.iter_elements(), b.iter_elements(), |a, b| {
            same_values(a, b, depth)
        });
    }
    let (Ok((mut a, _)), Ok((mut b, _))) = (elements(a), elements(b)) else {
        return false;
    };
    a.retain(is_defined);
    b.retain(is_defined);
    let mut keys = a.iter().zip(&b).map(|(a, b)| a.key() == b.key());
    a.len() == b.len()
        && keys.all(|same| same)
        && same_elements(a.into_iter().map(Ok), b.into_iter().map(Ok), |a, b| {
            same_values(a, b, depth)
        })
}

/// The keys of an array are its indices; what they really are does not matter.
fn same_arrays(a: &RawArray, b: &RawArray, depth: usize) -> bool {
    if a.as_bytes() == b.as_bytes() {
        return true;
    }
    let documents = (
        RawDocument::from_bytes(a.as_bytes()),
        RawDocument::from_bytes(b.as_bytes()),
    );
    let (Ok(a), Ok(b)) = documents else {
        return false;
    };
    // Where JavaScript has read `undefined` it writes null.
    let item = |value| match value {
        RawBsonRef::Undefined => RawBsonRef::Null,
        value => value,
    };
    depth <= MAX_DEPTH
        && same_elements(a.iter_elements(), b.iter_elements(), |a, b| {
            same_values(item(a), item(b), depth)
        })
}

fn have_same_keys(a: &RawDocument, b: &RawDocument) -> bool {
    let (mut a, mut b) = (a.iter_elements(), b.iter_elements());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(Ok(a)), Some(Ok(b))) if a.key() == b.key() => {}
            _ => return false,
        }
    }
}

fn same_elements<'a>(
    mut a: impl Iterator<Item = Result<RawElement<'a>>>,
    mut b: impl Iterator<Item = Result<RawElement<'a>>>,
    same: impl Fn(RawBsonRef<'a>, RawBsonRef<'a>) -> bool,
) -> bool {
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(Ok(a)), Some(Ok(b))) => match (a.value(), b.value()) {
                (Ok(a), Ok(b)) if same(a, b) => {}
                _ => return false,
            },
            _ => return false,
        }
    }
}

/// The JavaScript number that a value is read as.
fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Int32(number) => Some(number.into()),
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Int64(number) if number.unsigned_abs() <= 1 << 53 => Some(number as f64),
        _ => None,
    }
}

/// The JavaScript string that a value is read as.
fn text(value: RawBsonRef<'_>) -> Option<&str> {
    match value {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Some(text),
        _ => None,
    }
}

/// The options that a JavaScript regular expression has flags for.
fn flags(options: &CStr) -> [bool; 3] {
    ['i', 'm', 's'].map(|option| options.as_str().contains(option))
}

#[cfg(test)]
mod tests {
    use bson::raw::cstr;
    use bson::{RawBson, RawDocumentBuf, RawJavaScriptCodeWithScope, Regex, rawdoc};

    use super::super::model::{assert_same, document};
    use super::*;

    #[test]
    fn array_indices_come_first() {
        let keys = "b 10 2 01 4294967295 4294967294 0 +1 a".split(' ');
        let session = document(keys.map(|key| (key, 1)));
        let (elements, repeated) = elements(&session).unwrap();
        let ordered: Vec<_> = (elements.iter())
            .map(|element| element.key().as_str())
            .collect();
        assert_eq!(ordered.join(" "), "0 2 10 4294967294 b 01 4294967295 +1 a");
        assert!(!repeated);
    }

    #[test]
    fn the_order_of_keys_is_that_of_javascript() {
        let stored = rawdoc! { "n": { "b": 1, "10": [1i64], "2": 3, "a": 4 } };
        for (written, expected) in [
            (rawdoc! { "2": 3, "10": [1], "b": 1, "a": 4 }, true),
            (rawdoc! { "2": 3, "10": [1], "a": 4, "b": 1 }, false),
            (rawdoc! { "2": 3, "10": [2], "b": 1, "a": 4 }, false),
            (rawdoc! { "2": 3, "10": [1], "b": 1 }, false),
        ] {
            assert_same(&stored, &rawdoc! { "n": written }, expected);
        }
    }

    #[test]
    fn of_a_repeated_key_the_last_value_is_in_the_first_place() {
        let stored = rawdoc! { "n": document([("a", 1), ("b", 1), ("a", 2)]) };
        assert_same(&stored, &rawdoc! { "n": { "a": 2, "b": 1 } }, true);
        assert_same(&stored, &rawdoc! { "n": { "a": 1, "b": 1 } }, false);
        assert_same(&stored, &rawdoc! { "n": { "b": 1, "a": 2 } }, false);
    }

    #[test]
    fn undefined_is_no_key_in_a_document_and_null_in_an_array() {
        let stored = rawdoc! { "a": RawBson::Undefined, "b": 1 };
        assert_same(&stored, &rawdoc! { "b": 1 }, true);
        assert_same(&stored, &rawdoc! { "a": RawBson::Null, "b": 1 }, false);
        let stored = rawdoc! { "a": [RawBson::Undefined, 1] };
        assert_same(&stored, &rawdoc! { "a": [RawBson::Null, 1] }, true);
        assert_same(&stored, &rawdoc! { "a": [1] }, false);
    }

    #[test]
    fn a_symbol_is_a_string() {
        let stored = rawdoc! { "a": [RawBson::Symbol("x".into())] };
        assert_same(&stored, &rawdoc! { "a": ["x"] }, true);
        assert_same(&stored, &rawdoc! { "a": ["y"] }, false);
    }

    #[test]
    fn regular_expressions_have_three_flags_in_any_order() {
        let expression = |pattern: &str, options: &str| {
            let (pattern, options) = (pattern.try_into().unwrap(), options.try_into().unwrap());
            rawdoc! { "a": Regex { pattern, options } }
        };
        assert_same(&expression("a", "imsx"), &expression("a", "ism"), true);
        assert_same(&expression("a", "i"), &expression("a", "m"), false);
        assert_same(&expression("a", ""), &expression("b", ""), false);
    }

    #[test]
    fn the_scope_of_code_is_a_document() {
        let code = |code: &str, scope: RawDocumentBuf| {
            let code = code.into();
            rawdoc! { "a": RawBson::JavaScriptCodeWithScope(RawJavaScriptCodeWithScope { code, scope }) }
        };
        let stored = code("f()", rawdoc! { "n": 5i64 });
        assert_same(&stored, &code("f()", rawdoc! { "n": 5 }), true);
        assert_same(&stored, &code("f()", rawdoc! { "n": 6 }), false);
        assert_same(&stored, &code("g()", rawdoc! { "n": 5i64 }), false);
    }

    #[test]
    fn documents_of_any_depth_are_compared_in_no_time() {
        let nested = |keys: [&CStr; 2]| {
            (1..MAX_DEPTH).fold(rawdoc! {}, |inner, _| {
                let mut outer = rawdoc! { "inner": inner };
                keys.iter().for_each(|key| outer.append(*key, 1));
                outer
            })
        };
        let (one, other) = (cstr!("1"), cstr!("2"));
        assert_same(&nested([one, other]), &nested([other, one]), true);
    }
}
