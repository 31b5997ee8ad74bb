//! What a store does before its first operation: makes the client, then the index, which it then
//! keeps an eye on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Completions;
use super::removal::remove_expired;
use crate::collection::{Availability, Collection};
use crate::error::{Code, Failure};
use crate::options::{AutoRemove, Options};
use crate::stats::Stats;

/// The pause between attempts to resolve the address or to make the index.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(100);

/// The least time between two looks at the index, and between two where something is wrong with it:
/// that is not mended soon, and trying it may fill the server's log.
const INDEX_PAUSE: Duration = Duration::from_secs(10);
const TROUBLED_PAUSE: Duration = Duration::from_secs(60);

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
        /// Resolves when the index is there, or cannot be made.
        made: oneshot::Receiver<()>,
        /// How long the server has been there meanwhile.
        waited: Duration,
    },
    Ready {
        collection: Arc<Collection>,
        _indexing: AbortOnDrop<()>,
        /// Beside the operations, which wait for it only where they need to know.
        _asking: AbortOnDrop<()>,
        _removing: Option<AbortOnDrop<()>>,
    },
    /// The driver cannot do what the options ask for.
    Impossible(Failure),
}

impl Connection {
    /// Has to be called on the store's threads.
    pub fn start(options: &Options, availability: &Availability, stats: &Arc<Stats>) -> Self {
        let connecting = connect(options.clone(), availability.clone(), stats.clone());
        Connection::Connecting(AbortOnDrop(tokio::spawn(connecting)))
    }

    /// Resolves when the store has come further; never, once it is ready.
    pub async fn advance(&mut self, completions: &Arc<dyn Completions>) {
        match self {
            Connection::Connecting(task) => {
                *self = match (&mut task.0).await {
                    Ok(Ok(collection)) => Connection::with_index(collection, completions),
                    Ok(Err(failure)) => Connection::Impossible(failure),
                    Err(_) => Connection::Impossible(Failure::internal()),
                };
            }
            Connection::Indexing { made, .. } => {
                // However it ended, operations show what the matter is.
                let _ = made.await;
                self.make_ready(completions);
            }
            Connection::Ready { .. } | Connection::Impossible(_) => std::future::pending().await,
        }
    }

    fn with_index(collection: Arc<Collection>, completions: &Arc<dyn Completions>) -> Self {
        let (sender, made) = oneshot::channel();
        let indexing = index(collection.clone(), completions.clone(), sender);
        Connection::Indexing {
            task: AbortOnDrop(tokio::spawn(indexing)),
            collection,
            made,
            waited: Duration::ZERO,
        }
    }

    /// Ends what goes on in the background; disconnecting would wait for it.
    pub fn end(&mut self) -> Option<Arc<Collection>> {
        match std::mem::replace(self, Connection::Impossible(Failure::internal())) {
            Connection::Indexing { collection, .. } | Connection::Ready { collection, .. } => {
                Some(collection)
            }
            Connection::Connecting(_) | Connection::Impossible(_) => None,
        }
    }

    pub fn has_waited(
        &mut self,
        time: Duration,
        availability: &Availability,
        completions: &Arc<dyn Completions>,
    ) {
        if let Connection::Indexing { waited, .. } = self
            && availability.is_available()
        {
            *waited += time;
            if *waited >= INDEX_PATIENCE {
                self.make_ready(completions);
            }
        }
    }

    fn make_ready(&mut self, completions: &Arc<dyn Completions>) {
        let former = std::mem::replace(self, Connection::Impossible(Failure::internal()));
        if let Connection::Indexing {
            collection, task, ..
        } = former
        {
            let asking = ask_for_numbers(collection.clone(), completions.clone());
            let removing = match collection.auto_remove {
                AutoRemove::Interval(every) => {
                    let removing = remove_expired(collection.clone(), every, completions.clone());
                    Some(AbortOnDrop(tokio::spawn(removing)))
                }
                AutoRemove::Native | AutoRemove::Disabled => None,
            };
            *self = Connection::Ready {
                collection,
                _indexing: task,
                _asking: AbortOnDrop(tokio::spawn(asking)),
                _removing: removing,
            };
        }
    }
}

/// Makes the client. Only a name that does not resolve can delay that: operations wait meanwhile.
async fn connect(
    options: Options,
    availability: Availability,
    stats: Arc<Stats>,
) -> Result<Arc<Collection>, Failure> {
    loop {
        match Collection::connect(&options, &availability, &stats).await {
            Err(failure) if failure.code != Code::Options => {
                tokio::time::sleep(BACKGROUND_PAUSE).await;
            }
            ended => return ended,
        }
    }
}

/// Makes sure that what the promises need of the server is there, or says that it is not.
async fn ask_for_numbers(collection: Arc<Collection>, completions: Arc<dyn Completions>) {
    let mut pause = BACKGROUND_PAUSE;
    loop {
        match collection.ask_for_numbers().await {
            Ok(None) => return,
            Ok(Some(warning)) => return completions.warning(warning),
            Err(failure) => {
                tokio::time::sleep(pause).await;
                if !matches!(failure.code, Code::Unavailable | Code::Timeout) {
                    pause = (pause * 2).min(TROUBLED_PAUSE);
                }
            }
        }
    }
}

/// Makes the index as soon as MongoDB is there, and tells `made`. Never returns: it looks again after
/// sessions were made, since somebody may have dropped the collection, or the index.
async fn index(
    collection: Arc<Collection>,
    completions: Arc<dyn Completions>,
    made: oneshot::Sender<()>,
) {
    let mut made = Some(made);
    let mut told = HashSet::new();
    loop {
        let warnings = match collection.ensure_indexes().await {
            Err(failure) if matches!(failure.code, Code::Unavailable | Code::Timeout) => {
                tokio::time::sleep(BACKGROUND_PAUSE).await;
                continue;
            }
            Err(failure) => vec![failure],
            Ok(warnings) => warnings,
        };
        let pause = match warnings.is_empty() {
            true => INDEX_PAUSE,
            false => TROUBLED_PAUSE,
        };
        for warning in warnings {
            if told.insert(warning.message.clone()) {
                completions.warning(warning);
            }
        }
        if let Some(made) = made.take() {
            let _ = made.send(());
        }
        tokio::time::sleep(pause).await;
        collection.sessions_made().await;
    }
}

/// A task that ends with whoever waits for it.
pub struct AbortOnDrop<T>(pub(super) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
