//! The servers of the deployment: the driver's client, whether there is one that takes writes, and what is
//! wrong with those that do not.

mod availability;
pub mod cause;
pub mod client;
mod tls;

pub use availability::Availability;
