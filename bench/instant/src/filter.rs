//! Whether a document matches a filter.

use crate::bson::{self, DOCUMENT, NULL, Value, elements};
use crate::refusal::Refusal;

/// The ids that a filter names; `None` where it names none.
pub fn ids(filter: &[u8]) -> Option<Vec<Value<'_>>> {
    let id = bson::get(filter, "_id")?;
    let Some(operators) = operators(id) else {
        return Some(vec![id]);
    };
    elements(operators).find_map(|(name, value)| match name {
        b"$eq" => Some(vec![value]),
        b"$in" => Some(elements(value.array()?).map(|(_, id)| id).collect()),
        _ => None,
    })
}

/// A filter's only id, where it has one.
pub fn id(filter: &[u8]) -> Option<Value<'_>> {
    let ids = ids(filter)?;
    (ids.len() == 1).then(|| ids[0])
}

pub fn matches(filter: &[u8], document: &[u8]) -> Result<bool, Refusal> {
    for (path, condition) in elements(filter) {
        let holds = match path {
            b"$or" => any(condition, document)?,
            b"$and" => !any_not(condition, document)?,
            [b'$', ..] => return Err(Refusal::unknown("operator", path)),
            _ => meets(value_at(document, path), condition)?,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any(filters: Value<'_>, document: &[u8]) -> Result<bool, Refusal> {
    for (_, filter) in elements(filters.bytes) {
        if matches(filter.bytes, document)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn any_not(filters: Value<'_>, document: &[u8]) -> Result<bool, Refusal> {
    for (_, filter) in elements(filters.bytes) {
        if !matches(filter.bytes, document)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The value at a dotted path through documents.
fn value_at<'a>(document: &'a [u8], path: &[u8]) -> Option<Value<'a>> {
    let dot = path.iter().position(|byte| *byte == b'.');
    let first = &path[..dot.unwrap_or(path.len())];
    let (_, value) = elements(document).find(|(key, _)| *key == first)?;
    match dot {
        Some(dot) => value_at(value.document()?, &path[dot + 1..]),
        None => Some(value),
    }
}

fn meets(value: Option<Value<'_>>, condition: Value<'_>) -> Result<bool, Refusal> {
    let Some(operators) = operators(condition) else {
        return Ok(is_equal(value, condition));
    };
    for (name, operand) in elements(operators) {
        let order = value.and_then(|value| order(value, operand));
        let holds = match name {
            b"$eq" => is_equal(value, operand),
            b"$in" => elements(operand.bytes).any(|(_, one)| is_equal(value, one)),
            b"$exists" => value.is_some() == operand.is_true(),
            b"$gt" => order.is_some_and(|order| order.is_gt()),
            b"$gte" => order.is_some_and(|order| order.is_ge()),
            b"$lt" => order.is_some_and(|order| order.is_lt()),
            b"$lte" => order.is_some_and(|order| order.is_le()),
            _ => return Err(Refusal::unknown("operator", name)),
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The document of a condition that consists of operators.
fn operators(condition: Value<'_>) -> Option<&[u8]> {
    let is_operator = condition.kind == DOCUMENT && condition.bytes.get(5) == Some(&b'$');
    is_operator.then_some(condition.bytes)
}

fn is_equal(value: Option<Value<'_>>, other: Value<'_>) -> bool {
    match value {
        None => other.kind == NULL,
        Some(value) if value == other => true,
        Some(value) => match (value.number(), other.number()) {
            (Some(one), Some(another)) => one == another,
            _ => false,
        },
    }
}

/// Of dates, and of numbers.
fn order(value: Value<'_>, other: Value<'_>) -> Option<std::cmp::Ordering> {
    match (value.date(), other.date()) {
        (Some(one), Some(another)) => Some(one.cmp(&another)),
        _ => value.number()?.partial_cmp(&other.number()?),
    }
}
