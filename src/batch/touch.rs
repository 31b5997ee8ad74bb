//! The `touch`es of a batch.
//!
//! koa-session's own `_expire` is renewed where the session has one, and only there, which no operator
//! of MongoDB does. So this looks first, and writes under the condition that it is still so.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{RawDocument, RawDocumentBuf};
use tokio::time::Instant;

use super::home::{Home, Mark, Sighting, seen_again};
use super::swap::SWAP_PAUSE;
use super::touch_after::{leaves_cookie, leaves_record, number};
use super::{Batch, Ended, id_of};
use crate::collection::{self, Command, Dates, Statement, Unread};
use crate::operation::{Action, Id, Operation, Outcome, Renewal};
use crate::record;

/// koa-session has its store keep a session longer than the cookie by so much: milliseconds.
const LONGER_THAN_COOKIE: i64 = 10_000;

type Touches = Vec<Arc<Operation>>;

impl Batch<'_> {
    pub(super) async fn touch(&self) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(self.operations.len());
        let mut left = self.operations.to_vec();
        loop {
            let failed = |touch: &Arc<_>, failure| (Arc::clone(touch), Outcome::Failed(failure));
            let (touches, statements) = match self.renewals(&left, &mut ended).await {
                Ok(planned) => planned,
                Err(Unread::HeldUp) => {
                    for touch in &left {
                        self.leave.alone(std::slice::from_ref(touch));
                    }
                    return ended;
                }
                Err(Unread::Failed(failure)) => {
                    let left = left.iter();
                    ended.extend(left.map(|touch| failed(touch, failure.clone())));
                    return ended;
                }
            };
            left = self.renew(&touches, statements, &mut ended).await;
            if left.is_empty() {
                return ended;
            }
            if Instant::now() >= self.trip.deadline {
                let out_of_time = || self.collection.out_of_time();
                let left = left.iter();
                ended.extend(left.map(|touch| failed(touch, out_of_time())));
                return ended;
            }
            if !ended.is_empty() {
                self.leave.ended(std::mem::take(&mut ended));
            }
            tokio::time::sleep(SWAP_PAUSE).await;
        }
    }

    /// How the sessions that are there are to be written.
    async fn renewals(
        &self,
        touches: &Touches,
        ended: &mut Vec<Ended>,
    ) -> Result<(Touches, Vec<Statement>), Unread> {
        let ids = touches.iter().flat_map(|touch| touch.stored_ids().cloned());
        let ids: Vec<Id> = ids.collect();
        let found = self.find_ends(&ids).await?;
        let again = self.find_unseen(touches, &found).await?;
        let mut renewed = Vec::new();
        let mut statements = Vec::new();
        for touch in touches {
            let home = match home_in(touch, &found) {
                Home::Unseen(moved) => {
                    let here = again.get(&touch.id).map(AsRef::as_ref);
                    let here = here.and_then(|here| seen_again(Mark::of(here), here, moved));
                    here.unwrap_or(Home::Unseen(moved))
                }
                home => home,
            };
            let (record, pending) = match home {
                Home::Here(record) | Home::Former(record, _) => (Some(record), None),
                Home::Unsettled(record) => {
                    (Some(record), record.get(record::PENDING).ok().flatten())
                }
                Home::Unseen(_) => (None, None),
            };
            let session = record.and_then(|record| record::session(record, record::now()));
            let (Some(record), Some(session)) = (record, session) else {
                ended.push((touch.clone(), Outcome::Missing));
                continue;
            };
            let at = id_of(record).unwrap_or_else(|| touch.id.clone());
            let End { lifetime, expire } = End::of(touch, session);
            let dates = Dates::of(lifetime);
            let expires_at = record::expires_at(record);
            if leaves_record(self.touch_after, lifetime, expires_at, dates)
                && leaves_cookie(self.touch_after, session, Some(expire))
            {
                ended.push((touch.clone(), Outcome::Unchanged));
                continue;
            }
            statements.push(collection::write_end(
                &touch.id,
                &at,
                (session, pending),
                expire,
                dates,
            ));
            renewed.push(touch.clone());
        }
        Ok((renewed, statements))
    }

    /// Of those that were found at neither of their ids, what is under the hash now.
    async fn find_unseen(
        &self,
        touches: &Touches,
        found: &HashMap<Id, RawDocumentBuf>,
    ) -> Result<HashMap<Id, RawDocumentBuf>, Unread> {
        let is_unseen = |touch: &&Arc<Operation>| {
            touch.former.is_some() && matches!(home_in(touch, found), Home::Unseen(_))
        };
        let unseen = touches.iter().filter(is_unseen);
        let unseen: Vec<Id> = unseen.map(|touch| touch.id.clone()).collect();
        match unseen.is_empty() {
            true => Ok(HashMap::new()),
            false => Box::pin(self.find_ends(&unseen)).await,
        }
    }

    pub(super) async fn find_ends(
        &self,
        ids: &[Id],
    ) -> Result<HashMap<Id, RawDocumentBuf>, Unread> {
        let is_divisible = self.operations.len() > 1;
        let found = (self.collection)
            .find_ends(ids, is_divisible, self.trip)
            .await?;
        let found = found.into_iter();
        Ok(found
            .filter_map(|record| Some((id_of(&record)?, record)))
            .collect())
    }

    /// Gives those that have changed since they were looked at, or may have.
    async fn renew(
        &self,
        touches: &Touches,
        statements: Vec<Statement>,
        ended: &mut Vec<Ended>,
    ) -> Touches {
        let mut changed = Vec::new();
        let mut write = (self.collection)
            .write(Command::Update, statements, self.trip)
            .await;
        while let Some(answer) = write.next().await {
            let is_last = answer.is_last;
            let answered = self.answered(answer, touches);
            ended.extend(answered.failed);
            for (touch, is_sure) in answered.written {
                match is_sure {
                    true => ended.push((touch, Outcome::Touched)),
                    false => changed.push(touch),
                }
            }
            if !is_last {
                self.leave.ended(std::mem::take(ended));
            }
        }
        changed
    }
}

fn home_in<'r>(touch: &Operation, found: &'r HashMap<Id, RawDocumentBuf>) -> Home<&'r RawDocument> {
    sighting_in(touch, found).home()
}

pub(super) fn sighting_in<'r>(
    operation: &Operation,
    found: &'r HashMap<Id, RawDocumentBuf>,
) -> Sighting<&'r RawDocument> {
    let records = operation.stored_ids().filter_map(|id| found.get(id));
    Sighting::of(operation, records.map(AsRef::as_ref))
}

/// When a session is to end.
struct End {
    /// Of the record, in milliseconds from now.
    lifetime: i64,
    /// koa-session's own, as it stores it: milliseconds since 1970.
    expire: f64,
}

impl End {
    fn of(touch: &Operation, session: &RawDocument) -> End {
        let Action::Touch(renewal) = touch.action else {
            return End {
                lifetime: 0,
                expire: 0.0,
            };
        };
        let Renewal {
            lifetime,
            max_age,
            otherwise,
        } = renewal;
        let own = number(session, "_maxAge").map(|own| own as i64);
        let longer = own.map(|own| own.saturating_add(LONGER_THAN_COOKIE));
        let lifetime = lifetime.or(max_age).or(longer).unwrap_or(otherwise);
        let now = record::now();
        let of_cookie = max_age.or(own).unwrap_or(lifetime);
        End {
            lifetime,
            expire: record::expiry(now, of_cookie).timestamp_millis() as f64,
        }
    }
}
