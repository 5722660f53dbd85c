//! Whole streams: real clips against `ffprobe`, any pieces, hostile bytes.

pub(crate) mod clips;
mod hostile;

use std::sync::LazyLock;

use proptest::prelude::*;

use self::clips::{AUDIO, Clip, FRAGMENTED, VIDEO, frames, init, parse};
use super::*;

const H264: &[&str] = &["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "2"];
const AAC: &[&str] = &["-c:a", "aac", "-shortest"];
const MP4_WITH: &str = "frag_keyframe+default_base_moof+empty_moov";

/// Compares what the parser says with what `ffprobe` says, track by track.
#[track_caller]
fn check(container: Container, parts: &[&[&str]], tolerance_micros: i64) {
    check_shifted(container, parts, tolerance_micros, 0);
}

/// Like [`check`]; `ffprobe` shows the pictures this much later than the container says.
#[track_caller]
fn check_shifted(container: Container, parts: &[&[&str]], tolerance_micros: i64, late: i64) {
    let clip = Clip::make(parts);
    let events = parse(container, [&clip.bytes[..]]).unwrap_or_else(|e| panic!("{parts:?}: {e}"));
    let found = frames(&events);
    let packets = clip.packets();
    let mut ids: Vec<u32> = found.iter().map(|frame| frame.track_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(!ids.is_empty(), "{parts:?}: no frames");
    let end = packets.iter().map(|p| p.stream).max().map_or(0, |last| last + 1);
    assert_eq!(ids.len(), end, "{parts:?}: tracks {ids:?}");
    for (stream, id) in ids.into_iter().enumerate() {
        let ours: Vec<_> = found.iter().filter(|frame| frame.track_id == id).collect();
        let theirs: Vec<_> = packets.iter().filter(|packet| packet.stream == stream).collect();
        let sizes = |(frame, packet): (&&CodedFrame, &&clips::Packet)| {
            assert_eq!(frame.data.len(), packet.size, "{parts:?} track {id}");
        };
        ours.iter().zip(&theirs).for_each(sizes);
        assert_eq!(ours.len(), theirs.len(), "{parts:?}: frames of track {id}");
        // FFmpeg moves decode times as a whole so that they never exceed presentation times.
        let shift = ours[0].dts.0 - theirs[0].dts;
        let near = |a: i64, b: i64| (a - b).abs() <= tolerance_micros;
        for (index, (frame, packet)) in ours.iter().zip(&theirs).enumerate() {
            let place = format!("{parts:?} track {id} frame {index}: {packet:?}");
            let pts = packet.pts - if stream == 0 { late } else { 0 };
            assert!(near(frame.pts.0, pts), "{place}: pts {:?}", frame.pts);
            assert!(near(frame.dts.0 - shift, packet.dts), "{place}: dts {:?}", frame.dts);
            assert_eq!(frame.keyframe, packet.keyframe, "{place}");
            // The muxer guesses the last duration; FFmpeg's demuxer guesses again.
            if let Some(next) = theirs.get(index + 1) {
                let found = frame.duration_micros;
                let durations = [Some(next.dts - packet.dts), packet.duration];
                let fits =
                    durations.iter().flatten().any(|d| (found - d).abs() <= tolerance_micros + 1);
                assert!(fits, "{place}: duration {found}");
            }
        }
    }
    let starts = events.iter().filter(|event| **event == Event::SegmentStart).count();
    let ends = events.iter().filter(|event| **event == Event::SegmentEnd).count();
    assert!(ends == starts || ends + 1 == starts, "{parts:?}: {starts} starts, {ends} ends");
}

#[test]
fn mp4_agrees_with_ffprobe() {
    let with = |flags: &str| format!("{MP4_WITH}{flags}");
    for flags in ["", "+delay_moov", "+negative_cts_offsets", "+separate_moof", "+cmaf"] {
        let flags = with(flags);
        let mux: &[&str] = &["-movflags", &flags, "-f", "mp4"];
        // FFmpeg makes room for negative offsets, which browsers do not.
        let negative = flags.contains("negative_cts") || flags.contains("cmaf");
        let late = if negative { 40_000 } else { 0 };
        check_shifted(Container::Mp4, &[VIDEO, AUDIO, H264, AAC, mux], 1, late);
    }
    let no_edits: &[&str] = &["-use_editlist", "0", "-movflags", MP4_WITH, "-f", "mp4"];
    check(Container::Mp4, &[VIDEO, H264, no_edits], 1);
    // Several runs and fragments, data offsets without default-base-is-moof.
    let short: &[&str] =
        &["-movflags", "empty_moov+omit_tfhd_offset", "-frag_duration", "200000", "-f", "mp4"];
    check(Container::Mp4, &[VIDEO, AUDIO, H264, AAC, short], 1);
    let ntsc: &[&str] = &["-f", "lavfi", "-i", "testsrc=size=64x64:rate=30000/1001:duration=5"];
    check(Container::Mp4, &[ntsc, H264, FRAGMENTED], 1);
}

#[test]
fn mp4_codecs_agree_with_ffprobe() {
    let hevc: &[&str] = &["-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1"];
    let av1: &[&str] = &["-c:v", "libaom-av1", "-cpu-used", "8", "-g", "25"];
    let vp9: &[&str] = &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"];
    for codec in [hevc, av1, vp9] {
        check(Container::Mp4, &[VIDEO, codec, FRAGMENTED], 1);
    }
    let flac: &[&str] = &["-c:a", "flac", "-strict", "-2"];
    for codec in [flac, &["-c:a", "libmp3lame"], &["-c:a", "libopus"], &["-c:a", "aac"]] {
        let mux: &[&str] = &[
            "-movflags",
            "empty_moov+default_base_moof+delay_moov",
            "-frag_duration",
            "500000",
            "-f",
            "mp4",
        ];
        check(Container::Mp4, &[AUDIO, codec, mux], 1);
    }
}

#[test]
fn webm_agrees_with_ffprobe() {
    let vp9: &[&str] =
        &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25"];
    let vp8: &[&str] = &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"];
    let av1: &[&str] = &["-c:v", "libaom-av1", "-cpu-used", "8"];
    let (opus, vorbis): (&[&str], &[&str]) = (&["-c:a", "libopus"], &["-c:a", "libvorbis"]);
    let webm: &[&str] = &["-f", "webm"];
    let short: &[&str] = &["-cluster_time_limit", "300", "-f", "webm"];
    let live: &[&str] = &["-live", "1", "-cluster_time_limit", "300", "-f", "webm"];
    for mux in [webm, short, live] {
        check(Container::WebM, &[VIDEO, AUDIO, vp9, opus, mux], 1_000);
    }
    check(Container::WebM, &[VIDEO, AUDIO, vp8, vorbis, live], 1_000);
    check(Container::WebM, &[VIDEO, av1, webm], 1_000);
}

#[test]
fn mpeg_audio_agrees_with_ffprobe() {
    let clip = Clip::make(&[AUDIO, &["-c:a", "aac", "-f", "adts"]]);
    let found = frames(&parse(Container::Adts, [&clip.bytes[..]]).expect("parses"));
    let packets = clip.packets();
    assert_eq!(found.len(), packets.len());
    for (frame, packet) in found.iter().zip(&packets) {
        assert_eq!(frame.data.len() + 7, packet.size);
        assert!((frame.pts.0 - packet.pts).abs() <= 1);
    }
    let clip = Clip::make(&[AUDIO, &["-c:a", "libmp3lame", "-f", "mp3"]]);
    let found = frames(&parse(Container::Mp3, [&clip.bytes[..]]).expect("parses"));
    // FFmpeg takes the first frame, which only describes the file, for itself.
    let sizes: Vec<usize> = found[1..].iter().map(|frame| frame.data.len()).collect();
    assert_eq!(sizes, clip.packets().iter().map(|packet| packet.size).collect::<Vec<_>>());
}

#[test]
fn init_segments_in_mid_stream() {
    let clip = Clip::make(&[VIDEO, H264, FRAGMENTED]);
    let twice = [&clip.bytes[..], &clip.bytes[..]].concat();
    let events = parse(Container::Mp4, [&twice[..]]).expect("parses");
    let inits = events.iter().filter(|event| matches!(event, Event::Init(_))).count();
    assert_eq!((inits, frames(&events).len()), (2, 100));
}

#[test]
fn reset_forgets_half_a_segment_and_keeps_the_init() {
    for (container, parts) in [
        (Container::Mp4, &[VIDEO, H264, FRAGMENTED][..]),
        (Container::WebM, &[VIDEO, &["-c:v", "libvpx", "-g", "25", "-f", "webm"]]),
    ] {
        let clip = Clip::make(parts);
        let events = parse(container, [&clip.bytes[..]]).expect("parses");
        let init = init(&events);
        let mut parser = Parser::new(container);
        let mut count = 0;
        let mut sink = |event| count += usize::from(matches!(event, Event::Frame(_)));
        parser.push(&clip.bytes[..clip.bytes.len() / 2], &mut sink).expect("parses");
        parser.reset(&mut sink);
        assert!(0 < count && count < 50, "{container:?}: {count}");
        // The segments alone, from the first one on: the init segment is remembered.
        let marker: &[u8] =
            if container == Container::Mp4 { b"moof" } else { &[0x1f, 0x43, 0xb6, 0x75] };
        let at = clip.bytes.windows(4).position(|bytes| bytes == marker).expect("a segment");
        let at = if container == Container::Mp4 { at - 4 } else { at };
        let mut count = 0;
        let mut sink = |event| count += usize::from(matches!(event, Event::Frame(_)));
        parser.push(&clip.bytes[at..], &mut sink).expect("parses");
        parser.flush(&mut sink);
        assert_eq!(count, 50, "{container:?}");
        assert!(!init.is_empty());
    }
}

#[test]
fn frames_come_before_their_segment_is_complete() {
    for clip in [&*MP4, &*WEBM] {
        let (container, bytes) = clip;
        let mut parser = Parser::new(*container);
        let (mut first, mut pushed) = (None, 0);
        for byte in bytes {
            pushed += 1;
            let sink = &mut |event| {
                if let Event::Frame(frame) = event {
                    first.get_or_insert(frame);
                }
            };
            parser.push(std::slice::from_ref(byte), sink).expect("parses");
            if let Some(frame) = &first {
                let end = pushed - frame.data.len();
                assert_eq!(&bytes[end..pushed], &frame.data[..], "{container:?}: late by bytes");
                break;
            }
        }
        assert!(first.is_some());
    }
}

/// Small clips for tests that parse often.
static MP4: LazyLock<(Container, Vec<u8>)> = LazyLock::new(|| {
    let short: &[&str] = &["-t", "0.6", "-g", "5"];
    (Container::Mp4, Clip::make(&[VIDEO, AUDIO, H264, AAC, short, FRAGMENTED]).bytes)
});
static WEBM: LazyLock<(Container, Vec<u8>)> = LazyLock::new(|| {
    let codecs: &[&str] = &["-t", "0.6", "-c:v", "libvpx", "-c:a", "libvorbis", "-g", "5"];
    let mux: &[&str] = &["-cluster_time_limit", "200", "-live", "1", "-f", "webm"];
    (Container::WebM, Clip::make(&[VIDEO, AUDIO, codecs, mux]).bytes)
});
static ADTS: LazyLock<(Container, Vec<u8>)> = LazyLock::new(|| {
    (Container::Adts, Clip::make(&[AUDIO, &["-t", "0.3", "-c:a", "aac", "-f", "adts"]]).bytes)
});
static MP3: LazyLock<(Container, Vec<u8>)> = LazyLock::new(|| {
    (Container::Mp3, Clip::make(&[AUDIO, &["-t", "0.3", "-c:a", "libmp3lame", "-f", "mp3"]]).bytes)
});

fn any_clip() -> impl Strategy<Value = &'static (Container, Vec<u8>)> {
    prop_oneof![Just(&*MP4), Just(&*WEBM), Just(&*ADTS), Just(&*MP3)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_pieces_give_the_same_events(
        clip in any_clip(),
        sizes in proptest::collection::vec(prop_oneof![1usize..8, 1usize..3_000], 1..32),
    ) {
        let (container, bytes) = clip;
        let mut rest = &bytes[..];
        let pieces = sizes.iter().cycle().map_while(|size| {
            let (piece, tail) = rest.split_at((*size).min(rest.len()));
            rest = tail;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(parse(*container, pieces), parse(*container, [&bytes[..]]));
    }

    #[test]
    fn flipped_bytes_never_panic(
        clip in any_clip(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let (container, bytes) = clip;
        let mut bytes = bytes.clone();
        for (index, value) in flips {
            // Half of them hit the headers, where they matter most.
            let reach = if value % 2 == 0 { bytes.len() } else { bytes.len().min(3_000) };
            bytes[index.index(reach)] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + bytes.len() / 2);
        let taken = parse(*container, [&bytes[..]]).map_or(0, |events| {
            frames(&events).iter().map(|frame| frame.data.len()).sum::<usize>()
        });
        prop_assert!(taken <= bytes.len(), "frames hold more than arrived");
    }
}
