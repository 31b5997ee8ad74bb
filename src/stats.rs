//! What a store has done since it was made, in counters that cost nothing to keep.
//!
//! One is shared by all connections of a store, so that the numbers go on where Mongoose moves to
//! another address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::Code;
use crate::operation::{Action, Caller, Operation, Outcome, Wide};

/// The upper bounds of the buckets that latencies are counted in, in microseconds.
pub const LATENCY_BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// The same of the sizes of batches. None has more than the last.
pub const SIZE_BOUNDS: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// What was called. A page of `all` or `ids` counts as a call, and so does a step of `adopt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Get,
    Set,
    Touch,
    Destroy,
    All,
    Ids,
    Length,
    DestroyMany,
    Clear,
    Adopt,
    Watch,
}

impl Call {
    pub const ALL: [Call; 11] = [
        Call::Get,
        Call::Set,
        Call::Touch,
        Call::Destroy,
        Call::All,
        Call::Ids,
        Call::Length,
        Call::DestroyMany,
        Call::Clear,
        Call::Adopt,
        Call::Watch,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Call::Get => "get",
            Call::Set => "set",
            Call::Touch => "touch",
            Call::Destroy => "destroy",
            Call::All => "all",
            Call::Ids => "ids",
            Call::Length => "length",
            Call::DestroyMany => "destroyMany",
            Call::Clear => "clear",
            Call::Adopt => "adopt",
            Call::Watch => "watch",
        }
    }

    /// `None` for a part of another call.
    fn of(operation: &Operation) -> Option<Self> {
        if let Caller::Sweep(_) = operation.caller {
            return None;
        }
        Some(match &operation.action {
            Action::Get => Call::Get,
            Action::Set { .. } => Call::Set,
            Action::Touch(_) => Call::Touch,
            Action::Destroy { .. } => Call::Destroy,
            Action::Wide(Wide::List { with_data, .. }) => match with_data {
                true => Call::All,
                false => Call::Ids,
            },
            Action::Wide(Wide::Length(_)) => Call::Length,
            Action::Wide(Wide::Adopt(_)) => Call::Adopt,
            Action::Wide(Wide::Find { .. } | Wide::Leave(_)) => return None,
            Action::Sweep(sweep) => match sweep.filter.paths.is_empty() {
                true => Call::Clear,
                false => Call::DestroyMany,
            },
            Action::Watch { .. } => Call::Watch,
        })
    }
}

/// What the outcomes of calls are called, each in its place. A failure's is its code.
pub const OUTCOMES: [&str; 20] = [
    "found",
    "missing",
    "create",
    "update",
    "touch",
    "unchanged",
    "dropped",
    "destroy",
    "page",
    "count",
    "watching",
    "ERR_OPTIONS",
    "ERR_SESSION_VALUE",
    "ERR_SESSION_TOO_LARGE",
    "ERR_UNAVAILABLE",
    "ERR_TIMEOUT",
    "ERR_AUTH",
    "ERR_SERVER",
    "ERR_DECRYPT",
    "ERR_CLOSED",
];

fn place(outcome: &Outcome) -> Option<usize> {
    Some(match outcome {
        Outcome::Found(_) => 0,
        Outcome::Missing => 1,
        Outcome::Created => 2,
        Outcome::Updated => 3,
        Outcome::Touched => 4,
        Outcome::Unchanged => 5,
        Outcome::Dropped => 6,
        Outcome::Destroyed => 7,
        Outcome::Page(_) | Outcome::Done(_) => 8,
        Outcome::Counted(_) => 9,
        Outcome::Watching => 10,
        Outcome::Failed(failure) => return place_of_code(failure.code),
        Outcome::Changed(_) | Outcome::Closed => return None,
    })
}

fn place_of_code(code: Code) -> Option<usize> {
    OUTCOMES.iter().position(|name| *name == code.as_str())
}

/// A count, by itself: nothing is read or written because of it.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn take(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub struct OfCall {
    pub outcomes: [Count; OUTCOMES.len()],
    /// How many took longer than the bound before, and not longer than this one.
    pub buckets: [Count; LATENCY_BOUNDS.len()],
    /// Microseconds of all together.
    pub took: Count,
}

