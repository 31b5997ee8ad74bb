//! The record: the stored document of a session.
//!
//! ```text
//! { _id: <session id>, data: { …the session… }, updatedAt: <date>, expiresAt: <date> }
//! ```
//!
//! With `timestamps` there is also `createdAt: <date>`. With `hashIds`, `pending` or `moved` stands in a
//! record while its session is moved to its hashed id (`batch/home.rs`).

use std::time::{SystemTime, UNIX_EPOCH};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{DateTime, RawBsonRef, RawDocument, RawDocumentBuf};

/// MongoDB's limit for one document, in bytes.
pub const MAX_RECORD_SIZE: usize = 16 * 1024 * 1024;

/// The last millisecond of the year 9999: the last date that every driver reads. To those for Python
/// and C#, and to servers in these languages, no later year exists.
pub const LAST_DATE: i64 = 253_402_300_799_999;

/// `{ attempt, former }`: the session is not here yet, but under its former id. This attempt to move it has
/// put here what it is to be.
pub const PENDING: &CStr = cstr!("pending");

/// The session was here, and is not any more: this attempt has moved it.
pub const MOVED: &CStr = cstr!("moved");

/// In what stands under [`PENDING`].
pub const ATTEMPT: &CStr = cstr!("pending.attempt");
pub const FORMER: &CStr = cstr!("pending.former");

/// What stands under [`PENDING`].
pub fn pending(attempt: ObjectId, former: &str) -> RawDocumentBuf {
    let mut pending = RawDocumentBuf::new();
    pending.append(cstr!("attempt"), attempt);
    pending.append(cstr!("former"), former);
    pending
}

/// The attempt that has put here what is pending.
pub fn attempt_of(pending: RawBsonRef<'_>) -> Option<ObjectId> {
    pending.as_document()?.get_object_id("attempt").ok()
}

/// Under which id the session is still, or was, that is pending in this record.
pub fn former_of(record: &RawDocument) -> Option<&str> {
    let pending = record.get(PENDING).ok().flatten()?;
    pending.as_document()?.get_str("former").ok()
}

pub fn now() -> DateTime {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    DateTime::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(LAST_DATE))
}

/// When a session written now ends. A lifetime beyond the last date means that date; one that is over
/// before 1970 is over.
pub fn expiry(now: DateTime, lifetime: i64) -> DateTime {
    let end = now.timestamp_millis().saturating_add(lifetime);
    DateTime::from_millis(end.clamp(0, LAST_DATE))
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

/// The size in bytes of the stored document of a session that takes so many.
pub fn size(id: &str, session: usize) -> usize {
    /// Lengths, types, keys and ends of the record and its four elements, and the two dates.
    const AROUND: usize = 59;
    AROUND + id.len() + session
}

/// What `createdAt` adds to that: type, key and date.
pub const CREATED_AT_SIZE: usize = 19;

/// When the session in a stored document ends, in milliseconds since 1970.
pub fn expires_at(record: &RawDocument) -> Option<i64> {
    let expires_at = record.get_datetime("expiresAt").ok()?;
    Some(expires_at.timestamp_millis())
}

/// When it was written last, in milliseconds since 1970.
pub fn updated_at(record: &RawDocument) -> Option<i64> {
    let updated_at = record.get_datetime("updatedAt").ok()?;
    Some(updated_at.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::rawdoc;

    use super::*;

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
    fn the_size_is_that_of_the_stored_document() {
        let session = rawdoc! { "a": 1 };
        let at = DateTime::from_millis(1);
        let record =
            rawdoc! { "_id": "id", "data": session.clone(), "updatedAt": at, "expiresAt": at };
        assert_eq!(
            size("id", session.as_bytes().len()),
            record.as_bytes().len()
        );
        let mut dated = record.clone();
        dated.append(cstr!("createdAt"), at);
        let added = dated.as_bytes().len() - record.as_bytes().len();
        assert_eq!(added, CREATED_AT_SIZE);
    }

    #[test]
    fn an_expiry_beyond_all_dates_is_the_last_date() {
        assert_eq!(expiry(now(), i64::MAX).timestamp_millis(), LAST_DATE);
        assert_eq!(expiry(now(), LAST_DATE).timestamp_millis(), LAST_DATE);
        let before = LAST_DATE - 1 - now().timestamp_millis();
        assert!(expiry(now(), before).timestamp_millis() >= LAST_DATE - 1);
        assert_eq!(expiry(now(), i64::MIN).timestamp_millis(), 0);
        let at = DateTime::from_millis(5);
        assert_eq!(expiry(at, -3), DateTime::from_millis(2));
    }
}
