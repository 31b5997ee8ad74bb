//! What was read lately, as BSON: a write names what its request read by a number, instead of
//! bringing it back as text to be parsed.

use std::collections::VecDeque;
use std::sync::Arc;

/// How much a store keeps, in bytes: two thousand sessions of 1 KB. From its read to its write a
/// request takes milliseconds, in which fewer are read.
const CAPACITY: usize = 2 * 1024 * 1024;

/// A session larger than this is not kept: it would take the place of many others.
const LARGEST: usize = CAPACITY / 16;

/// The most numbers in use, whatever the sessions take: every outcome uses one.
const MOST: usize = 4096;

/// The latest reads, numbered one after the other. What is not there any more has to be brought
/// back after all.
#[derive(Default)]
pub struct RecentReads {
    reads: VecDeque<Option<Arc<[u8]>>>,
    /// The number of the first of them.
    first: u64,
    size: usize,
}

impl RecentReads {
    pub fn is_worth_keeping(session: &[u8]) -> bool {
        session.len() <= LARGEST
    }

    /// The number that what is kept next gets.
    pub fn next_number(&self) -> u64 {
        self.first + self.reads.len() as u64
    }

    /// Uses up one number, also for what is no session.
    pub fn keep(&mut self, session: Option<Arc<[u8]>>) {
        self.size += session.as_ref().map_or(0, |session| session.len());
        self.reads.push_back(session);
        while self.size > CAPACITY || self.reads.len() > MOST {
            let oldest = self.reads.pop_front().flatten();
            self.size -= oldest.map_or(0, |session| session.len());
            self.first += 1;
        }
    }

    /// Hands out what is kept under this number, once.
    pub fn take(&mut self, number: u64) -> Option<Arc<[u8]>> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let session = self.reads.get_mut(place)?.take()?;
        self.size -= session.len();
        Some(session)
    }

    /// Numbers that were given stay used up.
    pub fn clear(&mut self) {
        self.first = self.next_number();
        self.reads = VecDeque::new();
        self.size = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(recent: &mut RecentReads, session: Vec<u8>) -> u64 {
        let number = recent.next_number();
        recent.keep(Some(session.into()));
        number
    }

    #[test]
    fn what_is_kept_is_handed_out_once() {
        let mut recent = RecentReads::default();
        let (one, other) = (keep(&mut recent, vec![1]), keep(&mut recent, vec![2]));
        assert_eq!(recent.take(other), Some([2].into()));
        assert_eq!(recent.take(other), None);
        assert_eq!(recent.take(one), Some([1].into()));
        assert_eq!(recent.size, 0);
    }

    #[test]
    fn a_number_names_one_session_for_ever() {
        let mut recent = RecentReads::default();
        let first = keep(&mut recent, vec![1]);
        recent.keep(None);
        let third = keep(&mut recent, vec![3]);
        assert_eq!(third, first + 2);
        assert_eq!(recent.take(first + 1), None);
        assert_eq!(recent.take(third + 1), None);
        recent.clear();
        let fourth = keep(&mut recent, vec![4]);
        assert_eq!(fourth, third + 1);
        assert_eq!(recent.take(third), None);
        assert_eq!(recent.take(fourth), Some([4].into()));
    }

    #[test]
    fn it_is_bounded_in_bytes_and_numbers() {
        let mut recent = RecentReads::default();
        assert!(!RecentReads::is_worth_keeping(&vec![0; LARGEST + 1]));
        for _ in 0..40 {
            let number = keep(&mut recent, vec![0; LARGEST]);
            assert!(recent.size <= CAPACITY);
            assert!(number == 0 || recent.take(number - 1).is_some());
        }
        for _ in 0..2 * MOST {
            recent.keep(None);
            assert!(recent.reads.len() <= MOST);
        }
        assert_eq!(recent.size, 0);
    }
}
