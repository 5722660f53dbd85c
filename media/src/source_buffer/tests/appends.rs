//! Whole appends of real clips.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::*;
use crate::segment::tests::clips::{AUDIO, Clip, FRAGMENTED, VIDEO};
use crate::track_buffer::Read;

const H264_AAC: &str = "video/mp4; codecs=\"avc1.64001f, mp4a.40.2\"";
const START: Pts = Pts::ZERO;

fn clip(parts: &[&[&str]]) -> Vec<u8> {
    Clip::make(parts).bytes
}

/// Two seconds, a key frame each half second, with sound.
static MUXED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let codecs: &[&str] = &["-c:v", "libx264", "-g", "12", "-bf", "2", "-c:a", "aac", "-shortest"];
    let mux: &[&str] =
        &["-movflags", "frag_keyframe+empty_moov+default_base_moof+delay_moov", "-f", "mp4"];
    clip(&[VIDEO, AUDIO, codecs, mux])
});
/// Pictures only, of the usual size and of a larger one.
static SMALL: LazyLock<Vec<u8>> =
    LazyLock::new(|| clip(&[VIDEO, &["-c:v", "libx264", "-g", "12", "-bf", "0"], FRAGMENTED]));
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    clip(&[VIDEO, &["-vf", "scale=320:240", "-c:v", "libx264", "-g", "12", "-bf", "0"], FRAGMENTED])
});
static WEBM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let codecs: &[&str] =
        &["-deadline", "realtime", "-c:v", "libvpx-vp9", "-g", "12", "-c:a", "libopus"];
    clip(&[VIDEO, AUDIO, codecs, &["-live", "1", "-cluster_time_limit", "500", "-f", "webm"]])
});

fn buffer(mime: &str) -> SourceBuffer {
    SourceBuffer::new(mime).expect("a supported type")
}

fn append(buffer: &mut SourceBuffer, bytes: &[u8]) -> Result<AppendOutcome, AppendError> {
    buffer.append(bytes, &AppendParams::default(), START)
}

fn millis(buffer: &SourceBuffer) -> Vec<(i64, i64)> {
    buffer.buffered().iter().map(|range| (range.start.0 / 1_000, range.end.0 / 1_000)).collect()
}

/// Presentation times and generations that a decoder would be given.
fn play(track: &BufferedTrack, from: Pts) -> Vec<(i64, u64)> {
    let mut cursor = track.buffer().seek(from).expect("buffered");
    std::iter::from_fn(|| match track.buffer().next(&mut cursor) {
        Read::Frame(read) => Some((read.frame.pts.0 / 1_000, read.config.generation)),
        Read::Wait | Read::EndOfStream => None,
    })
    .collect()
}

#[test]
fn a_whole_clip() {
    let mut buffer = buffer(H264_AAC);
    let outcome = append(&mut buffer, &MUXED).expect("appends");
    // 50 pictures, 94 packets of sound; the encoder's delay before zero is left out.
    assert!((140..=146).contains(&outcome.frames), "{outcome:?}");
    assert!(outcome.dropped_frames <= 2 && outcome.reconfigured, "{outcome:?}");
    assert_eq!(outcome.evicted_bytes, 0);
    let ranges = millis(&buffer);
    assert_eq!(ranges.len(), 1, "{ranges:?}");
    assert!(ranges[0].0 == 0 && (1_980..=2_010).contains(&ranges[0].1), "{ranges:?}");
    let video = buffer.track(TrackKind::Video).expect("has pictures");
    assert_eq!(video.config().track.codec.name(), "h264");
    assert_eq!(play(video, START).len(), 50);
    buffer.end_of_stream();
    let audio = buffer.track(TrackKind::Audio).expect("has sound");
    let mut cursor = audio.buffer().seek(Pts(1_900_000)).expect("buffered");
    let last = std::iter::repeat_with(|| audio.buffer().next(&mut cursor))
        .find(|read| !matches!(read, Read::Frame(_)));
    assert!(matches!(last, Some(Read::EndOfStream)));
}

