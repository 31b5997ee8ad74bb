//! How many batches of a kind may be on their way at once, and how large they are.
//!
//! Where an answer takes as long as the work behind it, as on the same machine, more batches only
//! make smaller ones, and each costs. Where it spends its time on the way, more batches fill that
//! time. So the number follows from how long the shortest answers take: those to batches, and
//! those to the driver's monitors, which involve no work.
//!
//! The batches share the operations evenly. Otherwise one would take all that wait, and those that
//! come after it would travel one by one, each at the price of a batch.

use std::time::Duration;

use super::lanes::Route;
use crate::collection::Patience;

/// An answer this much longer brings room for one batch more.
const STEP: Duration = Duration::from_micros(400);

const FEWEST_BATCHES: usize = 2;
const MOST_BATCHES: usize = 8;

/// What takes this many times as long as answers usually do is held up for a reason of its own, and
/// does not hold up others.
const HELD_UP: u32 = 4;

/// What takes this many times as long is not waited for by operations that could go.
const OVERDUE: u32 = 2;

/// Nothing is held up or overdue that has not taken so long.
const PATIENCE: Duration = Duration::from_millis(20);

/// How many batches may be held up at once beside those that are not.
pub const MOST_HELD_UP: usize = 16;

/// The same while there is no server, for which they would only wait and take memory.
pub const MOST_WITHOUT_SERVER: usize = 4;

/// After so many commands of which nobody knows whether they may still be executed, the server is
/// written to no more until some of them are shut out: each takes a kilobyte.
pub const MOST_FENCES: usize = 32_768;

/// After so many, those that travel alone wait: they are the ones that leave fences behind.
pub const MOST_FENCES_ALONE: usize = 1024;

/// What travels alone is on its way by so many at once, out of as many connections.
const ALONE: Share = Share { part: 4, most: 32 };

/// The same of what got no answer even so.
const SILENT: Share = Share { part: 8, most: 12 };

/// What takes the place of others for long must leave them most of the connections.
struct Share {
    part: usize,
    most: usize,
}

impl Share {
    fn of(&self, connections: usize) -> usize {
        (connections / self.part).clamp(1, self.most)
    }
}

/// How many single operations may be on their way on a route.
pub fn most_alone(route: Route, connections: usize) -> usize {
    match route {
        Route::Silent => SILENT.of(connections),
        _ => ALONE.of(connections),
    }
}

/// A command is not asked after before this part of its time is over: a machine under load answers one
/// much later than others, and to send it again is more load.
const LEAST_PART_OF_TIME: u32 = 8;

/// Nor later than this, whatever is usual: who turns out to be a neighbour of one that gets no answer needs
/// the rest.
const PART_OF_TIME: u32 = 4;

/// A batch is not made smaller than this for the sake of the next one.
const SMALL: usize = 8;

/// What is on its way of one kind.
#[derive(Debug, Default, Clone, Copy)]
pub struct Traffic {
    /// Not counting those that are held up.
    pub batches: usize,
    /// The ids in them, not counting those of batches that are overdue.
    pub ids: usize,
}

#[derive(Debug)]
pub struct Flow {
    shortest: Duration,
    usual: Duration,
    /// That of an operation.
    timeout: Duration,
}

impl Flow {
    pub fn new(timeout: Duration) -> Self {
        Flow {
            shortest: STEP,
            usual: STEP,
            timeout,
        }
    }

    /// The most batches of a kind, not counting those that are held up.
    pub fn limit(&self, round_trip: Option<Duration>) -> usize {
        let shortest = round_trip.map_or(self.shortest, |trip| trip.min(self.shortest));
        let steps = shortest.as_micros() / STEP.as_micros();
        usize::try_from(steps).map_or(MOST_BATCHES, |steps| {
            (FEWEST_BATCHES + steps).min(MOST_BATCHES)
        })
    }

    pub fn is_held_up(&self, age: Duration) -> bool {
        let most_usual = (self.usual * HELD_UP).min(self.timeout / PART_OF_TIME);
        age > most_usual.max(PATIENCE)
    }

