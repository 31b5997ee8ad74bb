//! Sessions that are written whole after a sweep was called. They are not those that it was called for, and
//! stay: if the write succeeds, which shows when it has ended. Until then the sweep's destroy waits for it.

use std::collections::HashMap;

use crate::operation::{Action, Id, Operation, Outcome};

enum Write {
    /// And the destroy of the session that waits for it.
    UnderWay(Option<Box<Operation>>),
    Done,
}

#[derive(Default)]
pub struct Written(HashMap<Id, Write>);

impl Written {
    pub fn begin(&mut self, write: &Operation) {
        let entry = self.0.entry(write.id.clone());
        entry.or_insert(Write::UnderWay(None));
    }

    /// The sweep has found a session. Gives back its destroy if that is to be sent now.
    pub fn find(&mut self, destroy: Operation) -> Option<Operation> {
        match self.0.get_mut(&destroy.id) {
            None => return Some(destroy),
            Some(Write::UnderWay(waiting)) => *waiting = Some(Box::new(destroy)),
            Some(Write::Done) => spare(&destroy),
        }
        None
    }

    /// A write has ended. Gives the destroy that is to be sent after all.
    pub fn end(&mut self, write: &Operation) -> Option<Operation> {
        let state = self.0.get_mut(&write.id)?;
        let Write::UnderWay(waiting) = state else {
            return None;
        };
        let waiting = waiting.take();
        if write.has_failed() {
            self.0.remove(&write.id);
            return waiting.map(|destroy| *destroy);
        }
        *state = Write::Done;
        waiting.iter().for_each(|destroy| spare(destroy));
        None
    }
}

/// To the sweep the session was not there.
fn spare(destroy: &Operation) {
    destroy.tell(Outcome::Missing);
}

pub fn is_whole(operation: &Operation) -> bool {
    matches!(operation.action, Action::Set { read: None, .. })
}
