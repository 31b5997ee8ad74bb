//! A session as a whole, and what a write changes of it.

use mongodb::bson::raw::CStr;
use mongodb::bson::spec::ElementType;
use mongodb::bson::{RawBson, RawBsonRef, RawDocument, RawDocumentBuf};
use ring::aead::{LessSafeKey, NONCE_LEN};
use ring::rand::SecureRandom;

use super::lookup::Lookup;
use super::value::{self, Places, SUBTYPE, Sealed};
use super::{SealError, Sealer};
use crate::codec::{Element, Elements};

/// So many nonces are asked of the system at once.
const NONCES: usize = 16;

/// koa-session's own keys stay readable: a touch renews the expiry of a session that it has not read.
fn is_plain(key: &[u8]) -> bool {
    matches!(key, b"_expire" | b"_maxAge" | b"_session")
}

/// A session that was opened.
pub struct Opened {
    pub session: RawDocumentBuf,
    /// Whether all of it is stored as it would be now: sealed, under the first key, with its lookups.
    pub is_current: bool,
}

/// The sealer at work on one session: the keys that are derived for it, once they are needed.
pub struct SessionSeal<'a> {
    sealer: &'a Sealer,
    id: &'a str,
    places: Places,
    keys: Vec<Option<LessSafeKey>>,
    nonces: [u8; NONCES * NONCE_LEN],
    /// How many of them are left.
    left: usize,
}

impl<'a> SessionSeal<'a> {
    pub(super) fn new(sealer: &'a Sealer, id: &'a str) -> Self {
        SessionSeal {
            sealer,
            id,
            places: Places::of(id),
            keys: sealer.keys.iter().map(|_| None).collect(),
            nonces: [0; NONCES * NONCE_LEN],
            left: 0,
        }
    }

    /// The session with all its values sealed.
    pub fn seal(&mut self, session: &RawDocument) -> Result<RawDocumentBuf, SealError> {
        let mut out = Vec::with_capacity(sealed_size(session));
        out.extend_from_slice(&[0; 4]);
        let mut elements = elements(session.as_bytes())?;
        while let Some(element) = advance(&mut elements)? {
            if is_plain(element.key) {
                append(&mut out, element.kind as u8, element.key);
                out.extend_from_slice(element.value);
            } else {
                append(&mut out, ElementType::Binary as u8, element.key);
                self.append_sealed(&mut out, &element)?;
            }
        }
        finish(out)
    }

    /// Opens what is sealed of the stored session; the rest is read as it is. `lookups` are those stored
    /// beside it.
    pub fn open(
        &mut self,
        stored: &RawDocument,
        lookups: Option<&RawDocument>,
    ) -> Result<Opened, SealError> {
        let mut out = Vec::with_capacity(stored.as_bytes().len());
        out.extend_from_slice(&[0; 4]);
        let mut is_current = true;
        let mut elements = elements(stored.as_bytes())?;
        while let Some(element) = advance(&mut elements)? {
            let sealed = sealed_bytes(&element).filter(|_| !is_plain(element.key));
            match sealed {
                Some(sealed) => {
                    let kind = out.len();
                    append(&mut out, 0, element.key);
                    let key;
                    (out[kind], key) = self.append_opened(&mut out, sealed, element.key)?;
                    is_current &= key == 0;
                }
                None => {
                    append(&mut out, element.kind as u8, element.key);
                    out.extend_from_slice(element.value);
                    is_current &= is_plain(element.key);
                }
            }
        }
        let session = finish(out)?;
        is_current = is_current && self.has_lookups(&session, lookups);
        Ok(Opened {
            session,
            is_current,
        })
    }

    /// What is to stand beside the session, whole.
    pub fn lookups(&self, session: &RawDocument) -> RawDocumentBuf {
        let mut lookups = RawDocumentBuf::new();
        for path in &self.sealer.paths {
            if let Some(found) = path.lookup(&self.sealer.keys[0].lookups, session) {
                lookups.append(path.field(), found);
            }
        }
        lookups
    }

