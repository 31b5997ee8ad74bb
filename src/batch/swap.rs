//! Compare-and-swap: for what `$set` and `$unset` cannot express, and for sessions that are stored otherwise
//! than they would be now.

use std::borrow::Cow;
use std::time::Duration;

use mongodb::bson::RawDocument;
use tokio::time::Instant;

use super::home::{Home, Mark, Sighting, seen_again};
use super::moving::{Move, Step};
use super::set::difference;
use super::{Batch, stored};
use crate::codec::CodecError;
use crate::collection::{self, Command, Pending};
use crate::error::Failure;
use crate::operation::{Action, Id, Operation};

/// The pause before a swap that somebody else was faster than is tried again.
pub(super) const SWAP_PAUSE: Duration = Duration::from_millis(2);

impl Batch<'_> {
    /// Reads the session, applies this request's changes, writes if nobody wrote in between, else
    /// again. False if the session is gone.
    pub(super) async fn swap(
        &self,
        operation: &Operation,
        states: &[Cow<'_, RawDocument>],
        data: &RawDocument,
    ) -> Result<bool, Failure> {
        let Action::Set { lifetime, .. } = operation.action else {
            return Ok(false);
        };
        let (id, sealer) = (&operation.id, self.collection.sealer.as_deref());
        let malformed = |_| Failure::from(CodecError::Malformed);
        let mut difference = difference(states, data)?;
        difference.complete_expiry(data);
        let ids: Vec<Id> = operation.stored_ids().cloned().collect();
        let mut state = Move::default();
        loop {
            let deadline = self.trip.deadline;
            let found = self.collection.find_latest(&ids, deadline).await?;
            let sighting = Sighting::of(operation, found.iter().map(AsRef::as_ref));
            let has_remains = sighting.has_remains();
            let again;
            let home = match sighting.home() {
                Home::Unseen(moved) if operation.former.is_some() => {
                    let id = std::slice::from_ref(id);
                    again = self.collection.find_latest(id, deadline).await?;
                    let here = again.first().map(AsRef::as_ref);
                    let here = here.and_then(|here| seen_again(Mark::of(here), here, moved));
                    here.unwrap_or(Home::Unseen(moved))
                }
                home => home,
            };
            let record = match home {
                Home::Here(record) | Home::Unsettled(record) | Home::Former(record, _) => record,
                Home::Unseen(_) => {
                    self.abandon(operation, &state).await;
                    return Ok(false);
                }
            };
            let session = match record.get_document("data") {
                Ok(current) => {
                    let current = stored::open(sealer, record, current)?;
                    let applied = difference.apply(data, &current.session);
                    Cow::Owned(applied.map_err(malformed)?)
                }
                Err(_) => Cow::Borrowed(data),
            };
            let mut session = stored::seal(sealer, id, session)?;
            if self.is_too_large(id, session.size()) {
                return Err(collection::too_large());
            }
            let dates = self.dates(lifetime);
            let is_done = match home {
                Home::Former(former, pending) => {
                    let move_here = Step {
                        former,
                        pending,
                        session,
                        dates,
                    };
                    self.move_here(operation, &mut state, move_here).await?
                }
                _ => {
                    session.pending = self.pending();
                    let swap = collection::write_swap(id, record, &session, dates);
                    let is_done = self.send_one(Command::Update, swap).await?;
                    if is_done && matches!(home, Home::Unsettled(_)) {
                        self.forget_mark(operation).await;
                    }
                    if is_done && has_remains {
                        let _ = self.forget_remains(operation).await;
                    }
                    is_done
                }
            };
            if is_done {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Err(self.collection.out_of_time());
            }
            tokio::time::sleep(SWAP_PAUSE).await;
        }
    }

    /// What a record says that holds its session.
    pub(super) fn pending(&self) -> Pending<'static> {
        match self.collection.hashes_ids() {
            true => Pending::Ended,
            false => Pending::Unmentioned,
        }
    }
}
