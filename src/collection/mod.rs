//! The MongoDB collection that holds the sessions: the one module that knows MongoDB.
//!
//! Reads and writes take many sessions at once and become one command. A command that fails for
//! a passing reason is sent again until its deadline.

mod availability;
mod cause;
mod client;
mod failure;
mod fence;
mod index;
mod reply;
mod statement;
mod tls;
mod write;

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use mongodb::options::{CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Client, ClientSession};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::Failure;
use crate::operation::Id;
use crate::options::Options;

pub use availability::Availability;
use failure::Sorted;
pub use failure::{blames_a_statement, timeout, too_large};
pub use fence::Trip;
pub use reply::Written;
pub use statement::{Dates, Update, write_difference, write_swap, write_whole};

/// The pause before a command is sent again; it doubles up to `MAX_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const MAX_PAUSE: Duration = Duration::from_millis(200);

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
    timeout: Duration,
    availability: Availability,
    /// Whether the deployment has retryable writes: a standalone server has not.
    retryable_writes: AtomicBool,
    transaction_number: AtomicI64,
    sessions: Mutex<Vec<ClientSession>>,
    /// Told when sessions were made: a collection that was dropped is then there again, without the
    /// index.
    made: Notify,
}

impl Collection {
    /// Makes the client. Does not wait for a server.
    pub async fn connect(
        options: &Options,
        availability: &Availability,
    ) -> Result<Arc<Self>, Failure> {
        let (client, client_options) = client::make_client(options, availability).await?;
        let database = client.database(&options.database);
        let write_concern = client_options.write_concern.as_ref();
        Ok(Arc::new(Collection {
            records: database.collection(&options.collection),
            latest: database.collection_with_options(&options.collection, latest()),
            write_concern: write_concern.and_then(write::write_concern_document),
            timeout: options.timeout,
            availability: availability.clone(),
            retryable_writes: AtomicBool::new(client_options.retry_writes != Some(false)),
            transaction_number: AtomicI64::new(0),
            sessions: Mutex::default(),
            made: Notify::new(),
            database,
            client,
        }))
    }

    /// Finds the records of these ids, and gives what the caller makes of each.
    pub async fn find<T>(
        &self,
        ids: &[Id],
        deadline: Instant,
        make: impl Fn(&RawDocument) -> T,
    ) -> Result<Vec<T>, Failure> {
        self.find_in(&self.records, ids, deadline, make).await
    }

    /// Finds the records with all that was written: what a write depends on.
    pub async fn find_latest(
        &self,
        ids: &[Id],
        deadline: Instant,
    ) -> Result<Vec<RawDocumentBuf>, Failure> {
        self.find_in(&self.latest, ids, deadline, RawDocument::to_owned)
            .await
    }

    async fn find_in<T>(
        &self,
        records: &mongodb::Collection<RawDocumentBuf>,
        ids: &[Id],
        deadline: Instant,
        make: impl Fn(&RawDocument) -> T,
    ) -> Result<Vec<T>, Failure> {
        let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
        let filter = match ids.as_slice() {
            [id] => doc! { "_id": id },
            ids => doc! { "_id": { "$in": ids } },
        };
        let batch_size = u32::try_from(ids.len() + 1).unwrap_or(u32::MAX);
        let mut attempts = Attempts::until(deadline);
        loop {
            let read = async {
                let find = records.find(filter.clone()).batch_size(batch_size);
                let mut cursor = find.await?;
                let mut found = Vec::with_capacity(ids.len());
                while cursor.advance().await? {
                    found.push(make(cursor.current()));
                }
                Ok(found)
            };
            match self.in_time(deadline, read).await {
                Ok(found) => return Ok(found),
                Err(sorted) => attempts.again(sorted).await?,
            }
        }
    }

    async fn run(&self, command: Document) -> Result<Document, Failure> {
        let reply = self.database.run_command(command).into_future();
        let reply = self.in_time(Instant::now() + BACKGROUND_LIMIT, reply).await;
        reply.map_err(|sorted| sorted.failure)
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

    async fn in_time<T>(
        &self,
        deadline: Instant,
        answer: impl Future<Output = mongodb::error::Result<T>>,
    ) -> Result<T, Sorted> {
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(answer) => answer.map_err(|error| self.availability.sort(&error)),
            Err(_) => Err(Sorted::out_of_time(self.out_of_time())),
        }
    }
}

fn latest() -> CollectionOptions {
    CollectionOptions::builder()
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::local())
        .build()
}

/// The attempts at one command, up to a deadline.
struct Attempts {
    deadline: Instant,
    pause: Duration,
}

impl Attempts {
    fn until(deadline: Instant) -> Self {
        Attempts {
            deadline,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits for the moment to try again, or gives up.
    async fn again(&mut self, sorted: Sorted) -> Result<(), Failure> {
        if !sorted.retry || Instant::now() + self.pause >= self.deadline {
            return Err(sorted.failure);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        Ok(())
    }
}
