//! Track buffers and cursors on frames made by hand. One frame lasts 10, times are in units of
//! 10 ms so that tolerances stay those of real media.

use super::*;
use crate::init::tests::any_track;

const UNIT: i64 = 10_000;

/// A frame of 10 units; `K` marks key frames in the scripts below.
fn frame(pts: i64, dts: i64, keyframe: bool) -> CodedFrame {
    CodedFrame {
        track_id: 1,
        pts: Pts(pts * UNIT),
        dts: Pts(dts * UNIT),
        duration_micros: 10 * UNIT,
        keyframe,
        data: bytes::Bytes::from(vec![0; 100]),
    }
}

#[derive(Default)]
struct Rig {
    buffer: TrackBuffer,
    generation: u64,
}

impl Rig {
    /// `K0 10 20 K30` appends frames at these times, after removing what they overlap.
    fn append(&mut self, script: &str) {
        self.generation += 1;
        let config = Arc::new(TrackConfig { track: any_track(), generation: self.generation });
        self.buffer.close_group();
        for word in script.split_whitespace() {
            let keyframe = word.starts_with('K');
            let pts: i64 = word.trim_start_matches('K').parse().expect("a time");
            let frame = frame(pts, pts, keyframe);
            self.buffer.overlap(frame.pts, frame.end());
            assert!(self.buffer.insert(frame, Arc::clone(&config)), "{word} in {script}");
        }
    }

    fn at(script: &str) -> Self {
        let mut rig = Self::default();
        rig.append(script);
        rig
    }

    fn seek(&self, time: i64) -> Option<Cursor> {
        self.buffer.seek(Pts(time * UNIT))
    }

    /// Reads up to `limit` frames as a script: `!` restart, `-` preroll, generation after `/`.
    fn read(&self, cursor: &mut Cursor, limit: usize) -> String {
        let mut words = Vec::new();
        for _ in 0..limit {
            match self.buffer.next(cursor) {
                Read::Frame(read) => {
                    let restart = if read.restart { "!" } else { "" };
                    let preroll = if read.preroll { "-" } else { "" };
                    let time = read.frame.pts.0 / UNIT;
                    words.push(format!("{restart}{preroll}{time}/{}", read.config.generation));
                }
                Read::Wait => {
                    words.push("wait".to_owned());
                    break;
                }
                Read::EndOfStream => {
                    words.push("end".to_owned());
                    break;
                }
            }
        }
        words.join(" ")
    }

    fn play(&self, time: i64) -> String {
        let Some(mut cursor) = self.seek(time) else { return "none".to_owned() };
        self.read(&mut cursor, 100)
    }

    fn ranges(&self) -> Vec<(i64, i64)> {
        let units = |time: Pts| time.0 / UNIT;
        self.buffer.buffered().iter().map(|r| (units(r.start), units(r.end))).collect()
    }
}

#[test]
fn seeks() {
    let rig = Rig::at("K100 110 120 K130 140 K300 310");
    for (time, played) in [
        (100, "!100/1 110/1 120/1 130/1 140/1 wait"),
        (115, "!-100/1 110/1 120/1 130/1 140/1 wait"),
        (135, "!130/1 140/1 wait"),
        // Within twice a frame's duration before a key frame.
        (80, "!100/1 110/1 120/1 130/1 140/1 wait"),
        (79, "!100/1 110/1 120/1 130/1 140/1 wait"),
        (160, "none"),
        (285, "!300/1 310/1 wait"),
        (320, "none"),
    ] {
        // The front of the media may begin within a second of where playing starts.
        let expected = if time == 79 { "none" } else { played };
        assert_eq!(rig.play(time), expected, "seek to {time}");
    }
    assert_eq!(Rig::at("K90 100").play(0), "!90/1 100/1 wait");
    assert_eq!(Rig::at("K101 111").play(0), "none");
    assert_eq!(Rig::default().play(0), "none");
}

