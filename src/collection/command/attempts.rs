//! The attempts at one command, up to a deadline.

use std::time::Duration;

use tokio::time::Instant;

use crate::collection::Collection;
use crate::collection::failure::Sorted;
use crate::error::Failure;
use crate::stats::Stats;

/// The pause before a command is sent again; it doubles up to `MAX_PAUSE`.
pub const FIRST_PAUSE: Duration = Duration::from_millis(5);
pub const MAX_PAUSE: Duration = Duration::from_millis(200);

pub struct Attempts<'a> {
    deadline: Instant,
    pause: Duration,
    stats: &'a Stats,
}

impl Collection {
    pub(in crate::collection) fn attempts(&self, deadline: Instant) -> Attempts<'_> {
        Attempts {
            deadline,
            pause: FIRST_PAUSE,
            stats: &self.stats,
        }
    }
}

impl Attempts<'_> {
    /// Waits for the moment to try again, or gives up.
    pub async fn again(&mut self, sorted: Sorted) -> Result<(), Failure> {
        match sorted.retry && self.pause().await {
            true => Ok(()),
            false => Err(sorted.failure),
        }
    }

    /// False if there is no time for another attempt.
    pub async fn pause(&mut self) -> bool {
        if Instant::now() + self.pause >= self.deadline {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        self.stats.retry();
        true
    }
}
