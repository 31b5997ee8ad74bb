//! Whether a command has left this process: what has not cannot be executed later, and may be sent
//! again whatever the server can do.
//!
//! The driver does not say it with an error. But it tells when it has a connection for a command, in
//! the task that asked for one (`ConnectionCheckedOut`), and sends nothing before that.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug, Default, Clone)]
pub struct Sent(Arc<AtomicBool>);

tokio::task_local! {
    static OF_THIS_COMMAND: Sent;
}

impl Sent {
    /// Runs a command, and notes whether it leaves.
    pub async fn watch<T>(&self, command: impl Future<Output = T>) -> T {
        OF_THIS_COMMAND.scope(self.clone(), command).await
    }

    pub fn has_left(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The driver has a connection for a command of this task.
pub fn note() {
    // The monitors have commands, too, which nobody watches.
    let _ = OF_THIS_COMMAND.try_with(|sent| sent.0.store(true, Ordering::Relaxed));
}
