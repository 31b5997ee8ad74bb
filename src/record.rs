//! The record: the stored document of a session, and the difference of two sessions.
//!
//! ```text
//! { _id: <session id>, data: { …the session… }, updatedAt: <date>, expiresAt: <date> }
//! ```

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use mongodb::bson::raw::{CStr, RawElement};
use mongodb::bson::{DateTime, RawArray, RawBsonRef, RawDocument, RawDocumentBuf};

/// MongoDB's limit for one document, in bytes.
pub const MAX_RECORD_SIZE: usize = 16 * 1024 * 1024;

/// The last millisecond that a JavaScript `Date` can hold.
const LAST_DATE: i64 = 8_640_000_000_000_000;

/// The keys by which koa-session keeps the expiry inside the session.
const EXPIRY_KEYS: [&str; 2] = ["_expire", "_maxAge"];

pub fn now() -> DateTime {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    DateTime::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(LAST_DATE))
}

/// When a session written now ends. A lifetime beyond the last date means that date.
pub fn expiry(now: DateTime, lifetime: i64) -> DateTime {
    let end = now.timestamp_millis().saturating_add(lifetime);
    DateTime::from_millis(end.clamp(-LAST_DATE, LAST_DATE))
}

/// The session in a stored document: `None` if it has expired, or if there is none in it. A
/// document without `expiresAt`, such as other stores wrote, has not expired.
pub fn session(record: &RawDocument, now: DateTime) -> Option<&RawDocument> {
    if let Ok(Some(RawBsonRef::DateTime(expires_at))) = record.get("expiresAt")
        && expires_at <= now
    {
        return None;
    }
    match record.get("data") {
        Ok(Some(RawBsonRef::Document(data))) => Some(data),
        _ => None,
    }
}

/// When the session in a stored document ends, in milliseconds since 1970.
pub fn expires_at(record: &RawDocument) -> Option<i64> {
    let expires_at = record.get_datetime("expiresAt").ok()?;
    Some(expires_at.timestamp_millis())
}

/// What a request changed: the top-level keys of `data` to set and to remove.
#[derive(Debug, Default)]
pub struct Difference<'a> {
    pub set: Vec<(&'a CStr, RawBsonRef<'a>)>,
    pub unset: Vec<&'a CStr>,
    /// Whether the kept keys stand in another order than before.
    reordered: bool,
    /// The keys of `set` that are new, in the order of the session.
    added: Vec<&'a str>,
}

impl<'a> Difference<'a> {
    /// Compares what a request read with what it writes. Fails if one of them is malformed.
    pub fn between(
        read: &'a RawDocument,
        data: &'a RawDocument,
    ) -> mongodb::bson::error::Result<Self> {
        let before = read.iter_elements().collect::<Result<Vec<_>, _>>()?;
        let mut places = Places::new(&before);
        let mut difference = Difference::default();
        let mut kept = vec![false; before.len()];
        let mut last_place = 0;
        for element in data.iter_elements() {
            let element = element?;
            let (key, value) = (element.key(), element.value()?);
            let Some(place) = places.find(key) else {
                difference.added.push(key.as_str());
                difference.set.push((key, value));
                continue;
            };
            kept[place] = true;
            difference.reordered |= place < last_place;
            last_place = place;
            if !same(before[place].value()?, value) {
                difference.set.push((key, value));
            }
        }
        difference.unset = (before.iter().zip(kept))
            .filter(|(_, kept)| !kept)
            .map(|(element, _)| element.key())
            .collect();
        Ok(difference)
    }

    /// Nothing changed but koa-session's own expiry.
    pub fn is_touch(&self) -> bool {
        let keys = self.set.iter().map(|(key, _)| key.as_str());
        self.unset.is_empty() && keys.into_iter().all(|key| EXPIRY_KEYS.contains(&key))
    }

    /// Whether the session got another `maxAge`.
    pub fn changes_max_age(&self) -> bool {
        self.set.iter().any(|(key, _)| key.as_str() == "_maxAge")
    }

