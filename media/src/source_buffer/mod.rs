//! A SourceBuffer of Media Source Extensions: appended bytes in, track buffers out.
//!
//! ```text
//!  bytes ──▶ segment::Parser ──▶ init segment ──▶ init::InitSegment ──▶ tracks, configurations
//!                            └─▶ coded frame ──▶ Placement ──▶ TrackBuffer ──▶ Cursor (decoder)
//! ```
//!
//! Synchronous and without a clock: the owner feeds bytes as they arrive and says where
//! playback is. Frames can be read while their append is still arriving. Times are
//! microseconds. INVARIANT: coded frames take at most an eighth more than the quota.

mod error;
mod eviction;
mod mime;
mod processing;

use std::sync::Arc;

use bytes::Bytes;

pub use error::AppendError;
pub use eviction::Quota;
pub use mime::Mime;

use self::processing::{Placement, TrackPlacement};
use crate::init::{InitSegment, Track};
use crate::ranges::TimeRanges;
use crate::segment::{CodedFrame, Container, Event, Parser, TrackKind};
use crate::time::Pts;
use crate::track_buffer::{TrackBuffer, TrackConfig};

/// Bytes parsed between two looks at the quota.
const PIECE_BYTES: usize = 64 << 10;

/// `SourceBuffer.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppendMode {
    /// Timestamps place the frames.
    #[default]
    Segments,
    /// Appends follow one another.
    Sequence,
}

/// What the page has set on its SourceBuffer at the time of an append.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppendParams {
    pub timestamp_offset_micros: i64,
    /// `appendWindowStart`.
    pub window_start: Pts,
    /// `appendWindowEnd`; `None`: no end.
    pub window_end: Option<Pts>,
    pub mode: AppendMode,
}

/// What an append did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppendOutcome {
    /// Coded frames that were buffered.
    pub frames: usize,
    /// Coded frames that the append window or a missing key frame left out.
    pub dropped_frames: usize,
    /// Tracks or their configuration changed.
    pub reconfigured: bool,
    /// Media that was let go to make room; 0: none, and the page need not be told.
    pub evicted_bytes: usize,
    /// Where the algorithm has moved `timestampOffset` (sequence mode).
    pub timestamp_offset_micros: i64,
}

/// One track of a source buffer.
#[derive(Debug)]
pub struct BufferedTrack {
    config: Arc<TrackConfig>,
    buffer: TrackBuffer,
    placement: TrackPlacement,
}

impl BufferedTrack {
    #[must_use]
    pub fn kind(&self) -> TrackKind {
        self.config.track.kind
    }

    /// The configuration of frames that are appended now. Earlier ones carry their own.
    #[must_use]
    pub fn config(&self) -> &Arc<TrackConfig> {
        &self.config
    }

    #[must_use]
    pub fn buffer(&self) -> &TrackBuffer {
        &self.buffer
    }
}

/// One SourceBuffer: a byte stream and the track buffers it fills.
#[derive(Debug)]
pub struct SourceBuffer {
    parser: Parser,
    media: Media,
    append: Append,
}

/// Everything behind the parser.
#[derive(Debug)]
struct Media {
    mime: Mime,
    quota: Quota,
    /// Empty until the first init segment; the same kinds ever after.
    tracks: Vec<BufferedTrack>,
    placement: Placement,
    /// The init segment in force, to tell a repeated one from a new one.
    init: Option<Bytes>,
    duration_micros: Option<i64>,
    /// `changeType` was called and its init segment has not arrived.
    type_changed: bool,
    next_generation: u64,
    ended: bool,
}

/// The append that is arriving.
#[derive(Debug, Default)]
struct Append {
    outcome: AppendOutcome,
    now: Pts,
    failed: Option<AppendError>,
}

impl SourceBuffer {
    /// A source buffer for `mime`, e.g. `video/mp4; codecs="avc1.64001f, mp4a.40.2"`.
    ///
    /// # Errors
    /// [`AppendError::UnsupportedContainer`] or [`AppendError::UnsupportedCodec`].
    pub fn new(mime: &str) -> Result<Self, AppendError> {
        Self::with_quota(mime, Quota::default())
    }

