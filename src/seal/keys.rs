//! Keys, derived for each purpose from what the application gave: HKDF-SHA-256, so that no two uses
//! share one, and a string of letters does as well as bytes.

use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::{hkdf, hmac};

/// Bytes by which a key is told from others: they say nothing of it.
pub const FINGERPRINT: usize = 4;

const SALT: &[u8] = b"koa-session-mongo-native";

pub struct Key {
    pub fingerprint: [u8; FINGERPRINT],
    values: hmac::Key,
    pub lookups: hmac::Key,
}

impl Key {
    pub fn new(secret: &[u8]) -> Self {
        Key {
            fingerprint: derive(secret, "fingerprint"),
            values: hmac_key(secret, "values"),
            lookups: hmac_key(secret, "lookups"),
        }
    }

    /// The key that encrypts the values of one session. Nonces are random, and after 2^32 values under
    /// one key a repeated one becomes too probable: no session is written as often, a busy store is
    /// within days.
    pub fn of_session(&self, id: &str) -> LessSafeKey {
        let key = hmac::sign(&self.values, id.as_bytes());
        // As long as the algorithm wants it.
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref());
        LessSafeKey::new(key.expect("an HMAC-SHA-256 has 32 bytes"))
    }
}

/// A key for HMAC-SHA-256.
pub fn hmac_key(secret: &[u8], purpose: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &derive::<32>(secret, purpose))
}

fn derive<const SIZE: usize>(secret: &[u8], purpose: &str) -> [u8; SIZE] {
    struct Size(usize);
    impl hkdf::KeyType for Size {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut key = [0; SIZE];
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
    (secret.expand(&[purpose.as_bytes()], Size(SIZE)))
        .and_then(|derived| derived.fill(&mut key))
        .expect("HKDF-SHA-256 gives up to 8160 bytes");
    key
}
