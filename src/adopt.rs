//! Documents that other stores wrote, and what becomes of them.
//!
//! | written by                                          | document                                    |
//! |-----------------------------------------------------|---------------------------------------------|
//! | koa-session-mongoose, a `sessionStore.js` on Mongoose | `{ _id, data, updatedAt }`                |
//! | connect-mongo                                       | `{ _id, session, expires, lastModified? }`  |
//!
//! `session` is an object, or its JSON text. Where an application of both kinds is running, a document may
//! be of two kinds at once: a request of the former store ended after the document had been adopted.

use mongodb::bson::{DateTime, RawBsonRef, RawDocument, RawDocumentBuf};

use crate::codec::{self, CodecError};
use crate::record;

/// Which documents are adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Those that have to be before an index on `updatedAt` can go. It would remove too early what
    /// gains an `updatedAt` only now: the others wait until it is gone.
    Mongoose,
    All,
}

/// What holds for all documents of a collection.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub now: DateTime,
    /// Milliseconds that a session lives whose end nobody knows.
    pub lifetime: i64,
    /// Milliseconds after `updatedAt` at which the former store's index ends sessions.
    pub ends_after: Option<i64>,
}

/// What becomes of a document.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is this store's own.
    Own,
    Adopt(Adoption),
    Leave(Reason),
}

/// What a document is to hold. Fields that only other stores have are removed.
#[derive(Debug, PartialEq)]
pub struct Adoption {
    /// `None`: that which it has.
    pub data: Option<RawDocumentBuf>,
    /// `None`: that which it has.
    pub updated_at: Option<DateTime>,
    pub expires_at: DateTime,
}

/// Why a document is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The session is text that is no JSON object: it is encrypted, or the application's own.
    Unreadable,
    /// The session is nothing that this store, or MongoDB, takes.
    Unfit,
    /// There is no session in it.
    Other,
    /// It was changed by somebody else each time when it was to be adopted.
    Busy,
}

pub fn judge(record: &RawDocument, terms: &Terms) -> Verdict {
    let session = record.get("session").ok().flatten();
    let data = record.get_document("data").ok();
    let expires_at = record.get_datetime("expiresAt").ok();
    if matches!(record.get(record::MOVED), Ok(Some(_))) {
        return Verdict::Own; // the mark of a session that was moved to the hash of its id
    }
    match (session, data, expires_at) {
        (Some(_), Some(data), Some(expires_at)) if is_newer(record, data) => {
            tidy(record, expires_at)
        }
        (Some(session), _, _) => {
            let adoption =
                session_of(session).and_then(|session| of_connect_mongo(record, &session, terms));
            adoption.map_or_else(Verdict::Leave, Verdict::Adopt)
        }
        (None, Some(_), Some(expires_at)) if has_date(record, "expires") => {
            tidy(record, expires_at)
        }
        (None, Some(_), Some(_)) => Verdict::Own,
        (None, Some(data), None) => Verdict::Adopt(of_mongoose(record, data, terms)),
        (None, None, _) => Verdict::Leave(Reason::Other),
    }
}

/// Only what the former store has written since is to go. It may have let the session live longer.
fn tidy(record: &RawDocument, expires_at: DateTime) -> Verdict {
    let expires = record.get_datetime("expires").ok();
    Verdict::Adopt(Adoption {
        data: None,
        updated_at: None,
        expires_at: expires.map_or(expires_at, |expires| expires.max(expires_at)),
    })
}

/// Whether koa-session has written the session after connect-mongo had. Its marks are in no session
/// that was only adopted.
fn is_newer(record: &RawDocument, data: &RawDocument) -> bool {
    let has = |key| matches!(data.get(key), Ok(Some(_)));
    let date = |key| record.get_datetime(key).ok();
    let is_older = matches!(
        (date("updatedAt"), date("lastModified")),
        (Some(updated), Some(modified)) if modified > updated
    );
    (has("_expire") || has("_session")) && !is_older
}

fn of_mongoose(record: &RawDocument, data: &RawDocument, terms: &Terms) -> Adoption {
    let updated_at = record.get_datetime("updatedAt").ok();
    let by_index = updated_at.zip(terms.ends_after);
    let expires_at = match (by_index, number(data.get("_expire"))) {
        (Some((updated_at, ends_after)), _) => record::expiry(updated_at, ends_after),
        (None, Some(end)) => record::expiry(DateTime::from_millis(0), end),
        (None, None) => record::expiry(terms.now, terms.lifetime),
    };
    Adoption {
        data: None,
        updated_at: updated_at.is_none().then_some(terms.now),
        expires_at,
    }
}

