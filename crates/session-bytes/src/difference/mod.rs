//! The difference of two sessions: what a request changed.

mod javascript;
#[cfg(test)]
mod model;

use std::collections::{HashMap, HashSet};

use bson::raw::{CStr, RawElement, cstr};
use bson::{RawBsonRef, RawDocument, RawDocumentBuf};

use javascript::{elements, is_defined, same};

/// The keys by which koa-session keeps the expiry inside the session: `_session` stands in the
/// place of the other two.
const EXPIRY_KEYS: [&CStr; 3] = [cstr!("_expire"), cstr!("_maxAge"), cstr!("_session")];

/// What a request changed: the top-level keys of `data` to set and to remove.
#[derive(Debug, Default)]
pub struct Difference<'a> {
    pub set: Vec<(&'a CStr, RawBsonRef<'a>)>,
    pub unset: Vec<&'a CStr>,
    /// Whether the keys would stand in another order than the session has them in, if MongoDB
    /// changed those that are there and appended the new ones in lexicographic order.
    reordered: bool,
    /// Whether a key stands there more than once: MongoDB would change the first of them only.
    repeated: bool,
}

impl<'a> Difference<'a> {
    /// Compares what a request read with what it writes. Fails if one of them is malformed.
    pub fn between(read: &'a RawDocument, data: &'a RawDocument) -> bson::error::Result<Self> {
        let (before, repeated_before) = elements(read)?;
        let (mut after, repeated) = elements(data)?;
        after.retain(is_defined);
        let mut places = Places::new(&before);
        let mut order = Order::default();
        let mut difference = Difference::default();
        let mut kept = vec![false; before.len()];
        for element in &after {
            let (key, value) = (element.key(), element.value()?);
            let place = places.find(key);
            if !EXPIRY_KEYS.contains(&key) {
                order.next(key, place);
            }
            let unchanged = match place {
                Some(place) => same(before[place].value()?, value),
                None => false,
            };
            if let Some(place) = place {
                kept[place] = true;
            }
            if !unchanged {
                difference.set.push((key, value));
            }
        }
        let gone = (before.iter().zip(kept)).filter(|(element, kept)| !kept && is_defined(element));
        difference.unset = gone.map(|(element, _)| element.key()).collect();
        difference.reordered = order.is_lost;
        difference.repeated = repeated_before || repeated;
        Ok(difference)
    }

    /// Adds what differs from another state that the session may be in: one that the same request
    /// is still writing.
    pub fn add(&mut self, other: Difference<'a>) {
        let known: HashSet<&CStr> = self.set.iter().map(|(key, _)| *key).collect();
        let set = other.set.into_iter();
        self.set.extend(set.filter(|(key, _)| !known.contains(key)));
        let known: HashSet<&CStr> = self.unset.iter().copied().collect();
        let unset = other.unset.into_iter();
        self.unset.extend(unset.filter(|key| !known.contains(key)));
        self.reordered |= other.reordered;
        self.repeated |= other.repeated;
    }

    /// Nothing changed but `_expire`.
    pub fn is_new_expiry(&self) -> bool {
        self.changes_only(&EXPIRY_KEYS[..1])
    }

    /// Nothing changed but `_expire` and `_maxAge`.
    pub fn is_touch(&self) -> bool {
        self.changes_only(&EXPIRY_KEYS[..2])
    }

    fn changes_only(&self, keys: &[&CStr]) -> bool {
        let mut set = self.set.iter().map(|(key, _)| key);
        !self.reordered && self.unset.is_empty() && set.all(|key| keys.contains(key))
    }

    /// A new expiry is written whole: of two requests that set different kinds of it, the later
    /// one's is there afterwards, not some of each.
    pub fn complete_expiry(&mut self, data: &'a RawDocument) {
        let set = self.set.iter().map(|(key, _)| key);
        if !set.chain(&self.unset).any(|key| EXPIRY_KEYS.contains(key)) {
            return;
        }
        for key in EXPIRY_KEYS {
            self.set.retain(|(known, _)| *known != key);
            self.unset.retain(|known| *known != key);
            match data.get(key) {
                Ok(Some(value)) => self.set.push((key, value)),
                _ => self.unset.push(key),
            }
        }
    }

    /// Whether `$set` and `$unset` can express the difference. They cannot where a dotted path
    /// cannot name a key, nor where the order of the keys would be lost, nor where a key repeats.
    pub fn fits_update(&self) -> bool {
        let set = self.set.iter().map(|(key, _)| key);
        !self.reordered && !self.repeated && set.chain(&self.unset).all(|key| is_path(key))
    }

