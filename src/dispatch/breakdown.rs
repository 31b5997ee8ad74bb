//! A mistake of the store that ends its worker (a panic) ends what waits for it, too: nobody is left to
//! answer, and a call that is never answered would hang with whoever awaits it.

use std::sync::Arc;
use std::time::Instant;

use super::worker::Worker;
use super::{Close, Completions};
use crate::error::Failure;
use crate::operation::{Operation, Outcome, Told};

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.break_down();
        }
    }
}

impl Worker {
    fn break_down(&mut self) {
        let (submitted, close) = {
            let mut queue = self.inbox.lock();
            queue.is_broken = true;
            (queue.take(), queue.close)
        };
        let accepted = self.accepted.iter().chain(self.wide.sweeps());
        let failure = Outcome::Failed(Failure::internal());
        let accepted = accepted.filter(|operation| operation.claim_answer(&failure));
        let ended = accepted.map(|operation| &**operation).chain(&submitted);
        let failed = ended.filter_map(|operation| fail(&*self.completions, operation));
        let mut outcomes: Vec<_> = failed.collect();
        if let Some(Close::WhenDone(token)) = close {
            outcomes.push(Told::of(token, Outcome::Closed));
        }
        if !outcomes.is_empty() {
            self.completions.settled(outcomes);
        }
    }
}

/// What comes after that.
pub fn refuse(completions: &Arc<dyn Completions>, operation: &Operation) {
    let told = fail(&**completions, operation);
    completions.settled(told.into_iter().collect());
}

fn fail(completions: &dyn Completions, operation: &Operation) -> Option<Told> {
    let outcome = Outcome::Failed(Failure::internal());
    completions.stats().end(operation, &outcome, Instant::now());
    operation.tell(outcome)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::super::Dispatcher;
    use super::*;
    use crate::error::Code;
    use crate::operation::Action;
    use crate::options::Options;
    use crate::stats::Stats;

    /// Breaks the worker with the first outcomes that it hands over.
    struct Breaking {
        outcomes: Mutex<Option<Sender<Told>>>,
        waiting: Mutex<Option<Sender<Told>>>,
        stats: Arc<Stats>,
    }

    impl Completions for Breaking {
        fn settled(&self, outcomes: Vec<Told>) {
            let first = self.waiting.lock().unwrap().take();
            if let Some(told) = first {
                *self.outcomes.lock().unwrap() = Some(told);
                panic!("a mistake of the store");
            }
            let told = self.outcomes.lock().unwrap();
            for outcome in outcomes {
                told.as_ref().unwrap().send(outcome).unwrap();
            }
        }

        fn warning(&self, _: Failure) {}

        fn stats(&self) -> &Arc<Stats> {
            &self.stats
        }

        fn destroyed(&self, _: Vec<crate::operation::Id>) {}
    }

    #[test]
    fn a_mistake_leaves_no_call_and_no_close_waiting() {
        let (told, outcomes) = channel();
        let completions = Breaking {
            outcomes: Mutex::default(),
            waiting: Mutex::new(Some(told)),
            stats: Arc::default(),
        };
        let nowhere = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=60000";
        let options = Options::new(nowhere, "db".into(), "sessions".into(), 50.0).unwrap();
        let dispatcher = Dispatcher::start(options, Arc::new(completions)).unwrap();
        dispatcher.submit(Operation::new(1, "first", Action::Get));
        // It has its outcome with those of the first: only another one can still be waiting then.
        std::thread::sleep(Duration::from_millis(30));
        dispatcher.submit(Operation::new(2, "second", Action::Get));
        let next = || outcomes.recv_timeout(Duration::from_secs(10)).unwrap();
        let is_failure = |outcome: &Outcome| matches!(outcome, Outcome::Failed(failure) if failure.code == Code::Server);
        let Told { token, outcome, .. } = next();
        assert!(token == 2 && is_failure(&outcome));
        dispatcher.submit(Operation::new(3, "third", Action::Get));
        let Told { token, outcome, .. } = next();
        assert!(token == 3 && is_failure(&outcome));
        dispatcher.close(4);
        assert_eq!(next(), Told::of(4, Outcome::Closed));
    }
}
