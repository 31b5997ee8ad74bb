//! Sessions that are written whole after a sweep was called. They are not those that it was called for, and
//! stay: if the write succeeds, which shows when it has ended. Until then the sweep's destroy waits for it.

use std::collections::HashMap;

use crate::operation::{Action, Id, Operation, Outcome};

enum Write {
    /// And the destroys that wait for it: one, or, where ids are hashed, one for each place where the session
    /// was found.
    UnderWay(Vec<Operation>),
    Done,
}

#[derive(Default)]
pub struct Written(HashMap<Id, Write>);

impl Written {
    pub fn begin(&mut self, write: &Operation) {
        let entry = self.0.entry(write.id.clone());
        entry.or_insert(Write::UnderWay(Vec::new()));
    }

    /// The sweep has found a session. Gives back its destroy if that is to be sent now.
    pub fn find(&mut self, destroy: Operation) -> Option<Operation> {
        match self.0.get_mut(&destroy.id) {
            None => return Some(destroy),
            Some(Write::UnderWay(waiting)) => waiting.push(destroy),
            Some(Write::Done) => spare(&destroy),
        }
        None
    }

    /// A write has ended. Gives what is to be sent after all.
    pub fn end(&mut self, write: &Operation) -> Vec<Operation> {
        let Some(Write::UnderWay(waiting)) = self.0.get_mut(&write.id) else {
            return Vec::new();
        };
        let waiting = std::mem::take(waiting);
        if write.has_failed() {
            self.0.remove(&write.id);
            return waiting;
        }
        self.0.insert(write.id.clone(), Write::Done);
        waiting.iter().for_each(spare);
        Vec::new()
    }
}

/// To the sweep the session was not there.
fn spare(destroy: &Operation) {
    destroy.tell(Outcome::Missing);
}

pub fn is_whole(operation: &Operation) -> bool {
    matches!(operation.action, Action::Set { read: None, .. })
}