fn of_connect_mongo(
    record: &RawDocument,
    session: &RawDocument,
    terms: &Terms,
) -> Result<Adoption, Reason> {
    let date = |key| record.get_datetime(key).ok();
    let modified = date("lastModified");
    let updated_at = modified.or(date("updatedAt")).unwrap_or(terms.now);
    let cookie = session.get_document("cookie").ok();
    let end_of_cookie = cookie.and_then(|cookie| end_of(cookie, updated_at));
    let end = date("expires").or(end_of_cookie);
    Ok(Adoption {
        data: Some(without_cookie(session)?),
        updated_at: Some(updated_at),
        expires_at: match end {
            Some(end) => record::expiry(end, 0),
            None => record::expiry(terms.now, terms.lifetime),
        },
    })
}

/// When a cookie of express-session ends.
fn end_of(cookie: &RawDocument, since: DateTime) -> Option<DateTime> {
    let expires = match cookie.get("expires") {
        Ok(Some(RawBsonRef::DateTime(date))) => Some(date),
        Ok(Some(RawBsonRef::String(text))) => DateTime::parse_rfc3339_str(text).ok(),
        _ => None,
    };
    let max_age = number(cookie.get("originalMaxAge"));
    expires.or_else(|| max_age.map(|max_age| record::expiry(since, max_age)))
}

/// The session in connect-mongo's `session`.
fn session_of(session: RawBsonRef<'_>) -> Result<RawDocumentBuf, Reason> {
    let session = match session {
        RawBsonRef::Document(session) => session.to_owned(),
        RawBsonRef::String(text) => codec::from_plain_json(text).map_err(|error| match error {
            CodecError::TooDeep | CodecError::NulInKey => Reason::Unfit,
            CodecError::NotAnObject | CodecError::Malformed => Reason::Unreadable,
        })?,
        _ => return Err(Reason::Unreadable),
    };
    match is_encrypted(&session) {
        true => Err(Reason::Unreadable),
        false => Ok(session),
    }
}

/// connect-mongo's `crypto` wrote its ciphertext as JSON until its version 5.
fn is_encrypted(session: &RawDocument) -> bool {
    let is_text = |key| session.get_str(key).is_ok();
    let has_cookie = matches!(session.get("cookie"), Ok(Some(_)));
    !has_cookie && ["ct", "iv", "hmac"].into_iter().all(is_text)
}

fn without_cookie(session: &RawDocument) -> Result<RawDocumentBuf, Reason> {
    let mut data = RawDocumentBuf::new();
    for element in session.iter() {
        let (key, value) = element.map_err(|_| Reason::Unfit)?;
        if key.as_str() != "cookie" {
            data.append(key, value);
        }
    }
    Ok(data)
}

fn has_date(record: &RawDocument, key: &str) -> bool {
    record.get_datetime(key).is_ok()
}

