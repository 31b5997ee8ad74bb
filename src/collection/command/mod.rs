//! How a command travels: when it is sent again, how long it is waited for, whether it has left, and whether
//! others have overtaken it.

pub mod attempts;
pub mod overtaken;
pub mod sent;
mod trip;

pub use attempts::Attempts;
pub use sent::Sent;
pub use trip::{Late, Patience, Recall, Stopped, Trip, Unanswered};
