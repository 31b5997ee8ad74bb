//! Whether a command was overtaken by others.
//!
//! A busy server takes longer for all, and for a large command longer than for a small one. So a command
//! without an answer is held up for a reason of its own only if much more was answered that was sent after
//! it. Much more than its own work, too: some servers execute two commands of one session side by side
//! (seen on SecantusDB; a mongod does not), and what they are still executing must not be sent again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// So many later commands have to be answered, with so many times as much in them as in this one.
const COMMANDS: usize = 16;
const TIMES_AS_MUCH: usize = 4;

/// So many of the latest answers are remembered.
const REMEMBERED: usize = 256;

/// The commands in the order in which they were sent, and which of them were answered lately.
#[derive(Default)]
pub struct Order {
    sent: AtomicU64,
    answered: Mutex<VecDeque<Answered>>,
}

struct Answered {
    command: u64,
    /// How many sessions it was about.
    size: usize,
}

impl Order {
    /// Numbers a command that is sent now; or gives how many were until now.
    pub fn next(&self) -> u64 {
        self.sent.fetch_add(1, Ordering::Relaxed)
    }

    pub fn answered(&self, command: u64, size: usize) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() == REMEMBERED {
            answered.pop_front();
        }
        answered.push_back(Answered { command, size });
    }

    /// Whether a command of this size was overtaken by what was sent since.
    pub fn has_overtaken(&self, since: u64, size: usize) -> bool {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let later = || answered.iter().filter(|answer| answer.command >= since);
        let work: usize = later().map(|answer| answer.size).sum();
        later().count() >= COMMANDS && work >= size * TIMES_AS_MUCH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answers: usize, size: usize) -> Order {
        let order = Order::default();
        for _ in 0..answers {
            order.answered(order.next(), size);
        }
        order
    }

    #[test]
    fn a_command_is_overtaken_by_many() {
        assert!(!after(COMMANDS - 1, 100).has_overtaken(0, 1));
        assert!(after(COMMANDS, 1).has_overtaken(0, 1));
    }

    #[test]
    fn a_large_command_is_overtaken_by_much() {
        assert!(!after(COMMANDS, 8).has_overtaken(0, 512));
        assert!(after(256, 8).has_overtaken(0, 512));
    }

    #[test]
    fn what_was_sent_before_does_not_count() {
        assert!(!after(COMMANDS, 1).has_overtaken(1, 1));
    }
}