    /// Like [`Self::new`], with another bound on memory.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_quota(mime: &str, quota: Quota) -> Result<Self, AppendError> {
        let mime = Mime::parse(mime)?;
        Ok(Self {
            parser: Parser::new(mime.container),
            media: Media {
                placement: Placement::new(generates_timestamps(mime.container)),
                mime,
                quota,
                tracks: Vec::new(),
                init: None,
                duration_micros: None,
                type_changed: false,
                next_generation: 0,
                ended: false,
            },
            append: Append::default(),
        })
    }

    /// `appendBuffer()` in one go: [`Self::begin_append`], [`Self::push`], [`Self::end_append`].
    ///
    /// # Errors
    /// As those.
    pub fn append(
        &mut self,
        bytes: &[u8],
        params: &AppendParams,
        now: Pts,
    ) -> Result<AppendOutcome, AppendError> {
        self.begin_append(params, bytes.len(), now)?;
        self.push(bytes)?;
        self.end_append()
    }

    /// Begins an append of `byte_len` bytes and makes room for it ("prepare append"). An ended
    /// stream is reopened. `now` is where playback is. Returns the bytes evicted, which
    /// [`AppendOutcome`] counts too.
    ///
    /// # Errors
    /// [`AppendError::BufferFull`]: nothing was evicted and nothing may be pushed; the same
    /// append can be tried again later.
    pub fn begin_append(
        &mut self,
        params: &AppendParams,
        byte_len: usize,
        now: Pts,
    ) -> Result<usize, AppendError> {
        self.reopen();
        self.append = Append { now, ..Append::default() };
        let evicted = self.media.make_room(byte_len, now)?;
        self.append.outcome.evicted_bytes = evicted;
        self.media.placement.apply(params);
        Ok(evicted)
    }

    /// Takes the next bytes of the append. Complete frames can be read at once.
    ///
    /// # Errors
    /// Anything but `UnsupportedContainer`. The rest of the append is refused with the same
    /// error; what was buffered stays, and the next append starts at a segment boundary.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        if let Some(error) = &self.append.failed {
            return Err(error.clone());
        }
        let pushed = bytes.chunks(PIECE_BYTES).try_for_each(|piece| self.push_piece(piece));
        if let Err(error) = &pushed {
            self.append.failed = Some(error.clone());
            self.parser.reset(&mut |_| {});
            self.media.placement.reset(&mut self.media.tracks);
        }
        pushed
    }

    /// Ends the append. Half a segment waits for the next append.
    ///
    /// # Errors
    /// What [`Self::push`] ended with.
    pub fn end_append(&mut self) -> Result<AppendOutcome, AppendError> {
        let append = std::mem::take(&mut self.append);
        let timestamp_offset_micros = self.media.placement.offset_micros;
        match append.failed {
            Some(error) => Err(error),
            None => Ok(AppendOutcome { timestamp_offset_micros, ..append.outcome }),
        }
    }

    /// `abort()`: forgets half a segment; the next append starts anew.
    pub fn abort(&mut self) {
        let Self { parser, media, append } = self;
        parser.reset(&mut |event| media.take(event, append));
        media.placement.reset(&mut media.tracks);
        *append = Append::default();
    }

    /// `remove(start, end)`: up to the next key frame from `end` on. An ended stream is
    /// reopened.
    pub fn remove(&mut self, start: Pts, end: Pts) {
        if end <= start {
            return;
        }
        self.reopen();
        for track in &mut self.media.tracks {
            track.buffer.remove_range(start, end);
        }
    }

    /// `changeType(mime)`: other codecs or another container from the next init segment on.
    /// The kinds of tracks stay.
    ///
    /// # Errors
    /// As [`Self::new`]; then nothing has changed.
    pub fn change_type(&mut self, mime: &str) -> Result<(), AppendError> {
        let mime = Mime::parse(mime)?;
        self.abort();
        self.parser = Parser::new(mime.container);
        self.media.placement.set_generate_timestamps(generates_timestamps(mime.container));
        self.media.mime = mime;
        self.media.init = None;
        self.media.type_changed = true;
        Ok(())
    }

    /// `MediaSource.endOfStream()`: no more is appended unless the stream is reopened.
    pub fn end_of_stream(&mut self) {
        let Self { parser, media, append } = self;
        parser.flush(&mut |event| media.take(event, append));
        media.set_ended(true);
    }

    /// An append or removal after the end: there is more to come.
    pub fn reopen(&mut self) {
        self.media.set_ended(false);
    }

    /// `SourceBuffer.buffered`: times that all tracks can show.
    #[must_use]
    pub fn buffered(&self) -> TimeRanges {
        let ranges: Vec<_> = self.media.tracks.iter().map(|t| t.buffer.buffered()).collect();
        let highest = ranges.iter().filter_map(TimeRanges::end).max();
        let all = TimeRanges::from_iter([(Pts::ZERO, Pts::MAX)]);
        let common = ranges.into_iter().map(|mut ranges| {
            // An ended stream ends where its longest track does.
            if let (true, Some(end), Some(highest)) = (self.media.ended, ranges.end(), highest) {
                ranges.add(end, highest);
            }
            ranges
        });
        common.reduce(|a, b| a.intersection(&b)).unwrap_or_default().intersection(&all)
    }

    /// Tracks in the container's order; empty before the first init segment.
    #[must_use]
    pub fn tracks(&self) -> &[BufferedTrack] {
        &self.media.tracks
    }

    /// The first track of a kind.
    #[must_use]
    pub fn track(&self, kind: TrackKind) -> Option<&BufferedTrack> {
        self.media.tracks.iter().find(|track| track.kind() == kind)
    }

    /// Duration that the last init segment tells, if it does.
    #[must_use]
    pub fn init_duration_micros(&self) -> Option<i64> {
        self.media.duration_micros
    }

    /// Memory that the coded frames take, bookkeeping included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.media.bytes()
    }

    fn push_piece(&mut self, piece: &[u8]) -> Result<(), AppendError> {
        let Self { parser, media, append } = self;
        let parsed = parser.push(piece, &mut |event| media.take(event, append));
        // An event that was refused came before what the parser refused.
        if let Some(error) = append.failed.take() {
            return Err(error);
        }
        parsed?;
        let quota = media.quota.total(&media.tracks);
        if quota.saturating_add(quota / 8) < media.bytes() {
            append.outcome.evicted_bytes += media.make_room(0, append.now)?;
        }
        Ok(())
    }
}

