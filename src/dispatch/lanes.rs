//! Which operations may go next: those on one id in the order of their calls, those on different
//! ids independently of each other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::operation::{Action, Id, Operation};

/// Operations that can travel in one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Get,
    Set,
    Destroy,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Get, Kind::Set, Kind::Destroy];

    pub fn of(operation: &Operation) -> Self {
        match operation.action {
            Action::Get => Kind::Get,
            Action::Set { .. } => Kind::Set,
            Action::Destroy => Kind::Destroy,
        }
    }
}

/// The most operations that one batch takes.
const MAX_OPERATIONS: usize = 512;

/// A batch takes no more operations once it has this many bytes of content.
const MAX_WEIGHT: usize = 4 * 1024 * 1024;

/// A lane per id that has operations waiting or under way.
#[derive(Default)]
pub struct Lanes {
    lanes: HashMap<Id, Lane>,
    /// By kind, the ids whose next operation may be sent. A hint: the lane itself decides.
    ready: [VecDeque<Id>; 3],
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Arc<Operation>>,
    under_way: bool,
}

impl Lane {
    /// The kind of the next operation; what ran out of time while it waited is not sent any more.
    fn next_kind(&mut self) -> Option<Kind> {
        while self.waiting.front().is_some_and(|next| next.is_settled()) {
            self.waiting.pop_front();
        }
        self.waiting.front().map(|next| Kind::of(next))
    }
}

impl Lanes {
    /// How many ids have an operation of this kind to be sent, roughly.
    pub fn count_ready(&self, kind: Kind) -> usize {
        self.ready[kind as usize].len()
    }

    pub fn add(&mut self, operation: Arc<Operation>) {
        let id = operation.id.clone();
        let kind = Kind::of(&operation);
        let lane = self.lanes.entry(id.clone()).or_default();
        if lane.waiting.is_empty() && !lane.under_way {
            self.ready[kind as usize].push_back(id);
        }
        lane.waiting.push_back(operation);
    }

    /// Takes operations of a kind that may travel together, on at most so many ids: one of each, or
    /// all reads that are next in its lane. They come in the order of their ids, and their lanes are
    /// held until [`Lanes::release`].
    pub fn take(&mut self, kind: Kind, most_ids: usize) -> Vec<Arc<Operation>> {
        let mut batch: Vec<Arc<Operation>> = Vec::new();
        let mut weight = 0;
        let mut ids = 0;
        while ids < most_ids && batch.len() < MAX_OPERATIONS && weight < MAX_WEIGHT {
            let Some(id) = self.ready[kind as usize].pop_front() else {
                break;
            };
            let Some(lane) = self.lanes.get_mut(&id).filter(|lane| !lane.under_way) else {
                continue;
            };
            if lane.next_kind() != Some(kind) {
                self.settle_lane(&id);
                continue;
            }
            lane.under_way = true;
            ids += 1;
            let next = lane.waiting.pop_front();
            weight += next.as_ref().map_or(0, |next| next.weight());
            batch.extend(next);
            while kind == Kind::Get && lane.next_kind() == Some(Kind::Get) {
                batch.extend(lane.waiting.pop_front());
            }
        }
        // The server takes them in this order, and each is near the one before in its index.
        batch.sort_by(|one, other| one.id.cmp(&other.id));
        batch
    }

    /// The operation under way on this id has ended; the next one may go.
    pub fn release(&mut self, id: &Id) {
        if let Some(lane) = self.lanes.get_mut(id) {
            lane.under_way = false;
            self.settle_lane(id);
        }
    }

    /// The operation has run out of time: if it was next in its lane, the lane goes on.
    pub fn expire(&mut self, operation: &Operation) {
        if (self.lanes.get(&operation.id)).is_some_and(|lane| !lane.under_way) {
            self.settle_lane(&operation.id);
        }
        // While nothing can be sent nobody takes the hints either.
        let hints: usize = self.ready.iter().map(VecDeque::len).sum();
        if hints > 2 * self.lanes.len() + MAX_OPERATIONS {
            self.renew_hints();
        }
    }

    fn renew_hints(&mut self) {
        self.ready = Default::default();
        let waiting = self.lanes.iter_mut().filter(|(_, lane)| !lane.under_way);
        for (id, lane) in waiting {
            if let Some(kind) = lane.next_kind() {
                self.ready[kind as usize].push_back(id.clone());
            }
        }
    }

