//! When a batch goes, on which route and with how many operations: the sending half of the worker.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::errand::{Errand, run_batch};
use super::flow::{
    self, MOST_FENCES, MOST_FENCES_ALONE, MOST_HELD_UP, MOST_WITHOUT_SERVER, Traffic,
};
use super::lanes::{Kind, Route};
use super::worker::{Worker, by_id};
use crate::collection::Trip;
use crate::operation::Operation;

impl Worker {
    /// Sends all that may go, as far as there is room on the way.
    pub(super) fn send(&mut self) {
        match &self.connection {
            Connection::Ready { .. } => {}
            Connection::Impossible(failure) => return self.fail_all(failure.clone()),
            Connection::Connecting(_) | Connection::Indexing { .. } => return,
        }
        for route in Route::ALL {
            while let Some(size) = self.next_size(route) {
                let operations = self.lanes.take(route, size);
                if operations.is_empty() {
                    break;
                }
                self.send_batch(route, operations);
            }
        }
    }

    /// How many ids go with the next batch of a route, if one goes now.
    fn next_size(&self, route: Route) -> Option<usize> {
        let waiting = self.lanes.count_ready(route);
        if waiting == 0 || !self.may_send(route) {
            return None;
        }
        let Route::Together(_) = route else {
            return self.has_room_alone(route).then_some(1);
        };
        let traffic = self.traffic(route)?;
        let threshold = flow::threshold(traffic, self.limit())?;
        (waiting >= threshold).then(|| flow::share(waiting, traffic, self.limit()))
    }

    /// What nobody can shut out must not become more without end. Reads leave nothing behind.
    fn may_send(&self, route: Route) -> bool {
        let most = match route {
            Route::Together(Kind::Get) => return true,
            Route::Together(_) => MOST_FENCES,
            Route::Alone | Route::Silent => MOST_FENCES_ALONE,
        };
        self.fences.len() < most
    }

    fn has_room_alone(&self, route: Route) -> bool {
        let connections = self.options.max_pool_size();
        let batches = self.on_the_way.values();
        let same_route = batches.filter(|batch| batch.route == route);
        let ages = same_route.map(|batch| batch.sent.elapsed());
        let ages: Vec<Duration> = ages.collect();
        // Those that turn out to be silent leave the room to the others, as long as there is any.
        let fresh = ages.iter().filter(|age| !self.flow.is_held_up(**age));
        let counted = match route {
            Route::Silent => ages.len(),
            _ => fresh.count(),
        };
        let most = flow::most_alone(route, connections);
        counted < most && ages.len() < most + most / 4
    }

    fn send_batch(&mut self, route: Route, operations: Vec<Arc<Operation>>) {
        self.begin_writes(&operations);
        let Connection::Ready { collection, .. } = &self.connection else {
            return;
        };
        let trip = Trip::new(self.deadline(&operations), self.flow.patience());
        let recall = trip.recall();
        self.completions.stats().send_batch(&operations);
        let task = self.batches.spawn(run_batch(
            collection.clone(),
            self.completions.clone(),
            self.to_worker.clone(),
            operations.clone(),
            self.options.touch_after,
            trip,
        ));
        let errand = Errand {
            route,
            recall,
            sent: Instant::now(),
            ids: by_id(&operations).count(),
            operations,
        };
        self.on_the_way.insert(task.id(), errand);
    }

    fn limit(&self) -> usize {
        self.flow.limit(self.availability.round_trip())
    }

    /// What is on its way of a route; `None`, if so much is held up that nothing more may go.
    fn traffic(&self, route: Route) -> Option<Traffic> {
        let batches = self.on_the_way.values();
        let same_route = batches.filter(|batch| batch.route == route);
        let (held_up, others): (Vec<_>, Vec<_>) =
            same_route.partition(|batch| self.flow.is_held_up(batch.sent.elapsed()));
        let most = match self.availability.is_available() {
            true => MOST_HELD_UP,
            false => MOST_WITHOUT_SERVER,
        };
        (held_up.len() < most).then(|| Traffic {
            batches: others.len(),
            ids: (others.iter())
                .filter(|batch| !self.flow.is_overdue(batch.sent.elapsed()))
                .map(|batch| batch.ids.min(batch.operations.len()))
                .sum(),
        })
    }

    /// Tells the inbox how many operations are worth waking up for: as many as make up a batch that
    /// goes at once, and the first while none is timed, since nothing else would time it. True if
    /// they are there already.
    pub(super) fn listen(&self) -> bool {
        let none_is_timed = self.accepted.is_empty();
        let wanted = Kind::ALL.map(|kind| match none_is_timed {
            true => 1,
            false => self.wanted(kind),
        });
        let mut queue = self.inbox.lock();
        queue.wanted = wanted;
        Kind::ALL.iter().any(|kind| queue.is_wanted(*kind))
    }

    /// How many more operations of a kind have to come before some are sent.
    fn wanted(&self, kind: Kind) -> usize {
        let route = Route::Together(kind);
        let traffic = self.traffic(route);
        let threshold = traffic.and_then(|traffic| flow::threshold(traffic, self.limit()));
        let more = |threshold: usize| threshold.saturating_sub(self.lanes.count_ready(route));
        threshold.map_or(usize::MAX, more).max(1)
    }

    /// A batch may use the time of its youngest operation; older ones expire by themselves.
    fn deadline(&self, operations: &[Arc<Operation>]) -> Instant {
        let youngest = operations.iter().map(|operation| operation.submitted).max();
        Instant::from_std(youngest.unwrap_or_else(std::time::Instant::now)) + self.options.timeout
    }
}