    /// Whether `$set` and `$unset` can express the difference. They cannot where a dotted path
    /// cannot name a key, nor where the order of the keys would be lost: MongoDB appends new
    /// keys in lexicographic order.
    pub fn fits_update(&self) -> bool {
        let keys = self.set.iter().map(|(key, _)| *key);
        let mut keys = keys.chain(self.unset.iter().copied());
        let added: Vec<_> = (self.added.iter())
            .filter(|key| !is_koa_session_key(key))
            .collect();
        !self.reordered && added.is_sorted() && keys.all(|key| is_path(key.as_str()))
    }

    /// The session as it is stored now, with this difference applied.
    pub fn apply(&self, stored: &RawDocument) -> mongodb::bson::error::Result<RawDocumentBuf> {
        let mut changes: HashMap<&CStr, RawBsonRef<'_>> = self.set.iter().copied().collect();
        let mut merged = RawDocumentBuf::new();
        for element in stored.iter_elements() {
            let element = element?;
            let key = element.key();
            if let Some(value) = changes.remove(key) {
                merged.append(key, value);
            } else if !self.unset.contains(&key) {
                merged.append(key, element.value()?);
            }
        }
        for (key, value) in &self.set {
            if changes.contains_key(key) {
                merged.append(key, *value);
            }
        }
        Ok(merged)
    }
}

/// Finds the place of a key, fast where both sessions have their keys in the same order.
struct Places<'e, 'a> {
    elements: &'e [RawElement<'a>],
    next: usize,
    by_key: Option<HashMap<&'a CStr, usize>>,
}

impl<'e, 'a> Places<'e, 'a> {
    fn new(elements: &'e [RawElement<'a>]) -> Self {
        Places {
            elements,
            next: 0,
            by_key: None,
        }
    }

    fn find(&mut self, key: &CStr) -> Option<usize> {
        if (self.elements.get(self.next)).is_some_and(|element| element.key() == key) {
            self.next += 1;
            return Some(self.next - 1);
        }
        let elements = self.elements;
        let by_key = self.by_key.get_or_insert_with(|| {
            let keys = elements.iter().enumerate();
            keys.map(|(place, element)| (element.key(), place))
                .collect()
        });
        let place = *by_key.get(key)?;
        self.next = place + 1;
        Some(place)
    }
}

/// Equal for JavaScript: to it a stored int64 or double that it reads as 5 is the 5 it writes
/// back as int32.
fn same(a: RawBsonRef<'_>, b: RawBsonRef<'_>) -> bool {
    match (a, b) {
        (RawBsonRef::Document(a), RawBsonRef::Document(b)) => same_elements(a, b),
        (RawBsonRef::Array(a), RawBsonRef::Array(b)) => {
            let documents = (as_document(a), as_document(b));
            matches!(documents, (Ok(a), Ok(b)) if same_elements(a, b))
        }
        (a, b) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
            _ => a == b,
        },
    }
}

fn same_elements(a: &RawDocument, b: &RawDocument) -> bool {
    if a.as_bytes() == b.as_bytes() {
        return true;
    }
    let (mut a, mut b) = (a.iter_elements(), b.iter_elements());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(Ok(a)), Some(Ok(b))) if a.key() == b.key() => match (a.value(), b.value()) {
                (Ok(a), Ok(b)) if same(a, b) => {}
                _ => return false,
            },
            _ => return false,
        }
    }
}

/// An array is a document whose keys are its indices.
fn as_document(array: &RawArray) -> mongodb::bson::error::Result<&RawDocument> {
    RawDocument::from_bytes(array.as_bytes())
}

/// The JavaScript number that a value is read as.
fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Int32(number) => Some(number.into()),
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Int64(number) if number.unsigned_abs() < 1 << 53 => Some(number as f64),
        _ => None,
    }
}

fn is_path(key: &str) -> bool {
    !key.is_empty() && !key.starts_with('$') && !key.contains('.')
}

