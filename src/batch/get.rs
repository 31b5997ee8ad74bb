//! The `get`s of a batch.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::RawDocument;
use mongodb::bson::oid::ObjectId;

use super::home::{Home, Mark, Sighting, seen_again};
use super::{Batch, Ended, id_of};
use crate::collection::{Reading, Unread, blames_a_session};
use crate::operation::{Id, Operation, Outcome};

type Gets<'a> = HashMap<&'a Id, &'a [Arc<Operation>]>;

impl Batch<'_> {
    pub(super) async fn get(&self) -> Vec<Ended> {
        let mut gets: Gets<'_> = self.by_id().map(|gets| (&gets[0].id, gets)).collect();
        let sessions = gets.len();
        let formers: HashMap<&Id, &Id> = (self.by_id())
            .filter_map(|gets| Some((gets[0].former.as_ref()?, &gets[0].id)))
            .collect();
        let ids: Vec<Id> = (self.by_id())
            .flat_map(|gets| gets[0].stored_ids().cloned())
            .collect();
        let make = |record: &RawDocument| {
            let (id, mark) = (id_of(record)?, Mark::of(record));
            let is_home = mark == Mark::None && !formers.contains_key(&id);
            Some((id, mark, self.outcome_of_record(record, is_home)))
        };
        let mut ended = Vec::with_capacity(self.operations.len());
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
                    end(&mut ended, gets.remove(&id).unwrap_or_default(), outcome);
                } else if let Some((session, _)) = gets.get_key_value(&id) {
                    sightings.entry(session).or_default().here = Some((mark, outcome));
                }
            }
            if !is_last && !ended.is_empty() {
                self.leave.ended(std::mem::take(&mut ended));
            }
        };
        let is_divisible = sessions > 1;
        let read = (self.collection)
            .find(&ids, is_divisible, self.trip, make, found)
            .await;
        match read {
            Ok(()) => self.end_rest(gets, sightings, &mut ended).await,
            Err(Unread::HeldUp) => gets.into_values().for_each(|gets| self.leave.alone(gets)),
            Err(Unread::Failed(failure)) if is_divisible && blames_a_session(&failure) => {
                gets.into_values().for_each(|gets| self.leave.alone(gets));
            }
            Err(Unread::Failed(failure)) => {
                let failed = Outcome::Failed(failure);
                let rest = gets.into_values();
                rest.for_each(|gets| end(&mut ended, gets, failed.clone()));
            }
        }
        ended
    }

    /// Those that were not found under the id that they are stored under now.
    async fn end_rest(
        &self,
        gets: Gets<'_>,
        mut sightings: HashMap<&Id, Sighting<Outcome>>,
        ended: &mut Vec<Ended>,
    ) {
        let mut unseen = Vec::new();
        for (id, gets) in gets {
            let sighting = sightings.remove(id).unwrap_or_default();
            match sighting.home() {
                Home::Here(outcome) | Home::Unsettled(outcome) | Home::Former(outcome, _) => {
                    end(ended, gets, outcome);
                }
                Home::Unseen(moved) if gets[0].former.is_some() => unseen.push((gets, moved)),
                Home::Unseen(_) => end(ended, gets, Outcome::Missing),
            }
        }
        if !unseen.is_empty() {
            Box::pin(self.look_again(unseen, ended)).await;
        }
    }

    /// Of these one record may have been read before they left their former id, and the other after it.
    async fn look_again(
        &self,
        unseen: Vec<(&[Arc<Operation>], Option<ObjectId>)>,
        ended: &mut Vec<Ended>,
    ) {
        let ids: Vec<Id> = unseen.iter().map(|(gets, _)| gets[0].id.clone()).collect();
        let found = self.collection.find_latest(&ids, self.trip.deadline).await;
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                let failed = Outcome::Failed(failure);
                return (unseen.into_iter()).for_each(|(gets, _)| end(ended, gets, failed.clone()));
            }
        };
        for (gets, moved) in unseen {
            let is_of = |record: &RawDocument| id_of(record).as_ref() == Some(&gets[0].id);
            let record = found.iter().find(|record| is_of(record));
            let home = record.and_then(|record| seen_again(Mark::of(record), record, moved));
            let outcome = match home {
                Some(Home::Here(record)) => self.outcome_of_record(record, true),
                Some(Home::Unsettled(record)) => self.outcome_of_record(record, false),
                _ => Outcome::Missing,
            };
            end(ended, gets, outcome);
        }
    }
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
