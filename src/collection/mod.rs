//! The MongoDB collection that holds the sessions: the one module that knows MongoDB.
//!
//! Reads and writes take many sessions at once and become one command. A command that fails for
//! a passing reason is sent again until its deadline.

mod adopt;
mod as_read;
mod changes;
mod command;
mod failure;
mod followed;
mod indexes;
mod look;
mod moving;
mod query;
mod read;
mod removal;
mod server;
mod statement;
mod stored_session;
mod write;

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf, doc};
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
pub use changes::Changes;
use command::overtaken;
pub use command::{Patience, Recall, Sent, Trip, Unanswered};
use failure::Sorted;
pub use failure::{blames_a_session, timeout, too_large};
pub use indexes::{Field, Foreign};
pub use look::Look;
use look::Readings;
pub use moving::{
    abandon_move, begin_move, delete_left, end_move, expire_mark, mark_moved, take_over,
};
pub use read::{Reading, Unread};
pub use server::Availability;
use server::client;
pub use statement::{
    Statement, delete, delete_former, delete_matching, write_difference, write_end, write_swap,
    write_whole,
};
pub use stored_session::{Dates, Pending, StoredSession};
use write::Numbers;
pub use write::{Answer, Command, Written};

/// How long a command in the background may take: an index of many sessions takes its time, but a
/// network that swallowed the command is not to be waited for.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(60);

/// How long `close` waits for the driver.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

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
            latest: database.collection_with_options(&options.collection, read::latest()),
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

    /// Of an operation.
    pub fn timeout(&self) -> Duration {
        self.timeout
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
