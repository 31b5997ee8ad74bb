//! Telling that MongoDB is lost, and that it is back: once each, however often it comes and goes
//! within the time that operations wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Completions;
use crate::collection::Availability;
use crate::error::{Code, Failure};

/// Never returns. `patience` is how long operations wait: a primary that steps down is mostly replaced
/// within it, and then nobody needs to know.
pub async fn tell(
    availability: Availability,
    patience: Duration,
    completions: Arc<dyn Completions>,
) {
    loop {
        availability.absent_for(patience).await;
        let lost = Instant::now();
        completions.warning(Failure {
            message: "MongoDB cannot be reached; operations fail until it is back".into(),
            ..availability.unavailable()
        });
        availability.present().await;
        let seconds = (lost.elapsed() + patience).as_secs_f64();
        completions.warning(Failure::new(
            Code::Available,
            format!("MongoDB is back after {seconds:.0} seconds: operations work again"),
        ));
    }
}
