//! The `destroy`s of a batch. ([`super::destroy_former`] has those of sessions that may not have moved yet.)

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::swap::SWAP_PAUSE;
use super::{Answered, Batch, Ended};
use crate::collection::{self, Command, Statement};
use crate::error::Failure;
use crate::operation::{Action, Filter, Id, Operation, Outcome};

pub(super) type Destroys = Vec<Arc<Operation>>;

/// Which of a session's records is deleted.
#[derive(Clone, Copy)]
pub(super) enum At {
    Here,
    /// Under the former id, if it has not been moved.
    Former,
}

impl At {
    fn id(self, destroy: &Operation) -> &Id {
        match (self, &destroy.former) {
            (At::Former, Some(former)) => former,
            _ => &destroy.id,
        }
    }
}

impl Batch<'_> {
    /// MongoDB says how many sessions it deleted, not which. Some servers that are compatible with it
    /// delete none, and say so, where the session is being written at the same time (seen on
    /// DocumentDB for PostgreSQL). So where some were not deleted, this looks who is still there, and
    /// deletes again: each by itself, since that may take a while.
    pub(super) async fn destroy(&self) -> Vec<Ended> {
        let (formers, others): (Destroys, Destroys) =
            (self.operations.iter().cloned()).partition(|destroy| destroy.former.is_some());
        if formers.is_empty() {
            return self.delete(others, At::Here).await;
        }
        let (formers, others) = (self.destroy_formers(formers), self.delete(others, At::Here));
        Box::pin(self.tell_both(formers, others)).await
    }

    /// Deletes the records that are there. What is answered goes on, whatever the others get.
    pub(super) async fn delete(&self, destroys: Destroys, at: At) -> Vec<Ended> {
        let (mut ended, mut sent, mut statements) = (Vec::new(), Vec::new(), Vec::new());
        for destroy in destroys {
            match self.statement(&destroy, at) {
                Ok(statement) => {
                    statements.push(statement);
                    sent.push(destroy);
                }
                Err(failure) => ended.push((destroy, Outcome::Failed(failure))),
            }
        }
        let write = (self.collection).write(Command::Delete, statements, self.trip);
        let answers = write.await.into_answers();
        let sent = &sent;
        let ends = answers.map(async |answer| {
            let is_last = answer.is_last;
            let Answered { failed, written } = self.answered(answer, sent);
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
                match at {
                    At::Here => Box::pin(self.make_sure(unsure, &mut ended)).await,
                    At::Former => Box::pin(self.find_out(unsure, &mut ended)).await,
                }
            }
            (ended, is_last)
        });
        ended.extend(self.tell_each(ends).await);
        ended
    }

    async fn make_sure(&self, unsure: Destroys, ended: &mut Vec<Ended>) {
        let there = match self.look(&unsure, At::Here, ended).await {
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
            let delete = self.statement(destroy, At::Here)?;
            if self.send_one(Command::Delete, delete).await? {
                return Ok(Outcome::Destroyed);
            }
            let mut gone = Vec::new();
            let alone = vec![destroy.clone()];
            self.look(&alone, At::Here, &mut gone).await?;
            if let Some((_, outcome)) = gone.pop() {
                return Ok(outcome);
            }
        }
        Err(self.collection.out_of_time())
    }

    fn statement(&self, destroy: &Operation, at: At) -> Result<Statement, Failure> {
        let sealer = self.collection.sealer.as_deref();
        let (id, filter) = (&destroy.id, matching(destroy));
        match (at, filter) {
            (At::Former, filter) => {
                let filter = filter.map(AsRef::as_ref);
                collection::delete_former(id, at.id(destroy), filter, sealer)
            }
            (At::Here, Some(filter)) => collection::delete_matching(id, filter, sealer),
            (At::Here, None) => Ok(collection::delete(id, id)),
        }
    }

    /// Asks who is there, under the ids that `at` gives. Gives those that are to be deleted still.
    pub(super) async fn look(
        &self,
        unsure: &Destroys,
        at: At,
        ended: &mut Vec<Ended>,
    ) -> Result<Destroys, Failure> {
        let there = self.there(unsure, at, None).await?;
        let (there, gone): (Destroys, Destroys) =
            (unsure.iter().cloned()).partition(|destroy| there.contains(at.id(destroy)));
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
            let still = self.there(&asked, at, Some(&filter)).await?;
            for destroy in asked {
                match still.contains(at.id(&destroy)) {
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
        at: At,
        filter: Option<&Filter>,
    ) -> Result<HashSet<Id>, Failure> {
        if destroys.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<Id> = destroys
            .iter()
            .map(|destroy| at.id(destroy).clone())
            .collect();
        let deadline = self.trip.deadline;
        let there = self.collection.find_ids(&ids, filter, deadline).await?;
        Ok(there.into_iter().collect())
    }
}

pub(super) fn matching(destroy: &Operation) -> Option<&Arc<Filter>> {
    match &destroy.action {
        Action::Destroy { matching } => matching.as_ref(),
        _ => None,
    }
}