/// A number of milliseconds.
fn number<E>(value: Result<Option<RawBsonRef<'_>>, E>) -> Option<i64> {
    match value.ok().flatten()? {
        RawBsonRef::Int32(number) => Some(number.into()),
        RawBsonRef::Int64(number) => Some(number),
        RawBsonRef::Double(number) if number.is_finite() => Some(number as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawBson, rawdoc};

    use super::*;

    const NOW: i64 = 1_700_000_000_000;
    const HOUR: i64 = 3_600_000;

    fn at(millis: i64) -> DateTime {
        DateTime::from_millis(millis)
    }

    fn terms(ends_after: Option<i64>) -> Terms {
        Terms {
            now: at(NOW),
            lifetime: 24 * HOUR,
            ends_after,
        }
    }

    fn adopted(record: &RawDocument) -> Adoption {
        match judge(record, &terms(None)) {
            Verdict::Adopt(adoption) => adoption,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_session_of_connect_mongo_becomes_data_without_its_cookie() {
        let text = r#"{"cookie":{"originalMaxAge":1000,"expires":"2001-01-01T00:00:00.000Z"},"a":{"b":[1]},"c":null}"#;
        let object = rawdoc! { "cookie": {}, "a": { "b": [1] }, "c": null };
        for session in [RawBson::from(text), RawBson::from(object)] {
            let record = rawdoc! { "_id": "x", "session": session, "expires": at(NOW + HOUR) };
            let data = Some(rawdoc! { "a": { "b": [1] }, "c": null });
            let (updated_at, expires_at) = (Some(at(NOW)), at(NOW + HOUR));
            assert_eq!(
                adopted(&record),
                Adoption {
                    data,
                    updated_at,
                    expires_at
                }
            );
        }
    }

    #[test]
    fn it_ends_as_the_document_says_else_the_cookie_else_after_the_lifetime() {
        let end = |cookie: &str, dates: RawDocumentBuf| {
            let mut record = rawdoc! { "_id": "x", "session": format!(r#"{{"cookie":{cookie}}}"#) };
            for (key, value) in dates.iter().flatten() {
                record.append(key, value);
            }
            adopted(&record).expires_at.timestamp_millis()
        };
        let cookie = r#"{"expires":"2023-11-14T22:13:21.000Z","originalMaxAge":5000}"#;
        assert_eq!(end(cookie, rawdoc! { "expires": at(5) }), 5);
        assert_eq!(end(cookie, rawdoc! {}), NOW + 1000);
        let age = r#"{"expires":null,"originalMaxAge":5000}"#;
        assert_eq!(end(age, rawdoc! { "lastModified": at(70) }), 5070);
        assert_eq!(end(age, rawdoc! {}), NOW + 5000);
        assert_eq!(
            end(r#"{"originalMaxAge":null}"#, rawdoc! {}),
            NOW + 24 * HOUR
        );
        assert_eq!(
            end("7", rawdoc! { "lastModified": at(70) }),
            NOW + 24 * HOUR
        );
        assert_eq!(
            end("7", rawdoc! { "expires": at(i64::MAX) }),
            record::LAST_DATE
        );
    }

    #[test]
    fn it_was_written_when_connect_mongo_said_so() {
        let updated_at = |dates: RawDocumentBuf| {
            let mut record = rawdoc! { "_id": "x", "session": "{}" };
            for (key, value) in dates.iter().flatten() {
                record.append(key, value);
            }
            adopted(&record).updated_at.unwrap()
        };
        assert_eq!(updated_at(rawdoc! {}), at(NOW));
        assert_eq!(updated_at(rawdoc! { "updatedAt": at(3) }), at(3));
        assert_eq!(
            updated_at(rawdoc! { "updatedAt": at(3), "lastModified": at(4) }),
            at(4)
        );
    }

    #[test]
    fn what_cannot_be_read_or_stored_is_left_with_the_reason() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(102), "}".repeat(102));
        for (session, reason) in [
            (RawBson::from("q83v"), Reason::Unreadable),
            (RawBson::from(r#""text""#), Reason::Unreadable),
            (RawBson::from("[1]"), Reason::Unreadable),
            (
                RawBson::from(r#"{"hmac":"a","ct":"b","iv":"c"}"#),
                Reason::Unreadable,
            ),
            (RawBson::from(7), Reason::Unreadable),
            (RawBson::from(r#"{"a\u0000":1}"#), Reason::Unfit),
            (RawBson::from(deep), Reason::Unfit),
        ] {
            let record = rawdoc! { "_id": "x", "session": session, "expires": at(1) };
            assert_eq!(judge(&record, &terms(None)), Verdict::Leave(reason));
        }
        let record = rawdoc! { "_id": "x", "sid": "a" };
        assert_eq!(judge(&record, &terms(None)), Verdict::Leave(Reason::Other));
        let like =
            rawdoc! { "_id": "x", "session": r#"{"hmac":"a","ct":"b","iv":"c","cookie":{}}"# };
        assert_eq!(
            adopted(&like).data,
            Some(rawdoc! { "hmac": "a", "ct": "b", "iv": "c" })
        );
    }

    #[test]
    fn a_session_of_mongoose_ends_when_its_index_would_have_ended_it() {
        let end = |record: RawDocumentBuf, ends_after| match judge(&record, &terms(ends_after)) {
            Verdict::Adopt(adoption) => {
                assert_eq!(adoption.data, None);
                (adoption.updated_at, adoption.expires_at.timestamp_millis())
            }
            other => panic!("{other:?}"),
        };
        let record = || rawdoc! { "_id": "x", "data": { "_expire": 9e3 }, "updatedAt": at(1000) };
        assert_eq!(end(record(), Some(HOUR)), (None, 1000 + HOUR));
        assert_eq!(end(record(), None), (None, 9000));
        let record = || rawdoc! { "_id": "x", "data": {}, "updatedAt": at(1000) };
        assert_eq!(end(record(), None), (None, NOW + 24 * HOUR));
        let record = rawdoc! { "_id": "x", "data": {} };
        assert_eq!(end(record, Some(HOUR)), (Some(at(NOW)), NOW + 24 * HOUR));
    }

    #[test]
    fn what_is_adopted_is_left_alone() {
        let own =
            rawdoc! { "_id": "x", "data": { "a": 1 }, "updatedAt": at(1), "expiresAt": at(2) };
        assert_eq!(judge(&own, &terms(Some(HOUR))), Verdict::Own);
    }

    #[test]
    fn of_two_writes_the_later_one_is_kept_and_what_ends_later() {
        let both = |data: RawDocumentBuf, modified: i64| {
            adopted(&rawdoc! {
                "_id": "x", "data": data, "updatedAt": at(10), "expiresAt": at(1000),
                "session": r#"{"b":1}"#, "expires": at(2000), "lastModified": at(modified),
            })
        };
        let later = Some(rawdoc! { "b": 1 });
        assert_eq!(both(rawdoc! { "a": 1 }, 5).data, later);
        assert_eq!(both(rawdoc! { "_expire": 1 }, 11).data, later);
        let kept = both(rawdoc! { "_session": true }, 5);
        assert_eq!((kept.data, kept.expires_at), (None, at(2000)));
        let touched = rawdoc! {
            "_id": "x", "data": {}, "updatedAt": at(1), "expiresAt": at(9), "expires": at(3),
        };
        assert_eq!(adopted(&touched).expires_at, at(9));
    }
}