impl OfCall {
    fn add(&self, outcome: usize, took: Duration) {
        self.outcomes[outcome].add(1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.took.add(micros);
        if let Some(bucket) = LATENCY_BOUNDS.iter().position(|bound| micros <= *bound) {
            self.buckets[bucket].add(1);
        }
    }
}

#[derive(Debug, Default)]
pub struct Stats {
    calls: [OfCall; Call::ALL.len()],
    /// Operations that are accepted and not on their way.
    pub waiting: Count,
    /// Operations on their way to MongoDB.
    pub under_way: Count,
    pub batches: Count,
    /// In all batches together.
    pub operations: Count,
    pub largest_batch: AtomicU64,
    pub sizes: [Count; SIZE_BOUNDS.len()],
    /// Commands that were sent again.
    pub retries: Count,
    pub fences_sent: Count,
    pub fences_waiting: Count,
    pub connections_created: Count,
    pub connections_closed: Count,
    /// Whether somebody wants to know with each outcome how many travelled together.
    pub is_traced: AtomicBool,
}

impl Stats {
    pub fn of(&self, call: Call) -> &OfCall {
        &self.calls[call as usize]
    }

    pub fn accept(&self) {
        self.waiting.add(1);
    }

    /// Operations leave together, as one batch.
    pub fn send_batch(&self, operations: &[Arc<Operation>]) {
        let size = operations.len() as u64;
        self.batches.add(1);
        self.operations.add(size);
        self.largest_batch.fetch_max(size, Ordering::Relaxed);
        if let Some(bucket) = SIZE_BOUNDS.iter().position(|bound| size <= *bound) {
            self.sizes[bucket].add(1);
        }
        for operation in operations {
            self.send(operation, operations.len());
        }
    }

    pub fn send(&self, operation: &Operation, together: usize) {
        if !operation.is_answered() && operation.travels_with(together) == 0 {
            self.waiting.take(1);
            self.under_way.add(1);
        }
    }

    /// It waits again, to go alone.
    pub fn give_back(&self, operation: &Operation) {
        if !operation.is_answered() && operation.travels_with(0) != 0 {
            self.under_way.take(1);
            self.waiting.add(1);
        }
    }

    /// An operation has settled.
    pub fn end(&self, operation: &Operation, outcome: &Outcome, now: Instant) {
        match operation.together() {
            0 => self.waiting.take(1),
            _ => self.under_way.take(1),
        }
        if let (Some(call), Some(outcome)) = (Call::of(operation), place(outcome)) {
            let took = now.saturating_duration_since(operation.submitted);
            self.of(call).add(outcome, took);
        }
    }

    /// A call has failed before it became an operation. False if there is no such call or code.
    pub fn fail(&self, call: &str, code: &str, took: Duration) -> bool {
        let call = Call::ALL.into_iter().find(|one| one.name() == call);
        let outcome = OUTCOMES.iter().position(|name| *name == code);
        if let (Some(call), Some(outcome)) = (call, outcome) {
            self.of(call).add(outcome, took);
        }
        call.is_some() && outcome.is_some()
    }

    pub fn retry(&self) {
        self.retries.add(1);
    }

    /// Counts a fence as waiting until what this gives is dropped.
    pub fn fence(self: &Arc<Self>) -> FenceWaits {
        self.fences_sent.add(1);
        self.fences_waiting.add(1);
        FenceWaits(self.clone())
    }

    pub fn connect(&self) {
        self.connections_created.add(1);
    }

    pub fn disconnect(&self) {
        self.connections_closed.add(1);
    }
}

pub struct FenceWaits(Arc<Stats>);

impl Drop for FenceWaits {
    fn drop(&mut self) {
        self.0.fences_waiting.take(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    const CODES: [Code; 9] = [
        Code::Options,
        Code::SessionValue,
        Code::SessionTooLarge,
        Code::Unavailable,
        Code::Timeout,
        Code::Auth,
        Code::Server,
        Code::Decrypt,
        Code::Closed,
    ];

    #[test]
    fn every_code_has_a_place() {
        for code in CODES {
            let place = place(&Outcome::Failed(Failure::new(code, "")));
            assert_eq!(place.map(|place| OUTCOMES[place]), Some(code.as_str()));
        }
    }

    #[test]
    fn a_latency_counts_in_the_bucket_that_it_just_fits() {
        let call = OfCall::default();
        for micros in [0, 500, 501, 10_000_000, 10_000_001] {
            call.add(0, Duration::from_micros(micros));
        }
        let counts = call.buckets.each_ref().map(Count::get);
        assert_eq!((counts[0], counts[1], counts[13]), (2, 1, 1));
        assert_eq!(counts.iter().sum::<u64>(), 4);
        assert_eq!(call.outcomes[0].get(), 5);
    }
}
