//! Which ids got no answer lately while MongoDB answered others.
//!
//! A command is answered as a whole, so one session that gets no answer (its shard has no primary)
//! takes those with it that travel in the same command. What is in doubt therefore travels alone,
//! until it is answered.

use std::collections::{HashMap, VecDeque};

use crate::operation::Id;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It was on its way with others, and one of them is to blame.
    Neighbour,
    /// It was on its way alone.
    Silent,
}

/// So many are remembered; whoever is forgotten for others is found again by the next batch.
const MOST: usize = 8192;

#[derive(Default)]
pub struct Doubts {
    by_id: HashMap<Id, Doubt>,
    /// Oldest first; also such that are trusted again.
    order: VecDeque<Id>,
}

impl Doubts {
    pub fn about(&self, id: &Id) -> Option<Doubt> {
        match self.by_id.is_empty() {
            true => None,
            false => self.by_id.get(id).copied(),
        }
    }

    pub fn add(&mut self, id: &Id, doubt: Doubt) {
        if self.by_id.insert(id.clone(), doubt).is_none() {
            self.order.push_back(id.clone());
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }

    pub fn remove(&mut self, id: &Id) {
        if self.by_id.remove(id).is_some() && self.by_id.is_empty() {
            self.order.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_bounded() {
        let mut doubts = Doubts::default();
        for number in 0..3 * MOST {
            doubts.add(&Id::from(number.to_string()), Doubt::Neighbour);
        }
        assert!(doubts.by_id.len() <= MOST && doubts.order.len() <= MOST);
        let last = Id::from((3 * MOST - 1).to_string());
        assert_eq!(doubts.about(&last), Some(Doubt::Neighbour));
        doubts.remove(&last);
        assert_eq!(doubts.about(&last), None);
    }
}