#[test]
fn reading_goes_over_small_gaps_only() {
    assert_eq!(Rig::at("K0 10 K35 K65").play(0), "!0/1 10/1 35/1 65/1 wait");
    assert_eq!(Rig::at("K0 10 K41").play(0), "!0/1 10/1 wait");
    assert_eq!(Rig::at("K0 10 K41").ranges(), [(0, 20), (41, 51)]);
    assert_eq!(Rig::at("K0 10 K40").ranges(), [(0, 50)]);
}

#[test]
fn the_end_is_told_when_the_page_told_it() {
    let mut rig = Rig::at("K0 10 20");
    assert_eq!(rig.play(0), "!0/1 10/1 20/1 wait");
    rig.buffer.set_ended(true);
    assert_eq!(rig.play(0), "!0/1 10/1 20/1 end");
    // A seek to the duration shows the last frame.
    assert_eq!(rig.play(30), "!-0/1 -10/1 20/1 end");
    rig.append("K100");
    assert_eq!(rig.play(0), "!0/1 10/1 20/1 wait");
}

#[test]
fn cursors_survive_changes() {
    // Each case: buffered, frames read, change, what is read on.
    type Change = fn(&mut Rig);
    let cases: &[(&str, usize, Change, &str)] = &[
        ("K0 10 20", 2, |rig| rig.append("K30 40"), "20/1 30/2 40/2 wait"),
        ("K0 10 20", 3, |rig| rig.append("K30 40"), "30/2 40/2 wait"),
        // Overwritten ahead: the old group is cut there.
        ("K0 10 20 30 K40 50", 2, |rig| rig.append("K20 30"), "20/2 30/2 40/1 50/1 wait"),
        // Overwritten where it reads: the new group is decoded up to there.
        ("K0 10 20 30", 3, |rig| rig.append("K0 10 20 30"), "!-0/2 -10/2 -20/2 30/2 wait"),
        ("K0 10 20 30", 3, |rig| rig.append("K10 20 30"), "!-10/2 -20/2 30/2 wait"),
        ("K0 10 20 K30", 2, |rig| rig.buffer.remove(Pts(0), Pts(20 * UNIT)), "!30/1 wait"),
        ("K0 10 20 K90", 2, |rig| rig.buffer.remove(Pts(0), Pts(20 * UNIT)), "wait"),
        ("K0 10 20", 2, |rig| rig.buffer.remove(Pts(0), Pts::MAX), "wait"),
        ("K0 10 20 K30", 2, |rig| assert_ne!(rig.buffer.evict_front(), 0), "!30/1 wait"),
        ("K0 K10 K20", 2, |rig| rig.append("K0 K10"), "!20/1 wait"),
    ];
    for (start, count, change, expected) in cases {
        let mut rig = Rig::at(start);
        let mut cursor = rig.seek(0).expect("buffered");
        rig.read(&mut cursor, *count);
        change(&mut rig);
        let read = rig.read(&mut cursor, 100);
        assert_eq!(read, *expected, "{start}, {count} read");
    }
}

#[test]
fn a_lost_cursor_goes_on_when_media_comes_back() {
    let mut rig = Rig::at("K0 10 20");
    let mut cursor = rig.seek(0).expect("buffered");
    rig.read(&mut cursor, 2);
    rig.buffer.remove(Pts(0), Pts::MAX);
    assert_eq!(rig.read(&mut cursor, 9), "wait");
    rig.append("K0 10 20 30");
    assert_eq!(rig.read(&mut cursor, 9), "!-0/2 -10/2 20/2 30/2 wait");
}

/// Decoding order is not presentation order.
#[test]
fn reordered_frames() {
    let mut rig = Rig::default();
    let config = Arc::new(TrackConfig { track: any_track(), generation: 1 });
    let group = [(0, -10, true), (40, 0, false), (20, 10, false), (10, 20, false), (30, 30, false)];
    for (pts, dts, keyframe) in group {
        assert!(rig.buffer.insert(frame(pts, dts, keyframe), Arc::clone(&config)));
    }
    assert_eq!(rig.ranges(), [(0, 50)]);
    assert_eq!(rig.play(30), "!-0/1 40/1 -20/1 -10/1 30/1 wait");
    // 20 goes, and what is decoded after it: 10 and 30.
    rig.buffer.remove(Pts(20 * UNIT), Pts(30 * UNIT));
    assert_eq!(rig.play(0), "!0/1 40/1 wait");
    assert_eq!(rig.buffer.frame_count(), 2);
    // The group is cut, so nothing more can depend on it.
    assert!(!rig.buffer.insert(frame(50, 40, false), config));
}