#[test]
fn frames_can_be_read_while_the_append_arrives() {
    for (mime, bytes) in [(H264_AAC, &*MUXED), ("video/webm; codecs=\"vp9, opus\"", &*WEBM)] {
        let mut buffer = buffer(mime);
        buffer.begin_append(&AppendParams::default(), bytes.len(), START).expect("fits");
        let mut counts = Vec::new();
        for piece in bytes.chunks(1_024) {
            buffer.push(piece).expect("parses");
            counts.push(buffer.track(TrackKind::Video).map_or(0, |t| t.buffer().frame_count()));
        }
        buffer.end_append().expect("ends");
        buffer.end_of_stream();
        assert_eq!(buffer.track(TrackKind::Video).map(|t| t.buffer().frame_count()), Some(50));
        counts.dedup();
        assert!(10 < counts.len(), "{mime}: frames came in {} steps", counts.len());
    }
}

#[test]
fn every_refusal_is_told_apart() {
    let moof = SMALL.windows(4).position(|bytes| bytes == b"moof").expect("a fragment") - 4;
    let (init, media) = SMALL.split_at(moof);
    let mut garbage = SMALL.clone();
    garbage[moof + 8..moof + 12].copy_from_slice(&[0; 4]);
    let stsd = init.windows(4).position(|bytes| bytes == b"stsd").expect("stsd") + 16;
    let patched = |entry: &[u8]| {
        let mut bytes = init.to_vec();
        bytes[stsd..stsd + 4].copy_from_slice(entry);
        bytes
    };
    let (encrypted, unknown) = (patched(b"encv"), patched(b"xyz1"));
    let mut giant = init.to_vec();
    giant.extend_from_slice(&[0x7f, 0, 0, 0, b'm', b'o', b'o', b'f']);
    type Is = fn(&AppendError) -> bool;
    let cases: &[(&str, &[u8], Is, &str)] = &[
        ("video/mp4", media, |e| matches!(e, AppendError::MissingInit), "init segment"),
        ("video/mp4", &garbage, |e| matches!(e, AppendError::Malformed { .. }), "has no size"),
        (
            "video/mp4",
            b"<!DOCTYPE html><html>",
            |e| matches!(e, AppendError::TooLarge { .. }),
            "exceeds",
        ),
        ("video/mp4", &encrypted, |e| matches!(e, AppendError::Encrypted), "protected"),
        ("video/mp4", &unknown, |e| matches!(e, AppendError::UnsupportedCodec { .. }), "xyz1"),
        ("video/mp4", &giant, |e| matches!(e, AppendError::TooLarge { .. }), "moof"),
        (
            "video/mp4; codecs=vp9",
            init,
            |e| matches!(e, AppendError::CodecMismatch { .. }),
            "h264 where vp9",
        ),
        ("video/webm", &MUXED, |e| matches!(e, AppendError::Malformed { .. }), "WebM"),
    ];
    for (mime, bytes, is, words) in cases {
        let mut buffer = buffer(mime);
        let error = append(&mut buffer, bytes).expect_err(words);
        assert!(is(&error) && error.to_string().contains(words), "{words}: {error:?} `{error}`");
    }
    assert!(matches!(
        SourceBuffer::new("video/mp2t"),
        Err(AppendError::UnsupportedContainer { .. })
    ));
    assert!(matches!(
        SourceBuffer::new("video/mp4; codecs=\"ac-3\""),
        Err(AppendError::UnsupportedCodec { .. })
    ));
}

#[test]
fn an_error_leaves_what_is_there_and_the_next_append_works() {
    let mut buffer = buffer(H264_AAC);
    let mut broken = MUXED.clone();
    let at = broken.len() / 2;
    broken.truncate(at);
    broken.extend_from_slice(&[0; 1 << 20]);
    buffer.begin_append(&AppendParams::default(), broken.len(), START).expect("fits");
    let error = broken.chunks(4_096).find_map(|piece| buffer.push(piece).err()).expect("refused");
    assert_eq!(buffer.push(b"more").err().as_ref(), Some(&error));
    assert_eq!(buffer.end_append().err(), Some(error));
    assert!(!buffer.buffered().is_empty());
    append(&mut buffer, &MUXED).expect("appends");
    assert_eq!(buffer.track(TrackKind::Video).map(|t| t.buffer().frame_count()), Some(50));
}

