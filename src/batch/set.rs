//! The `set`s of a batch: whole sessions, differences, and what only a swap can write.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use futures_util::StreamExt;
use mongodb::bson::RawDocument;

use super::moving::leaves_former;
use super::touch_after::{leaves_cookie, leaves_record, number};
use super::{Batch, Ended, id_of, stored};
use crate::codec::{self, CodecError};
use crate::collection::{self, Command, Dates, Statement, Written};
use crate::difference::Difference;
use crate::error::Failure;
use crate::operation::{Action, Content, Id, Operation, Outcome, Read};
use crate::record::{self, MAX_RECORD_SIZE};
use crate::seal::Sealer;

/// A server looks up each path of an update: beyond so many, the whole session takes less.
const MOST_PATHS: usize = 1000;

/// How a `set` gets to the server.
enum Plan<'a> {
    /// As a statement of the batch's one command, and what it means if that succeeds.
    Update(Statement, Outcome, Upsert),
    /// By compare-and-swap, for what `$set` and `$unset` cannot express, and for what is to be written
    /// anew as a whole. Takes more than one command.
    Swap {
        states: Vec<Cow<'a, RawDocument>>,
        data: Cow<'a, RawDocument>,
        /// What it means if it succeeds.
        meaning: Outcome,
    },
    /// Not at all: `touchAfter` has not passed since the last write.
    Nothing,
    Refused(Failure),
}

/// Whether the statement makes the session if it is not there.
type Upsert = bool;

/// A statement of the batch's command.
struct Sent<'a> {
    operation: &'a Arc<Operation>,
    upsert: Upsert,
    /// What it means if it succeeds.
    meaning: Outcome,
}

impl Batch<'_> {
    pub(super) async fn set(&self) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(self.operations.len());
        let mut statements = Vec::with_capacity(self.operations.len());
        let mut sent = Vec::with_capacity(self.operations.len());
        for operation in self.operations {
            let outcome = match self.plan(operation) {
                Ok(Plan::Update(statement, meaning, upsert)) => {
                    statements.push(statement);
                    sent.push(Sent {
                        operation,
                        upsert,
                        meaning,
                    });
                    continue;
                }
                Ok(Plan::Swap { .. }) if self.operations.len() > 1 => {
                    self.leave.alone(std::slice::from_ref(operation));
                    continue;
                }
                Ok(Plan::Swap {
                    states,
                    data,
                    meaning,
                }) => Box::pin(self.swap(operation, &states, &data))
                    .await
                    .map(|is_there| if is_there { meaning } else { Outcome::Dropped })
                    .unwrap_or_else(Outcome::Failed),
                Ok(Plan::Nothing) => Outcome::Unchanged,
                Ok(Plan::Refused(failure)) => Outcome::Failed(failure),
                Err(refused) => Outcome::Failed(refused),
            };
            ended.push((operation.clone(), outcome));
        }
        let write = (self.collection).write(Command::Update, statements, self.trip);
        let write = write.await;
        if !sent.is_empty() && !ended.is_empty() {
            self.leave.ended(std::mem::take(&mut ended));
        }
        let (sent, is_alone) = (&sent, sent.len() == 1);
        let ends = write.into_answers().map(async |answer| {
            let is_last = answer.is_last;
            let (mut ended, mut unsure) = (Vec::new(), Vec::new());
            for (place, written) in answer.into_written() {
                self.sort(&sent[place], written, &mut ended, &mut unsure);
            }
            if is_alone && !unsure.is_empty() {
                ended.extend(unsure.drain(..).map(|(set, _)| (set, Outcome::Dropped)));
            }
            let (wholes, mut ended): (Vec<_>, Vec<_>) = ended.into_iter().partition(leaves_former);
            if !wholes.is_empty() || !unsure.is_empty() {
                if !ended.is_empty() {
                    self.leave.ended(std::mem::take(&mut ended));
                }
                let (wholes, unsure) = (self.forget_formers(wholes), self.find_dropped(unsure));
                ended.extend(Box::pin(self.tell_both(wholes, unsure)).await);
            }
            (ended, is_last)
        });
        ended.extend(self.tell_each(ends).await);
        ended
    }

    fn sort(
        &self,
        sent: &Sent<'_>,
        written: Written,
        ended: &mut Vec<Ended>,
        unsure: &mut Vec<Ended>,
    ) {
        let outcome = match written {
            Written::Later => return,
            Written::Alone => return self.leave.alone(std::slice::from_ref(sent.operation)),
            Written::Unsure if !sent.upsert => {
                return unsure.push((sent.operation.clone(), sent.meaning.clone()));
            }
            Written::Created => Outcome::Created,
            Written::Failed(failure) => Outcome::Failed(failure),
            Written::Matched | Written::Unsure => sent.meaning.clone(),
        };
        ended.push((sent.operation.clone(), outcome));
    }

    /// MongoDB says how many statements found their session, not which: where some did not, this
    /// asks who is gone.
    async fn find_dropped(&self, mut unsure: Vec<Ended>) -> Vec<Ended> {
        if unsure.is_empty() {
            return unsure;
        }
        let ids: Vec<Id> = unsure.iter().map(|(set, _)| set.id.clone()).collect();
        let found = self.collection.find_latest(&ids, self.trip.deadline);
        // Without an answer the sessions that are gone are taken for written: nothing was lost that
        // was still there.
        let Ok(found) = found.await else {
            return unsure;
        };
        let there: HashSet<Id> = found.iter().filter_map(|record| id_of(record)).collect();
        for (set, outcome) in &mut unsure {
            if !there.contains(&set.id) {
                *outcome = Outcome::Dropped;
            }
        }
        unsure
    }

    fn plan<'a>(&self, operation: &'a Operation) -> Result<Plan<'a>, Failure> {
        let Action::Set {
            data,
            read,
            writing,
            lifetime,
        } = &operation.action
        else {
            return Err(Failure::internal());
        };
        let (id, dates) = (&operation.id, self.dates(*lifetime));
        let sealer = self.collection.sealer.as_deref();
        let data = to_bson(data)?;
        if self.is_too_large(id, stored::size(sealer, &data)) {
            return Ok(Plan::Refused(collection::too_large()));
        }
        let Some(read) = read else {
            let mut session = stored::seal(sealer, id, data)?;
            session.pending = self.pending();
            let whole = collection::write_whole(id, &session, dates);
            return Ok(Plan::Update(whole, Outcome::Updated, true));
        };
        let states = states(read, writing)?;
        let mut difference = difference(&states, &data)?;
        if difference.is_new_expiry() && self.may_wait(*lifetime, read, &states, &data, dates) {
            return Ok(Plan::Nothing);
        }
        let meaning = match difference.is_touch() {
            true => Outcome::Touched,
            false => Outcome::Updated,
        };
        difference.complete_expiry(&data);
        let paths = difference.set.len() + difference.unset.len();
        if read.is_outdated || !difference.fits_update() || paths > MOST_PATHS {
            return Ok(Plan::Swap {
                states,
                data,
                meaning,
            });
        }
        let update = write_difference(sealer, id, &difference, dates)?;
        // Each key of it has a path of its own, and with long keys these take more than the session.
        if update.body.as_bytes().len() > MAX_RECORD_SIZE {
            return Ok(Plan::Swap {
                states,
                data,
                meaning,
            });
        }
        Ok(Plan::Update(update, meaning, false))
    }

    /// Whether `touchAfter` puts off a renewal of what the session may look like. When it ends is known only
    /// where the request has written nothing since it read.
    fn may_wait(
        &self,
        lifetime: i64,
        read: &Read,
        states: &[Cow<'_, RawDocument>],
        data: &RawDocument,
        dates: Dates,
    ) -> bool {
        let expire = number(data, "_expire");
        let [state] = states else {
            return false;
        };
        leaves_record(self.touch_after, lifetime, read.expires_at, dates)
            && leaves_cookie(self.touch_after, state, expire)
    }

    pub(super) fn dates(&self, lifetime: i64) -> Dates {
        let dates = Dates::of(lifetime);
        let created_at = self.collection.timestamps.then_some(dates.updated_at);
        Dates {
            created_at,
            ..dates
        }
    }

    pub(super) fn is_too_large(&self, id: &str, session: usize) -> bool {
        let creation = match self.collection.timestamps {
            true => record::CREATED_AT_SIZE,
            false => 0,
        };
        record::size(id, session) + creation > MAX_RECORD_SIZE
    }
}

