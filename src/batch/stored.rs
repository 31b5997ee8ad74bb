//! What is stored of a session: the session, or with `encryption` the same sealed.

use std::borrow::Cow;

use mongodb::bson::{RawDocument, RawDocumentBuf};

use crate::collection::{Pending, StoredSession};
use crate::difference::Difference;
use crate::error::{Code, Failure};
use crate::seal::lookup::Lookup;
use crate::seal::{SealError, Sealer, has_sealed, sealed_size};

/// A stored session as its request sees it.
pub struct Opened<'a> {
    pub session: Cow<'a, RawDocument>,
    /// Whether it is stored as it would be now.
    pub is_current: bool,
}

/// Opens `data` of a record.
pub fn open<'a>(
    sealer: Option<&Sealer>,
    record: &RawDocument,
    data: &'a RawDocument,
) -> Result<Opened<'a>, Failure> {
    let Some(sealer) = sealer else {
        if has_sealed(data) {
            return Err(SealError::NoKeys.into());
        }
        return Ok(Opened {
            session: Cow::Borrowed(data),
            is_current: true,
        });
    };
    // Of an id that is no string no value was ever sealed.
    let id = record.get_str("_id").unwrap_or_default();
    let lookup = record.get_document("lookup").ok();
    let opened = sealer.of(id).open(data, lookup)?;
    Ok(Opened {
        session: Cow::Owned(opened.session),
        is_current: opened.is_current,
    })
}

/// The session as it is to be stored under this id.
pub fn seal<'a>(
    sealer: Option<&Sealer>,
    id: &str,
    session: Cow<'a, RawDocument>,
) -> Result<StoredSession<'a>, Failure> {
    let Some(sealer) = sealer else {
        return Ok(StoredSession {
            data: session,
            lookup: None,
            pending: Pending::Unmentioned,
        });
    };
    let mut seal = sealer.of(id);
    Ok(StoredSession {
        data: Cow::Owned(seal.seal(&session)?),
        lookup: Some(seal.lookups(&session)),
        pending: Pending::Unmentioned,
    })
}

/// The values that a difference sets, sealed: each under its key.
pub fn seal_changed(
    sealer: &Sealer,
    id: &str,
    difference: &Difference<'_>,
) -> Result<RawDocumentBuf, Failure> {
    let changed: RawDocumentBuf = difference.set.iter().copied().collect();
    Ok(sealer.of(id).seal(&changed)?)
}

/// The lookups that a difference changes.
pub fn changed_lookups<'a>(
    sealer: &'a Sealer,
    id: &'a str,
    difference: &Difference<'_>,
) -> Vec<Lookup<'a>> {
    let seal = sealer.of(id);
    let set = difference
        .set
        .iter()
        .map(|(key, value)| (*key, Some(*value)));
    let unset = difference.unset.iter().map(|key| (*key, None));
    let changed = set.chain(unset);
    let lookups = changed.flat_map(|(key, value)| seal.changed_lookups(key, value));
    lookups.collect()
}

/// How many bytes the session takes as it is stored, without its lookups.
pub fn size(sealer: Option<&Sealer>, session: &RawDocument) -> usize {
    match sealer {
        Some(_) => sealed_size(session),
        None => session.as_bytes().len(),
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        match error {
            SealError::UnknownKey(_)
            | SealError::UnknownVersion
            | SealError::Altered
            | SealError::NoKeys => {
                let message = format!("the stored session cannot be decrypted: {error}");
                Failure::new(Code::Decrypt, message)
            }
            SealError::Malformed => {
                Failure::new(Code::SessionValue, "the stored session is malformed")
            }
            SealError::NoRandomness => {
                let message = format!("the session cannot be encrypted: {error}");
                Failure::new(Code::Server, message)
            }
        }
    }
}
