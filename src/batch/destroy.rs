//! The `destroy`s of a batch.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::{Batch, Ended};
use crate::collection::{self, Command, Written};
use crate::error::Failure;
use crate::operation::{Action, Filter, Id, Operation, Outcome};

type Destroys = Vec<Arc<Operation>>;

impl Batch<'_> {
    /// MongoDB says how many sessions it deleted, not which. Some servers that are compatible with it
    /// delete none, and say so, where the session is being written at the same time (seen on
    /// DocumentDB for PostgreSQL). So where some were not deleted, this looks who is still there, and
    /// deletes again.
    pub(super) async fn destroy(&self) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(self.operations.len());
        let mut left = self.operations.to_vec();
        loop {
            let left_here = self.delete_formers(left, &mut ended).await;
            let unsure = self.delete(&left_here, &mut ended).await;
            if unsure.is_empty() {
                return ended;
            }
            if !ended.is_empty() {
                self.leave.ended(std::mem::take(&mut ended));
            }
            let failed = |destroy: &Arc<_>, failure: Failure| {
                (Arc::clone(destroy), Outcome::Failed(failure))
            };
            let left_over = match self.look(&unsure, &mut ended).await {
                Ok(left_over) => left_over,
                Err(failure) => {
                    ended.clear();
                    let unsure = unsure.iter();
                    ended.extend(unsure.map(|destroy| failed(destroy, failure.clone())));
                    return ended;
                }
            };
            if left_over.is_empty() {
                return ended;
            }
            if Instant::now() >= self.trip.deadline {
                let out_of_time = || self.collection.out_of_time();
                let left_over = left_over.iter();
                ended.extend(left_over.map(|destroy| failed(destroy, out_of_time())));
                return ended;
            }
            left = left_over;
        }
    }

    /// Deletes what is stored under former ids; that has to end before the rest is deleted (`home`).
    /// Gives those that go on.
    async fn delete_formers(&self, destroys: Destroys, ended: &mut Vec<Ended>) -> Destroys {
        let (formers, mut left): (Destroys, Destroys) =
            (destroys.into_iter()).partition(|destroy| destroy.former.is_some());
        if formers.is_empty() {
            return left;
        }
        let sealer = self.collection.sealer.as_deref();
        let statements = formers.iter().filter_map(|destroy| {
            let (id, former) = (&destroy.id, destroy.former.as_ref()?);
            match matching(destroy) {
                Some(filter) => collection::delete_matching(id, former, filter, sealer).ok(),
                None => Some(collection::delete(id, former)),
            }
        });
        let statements: Vec<_> = statements.collect();
        let mut write = (self.collection)
            .write(Command::Delete, statements, self.trip)
            .await;
        while let Some(answer) = write.next().await {
            for (place, written) in answer.into_written() {
                let destroy = &formers[place];
                match written {
                    Written::Later => {}
                    Written::Alone => self.leave.alone(std::slice::from_ref(destroy)),
                    Written::Failed(failure) => {
                        ended.push((destroy.clone(), Outcome::Failed(failure)));
                    }
                    _ => left.push(destroy.clone()),
                }
            }
        }
        left.sort_by(|one, other| one.id.cmp(&other.id));
        left
    }

    /// Gives those of which is not known whether they were there.
    async fn delete(&self, destroys: &Destroys, ended: &mut Vec<Ended>) -> Destroys {
        let mut unsure = Vec::new();
        let sealer = self.collection.sealer.as_deref();
        let statements = destroys.iter().map(|destroy| match matching(destroy) {
            Some(filter) => collection::delete_matching(&destroy.id, &destroy.id, filter, sealer),
            None => Ok(collection::delete(&destroy.id, &destroy.id)),
        });
        let statements = match statements.collect() {
            Ok(statements) => statements,
            Err(failure) => {
                let destroys = destroys.iter().cloned();
                ended.extend(destroys.map(|one| (one, Outcome::Failed(Failure::clone(&failure)))));
                return unsure;
            }
        };
        let mut write = (self.collection)
            .write(Command::Delete, statements, self.trip)
            .await;
        while let Some(answer) = write.next().await {
            let is_last = answer.is_last;
            for (place, written) in answer.into_written() {
                let destroy = &destroys[place];
                match written {
                    Written::Later => {}
                    Written::Alone => self.leave.alone(std::slice::from_ref(destroy)),
                    Written::Unsure => unsure.push(destroy.clone()),
                    Written::Failed(failure) => {
                        ended.push((destroy.clone(), Outcome::Failed(failure)));
                    }
                    Written::Created | Written::Matched => {
                        ended.push((destroy.clone(), Outcome::Destroyed));
                    }
                }
            }
            if !is_last {
                self.leave.ended(std::mem::take(ended));
            }
        }
        unsure
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