    /// Announces what is next in a lane, or removes the lane.
    fn settle_lane(&mut self, id: &Id) {
        match self.lanes.get_mut(id).and_then(Lane::next_kind) {
            Some(kind) => self.ready[kind as usize].push_back(id.clone()),
            None => {
                self.lanes.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Content;

    fn operation(token: u32, id: &str, kind: Kind) -> Arc<Operation> {
        let action = match kind {
            Kind::Get => Action::Get,
            Kind::Set => Action::Set {
                data: Content::Json("{}".into()),
                read: None,
                writing: Vec::new(),
                lifetime: 0,
            },
            Kind::Destroy => Action::Destroy,
        };
        Arc::new(Operation::new(token, id, action))
    }

    fn lanes(operations: &[(&str, Kind)]) -> Lanes {
        let mut lanes = Lanes::default();
        for (token, (id, kind)) in operations.iter().enumerate() {
            lanes.add(operation(token as u32, id, *kind));
        }
        lanes
    }

    fn tokens(batch: &[Arc<Operation>]) -> Vec<u32> {
        batch.iter().map(|operation| operation.token).collect()
    }

    #[test]
    fn operations_on_one_id_go_one_after_the_other() {
        let mut lanes = lanes(&[("a", Kind::Set), ("a", Kind::Get), ("a", Kind::Destroy)]);
        for kind in [Kind::Set, Kind::Get, Kind::Destroy] {
            for other in Kind::ALL {
                assert_eq!(lanes.count_ready(other) > 0, other == kind);
            }
            let batch = lanes.take(kind, usize::MAX);
            assert_eq!(batch.len(), 1);
            lanes.release(&batch[0].id);
        }
        assert!(lanes.lanes.is_empty());
    }

    #[test]
    fn operations_on_different_ids_go_together() {
        let mut lanes = lanes(&[
            ("a", Kind::Set),
            ("b", Kind::Set),
            ("a", Kind::Set),
            ("c", Kind::Get),
        ]);
        assert_eq!(tokens(&lanes.take(Kind::Set, usize::MAX)), [0, 1]);
        assert_eq!(lanes.count_ready(Kind::Set), 0);
        assert_eq!(tokens(&lanes.take(Kind::Get, usize::MAX)), [3]);
        lanes.release(&Id::from("a"));
        assert_eq!(tokens(&lanes.take(Kind::Set, usize::MAX)), [2]);
    }

    #[test]
    fn they_go_in_the_order_of_their_ids() {
        let mut lanes = lanes(&[("b", Kind::Get), ("a", Kind::Get), ("b", Kind::Get)]);
        assert_eq!(tokens(&lanes.take(Kind::Get, usize::MAX)), [1, 0, 2]);
    }

    #[test]
    fn equal_reads_travel_as_one() {
        let mut lanes = lanes(&[
            ("a", Kind::Get),
            ("a", Kind::Get),
            ("a", Kind::Set),
            ("a", Kind::Get),
        ]);
        assert_eq!(tokens(&lanes.take(Kind::Get, usize::MAX)), [0, 1]);
        lanes.release(&Id::from("a"));
        assert_eq!(tokens(&lanes.take(Kind::Set, usize::MAX)), [2]);
    }

    #[test]
    fn what_ran_out_of_time_while_waiting_is_not_sent() {
        let mut lanes = lanes(&[("a", Kind::Get), ("b", Kind::Get)]);
        let late = operation(2, "a", Kind::Set);
        lanes.add(late.clone());
        lanes.add(operation(3, "a", Kind::Destroy));
        lanes.take(Kind::Get, usize::MAX);
        assert!(late.settle());
        lanes.release(&Id::from("a"));
        assert_eq!(lanes.count_ready(Kind::Set), 0);
        assert_eq!(tokens(&lanes.take(Kind::Destroy, usize::MAX)), [3]);
    }

    #[test]
    fn what_expires_while_nothing_can_be_sent_leaves_nothing_behind() {
        let mut lanes = lanes(&[("waiting", Kind::Set)]);
        for number in 0..10 * MAX_OPERATIONS {
            let get = operation(1, &number.to_string(), Kind::Get);
            lanes.add(get.clone());
            assert!(get.settle());
            lanes.expire(&get);
        }
        assert!(lanes.ready[Kind::Get as usize].len() <= MAX_OPERATIONS + 2);
        assert_eq!(tokens(&lanes.take(Kind::Set, usize::MAX)), [0]);
        assert!(lanes.take(Kind::Get, usize::MAX).is_empty() && lanes.lanes.len() == 1);
    }

    #[test]
    fn a_batch_is_bounded() {
        let ids: Vec<String> = (0..MAX_OPERATIONS + 1).map(|n| n.to_string()).collect();
        let gets: Vec<_> = ids.iter().map(|id| (id.as_str(), Kind::Get)).collect();
        let mut lanes = lanes(&gets);
        assert_eq!(lanes.take(Kind::Get, usize::MAX).len(), MAX_OPERATIONS);
        assert_eq!(lanes.take(Kind::Get, 0).len(), 0);
        assert_eq!(lanes.take(Kind::Get, 2).len(), 1);
    }
}
