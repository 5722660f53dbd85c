//! What was fetched of media by URL: the coded frames of its tracks around the position.
//!
//! Filled by a source's worker, read by the decode threads, guarded by the lock of [`Buffers`].
//! Pure. INVARIANT: what is here is one stretch of the resource, read in order from `floor` on;
//! a seek that leaves it starts a new one.
//!
//! [`Buffers`]: super::Buffers

use crate::fetch::{Line, SourceError, SourceFacts, SourceTrack};
use crate::ranges::TimeRanges;
use crate::segment::{CodedFrame, TrackKind};
use crate::time::Pts;
use crate::track_buffer::{Cursor, TrackBuffer, TrackConfig};
use std::sync::Arc;

/// Media kept ready ahead of the position; less until it is played for the first time.
const AHEAD_MICROS: i64 = 30_000_000;
const AHEAD_BEFORE_PLAY_MICROS: i64 = 5_000_000;

/// Reading starts again when this much of that is used up.
const REFILL_MICROS: i64 = 5_000_000;

/// Memory for coded frames before and behind the position.
const MAX_BYTES: usize = 32 << 20;

/// A track with less than this ahead may go beyond, because pictures and sound lie apart in
/// the resource, or no group of pictures can be let go.
const STARVING_MICROS: i64 = 2_000_000;
const MAX_STARVING_BYTES: usize = 128 << 20;

/// A track has ended when it is this close to the end that its container tells, and the others
/// were read this much further.
const TRACK_END_MICROS: i64 = 150_000;
const TRACK_GONE_MICROS: i64 = 1_000_000;

/// Looked at again after this much media, where bytes are what is short.
const BYTES_LOOK_MICROS: i64 = 500_000;

/// A sought time this little ahead of what was read is reached by reading on.
const READ_ON_MICROS: i64 = 2_000_000;

/// Whether more may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Yes,
    /// Not before the position is here.
    From(Pts),
    /// Not ever: pictures and sound lie too far apart.
    Never,
}

/// See the module.
pub(super) struct Fetched {
    tracks: Vec<FetchedTrack>,
    line: Arc<Line>,
    /// The worker reads, or is about to: a seek away from here must cut the line.
    pub(super) reading: bool,
    ended: bool,
    pub(super) failure: Option<SourceError>,
    pub(super) duration_micros: Option<i64>,
    seekable: bool,
    /// Where the resource begins, see [`SourceFacts::start`].
    start: Pts,
    /// Where the stretch begins that was asked for.
    floor: Pts,
}

struct FetchedTrack {
    config: Arc<TrackConfig>,
    buffer: TrackBuffer,
    /// As the container tells.
    end: Option<Pts>,
    ended: bool,
    /// Frames were let go of, so the first one here is not the first one there is.
    evicted: bool,
}

