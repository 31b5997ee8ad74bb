//! Sealing: what a session says is stored encrypted, value by value. Pure: no MongoDB, no JavaScript.
//!
//! A record whose session is sealed:
//!
//! ```text
//! { _id: "k3y", data: { user: <binary>, views: <binary>, _expire: 1700…, _maxAge: 86400000 },
//!   lookup: { "user%2Eid": <binary> }, updatedAt: …, expiresAt: … }
//! ```
//!
//! Each value at the top level of `data` is one binary ([`value`]). The names of the keys, and what
//! koa-session keeps for itself, stay as they are: so a write can still say only what it changes. Beside
//! `data` stand the keyed hashes by which sessions are found ([`lookup`]). `docs/encryption.md` is for
//! people who write a reader of their own; the vectors beside it are tried here and from JavaScript.
//!
//! Nothing below keeps a key in a form that can be printed.

mod canon;
pub mod ids;
mod keys;
pub mod lookup;
mod session;
mod value;
#[cfg(test)]
mod vectors;

use std::fmt;

use ring::rand::SystemRandom;

use keys::Key;
use lookup::Path;
pub use session::{Opened, SessionSeal, has_sealed, sealed_size};

/// A key has at least so many bytes.
pub const LEAST_KEY: usize = 32;

/// The keys of a store, and what it keeps lookups of.
pub struct Sealer {
    /// The first seals, all open.
    keys: Vec<Key>,
    paths: Vec<Path>,
    random: SystemRandom,
}

impl Sealer {
    /// `secrets` are the keys as the application gave them, at least one; `paths` those in `data` to
    /// find sessions by.
    pub fn new(secrets: &[impl AsRef<[u8]>], paths: &[String]) -> Self {
        let keys = secrets.iter().map(|secret| Key::new(secret.as_ref()));
        Sealer {
            keys: keys.collect(),
            paths: paths.iter().map(|path| Path::new(path)).collect(),
            random: SystemRandom::new(),
        }
    }

    /// The seal of the session that is stored under this `_id`.
    pub fn of<'a>(&'a self, id: &'a str) -> SessionSeal<'a> {
        SessionSeal::new(self, id)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

/// Why a session cannot be sealed or opened. Never holds any of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// A value was sealed under a key of this fingerprint, which is not there.
    UnknownKey([u8; keys::FINGERPRINT]),
    /// A value was sealed in a way that this version does not know.
    UnknownVersion,
    /// A value was changed, cut off, or sealed for another session or another key of `data`.
    Altered,
    /// There are sealed values, and the store has no keys.
    NoKeys,
    /// `data` is not BSON.
    Malformed,
    /// The system gives no random numbers.
    NoRandomness,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::UnknownKey(fingerprint) => {
                f.write_str("it was encrypted under a key that is not among those of the option `encryption`; the key's fingerprint is ")?;
                fingerprint.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            SealError::UnknownVersion => {
                f.write_str("it was encrypted in a format that this version does not know, or was changed")
            }
            SealError::Altered => f.write_str(
                "a value was changed or cut off, or belongs to another session or to another key of it",
            ),
            SealError::NoKeys => {
                f.write_str("it is encrypted, and this store has no option `encryption`")
            }
            SealError::Malformed => f.write_str("the content is malformed"),
            SealError::NoRandomness => f.write_str("the system gives no random numbers"),
        }
    }
}

impl std::error::Error for SealError {}
