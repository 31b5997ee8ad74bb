//! The `destroy`s of sessions that may still be under their former ids. Each is deleted where it is, and
//! only there: once it has ended, what is made under its id is another (`home`).

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{RawDocument, RawDocumentBuf};
use tokio::time::Instant;

use super::destroy::{At, Destroys};
use super::home::{Home, Mark, Sighting};
use super::swap::SWAP_PAUSE;
use super::touch::sighting_in;
use super::{Batch, Ended};
use crate::collection::{self, Command, Statement, Unread};
use crate::error::Failure;
use crate::operation::{Id, Operation, Outcome};
use crate::record;

type Records = HashMap<Id, RawDocumentBuf>;

impl Batch<'_> {
    pub(super) async fn destroy_formers(&self, destroys: Destroys) -> Vec<Ended> {
        let is_alone = self.operations.len() == 1;
        loop {
            let found = match self.find_records(&destroys).await {
                Ok(found) => found,
                Err(Unread::HeldUp) => {
                    self.leave_alone(destroys);
                    return Vec::new();
                }
                Err(Unread::Failed(failure)) => return failed(destroys, &failure),
            };
            let ended = match destroys.as_slice() {
                [destroy] if is_alone => self.destroy_alone(destroy, &found).await,
                _ => return self.destroy_many(destroys, &found).await,
            };
            if !ended.is_empty() {
                return ended;
            }
            if Instant::now() >= self.trip.deadline {
                return failed(destroys, &self.collection.out_of_time());
            }
            tokio::time::sleep(SWAP_PAUSE).await;
        }
    }

    /// Those that take more than one step leave.
    async fn destroy_many(&self, destroys: Destroys, found: &Records) -> Vec<Ended> {
        let (mut formers, mut here) = (Vec::new(), Vec::new());
        for destroy in destroys {
            let sighting = sighting_in(&destroy, found);
            if sighting.has_remains() || left_of(&destroy, &sighting).is_some() {
                self.leave.alone(&[destroy]);
            } else if let Home::Former(..) = sighting.home() {
                formers.push(destroy);
            } else {
                here.push(destroy);
            }
        }
        let (formers, here) = (
            self.delete(formers, At::Former),
            self.delete(here, At::Here),
        );
        self.tell_both(formers, here).await
    }

    /// Gives nothing where it has moved since it was found.
    async fn destroy_alone(&self, destroy: &Arc<Operation>, found: &Records) -> Vec<Ended> {
        let sighting = sighting_in(destroy, found);
        let left = left_of(destroy, &sighting);
        // They would take the place of the session.
        if sighting.has_remains()
            && let Err(failure) = self.forget_remains(destroy).await
        {
            return failed(vec![destroy.clone()], &failure);
        }
        let at = match sighting.home() {
            Home::Former(..) => At::Former,
            Home::Here(_) | Home::Unsettled(_) | Home::Unseen(_) => At::Here,
        };
        let ended = self.delete(vec![destroy.clone()], at).await;
        if let (Some(left), [(_, Outcome::Destroyed)]) = (left, ended.as_slice()) {
            // It is no session, and ends as one.
            let _ = self.send_one(Command::Delete, left).await;
        }
        ended
    }

    /// Some were not deleted. What is not under its former id any more was destroyed, and perhaps written
    /// whole since: a move leaves a mark there. The rest is to be looked at again.
    pub(super) async fn find_out(&self, unsure: Destroys, ended: &mut Vec<Ended>) {
        let found = match self.find_records(&unsure).await {
            Ok(found) => found,
            Err(Unread::HeldUp) => return self.leave_alone(unsure),
            Err(Unread::Failed(failure)) => return ended.extend(failed(unsure, &failure)),
        };
        let is_alone = self.operations.len() == 1;
        let is_there = |destroy: &Arc<Operation>| {
            let former = destroy.former.as_ref();
            former.is_some_and(|former| found.contains_key(former))
                // Alone it was not this that deleted it, and may end what is there as well.
                || (is_alone && found.contains_key(&destroy.id))
        };
        let (there, gone): (Destroys, Destroys) = unsure.into_iter().partition(is_there);
        ended.extend((gone.into_iter()).map(|destroy| (destroy, Outcome::Destroyed)));
        let is_former = |destroy: &Arc<Operation>| {
            matches!(sighting_in(destroy, &found).home(), Home::Former(..))
        };
        let (formers, mut again): (Destroys, Destroys) = there.into_iter().partition(is_former);
        if !formers.is_empty() {
            if !ended.is_empty() {
                self.leave.ended(std::mem::take(ended));
            }
            let mut looked_at = Vec::new();
            match self.look(&formers, At::Former, &mut looked_at).await {
                Ok(formers) => {
                    ended.extend(looked_at);
                    again.extend(formers);
                }
                Err(failure) => ended.extend(failed(formers, &failure)),
            }
        }
        if !is_alone {
            self.leave_alone(again);
        }
    }

    async fn find_records(&self, destroys: &Destroys) -> Result<Records, Unread> {
        let ids = destroys.iter().flat_map(|destroy| destroy.stored_ids());
        self.find_ends(&ids.cloned().collect::<Vec<_>>()).await
    }

    fn leave_alone(&self, destroys: Destroys) {
        for destroy in destroys {
            self.leave.alone(&[destroy]);
        }
    }
}

/// What deletes what a move has left of a session that is over.
fn left_of(destroy: &Operation, sighting: &Sighting<&RawDocument>) -> Option<Statement> {
    let (id, former) = (&destroy.id, destroy.former.as_ref()?);
    match (&sighting.here, &sighting.former) {
        (_, Some((Mark::Moved(_), _))) => Some(collection::delete_left(id, former, record::MOVED)),
        (Some((Mark::Pending(_), _)), Some(_)) => {
            Some(collection::delete_left(id, id, record::PENDING))
        }
        _ => None,
    }
}

fn failed(destroys: Destroys, failure: &Failure) -> Vec<Ended> {
    let failed = |destroy| (destroy, Outcome::Failed(failure.clone()));
    destroys.into_iter().map(failed).collect()
}