    /// The session as it is stored now, with this difference applied: the keys in the order of
    /// `data`, which the difference comes from, then those that others added.
    pub fn apply(
        &self,
        data: &RawDocument,
        stored: &RawDocument,
    ) -> bson::error::Result<RawDocumentBuf> {
        let changed: HashMap<&CStr, RawBsonRef<'_>> = self.set.iter().copied().collect();
        let removed: HashSet<&CStr> = self.unset.iter().copied().collect();
        let (stored, _) = elements(stored)?;
        let (mut data, _) = elements(data)?;
        data.retain(is_defined);
        let mut others: HashMap<&CStr, &RawElement<'_>> = (stored.iter())
            .map(|element| (element.key(), element))
            .collect();
        let mut merged = RawDocumentBuf::new();
        for element in &data {
            let key = element.key();
            let kept = others.remove(key);
            match (changed.get(key), kept) {
                (Some(value), _) => merged.append(key, *value),
                (None, Some(kept)) => merged.append(key, kept.value()?),
                (None, None) => {} // somebody else removed it
            }
        }
        for element in &stored {
            let key = element.key();
            if others.contains_key(key) && !removed.contains(key) {
                merged.append(key, element.value()?);
            }
        }
        Ok(merged)
    }
}

/// Follows the keys of a session in their order, and notices when an update would lose it.
#[derive(Default)]
struct Order<'a> {
    last_place: usize,
    last_added: Option<&'a CStr>,
    is_lost: bool,
}

impl<'a> Order<'a> {
    /// `place` is where the key stood before; `None` for a new one.
    fn next(&mut self, key: &'a CStr, place: Option<usize>) {
        match place {
            Some(place) => {
                self.is_lost |= place < self.last_place || self.last_added.is_some();
                self.last_place = place;
            }
            None => {
                self.is_lost |=
                    (self.last_added).is_some_and(|last| !is_appended_before(last, key));
                self.last_added = Some(key);
            }
        }
    }
}