impl Fetched {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self {
            tracks: Vec::new(),
            line,
            reading: false,
            ended: false,
            failure: None,
            duration_micros: None,
            seekable: false,
            start: Pts::ZERO,
            floor: Pts(i64::MIN),
        }
    }

    pub(super) fn open(&mut self, facts: SourceFacts) {
        let SourceFacts { tracks, start, duration_micros, seekable } = facts;
        (self.start, self.duration_micros, self.seekable) = (start, duration_micros, seekable);
        // Its worker goes on to its first look at what to do.
        self.reading = true;
        let tracks = (0..).zip(tracks).map(|(generation, SourceTrack { track, end })| {
            let config = Arc::new(TrackConfig { track, generation });
            let buffer = TrackBuffer::skipping_gaps();
            FetchedTrack { config, buffer, end, ended: false, evicted: false }
        });
        self.tracks = tracks.collect();
    }

    /// Takes the next frame of the resource. True when it is the first one here.
    pub(super) fn insert(&mut self, track: usize, frame: CodedFrame) -> bool {
        let first = self.tracks.iter().all(|track| track.buffer.bytes() == 0);
        let Some(track) = self.tracks.get_mut(track) else { return false };
        let inserted = track.buffer.insert(frame, Arc::clone(&track.config));
        track.set_ended(false);
        first && inserted
    }

    /// The resource was read to its end.
    pub(super) fn end(&mut self) {
        self.ended = true;
        for track in &mut self.tracks {
            track.set_ended(true);
        }
        let reached = self.tracks.iter().filter_map(|track| track.buffer.highest_end()).max();
        if self.duration_micros.is_none() && self.floor <= Pts::ZERO {
            self.duration_micros = reached.map(|end| end.0);
        }
    }

    /// Where the resource begins, once that is known.
    pub(super) fn start(&self) -> Option<Pts> {
        self.is_open().then_some(self.start)
    }

    pub(super) fn is_open(&self) -> bool {
        !self.tracks.is_empty()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// From here on another stretch of the resource is read, to play from `to`.
    pub(super) fn restart(&mut self, to: Pts) {
        self.floor = to;
        self.ended = false;
        for track in &mut self.tracks {
            track.buffer.close_group();
            track.buffer.remove(Pts(i64::MIN), Pts::MAX);
            track.set_ended(false);
            track.evicted = false;
        }
    }

    /// Wakes a worker that waits for the network.
    pub(super) fn interrupt(&self) {
        self.line.interrupt();
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.line.is_cut()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.line.is_closed()
    }

    /// Ends the worker.
    pub(super) fn close(&self) {
        self.line.close();
    }

    /// Whether playing from `time` needs no other stretch: it is here, or soon will be. What
    /// cannot be sought is read on for any time ahead.
    pub(super) fn leads_to(&self, time: Pts) -> bool {
        if self.tracks.iter().all(|track| self.seek_in(track, time).is_some()) {
            return true;
        }
        let ahead = time.since(self.read_until());
        !self.ended && 0 <= ahead && (ahead <= READ_ON_MICROS || !self.seekable)
    }

    /// What was read after `position`, in microseconds; `None`: no more is being read.
    pub(super) fn read_ahead(&self, position: Pts) -> Option<i64> {
        let reads = self.reading && !self.ended && self.failure.is_none();
        reads.then(|| self.read_until().since(position))
    }

    /// Up to where all tracks were read.
    fn read_until(&self) -> Pts {
        let tracks = self.tracks.iter().filter(|track| !track.ended);
        let ends = tracks.map(|track| track.buffer.highest_end());
        ends.min().flatten().unwrap_or(self.floor.max(self.start))
    }

    pub(super) fn track(&self, kind: TrackKind) -> Option<(&Arc<TrackConfig>, &TrackBuffer)> {
        let track = self.tracks.iter().find(|track| track.kind() == kind)?;
        Some((&track.config, &track.buffer))
    }

    pub(super) fn buffers(&self) -> impl Iterator<Item = &TrackBuffer> {
        self.tracks.iter().map(|track| &track.buffer)
    }

    /// A cursor for playing from `time`; `None`: that has not been read.
    pub(super) fn seek(&self, kind: TrackKind, time: Pts) -> Option<Cursor> {
        let track = self.tracks.iter().find(|track| track.kind() == kind)?;
        self.seek_in(track, time)
    }

    fn seek_in(&self, track: &FetchedTrack, time: Pts) -> Option<Cursor> {
        if time < self.floor {
            return None;
        }
        // Before the first frame there is nothing that could be read, unless it was let go.
        let start = track.buffer.start()?;
        match time < start {
            true if track.evicted => None,
            true => track.buffer.seek(start),
            false => track.buffer.seek(time),
        }
    }

    /// Times that all tracks can show.
    pub(super) fn buffered(&self) -> TimeRanges {
        let highest = self.tracks.iter().filter_map(|track| track.buffer.highest_end()).max();
        let ranges = self.tracks.iter().map(|track| {
            let mut ranges = track.buffer.buffered();
            // A track that has ended is no reason to wait.
            if let (true, Some(end), Some(highest)) = (track.ended, ranges.end(), highest) {
                ranges.add(end, highest);
            }
            ranges
        });
        let all = ranges.reduce(|all, one| all.intersection(&one)).unwrap_or_default();
        all.intersection(&TimeRanges::from_iter([(Pts::ZERO, Pts::MAX)]))
    }

    /// Lets go of what is not needed at `position` and says whether more may be read.
    pub(super) fn make_room(&mut self, position: Pts, started: bool) -> Room {
        // Nothing is there to be played before the first frame.
        let position = position.max(self.first_start().unwrap_or(position));
        while MAX_BYTES <= self.bytes() && self.evict(position) {}
        let bytes = self.bytes();
        let ends = self.tracks.iter().filter_map(|track| track.buffer.highest_end());
        let furthest = ends.max().unwrap_or(position);
        for track in &mut self.tracks {
            if !track.ended && track.is_over(furthest) {
                track.set_ended(true);
            }
        }
        let ahead = if started { AHEAD_MICROS } else { AHEAD_BEFORE_PLAY_MICROS };
        if bytes < MAX_BYTES && furthest.since(position) < ahead {
            return Room::Yes;
        }
        let starving = |track: &FetchedTrack| {
            let ahead = track.buffer.highest_end().map(|end| end.since(position));
            !track.ended && ahead.is_none_or(|ahead| ahead < STARVING_MICROS)
        };
        if self.tracks.iter().any(starving) {
            if bytes < MAX_STARVING_BYTES {
                return Room::Yes;
            }
            // A track that has nothing for so long has ended, unless that is said of all.
            if self.tracks.iter().all(starving) {
                return Room::Never;
            }
            for track in &mut self.tracks {
                if starving(track) {
                    track.set_ended(true);
                }
            }
        }
        let lowest = self.read_until().plus(-STARVING_MICROS);
        let by_time = furthest.plus(REFILL_MICROS - ahead).min(lowest);
        let look = position.plus(BYTES_LOOK_MICROS);
        Room::From(if bytes < MAX_BYTES { by_time.max(position.plus(1)) } else { look })
    }

    /// Where the first frame of all begins, if it is still here.
    fn first_start(&self) -> Option<Pts> {
        let evicted = self.tracks.iter().any(|track| track.evicted);
        let starts = self.tracks.iter().filter_map(|track| track.buffer.start());
        starts.min().filter(|_| !evicted)
    }

    fn bytes(&self) -> usize {
        self.tracks.iter().map(|track| track.buffer.bytes()).sum()
    }

    /// Lets go of the oldest group before the position, if there is one.
    fn evict(&mut self, position: Pts) -> bool {
        let tracks = self.tracks.iter_mut();
        let fronts =
            tracks.filter_map(|track| Some((track.buffer.evictable_front(position)?, track)));
        match fronts.min_by_key(|(end, _)| *end) {
            Some((_, track)) => {
                track.evicted = true;
                0 < track.buffer.evict_front()
            }
            None => false,
        }
    }
}

impl FetchedTrack {
    fn kind(&self) -> TrackKind {
        self.config.track.kind
    }

    /// Whether all of it was read, seeing that some track was read up to `furthest`.
    fn is_over(&self, furthest: Pts) -> bool {
        let Some(read) = self.buffer.highest_end() else { return false };
        self.end.is_some_and(|end| end.since(read) <= TRACK_END_MICROS)
            && TRACK_GONE_MICROS < furthest.since(read)
    }

    fn set_ended(&mut self, ended: bool) {
        self.ended = ended;
        self.buffer.set_ended(ended);
    }
}
