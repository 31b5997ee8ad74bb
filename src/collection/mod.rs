//! The MongoDB collection that holds the sessions: the one module that knows MongoDB.
//!
//! Reads and writes take many sessions at once and become one command. A command that fails for
//! a passing reason is sent again until its deadline.

mod adopt;
mod as_read;
mod availability;
mod cause;
mod changes;
mod client;
mod failure;
mod fence;
mod followed;
mod foreign;
mod index;
mod look;
mod lookup_index;
mod moving;
mod numbers;
mod overtaken;
mod query;
mod removal;
mod reply;
mod sent;
mod sessions;
mod statement;
mod stored_session;
mod tls;
mod trip;
mod write;

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::task::Poll;
use std::time::Duration;

use futures_util::{TryStreamExt, poll};
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use mongodb::options::{CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Client, ClientSession};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::error::Failure;
use crate::operation::Id;
use crate::options::{AutoRemove, Options};
use crate::seal::Sealer;
use crate::seal::ids::{IdHasher, is_hash};
use crate::stats::Stats;

pub use adopt::Tally;
pub use availability::Availability;
pub use changes::Changes;
use failure::Sorted;
pub use failure::{blames_a_session, timeout, too_large};
pub use foreign::{Field, Foreign};
pub use look::Look;
use look::Readings;
pub use moving::{abandon_move, begin_move, end_move, expire_mark, mark_moved};
use numbers::Numbers;
pub use reply::Written;
use sent::Sent;
pub use statement::{
    Dates, Statement, delete, delete_matching, write_difference, write_end, write_swap, write_whole,
};
pub use stored_session::{Attempt, Pending, StoredSession};
use trip::Stopped;
pub use trip::{Patience, Recall, Trip, Unanswered};
pub use write::{Answer, Command};

/// The pause before a command is sent again; it doubles up to `MAX_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const MAX_PAUSE: Duration = Duration::from_millis(200);

/// How long a command in the background may take: an index of many sessions takes its time, but a
/// network that swallowed the command is not to be waited for.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(60);

/// How long `close` waits for the driver.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// What is told of a read.
pub enum Reading<T> {
    /// It begins, or begins again: what was found before may have changed.
    Begins,
    Some(Vec<T>),
    Last(Vec<T>),
}

pub struct Collection {
    client: Client,
    database: mongodb::Database,
    records: mongodb::Collection<RawDocumentBuf>,
    /// The same, as the primary has them now, whatever the application reads from.
    latest: mongodb::Collection<RawDocumentBuf>,
    write_concern: Option<RawDocumentBuf>,
    /// Whether a session keeps when it was made.
    pub timestamps: bool,
    pub auto_remove: AutoRemove,
    /// Paths in `data`, each to have an index.
    indexes: Vec<String>,
    /// What encrypts the sessions in it, if they are to be encrypted.
    pub sealer: Option<Arc<Sealer>>,
    /// What hashes the ids of sessions, if they are to be.
    ids: Option<Arc<IdHasher>>,
    timeout: Duration,
    availability: Availability,
    stats: Arc<Stats>,
    numbers: Numbers,
    transaction_number: AtomicI64,
    sessions: Mutex<Vec<ClientSession>>,
    readings: Readings,
    /// How many fences may be under way at once.
    fence_room: Semaphore,
    /// The same of fences that have waited for long.
    stubborn_room: Semaphore,
    order: overtaken::Order,
    /// When the server was asked last whether it answers, and whether it did.
    probe: tokio::sync::Mutex<Option<(Instant, bool)>>,
    /// Told when sessions were made: a collection that was dropped is then there again, without the
    /// index.
    made: Notify,
}

impl Collection {
    /// Makes the client. Does not wait for a server.
    pub async fn connect(
        options: &Options,
        availability: &Availability,
        stats: &Arc<Stats>,
    ) -> Result<Arc<Self>, Failure> {
        let (client, client_options) = client::make_client(options, availability, stats).await?;
        let database = client.database(&options.database);
        let write_concern = client_options.write_concern.as_ref();
        Ok(Arc::new(Collection {
            records: database.collection(&options.collection),
            latest: database.collection_with_options(&options.collection, latest()),
            write_concern: write_concern.and_then(write::write_concern_document),
            timestamps: options.timestamps,
            auto_remove: options.auto_remove,
            indexes: options.indexes.clone(),
            sealer: options.sealer.clone(),
            ids: options.ids.clone(),
            timeout: options.timeout,
            availability: availability.clone(),
            stats: stats.clone(),
            numbers: Numbers::new(client_options.retry_writes != Some(false)),
            fence_room: Semaphore::new((options.max_pool_size() / 8).clamp(1, 12)),
            stubborn_room: Semaphore::new((options.max_pool_size() / 16).clamp(1, 4)),
            order: overtaken::Order::default(),
            probe: tokio::sync::Mutex::default(),
            transaction_number: AtomicI64::new(0),
            sessions: Mutex::default(),
            readings: Readings::default(),
            made: Notify::new(),
            database,
            client,
        }))
    }

    /// Whether sessions are stored under hashes of their ids.
    pub fn hashes_ids(&self) -> bool {
        self.ids.is_some()
    }

    /// The id under which a session is to be stored that still is under this one; `None` if that is the
    /// same.
    pub fn stored_id(&self, id: &Id) -> Option<Id> {
        let ids = self.ids.as_ref().filter(|_| !is_hash(id))?;
        Some(Id::from(ids.hash(id)))
    }

