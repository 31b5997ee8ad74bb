//! What a store does before its first operation: makes the client, then the index.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Completions;
use crate::collection::{Availability, Collection};
use crate::error::{Code, Failure};
use crate::options::Options;

/// The pause between attempts to resolve the address or to make the index.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(100);

/// How long operations wait for the index of a server that is there. Making it takes long only
/// where many sessions are stored already; then it goes on beside them.
const INDEX_PATIENCE: Duration = Duration::from_secs(1);

/// How far the store has come since it was made. Its first write has to find the index: a server
/// may not take well to a collection that two commands make at the same time.
pub enum Connection {
    Connecting(AbortOnDrop<Result<Arc<Collection>, Failure>>),
    Indexing {
        collection: Arc<Collection>,
        task: AbortOnDrop<()>,
        /// How long the server has been there meanwhile.
        waited: Duration,
    },
    Ready {
        collection: Arc<Collection>,
        /// Goes on where the patience was not enough.
        _indexing: AbortOnDrop<()>,
    },
    /// The driver cannot do what the options ask for.
    Impossible(Failure),
}

impl Connection {
    /// Has to be called on the store's threads.
    pub fn start(options: &Options, availability: &Availability) -> Self {
        let connecting = connect(options.clone(), availability.clone());
        Connection::Connecting(AbortOnDrop(tokio::spawn(connecting)))
    }

    /// Resolves when the store has come further; never, once it is ready.
    pub async fn advance(&mut self, completions: &Arc<dyn Completions>) {
        match self {
            Connection::Connecting(task) => {
                *self = match (&mut task.0).await {
                    Ok(Ok(collection)) => Connection::Indexing {
                        task: AbortOnDrop(tokio::spawn(index(
                            collection.clone(),
                            completions.clone(),
                        ))),
                        collection,
                        waited: Duration::ZERO,
                    },
                    Ok(Err(failure)) => Connection::Impossible(failure),
                    Err(_) => Connection::Impossible(Failure::internal()),
                };
            }
            Connection::Indexing { task, .. } => {
                // However it ended, operations show what the matter is.
                let _ = (&mut task.0).await;
                self.make_ready();
            }
            Connection::Ready { .. } | Connection::Impossible(_) => std::future::pending().await,
        }
    }

    pub fn has_waited(&mut self, time: Duration, availability: &Availability) {
        if let Connection::Indexing { waited, .. } = self
            && availability.is_available()
        {
            *waited += time;
            if *waited >= INDEX_PATIENCE {
                self.make_ready();
            }
        }
    }

    fn make_ready(&mut self) {
        let former = std::mem::replace(self, Connection::Impossible(Failure::internal()));
        if let Connection::Indexing {
            collection, task, ..
        } = former
        {
            *self = Connection::Ready {
                collection,
                _indexing: task,
            };
        }
    }
}

/// Makes the client. Only a name that does not resolve can delay that: operations wait meanwhile.
async fn connect(options: Options, availability: Availability) -> Result<Arc<Collection>, Failure> {
    loop {
        match Collection::connect(&options, &availability).await {
            Err(failure) if failure.code != Code::Options => {
                tokio::time::sleep(BACKGROUND_PAUSE).await;
            }
            ended => return ended,
        }
    }
}

/// Makes the TTL index as soon as MongoDB is there.
async fn index(collection: Arc<Collection>, completions: Arc<dyn Completions>) {
    while let Err(failure) = collection.ensure_index().await {
        if !matches!(failure.code, Code::Unavailable | Code::Timeout) {
            let message = format!(
                "expired sessions stay stored, as their index could not be made: {}",
                failure.message
            );
            return completions.warning(Failure { message, ..failure });
        }
        tokio::time::sleep(BACKGROUND_PAUSE).await;
    }
    if let Ok(Some(name)) = collection.find_ttl_on_updated_at().await {
        completions.warning(Failure::new(
            Code::Options,
            format!(
                "the collection has an index ({name}) by which MongoDB removes sessions some time \
                 after `updatedAt`, as stores on Mongoose make it: sessions with a longer life end \
                 early until it is dropped"
            ),
        ));
    }
}

/// A task that ends with whoever waits for it.
pub struct AbortOnDrop<T>(pub(super) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
