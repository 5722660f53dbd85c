//! Info and Tracks: what the clusters need to know of each track (RFC 9559, 5.1.2 and 5.1.4).

use super::super::{MAX_TRACKS, ParseError, TrackKind};
use super::ebml::{Header as Element, children, float, id, unsigned};
use crate::time::micros_from_nanos;

/// Parsed Info and Tracks of one init segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    /// Nanoseconds of one timestamp step.
    pub(super) timestamp_scale: u64,
    /// If the init segment says so.
    pub(crate) duration_micros: Option<i64>,
    /// INVARIANT: numbers are unique; at most [`MAX_TRACKS`].
    pub(crate) tracks: Vec<Track>,
}

/// A parsed TrackEntry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Track {
    /// TrackNumber: the id that blocks use.
    pub(crate) number: u32,
    pub(crate) uid: u64,
    /// `None`: neither video nor sound; its blocks are left out.
    pub(crate) kind: Option<TrackKind>,
    pub(crate) codec_id: String,
    pub(super) default_duration_nanos: Option<u64>,
    /// Subtracted from each timestamp.
    pub(crate) codec_delay_nanos: u64,
    pub(crate) seek_pre_roll_nanos: u64,
    pub(crate) encrypted: bool,
    /// Its pictures have an alpha channel beside them.
    pub(crate) has_alpha: bool,
    /// Compressed headers, which WebM forbids.
    pub(crate) compressed: bool,
}

impl Header {
    /// Parses the bodies of Info and Tracks.
    pub(super) fn parse(info: &[u8], tracks: &[u8]) -> Result<Self, ParseError> {
        let (mut timestamp_scale, mut duration) = (1_000_000, None);
        for child in children("Info", info) {
            match child? {
                (id::TIMESTAMP_SCALE, body) => timestamp_scale = unsigned("TimestampScale", body)?,
                (id::DURATION, body) => duration = Some(float("Duration", body)?),
                _ => {}
            }
        }
        // A step of more than ten seconds places nothing; it only overflows.
        if !(1..=10_000_000_000).contains(&timestamp_scale) {
            return Err(ParseError::malformed("Info", "TimestampScale is out of range"));
        }
        let mut parsed: Vec<Track> = Vec::new();
        for child in children("Tracks", tracks) {
            let (id::TRACK_ENTRY, body) = child? else { continue };
            let track = Track::parse(body)?;
            if parsed.iter().any(|other| other.number == track.number) {
                return Err(ParseError::malformed("Tracks", "two tracks have the same number"));
            }
            if parsed.len() == MAX_TRACKS {
                return Err(ParseError::malformed("Tracks", "more than 32 tracks"));
            }
            parsed.push(track);
        }
        let duration_micros = duration.and_then(|steps| micros_from_steps(steps, timestamp_scale));
        Ok(Self { timestamp_scale, duration_micros, tracks: parsed })
    }

    /// Finds and parses Info and Tracks in an init segment as the parser emits it.
    pub(crate) fn from_init(mut init: &[u8]) -> Result<Self, ParseError> {
        let cause = "lacks Info or Tracks";
        let (mut info, mut tracks) = (None, None);
        while let Some(element) = Element::read(init)? {
            let start = element.header_bytes;
            if element.id == id::SEGMENT {
                init = init.get(start..).unwrap_or_default();
                continue;
            }
            let body = element.body_bytes.and_then(|size| usize::try_from(size).ok());
            let end = body.and_then(|size| size.checked_add(start));
            let whole = end
                .and_then(|end| init.get(..end))
                .ok_or_else(|| ParseError::malformed("init segment", "ends too early"))?;
            match element.id {
                id::INFO => info = whole.get(start..),
                id::TRACKS => tracks = whole.get(start..),
                _ => {}
            }
            init = &init[whole.len()..];
        }
        match (info, tracks) {
            (Some(info), Some(tracks)) => Self::parse(info, tracks),
            _ => Err(ParseError::malformed("init segment", cause)),
        }
    }
}

fn micros_from_steps(steps: f64, timestamp_scale: u64) -> Option<i64> {
    // Durations are whole steps, or close enough to them.
    let steps = steps.round();
    if !(1.0..9e15).contains(&steps) {
        return None;
    }
    #[expect(clippy::as_conversions, reason = "in range and whole, checked above")]
    let steps = steps as i64;
    micros_from_nanos(i128::from(steps).checked_mul(timestamp_scale.into())?)
}

impl Track {
    fn parse(entry: &[u8]) -> Result<Self, ParseError> {
        let mut track = Self::default();
        for child in children("TrackEntry", entry) {
            match child? {
                (id::TRACK_NUMBER, body) => {
                    track.number = u32::try_from(unsigned("TrackNumber", body)?).unwrap_or(0);
                }
                (id::TRACK_UID, body) => track.uid = unsigned("TrackUID", body)?,
                (id::TRACK_TYPE, body) => {
                    track.kind = match unsigned("TrackType", body)? {
                        1 => Some(TrackKind::Video),
                        2 => Some(TrackKind::Audio),
                        _ => None,
                    };
                }
                (id::CODEC_ID, body) => {
                    let text = body.split(|byte| *byte == 0).next().unwrap_or_default();
                    if 64 < text.len() {
                        return Err(ParseError::malformed("CodecID", "is too long"));
                    }
                    track.codec_id = text.escape_ascii().to_string();
                }
                (id::DEFAULT_DURATION, body) => {
                    // Longer than a minute is no frame duration.
                    track.default_duration_nanos = Some(unsigned("DefaultDuration", body)?)
                        .filter(|nanos| (1..60_000_000_000).contains(nanos));
                }
                (id::VIDEO, body) => {
                    for child in children("Video", body) {
                        if let (id::ALPHA_MODE, mode) = child? {
                            track.has_alpha = unsigned("AlphaMode", mode)? != 0;
                        }
                    }
                }
                (id::CODEC_DELAY, body) => {
                    track.codec_delay_nanos = unsigned("CodecDelay", body)?;
                    if 60_000_000_000 < track.codec_delay_nanos {
                        return Err(ParseError::malformed("CodecDelay", "is over a minute"));
                    }
                }
                (id::SEEK_PRE_ROLL, body) => {
                    track.seek_pre_roll_nanos = unsigned("SeekPreRoll", body)?;
                }
                (id::CONTENT_ENCODINGS, body) => track.read_encodings(body)?,
                _ => {}
            }
        }
        if track.number == 0 {
            return Err(ParseError::malformed("TrackEntry", "TrackNumber is missing or too large"));
        }
        Ok(track)
    }

    fn read_encodings(&mut self, body: &[u8]) -> Result<(), ParseError> {
        for child in children("ContentEncodings", body) {
            let (id::CONTENT_ENCODING, body) = child? else { continue };
            let mut encrypted = false;
            for child in children("ContentEncoding", body) {
                encrypted |= child?.0 == id::CONTENT_ENCRYPTION;
            }
            self.encrypted |= encrypted;
            self.compressed |= !encrypted;
        }
        Ok(())
    }
}
