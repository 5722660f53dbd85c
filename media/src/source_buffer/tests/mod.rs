//! Coded frame processing as a table, then whole appends of real clips.

mod appends;

use super::*;
use crate::init::tests::any_track;

/// Frames last 10 ms in these tests, and times are written in milliseconds.
const MS: i64 = 1_000;

/// One thing a page does.
#[derive(Clone, Copy, Debug)]
enum Do {
    /// Appends these frames: `K0 10 20`, or `pts:dts`, or `pts*duration`.
    Frames(&'static str),
    Mode(AppendMode),
    Offset(i64),
    Window(i64, i64),
    Remove(i64, i64),
    Abort,
    Init,
}

use AppendMode::{Segments, Sequence};
use Do::{Abort, Frames, Init, Mode, Offset, Remove, Window};

/// A `Media` with one track of a kind and no container.
fn media(kind: TrackKind) -> Media {
    let quota = Quota::default();
    let mut media = Media {
        mime: Mime { container: Container::Mp4, codecs: Vec::new() },
        quota,
        tracks: Vec::new(),
        placement: Placement::new(false),
        init: None,
        duration_micros: None,
        type_changed: false,
        next_generation: 0,
        ended: false,
    };
    let track = Track { id: 1, kind, ..any_track() };
    let track = media.new_track(track);
    media.tracks.push(track);
    media
}

fn coded_frame(word: &str) -> CodedFrame {
    let (word, keyframe) = word.strip_prefix('K').map_or((word, false), |rest| (rest, true));
    let (word, duration) = word.split_once('*').unwrap_or((word, "10"));
    let (pts, dts) = word.split_once(':').unwrap_or((word, word));
    let millis = |text: &str| text.parse::<i64>().expect("milliseconds") * MS;
    CodedFrame {
        track_id: 1,
        pts: Pts(millis(pts)),
        dts: Pts(millis(dts)),
        duration_micros: millis(duration),
        keyframe,
        data: Bytes::from_static(b"frame"),
    }
}

/// Does all steps and returns the times of what is buffered, in decoding order.
fn run(kind: TrackKind, steps: &[Do]) -> Vec<i64> {
    let mut media = media(kind);
    let mut params = AppendParams::default();
    media.placement.apply(&params);
    for step in steps {
        match *step {
            Frames(script) => {
                media.placement.apply(&params);
                for word in script.split_whitespace() {
                    media.take_frame(coded_frame(word));
                }
            }
            Mode(mode) => params.mode = mode,
            Offset(millis) => params.timestamp_offset_micros = millis * MS,
            Window(start, end) => {
                params.window_start = Pts(start * MS);
                params.window_end = Some(Pts(end * MS));
            }
            Remove(start, end) => {
                media.tracks[0].buffer.remove_range(Pts(start * MS), Pts(end * MS));
            }
            Abort => media.placement.reset(&mut media.tracks),
            Init => media.tracks[0].placement.require_random_access(),
        }
    }
    media.tracks[0].buffer.frames().map(|frame| frame.pts.0 / MS).collect()
}

#[test]
fn video_frames_are_processed_as_specified() {
    let cases: &[(&str, &[Do], &[i64])] = &[
        ("in order", &[Frames("K0 10 20 K30 40")], &[0, 10, 20, 30, 40]),
        ("a key frame comes first", &[Frames("0 10 K20 30")], &[20, 30]),
        ("offset", &[Offset(100), Frames("K0 10")], &[100, 110]),
        (
            "offset changes between appends",
            &[Frames("K0 10"), Offset(500), Frames("K0 10")],
            &[0, 10, 500, 510],
        ),
        ("reordered", &[Frames("K0:0 30:10 10:20 20:30")], &[0, 30, 10, 20]),
        // Discontinuities.
        ("a jump on needs a key frame", &[Frames("K0 10 40 50 K60 70")], &[0, 10, 60, 70]),
        ("two durations are no jump", &[Frames("K0 10 30 40")], &[0, 10, 30, 40]),
        ("a jump back needs a key frame", &[Frames("K50 60 0 10 K20 30")], &[20, 30, 50, 60]),
        // Overlaps.
        ("same again", &[Frames("K0 10 20"), Frames("K0 10 20")], &[0, 10, 20]),
        ("front half", &[Frames("K0 10 20 30"), Frames("K0 10")], &[0, 10]),
        ("back half", &[Frames("K0 10 20 30"), Frames("K20 30 40")], &[0, 10, 20, 30, 40]),
        (
            "middle takes what depends on it",
            &[Frames("K0 10 20 30 K40 50"), Abort, Frames("K10 20")],
            &[0, 10, 20, 40, 50],
        ),
        (
            "reaching into a group removes it",
            &[Frames("K0 10 K20 30 K40"), Abort, Frames("K0 10 20")],
            &[0, 10, 20, 40],
        ),
        (
            "touching is not reaching",
            &[Frames("K0 10 K20 30"), Abort, Frames("K0 10")],
            &[0, 10, 20, 30],
        ),
        (
            "longer frame at the same time",
            &[Frames("K0*40 K40"), Abort, Frames("K0 10")],
            &[0, 10, 40],
        ),
        (
            "inside of a longer frame",
            &[Frames("K0*40 K40"), Abort, Frames("K10 20")],
            &[0, 10, 20, 40],
        ),
        (
            "between two old groups",
            &[Frames("K0 10 K60 70"), Abort, Frames("K20 30 40 50")],
            &[0, 10, 20, 30, 40, 50, 60, 70],
        ),
        (
            "reordered over reordered",
            &[
                Frames("K0:0 30:10 10:20 20:30 K40:40 70:50 50:60 60:70"),
                Abort,
                Frames("K0:0 30:10 10:20 20:30"),
            ],
            &[0, 30, 10, 20, 40, 70, 50, 60],
        ),
        // Append window.
        ("window", &[Window(10, 40), Frames("K0 10 K20 30 40 K50")], &[20, 30]),
        ("window cuts the last group", &[Window(0, 35), Frames("K0 10 20 30 K40")], &[0, 10, 20]),
        (
            "a frame outside breaks its group",
            &[Window(0, 30), Frames("K0:0 30:10 10:20 20:30 K40:40")],
            &[0],
        ),
        ("video before zero", &[Offset(-5), Frames("K0 10 K20 30")], &[15, 25]),
        // Removal.
        (
            "remove and go on",
            &[Frames("K0 10 20 K30 40"), Remove(10, 20), Frames("50 60")],
            &[0, 30, 40, 50, 60],
        ),
        (
            "remove what is open",
            &[Frames("K0 10 20"), Remove(10, 20), Frames("30 40 K50 60")],
            &[0, 50, 60],
        ),
        (
            "remove in the middle of a group",
            &[Frames("K0 10 20 30 K40"), Remove(20, 25)],
            &[0, 10, 40],
        ),
        // Abort and init segments.
        ("abort needs a key frame", &[Frames("K0 10"), Abort, Frames("20 30 K40")], &[0, 10, 40]),
        ("init needs a key frame", &[Frames("K0 10"), Init, Frames("20 K30 40")], &[0, 10, 30, 40]),
        // Sequence mode.
        ("sequence starts at zero", &[Mode(Sequence), Frames("K500 510")], &[0, 10]),
        (
            "sequence follows on",
            &[Mode(Sequence), Frames("K500 510"), Frames("K0 10")],
            &[0, 10, 20, 30],
        ),
        (
            "sequence with offset",
            &[Mode(Sequence), Offset(100), Frames("K500 510"), Frames("520 530")],
            &[100, 110, 120, 130],
        ),
        (
            "sequence moved by the page",
            &[Mode(Sequence), Frames("K500 510"), Offset(100), Frames("K0 10")],
            &[0, 10, 100, 110],
        ),
        (
            "the page repeats where sequence has moved",
            &[Mode(Sequence), Frames("K500 510"), Offset(-500), Frames("520 530")],
            &[0, 10, 20, 30],
        ),
        (
            "sequence that goes on where the host says, then where the page's had moved",
            &[Mode(Sequence), Offset(40), Frames("K540 550"), Offset(-500), Frames("560 K570")],
            &[40, 50, 60, 70],
        ),
        (
            "sequence after segments",
            &[Frames("K0 10"), Mode(Sequence), Frames("K700 710")],
            &[0, 10, 20, 30],
        ),
        (
            "sequence after abort",
            &[Mode(Sequence), Frames("K500 510"), Abort, Frames("K0 10")],
            &[0, 10, 20, 30],
        ),
        (
            "segments after sequence",
            &[Mode(Sequence), Frames("K500 510"), Mode(Segments), Offset(0), Frames("K100 110")],
            &[0, 10, 100, 110],
        ),
        // Durations.
        ("no durations", &[Frames("K0*0 40*0 80*0")], &[0, 40, 80]),
    ];
    for (name, steps, buffered) in cases {
        assert_eq!(run(TrackKind::Video, steps), *buffered, "{name}");
    }
}

#[test]
fn audio_frames_are_processed_as_specified() {
    let cases: &[(&str, &[Do], &[i64])] = &[
        ("overlap", &[Frames("K0 K10 K20 K30"), Abort, Frames("K10 K20")], &[0, 10, 20, 30]),
        ("half a frame off", &[Frames("K0 K10 K20 K30"), Abort, Frames("K5 K15")], &[0, 5, 15, 30]),
        ("encoder delay is kept", &[Offset(-15), Frames("K0 K10 K20")], &[-5, 5]),
        ("not at another window start", &[Window(15, 100), Frames("K10 K20 K30")], &[20, 30]),
        ("window end", &[Window(0, 25), Frames("K0 K10 K20")], &[0, 10]),
    ];
    for (name, steps, buffered) in cases {
        assert_eq!(run(TrackKind::Audio, steps), *buffered, "{name}");
    }
}

#[test]
fn a_discontinuity_of_one_track_counts_for_all() {
    let mut media = media(TrackKind::Video);
    let audio = media.new_track(Track { id: 2, ..any_track() });
    media.tracks.push(audio);
    let sound = |millis: i64| CodedFrame { track_id: 2, ..coded_frame(&format!("K{millis}")) };
    assert!(media.take_frame(coded_frame("K0")));
    assert!(media.take_frame(sound(0)));
    assert!(media.take_frame(sound(500)));
    assert!(!media.take_frame(coded_frame("10")), "needs a key frame");
    assert!(media.take_frame(coded_frame("K500")));
    assert!(!media.take_frame(CodedFrame { track_id: 9, ..coded_frame("K510") }));
}

#[test]
fn eviction_spares_what_is_played_and_what_is_appended() {
    // Groups of two frames; each frame counts its overhead.
    let script = "K0 10 K20 30 K40 50 K60 70 K80 90";
    let per_frame = 256 + 5;
    for (now, keep_frames, left) in [
        (45, 10, &[0, 20, 40, 60, 80][..]),
        (45, 9, &[20, 40, 60, 80]),
        (45, 6, &[40, 60, 80]),
        // From the end there is only what was last appended to.
        (45, 2, &[40, 60, 80]),
        (0, 8, &[0, 20, 40, 60, 80]),
        (85, 2, &[80]),
        (200, 0, &[80]),
    ] {
        let mut media = media(TrackKind::Video);
        for word in script.split_whitespace() {
            assert!(media.take_frame(coded_frame(word)));
        }
        let before = media.bytes();
        let evictable = eviction::evictable_bytes(&media.tracks, Pts(now * MS));
        let evicted = eviction::evict(&mut media.tracks, Pts(now * MS), keep_frames * per_frame);
        let keys: Vec<_> =
            media.tracks[0].buffer.frames().filter(|f| f.keyframe).map(|f| f.pts.0 / MS).collect();
        assert_eq!(keys, left, "now {now}, keep {keep_frames}");
        assert!(evicted <= evictable);
        assert_eq!(media.bytes() + evicted, before);
    }
}

#[test]
fn eviction_from_the_end() {
    let mut media = media(TrackKind::Video);
    for word in "K100 110 K120 130 K140 150 K0 10".split_whitespace() {
        assert!(media.take_frame(coded_frame(word)));
    }
    // Plays at 0, where it was also appended last: the far end goes first.
    let target = media.bytes() - 1;
    let evicted = eviction::evict(&mut media.tracks, Pts(0), target);
    assert!(0 < evicted);
    let keys: Vec<_> =
        media.tracks[0].buffer.frames().filter(|f| f.keyframe).map(|f| f.pts.0 / MS).collect();
    assert_eq!(keys, [0, 100, 120]);
}
