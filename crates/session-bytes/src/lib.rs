//! What is done with the bytes of each session, on the way of every call.
//!
//! A crate of its own since it is compiled to be fast, while the addon, which mostly waits, is compiled to
//! be small; and so that it is fuzzed and measured without Node and the driver.

#![deny(unsafe_code)]

pub mod codec;
pub mod difference;
#[cfg(any(test, feature = "promises"))]
pub mod promises;
