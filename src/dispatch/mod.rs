//! The dispatcher: natural batching, the order of operations, and deadlines.
//!
//! An idle store sends an operation at once. While batches are on their way, arriving operations
//! queue, until there is room and they are worth a batch beside those. So the busier a store is, the
//! less each operation costs, and none waits longer than for the answers on their way.

mod absence;
mod breakdown;
mod connection;
mod doubts;
mod errand;
mod flow;
mod lanes;
mod removal;
mod sending;
mod sweep;
mod watch;
mod wide;
mod worker;
mod written;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::error::{Code, Failure};
use crate::operation::{Id, Operation, Outcome, Told};
use crate::options::Options;
use crate::stats::Stats;

use lanes::Kind;
pub use watch::Watched;
use worker::Worker;

/// Where outcomes go. Called from the dispatcher's threads.
pub trait Completions: Send + Sync + 'static {
    /// Operations have ended: their tokens and outcomes.
    fn settled(&self, outcomes: Vec<Told>);
    /// Something in the background went wrong, which no operation can report.
    fn warning(&self, failure: Failure);
    /// Sessions that a sweep has destroyed.
    fn destroyed(&self, ids: Vec<Id>);
    /// Where all is counted.
    fn stats(&self) -> &Arc<Stats>;
}

/// The handle by which operations are submitted. Dropping it disconnects at once; what is under
/// way then is not reported any more.
pub struct Dispatcher {
    inbox: Arc<Inbox>,
    completions: Arc<dyn Completions>,
}

#[derive(Default)]
struct Inbox {
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    operations: Vec<Operation>,
    /// How many of them are of each kind.
    waiting: [usize; Kind::ALL.len()],
    /// By kind, how many have to be there for the worker to be woken: as many as make up a batch that
    /// goes at once. Fewer are taken when an answer comes or the worker looks at the time, and waking
    /// the store's threads for them would only cost.
    wanted: [usize; Kind::ALL.len()],
    close: Option<Close>,
    /// The worker has ended by a mistake.
    is_broken: bool,
}

impl Queue {
    /// Tells whether this is the one that is to wake the worker: those that come before the worker
    /// is awake go with it.
    fn add(&mut self, operation: Operation) -> bool {
        let kind = Kind::of(&operation);
        self.operations.push(operation);
        let Some(kind) = kind else {
            return true;
        };
        self.waiting[kind as usize] += 1;
        let wakes = self.is_wanted(kind);
        if wakes {
            self.wanted[kind as usize] = usize::MAX;
        }
        wakes
    }

    fn is_wanted(&self, kind: Kind) -> bool {
        self.waiting[kind as usize] >= self.wanted[kind as usize]
    }

    fn take(&mut self) -> Vec<Operation> {
        self.waiting = Default::default();
        std::mem::take(&mut self.operations)
    }
}

/// How a store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    /// Once all that was accepted has ended and the client is disconnected, this token settles.
    WhenDone(u32),
    /// Nobody is there any more to be told.
    Abandoned,
}

impl Inbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatcher {
    /// Starts the store's task and, in the background, its connection.
    pub fn start(
        options: Options,
        completions: Arc<dyn Completions>,
    ) -> Result<Dispatcher, Failure> {
        let inbox = Arc::new(Inbox::default());
        let runtime = runtime()?;
        let entered = runtime.enter();
        runtime.spawn(Worker::new(options, inbox.clone(), completions.clone()).run());
        drop(entered);
        Ok(Dispatcher { inbox, completions })
    }

    pub fn submit(&self, operation: Operation) {
        self.completions.stats().accept();
        let mut queue = self.inbox.lock();
        if queue.is_broken {
            drop(queue);
            return breakdown::refuse(&self.completions, &operation);
        }
        if queue.add(operation) {
            drop(queue);
            self.inbox.wake.notify_one();
        }
    }

    /// Settles `token` with what a watch sees next.
    pub fn next_changes(&self, token: u32, watched: Arc<Watched>) -> Result<(), Failure> {
        watch::next(watched, token, self.completions.clone())
    }

    /// Lets what was submitted end, disconnects, and settles `token`.
    pub fn close(&self, token: u32) {
        if !self.end(Close::WhenDone(token)) {
            let closed = Told::of(token, Outcome::Closed);
            self.completions.settled(vec![closed]);
        }
    }

    /// False if nobody is there to end.
    fn end(&self, close: Close) -> bool {
        let mut queue = self.inbox.lock();
        queue.close = Some(close);
        let is_there = !queue.is_broken;
        drop(queue);
        self.inbox.wake.notify_one();
        is_there
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.end(Close::Abandoned);
    }
}

/// The threads that all stores of the process share: one, where JavaScript has few processors, as
/// an operation that passes from thread to thread takes longer.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads((processors / 4).clamp(1, 4))
            .thread_name("koa-session-mongo")
            .enable_all()
            .build()
    });
    runtime.as_ref().map_err(|error| Failure {
        cause: Some(error.to_string()),
        ..Failure::new(Code::Server, "the store's threads cannot be started")
    })
}
