//! Byte streams of Media Source Extensions: from appended bytes to coded frames.
//!
//! A [`Parser`] takes bytes in any pieces and emits each coded frame as soon as its own bytes
//! have arrived. It is synchronous and owns no thread. Formats: the W3C byte stream formats
//! for ISO BMFF (fragmented MP4), WebM and MPEG audio.
//!
//! Everything is hostile. INVARIANT: whatever arrives, the parser holds at most one init
//! segment, one box or frame within the limits below, and one fragment's sample table.

mod input;
mod mp4;
mod mpeg_audio;
mod reader;
mod webm;

use bytes::Bytes;

pub(crate) use mp4::{Movie, Turn};
pub(crate) use mpeg_audio::{FrameHeader, TRACK_ID as MPEG_AUDIO_TRACK_ID};
pub(crate) use webm::Header as WebmHeader;

use crate::time::Pts;

/// Bound of a box or element that must be held as a whole (`moov`, `moof`, `Tracks`, …).
pub const MAX_BOX_BYTES: u64 = 8 << 20;

/// Bound of one coded frame: an uncompressed 4K picture fits, a hostile length does not.
pub const MAX_FRAME_BYTES: u64 = 32 << 20;

/// Bound of the samples of one movie fragment: more than an hour at 60 frames a second.
pub const MAX_FRAGMENT_SAMPLES: usize = 1 << 18;

/// Bound of the tracks of one init segment.
pub const MAX_TRACKS: usize = 32;

/// Bytes parsed at a time, so that a large append is not held twice.
const PIECE_BYTES: usize = 64 << 10;

/// A byte stream format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// ISO BMFF, fragmented (`video/mp4`, `audio/mp4`).
    Mp4,
    /// WebM (`video/webm`, `audio/webm`).
    WebM,
    /// MPEG audio without a container (`audio/mpeg`).
    Mp3,
    /// AAC in ADTS frames (`audio/aac`).
    Adts,
}

/// What a medium is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    Video,
    Audio,
}

/// One access unit or audio packet, in decoding order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodedFrame {
    /// The container's track id.
    pub track_id: u32,
    /// Edit list and codec delay are applied, so it can be a little below zero.
    pub pts: Pts,
    pub dts: Pts,
    /// Never negative.
    pub duration_micros: i64,
    /// Random access point. Always true for sound.
    pub keyframe: bool,
    /// At most [`MAX_FRAME_BYTES`], in an allocation of its own.
    pub data: Bytes,
}

impl CodedFrame {
    /// End of the presentation interval.
    #[must_use]
    pub const fn end(&self) -> Pts {
        self.pts.plus(self.duration_micros)
    }
}

/// What the bytes contained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A complete init segment, without parts that do not matter for decoding.
    Init(Bytes),
    /// A `moof` or `Cluster` begins.
    SegmentStart,
    Frame(CodedFrame),
    /// The last frame of the segment was emitted.
    SegmentEnd,
}

/// Why bytes were refused. Nothing after the refused place was parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("media segment came before its init segment")]
    MissingInit,
    #[error("malformed {element}: {cause}")]
    Malformed { element: String, cause: &'static str },
    #[error("{element} of {bytes} bytes exceeds {limit}")]
    TooLarge { element: String, bytes: u64, limit: u64 },
    #[error("{element}: {cause}")]
    Unsupported { element: String, cause: &'static str },
}

impl ParseError {
    fn malformed(element: impl Into<String>, cause: &'static str) -> Self {
        Self::Malformed { element: element.into(), cause }
    }

    fn unsupported(element: impl Into<String>, cause: &'static str) -> Self {
        Self::Unsupported { element: element.into(), cause }
    }

    /// `Ok` if `bytes` is at most `limit`.
    fn limit(element: impl Into<String>, bytes: u64, limit: u64) -> Result<(), Self> {
        if bytes <= limit {
            return Ok(());
        }
        Err(Self::TooLarge { element: element.into(), bytes, limit })
    }
}

/// An incremental parser of one byte stream.
#[derive(Debug)]
pub struct Parser {
    format: Format,
}

#[derive(Debug)]
enum Format {
    Mp4(mp4::Parser),
    WebM(webm::Parser),
    MpegAudio(mpeg_audio::Parser),
}

impl Parser {
    #[must_use]
    pub fn new(container: Container) -> Self {
        let format = match container {
            Container::Mp4 => Format::Mp4(mp4::Parser::default()),
            Container::WebM => Format::WebM(webm::Parser::default()),
            Container::Mp3 => Format::MpegAudio(mpeg_audio::Parser::mp3()),
            Container::Adts => Format::MpegAudio(mpeg_audio::Parser::adts()),
        };
        Self { format }
    }

    /// Parses the next bytes of the stream and hands over what became complete.
    ///
    /// # Errors
    /// The bytes are not a valid stream, or exceed a limit. Call [`Self::reset`] before the
    /// next `push`; events that were emitted stay valid.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl FnMut(Event)) -> Result<(), ParseError> {
        for piece in bytes.chunks(PIECE_BYTES) {
            match &mut self.format {
                Format::Mp4(parser) => parser.push(piece, sink)?,
                Format::WebM(parser) => parser.push(piece, sink)?,
                Format::MpegAudio(parser) => parser.push(piece, sink)?,
            }
        }
        Ok(())
    }

    /// Emits complete frames that wait for their successor to tell their duration.
    ///
    /// For the end of the stream. Parsing can go on afterwards.
    pub fn flush(&mut self, sink: &mut impl FnMut(Event)) {
        if let Format::WebM(parser) = &mut self.format {
            parser.flush(sink);
        }
    }

    /// Forgets a partly arrived box, element or segment and keeps the init segment (MSE,
    /// "reset parser state"). Complete frames are emitted first.
    pub fn reset(&mut self, sink: &mut impl FnMut(Event)) {
        self.flush(sink);
        match &mut self.format {
            Format::Mp4(parser) => parser.reset(),
            Format::WebM(parser) => parser.reset(),
            Format::MpegAudio(parser) => parser.reset(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
