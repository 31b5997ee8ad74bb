//! Transaction numbers: a write under a number lower than the latest of its session is refused, and a
//! statement that was executed under this number is not executed again.

use std::collections::HashMap;

use crate::bson::{self, Value};
use crate::refusal::Refusal;

/// What a statement has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    NotFound,
    Unchanged,
    Changed,
    Inserted,
}

/// What is known of the latest number of a session.
#[derive(Default)]
pub struct Executed {
    number: i64,
    /// By the place of the statement in its command.
    outcomes: Vec<Option<Outcome>>,
    /// What was answered to a `findAndModify`.
    pub answer: Option<Vec<u8>>,
}

#[derive(Default)]
pub struct Numbers {
    /// By the id of the session.
    sessions: HashMap<Vec<u8>, Executed>,
}

impl Numbers {
    /// What was executed under the number of this command; `None` if it has none.
    pub fn begin(&mut self, command: &[u8]) -> Result<Option<&mut Executed>, Refusal> {
        let number = bson::get(command, "txnNumber").and_then(Value::int64);
        let session = bson::get(command, "lsid").and_then(Value::document);
        let session = session.and_then(|session| bson::get(session, "id"));
        let (Some(number), Some(session)) = (number, session) else {
            return Ok(None);
        };
        if !self.sessions.contains_key(session.bytes) {
            let executed = Executed {
                number,
                ..Executed::default()
            };
            self.sessions.insert(session.bytes.to_vec(), executed);
        }
        let executed = self
            .sessions
            .get_mut(session.bytes)
            .expect("it is there now");
        if number < executed.number {
            return Err(Refusal::TooOld);
        }
        if number > executed.number {
            executed.number = number;
            executed.outcomes.clear();
            executed.answer = None;
        }
        Ok(Some(executed))
    }

    /// Forgets the sessions that a client does not use any more.
    pub fn end(&mut self, sessions: &[u8]) {
        for (_, session) in bson::elements(sessions) {
            if let Some(id) = session
                .document()
                .and_then(|session| bson::get(session, "id"))
            {
                self.sessions.remove(id.bytes);
            }
        }
    }
}

impl Executed {
    pub fn outcome(&self, place: usize) -> Option<Outcome> {
        self.outcomes.get(place).copied().flatten()
    }

    pub fn note(&mut self, place: usize, outcome: Outcome) {
        if self.outcomes.len() <= place {
            self.outcomes.resize(place + 1, None);
        }
        self.outcomes[place] = Some(outcome);
    }
}
