//! Init segments of real clips, and of clips made wrong.

use proptest::prelude::*;

use super::*;
use crate::segment::tests::clips::{AUDIO, Clip, VIDEO, init, parse};

/// What an init segment is expected to say of a track; 0 for what its kind has not.
#[derive(Debug, PartialEq, Eq)]
struct Said(Codec, String, [u32; 4]);

fn init_of(container: Container, parts: &[&[&str]]) -> Bytes {
    let clip = Clip::make(parts);
    init(&parse(container, [&clip.bytes[..]]).expect("parses"))
}

#[track_caller]
fn check(container: Container, arguments: &[&str], expected: &[(Codec, &str, [u32; 4])]) {
    let mux: &[&str] = match container {
        Container::Mp4 => &[
            "-movflags",
            "empty_moov+default_base_moof+delay_moov",
            "-frag_duration",
            "500000",
            "-f",
            "mp4",
        ],
        Container::WebM => &["-f", "webm"],
        Container::Adts => &["-f", "adts"],
        Container::Mp3 => &["-f", "mp3"],
    };
    let video: &[&str] = if arguments.contains(&"-c:v") { VIDEO } else { &[] };
    let audio: &[&str] = if arguments.contains(&"-c:a") { AUDIO } else { &[] };
    let init = init_of(container, &[video, audio, &["-t", "0.5"], arguments, mux]);
    let parsed = InitSegment::parse(container, &init);
    let parsed = parsed.unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    let said = parsed.tracks.iter().map(|track| {
        let numbers = [track.width, track.height, track.rate_hz, track.channels.into()];
        Said(track.codec, track.codec_string.clone(), numbers)
    });
    let expected =
        expected.iter().map(|(codec, text, numbers)| Said(*codec, (*text).to_owned(), *numbers));
    assert_eq!(said.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{arguments:?}");
    for track in &parsed.tracks {
        assert!(opens(track), "{arguments:?}: no decoder opens for {track:?}");
        let configured = !track.parameters.extradata().is_empty();
        let needed = match (track.codec, container) {
            (Codec::Vp8 | Codec::Mp3, _) | (Codec::Vp9, Container::WebM) => false,
            (Codec::Vp9, _) => configured,
            _ => true,
        };
        assert_eq!(configured, needed, "{arguments:?}: codec configuration of {track:?}");
    }
}

/// Whether FFmpeg's decoder accepts the parameters as they are.
#[expect(unsafe_code, reason = "opens a decoder from the parameters that are under test")]
fn opens(track: &Track) -> bool {
    use ffmpeg_next::ffi;
    // SAFETY: all pointers are checked or made here; the context is freed once.
    unsafe {
        let codec = ffi::avcodec_find_decoder((*track.parameters.as_ptr()).codec_id);
        let mut context = ffi::avcodec_alloc_context3(codec);
        let opened = !codec.is_null()
            && !context.is_null()
            && 0 <= ffi::avcodec_parameters_to_context(context, track.parameters.as_ptr())
            && 0 <= ffi::avcodec_open2(context, codec, std::ptr::null_mut());
        ffi::avcodec_free_context(&raw mut context);
        opened
    }
}

const PICTURE: [u32; 4] = [160, 120, 0, 0];
const TONE: [u32; 4] = [0, 0, 48_000, 1];

#[test]
fn mp4_codecs() {
    let mp4 = Container::Mp4;
    let h264 = &["-c:v", "libx264", "-profile:v", "high", "-pix_fmt", "yuv420p", "-level", "1.2"];
    let aac = &["-c:a", "aac"];
    check(
        mp4,
        &[&h264[..], aac].concat(),
        &[(Codec::H264, "avc1.64000c", PICTURE), (Codec::Aac, "mp4a.40.2", TONE)],
    );
    let h265 = &[
        "-c:v",
        "libx265",
        "-pix_fmt",
        "yuv420p10le",
        "-x265-params",
        "log-level=error",
        "-tag:v",
        "hvc1",
    ];
    check(mp4, h265, &[(Codec::H265, "hvc1.2.L30", PICTURE)]);
    check(mp4, &["-c:v", "libvpx-vp9", "-deadline", "realtime"], &[(Codec::Vp9, "vp9", PICTURE)]);
    check(mp4, &["-c:v", "libaom-av1", "-cpu-used", "8"], &[(Codec::Av1, "av1", PICTURE)]);
    // FFmpeg writes two channels into the sample entry of any MP3.
    check(mp4, &["-c:a", "libmp3lame"], &[(Codec::Mp3, "mp3", [0, 0, 48_000, 2])]);
    check(mp4, &["-c:a", "libopus"], &[(Codec::Opus, "opus", TONE)]);
    check(
        mp4,
        &["-c:a", "flac", "-strict", "-2", "-ac", "6", "-ar", "96000"],
        &[(Codec::Flac, "flac", [0, 0, 96_000, 6])],
    );
}

#[test]
fn webm_codecs() {
    let webm = Container::WebM;
    let tone = |codec: Codec| (codec, codec.name(), TONE);
    let fast = &["-deadline", "realtime", "-c:v"];
    check(
        webm,
        &[&fast[..], &["libvpx", "-c:a", "libvorbis"]].concat(),
        &[(Codec::Vp8, "vp8", PICTURE), tone(Codec::Vorbis)],
    );
    check(
        webm,
        &[&fast[..], &["libvpx-vp9", "-c:a", "libopus"]].concat(),
        &[(Codec::Vp9, "vp9", PICTURE), tone(Codec::Opus)],
    );
    check(webm, &["-c:v", "libaom-av1", "-cpu-used", "8"], &[(Codec::Av1, "av1", PICTURE)]);
}

#[test]
fn mpeg_audio() {
    check(
        Container::Adts,
        &["-c:a", "aac", "-ac", "2"],
        &[(Codec::Aac, "mp4a.40.2", [0, 0, 48_000, 2])],
    );
    check(
        Container::Mp3,
        &["-c:a", "libmp3lame", "-ar", "22050"],
        &[(Codec::Mp3, "mp3", [0, 0, 22_050, 1])],
    );
}

#[test]
fn shape_duration_and_delay() {
    let mux: &[&str] = &["-movflags", "empty_moov+default_base_moof+delay_moov", "-f", "mp4"];
    let shape: &[&str] = &["-vf", "setsar=4/3", "-c:v", "libx264"];
    let parsed = InitSegment::parse(Container::Mp4, &init_of(Container::Mp4, &[VIDEO, shape, mux]));
    let parsed = parsed.expect("parses");
    assert_eq!(parsed.tracks[0].sample_aspect_ratio, (4, 3));
    let opus: &[&str] = &["-c:a", "libopus", "-f", "webm"];
    let parsed = InitSegment::parse(Container::WebM, &init_of(Container::WebM, &[AUDIO, opus]));
    let parsed = parsed.expect("parses");
    assert_eq!(parsed.tracks[0].codec_delay_micros, 6_500);
    let duration = parsed.duration_micros.expect("a file tells its duration");
    assert!((2_000_000..2_050_000).contains(&duration), "{duration}");
}

/// A real MP4 init segment in which some bytes are replaced by as many others.
fn patched(from: &[u8], to: &[u8]) -> Bytes {
    let mux: &[&str] =
        &["-c:v", "libx264", "-movflags", "empty_moov+default_base_moof", "-f", "mp4"];
    let mut init = init_of(Container::Mp4, &[VIDEO, &["-t", "0.2"], mux]).to_vec();
    let at = init.windows(from.len()).position(|bytes| bytes == from).expect("bytes to replace");
    init[at..at + from.len()].copy_from_slice(to);
    init.into()
}

#[test]
fn rotation() {
    let matrix = |[a, b, c, d]: [i32; 4]| {
        [a, b, 0, c, d, 0, 0, 0].iter().flat_map(|v| (v << 16).to_be_bytes()).collect::<Vec<_>>()
    };
    // The first identity matrix is mvhd's, which does not turn a track: patch from tkhd on.
    for (turn, degrees) in
        [([1, 0, 0, 1], 0), ([0, 1, -1, 0], 90), ([-1, 0, 0, -1], 180), ([0, -1, 1, 0], 270)]
    {
        let mut init = patched(b"tkhd", b"tkhd").to_vec();
        let at = init.windows(4).position(|bytes| bytes == b"tkhd").expect("tkhd") + 44;
        init[at..at + 32].copy_from_slice(&matrix(turn));
        let parsed = InitSegment::parse(Container::Mp4, &init.into()).expect("parses");
        assert_eq!(parsed.tracks[0].rotation_degrees, degrees);
    }
    for mirror in [[-1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, -1, -1, 0]] {
        let mut init = patched(b"tkhd", b"tkhd").to_vec();
        let at = init.windows(4).position(|bytes| bytes == b"tkhd").expect("tkhd") + 44;
        init[at..at + 32].copy_from_slice(&matrix(mirror));
        let refused = InitSegment::parse(Container::Mp4, &init.into()).unwrap_err();
        assert_eq!(refused, InitError::Picture { what: "mirrored" });
    }
}

#[test]
fn pictures_through_which_the_page_is_seen_are_refused() {
    let alpha = &["-pix_fmt", "yuva420p", "-c:v", "libvpx", "-auto-alt-ref", "0"];
    let init = init_of(Container::WebM, &[VIDEO, &["-t", "0.2"], alpha, &["-f", "webm"]]);
    let refused = InitSegment::parse(Container::WebM, &init).unwrap_err();
    assert_eq!(refused, InitError::Picture { what: "transparent" });
}

#[test]
fn refusals_name_their_cause() {
    let size = [&160u16.to_be_bytes()[..], &120u16.to_be_bytes()].concat();
    let large = [&20_000u16.to_be_bytes()[..], &120u16.to_be_bytes()].concat();
    for (from, to, error) in [
        (&b"avc1"[..], &b"encv"[..], InitError::Encrypted),
        (b"avc1", b"xyz1", InitError::UnsupportedCodec { name: "xyz1".to_owned() }),
        (b"avc1", b"mp4v", InitError::UnsupportedCodec { name: "mp4v".to_owned() }),
        (b"vide", b"text", InitError::NoTracks),
        (&size, &large, InitError::OutOfRange { what: "picture size 20000x120".to_owned() }),
    ] {
        // The sample entry's type comes after the brands that share its name.
        let init = if from == b"avc1" { patched_entry(to) } else { patched(from, to) };
        let found = InitSegment::parse(Container::Mp4, &init).err();
        assert_eq!(found, Some(error));
    }
}

fn patched_entry(to: &[u8]) -> Bytes {
    let mut init = patched(b"stsd", b"stsd").to_vec();
    let at = init.windows(4).position(|bytes| bytes == b"stsd").expect("stsd") + 16;
    init[at..at + 4].copy_from_slice(to);
    init.into()
}

#[test]
fn webm_protection_is_told() {
    // ContentEncodings > ContentEncoding > ContentEncryption, in place of a Void of its size.
    let encodings = [0x6d, 0x80, 0x86, 0x62, 0x40, 0x83, 0x50, 0x35, 0x80];
    let track = [&[0xd7, 0x81, 1, 0x83, 0x81, 1, 0x86, 0x85][..], b"V_VP9", &encodings].concat();
    let entry = [&[0xae, 0x80 | u8::try_from(track.len()).expect("small")], &track[..]].concat();
    let tracks =
        [&[0x16, 0x54, 0xae, 0x6b, 0x80 | u8::try_from(entry.len()).expect("small")], &entry[..]]
            .concat();
    let head =
        [0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0xff, 0x15, 0x49, 0xa9, 0x66, 0x80];
    let stream = [&head[..], &tracks].concat();
    let init = init(&parse(Container::WebM, [&stream[..]]).expect("parses"));
    assert_eq!(InitSegment::parse(Container::WebM, &init).err(), Some(InitError::Encrypted));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn flipped_bytes_never_panic(
        webm in any::<bool>(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        static MP4: std::sync::LazyLock<Bytes> = std::sync::LazyLock::new(|| patched(b"moov", b"moov"));
        static WEBM: std::sync::LazyLock<Bytes> = std::sync::LazyLock::new(|| {
            let codecs: &[&str] = &["-t", "0.2", "-c:v", "libvpx", "-c:a", "libvorbis", "-f", "webm"];
            init_of(Container::WebM, &[VIDEO, AUDIO, codecs])
        });
        let (container, init) = if webm { (Container::WebM, &*WEBM) } else { (Container::Mp4, &*MP4) };
        let mut init = init.to_vec();
        for (index, value) in flips {
            let at = index.index(init.len());
            init[at] = value;
        }
        if let Ok(parsed) = InitSegment::parse(container, &init.into()) {
            prop_assert!(!parsed.tracks.is_empty());
            prop_assert!(parsed.tracks.iter().all(|t| t.width <= MAX_SIDE && t.height <= MAX_SIDE));
        }
    }
}

/// A track for tests that do not decode.
pub(crate) fn any_track() -> Track {
    let head = [0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc];
    let init = InitSegment::parse(Container::Adts, &Bytes::copy_from_slice(&head));
    init.expect("an ADTS header").tracks.remove(0)
}
