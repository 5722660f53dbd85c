//! Playlists of HTTP Live Streaming (RFC 8216): from a text to the pieces of one recording.
//!
//! Pure. Only what can be played as if it were one file: a recording with an end, pictures and
//! sound together, nothing encrypted, one time line. Of several qualities the best one that a
//! device is sure to show. Whatever else there is plays in the session's browser.

use m3u8_rs::{AlternativeMediaType, ByteRange, KeyMethod, MasterPlaylist, MediaPlaylist};
use std::time::Duration;
use url::Url;

/// How the path of a playlist's address ends.
const SUFFIX: &str = ".m3u8";

/// Longest playlist that is read, in bytes.
pub(super) const MAX_BYTES: usize = 4 << 20;

const MAX_PIECES: usize = 50_000;

/// Longest piece, in seconds.
const MAX_PIECE_SECONDS: f64 = 3_600.0;

/// Larger pictures are taken only where there are no others.
const MAX_HEIGHT: u64 = 1_080;

/// What the pieces tell of their begin is this exact: a place so near to one may be before it.
const INEXACT_MICROS: i64 = 200_000;

/// Why a playlist is not played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    #[error("the playlist cannot be read")]
    Malformed,
    #[error("the playlist names nothing that could be played")]
    Empty,
    #[error("the playlist is of a live broadcast")]
    Live,
    #[error("the playlist keeps pictures and sound apart")]
    Apart,
    #[error("the playlist is put together from several recordings")]
    Discontinuous,
    #[error("what the playlist names is encrypted")]
    Encrypted,
    #[error("the playlist leads from an encrypted connection to one that is not")]
    Downgrade,
}

/// Bytes of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) url: Url,
    /// Where it begins in there.
    pub(super) offset: u64,
    /// `None`: to the resource's end.
    pub(super) length: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) part: Part,
    /// The initialization section, of [`Playlist::inits`], that it needs.
    pub(super) init: Option<usize>,
    start_micros: i64,
}

/// A recording in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Playlist {
    pub(super) inits: Vec<Part>,
    /// INVARIANT: not empty; each begins where the one before it ends.
    pub(super) pieces: Vec<Piece>,
    pub(super) duration_micros: i64,
}

impl Playlist {
    /// The piece to read from for what is to be played at `micros`.
    pub(super) fn piece_at(&self, micros: i64) -> usize {
        let micros = micros.saturating_sub(INEXACT_MICROS);
        self.pieces.partition_point(|piece| piece.start_micros <= micros).saturating_sub(1)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// One of several qualities: the address of its playlist.
    Quality(Url),
    Pieces(Playlist),
}

pub(super) fn is_playlist(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.path().ends_with(SUFFIX))
}

/// # Errors
/// See [`PlaylistError`].
pub(super) fn parse(text: &[u8], base: &Url) -> Result<Parsed, PlaylistError> {
    let (_, playlist) = m3u8_rs::parse_playlist(text).map_err(|_| PlaylistError::Malformed)?;
    match playlist {
        m3u8_rs::Playlist::MasterPlaylist(master) => best(&master, base).map(Parsed::Quality),
        m3u8_rs::Playlist::MediaPlaylist(media) => pieces(&media, base).map(Parsed::Pieces),
    }
}

fn best(master: &MasterPlaylist, base: &Url) -> Result<Url, PlaylistError> {
    let is_apart = |group: &String| {
        let mut others = master.alternatives.iter();
        others.any(|other| {
            let of_group = other.media_type == AlternativeMediaType::Audio;
            of_group && other.group_id == *group && other.uri.is_some()
        })
    };
    let playable = |audio: Option<&String>| !audio.is_some_and(is_apart);
    let all = master.variants.iter().filter(|variant| !variant.is_i_frame);
    if all.clone().next().is_none() {
        return Err(PlaylistError::Empty);
    }
    let whole = all.filter(|variant| playable(variant.audio.as_ref()));
    // Largest picture that is not too large, then most bits; else the smallest.
    let worth = |height: u64, bandwidth: u64| {
        let large = MAX_HEIGHT < height;
        (!large, if large { u64::MAX - height } else { height }, bandwidth)
    };
    let height = |size: Option<m3u8_rs::Resolution>| size.map_or(0, |size| size.height);
    whole
        .max_by_key(|variant| worth(height(variant.resolution), variant.bandwidth))
        .ok_or(PlaylistError::Apart)
        .and_then(|variant| join(base, &variant.uri))
}

