//! The driver's sessions, in which commands carry transaction numbers. One that is idle is used again; one
//! whose command got no answer goes with its fence.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use mongodb::ClientSession;

use crate::collection::Collection;

impl Collection {
    pub(in crate::collection) fn next_transaction_number(&self) -> i64 {
        self.transaction_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(in crate::collection) async fn take_session(&self) -> Option<ClientSession> {
        if self.numbers.are_absent() {
            return None;
        }
        let idle = self.lock_sessions().pop();
        match idle {
            Some(session) => Some(session),
            None => self.client.start_session().await.ok(),
        }
    }

    pub(in crate::collection) fn give_back(&self, session: Option<ClientSession>) {
        self.lock_sessions().extend(session);
    }

    pub(in crate::collection) fn take_sessions(&self) -> Vec<ClientSession> {
        std::mem::take(&mut *self.lock_sessions())
    }

    fn lock_sessions(&self) -> MutexGuard<'_, Vec<ClientSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
