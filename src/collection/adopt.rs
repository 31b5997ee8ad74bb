//! The documents of other stores in the collection: found page by page, and changed where they are.
//!
//! A document is changed only if it is as it was read. So whatever a running application writes
//! meanwhile is kept, and a change that is sent twice, or arrives late, does nothing.

mod pages;

use std::future::IntoFuture;

use futures_util::TryStreamExt;
use mongodb::bson::raw::{RawArrayBuf, cstr};
use mongodb::bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use tokio::time::Instant;

use super::Collection;
use super::as_read;
use super::write::reply::Reply;
use crate::adopt::{Kinds, Reason, Terms, Verdict, judge};
use crate::error::Failure;
use crate::operation::{Id, Place};
use crate::record;
use pages::behind;

/// How many documents are changed together, and up to how many bytes.
const GROUP: usize = 500;
const GROUP_SIZE: usize = 4 * 1024 * 1024;

/// How many bytes of statements one command carries.
const COMMAND_SIZE: usize = 15 * 1024 * 1024;

/// How often a document is read again that somebody else has changed.
const ATTEMPTS: usize = 20;

/// What was found in some of the collection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub looked: u64,
    pub adopted: u64,
    pub unreadable: u64,
    pub unfit: u64,
    pub other: u64,
    /// Of these, those that have a date by which an index may end them.
    pub ending: u64,
    pub busy: u64,
}

impl Tally {
    fn leave(&mut self, reason: Reason) {
        match reason {
            Reason::Unreadable => self.unreadable += 1,
            Reason::Unfit => self.unfit += 1,
            Reason::Other => self.other += 1,
            Reason::Busy => self.busy += 1,
        }
    }
}

impl Collection {
    /// Adopts the next documents. Resolves to where to go on; to `None` behind the last of them.
    pub async fn adopt_next(
        &self,
        place: &Place,
        kinds: Kinds,
        terms: &Terms,
        tally: &mut Tally,
        deadline: Instant,
    ) -> Result<Option<Place>, Failure> {
        let after = place.after.as_deref();
        if after.is_none() {
            self.count_without_id(tally, deadline).await?;
        }
        let until = match &place.until {
            Some(until) => until.clone(),
            None => match self.page_after(after, deadline).await? {
                Some((until, looked)) => {
                    tally.looked += looked;
                    until
                }
                None => return Ok(None),
            },
        };
        let mut ids = behind(after);
        ids.insert("$lte", &*until);
        let (records, is_all) = self.foreign(doc! { "_id": ids }, kinds, deadline).await?;
        let end = records.last().and_then(|record| id(record));
        self.adopt(records, kinds, terms, tally, deadline).await?;
        Ok(Some(match end {
            Some(end) if !is_all => Place {
                after: Some(end),
                until: Some(until),
            },
            _ => Place {
                after: Some(until),
                until: None,
            },
        }))
    }

