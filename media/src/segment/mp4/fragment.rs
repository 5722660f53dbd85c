//! The movie fragment box: where each sample lies and when it is shown (ISO/IEC 14496-12, 8.8).

use super::super::reader::Reader;
use super::super::{MAX_FRAGMENT_SAMPLES, MAX_FRAME_BYTES, MAX_TRACKS, ParseError, TrackKind};
use super::boxes::children;
use super::movie::{Movie, MovieTrack, SampleDefaults};
use crate::time::{Pts, micros_from_ticks};

/// One sample that is still to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Position in the byte stream.
    pub(super) offset: u64,
    pub(super) size: u32,
    /// `None`: of a track that is left out.
    pub(super) timing: Option<Timing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) track_id: u32,
    pub(super) pts: Pts,
    pub(super) dts: Pts,
    pub(super) duration_micros: i64,
    pub(super) keyframe: bool,
}

/// Parses the body of a `moof` that begins at stream position `moof_start`.
///
/// The samples come in the order of their bytes and do not overlap. Samples without bytes are
/// left out.
pub(super) fn samples(
    movie: &Movie,
    moof_start: u64,
    body: &[u8],
) -> Result<Vec<Sample>, ParseError> {
    let mut fragment =
        Fragment { movie, moof_start, next_base: moof_start, samples: Vec::new(), count: 0 };
    let mut trafs = 0;
    for child in children("moof", body) {
        let child = child?;
        if child.kind.0 == *b"traf" {
            trafs += 1;
            if MAX_TRACKS < trafs {
                return Err(ParseError::malformed("moof", "more than 32 track fragments"));
            }
            fragment.track_fragment(child.body)?;
        }
    }
    let mut samples = fragment.samples;
    samples.sort_by_key(|sample| sample.offset);
    if samples.windows(2).any(|pair| pair[1].offset - pair[0].offset < u64::from(pair[0].size)) {
        return Err(ParseError::malformed("moof", "samples overlap"));
    }
    Ok(samples)
}

struct Fragment<'a> {
    movie: &'a Movie,
    moof_start: u64,
    /// Where the data of a track fragment begins that does not say so.
    next_base: u64,
    samples: Vec<Sample>,
    /// Samples so far, those without bytes included.
    count: usize,
}

/// A parsed `tfhd`.
struct TrackFragment<'a> {
    track: &'a MovieTrack,
    base: u64,
    defaults: SampleDefaults,
}

impl<'a> Fragment<'a> {
    fn track_fragment(&mut self, body: &[u8]) -> Result<(), ParseError> {
        let (mut header, mut decode_time) = (None, None);
        for child in children("traf", body) {
            let child = child?;
            match &child.kind.0 {
                b"tfhd" => header = Some(self.header(child.body)?),
                b"tfdt" => {
                    let mut reader = Reader::new("tfdt", child.body);
                    let (version, _) = reader.version_flags()?;
                    let ticks = i64::try_from(reader.widened(version)?);
                    decode_time = Some(ticks.map_err(|_| reader.malformed("time is too large"))?);
                }
                _ => {}
            }
        }
        let header = header.ok_or_else(|| ParseError::malformed("traf", "has no tfhd"))?;
        let mut dts = decode_time.ok_or_else(|| ParseError::malformed("traf", "has no tfdt"))?;
        let mut data = header.base;
        for child in children("traf", body) {
            let child = child?;
            if child.kind.0 == *b"trun" {
                (dts, data) = self.run(&header, dts, data, child.body)?;
            }
        }
        self.next_base = data;
        Ok(())
    }

    fn header(&self, body: &[u8]) -> Result<TrackFragment<'a>, ParseError> {
        let mut reader = Reader::new("tfhd", body);
        let (_, flags) = reader.version_flags()?;
        let id = reader.u32()?;
        let track = self.movie.tracks.iter().find(|track| track.id == id);
        let track =
            track.ok_or_else(|| reader.malformed("names a track the init segment lacks"))?;
        if flags & 0x01 != 0 {
            let cause = "base-data-offset is not allowed when streaming: use default-base-is-moof";
            return Err(ParseError::unsupported("tfhd", cause));
        }
        if flags & 0x02 != 0 {
            reader.u32()?;
        }
        let mut defaults = track.defaults;
        for (flag, field) in [
            (0x08, &mut defaults.duration),
            (0x10, &mut defaults.size),
            (0x20, &mut defaults.flags),
        ] {
            if flags & flag != 0 {
                *field = reader.u32()?;
            }
        }
        let base = if flags & 0x02_0000 != 0 { self.moof_start } else { self.next_base };
        Ok(TrackFragment { track, base, defaults })
    }

    /// Returns the decode time and the data position after the run.
    fn run(
        &mut self,
        header: &TrackFragment<'_>,
        mut dts: i64,
        mut data: u64,
        body: &[u8],
    ) -> Result<(i64, u64), ParseError> {
        let mut reader = Reader::new("trun", body);
        let (version, flags) = reader.version_flags()?;
        let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        self.count = self.count.saturating_add(count);
        if MAX_FRAGMENT_SAMPLES < self.count {
            return Err(reader.malformed("too many samples in one fragment"));
        }
        if flags & 0x01 != 0 {
            data = header
                .base
                .checked_add_signed(reader.i32()?.into())
                .ok_or_else(|| reader.malformed("data offset lies outside of the stream"))?;
        }
        let mut first_flags = if flags & 0x04 != 0 { Some(reader.u32()?) } else { None };
        for _ in 0..count {
            let mut sample = header.defaults;
            for (flag, field) in [
                (0x0100, &mut sample.duration),
                (0x0200, &mut sample.size),
                (0x0400, &mut sample.flags),
            ] {
                if flags & flag != 0 {
                    *field = reader.u32()?;
                }
            }
            sample.flags = first_flags.take().unwrap_or(sample.flags);
            let composition = match flags & 0x0800 {
                0 => 0,
                _ if version == 0 => i64::from(reader.u32()?),
                _ => i64::from(reader.i32()?),
            };
            ParseError::limit("sample", u64::from(sample.size), MAX_FRAME_BYTES)?;
            if sample.size != 0 {
                let timing = timing(header.track, sample, dts, composition)
                    .ok_or_else(|| reader.malformed("timestamp is too large"))?;
                let timing = header.track.kind.is_some().then_some(timing);
                self.samples.push(Sample { offset: data, size: sample.size, timing });
            }
            let cause = "timestamp is too large";
            dts = dts.checked_add(sample.duration.into()).ok_or_else(|| reader.malformed(cause))?;
            data = data
                .checked_add(sample.size.into())
                .ok_or_else(|| reader.malformed("data lies outside of the stream"))?;
        }
        Ok((dts, data))
    }
}

fn timing(
    track: &MovieTrack,
    sample: SampleDefaults,
    dts: i64,
    composition: i64,
) -> Option<Timing> {
    /// `sample_is_non_sync_sample` (ISO/IEC 14496-12, 8.8.3.1).
    const NON_SYNC: u32 = 0x0001_0000;
    let micros = |ticks| micros_from_ticks(ticks, track.ticks_per_second);
    let dts = dts.checked_add(track.shift_ticks)?;
    let pts = dts.checked_add(composition)?;
    let start = micros(pts)?;
    Some(Timing {
        track_id: track.id,
        pts: Pts(start),
        dts: Pts(micros(dts)?),
        duration_micros: micros(pts.checked_add(sample.duration.into())?)?.saturating_sub(start),
        keyframe: track.kind == Some(TrackKind::Audio) || sample.flags & NON_SYNC == 0,
    })
}