    /// Finds the records of these ids. `found` is told what `make` makes of them, with each of MongoDB's
    /// replies that are more than one. `is_divisible`: they are of more than one session.
    pub async fn find<T>(
        &self,
        ids: &[Id],
        is_divisible: bool,
        trip: &Trip,
        make: impl Fn(&RawDocument) -> T,
        mut found: impl FnMut(Reading<T>),
    ) -> Result<(), Unread> {
        let mut attempts = self.attempts(trip.deadline);
        loop {
            found(Reading::Begins);
            let read = async {
                let mut cursor = query(&self.records, ids).await?;
                let mut records = Vec::with_capacity(ids.len());
                loop {
                    let has_next = {
                        let mut next = pin!(cursor.advance());
                        match poll!(&mut next) {
                            Poll::Ready(has_next) => has_next?,
                            // What is here does not wait for what another reply brings.
                            Poll::Pending => {
                                found(Reading::Some(std::mem::take(&mut records)));
                                next.await?
                            }
                        }
                    };
                    if !has_next {
                        return Ok(records);
                    }
                    records.push(make(cursor.current()));
                }
            };
            let read = self.in_time(trip.deadline, read);
            match trip
                .wait(self, ids.len(), || is_divisible, &Sent::default(), read)
                .await
            {
                Ok(Ok(records)) => {
                    found(Reading::Last(records));
                    return Ok(());
                }
                Ok(Err(sorted)) => attempts.again(sorted).await.map_err(Unread::Failed)?,
                Err(Stopped::HeldUp) => return Err(Unread::HeldUp),
                Err(Stopped::Recalled) => return Err(Unread::Failed(self.out_of_time())),
            }
        }
    }

    /// Finds the records with all that was written: what a write depends on.
    pub async fn find_latest(
        &self,
        ids: &[Id],
        deadline: Instant,
    ) -> Result<Vec<RawDocumentBuf>, Failure> {
        let mut attempts = self.attempts(deadline);
        loop {
            let read = async {
                let cursor = query(&self.latest, ids).await?;
                cursor.try_collect().await
            };
            match self.in_time(deadline, read).await {
                Ok(found) => return Ok(found),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    async fn run(&self, command: Document) -> Result<Document, Failure> {
        let reply = self.database.run_command(command).into_future();
        self.in_background(reply).await
    }

    async fn in_background<T>(
        &self,
        answer: impl Future<Output = mongodb::error::Result<T>>,
    ) -> Result<T, Failure> {
        let answer = self.in_time(Instant::now() + BACKGROUND_LIMIT, answer);
        answer.await.map_err(|sorted| sorted.failure)
    }

    /// Resolves when sessions were made since this was last called.
    pub async fn sessions_made(&self) {
        self.made.notified().await;
    }

    /// Disconnects. Nothing may be under way. The driver goes on waiting for what ends by itself: for
    /// connections that it is still opening to servers that never answer, and for its next look at SRV
    /// records.
    pub async fn close(&self) {
        self.take_sessions();
        let shutdown = self.client.clone().shutdown().immediate(true);
        tokio::select! {
            _ = tokio::time::timeout(CLOSE_PATIENCE, shutdown.into_future()) => {}
            () = self.availability.ended() => {}
        }
    }

    /// What an operation fails with that got no answer in its time.
    pub fn out_of_time(&self) -> Failure {
        match self.availability.is_available() {
            true => failure::timeout(self.timeout),
            false => self.availability.unavailable(),
        }
    }

    /// Whether the server answers now, within this time. Batches that wait side by side ask once.
    async fn answers_within(&self, limit: Duration) -> bool {
        if !self.availability.is_available() {
            return false;
        }
        let mut probe = self.probe.lock().await;
        if let Some((asked, answers)) = *probe
            && asked.elapsed() < limit
        {
            return answers;
        }
        let ping = self.database.run_command(doc! { "ping": 1 });
        let asked = Instant::now();
        let answer = tokio::time::timeout(limit, ping.into_future()).await;
        let answers = matches!(answer, Ok(Ok(_)));
        *probe = Some((asked, answers));
        answers
    }

    async fn in_time<T>(
        &self,
        deadline: Instant,
        answer: impl Future<Output = mongodb::error::Result<T>>,
    ) -> Result<T, Sorted> {
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => {
                self.availability.answered();
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.availability.sort(&error)),
            Err(_) => Err(Sorted::out_of_time(self.out_of_time())),
        }
    }
}

/// Why a read has no outcome.
pub enum Unread {
    Failed(Failure),
    HeldUp,
}

fn query<'a>(
    records: &'a mongodb::Collection<RawDocumentBuf>,
    ids: &[Id],
) -> mongodb::action::Find<'a, RawDocumentBuf> {
    let batch_size = u32::try_from(ids.len() + 1).unwrap_or(u32::MAX);
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    let filter = match ids.as_slice() {
        [id] => doc! { "_id": id },
        ids => doc! { "_id": { "$in": ids } },
    };
    records.find(filter).batch_size(batch_size)
}

fn latest() -> CollectionOptions {
    CollectionOptions::builder()
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::local())
        .build()
}

/// The attempts at one command, up to a deadline.
struct Attempts<'a> {
    deadline: Instant,
    pause: Duration,
    stats: &'a Stats,
}

impl Collection {
    fn attempts(&self, deadline: Instant) -> Attempts<'_> {
        Attempts {
            deadline,
            pause: FIRST_PAUSE,
            stats: &self.stats,
        }
    }
}

impl Attempts<'_> {
    /// Waits for the moment to try again, or gives up.
    async fn again(&mut self, sorted: Sorted) -> Result<(), Failure> {
        match sorted.retry && self.pause().await {
            true => Ok(()),
            false => Err(sorted.failure),
        }
    }

    /// False if there is no time for another attempt.
    async fn pause(&mut self) -> bool {
        if Instant::now() + self.pause >= self.deadline {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        self.stats.retry();
        true
    }
}