#[test]
fn a_new_init_segment_changes_the_configuration() {
    let mut buffer = buffer("video/mp4");
    append(&mut buffer, &SMALL).expect("appends");
    assert!(!append(&mut buffer, &SMALL).expect("appends again").reconfigured);
    let second = AppendParams { timestamp_offset_micros: 1_000_000, ..AppendParams::default() };
    assert!(buffer.append(&LARGE, &second, START).expect("appends").reconfigured);
    let video = buffer.track(TrackKind::Video).expect("has pictures");
    assert_eq!(video.config().track.width, 320);
    let played = play(video, START);
    // The group of the first clip that the second one begins in is cut at one second.
    assert_eq!(played.len(), 75);
    assert!(played.iter().all(|(millis, generation)| (1_000 <= *millis) == (*generation == 1)));
}

#[test]
fn other_tracks_or_codecs_need_change_type() {
    let mut buffer = buffer("video/mp4");
    append(&mut buffer, &SMALL).expect("appends");
    let error = append(&mut buffer, &MUXED).expect_err("one track more");
    assert!(error.to_string().contains("2 tracks where 1"), "{error}");
    let vp9 = clip(&[VIDEO, &["-deadline", "realtime", "-c:v", "libvpx-vp9"], FRAGMENTED]);
    let error = append(&mut buffer, &vp9).expect_err("another codec");
    assert!(error.to_string().contains("from h264 to vp9"), "{error}");
    assert!(buffer.change_type("video/mp2t").is_err());
    let webm = clip(&[VIDEO, &["-deadline", "realtime", "-c:v", "libvpx-vp9", "-f", "webm"]]);
    for (mime, bytes) in
        [("video/mp4; codecs=vp09.00.10.08", &vp9), ("video/webm; codecs=vp9", &webm)]
    {
        buffer.change_type(mime).expect("supported");
        assert!(append(&mut buffer, &bytes[bytes.len() - 9..]).is_err(), "an init segment first");
        append(&mut buffer, bytes).unwrap_or_else(|error| panic!("{mime}: {error}"));
        let video = buffer.track(TrackKind::Video).expect("has pictures");
        assert_eq!(video.config().track.codec.name(), "vp9");
    }
    assert_eq!(millis(&buffer), [(0, 2_000)]);
}

#[test]
fn removal_and_reopening() {
    let mut buffer = buffer("video/mp4");
    append(&mut buffer, &SMALL).expect("appends");
    buffer.end_of_stream();
    buffer.remove(Pts(500_000), Pts(600_000));
    // Groups of 480 ms: from 500 to the key frame at 960.
    assert_eq!(millis(&buffer), [(0, 520), (960, 2_000)]);
    buffer.remove(Pts(600_000), Pts(500_000));
    buffer.remove(Pts(900_000), Pts::MAX);
    assert_eq!(millis(&buffer), [(0, 520)]);
}

#[test]
fn the_longer_track_ends_an_ended_stream() {
    let codecs: &[&str] = &["-c:v", "libx264", "-bf", "0", "-c:a", "aac"];
    let longer: &[&str] = &["-f", "lavfi", "-i", "sine=sample_rate=48000:duration=3"];
    let bytes = clip(&[VIDEO, longer, codecs, FRAGMENTED]);
    let mut buffer = buffer(H264_AAC);
    append(&mut buffer, &bytes).expect("appends");
    let open = millis(&buffer);
    assert!(open.len() == 1 && (2_000..2_050).contains(&open[0].1), "{open:?}");
    buffer.end_of_stream();
    assert!(2_990 <= millis(&buffer)[0].1, "{:?}", millis(&buffer));
    buffer.reopen();
    assert_eq!(millis(&buffer), open);
}

#[test]
fn sound_without_a_container_follows_on() {
    for (mime, arguments, codec) in [
        ("audio/aac", &["-c:a", "aac", "-f", "adts"][..], "aac"),
        ("audio/mpeg", &["-c:a", "libmp3lame", "-f", "mp3"], "mp3"),
    ] {
        let bytes = clip(&[AUDIO, arguments]);
        let mut buffer = buffer(mime);
        let first = append(&mut buffer, &bytes).expect("appends");
        let second = append(&mut buffer, &bytes).expect("appends");
        assert_eq!((first.frames, first.dropped_frames), (second.frames, 0), "{mime}");
        let ranges = millis(&buffer);
        assert!(ranges.len() == 1 && (4_000..4_200).contains(&ranges[0].1), "{mime}: {ranges:?}");
        assert_eq!(buffer.tracks()[0].config().track.codec.name(), codec);
    }
}

