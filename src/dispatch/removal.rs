//! Removing expired sessions as often as `autoRemoveInterval` says.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Completions;
use crate::collection::Collection;
use crate::error::{Code, Failure};

/// Never returns. Begins at once: an application that is started more often than that removes, too.
/// Of each kind of failure one warning tells; that MongoDB is away is told by others.
pub async fn remove_expired(
    collection: Arc<Collection>,
    every: Duration,
    completions: Arc<dyn Completions>,
) {
    let mut told = HashSet::new();
    loop {
        if let Err(failure) = collection.remove_expired().await
            && !matches!(failure.code, Code::Unavailable | Code::Timeout)
            && told.insert((failure.code, failure.mongo_code))
        {
            let message = format!(
                "expired sessions stay stored, since the store cannot remove them: {}",
                failure.message
            );
            completions.warning(Failure { message, ..failure });
        }
        sleep(every).await;
    }
}