fn pieces(media: &MediaPlaylist, base: &Url) -> Result<Playlist, PlaylistError> {
    if !media.end_list {
        return Err(PlaylistError::Live);
    }
    if media.segments.is_empty() || media.i_frames_only || MAX_PIECES < media.segments.len() {
        return Err(PlaylistError::Empty);
    }
    let mut playlist = Playlist { inits: Vec::new(), pieces: Vec::new(), duration_micros: 0 };
    let mut last: Option<&Part> = None;
    for (at, segment) in media.segments.iter().enumerate() {
        if segment.key.as_ref().is_some_and(|key| key.method != KeyMethod::None) {
            return Err(PlaylistError::Encrypted);
        }
        if segment.discontinuity && 0 < at {
            return Err(PlaylistError::Discontinuous);
        }
        // A tag is for all that follow it.
        if let Some(map) = &segment.map {
            playlist.inits.push(part(base, &map.uri, map.byte_range.as_ref(), None)?);
        }
        let seconds = f64::from(segment.duration);
        if !(0.0..=MAX_PIECE_SECONDS).contains(&seconds) {
            return Err(PlaylistError::Malformed);
        }
        let part = part(base, &segment.uri, segment.byte_range.as_ref(), last)?;
        let init = playlist.inits.len().checked_sub(1);
        let start_micros = playlist.duration_micros;
        playlist.duration_micros += micros(seconds);
        playlist.pieces.push(Piece { part, init, start_micros });
        last = playlist.pieces.last().map(|piece| &piece.part);
    }
    // A duration that cannot be read counts as none.
    if playlist.duration_micros == 0 { Err(PlaylistError::Malformed) } else { Ok(playlist) }
}

fn micros(seconds: f64) -> i64 {
    i64::try_from(Duration::from_secs_f64(seconds).as_micros()).unwrap_or(i64::MAX)
}

/// What else there is to check of an address is checked where it is asked.
fn join(base: &Url, uri: &str) -> Result<Url, PlaylistError> {
    let url = base.join(uri).map_err(|_| PlaylistError::Malformed)?;
    match (base.scheme(), url.scheme()) {
        ("https", "http") => Err(PlaylistError::Downgrade),
        _ => Ok(url),
    }
}

