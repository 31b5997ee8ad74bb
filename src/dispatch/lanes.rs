//! Which operations may go next: those on one id in the order of their calls, those on different
//! ids independently of each other.
//!
//! An id that has operations has a lane, and of a lane at most one operation is on its way, except
//! that reads in a row share one. Who holds the lane decides when the next may go:
//!
//! | holder   | from                                       | until                                  |
//! |----------|--------------------------------------------|----------------------------------------|
//! | `Nobody` |                                            | an operation is taken                  |
//! | `Batch`  | [`Lanes::take`]                            | it has ended, or leaves its batch      |
//! | `Fence`  | its batch ends, and what it sent may still | MongoDB refuses whatever arrives late, |
//! |          | be executed: [`Lanes::shut_out`]           | which [`Lanes::lift`] says             |
//!
//! What runs out of time leaves its lane whoever holds it, so that nothing is kept for an id that
//! stays held for long.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::doubts::{Doubt, Doubts};
use crate::operation::{Action, Id, Operation};

/// Operations that can travel in one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Get,
    Set,
    Touch,
    Destroy,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Get, Kind::Set, Kind::Touch, Kind::Destroy];

    /// `None` for what belongs to no session.
    pub fn of(operation: &Operation) -> Option<Self> {
        match operation.action {
            Action::Get => Some(Kind::Get),
            Action::Set { .. } => Some(Kind::Set),
            Action::Touch(_) => Some(Kind::Touch),
            Action::Destroy { .. } => Some(Kind::Destroy),
            Action::Wide(_) | Action::Sweep(_) | Action::Watch { .. } => None,
        }
    }
}

/// With whom an operation travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// With others of its kind.
    Together(Kind),
    /// By itself: it left a batch, or its id is in doubt.
    Alone,
    /// By itself, among those that got no answer even so.
    Silent,
}

impl Route {
    pub const ALL: [Route; 6] = [
        Route::Together(Kind::Get),
        Route::Together(Kind::Set),
        Route::Together(Kind::Touch),
        Route::Together(Kind::Destroy),
        Route::Alone,
        Route::Silent,
    ];

    fn index(self) -> usize {
        match self {
            Route::Together(kind) => kind as usize,
            Route::Alone => Kind::ALL.len(),
            Route::Silent => Kind::ALL.len() + 1,
        }
    }
}

/// The most operations that one batch takes.
const MAX_OPERATIONS: usize = 512;

/// A batch takes no more operations once it has this many bytes of content.
const MAX_WEIGHT: usize = 4 * 1024 * 1024;

/// A lane per id that has operations waiting or is held.
#[derive(Default)]
pub struct Lanes {
    lanes: HashMap<Id, Lane>,
    /// By route, the ids whose next operation may be sent. A lane that nobody holds and that has an
    /// operation waiting is in the queue of its route at least once; where it is also in others, or
    /// more than once, those are hints that `take` drops.
    ready: [VecDeque<Id>; Route::ALL.len()],
    doubts: Doubts,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Holder {
    #[default]
    Nobody,
    Batch,
    /// So many fences: a batch may have lost more than one write of the id.
    Fence(usize),
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Arc<Operation>>,
    holder: Holder,
    /// The next operation left a batch to go alone.
    next_goes_alone: bool,
}

impl Lane {
    /// The next operation; what ran out of time while it waited is not sent any more.
    fn next(&mut self) -> Option<&Arc<Operation>> {
        while self.waiting.front().is_some_and(|next| next.is_answered()) {
            self.waiting.pop_front();
            self.next_goes_alone = false;
        }
        self.waiting.front()
    }

    fn route(&mut self, doubt: Option<Doubt>) -> Option<Route> {
        let kind = Kind::of(self.next()?)?;
        Some(match doubt {
            Some(Doubt::Silent) => Route::Silent,
            Some(Doubt::Neighbour) => Route::Alone,
            None if self.next_goes_alone => Route::Alone,
            None => Route::Together(kind),
        })
    }

    /// The next operation, or all reads that are next, up to so many.
    fn take(&mut self, most: usize) -> impl Iterator<Item = Arc<Operation>> {
        self.holder = Holder::Batch;
        self.next_goes_alone = false;
        let is_get = |operation: &&Arc<Operation>| Kind::of(operation) == Some(Kind::Get);
        let gets = self.waiting.iter().take(most).take_while(is_get).count();
        self.waiting
            .drain(..gets.max(1))
            .filter(|next| !next.is_answered())
    }
}

impl Lanes {
    /// How many ids have an operation of this route to be sent, roughly.
    pub fn count_ready(&self, route: Route) -> usize {
        self.ready[route.index()].len()
    }

    pub fn add(&mut self, operation: Arc<Operation>) {
        let id = operation.id.clone();
        let doubt = self.doubts.about(&id);
        let lane = self.lanes.entry(id.clone()).or_default();
        let is_next = lane.waiting.is_empty() && lane.holder == Holder::Nobody;
        lane.waiting.push_back(operation);
        if let Some(route) = lane.route(doubt).filter(|_| is_next) {
            self.ready[route.index()].push_back(id);
        }
    }

