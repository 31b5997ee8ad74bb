//! What a store does before its first operation: makes the client, then the index, which it then
//! keeps an eye on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Completions;
use super::removal::remove_expired;
use crate::collection::{Availability, Collection, Sent};
use crate::error::{Code, Failure};
use crate::options::{AutoRemove, Options};
use crate::stats::Stats;

/// The pause between attempts to resolve the address or to make the index.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(100);

/// The least time between two looks at the index, and between two where something is wrong with it:
/// that is not mended soon, and trying it may fill the server's log.
const INDEX_PAUSE: Duration = Duration::from_secs(10);
const TROUBLED_PAUSE: Duration = Duration::from_secs(60);

/// What is tried in vain so many times goes wrong for a reason that does not pass by itself.
const MANY_IN_VAIN: u32 = 5;

/// How long operations wait for the index once a server is there. Making it takes long only where many
/// sessions are stored already, or where the server breaks the connection each time; then it goes on
/// beside them.
const INDEX_PATIENCE: Duration = Duration::from_secs(1);

/// How far the store has come since it was made. Its first write has to find the index: a server
/// may not take well to a collection that two commands make at the same time.
pub enum Connection {
    Connecting(AbortOnDrop<Result<Arc<Collection>, Failure>>),
    Indexing {
        collection: Arc<Collection>,
        task: AbortOnDrop<()>,
        /// Ends when operations need not wait any more.
        waiting: AbortOnDrop<()>,
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
    pub async fn advance(
        &mut self,
        availability: &Availability,
        completions: &Arc<dyn Completions>,
    ) {
        match self {
            Connection::Connecting(task) => {
                *self = match (&mut task.0).await {
                    Ok(Ok(collection)) => {
                        Connection::with_index(collection, availability.clone(), completions)
                    }
                    Ok(Err(failure)) => Connection::Impossible(failure),
                    Err(_) => Connection::Impossible(Failure::internal()),
                };
            }
            Connection::Indexing { waiting, .. } => {
                // However it ended, operations show what the matter is.
                let _ = (&mut waiting.0).await;
                self.make_ready(completions);
            }
            Connection::Ready { .. } | Connection::Impossible(_) => std::future::pending().await,
        }
    }

    fn with_index(
        collection: Arc<Collection>,
        availability: Availability,
        completions: &Arc<dyn Completions>,
    ) -> Self {
        let (sender, made) = oneshot::channel();
        let indexing = index(collection.clone(), completions.clone(), sender);
        let patience = async move {
            availability.present().await;
            sleep(INDEX_PATIENCE).await;
        };
        let waiting = async {
            tokio::select! {
                _ = made => {}
                () = patience => {}
            }
        };
        Connection::Indexing {
            task: AbortOnDrop(tokio::spawn(indexing)),
            collection,
            waiting: AbortOnDrop(tokio::spawn(waiting)),
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
                sleep(BACKGROUND_PAUSE).await;
            }
            ended => return ended,
        }
    }
}

/// Finds out whether what the promises need of the server is there, and says so if it is not.
async fn ask_for_numbers(collection: Arc<Collection>, completions: Arc<dyn Completions>) {
    let mut trials = Trials::of(
        "whether this server heeds transaction numbers cannot be found out, and until then a write \
         whose answer is lost fails instead of being repeated",
    );
    loop {
        let sent = Sent::default();
        match sent.watch(collection.ask_for_numbers()).await {
            Ok(warning) => return warning.into_iter().for_each(|one| completions.warning(one)),
            Err(failure) => {
                let pause = trials.failed(failure, &sent, &completions);
                collection.numbers_known(pause).await;
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
    const IN_VAIN: &str =
        "the indexes can neither be read nor made now, and expired sessions may stay stored";
    let mut made = Some(made);
    let mut told = HashSet::new();
    let mut trials = Trials::of(IN_VAIN);
    loop {
        let sent = Sent::default();
        let warnings = match sent.watch(collection.ensure_indexes()).await {
            Err(failure) if is_no_answer(&failure) => {
                sleep(trials.failed(failure, &sent, &completions)).await;
                continue;
            }
            Err(failure) => vec![failure],
            Ok(warnings) => warnings,
        };
        trials = Trials::of(IN_VAIN);
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
        sleep(pause).await;
        collection.sessions_made().await;
    }
}

fn is_no_answer(failure: &Failure) -> bool {
    matches!(failure.code, Code::Unavailable | Code::Timeout)
}

/// What is tried until MongoDB answers. What it was asked in vain it is asked again later each time: a
/// connection that breaks costs operations theirs, and a refusal may fill the server's log.
struct Trials {
    /// What it means that they fail.
    meaning: &'static str,
    pause: Duration,
    in_vain: u32,
}

impl Trials {
    fn of(meaning: &'static str) -> Self {
        Trials {
            meaning,
            pause: BACKGROUND_PAUSE,
            in_vain: 0,
        }
    }

    /// Gives the time until the next. Warns when it goes on.
    fn failed(
        &mut self,
        failure: Failure,
        sent: &Sent,
        completions: &Arc<dyn Completions>,
    ) -> Duration {
        let pause = self.pause;
        // There was no server, which others tell.
        if is_no_answer(&failure) && !sent.has_left() {
            return pause;
        }
        self.pause = (pause * 2).min(TROUBLED_PAUSE);
        self.in_vain += 1;
        // Who lacks a privilege is told by operations.
        if self.in_vain == MANY_IN_VAIN && failure.code != Code::Auth {
            let message = format!("{}: {}", self.meaning, failure.message);
            completions.warning(Failure { message, ..failure });
        }
        pause
    }
}

/// A task that ends with whoever waits for it.
pub struct AbortOnDrop<T>(pub(super) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