#[test]
fn a_full_buffer_evicts_or_refuses() {
    let quota = Quota { video_bytes: 3 * SMALL.len(), audio_bytes: 0 };
    let mut buffer = SourceBuffer::with_quota("video/mp4", quota).expect("a supported type");
    let mut evicted = 0;
    // Playback follows the appends: old media goes.
    for round in 0..20 {
        let offset = round * 2_000_000;
        let params = AppendParams { timestamp_offset_micros: offset, ..AppendParams::default() };
        let outcome = buffer.append(&SMALL, &params, Pts(offset)).expect("fits");
        evicted += outcome.evicted_bytes;
        assert!(buffer.bytes() <= quota.video_bytes + quota.video_bytes / 8);
    }
    assert!(0 < evicted);
    // Playback stands at the front of what is left: nothing may go, and nothing does.
    let before = buffer.buffered();
    let now = before.start().expect("buffered");
    let params = AppendParams { timestamp_offset_micros: 40_000_000, ..AppendParams::default() };
    let refused = (0..4).find_map(|_| buffer.append(&SMALL, &params, now).err());
    assert!(matches!(refused, Some(AppendError::BufferFull { .. })), "{refused:?}");
    assert!(buffer.buffered().contains(now));
    let larger = buffer.begin_append(&AppendParams::default(), usize::MAX, now);
    assert!(matches!(larger, Err(AppendError::BufferFull { .. })));
    // The page makes room and appends again.
    buffer.remove(START, Pts::MAX);
    buffer.append(&SMALL, &params, now).expect("fits");
}

/// A stream of tiny frames is bounded by their bookkeeping, not by their bytes.
#[test]
fn bookkeeping_counts() {
    let quota = Quota { video_bytes: 0, audio_bytes: 1 << 20 };
    let mut buffer = SourceBuffer::with_quota("audio/aac", quota).expect("a supported type");
    // ADTS frames of one byte each.
    let frame = [0xff, 0xf1, 0x50, 0x80, 0x01, 0x1f, 0xfc, 0];
    let bytes = frame.repeat(64 << 10);
    let error = append(&mut buffer, &bytes).expect_err("does not fit");
    assert!(matches!(error, AppendError::BufferFull { .. }), "{error}");
    assert!(buffer.bytes() <= (1 << 20) + (1 << 20) / 8 + (64 << 10) / 8 * 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mutated_appends_never_panic_and_stay_bounded(
        webm in any::<bool>(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        offset in prop_oneof![4 => -3_000_000i64..3_000_000, 1 => any::<i64>()],
        sequence in any::<bool>(),
    ) {
        let (mime, bytes) = if webm { ("video/webm", &*WEBM) } else { (H264_AAC, &*MUXED) };
        let mut mutated = bytes.clone();
        for (index, value) in flips {
            let at = index.index(mutated.len());
            mutated[at] = value;
        }
        let mode = if sequence { AppendMode::Sequence } else { AppendMode::Segments };
        let params = AppendParams { timestamp_offset_micros: offset, mode, ..AppendParams::default() };
        let mut buffer = buffer(mime);
        let refused = buffer.append(&mutated, &params, START).is_err();
        prop_assert!(buffer.bytes() <= mutated.len() + 400 * 256);
        // Whatever happened, a good clip can be appended and read to its end; unless the first
        // one's init segment was good and had other tracks.
        let again = append(&mut buffer, bytes);
        let other_tracks = matches!(again, Err(AppendError::CodecMismatch { .. }));
        prop_assert!(again.is_ok() || !refused || other_tracks, "{again:?}");
        for track in buffer.tracks() {
            let Some(mut cursor) = track.buffer().seek(START) else { continue };
            let limit = 2 * track.buffer().frame_count();
            let reads = (0..=limit).take_while(|_| {
                matches!(track.buffer().next(&mut cursor), Read::Frame(_))
            });
            prop_assert!(reads.count() <= limit, "reading ends");
        }
    }
}