    /// The documents among these that are to be adopted, in the order of their ids: a group of them,
    /// and whether these are all.
    async fn foreign(
        &self,
        ids: Document,
        kinds: Kinds,
        deadline: Instant,
    ) -> Result<(Vec<RawDocumentBuf>, bool), Failure> {
        let mut attempts = self.attempts(deadline);
        loop {
            let mut filter = ids.clone();
            filter.extend(shape(kinds));
            let read = async {
                let found = self.latest.find(filter).sort(doc! { "_id": 1 });
                let found = found.limit(GROUP as i64).batch_size(GROUP as u32);
                let mut cursor = found.await?;
                let (mut records, mut size) = (Vec::new(), 0);
                loop {
                    let record = match cursor.try_next().await {
                        Ok(Some(record)) => record,
                        Ok(None) => break,
                        Err(error) if records.is_empty() => return Err(error),
                        // The cursor is lost: another one begins behind these.
                        Err(_) => return Ok((records, false)),
                    };
                    size += record.as_bytes().len();
                    records.push(record);
                    if size > GROUP_SIZE {
                        return Ok((records, false));
                    }
                }
                let is_all = records.len() < GROUP;
                Ok((records, is_all))
            };
            match self.in_time(deadline, read).await {
                Ok(found) => return Ok(found),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    async fn adopt(
        &self,
        mut records: Vec<RawDocumentBuf>,
        kinds: Kinds,
        terms: &Terms,
        tally: &mut Tally,
        deadline: Instant,
    ) -> Result<(), Failure> {
        // Of those whose statements may not have been executed, in the order of their ids.
        let mut unsure: Vec<Id> = Vec::new();
        for _ in 0..ATTEMPTS {
            let statements = statements(&records, terms, tally);
            for statements in statements.chunk_by(fits_with()) {
                unsure.extend(self.change(statements, tally, deadline).await?);
            }
            if unsure.is_empty() {
                return Ok(());
            }
            let ids: Vec<&str> = unsure.iter().map(|id| &**id).collect();
            let again = self.foreign(doc! { "_id": { "$in": ids } }, kinds, deadline);
            let is_all;
            (records, is_all) = again.await?;
            let read = records.last().and_then(|record| id(record));
            match read {
                Some(read) if !is_all => unsure.retain(|id| *id > read),
                _ => unsure.clear(),
            }
        }
        let left = records.len() + unsure.len();
        (0..left).for_each(|_| tally.leave(Reason::Busy));
        Ok(())
    }

    /// Sends the statements as one command. Resolves to the ids of those of which it is not sure that
    /// they were executed.
    async fn change(
        &self,
        statements: &[(Id, RawDocumentBuf)],
        tally: &mut Tally,
        deadline: Instant,
    ) -> Result<Vec<Id>, Failure> {
        let reply = self.send(statements, deadline).await?;
        if let Some(failure) = reply.unconfirmed {
            return Err(failure);
        }
        tally.adopted += reply.matched as u64;
        let refused = reply.failed.iter().filter(|(_, sorted)| !sorted.retry);
        let refused: Vec<usize> = refused.map(|(place, _)| *place).collect();
        refused.iter().for_each(|_| tally.leave(Reason::Unfit));
        if reply.matched + refused.len() == statements.len() {
            return Ok(Vec::new());
        }
        let rest = statements.iter().enumerate();
        let rest = rest.filter(|(place, _)| !refused.contains(place));
        Ok(rest.map(|(_, (id, _))| id.clone()).collect())
    }

    /// Under a transaction number only so that what is sent again counts once.
    async fn send(
        &self,
        statements: &[(Id, RawDocumentBuf)],
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let mut attempts = self.attempts(deadline);
        let mut session = self.take_session().await;
        let number = self.next_transaction_number();
        loop {
            let number = session.is_some().then_some(number);
            let run = self
                .database
                .run_raw_command(self.command(statements, number));
            let run = match session.as_mut() {
                Some(session) => run.session(session).into_future(),
                None => run.into_future(),
            };
            let reply = self.in_time(deadline, run).await;
            match reply.and_then(|reply| Reply::parse(&reply, statements.len())) {
                Ok(reply) => {
                    self.give_back(session);
                    return Ok(reply);
                }
                Err(sorted) => {
                    match session.is_some() && self.refuses_number(&sorted, deadline).await {
                        true => self.give_back(session.take()),
                        false => attempts.again(sorted).await?,
                    }
                }
            }
        }
    }

    fn command(&self, statements: &[(Id, RawDocumentBuf)], number: Option<i64>) -> RawDocumentBuf {
        let list: RawArrayBuf = statements
            .iter()
            .map(|(_, statement)| statement.as_ref())
            .collect();
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), self.records.name());
        command.append(cstr!("updates"), list);
        command.append(cstr!("ordered"), false);
        if let Some(number) = number {
            command.append(cstr!("txnNumber"), number);
        }
        if let Some(concern) = &self.write_concern {
            command.append(cstr!("writeConcern"), concern.as_ref());
        }
        command
    }
}

fn statements(
    records: &[RawDocumentBuf],
    terms: &Terms,
    tally: &mut Tally,
) -> Vec<(Id, RawDocumentBuf)> {
    let mut statements = Vec::with_capacity(records.len());
    for record in records {
        let Some(id) = id(record) else { continue };
        match judge(record, terms) {
            Verdict::Own => {}
            Verdict::Leave(reason) => {
                tally.leave(reason);
                let is_ending = matches!(record.get("expires"), Ok(Some(RawBsonRef::DateTime(_))));
                tally.ending += u64::from(reason == Reason::Other && is_ending);
            }
            Verdict::Adopt(adoption) => {
                let statement = as_read::adopt(&id, record, &adoption);
                let size = adoption
                    .data
                    .map(|data| record::size(&id, data.as_bytes().len()));
                let fits = size.is_none_or(|size| size <= record::MAX_RECORD_SIZE);
                match fits && statement.as_bytes().len() <= COMMAND_SIZE {
                    true => statements.push((id, statement)),
                    false => tally.leave(Reason::Unfit),
                }
            }
        }
    }
    statements
}

/// What a document has that is not this store's, or lacks.
fn shape(kinds: Kinds) -> Document {
    let is_there = |is_there: bool| doc! { "$exists": is_there };
    match kinds {
        Kinds::Mongoose => doc! { "expiresAt": is_there(false), "session": is_there(false) },
        Kinds::All => doc! { "$or": [
            { "expiresAt": is_there(false) },
            { "session": is_there(true) },
            { "expires": { "$type": "date" } },
        ] },
    }
}

fn id(record: &RawDocument) -> Option<Id> {
    record.get_str("_id").ok().map(Id::from)
}

/// Whether a statement goes into the same command as those before it.
fn fits_with() -> impl FnMut(&(Id, RawDocumentBuf), &(Id, RawDocumentBuf)) -> bool {
    let mut size = 0;
    move |(_, before), (_, next)| {
        size += before.as_bytes().len();
        let fits = size + next.as_bytes().len() <= COMMAND_SIZE;
        if !fits {
            size = 0;
        }
        fits
    }
}
