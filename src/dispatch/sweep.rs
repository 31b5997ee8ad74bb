//! A sweep: destroys all sessions that match, page by page, each as an operation on its session like
//! any other: in order with those on the same session, at most once, and shut out where it may be
//! late.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::Completions;
use super::errand::{News, report};
use crate::error::Failure;
use crate::operation::{Action, Id, Operation, Outcome, Page, Start, SweepNumber};
use crate::record;

const MOST_ROUNDS: u32 = 3;

pub struct Sweeper {
    number: SweepNumber,
    operation: Arc<Operation>,
    /// Those of its parts.
    outcomes: UnboundedReceiver<(Id, Outcome)>,
    news: UnboundedSender<News>,
    completions: Arc<dyn Completions>,
    destroyed: u64,
    /// How often it may look once more for sessions that moved to a hashed id meanwhile, and so perhaps to
    /// where it had looked before.
    rounds_left: u32,
    /// Whether it has to: any may have moved in its first round, unseen; later those that it has missed.
    has_missed: bool,
    failure: Option<Failure>,
}

impl Sweeper {
    pub fn new(
        number: SweepNumber,
        operation: Arc<Operation>,
        outcomes: UnboundedReceiver<(Id, Outcome)>,
        news: UnboundedSender<News>,
        completions: Arc<dyn Completions>,
    ) -> Self {
        Sweeper {
            number,
            operation,
            outcomes,
            news,
            completions,
            destroyed: 0,
            rounds_left: 0,
            has_missed: false,
            failure: None,
        }
    }

    /// Sessions may move while it looks.
    pub fn looks_again(&mut self) {
        self.rounds_left = MOST_ROUNDS;
        self.has_missed = true;
    }

    pub async fn run(mut self) {
        let swept = self.sweep().await;
        let outcome = match swept.err().or(self.failure.take()) {
            Some(failure) => Outcome::Failed(failure),
            None => Outcome::Counted(self.destroyed),
        };
        report(&*self.completions, vec![(self.operation.clone(), outcome)]);
    }

    /// One session that cannot be destroyed does not keep the others; a page of which none can ends it.
    async fn sweep(&mut self) -> Result<(), Failure> {
        loop {
            let page = match self.outcomes.recv().await {
                Some((_, Outcome::Page(page))) => page,
                Some((_, Outcome::Failed(failure))) => return Err(failure),
                _ => return Err(Failure::internal()),
            };
            let has_destroyed = self.destroy(&page).await;
            let last = page.sessions.last();
            let from = last.map_or(Start::First, |session| Start::Behind(session.id.clone()));
            let has_failed = self.failure.is_some();
            if page.is_last && self.has_missed && self.rounds_left > 0 && !has_failed {
                self.rounds_left -= 1;
                self.has_missed = false;
                let _ = self.news.send(News::Find(self.number, Start::HashedAgain));
                continue;
            }
            if page.is_last || (self.failure.is_some() && !has_destroyed) {
                return Ok(());
            }
            let _ = self.news.send(News::Find(self.number, from));
        }
    }

    /// Tells whether any of them could be destroyed.
    async fn destroy(&mut self, page: &Page) -> bool {
        let Action::Sweep(sweep) = &self.operation.action else {
            return false;
        };
        let now = record::now().timestamp_millis();
        let sessions = page.sessions.iter();
        let found = sessions.filter(|session| !sweep.except.contains(session.told()));
        let found: Vec<_> = found.collect();
        let ids = found
            .iter()
            .map(|session| session.sought().clone())
            .collect();
        let live = (found.iter()).filter(|session| session.expires_at.is_none_or(|end| end > now));
        let live: HashMap<&Id, &Id> = live.map(|one| (one.sought(), one.told())).collect();
        // Also where there are none: what was called after the sweep waits for this.
        let _ = self.news.send(News::Found(self.number, ids));
        let mut destroyed = Vec::new();
        for _ in 0..found.len() {
            match self.outcomes.recv().await {
                Some((id, Outcome::Destroyed)) => destroyed.push(id),
                Some((_, Outcome::Failed(failure))) => self.failure = Some(failure),
                _ => self.has_missed = true,
            }
        }
        let has_destroyed = !destroyed.is_empty();
        // To everybody else those that were over were gone before.
        let told = destroyed.iter().filter_map(|id| live.get(id).copied());
        let told: Vec<Id> = told.cloned().collect();
        self.destroyed += told.len() as u64;
        if sweep.is_told && !told.is_empty() {
            self.completions.destroyed(told);
        }
        has_destroyed
    }
}

/// However it ends, and be it by a mistake: nobody waits for it any more. Until then the store has not
/// ended.
impl Drop for Sweeper {
    fn drop(&mut self) {
        let failed = Outcome::Failed(Failure::internal());
        report(&*self.completions, vec![(self.operation.clone(), failed)]);
        let _ = self.news.send(News::Swept(self.number));
    }
}
