//! The movie box: what the fragments need to know of each track (ISO/IEC 14496-12, 8.2–8.8).

use std::num::NonZeroU32;

use super::super::reader::Reader;
use super::super::{MAX_TRACKS, ParseError, TrackKind};
use super::boxes::{FourCc, Header, children};
use crate::time::micros_from_ticks;

/// A parsed `moov`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Movie {
    /// Of the whole presentation, if the init segment says so.
    pub(crate) duration_micros: Option<i64>,
    /// INVARIANT: ids are unique; at most [`MAX_TRACKS`].
    pub(crate) tracks: Vec<MovieTrack>,
}

/// A parsed `trak` with its `trex`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MovieTrack {
    pub(crate) id: u32,
    /// `None`: neither video nor sound; its samples are left out.
    pub(crate) kind: Option<TrackKind>,
    pub(crate) ticks_per_second: NonZeroU32,
    /// What the edit list adds to each timestamp, in ticks.
    pub(super) shift_ticks: i64,
    pub(super) defaults: SampleDefaults,
    /// Type of the first sample entry.
    pub(crate) sample_entry: FourCc,
    pub(crate) encrypted: bool,
    pub(crate) turn: Turn,
}

/// What a display matrix does to a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Clockwise turn that shows the picture upright: 0, 90, 180 or 270.
    pub(crate) degrees: u16,
    pub(crate) mirrored: bool,
}

impl Turn {
    /// `[a, b, c, d]` of the matrix in ISO/IEC 14496-12, section 8.3.2.
    pub(crate) fn of_matrix([a, b, c, d]: [i32; 4]) -> Self {
        let degrees = match (a.signum(), b.signum()) {
            (0, 1) => 90,
            (-1, 0) => 180,
            (0, -1) => 270,
            _ => 0,
        };
        let mirrored = i64::from(a) * i64::from(d) < i64::from(b) * i64::from(c);
        Self { degrees, mirrored }
    }
}

/// What holds for samples that say nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SampleDefaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

impl Movie {
    /// Parses the body of a `moov` box.
    pub(super) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let mut header = None;
        let mut extends = None;
        let mut tracks: Vec<MovieTrack> = Vec::new();
        for child in children("moov", body) {
            let child = child?;
            match &child.kind.0 {
                b"mvhd" => header = Some(movie_header(child.body)?),
                b"mvex" => extends = Some(child.body),
                b"trak" if tracks.len() == MAX_TRACKS => {
                    return Err(ParseError::malformed("moov", "more than 32 tracks"));
                }
                b"trak" => tracks.push(track(child.body)?),
                _ => {}
            }
        }
        let (movie_scale, duration) =
            header.ok_or_else(|| ParseError::malformed("moov", "has no mvhd"))?;
        let extends = extends.ok_or_else(|| {
            ParseError::unsupported("moov", "not fragmented: an MP4 for streaming has an mvex box")
        })?;
        let fragments_duration = apply_extends(extends, &mut tracks)?;
        for (index, track) in tracks.iter().enumerate() {
            if tracks[..index].iter().any(|other| other.id == track.id) {
                return Err(ParseError::malformed("moov", "two tracks have the same id"));
            }
        }
        let ticks = fragments_duration.unwrap_or(duration);
        let duration_micros = i64::try_from(ticks)
            .ok()
            .filter(|ticks| 0 < *ticks && *ticks != i64::from(u32::MAX))
            .and_then(|ticks| micros_from_ticks(ticks, movie_scale));
        Ok(Self { duration_micros, tracks })
    }

    /// Finds and parses the `moov` of an init segment.
    pub(crate) fn from_init(mut init: &[u8]) -> Result<Self, ParseError> {
        while let Some(header) = Header::read(init)? {
            let total = header.total_bytes.and_then(|total| usize::try_from(total).ok());
            let start = usize::try_from(header.header_bytes).unwrap_or(usize::MAX);
            let end = total.unwrap_or(init.len());
            let body = init
                .get(start..end)
                .ok_or_else(|| ParseError::malformed("init segment", "ends too early"))?;
            if header.kind.0 == *b"moov" {
                return Self::parse(body);
            }
            init = &init[end..];
        }
        Err(ParseError::malformed("init segment", "has no moov"))
    }
}

fn movie_header(body: &[u8]) -> Result<(NonZeroU32, u64), ParseError> {
    let mut reader = Reader::new("mvhd", body);
    let (version, _) = reader.version_flags()?;
    reader.widened(version)?;
    reader.widened(version)?;
    let scale = NonZeroU32::new(reader.u32()?).ok_or_else(|| reader.malformed("timescale 0"))?;
    Ok((scale, reader.widened(version)?))
}

/// Reads `mehd` and gives each track its `trex`.
fn apply_extends(body: &[u8], tracks: &mut [MovieTrack]) -> Result<Option<u64>, ParseError> {
    let mut duration = None;
    for child in children("mvex", body) {
        let child = child?;
        match &child.kind.0 {
            b"mehd" => {
                let mut reader = Reader::new("mehd", child.body);
                let (version, _) = reader.version_flags()?;
                duration = Some(reader.widened(version)?).filter(|ticks| *ticks != 0);
            }
            b"trex" => {
                let mut reader = Reader::new("trex", child.body);
                reader.version_flags()?;
                let id = reader.u32()?;
                let _description_index = reader.u32()?;
                let defaults = SampleDefaults {
                    duration: reader.u32()?,
                    size: reader.u32()?,
                    flags: reader.u32()?,
                };
                if let Some(track) = tracks.iter_mut().find(|track| track.id == id) {
                    track.defaults = defaults;
                }
            }
            _ => {}
        }
    }
    Ok(duration)
}

