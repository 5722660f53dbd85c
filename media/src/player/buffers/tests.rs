//! What a source's worker and decode threads are told, without threads.

use super::*;
use crate::fetch::{AddressPolicy, Line, SourceFacts, SourceTrack};
use crate::init::tests::any_track;

/// Buffers of a source that has just opened.
fn opened() -> Buffers {
    let buffers = Buffers::default();
    buffers.attach(Arc::new(Line::new(AddressPolicy { allow_private: true })));
    let tracks = vec![SourceTrack { track: any_track(), end: None }];
    buffers.source_opened(SourceFacts { tracks, duration_micros: None, seekable: true });
    buffers
}

#[test]
fn a_source_that_has_opened_does_not_rest_before_its_first_look() {
    let buffers = opened();
    assert!(!buffers.source_rests());
    // Nor is a seek away from it overlooked.
    buffers.order(|order| (order.generation, order.start) = (1, Pts(60_000_000)));
    assert_eq!(buffers.next_work(&mut 0), Work::Seek(Pts(60_000_000)));
}

#[test]
fn a_position_that_was_reached_before_it_was_waited_for_is_not_missed() {
    let buffers = opened();
    buffers.set_position(Pts(100));
    assert!(!buffers.plan_look(Pts(101)));
    assert!(buffers.plan_look(Pts(100)));
}