#[test]
fn frames_that_lead_their_key_frame() {
    let mut rig = Rig::at("K0 10 20");
    let config = Arc::new(TrackConfig { track: any_track(), generation: 2 });
    for (pts, dts, keyframe) in [(50, 30, true), (30, 40, false), (40, 50, false), (60, 60, false)]
    {
        assert!(rig.buffer.insert(frame(pts, dts, keyframe), Arc::clone(&config)));
    }
    assert_eq!(rig.ranges(), [(0, 70)]);
    assert_eq!(rig.play(0), "!0/1 10/1 20/1 50/2 30/2 40/2 60/2 wait");
    assert_eq!(rig.play(45), "!-0/1 -10/1 -20/1 50/2 -30/2 40/2 60/2 wait");
}

#[test]
fn removal_reaches_to_the_next_key_frame() {
    for (start, end, left) in [
        (10, 20, &[(0, 10), (40, 70)][..]),
        (10, 40, &[(0, 10), (40, 70)]),
        (10, 41, &[(0, 10)]),
        (0, 1, &[(40, 70)]),
        (60, 100, &[(0, 60)]),
        (70, 100, &[(0, 70)]),
    ] {
        let mut rig = Rig::at("K0 10 20 30 K40 50 60");
        rig.buffer.remove_range(Pts(start * UNIT), Pts(end * UNIT));
        let exact: Vec<_> =
            rig.buffer.frames().map(|f| (f.pts.0 / UNIT, f.end().0 / UNIT)).collect();
        let mut joined = TimeRanges::new();
        exact.iter().for_each(|(start, end)| joined.add(Pts(*start), Pts(*end)));
        let joined: Vec<_> = joined.iter().map(|range| (range.start.0, range.end.0)).collect();
        assert_eq!(joined, left, "{start}..{end}");
    }
}

#[test]
fn bytes_are_those_of_the_frames() {
    let mut rig = Rig::at("K0 10 20 K30 40");
    rig.append("K10 20 30");
    rig.buffer.remove_range(Pts(30 * UNIT), Pts(40 * UNIT));
    let frames = rig.buffer.frame_count();
    assert_eq!(rig.buffer.bytes(), frames * (100 + gop::FRAME_OVERHEAD_BYTES));
    rig.buffer.remove(Pts(0), Pts::MAX);
    assert_eq!((rig.buffer.bytes(), rig.buffer.frame_count()), (0, 0));
}

#[test]
fn a_hole_that_an_overlap_has_torn_is_played_over() {
    let mut rig = Rig::default();
    let config = Arc::new(TrackConfig { track: any_track(), generation: 0 });
    for (dts, pts) in (0..).step_by(10).zip([0, 40, 20, 10, 30, 80, 60, 50, 70]) {
        assert!(rig.buffer.insert(frame(pts, dts, pts == 0), Arc::clone(&config)));
    }
    // Another rendition from 80 on: 50 to 70 needed the 80 that it replaces.
    rig.append("K80 90 100");
    assert_eq!(rig.play(0), "!0/0 40/0 20/0 10/0 30/0 80/1 90/1 100/1 wait");
    assert_eq!(rig.play(60), "!80/1 90/1 100/1 wait");
    assert_eq!(rig.buffer.buffered().iter().count(), 1);
    // What the page takes away is waited for.
    rig.buffer.remove(Pts(80 * UNIT), Pts(110 * UNIT));
    rig.append("K120 130");
    assert_eq!(rig.play(0), "!0/0 40/0 20/0 10/0 30/0 wait");
}
