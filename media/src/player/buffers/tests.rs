//! What a source's worker and decode threads are told, without threads.

use super::*;
use crate::fetch::{AddressPolicy, Line, SourceFacts, SourceTrack};
use crate::init::tests::any_track;
use crate::segment::CodedFrame;

/// Buffers of a source that has just opened.
fn opened() -> Buffers {
    let buffers = Buffers::default();
    buffers.attach(Arc::new(Line::new(AddressPolicy { allow_private: true })));
    let tracks = vec![SourceTrack { track: any_track(), end: None }];
    let start = Pts::ZERO;
    buffers.source_opened(SourceFacts { tracks, start, duration_micros: None, seekable: true });
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

/// A decode thread is there before its player has said where to begin, and so may media be.
#[test]
fn nothing_is_read_before_the_first_order() {
    let buffers = opened();
    let frame = CodedFrame {
        track_id: 1,
        pts: Pts::ZERO,
        dts: Pts::ZERO,
        duration_micros: 20_000,
        keyframe: true,
        data: bytes::Bytes::from_static(b"frame"),
    };
    assert!(buffers.source_frame(0, frame));
    let mut cursor = None;
    let mut look = |generation| buffers.lock().look(TrackKind::Audio, &mut cursor, generation);
    assert!(matches!(look(Order::NONE), Look::Nothing));
    buffers.order(|order| order.generation = 1);
    assert!(matches!(look(Order::NONE), Look::Again));
    assert!(matches!(look(1), Look::Read(Read::Frame(_))));
    assert!(matches!(look(1), Look::Read(Read::Wait)));
}