/// Whether MongoDB appends one new key before another: since version 5.0 in lexicographic order. Keys
/// that both begin with a digit it may compare by their length first (`9` before `11`, but also
/// `3dSecure` before `2faVerified`), which not every server does: what they come to is not predicted.
fn is_appended_before(one: &CStr, other: &CStr) -> bool {
    let begins_with_digit = |key: &CStr| {
        key.as_str()
            .starts_with(|first: char| first.is_ascii_digit())
    };
    one < other && !(begins_with_digit(one) && begins_with_digit(other))
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

/// Whether a dotted path can name the key.
pub fn is_path(key: &CStr) -> bool {
    let key = key.as_str();
    !key.is_empty() && !key.starts_with('$') && !key.contains('.')
}

#[cfg(test)]
mod tests {
    use bson::{Document, RawBson, doc, rawdoc};

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
        let read =
            rawdoc! { "a": 5i64, "b": { "c": [5.0] }, "d": f64::NAN, "f": 1i64 << 53, "e": -0.0 };
        let data =
            rawdoc! { "a": 5, "b": { "c": [5] }, "d": -f64::NAN, "f": 2f64.powi(53), "e": 0 };
        let difference = Difference::between(&read, &data).unwrap();
        assert_eq!(keys(&difference), (vec!["e".into()], vec![]));
    }

    #[test]
    fn another_order_of_the_keys_is_no_touch() {
        let (read, data) = (rawdoc! { "a": 1, "b": 1 }, rawdoc! { "b": 1, "a": 1 });
        let difference = Difference::between(&read, &data).unwrap();
        assert!(!difference.is_new_expiry() && !difference.is_touch());
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
        assert!(!fits(rawdoc! { "a": 1, "aa": 1, "b": 2 }));
        for key in ["x.y", "$x", ""] {
            let mut data = read.clone();
            data.append(<&CStr>::try_from(key).unwrap(), 1);
            assert!(!fits(data), "{key:?}");
        }
    }

    #[test]
    fn where_koa_session_puts_its_own_keys_does_not_matter() {
        let read = rawdoc! { "a": 1, "_expire": 1.0, "_maxAge": 2, "b": 2 };
        let data = rawdoc! { "a": 1, "b": 2, "_expire": 2.0, "_maxAge": 2 };
        let difference = Difference::between(&read, &data).unwrap();
        assert!(difference.fits_update() && difference.is_new_expiry());
    }

    #[test]
    fn an_expiry_is_written_whole() {
        let read = rawdoc! { "a": 1, "_expire": 1.0, "_maxAge": 2 };
        let touched = rawdoc! { "a": 1, "_expire": 2.0, "_maxAge": 2 };
        let mut difference = Difference::between(&read, &touched).unwrap();
        difference.complete_expiry(&touched);
        let expiry = vec!["_expire".to_owned(), "_maxAge".to_owned()];
        assert_eq!(keys(&difference), (expiry.clone(), vec!["_session".into()]));
        let of_the_browser = rawdoc! { "a": 1, "_session": true };
        let mut difference = Difference::between(&read, &of_the_browser).unwrap();
        difference.complete_expiry(&of_the_browser);
        assert_eq!(keys(&difference), (vec!["_session".into()], expiry));
    }

    #[test]
    fn what_is_still_being_written_differs_too() {
        let (read, writing) = (
            rawdoc! { "a": 1, "b": 1 },
            rawdoc! { "a": 2, "b": 1, "c": 1 },
        );
        let data = rawdoc! { "a": 1, "b": 2 };
        let mut difference = Difference::between(&read, &data).unwrap();
        difference.add(Difference::between(&writing, &data).unwrap());
        let set = vec!["b".to_owned(), "a".to_owned()];
        assert_eq!(keys(&difference), (set, vec!["c".into()]));
    }

    #[test]
    fn of_a_repeated_key_the_last_counts_and_one_is_written() {
        let mut read = rawdoc! { "a": 1, "b": 1 };
        read.append(cstr!("a"), 2);
        let unchanged = rawdoc! { "a": 2, "b": 1 };
        let difference = Difference::between(&read, &unchanged).unwrap();
        assert_eq!(keys(&difference), (vec![], vec![]));
        let data = rawdoc! { "a": 3, "b": 1 };
        let difference = Difference::between(&read, &data).unwrap();
        assert_eq!(keys(&difference), (vec!["a".into()], vec![]));
        assert!(!difference.fits_update());
        assert_eq!(difference.apply(&data, &read).unwrap(), data);
        let data = rawdoc! { "b": 1 };
        let difference = Difference::between(&read, &data).unwrap();
        assert_eq!(keys(&difference), (vec![], vec!["a".into()]));
    }

    #[test]
    fn what_javascript_reads_as_undefined_is_left_alone() {
        let read = rawdoc! { "a": RawBson::Undefined, "b": 1 };
        let unchanged = rawdoc! { "b": 1 };
        let difference = Difference::between(&read, &unchanged).unwrap();
        assert_eq!(keys(&difference), (vec![], vec![]));
        assert_eq!(
            difference.apply(&unchanged, &read).unwrap().iter().count(),
            2
        );
        let difference = Difference::between(&unchanged, &read).unwrap();
        assert_eq!(keys(&difference), (vec![], vec![]));
        // MongoDB would set it in its old place.
        let data = rawdoc! { "b": 1, "a": 2 };
        let difference = Difference::between(&read, &data).unwrap();
        assert_eq!(keys(&difference), (vec!["a".into()], vec![]));
        assert!(!difference.fits_update());
        assert_eq!(difference.apply(&data, &read).unwrap(), data);
    }

    #[test]
    fn array_indices_as_keys_are_where_javascript_has_them() {
        let read = rawdoc! { "a": 1, "1": 1, "b": 1 };
        let data = rawdoc! { "1": 1, "a": 1, "b": 2, "c": 1 };
        let difference = Difference::between(&read, &data).unwrap();
        assert_eq!(keys(&difference), (vec!["b".into(), "c".into()], vec![]));
        assert!(difference.fits_update());
    }

    #[test]
    fn applying_a_difference_keeps_what_others_changed() {
        let read = rawdoc! { "a": 1, "b": 2, "c": 3 };
        let data = rawdoc! { "a": 1, "c": 4, "z": 1, "x.y": 2 };
        let stored = rawdoc! { "a": 9, "b": 2, "c": 3, "other": true };
        let difference = Difference::between(&read, &data).unwrap();
        let merged = difference.apply(&data, &stored).unwrap();
        assert_eq!(
            Document::try_from(merged).unwrap(),
            doc! { "a": 9, "c": 4, "z": 1, "x.y": 2, "other": true }
        );
    }
}
