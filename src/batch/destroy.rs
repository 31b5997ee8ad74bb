//! The `destroy`s of a batch.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::join;
use tokio::time::Instant;

use super::swap::SWAP_PAUSE;
use super::{Answered, Batch, Ended};
use crate::collection::{self, Command, Statement};
use crate::error::Failure;
use crate::operation::{Action, Filter, Id, Operation, Outcome};

type Destroys = Vec<Arc<Operation>>;

impl Batch<'_> {
    /// MongoDB says how many sessions it deleted, not which. Some servers that are compatible with it
    /// delete none, and say so, where the session is being written at the same time (seen on
    /// DocumentDB for PostgreSQL). So where some were not deleted, this looks who is still there, and
    /// deletes again: each by itself, since that may take a while.
    pub(super) async fn destroy(&self) -> Vec<Ended> {
        let (formers, others): (Destroys, Destroys) =
            (self.operations.iter().cloned()).partition(|destroy| destroy.former.is_some());
        if formers.is_empty() {
            return self.delete(others).await;
        }
        let both = join(self.delete_formers(formers), self.delete(others));
        let (mut ended, others) = Box::pin(both).await;
        ended.extend(others);
        ended
    }

    /// Deletes what is stored under former ids; that has to end before the rest is deleted (`home`). What
    /// is answered goes on, whatever the others get.
    async fn delete_formers(&self, destroys: Destroys) -> Vec<Ended> {
        let mut left = self.statements(destroys, |destroy| destroy.former.as_ref());
        let mut ended = std::mem::take(&mut left.refused);
        let destroys = &left.destroys;
        let write = (self.collection).write(Command::Delete, left.statements, self.trip);
        let answers = write.await.into_answers();
        let ends = answers.map(async |answer| {
            let is_last = answer.is_last;
            let Answered { failed, written } = self.answered(answer, destroys);
            let deleted = written.into_iter().map(|(destroy, _)| destroy);
            let mut ended = failed;
            ended.extend(self.delete(deleted.collect()).await);
            (ended, is_last)
        });
        ended.extend(self.tell_each(ends).await);
        ended
    }

    async fn delete(&self, destroys: Destroys) -> Vec<Ended> {
        let mut left = self.statements(destroys, |destroy| Some(&destroy.id));
        let mut ended = std::mem::take(&mut left.refused);
        let destroys = &left.destroys;
        let write = (self.collection).write(Command::Delete, left.statements, self.trip);
        let answers = write.await.into_answers();
        let ends = answers.map(async |answer| {
            let is_last = answer.is_last;
            let Answered { failed, written } = self.answered(answer, destroys);
            let mut ended = failed;
            let mut unsure = Vec::new();
            for (destroy, is_sure) in written {
                match is_sure {
                    true => ended.push((destroy, Outcome::Destroyed)),
                    false => unsure.push(destroy),
                }
            }
            if !unsure.is_empty() {
                if !ended.is_empty() {
                    self.leave.ended(std::mem::take(&mut ended));
                }
                Box::pin(self.make_sure(unsure, &mut ended)).await;
            }
            (ended, is_last)
        });
        ended.extend(self.tell_each(ends).await);
        ended
    }

    async fn make_sure(&self, unsure: Destroys, ended: &mut Vec<Ended>) {
        let there = match self.look(&unsure, ended).await {
            Ok(there) => there,
            Err(failure) => {
                ended.clear();
                let failed = |destroy| (destroy, Outcome::Failed(failure.clone()));
                return ended.extend(unsure.into_iter().map(failed));
            }
        };
        for destroy in there {
            match self.operations.len() {
                1 => {
                    let outcome = self.insist(&destroy).await;
                    ended.push((destroy, outcome.unwrap_or_else(Outcome::Failed)));
                }
                _ => self.leave.alone(&[destroy]),
            }
        }
    }

    /// Deletes until the session is gone.
    async fn insist(&self, destroy: &Arc<Operation>) -> Result<Outcome, Failure> {
        while Instant::now() < self.trip.deadline {
            tokio::time::sleep(SWAP_PAUSE).await;
            let mut deleted = false;
            for at in destroy.stored_ids() {
                deleted = self
                    .send_one(Command::Delete, self.statement(destroy, at)?)
                    .await?;
            }
            if deleted {
                return Ok(Outcome::Destroyed);
            }
            let mut gone = Vec::new();
            self.look(&vec![destroy.clone()], &mut gone).await?;
            if let Some((_, outcome)) = gone.pop() {
                return Ok(outcome);
            }
        }
        Err(self.collection.out_of_time())
    }

    /// What deletes what the destroys have under the ids that `at` gives.
    fn statements(&self, destroys: Destroys, at: impl Fn(&Operation) -> Option<&Id>) -> Planned {
        let mut planned = Planned::default();
        for destroy in destroys {
            let Some(at) = at(&destroy) else { continue };
            match self.statement(&destroy, at) {
                Ok(statement) => {
                    planned.statements.push(statement);
                    planned.destroys.push(destroy);
                }
                Err(failure) => planned.refused.push((destroy, Outcome::Failed(failure))),
            }
        }
        planned
    }

    fn statement(&self, destroy: &Arc<Operation>, at: &Id) -> Result<Statement, Failure> {
        let sealer = self.collection.sealer.as_deref();
        match matching(destroy) {
            Some(filter) => collection::delete_matching(&destroy.id, at, filter, sealer),
            None => Ok(collection::delete(&destroy.id, at)),
        }
    }

    /// Asks who is there. Gives those that are to be deleted still.
    async fn look(&self, unsure: &Destroys, ended: &mut Vec<Ended>) -> Result<Destroys, Failure> {
        let there = self.there(unsure, None).await?;
        let (there, gone): (Destroys, Destroys) =
            (unsure.iter().cloned()).partition(|destroy| there.contains(&destroy.id));
        let gone = gone.into_iter();
        ended.extend(gone.map(|destroy| (destroy, Outcome::Destroyed)));
        let (mut rest, mut again): (Destroys, Destroys) =
            (there.into_iter()).partition(|destroy| matching(destroy).is_some());
        while let Some(filter) = rest.first().and_then(|first| matching(first)).cloned() {
            let same = |destroy: &Arc<Operation>| {
                matching(destroy).is_some_and(|other| Arc::ptr_eq(other, &filter))
            };
            let (asked, others) = rest.into_iter().partition(same);
            rest = others;
            let still = self.there(&asked, Some(&filter)).await?;
            for destroy in asked {
                match still.contains(&destroy.id) {
                    true => again.push(destroy),
                    false => ended.push((destroy, Outcome::Missing)),
                }
            }
        }
        again.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(again)
    }

    async fn there(
        &self,
        destroys: &Destroys,
        filter: Option<&Filter>,
    ) -> Result<HashSet<Id>, Failure> {
        let ids = destroys
            .iter()
            .flat_map(|destroy| destroy.stored_ids().cloned());
        let ids: Vec<Id> = ids.collect();
        let deadline = self.trip.deadline;
        let there = self.collection.find_ids(&ids, filter, deadline).await?;
        let there: HashSet<Id> = there.into_iter().collect();
        let is_there =
            |destroy: &&Arc<Operation>| destroy.stored_ids().any(|id| there.contains(id));
        let destroys = destroys.iter().filter(is_there);
        Ok(destroys.map(|destroy| destroy.id.clone()).collect())
    }
}

fn matching(destroy: &Arc<Operation>) -> Option<&Arc<Filter>> {
    match &destroy.action {
        Action::Destroy { matching } => matching.as_ref(),
        _ => None,
    }
}

/// Destroys and their statements, in the same order.
#[derive(Default)]
struct Planned {
    destroys: Destroys,
    statements: Vec<Statement>,
    refused: Vec<Ended>,
}
