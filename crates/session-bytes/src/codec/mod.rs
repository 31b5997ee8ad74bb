//! JSON text ⇄ BSON bytes, as the official `bson` package for JavaScript would have it.
//!
//! JavaScript parses text faster than anything else, so a session crosses to it as text. A value
//! without a JSON form (a date, an ObjectId, a NaN, …) is in the text as a [`capsule`]; then the text
//! is an array of the session and of the path to each capsule:
//!
//! ```text
//! {"a":1,"list":[2]}
//! [{"a":1,"list":[{"\u0000":1700000000000}]},["list",0]]
//! ```
//!
//! The text comes back with a write, to be compared with, if what was read is not kept any more.

mod capsule;
mod elements;
mod from_json;
#[cfg(test)]
mod round_trip;
mod surrogates;
mod text;
mod to_json;

pub use elements::{Element, Elements};
pub use from_json::{from_json, from_plain_json};
pub use to_json::to_json;

use std::fmt;

/// How deep objects and arrays may nest inside a session.
pub const MAX_DEPTH: usize = 100;

/// Why a session cannot be converted. Never holds any of its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CodecError {
    NotAnObject,
    TooDeep,
    NulInKey,
    #[default]
    Malformed,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CodecError::NotAnObject => "a session has to be an object",
            CodecError::TooDeep => "objects and arrays nest deeper than 100",
            CodecError::NulInKey => "a key contains a NUL character",
            CodecError::Malformed => "the content is malformed",
        })
    }
}

impl std::error::Error for CodecError {}
