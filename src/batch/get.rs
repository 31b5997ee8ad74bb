//! The `get`s of a batch.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::RawDocument;

use super::home::{Home, Mark, Sighting};
use super::{Batch, Ended, id_of};
use crate::collection::{Reading, Unread, blames_a_session};
use crate::operation::{Id, Operation, Outcome};

type Gets<'a> = HashMap<&'a Id, &'a [Arc<Operation>]>;

impl Batch<'_> {
    pub(super) async fn get(&self) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(self.operations.len());
        let all = self.by_id().collect();
        let unseen = self.find_sessions(all, &mut ended).await;
        if unseen.is_empty() {
            return ended;
        }
        if !ended.is_empty() {
            self.leave.ended(std::mem::take(&mut ended));
        }
        let gone = Box::pin(self.find_sessions(unseen, &mut ended)).await;
        (gone.into_iter()).for_each(|gets| end(&mut ended, gets, Outcome::Missing));
        ended
    }

    /// Gives those that were seen nowhere and may have been looked for too early at one place, and too late at
    /// the other (`home`): once more they are found, or not there.
    async fn find_sessions<'a>(
        &self,
        all: Vec<&'a [Arc<Operation>]>,
        ended: &mut Vec<Ended>,
    ) -> Vec<&'a [Arc<Operation>]> {
        let mut gets: Gets<'_> = all.iter().map(|gets| (&gets[0].id, *gets)).collect();
        let formers: HashMap<&Id, &Id> = (all.iter())
            .filter_map(|gets| Some((gets[0].former.as_ref()?, &gets[0].id)))
            .collect();
        let ids: Vec<Id> = (all.iter())
            .flat_map(|gets| gets[0].stored_ids().cloned())
            .collect();
        let make = |record: &RawDocument| {
            let (id, mark) = (id_of(record)?, Mark::of(record));
            let is_home = mark == Mark::None && !formers.contains_key(&id);
            Some((id, mark, self.outcome_of_record(record, is_home)))
        };
        let mut sightings: HashMap<&Id, Sighting<Outcome>> = HashMap::new();
        let found = |reading: Reading<Option<(Id, Mark, Outcome)>>| {
            let (found, is_last) = match reading {
                Reading::Begins => return sightings.clear(),
                Reading::Some(found) => (found, false),
                Reading::Last(found) => (found, true),
            };
            let (under_formers, others): (Vec<_>, Vec<_>) =
                (found.into_iter().flatten()).partition(|(id, _, _)| formers.contains_key(id));
            for (id, mark, outcome) in under_formers {
                if let Some(session) = formers.get(&id) {
                    sightings.entry(session).or_default().former = Some((mark, outcome));
                }
            }
            for (id, mark, outcome) in others {
                if mark == Mark::None {
                    let former = sightings.get(&id).and_then(|seen| seen.former.as_ref());
                    let has_remains = matches!(former, Some((Mark::None, _)));
                    let outcome = if has_remains {
                        outdated(outcome)
                    } else {
                        outcome
                    };
                    end(ended, gets.remove(&id).unwrap_or_default(), outcome);
                } else if let Some((session, _)) = gets.get_key_value(&id) {
                    sightings.entry(session).or_default().here = Some((mark, outcome));
                }
            }
            if !is_last && !ended.is_empty() {
                self.leave.ended(std::mem::take(ended));
            }
        };
        let is_divisible = all.len() > 1;
        let read = (self.collection)
            .find(&ids, is_divisible, self.trip, make, found)
            .await;
        match read {
            Ok(()) => return end_rest(gets, sightings, ended),
            Err(Unread::HeldUp) => gets.into_values().for_each(|gets| self.leave.alone(gets)),
            Err(Unread::Failed(failure)) if is_divisible && blames_a_session(&failure) => {
                gets.into_values().for_each(|gets| self.leave.alone(gets));
            }
            Err(Unread::Failed(failure)) => {
                let failed = Outcome::Failed(failure);
                let rest = gets.into_values();
                rest.for_each(|gets| end(ended, gets, failed.clone()));
            }
        }
        Vec::new()
    }
}

/// Those that were not found under the id that they are stored under now. Gives those that may be somewhere.
fn end_rest<'a>(
    gets: Gets<'a>,
    mut sightings: HashMap<&Id, Sighting<Outcome>>,
    ended: &mut Vec<Ended>,
) -> Vec<&'a [Arc<Operation>]> {
    let mut unseen = Vec::new();
    for (id, gets) in gets {
        let sighting = sightings.remove(id).unwrap_or_default();
        match sighting.home() {
            Home::Here(outcome) | Home::Unsettled(outcome) | Home::Former(outcome, _) => {
                end(ended, gets, outcome);
            }
            Home::Unseen(_) if gets[0].former.is_some() => unseen.push(gets),
            Home::Unseen(_) => end(ended, gets, Outcome::Missing),
        }
    }
    unseen
}

/// The next write of the session deletes what is left under its former id.
fn outdated(mut outcome: Outcome) -> Outcome {
    // Nobody else has it yet.
    if let Outcome::Found(found) = &mut outcome
        && let Some(found) = Arc::get_mut(found)
    {
        found.read.is_outdated = true;
    }
    outcome
}

fn end(ended: &mut Vec<Ended>, gets: &[Arc<Operation>], outcome: Outcome) {
    let outcomes = std::iter::repeat_n(outcome, gets.len());
    ended.extend(gets.iter().cloned().zip(outcomes));
}