impl Media {
    fn bytes(&self) -> usize {
        self.tracks.iter().map(|track| track.buffer.bytes()).sum()
    }

    /// Evicts until `byte_len` more bytes fit, or nothing at all.
    fn make_room(&mut self, byte_len: usize, now: Pts) -> Result<usize, AppendError> {
        let quota_bytes = self.quota.total(&self.tracks);
        let held = self.bytes();
        if held.saturating_add(byte_len) <= quota_bytes {
            return Ok(0);
        }
        let kept = held.saturating_sub(eviction::evictable_bytes(&self.tracks, now));
        if quota_bytes < kept.saturating_add(byte_len) {
            return Err(AppendError::BufferFull { needed_bytes: byte_len, quota_bytes });
        }
        Ok(eviction::evict(&mut self.tracks, now, quota_bytes.saturating_sub(byte_len)))
    }

    fn set_ended(&mut self, ended: bool) {
        self.ended = ended;
        for track in &mut self.tracks {
            track.buffer.set_ended(ended);
        }
    }

    /// Takes one event of the parser. After an error the rest is ignored.
    fn take(&mut self, event: Event, append: &mut Append) {
        if append.failed.is_some() {
            return;
        }
        match event {
            Event::Init(init) => match self.take_init(init) {
                Ok(reconfigured) => append.outcome.reconfigured |= reconfigured,
                Err(error) => append.failed = Some(error),
            },
            Event::Frame(frame) => {
                if self.take_frame(frame) {
                    append.outcome.frames += 1;
                } else {
                    append.outcome.dropped_frames += 1;
                }
            }
            Event::SegmentStart | Event::SegmentEnd => {}
        }
    }