fn is_koa_session_key(key: &str) -> bool {
    EXPIRY_KEYS.contains(&key) || key == "_session"
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, doc, rawdoc};

    use super::*;

    fn keys(difference: &Difference<'_>) -> (Vec<String>, Vec<String>) {
        let set = difference.set.iter().map(|(key, _)| key.as_str().into());
        let unset = difference.unset.iter().map(|key| key.as_str().into());
        (set.collect(), unset.collect())
    }

    #[test]
    fn only_changed_added_and_removed_keys_differ() {
        let read = rawdoc! { "a": 1, "b": { "x": [1, 2] }, "c": "gone" };
        let data = rawdoc! { "a": 1, "b": { "x": [1, 3] }, "d": true };
        let difference = Difference::between(&read, &data).unwrap();
        assert_eq!(
            keys(&difference),
            (vec!["b".into(), "d".into()], vec!["c".into()])
        );
        assert!(difference.fits_update());
        assert!(!difference.is_touch());
    }

    #[test]
    fn numbers_that_javascript_cannot_tell_apart_are_the_same() {
        let read = rawdoc! { "a": 5i64, "b": { "c": [5.0] }, "d": f64::NAN, "e": -0.0 };
        let data = rawdoc! { "a": 5, "b": { "c": [5] }, "d": f64::NAN, "e": 0 };
        let difference = Difference::between(&read, &data).unwrap();
        assert_eq!(keys(&difference), (vec!["e".into()], vec![]));
    }

    #[test]
    fn a_new_expiry_alone_is_a_touch() {
        let read = rawdoc! { "a": 1, "_expire": 1.0, "_maxAge": 2 };
        let data = rawdoc! { "a": 1, "_expire": 2.0, "_maxAge": 3 };
        assert!(Difference::between(&read, &data).unwrap().is_touch());
        assert!(Difference::between(&read, &read).unwrap().is_touch());
        let signed_out = rawdoc! { "_expire": 2.0, "_maxAge": 3 };
        assert!(!Difference::between(&read, &signed_out).unwrap().is_touch());
    }

    #[test]
    fn what_an_update_cannot_express_is_noticed() {
        let read = rawdoc! { "a": 1, "b": 2 };
        let fits = |data: RawDocumentBuf| Difference::between(&read, &data).unwrap().fits_update();
        assert!(fits(
            rawdoc! { "a": 1, "b": 3, "c": 1, "d": 1, "_expire": 1.0 }
        ));
        assert!(!fits(rawdoc! { "a": 1, "b": 2, "d": 1, "c": 1 }));
        assert!(!fits(rawdoc! { "b": 2, "a": 1 }));
        for key in ["x.y", "$x", ""] {
            let mut data = read.clone();
            data.append(<&CStr>::try_from(key).unwrap(), 1);
            assert!(!fits(data), "{key:?}");
        }
    }

    #[test]
    fn applying_a_difference_keeps_what_others_changed() {
        let read = rawdoc! { "a": 1, "b": 2, "c": 3 };
        let data = rawdoc! { "a": 1, "c": 4, "z": 1, "x.y": 2 };
        let stored = rawdoc! { "a": 9, "b": 2, "c": 3, "other": true };
        let difference = Difference::between(&read, &data).unwrap();
        let merged = difference.apply(&stored).unwrap();
        assert_eq!(
            Document::try_from(merged).unwrap(),
            doc! { "a": 9, "c": 4, "other": true, "z": 1, "x.y": 2 }
        );
    }

    #[test]
    fn an_expired_session_is_none() {
        let at = DateTime::from_millis;
        let record = rawdoc! { "_id": "x", "data": { "a": 1 }, "expiresAt": at(1000) };
        assert!(session(&record, at(999)).is_some());
        assert!(session(&record, at(1000)).is_none());
        assert!(session(&rawdoc! { "_id": "x", "data": { "a": 1 } }, at(1)).is_some());
        assert!(session(&rawdoc! { "_id": "x", "data": "text" }, at(1)).is_none());
        assert!(session(&rawdoc! { "_id": "x" }, at(1)).is_none());
    }

    #[test]
    fn an_expiry_beyond_all_dates_is_the_last_date() {
        assert_eq!(expiry(now(), i64::MAX).timestamp_millis(), LAST_DATE);
    }
}
