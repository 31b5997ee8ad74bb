//! Hashed ids: what is stored as `_id` in place of a session's id, so that nobody who reads the database
//! can take a session over.
//!
//! ```text
//! h1.<base64url of HMAC-SHA-256 of the id, without padding: 43 characters>
//! ```

use std::fmt;

use ring::hmac;

use super::keys::hmac_key;

/// In the order of stored ids, the hashed ones come behind it.
pub const PREFIX: &str = "h1.";
const DIGITS: usize = 43;

pub struct IdHasher {
    key: hmac::Key,
}

impl IdHasher {
    pub fn new(secret: &[u8]) -> Self {
        IdHasher {
            key: hmac_key(secret, "ids"),
        }
    }

    pub fn hash(&self, id: &str) -> String {
        let hash = hmac::sign(&self.key, id.as_bytes());
        let mut stored = String::with_capacity(PREFIX.len() + DIGITS);
        stored.push_str(PREFIX);
        append_base64url(&mut stored, hash.as_ref());
        stored
    }
}

impl fmt::Debug for IdHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdHasher")
    }
}

/// Whether an id has the form of a hashed one. Such an id is never looked for as it is: who has read
/// the database would only have to send what stands there.
pub fn is_hash(id: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (id.strip_prefix(PREFIX))
        .is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
}

fn append_base64url(out: &mut String, bytes: &[u8]) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(
                LETTERS[(group >> (18 - 6 * place)) as usize & 63],
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
        ] {
            let mut out = String::new();
            append_base64url(&mut out, bytes.as_bytes());
            assert_eq!(out, text);
        }
        let mut out = String::new();
        append_base64url(&mut out, &[0xfb, 0xff]);
        assert_eq!(out, "-_8");
    }

    #[test]
    fn a_hash_is_known_by_its_form() {
        let hasher = IdHasher::new(&[1; 32]);
        let hash = hasher.hash("an id");
        assert!(is_hash(&hash));
        assert_eq!(hash, hasher.hash("an id"));
        assert_ne!(hash, hasher.hash("another"));
        assert_ne!(hash, IdHasher::new(&[2; 32]).hash("an id"));
        assert!(!is_hash("an id") && !is_hash("h1.") && !is_hash(&format!("{hash}a")));
    }
}
