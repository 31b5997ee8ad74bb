//! A session store for Koa in MongoDB, behind a Node addon.
//!
//! # Layout
//!
//! Each layer knows those below it, none above. In the order of one call:
//!
//! * `binding`: the class that `index.js` holds; the one module that knows JavaScript. Takes
//!   operations, hands their outcomes back in bunches.
//! * [`dispatch`]: queues operations, keeps those on one id in order, and sends those that wait in
//!   batches, as there is room on the way.
//! * [`batch`]: turns operations into a command's statements, and its reply into outcomes.
//! * [`collection`]: the one module that knows MongoDB: commands, retries, errors, the index.
//! * [`recent`]: what was read lately, which a write then need not bring back.
//! * [`record`]: the stored document and its expiry.
//! * [`adopt`]: the documents of other stores, and what becomes of them.
//! * [`seal`]: what a session says, stored encrypted; ids stored as keyed hashes.
//! * [`session_bytes`], a crate of its own: JSON text ⇄ BSON (`codec`), and what a request changed between
//!   the session it read and the one it writes (`difference`).
//!
//! [`operation`], [`options`] and [`error`] are the words that these layers share; [`stats`] is what
//! they count.

#![deny(unsafe_code)]

use session_bytes::{codec, difference};

pub mod adopt;
pub mod batch;
pub mod binding;
pub mod collection;
pub mod dispatch;
pub mod error;
pub mod operation;
pub mod options;
pub mod recent;
pub mod record;
pub mod seal;
pub mod stats;
