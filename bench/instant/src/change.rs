//! What an update makes of a document.

use crate::bson::{self, Value, elements};
use crate::refusal::Refusal;

/// What is to become of the value at a path: another one, or none.
struct Step<'a> {
    path: &'a [u8],
    value: Option<Value<'a>>,
}

impl<'a> Step<'a> {
    /// The same from within the value under a key, where its path leads there.
    fn within(&self, key: &[u8]) -> Option<Step<'a>> {
        let rest = self.path.strip_prefix(key)?.strip_prefix(b".")?;
        Some(Step {
            path: rest,
            value: self.value,
        })
    }

    fn first_key(&self) -> &'a [u8] {
        let dot = self.path.iter().position(|byte| *byte == b'.');
        &self.path[..dot.unwrap_or(self.path.len())]
    }
}

/// Writes what the document is after the change. `is_new`: `document` holds only the id, and is yet to
/// be stored.
pub fn apply(
    change: Value<'_>,
    document: &[u8],
    is_new: bool,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let Some(change) = change.document() else {
        return Err(Refusal::unknown("update", b"a pipeline"));
    };
    if change.get(5) != Some(&b'$') {
        replace(change, document, out);
        return Ok(());
    }
    let mut steps = Vec::new();
    for (operator, operands) in elements(change) {
        match operator {
            b"$set" => steps.extend(steps_to(operands, Some)),
            b"$setOnInsert" if is_new => steps.extend(steps_to(operands, Some)),
            b"$setOnInsert" => {}
            b"$unset" => steps.extend(steps_to(operands, |_| None)),
            _ => return Err(Refusal::unknown("operator", operator)),
        }
    }
    write_changed(document, &steps, out);
    Ok(())
}

fn steps_to<'a>(
    operands: Value<'a>,
    value: impl Fn(Value<'a>) -> Option<Value<'a>>,
) -> impl Iterator<Item = Step<'a>> {
    elements(operands.bytes).map(move |(path, operand)| Step {
        path,
        value: value(operand),
    })
}

/// The new document under the old one's id.
fn replace(replacement: &[u8], document: &[u8], out: &mut Vec<u8>) {
    let start = bson::begin(out);
    if let Some(id) = bson::get(document, "_id") {
        bson::put(out, b"_id", id);
    }
    for (key, value) in elements(replacement).filter(|(key, _)| *key != b"_id") {
        bson::put(out, key, value);
    }
    bson::end(out, start);
}

fn write_changed(document: &[u8], steps: &[Step<'_>], out: &mut Vec<u8>) {
    let start = bson::begin(out);
    for (key, value) in elements(document) {
        match steps.iter().find(|step| step.first_key() == key) {
            None => bson::put(out, key, value),
            Some(step) if step.path == key => {
                if let Some(value) = step.value {
                    bson::put(out, key, value);
                }
            }
            Some(_) => write_changed_within(key, value.document(), steps, out),
        }
    }
    let is_there = |key| elements(document).any(|(name, _)| name == key);
    for (place, step) in steps.iter().enumerate() {
        let key = step.first_key();
        let is_done = steps[..place]
            .iter()
            .any(|former| former.first_key() == key);
        match step.value {
            Some(value) if !is_done && !is_there(key) => match step.path == key {
                true => bson::put(out, key, value),
                false => write_changed_within(key, None, steps, out),
            },
            _ => {}
        }
    }
    bson::end(out, start);
}

/// The document under a key, made where there is none, with those steps that lead into it.
fn write_changed_within(
    key: &[u8],
    document: Option<&[u8]>,
    steps: &[Step<'_>],
    out: &mut Vec<u8>,
) {
    const EMPTY: &[u8] = &[5, 0, 0, 0, 0];
    let within: Vec<Step<'_>> = steps.iter().filter_map(|step| step.within(key)).collect();
    out.push(bson::DOCUMENT);
    out.extend_from_slice(key);
    out.push(0);
    write_changed(document.unwrap_or(EMPTY), &within, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bson::{DOCUMENT, begin, begin_document, end, put_int32, put_text};

    fn document(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        let start = begin(&mut out);
        write(&mut out);
        end(&mut out, start);
        out
    }

    fn within(out: &mut Vec<u8>, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let start = begin_document(out, key.as_bytes());
        write(out);
        end(out, start);
    }

    fn changed(document: &[u8], change: &[u8], is_new: bool) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        let change = Value {
            kind: DOCUMENT,
            bytes: change,
        };
        apply(change, document, is_new, &mut out).map(|()| out)
    }

    fn stored() -> Vec<u8> {
        document(|out| {
            put_text(out, "_id", b"a");
            within(out, "data", |out| {
                put_int32(out, "kept", 1);
                put_int32(out, "set", 2);
                put_int32(out, "gone", 3);
            });
        })
    }

    #[test]
    fn paths_lead_into_documents_and_make_them() {
        let change = document(|out| {
            within(out, "$set", |out| {
                put_int32(out, "data.set", 20);
                put_int32(out, "data.new", 4);
                put_int32(out, "more.deep.value", 5);
            });
            within(out, "$unset", |out| put_text(out, "data.gone", b""));
            within(out, "$setOnInsert", |out| put_int32(out, "made", 6));
        });
        let expected = document(|out| {
            put_text(out, "_id", b"a");
            within(out, "data", |out| {
                put_int32(out, "kept", 1);
                put_int32(out, "set", 20);
                put_int32(out, "new", 4);
            });
            within(out, "more", |out| {
                within(out, "deep", |out| put_int32(out, "value", 5));
            });
        });
        assert_eq!(changed(&stored(), &change, false), Ok(expected));
    }

    #[test]
    fn a_replacement_keeps_the_id() {
        let change = document(|out| put_int32(out, "all", 1));
        let expected = document(|out| {
            put_text(out, "_id", b"a");
            put_int32(out, "all", 1);
        });
        assert_eq!(changed(&stored(), &change, false), Ok(expected));
    }

    #[test]
    fn a_new_document_gets_what_only_those_get() {
        let blank = document(|out| put_text(out, "_id", b"a"));
        let change = document(|out| {
            within(out, "$setOnInsert", |out| put_int32(out, "made", 6));
        });
        let expected = document(|out| {
            put_text(out, "_id", b"a");
            put_int32(out, "made", 6);
        });
        assert_eq!(changed(&blank, &change, true), Ok(expected));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let change = document(|out| {
            within(out, "$inc", |out| put_int32(out, "data.set", 1));
        });
        let refused = Refusal::unknown("operator", b"$inc");
        assert_eq!(changed(&stored(), &change, false), Err(refused));
    }
}
