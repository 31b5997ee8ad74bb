//! One sealed value: a BSON binary of the subtype [`SUBTYPE`].
//!
//! | bytes | what                                                                |
//! |------:|---------------------------------------------------------------------|
//! |     1 | the version, 1                                                      |
//! |     4 | the key's fingerprint                                               |
//! |    12 | the nonce, random                                                   |
//! |     n | AES-256-GCM of the BSON document that has the value under an empty key |
//! |    16 | its tag                                                             |
//!
//! Associated data: the version (1 byte), the stored `_id` and the name of the key in `data`, each
//! after its length in bytes (4, little-endian).

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

use super::SealError;
use super::keys::FINGERPRINT;
use crate::codec::Element;

/// Of BSON's user-defined subtypes (128 to 255) not the first, which applications take for their own
/// values; nor 6, which drivers with client-side field level encryption take for theirs.
pub const SUBTYPE: u8 = 0xe5;

const VERSION: u8 = 1;
const HEAD: usize = 1 + FINGERPRINT + NONCE_LEN;
const TAG: usize = 16;

/// Around the value in the document: length, type, empty key; end.
const BEFORE: usize = 4 + 1 + 1;
const AFTER: usize = 1;

/// How many bytes longer a sealed value is than the value: the binary's length and subtype as well.
pub const ADDED: usize = 4 + 1 + HEAD + BEFORE + AFTER + TAG;

/// Whether a binary of this subtype may be a sealed value.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.first() == Some(&VERSION) && bytes.len() >= HEAD + BEFORE + AFTER + TAG
}

/// What the values of a session are bound to, as associated data.
pub struct Places {
    data: Vec<u8>,
    of_session: usize,
}

impl Places {
    pub fn of(id: &str) -> Self {
        let mut data = Vec::with_capacity(128);
        data.push(VERSION);
        append_text(&mut data, id.as_bytes());
        Places {
            of_session: data.len(),
            data,
        }
    }

    /// The place under a key of `data`.
    fn under(&mut self, key: &[u8]) -> Aad<&[u8]> {
        self.data.truncate(self.of_session);
        append_text(&mut self.data, key);
        Aad::from(&self.data)
    }
}

fn append_text(out: &mut Vec<u8>, text: &[u8]) {
    // It is in a document of at most 16 MB.
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

/// Appends the bytes of the binary, as they stand after its subtype.
pub fn seal(
    out: &mut Vec<u8>,
    value: &Element<'_>,
    places: &mut Places,
    key: &LessSafeKey,
    fingerprint: [u8; FINGERPRINT],
    nonce: [u8; NONCE_LEN],
) -> Result<(), SealError> {
    out.push(VERSION);
    out.extend_from_slice(&fingerprint);
    out.extend_from_slice(&nonce);
    let start = out.len();
    let size = BEFORE + value.value.len() + AFTER;
    out.extend_from_slice(&(size as i32).to_le_bytes());
    out.extend_from_slice(&[value.kind as u8, 0]);
    out.extend_from_slice(value.value);
    out.push(0);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let aad = places.under(value.key);
    let tag = key.seal_in_place_separate_tag(nonce, aad, &mut out[start..]);
    // Fails for what is longer than 64 GiB.
    out.extend_from_slice(tag.map_err(|_| SealError::Malformed)?.as_ref());
    Ok(())
}

/// The parts of a sealed value.
pub struct Sealed<'a> {
    pub fingerprint: [u8; FINGERPRINT],
    nonce: [u8; NONCE_LEN],
    encrypted: &'a [u8],
}

impl<'a> Sealed<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SealError> {
        let (version, rest) = bytes.split_first().ok_or(SealError::Altered)?;
        if *version != VERSION {
            return Err(SealError::UnknownVersion);
        }
        let (fingerprint, rest) = rest.split_first_chunk().ok_or(SealError::Altered)?;
        let (nonce, encrypted) = rest.split_first_chunk().ok_or(SealError::Altered)?;
        Ok(Sealed {
            fingerprint: *fingerprint,
            nonce: *nonce,
            encrypted,
        })
    }

    /// Appends the value, and gives its type. Leaves `out` as it was if it cannot.
    pub fn open(
        &self,
        out: &mut Vec<u8>,
        (places, name): (&mut Places, &[u8]),
        key: &LessSafeKey,
    ) -> Result<u8, SealError> {
        let start = out.len();
        out.extend_from_slice(self.encrypted);
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let opened = key.open_in_place(nonce, places.under(name), &mut out[start..]);
        let opened = opened.ok().and_then(|document| {
            let (length, rest) = document.split_first_chunk()?;
            let is_whole = i32::from_le_bytes(*length) as usize == document.len();
            match rest {
                [kind, 0, value @ .., 0] if is_whole => Some((*kind, value.len())),
                _ => None,
            }
        });
        let Some((kind, size)) = opened else {
            out.truncate(start);
            return Err(SealError::Altered);
        };
        let value = start + BEFORE;
        out.copy_within(value..value + size, start);
        out.truncate(start + size);
        Ok(kind)
    }
}