    fn take_frame(&mut self, frame: CodedFrame) -> bool {
        let index = self.tracks.iter().position(|track| track.config.track.id == frame.track_id);
        index.is_some_and(|index| self.placement.process(&mut self.tracks, index, frame))
    }

    /// "Initialization segment received". Returns whether a configuration changed.
    fn take_init(&mut self, init: Bytes) -> Result<bool, AppendError> {
        let repeated = self.init.as_ref() == Some(&init);
        if !repeated {
            let parsed = InitSegment::parse(self.mime.container, &init)?;
            self.check_codecs(&parsed)?;
            self.duration_micros = parsed.duration_micros;
            if self.tracks.is_empty() {
                self.tracks =
                    parsed.tracks.into_iter().map(|track| self.new_track(track)).collect();
            } else {
                self.reconfigure(parsed.tracks)?;
            }
            self.init = Some(init);
            self.type_changed = false;
        }
        for track in &mut self.tracks {
            track.placement.require_random_access();
        }
        Ok(!repeated)
    }

    fn check_codecs(&self, parsed: &InitSegment) -> Result<(), AppendError> {
        let expected = &self.mime.codecs;
        let unexpected =
            parsed.tracks.iter().find(|t| !expected.is_empty() && !expected.contains(&t.codec));
        let Some(track) = unexpected else { return Ok(()) };
        let announced: Vec<_> = expected.iter().map(|codec| codec.name()).collect();
        let cause =
            format!("it has {} where {} was announced", track.codec.name(), announced.join(", "));
        Err(AppendError::CodecMismatch { cause })
    }

    fn new_track(&mut self, track: Track) -> BufferedTrack {
        BufferedTrack {
            config: self.new_config(track),
            buffer: TrackBuffer::default(),
            placement: TrackPlacement::default(),
        }
    }

    fn new_config(&mut self, track: Track) -> Arc<TrackConfig> {
        let generation = self.next_generation;
        self.next_generation += 1;
        Arc::new(TrackConfig { track, generation })
    }

    /// A further init segment: the same kinds of tracks with the same codecs.
    fn reconfigure(&mut self, mut parsed: Vec<Track>) -> Result<(), AppendError> {
        let mismatch = |cause: String| AppendError::CodecMismatch { cause };
        if parsed.len() != self.tracks.len() {
            let (now, before) = (parsed.len(), self.tracks.len());
            return Err(mismatch(format!("it has {now} tracks where {before} were before")));
        }
        let mut next = Vec::with_capacity(parsed.len());
        for before in self.tracks.iter().map(|track| &track.config.track) {
            // One track of a kind may change its id, several are told apart by it.
            let same_kind = |track: &Track| track.kind == before.kind;
            let several = 1 < self.tracks.iter().filter(|t| t.kind() == before.kind).count();
            let index = parsed
                .iter()
                .position(|track| same_kind(track) && (!several || track.id == before.id))
                .ok_or_else(|| mismatch("it lacks a track that was there before".to_owned()))?;
            let track = parsed.remove(index);
            if track.codec != before.codec && !self.type_changed {
                let (now, before) = (track.codec.name(), before.codec.name());
                return Err(mismatch(format!("codec changes from {before} to {now}")));
            }
            next.push(track);
        }
        let configs: Vec<_> = next.into_iter().map(|track| self.new_config(track)).collect();
        for (track, config) in self.tracks.iter_mut().zip(configs) {
            track.config = config;
        }
        Ok(())
    }
}

/// MPEG audio has no timestamps (W3C byte stream format registry).
fn generates_timestamps(container: Container) -> bool {
    matches!(container, Container::Mp3 | Container::Adts)
}

#[cfg(test)]
mod tests;
