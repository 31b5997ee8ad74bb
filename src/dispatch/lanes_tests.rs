use super::*;
use crate::operation::{Caller, Content, Outcome, Renewal};

fn operation(token: u32, id: &str, kind: Kind) -> Arc<Operation> {
    let action = match kind {
        Kind::Get => Action::Get,
        Kind::Set => Action::Set {
            data: Content::Json("{}".into()),
            read: None,
            writing: Vec::new(),
            lifetime: 0,
        },
        Kind::Touch => Action::Touch(Renewal {
            lifetime: None,
            max_age: None,
            otherwise: 0,
        }),
        Kind::Destroy => Action::Destroy { matching: None },
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
    let token = |operation: &Arc<Operation>| match operation.caller {
        Caller::JavaScript(token) => token,
        Caller::Sweep(_) => panic!("no sweep here"),
    };
    batch.iter().map(token).collect()
}

#[test]
fn operations_on_one_id_go_one_after_the_other() {
    let mut lanes = lanes(&[("a", Kind::Set), ("a", Kind::Get), ("a", Kind::Destroy)]);
    for kind in [Kind::Set, Kind::Get, Kind::Destroy] {
        for other in Kind::ALL {
            assert_eq!(lanes.count_ready(Route::Together(other)) > 0, other == kind);
        }
        let batch = lanes.take(Route::Together(kind), usize::MAX);
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
    assert_eq!(
        tokens(&lanes.take(Route::Together(Kind::Set), usize::MAX)),
        [0, 1]
    );
    assert_eq!(lanes.count_ready(Route::Together(Kind::Set)), 0);
    assert_eq!(
        tokens(&lanes.take(Route::Together(Kind::Get), usize::MAX)),
        [3]
    );
    lanes.release(&Id::from("a"));
    assert_eq!(
        tokens(&lanes.take(Route::Together(Kind::Set), usize::MAX)),
        [2]
    );
}

#[test]
fn they_go_in_the_order_of_their_ids() {
    let mut lanes = lanes(&[("b", Kind::Get), ("a", Kind::Get), ("b", Kind::Get)]);
    assert_eq!(
        tokens(&lanes.take(Route::Together(Kind::Get), usize::MAX)),
        [1, 0, 2]
    );
}

#[test]
fn equal_reads_travel_as_one() {
    let mut lanes = lanes(&[
        ("a", Kind::Get),
        ("a", Kind::Get),
        ("a", Kind::Set),
        ("a", Kind::Get),
    ]);
    assert_eq!(
        tokens(&lanes.take(Route::Together(Kind::Get), usize::MAX)),
        [0, 1]
    );
    lanes.release(&Id::from("a"));
    assert_eq!(
        tokens(&lanes.take(Route::Together(Kind::Set), usize::MAX)),
        [2]
    );
}

#[test]
fn what_ran_out_of_time_while_waiting_is_not_sent() {
    let mut lanes = lanes(&[("a", Kind::Get), ("b", Kind::Get)]);
    let late = operation(2, "a", Kind::Set);
    lanes.add(late.clone());
    lanes.add(operation(3, "a", Kind::Destroy));
    lanes.take(Route::Together(Kind::Get), usize::MAX);
    assert!(late.claim_answer(&Outcome::Missing));
    lanes.release(&Id::from("a"));
    assert_eq!(lanes.count_ready(Route::Together(Kind::Set)), 0);
    assert_eq!(
        tokens(&lanes.take(Route::Together(Kind::Destroy), usize::MAX)),
        [3]
    );
}

#[test]
fn what_expires_while_nothing_can_be_sent_leaves_nothing_behind() {
    let mut lanes = lanes(&[("waiting", Kind::Set)]);
    for number in 0..10 * MAX_OPERATIONS {
        let get = operation(1, &number.to_string(), Kind::Get);
        lanes.add(get.clone());
        assert!(get.claim_answer(&Outcome::Missing));
        lanes.expire(&get);
    }
    assert!(lanes.ready[Route::Together(Kind::Get).index()].len() <= MAX_OPERATIONS + 2);
    assert_eq!(
        tokens(&lanes.take(Route::Together(Kind::Set), usize::MAX)),
        [0]
    );
    assert!(
        lanes
            .take(Route::Together(Kind::Get), usize::MAX)
            .is_empty()
            && lanes.lanes.len() == 1
    );
}

#[test]
fn a_batch_is_bounded() {
    let ids: Vec<String> = (0..MAX_OPERATIONS + 1).map(|n| n.to_string()).collect();
    let gets: Vec<_> = ids.iter().map(|id| (id.as_str(), Kind::Get)).collect();
    let mut lanes = lanes(&gets);
    assert_eq!(
        lanes.take(Route::Together(Kind::Get), usize::MAX).len(),
        MAX_OPERATIONS
    );
    assert_eq!(lanes.take(Route::Together(Kind::Get), 0).len(), 0);
    assert_eq!(lanes.take(Route::Together(Kind::Get), 2).len(), 1);
}

#[test]
fn what_left_a_batch_goes_alone_and_first() {
    let mut lanes = lanes(&[("a", Kind::Set), ("b", Kind::Set), ("a", Kind::Get)]);
    let batch = lanes.take(Route::Together(Kind::Set), usize::MAX);
    lanes.give_back(batch[0].clone());
    assert_eq!(lanes.count_ready(Route::Alone), 0);
    lanes.release(&batch[0].id);
    lanes.release(&batch[1].id);
    assert_eq!(tokens(&lanes.take(Route::Alone, 1)), [0]);
    lanes.release(&batch[0].id);
    assert_eq!(tokens(&lanes.take(Route::Together(Kind::Get), 1)), [2]);
}

#[test]
fn nothing_goes_while_a_fence_holds_the_lane() {
    let mut lanes = lanes(&[("a", Kind::Set), ("a", Kind::Destroy)]);
    let batch = lanes.take(Route::Together(Kind::Set), usize::MAX);
    lanes.shut_out(&batch[0].id, 1);
    for route in Route::ALL {
        assert!(lanes.take(route, usize::MAX).is_empty());
    }
    lanes.lift(&batch[0].id);
    assert_eq!(tokens(&lanes.take(Route::Together(Kind::Destroy), 1)), [1]);
}

#[test]
fn the_last_of_its_fences_frees_a_lane_and_none_takes_it_from_a_batch() {
    let mut lanes = lanes(&[("a", Kind::Set), ("a", Kind::Set), ("a", Kind::Set)]);
    let id = Id::from("a");
    let sets = Route::Together(Kind::Set);
    lanes.take(sets, 1);
    lanes.shut_out(&id, 2);
    lanes.lift(&id);
    assert!(lanes.take(sets, 1).is_empty());
    lanes.lift(&id);
    assert_eq!(tokens(&lanes.take(sets, 1)), [1]);
    lanes.lift(&id);
    assert!(lanes.take(sets, 1).is_empty());
}

#[test]
fn what_expires_is_dropped_whoever_holds_its_lane() {
    let mut lanes = lanes(&[("a", Kind::Set)]);
    let batch = lanes.take(Route::Together(Kind::Set), usize::MAX);
    lanes.shut_out(&batch[0].id, 1);
    let late = operation(1, "a", Kind::Set);
    lanes.add(late.clone());
    assert!(late.claim_answer(&Outcome::Missing));
    lanes.expire(&late);
    assert_eq!(Arc::strong_count(&late), 1);
}

#[test]
fn whoever_is_in_doubt_travels_alone() {
    let mut lanes = lanes(&[("a", Kind::Get), ("b", Kind::Get), ("c", Kind::Get)]);
    lanes.doubt(&Id::from("a"), Doubt::Neighbour);
    lanes.doubt(&Id::from("b"), Doubt::Silent);
    assert_eq!(tokens(&lanes.take(Route::Together(Kind::Get), 9)), [2]);
    assert_eq!(tokens(&lanes.take(Route::Alone, 9)), [0]);
    assert_eq!(tokens(&lanes.take(Route::Silent, 9)), [1]);
    lanes.trust(&Id::from("a"));
    lanes.release(&Id::from("a"));
    lanes.add(operation(3, "a", Kind::Get));
    assert_eq!(tokens(&lanes.take(Route::Together(Kind::Get), 9)), [3]);
}

#[test]
fn the_reads_of_one_id_are_bounded_too() {
    let mut lanes = lanes(&vec![("a", Kind::Get); MAX_OPERATIONS + 3]);
    let gets = Route::Together(Kind::Get);
    assert_eq!(lanes.take(gets, usize::MAX).len(), MAX_OPERATIONS);
    lanes.release(&Id::from("a"));
    assert_eq!(lanes.take(gets, usize::MAX).len(), 3);
}

#[test]
fn what_was_called_before_goes_first() {
    let mut lanes = lanes(&[("a", Kind::Set)]);
    let called = Instant::now();
    lanes.add(operation(2, "a", Kind::Set));
    lanes.add_called(called, operation(1, "a", Kind::Destroy));
    for (token, kind) in [(0, Kind::Set), (1, Kind::Destroy), (2, Kind::Set)] {
        let batch = lanes.take(Route::Together(kind), usize::MAX);
        assert_eq!(tokens(&batch), [token]);
        lanes.release(&batch[0].id);
    }
}