    /// What changes of it with the value of one key: of each path that begins there its field, and what
    /// that is to be; nothing if it is to go.
    pub fn changed_lookups(&self, key: &CStr, value: Option<RawBsonRef<'_>>) -> Vec<Lookup<'a>> {
        let mut session = RawDocumentBuf::new();
        if let Some(value) = value {
            session.append(key, value);
        }
        let paths = self.sealer.paths.iter();
        (paths.filter(|path| path.begins_with(key)))
            .map(|path| {
                let found = path.lookup(&self.sealer.keys[0].lookups, &session);
                (path.field(), found)
            })
            .collect()
    }

    /// Whether these are the lookups that it is to have.
    fn has_lookups(&self, session: &RawDocument, lookups: Option<&RawDocument>) -> bool {
        self.sealer.paths.iter().all(|path| {
            let stored = lookups.and_then(|all| all.get(path.field()).ok().flatten());
            let wanted = path.lookup(&self.sealer.keys[0].lookups, session);
            stored == wanted.as_ref().map(RawBson::as_raw_bson_ref)
        })
    }

    fn append_sealed(&mut self, out: &mut Vec<u8>, element: &Element<'_>) -> Result<(), SealError> {
        let nonce = self.nonce()?;
        let start = out.len();
        out.extend_from_slice(&[0, 0, 0, 0, SUBTYPE]);
        let fingerprint = self.sealer.keys[0].fingerprint;
        let key = derived(&mut self.keys, self.sealer, self.id, 0);
        value::seal(out, element, &mut self.places, key, fingerprint, nonce)?;
        // A document has at most 16 MB, or is refused.
        let size = (out.len() - start - 5) as i32;
        out[start..start + 4].copy_from_slice(&size.to_le_bytes());
        Ok(())
    }

    /// Gives the value's type and the place of the key that it was sealed under.
    fn append_opened(
        &mut self,
        out: &mut Vec<u8>,
        sealed: &[u8],
        key: &[u8],
    ) -> Result<(u8, usize), SealError> {
        let sealed = Sealed::parse(sealed)?;
        let mut error = SealError::UnknownKey(sealed.fingerprint);
        for number in 0..self.keys.len() {
            if self.sealer.keys[number].fingerprint != sealed.fingerprint {
                continue;
            }
            let of_session = derived(&mut self.keys, self.sealer, self.id, number);
            match sealed.open(out, (&mut self.places, key), of_session) {
                Ok(kind) => return Ok((kind, number)),
                Err(altered) => error = altered,
            }
        }
        Err(error)
    }

    fn nonce(&mut self) -> Result<[u8; NONCE_LEN], SealError> {
        if self.left == 0 {
            let filled = self.sealer.random.fill(&mut self.nonces);
            filled.map_err(|_| SealError::NoRandomness)?;
            self.left = NONCES;
        }
        self.left -= 1;
        let (nonces, _) = self.nonces.as_chunks();
        Ok(nonces[self.left])
    }
}

/// The session's key under one of the sealer's, once it is needed.
fn derived<'k>(
    keys: &'k mut [Option<LessSafeKey>],
    sealer: &Sealer,
    id: &str,
    number: usize,
) -> &'k LessSafeKey {
    keys[number].get_or_insert_with(|| sealer.keys[number].of_session(id))
}

/// How many bytes the session takes once it is sealed.
pub fn sealed_size(session: &RawDocument) -> usize {
    let mut size = session.as_bytes().len();
    if let Ok(mut elements) = Elements::of(session.as_bytes()) {
        while let Ok(Some(element)) = elements.advance() {
            if !is_plain(element.key) {
                size += value::ADDED;
            }
        }
    }
    size
}

/// Whether a stored session has a value that is sealed, so that only who has the keys can read it.
pub fn has_sealed(stored: &RawDocument) -> bool {
    let Ok(mut elements) = Elements::of(stored.as_bytes()) else {
        return false;
    };
    while let Ok(Some(element)) = elements.advance() {
        if !is_plain(element.key) && sealed_bytes(&element).is_some_and(value::is_sealed) {
            return true;
        }
    }
    false
}

/// The bytes of a sealed value, if it is one.
fn sealed_bytes<'a>(element: &Element<'a>) -> Option<&'a [u8]> {
    match (element.kind, element.value) {
        (ElementType::Binary, [_, _, _, _, SUBTYPE, bytes @ ..]) => Some(bytes),
        _ => None,
    }
}

fn elements(document: &[u8]) -> Result<Elements<'_>, SealError> {
    Elements::of(document).map_err(|_| SealError::Malformed)
}

fn advance<'a>(elements: &mut Elements<'a>) -> Result<Option<Element<'a>>, SealError> {
    elements.advance().map_err(|_| SealError::Malformed)
}

fn append(out: &mut Vec<u8>, kind: u8, key: &[u8]) {
    out.push(kind);
    out.extend_from_slice(key);
    out.push(0);
}

/// The document whose elements stand in `out`, behind room for its length.
fn finish(mut out: Vec<u8>) -> Result<RawDocumentBuf, SealError> {
    out.push(0);
    let size = i32::try_from(out.len()).map_err(|_| SealError::Malformed)?;
    out[..4].copy_from_slice(&size.to_le_bytes());
    RawDocumentBuf::from_bytes(out).map_err(|_| SealError::Malformed)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