    /// How long a batch waits for its answer before it asks whether the server answers others.
    pub fn patience(&self) -> Patience {
        let least = self.timeout / LEAST_PART_OF_TIME;
        let most = self.timeout / PART_OF_TIME;
        let usual = self.usual * OVERDUE;
        Patience {
            whole: usual.clamp(least, most),
            long: most,
            part: usual.min(most),
        }
    }

    /// Whether an answer is no longer worth waiting for with others.
    pub fn is_overdue(&self, age: Duration) -> bool {
        age > (self.usual * OVERDUE).max(PATIENCE)
    }

    /// Follows the shortest answers, down at once, up slowly, and the latest ones.
    pub fn learn(&mut self, took: Duration) {
        self.usual = (self.usual * 7 + took) / 8;
        self.shortest = match took.checked_sub(self.shortest) {
            Some(longer) => self.shortest + longer / 64,
            None => took,
        };
    }
}

/// How many of the waiting ids go with the next batch.
pub fn share(waiting: usize, traffic: Traffic, limit: usize) -> usize {
    (waiting + traffic.ids).div_ceil(limit).max(SMALL)
}

/// How many ids have to wait before they go beside those on the way: half of what would then be
/// their share. Fewer wait for more of them, or until less is on the way. `None`, if there is no room
/// at all.
pub fn threshold(traffic: Traffic, limit: usize) -> Option<usize> {
    (traffic.batches < limit).then(|| traffic.ids.div_ceil(2 * limit - 1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(answers: &[u64]) -> Flow {
        let mut flow = Flow::new(Duration::from_secs(10));
        for millis in answers.repeat(200) {
            flow.learn(Duration::from_millis(millis));
        }
        flow
    }

    #[test]
    fn the_longer_the_way_the_more_batches_are_on_it() {
        assert_eq!(flow(&[0]).limit(None), FEWEST_BATCHES);
        assert!((3..MOST_BATCHES).contains(&flow(&[1]).limit(None)));
        assert_eq!(flow(&[5]).limit(None), MOST_BATCHES);
    }

    #[test]
    fn work_on_the_server_is_no_distance() {
        assert_eq!(flow(&[5]).limit(Some(Duration::ZERO)), FEWEST_BATCHES);
    }

    #[test]
    fn single_long_answers_do_not_count() {
        assert_eq!(
            flow(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 9]).limit(None),
            FEWEST_BATCHES
        );
    }

    #[test]
    fn batches_share_the_operations() {
        let on_the_way = |batches, ids| Traffic { batches, ids };
        let nothing = Traffic::default();
        assert_eq!(
            (threshold(nothing, 2), share(1, nothing, 2)),
            (Some(1), SMALL)
        );
        assert_eq!(share(64, nothing, 2), 32);
        assert_eq!(share(32, on_the_way(1, 32), 2), 32);
        assert_eq!(share(9, on_the_way(7, 63), 8), 9);
    }

    #[test]
    fn few_operations_wait_for_more_where_many_are_on_the_way() {
        let one_batch = |ids| Traffic { batches: 1, ids };
        assert_eq!(threshold(one_batch(1), 2), Some(1));
        assert_eq!(threshold(one_batch(32), 2), Some(11));
        assert_eq!(threshold(one_batch(32), 8), Some(3));
        assert_eq!(threshold(one_batch(32), 1), None);
    }

    #[test]
    fn no_answer_is_waited_for_much_longer_than_usual() {
        let far = flow(&[50]);
        assert!(!far.is_overdue(Duration::from_millis(60)));
        assert!(
            far.is_overdue(Duration::from_millis(120))
                && !far.is_held_up(Duration::from_millis(120))
        );
    }

    #[test]
    fn what_takes_far_longer_than_others_is_held_up() {
        assert!(!flow(&[5]).is_held_up(Duration::from_millis(19)));
        assert!(flow(&[5]).is_held_up(Duration::from_millis(50)));
    }
}
