//! What a store counts, as JavaScript gets it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use napi_derive::napi;

use crate::stats::{self, Call, Count, LATENCY_BOUNDS, OUTCOMES, OfCall, SIZE_BOUNDS};

const MICROS: f64 = 1e6;

/// Shared by all `Sessions` of a store.
#[napi]
#[derive(Default)]
pub struct Stats {
    pub(super) counts: Arc<stats::Stats>,
}

#[napi(object, object_from_js = false)]
pub struct StatsObject {
    pub calls: Vec<CallObject>,
    pub waiting: f64,
    pub under_way: f64,
    pub batches: BatchesObject,
    pub retries: f64,
    pub fences: FencesObject,
    pub pool: PoolObject,
}

#[napi(object, object_from_js = false)]
pub struct CallObject {
    pub name: String,
    pub outcomes: Vec<OutcomeObject>,
    pub seconds: HistogramObject,
}

#[napi(object, object_from_js = false)]
pub struct OutcomeObject {
    pub name: String,
    pub count: f64,
}

#[napi(object, object_from_js = false)]
pub struct HistogramObject {
    pub count: f64,
    pub sum: f64,
    pub buckets: Vec<BucketObject>,
}

#[napi(object, object_from_js = false)]
pub struct BucketObject {
    pub le: f64,
    pub count: f64,
}

#[napi(object, object_from_js = false)]
pub struct BatchesObject {
    pub count: f64,
    pub operations: f64,
    pub largest: f64,
    pub sizes: Vec<BucketObject>,
}

#[napi(object, object_from_js = false)]
pub struct FencesObject {
    pub sent: f64,
    pub waiting: f64,
}

#[napi(object, object_from_js = false)]
pub struct PoolObject {
    pub connections: f64,
    pub created: f64,
    pub closed: f64,
}

#[napi]
impl Stats {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    #[napi]
    pub fn read(&self) -> StatsObject {
        let stats = &self.counts;
        let connections_closed = number(&stats.connections_closed);
        let connections_created = number(&stats.connections_created);
        StatsObject {
            calls: (Call::ALL.iter())
                .map(|call| call_object(call.name(), stats.of(*call)))
                .collect(),
            waiting: number(&stats.waiting),
            under_way: number(&stats.under_way),
            batches: BatchesObject {
                count: number(&stats.batches),
                operations: number(&stats.operations),
                largest: stats.largest_batch.load(Ordering::Relaxed) as f64,
                sizes: cumulated(&SIZE_BOUNDS.map(|bound| bound as f64), &stats.sizes),
            },
            retries: number(&stats.retries),
            fences: FencesObject {
                sent: number(&stats.fences_sent),
                waiting: number(&stats.fences_waiting),
            },
            pool: PoolObject {
                connections: connections_created - connections_closed,
                created: connections_created,
                closed: connections_closed,
            },
        }
    }

    /// Counts a call that failed before it crossed to Rust.
    #[napi]
    pub fn fail(&self, call: String, code: String, milliseconds: f64) {
        let took = Duration::from_millis(milliseconds as u64);
        self.counts.fail(&call, &code, took);
    }

    /// Whether outcomes are to be told with how many operations travelled together.
    #[napi]
    pub fn trace(&self, is_traced: bool) {
        self.counts.is_traced.store(is_traced, Ordering::Relaxed);
    }
}

fn call_object(name: &str, call: &OfCall) -> CallObject {
    let outcomes = OUTCOMES.iter().zip(&call.outcomes);
    let outcomes = outcomes.map(|(name, count)| OutcomeObject {
        name: (*name).to_owned(),
        count: number(count),
    });
    let outcomes: Vec<_> = outcomes.filter(|outcome| outcome.count > 0.0).collect();
    let bounds = LATENCY_BOUNDS.map(|micros| micros as f64 / MICROS);
    CallObject {
        name: name.to_owned(),
        seconds: HistogramObject {
            count: outcomes.iter().map(|outcome| outcome.count).sum(),
            sum: number(&call.took) / MICROS,
            buckets: cumulated(&bounds, &call.buckets),
        },
        outcomes,
    }
}

fn cumulated(bounds: &[f64], counts: &[Count]) -> Vec<BucketObject> {
    let mut sum = 0.0;
    let buckets = bounds.iter().zip(counts).map(|(le, count)| {
        sum += number(count);
        BucketObject {
            le: *le,
            count: sum,
        }
    });
    buckets.collect()
}

fn number(count: &Count) -> f64 {
    count.get() as f64
}
