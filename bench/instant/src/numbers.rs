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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bson::{begin, begin_document, end, put_int64, put_text};

    fn command(number: i64) -> Vec<u8> {
        let mut out = Vec::new();
        let start = begin(&mut out);
        let session = begin_document(&mut out, b"lsid");
        put_text(&mut out, "id", b"a session");
        end(&mut out, session);
        put_int64(&mut out, "txnNumber", number);
        end(&mut out, start);
        out
    }

    #[test]
    fn what_was_executed_is_known_until_a_higher_number_comes_and_a_lower_one_is_refused() {
        let mut numbers = Numbers::default();
        let mut outcome = |number| {
            let command = command(number);
            let executed = numbers.begin(&command)?.expect("the command has a number");
            let before = executed.outcome(1);
            executed.note(1, Outcome::Changed);
            Ok(before)
        };
        assert_eq!(outcome(5), Ok(None));
        assert_eq!(outcome(5), Ok(Some(Outcome::Changed)));
        assert_eq!(outcome(6), Ok(None));
        assert_eq!(outcome(5), Err(Refusal::TooOld));
    }
}