fn write_difference(
    sealer: Option<&Sealer>,
    id: &Id,
    difference: &Difference<'_>,
    dates: Dates,
) -> Result<Statement, Failure> {
    let Difference { set, unset, .. } = difference;
    let Some(sealer) = sealer else {
        let set = set.iter().copied();
        return Ok(collection::write_difference(id, set, unset, &[], dates));
    };
    let sealed = stored::seal_changed(sealer, id, difference)?;
    let lookups = stored::changed_lookups(sealer, id, difference);
    let sealed = sealed.iter_elements().flatten();
    let sealed = sealed.filter_map(|element| Some((element.key(), element.value().ok()?)));
    let update = collection::write_difference(id, sealed, unset, &lookups, dates);
    Ok(update)
}

/// What the session may look like to the request: what it read, and what it wrote since.
fn states<'a>(
    read: &'a Read,
    writing: &'a [Content],
) -> Result<Vec<Cow<'a, RawDocument>>, CodecError> {
    let states = std::iter::once(&read.content).chain(writing);
    states.map(to_bson).collect()
}

pub(super) fn difference<'a>(
    states: &'a [Cow<'_, RawDocument>],
    data: &'a RawDocument,
) -> Result<Difference<'a>, CodecError> {
    let mut difference = Difference::default();
    for state in states {
        let of_state = Difference::between(state, data);
        difference.add(of_state.map_err(|_| CodecError::Malformed)?);
    }
    Ok(difference)
}

fn to_bson(content: &Content) -> Result<Cow<'_, RawDocument>, CodecError> {
    match content {
        Content::Json(text) => codec::from_json(text).map(Cow::Owned),
        Content::Bson(bytes) => RawDocument::from_bytes(bytes)
            .map(Cow::Borrowed)
            .map_err(|_| CodecError::Malformed),
    }
}