fn track(body: &[u8]) -> Result<MovieTrack, ParseError> {
    let (mut header, mut media, mut shift) = (None, None, 0);
    for child in children("trak", body) {
        let child = child?;
        match &child.kind.0 {
            b"tkhd" => header = Some(track_header(child.body)?),
            b"mdia" => media = Some(media_box(child.body)?),
            b"edts" => {
                for child in children("edts", child.body) {
                    let child = child?;
                    if child.kind.0 == *b"elst" {
                        shift = shift_ticks(child.body)?;
                    }
                }
            }
            _ => {}
        }
    }
    let (id, turn) = header.ok_or_else(|| ParseError::malformed("trak", "has no tkhd"))?;
    let media = media.ok_or_else(|| ParseError::malformed("trak", "has no mdia"))?;
    Ok(MovieTrack {
        id,
        kind: media.kind,
        ticks_per_second: media.ticks_per_second,
        shift_ticks: shift,
        defaults: SampleDefaults::default(),
        sample_entry: media.sample_entry,
        encrypted: media.encrypted,
        turn,
    })
}

fn track_header(body: &[u8]) -> Result<(u32, Turn), ParseError> {
    let mut reader = Reader::new("tkhd", body);
    let (version, _) = reader.version_flags()?;
    reader.widened(version)?;
    reader.widened(version)?;
    let id = reader.u32()?;
    if id == 0 {
        return Err(reader.malformed("track id 0"));
    }
    reader.u32()?;
    reader.widened(version)?;
    reader.take(8 /* reserved */ + 2 /* layer */ + 2 /* group */ + 2 /* volume */ + 2)?;
    let (a, b, _) = (reader.i32()?, reader.i32()?, reader.i32()?);
    let (c, d) = (reader.i32()?, reader.i32()?);
    Ok((id, Turn::of_matrix([a, b, c, d])))
}

struct Media {
    kind: Option<TrackKind>,
    ticks_per_second: NonZeroU32,
    sample_entry: FourCc,
    encrypted: bool,
}

fn media_box(body: &[u8]) -> Result<Media, ParseError> {
    let (mut scale, mut handler, mut entry) = (None, None, None);
    for child in children("mdia", body) {
        let child = child?;
        match &child.kind.0 {
            b"mdhd" => {
                let mut reader = Reader::new("mdhd", child.body);
                let (version, _) = reader.version_flags()?;
                reader.widened(version)?;
                reader.widened(version)?;
                scale = NonZeroU32::new(reader.u32()?);
            }
            b"hdlr" => {
                let mut reader = Reader::new("hdlr", child.body);
                reader.version_flags()?;
                reader.u32()?;
                handler = Some(reader.array::<4>()?);
            }
            b"minf" => entry = sample_entry(child.body)?,
            _ => {}
        }
    }
    let kind = match handler.as_ref() {
        Some(b"vide") => Some(TrackKind::Video),
        Some(b"soun") => Some(TrackKind::Audio),
        _ => None,
    };
    let (sample_entry, encrypted) =
        entry.ok_or_else(|| ParseError::malformed("stbl", "has no sample entry"))?;
    let ticks_per_second =
        scale.ok_or_else(|| ParseError::malformed("mdia", "has no timescale"))?;
    Ok(Media { kind, ticks_per_second, sample_entry, encrypted })
}

/// The first sample entry's type, and whether any of them is protected.
fn sample_entry(minf: &[u8]) -> Result<Option<(FourCc, bool)>, ParseError> {
    let mut first = None;
    for child in children("minf", minf) {
        let child = child?;
        if child.kind.0 != *b"stbl" {
            continue;
        }
        for child in children("stbl", child.body) {
            let child = child?;
            if child.kind.0 != *b"stsd" {
                continue;
            }
            let mut reader = Reader::new("stsd", child.body);
            reader.version_flags()?;
            reader.u32()?;
            for entry in children("stsd", reader.rest()) {
                let kind = entry?.kind;
                let (_, encrypted) = first.get_or_insert((kind, false));
                *encrypted |= matches!(&kind.0, b"encv" | b"enca");
            }
        }
    }
    Ok(first)
}

/// How far an edit list shifts a track, in its ticks (ISO/IEC 14496-12, 8.6.6).
///
/// Chromium takes the first edit alone, and not if it is an empty one, and the page's `buffered`
/// is Chromium's: whatever the standard says, media are where the page knows them to be.
fn shift_ticks(edit_list: &[u8]) -> Result<i64, ParseError> {
    let mut reader = Reader::new("elst", edit_list);
    let (version, _) = reader.version_flags()?;
    if reader.u32()? == 0 {
        return Ok(0);
    }
    reader.widened(version)?;
    let media_time = if version == 0 { i64::from(reader.i32()?) } else { reader.i64()? };
    Ok(if media_time < 0 { 0 } else { -media_time })
}
