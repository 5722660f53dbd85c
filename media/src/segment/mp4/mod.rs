//! ISO BMFF byte stream: `ftyp moov (moof mdat)*` with other boxes in between.
//!
//! ```text
//!            moov: Init        moof: SegmentStart         mdat header
//!  Boxes ───────────────▶ Boxes ─────────────────▶ Boxes ─────────────▶ Media
//!    ▲                                                                    │ Frame …
//!    └──────────────── end of mdat; SegmentEnd after the last sample ─────┘
//! ```
//!
//! Samples are found by their offset from the `moof`, in any interleaving, and must lie in a
//! media data box that follows it.

mod boxes;
mod fragment;
mod movie;

use std::collections::VecDeque;

use bytes::Bytes;

pub(crate) use movie::{Movie, Turn};

use self::boxes::Header;
use self::fragment::Sample;
use super::input::Input;
use super::{CodedFrame, Event, MAX_BOX_BYTES, ParseError};

#[derive(Debug, Default)]
pub(super) struct Parser {
    input: Input,
    state: State,
    /// The last `ftyp`, to be put in front of its `moov`.
    file_type: Vec<u8>,
    movie: Option<Movie>,
    /// Samples of the current fragment still to arrive, by offset.
    samples: VecDeque<Sample>,
    segment_open: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A box header comes next.
    #[default]
    Boxes,
    /// In an `mdat` up to this position. `None`: up to the fragment's last sample.
    Media { end: Option<u64> },
}

impl Parser {
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Event),
    ) -> Result<(), ParseError> {
        self.input.push(bytes);
        while !self.input.discarding() {
            let more = match self.state {
                State::Boxes => self.next_box(sink)?,
                State::Media { end } => self.next_sample(end, sink)?,
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.input.unread().len()
    }

    pub(super) fn reset(&mut self) {
        self.input = Input::default();
        self.state = State::Boxes;
        self.samples.clear();
        self.segment_open = false;
    }

    /// Takes one box; false if it is not here yet.
    fn next_box(&mut self, sink: &mut impl FnMut(Event)) -> Result<bool, ParseError> {
        let Some(header) = Header::read(self.input.unread())? else { return Ok(false) };
        let start = self.input.position();
        if header.kind.0 == *b"mdat" {
            if self.movie.is_none() {
                return Err(ParseError::MissingInit);
            }
            self.input.discard(header.header_bytes);
            let end = header.total_bytes.map(|total| start.saturating_add(total));
            self.state = State::Media { end };
            return Ok(true);
        }
        let name = || format!("box `{}`", header.kind);
        let total = header
            .total_bytes
            .ok_or_else(|| ParseError::malformed(name(), "size 0 is for mdat only"))?;
        ParseError::limit(name(), total, MAX_BOX_BYTES)?;
        if header.kind.0 == *b"moof" && self.movie.is_none() {
            return Err(ParseError::MissingInit);
        }
        if !matches!(&header.kind.0, b"ftyp" | b"moov" | b"moof") {
            self.input.discard(total);
            return Ok(true);
        }
        let Some(bytes) = self.input.take(total) else { return Ok(false) };
        let body = usize::try_from(header.header_bytes).ok().and_then(|start| bytes.get(start..));
        let body = body.unwrap_or_default();
        match &header.kind.0 {
            b"ftyp" => self.file_type = bytes.to_vec(),
            b"moov" => {
                self.movie = Some(Movie::parse(body)?);
                self.samples.clear();
                self.segment_open = false;
                let mut init = std::mem::take(&mut self.file_type);
                init.extend_from_slice(bytes);
                sink(Event::Init(Bytes::from(init)));
            }
            _ => {
                if !self.samples.is_empty() {
                    return Err(ParseError::malformed("moof", "samples lie outside of the mdat"));
                }
                let movie = self.movie.as_ref().ok_or(ParseError::MissingInit)?;
                self.samples = fragment::samples(movie, start, body)?.into();
                self.segment_open = true;
                sink(Event::SegmentStart);
            }
        }
        Ok(true)
    }

    /// Takes one sample or leaves the `mdat`; false if the sample is not here yet.
    fn next_sample(
        &mut self,
        end: Option<u64>,
        sink: &mut impl FnMut(Event),
    ) -> Result<bool, ParseError> {
        let position = self.input.position();
        let here = self.samples.front().filter(|s| end.is_none_or(|end| s.offset < end)).copied();
        let Some(sample) = here else {
            if let Some(end) = end {
                self.input.discard(end.saturating_sub(position));
            }
            self.state = State::Boxes;
            if self.segment_open && self.samples.is_empty() {
                self.segment_open = false;
                sink(Event::SegmentEnd);
            }
            return Ok(true);
        };
        let size = u64::from(sample.size);
        if end.is_some_and(|end| end < sample.offset.saturating_add(size)) {
            return Err(ParseError::malformed("mdat", "ends inside of a sample"));
        }
        let gap = sample
            .offset
            .checked_sub(position)
            .ok_or_else(|| ParseError::malformed("moof", "samples lie before the mdat"))?;
        if gap != 0 {
            self.input.discard(gap);
            return Ok(true);
        }
        let Some(data) = self.input.take(size) else { return Ok(false) };
        if let Some(timing) = sample.timing {
            sink(Event::Frame(CodedFrame {
                track_id: timing.track_id,
                pts: timing.pts,
                dts: timing.dts,
                duration_micros: timing.duration_micros,
                keyframe: timing.keyframe,
                data: Bytes::copy_from_slice(data),
            }));
        }
        self.samples.pop_front();
        Ok(true)
    }
}