    /// Adds what was called at this time, so that it goes before all that was called later.
    pub fn add_called(&mut self, called: Instant, operation: Arc<Operation>) {
        let id = operation.id.clone();
        let waiting = &mut self.lanes.entry(id.clone()).or_default().waiting;
        let later = waiting.iter().position(|waiting| waiting.called > called);
        waiting.insert(later.unwrap_or(waiting.len()), operation);
        self.update_lane(&id);
    }

    /// Takes operations of a route that may travel together, on at most so many ids: one of each,
    /// or all reads that are next in its lane. Their lanes are held until they are released.
    ///
    /// They come in the order of their ids, in every process: a server that locks what a command
    /// writes until its end would have two of them wait for each other forever, if each had first
    /// what the other wants next. (Seen on DocumentDB for PostgreSQL.) Besides, each is then near the
    /// one before in the server's index.
    pub fn take(&mut self, route: Route, most_ids: usize) -> Vec<Arc<Operation>> {
        let mut batch: Vec<Arc<Operation>> = Vec::new();
        let mut weight = 0;
        let mut ids = 0;
        while ids < most_ids && batch.len() < MAX_OPERATIONS && weight < MAX_WEIGHT {
            let Some(id) = self.ready[route.index()].pop_front() else {
                break;
            };
            let doubt = self.doubts.about(&id);
            let lane = self.lanes.get_mut(&id);
            let Some(lane) = lane.filter(|lane| lane.holder == Holder::Nobody) else {
                continue;
            };
            if lane.route(doubt) != Some(route) {
                self.update_lane(&id);
                continue;
            }
            ids += 1;
            for operation in lane.take(MAX_OPERATIONS - batch.len()) {
                weight += operation.weight();
                batch.push(operation);
            }
        }
        batch.sort_by(|one, other| one.id.cmp(&other.id));
        batch
    }

    /// Nothing is on its way on this id any more; the next operation may go.
    pub fn release(&mut self, id: &Id) {
        self.hand_to(Holder::Nobody, id);
    }

    /// One of its fences was answered: the last frees the id.
    pub fn lift(&mut self, id: &Id) {
        match self.lanes.get(id).map(|lane| lane.holder) {
            Some(Holder::Fence(0 | 1)) => self.release(id),
            Some(Holder::Fence(fences)) => self.hand_to(Holder::Fence(fences - 1), id),
            _ => {}
        }
    }

    /// The batch has ended, but what it sent may still be executed: the next operation waits for so
    /// many fences.
    pub fn shut_out(&mut self, id: &Id, fences: usize) {
        self.hand_to(Holder::Fence(fences), id);
    }

    /// The operation has left its batch, and is the next in its lane again, to go alone.
    pub fn give_back(&mut self, operation: Arc<Operation>) {
        if let Some(lane) = self.lanes.get_mut(&operation.id) {
            lane.waiting.push_front(operation);
            lane.next_goes_alone = true;
        }
    }

    /// What is known of how this id answers.
    pub fn doubt(&mut self, id: &Id, doubt: Doubt) {
        self.doubts.add(id, doubt);
    }

    /// Whether this id got no answer lately, though it was asked for alone.
    pub fn is_silent(&self, id: &Id) -> bool {
        self.doubts.about(id) == Some(Doubt::Silent)
    }

    /// MongoDB has answered about this id.
    pub fn trust(&mut self, id: &Id) {
        self.doubts.remove(id);
    }

    /// The operation has run out of time: its lane keeps it no longer.
    pub fn expire(&mut self, operation: &Operation) {
        self.update_lane(&operation.id);
        // While nothing can be sent nobody takes the hints either.
        let hints: usize = self.ready.iter().map(VecDeque::len).sum();
        if hints > 2 * self.lanes.len() + MAX_OPERATIONS {
            self.renew_hints();
        }
    }

    fn renew_hints(&mut self) {
        self.ready = Default::default();
        let ids: Vec<Id> = self.lanes.keys().cloned().collect();
        for id in ids {
            self.update_lane(&id);
        }
    }

    fn hand_to(&mut self, holder: Holder, id: &Id) {
        if let Some(lane) = self.lanes.get_mut(id) {
            lane.holder = holder;
            self.update_lane(id);
        }
    }

    /// Announces what is next in a lane that nobody holds, or removes it if nothing is.
    fn update_lane(&mut self, id: &Id) {
        let doubt = self.doubts.about(id);
        let Some(lane) = self.lanes.get_mut(id) else {
            return;
        };
        match (lane.route(doubt), lane.holder) {
            (Some(route), Holder::Nobody) => self.ready[route.index()].push_back(id.clone()),
            (None, Holder::Nobody) => {
                self.lanes.remove(id);
            }
            (_, Holder::Batch | Holder::Fence(_)) => {}
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
