//! `update`, `delete` and `findAndModify`.

use crate::bson::{self, Value, get};
use crate::change;
use crate::data::Collection;
use crate::filter;
use crate::numbers::{Executed, Outcome};
use crate::refusal::Refusal;

/// What the statements of a command have done, for its answer.
#[derive(Default)]
struct Tally<'a> {
    found: i32,
    changed: i32,
    inserted: Vec<(usize, Value<'a>)>,
    repeated: Vec<usize>,
    refused: Vec<(usize, Refusal)>,
}

pub fn update(
    statements: &[&[u8]],
    collection: &mut Collection,
    executed: Option<&mut Executed>,
    out: &mut Vec<u8>,
) {
    let mut scratch = Vec::new();
    let tally = execute(statements, executed, |statement| {
        update_one(statement, collection, &mut scratch)
    });
    bson::put_int32(out, "n", tally.found);
    bson::put_int32(out, "nModified", tally.changed);
    if !tally.inserted.is_empty() {
        let list = bson::begin_array(out, "upserted");
        for (number, (place, id)) in tally.inserted.iter().enumerate() {
            let one = bson::begin_document(out, bson::place(number).as_bytes());
            bson::put_int32(out, "index", *place as i32);
            bson::put(out, b"_id", *id);
            bson::end(out, one);
        }
        bson::end(out, list);
    }
    put_rest(&tally, out);
}

pub fn delete(
    statements: &[&[u8]],
    collection: &mut Collection,
    executed: Option<&mut Executed>,
    out: &mut Vec<u8>,
) {
    let tally = execute(statements, executed, |statement| {
        delete_one(statement, collection)
    });
    bson::put_int32(out, "n", tally.found);
    put_rest(&tally, out);
}

/// Every statement, unless it was executed under this number before. One that is refused stops no other:
/// the stores that send several say `ordered: false`.
fn execute<'a>(
    statements: &[&'a [u8]],
    mut executed: Option<&mut Executed>,
    mut one: impl FnMut(&'a [u8]) -> Result<Outcome, Refusal>,
) -> Tally<'a> {
    let mut tally = Tally::default();
    for (place, statement) in statements.iter().enumerate() {
        let before = executed
            .as_ref()
            .and_then(|executed| executed.outcome(place));
        if before.is_some() {
            tally.repeated.push(place);
        }
        let outcome = match before.map_or_else(|| one(statement), Ok) {
            Ok(outcome) => outcome,
            Err(refusal) => {
                tally.refused.push((place, refusal));
                continue;
            }
        };
        if let Some(executed) = executed.as_deref_mut() {
            executed.note(place, outcome);
        }
        tally.found += i32::from(outcome != Outcome::NotFound);
        tally.changed += i32::from(outcome == Outcome::Changed);
        if let (Outcome::Inserted, Some(id)) = (outcome, filter::id(filter_of(statement))) {
            tally.inserted.push((place, id));
        }
    }
    tally
}

fn put_rest(tally: &Tally<'_>, out: &mut Vec<u8>) {
    if !tally.refused.is_empty() {
        let list = bson::begin_array(out, "writeErrors");
        for (number, (place, refusal)) in tally.refused.iter().enumerate() {
            let one = bson::begin_document(out, bson::place(number).as_bytes());
            bson::put_int32(out, "index", *place as i32);
            bson::put_int32(out, "code", refusal.code());
            bson::put_text(out, "errmsg", refusal.message().as_bytes());
            bson::end(out, one);
        }
        bson::end(out, list);
    }
    if !tally.repeated.is_empty() {
        let list = bson::begin_array(out, "retriedStmtIds");
        for (number, place) in tally.repeated.iter().enumerate() {
            let number = bson::place(number);
            let key = std::str::from_utf8(number.as_bytes()).unwrap_or_default();
            bson::put_int32(out, key, *place as i32);
        }
        bson::end(out, list);
    }
}

fn filter_of(statement: &[u8]) -> &[u8] {
    let filter = get(statement, "q").and_then(Value::document);
    filter.expect("a statement has a filter")
}

fn update_one(
    statement: &[u8],
    collection: &mut Collection,
    scratch: &mut Vec<u8>,
) -> Result<Outcome, Refusal> {
    let change = get(statement, "u").expect("an update has a change");
    let upsert = get(statement, "upsert").is_some_and(Value::is_true);
    change_one(filter_of(statement), change, upsert, collection, scratch)
}

/// Afterwards `scratch` holds the document as it was, where one was found.
fn change_one(
    filter: &[u8],
    change: Value<'_>,
    upsert: bool,
    collection: &mut Collection,
    scratch: &mut Vec<u8>,
) -> Result<Outcome, Refusal> {
    scratch.clear();
    if let Some(document) = collection.find_one(filter)? {
        change::apply(change, document, false, scratch)?;
        std::mem::swap(document, scratch);
        return Ok(match document == scratch {
            true => Outcome::Unchanged,
            false => Outcome::Changed,
        });
    }
    let id = filter::id(filter).ok_or(Refusal::NoId)?;
    if !upsert {
        return Ok(Outcome::NotFound);
    }
    if collection.has(id) {
        return Err(Refusal::Duplicate);
    }
    let mut blank = Vec::new();
    let start = bson::begin(&mut blank);
    bson::put(&mut blank, b"_id", id);
    bson::end(&mut blank, start);
    let mut document = Vec::new();
    change::apply(change, &blank, true, &mut document)?;
    collection.insert(id, document);
    Ok(Outcome::Inserted)
}

fn delete_one(statement: &[u8], collection: &mut Collection) -> Result<Outcome, Refusal> {
    let filter = filter_of(statement);
    if collection.find_one(filter)?.is_none() {
        return Ok(Outcome::NotFound);
    }
    if let Some(id) = filter::id(filter) {
        collection.remove(id);
    }
    Ok(Outcome::Changed)
}

pub fn find_and_modify(
    command: &[u8],
    collection: &mut Collection,
    executed: Option<&mut Executed>,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    if let Some(answer) = executed.as_ref().and_then(|known| known.answer.as_ref()) {
        out.extend_from_slice(answer);
        return Ok(());
    }
    let start = out.len();
    let filter = get(command, "query")
        .and_then(Value::document)
        .ok_or(Refusal::NoId)?;
    let change = get(command, "update").ok_or(Refusal::unknown("option", b"remove"))?;
    let is = |option| get(command, option).is_some_and(Value::is_true);
    let mut before = Vec::new();
    let outcome = change_one(filter, change, is("upsert"), collection, &mut before)?;
    let now = match is("new") {
        true => collection
            .find_one(filter)?
            .map(|document| document.as_slice()),
        false => None,
    };
    let value = match (is("new"), outcome) {
        (true, _) => now,
        (false, Outcome::Changed | Outcome::Unchanged) => Some(before.as_slice()),
        (false, _) => None,
    };
    let last = bson::begin_document(out, b"lastErrorObject");
    bson::put_int32(out, "n", i32::from(outcome != Outcome::NotFound));
    let is_update = matches!(outcome, Outcome::Changed | Outcome::Unchanged);
    bson::put_bool(out, "updatedExisting", is_update);
    if let (Outcome::Inserted, Some(id)) = (outcome, filter::id(filter)) {
        bson::put(out, b"upserted", id);
    }
    bson::end(out, last);
    match value {
        Some(bytes) => {
            let kind = bson::DOCUMENT;
            bson::put(out, b"value", Value { kind, bytes });
        }
        None => bson::put_null(out, "value"),
    }
    if let Some(executed) = executed {
        executed.answer = Some(out[start..].to_vec());
    }
    Ok(())
}