/// A range without an offset goes on behind `last`, the part before it of the same resource.
fn part(
    base: &Url,
    uri: &str,
    range: Option<&ByteRange>,
    last: Option<&Part>,
) -> Result<Part, PlaylistError> {
    let url = join(base, uri)?;
    let Some(range) = range else { return Ok(Part { url, offset: 0, length: None }) };
    let behind = last.filter(|last| last.url == url);
    let behind = behind.and_then(|last| last.offset.checked_add(last.length?));
    let offset = range.offset.or(behind).unwrap_or(0);
    offset.checked_add(range.length).ok_or(PlaylistError::Malformed)?;
    Ok(Part { url, offset, length: Some(range.length) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base() -> Url {
        Url::parse("https://media.example/show/index.m3u8?key=1").unwrap()
    }

    fn parsed(lines: &[&str]) -> Result<Parsed, PlaylistError> {
        parse(format!("#EXTM3U\n{}\n", lines.join("\n")).as_bytes(), &base())
    }

    fn recording(lines: &[&str]) -> Playlist {
        match parsed(lines) {
            Ok(Parsed::Pieces(playlist)) => playlist,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses() {
        assert!(is_playlist("https://media.example/a/b.m3u8?c=d.mp4#e"));
        assert!(!is_playlist("https://media.example/a/b.mp4?c=d.m3u8"));
        assert!(!is_playlist("b.m3u8"));
    }

    #[test]
    fn pieces_have_their_place_and_their_header() {
        let playlist = recording(&[
            "#EXT-X-TARGETDURATION:4",
            "#EXT-X-MAP:URI=\"init.mp4\"",
            "#EXTINF:4.0,",
            "one.m4s",
            "#EXTINF:2.5,",
            "../other/two.m4s",
            "#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"10@5\"",
            "#EXTINF:3,",
            "https://other.example/three.m4s",
            "#EXT-X-ENDLIST",
        ]);
        assert_eq!(playlist.duration_micros, 9_500_000);
        let addresses: Vec<_> =
            playlist.pieces.iter().map(|piece| (piece.part.url.as_str(), piece.init)).collect();
        let expected = [
            ("https://media.example/show/one.m4s", Some(0)),
            ("https://media.example/other/two.m4s", Some(0)),
            ("https://other.example/three.m4s", Some(1)),
        ];
        assert_eq!(addresses, expected);
        assert_eq!((playlist.inits[1].offset, playlist.inits[1].length), (5, Some(10)));
        let places =
            [(-5, 0), (0, 0), (4_100_000, 0), (4_200_000, 1), (9_400_000, 2), (i64::MAX, 2)];
        for (micros, expected) in places {
            assert_eq!(playlist.piece_at(micros), expected, "{micros}");
        }
    }

    #[test]
    fn ranges_follow_each_other() {
        let playlist = recording(&[
            "#EXT-X-TARGETDURATION:4",
            "#EXTINF:4,",
            "#EXT-X-BYTERANGE:100@50",
            "all.ts",
            "#EXTINF:4,",
            "#EXT-X-BYTERANGE:70",
            "all.ts",
            "#EXT-X-ENDLIST",
        ]);
        let ranges: Vec<_> =
            playlist.pieces.iter().map(|piece| (piece.part.offset, piece.part.length)).collect();
        assert_eq!(ranges, [(50, Some(100)), (150, Some(70))]);
    }

    #[test]
    fn what_is_no_whole_recording_is_refused() {
        let end = "#EXT-X-ENDLIST";
        let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x1";
        let target = "#EXT-X-TARGETDURATION:4";
        for (lines, expected) in [
            (&[target, "#EXTINF:4,", "a.ts"][..], PlaylistError::Live),
            (&[target, end][..], PlaylistError::Empty),
            (&[target, key, "#EXTINF:4,", "a.ts", end][..], PlaylistError::Encrypted),
            (
                &[target, "#EXTINF:4,", "a", "#EXT-X-DISCONTINUITY", "#EXTINF:4,", "b", end][..],
                PlaylistError::Discontinuous,
            ),
            (&[target, "#EXTINF:4,", "http://a.example", end][..], PlaylistError::Downgrade),
            (&[target, "#EXTINF:x,", "a.ts", end][..], PlaylistError::Malformed),
            (&[target, "#EXTINF:99999,", "a.ts", end][..], PlaylistError::Malformed),
            (
                &[target, "#EXTINF:4,", "#EXT-X-BYTERANGE:18446744073709551615@9", "a", end][..],
                PlaylistError::Malformed,
            ),
        ] {
            assert_eq!(parsed(lines), Err(expected), "{lines:?}");
        }
        assert_eq!(parse(b"<html>", &base()), Err(PlaylistError::Malformed));
    }

    #[test]
    fn the_best_quality_that_is_whole() {
        let quality = |lines: &[&str]| match parsed(lines) {
            Ok(Parsed::Quality(url)) => Ok(url.path().to_owned()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        let apart = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"sound.m3u8\"";
        let of = |height: u32, bits: u32, more: &str| {
            let width = height * 16 / 9;
            format!("#EXT-X-STREAM-INF:BANDWIDTH={bits},RESOLUTION={width}x{height}{more}")
        };
        let (low, high, huge) = (of(360, 1, ""), of(1080, 9, ""), of(2160, 20, ""));
        let lines = [&low, "low.m3u8", &high, "high.m3u8", &huge, "huge.m3u8"];
        assert_eq!(quality(&lines).unwrap(), "/show/high.m3u8");
        assert_eq!(quality(&lines[4..]).unwrap(), "/show/huge.m3u8");
        let with_sound = of(720, 3, ",AUDIO=\"a\"");
        let lines = [apart, &with_sound, "silent.m3u8"];
        assert_eq!(quality(&lines), Err(PlaylistError::Apart));
        let lines = [apart, &with_sound, "silent.m3u8", &low, "low.m3u8"];
        assert_eq!(quality(&lines).unwrap(), "/show/low.m3u8");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(lines in prop::collection::vec(line(), 0..30)) {
            let text = format!("#EXTM3U\n{}", lines.join("\n"));
            if let Ok(Parsed::Pieces(playlist)) = parse(text.as_bytes(), &base()) {
                prop_assert!(!playlist.pieces.is_empty());
                prop_assert!(playlist.piece_at(i64::MAX) < playlist.pieces.len());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes, &base());
        }
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            "#EXTINF:[-0-9.a-z]{0,9},",
            "#EXT-X-[A-Z-]{0,12}:[-A-Za-z0-9@=,\".:]{0,30}",
            "#EXT-X-BYTERANGE:[0-9]{0,21}@?[0-9]{0,21}",
            "#EXT-X-(KEY|MAP|STREAM-INF|MEDIA|START):[A-Z]{0,9}=[-A-Za-z0-9@=,\".x]{0,30}",
            "#EXT-X-(ENDLIST|DISCONTINUITY|I-FRAMES-ONLY)",
            "[a-z:/.?#%\\[\\]]{0,12}",
        ]
    }
}
