//! The coded media of one player, shared by whoever brings it and by the decode threads: the
//! SourceBuffers that a page appends to, or what was fetched by URL.
//!
//! One lock and one condition variable: appends, removals and orders wake the decode threads,
//! which wait for media here and for nothing else. The lock is held for one piece of an append
//! (16 KiB) or one read at a time.

mod source;

pub(crate) use source::Work;

use super::fetched::Fetched;
use super::threads::Order;
use crate::ranges::TimeRanges;
use crate::segment::TrackKind;
use crate::source_buffer::{AppendError, AppendParams, BufferedTrack, SourceBuffer};
use crate::time::Pts;
use crate::track_buffer::{Cursor, Read, ReadFrame, TrackBuffer, TrackConfig};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What an append did.
#[derive(Clone, Debug)]
pub struct Appended {
    pub buffered: TimeRanges,
    /// Media was let go to stay within memory: the page should know.
    pub evicted: bool,
}

/// No position to look at.
const NO_LOOK: i64 = 0;

/// See the module.
#[derive(Default)]
pub struct Buffers {
    inner: Mutex<Inner>,
    changed: Condvar,
    position: AtomicI64,
    /// A position at which a source's worker looks again; 0 is none.
    look_at: AtomicI64,
}

#[derive(Default)]
struct Inner {
    streams: BTreeMap<u16, SourceBuffer>,
    /// Of media by URL; then there are no streams.
    fetched: Option<Fetched>,
    order: Order,
    first_keyframe: Option<Instant>,
}

/// Where a decode thread reads, and what for.
pub(crate) struct ReadCursor {
    stream: u16,
    generation: u64,
    /// `None` until media at the order's start is there.
    at: Option<Cursor>,
}

/// What a decode thread gets.
pub(crate) enum Next {
    Frame(ReadFrame),
    /// Everything up to the end of the stream was read; only new media or a seek follow.
    End,
    /// The order changed: look at it.
    Again,
}

impl Buffers {
    /// Adds a SourceBuffer for `mime`.
    ///
    /// # Errors
    /// The type cannot be played.
    pub fn add_stream(&self, stream: u16, mime: &str) -> Result<(), AppendError> {
        let buffer = SourceBuffer::new(mime)?;
        self.lock().streams.insert(stream, buffer);
        Ok(())
    }

    pub fn remove_stream(&self, stream: u16) {
        self.change(|inner| inner.streams.remove(&stream));
    }

    /// Begins an append of `bytes` bytes.
    ///
    /// # Errors
    /// The buffer is full even after eviction.
    pub fn begin_append(
        &self,
        stream: u16,
        params: &AppendParams,
        bytes: usize,
    ) -> Result<(), AppendError> {
        let now = self.position();
        self.change(|inner| match inner.streams.get_mut(&stream) {
            Some(buffer) => buffer.begin_append(params, bytes, now).map(drop),
            None => Ok(()),
        })
    }

    /// Takes the next bytes of the append. True when coded frames can be read for the first
    /// time.
    ///
    /// # Errors
    /// The media is refused; the rest of the append is void.
    pub fn push(&self, stream: u16, bytes: &[u8]) -> Result<bool, AppendError> {
        self.change(|inner| {
            let Some(buffer) = inner.streams.get_mut(&stream) else { return Ok(false) };
            let pushed = buffer.push(bytes);
            let first = inner.first_keyframe.is_none()
                && buffer.tracks().iter().any(|track| 0 < track.buffer().bytes());
            if first {
                inner.first_keyframe = Some(Instant::now());
            }
            pushed.map(|()| first)
        })
    }

    /// Ends the append.
    ///
    /// # Errors
    /// What a push ended with.
    pub fn end_append(&self, stream: u16) -> Result<Appended, AppendError> {
        let mut inner = self.lock();
        let Some(buffer) = inner.streams.get_mut(&stream) else {
            return Ok(Appended { buffered: TimeRanges::new(), evicted: false });
        };
        let outcome = buffer.end_append()?;
        Ok(Appended { buffered: buffer.buffered(), evicted: 0 < outcome.evicted_bytes })
    }

    /// `abort()`.
    pub fn abort(&self, stream: u16) {
        self.change(|inner| inner.streams.get_mut(&stream).map(SourceBuffer::abort));
    }

    /// `remove(start, end)`; what is left.
    pub fn remove(&self, stream: u16, start: Pts, end: Pts) -> TimeRanges {
        self.change(|inner| match inner.streams.get_mut(&stream) {
            Some(buffer) => {
                buffer.remove(start, end);
                buffer.buffered()
            }
            None => TimeRanges::new(),
        })
    }

    /// `changeType(mime)`.
    ///
    /// # Errors
    /// The new type cannot be played.
    pub fn change_type(&self, stream: u16, mime: &str) -> Result<(), AppendError> {
        self.change(|inner| match inner.streams.get_mut(&stream) {
            Some(buffer) => buffer.change_type(mime),
            None => Ok(()),
        })
    }

    /// `endOfStream()` as far as this stream goes.
    pub fn end_of_stream(&self, stream: u16) {
        self.change(|inner| inner.streams.get_mut(&stream).map(SourceBuffer::end_of_stream));
    }

    /// What all streams together can play.
    pub fn buffered(&self) -> TimeRanges {
        let inner = self.lock();
        if let Some(fetched) = &inner.fetched {
            return fetched.buffered();
        }
        let ranges = inner.streams.values().map(SourceBuffer::buffered);
        ranges.reduce(|all, one| all.intersection(&one)).unwrap_or_default()
    }

    /// What of a file was read after `position`, in microseconds, while it is being read.
    pub(super) fn read_ahead(&self, position: Pts) -> Option<i64> {
        self.lock().fetched.as_ref()?.read_ahead(position)
    }

    /// Coded media bits per second of what is buffered, over all streams.
    pub fn bit_rate(&self) -> f64 {
        let inner = self.lock();
        let tracks = inner.streams.values().flat_map(SourceBuffer::tracks);
        let fetched = inner.fetched.iter().flat_map(Fetched::buffers);
        tracks.map(BufferedTrack::buffer).chain(fetched).map(bit_rate).sum()
    }

    /// Playback position as the player last said.
    pub fn position(&self) -> Pts {
        Pts(self.position.load(Ordering::Relaxed))
    }

    pub(crate) fn set_position(&self, position: Pts) {
        self.position.store(position.0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let look_at = self.look_at.load(Ordering::Relaxed);
        if look_at != NO_LOOK && look_at <= position.0 {
            self.look_at.store(NO_LOOK, Ordering::Relaxed);
            self.change(|_| ());
        }
    }

    /// When the first coded frame (a key frame) was whole.
    pub(super) fn first_keyframe_at(&self) -> Option<Instant> {
        self.lock().first_keyframe
    }

    pub(super) fn has_track(&self, kind: TrackKind) -> bool {
        self.lock().track(kind).is_some()
    }

    /// Whether a stream was announced that has not said yet what it holds. As a media element
    /// that knows its tracks only when each source buffer has had its init segment (Media Source
    /// Extensions, "Initialization Segment Received"), nothing plays before.
    pub(super) fn awaits_tracks(&self) -> bool {
        self.lock().streams.values().any(|buffer| buffer.tracks().is_empty())
    }

    /// The configuration of the track of this kind that is appended now.
    pub(super) fn config(&self, kind: TrackKind) -> Option<Arc<TrackConfig>> {
        self.lock().track(kind).map(|(config, _)| Arc::clone(config))
    }

    /// Changes the order and wakes the decode threads.
    pub(crate) fn order(&self, change: impl FnOnce(&mut Order)) {
        self.change(|inner| {
            let before = inner.order.generation;
            change(&mut inner.order);
            inner.tell_source(before);
        });
    }

    /// Ends the decode threads.
    pub(crate) fn stop(&self) {
        self.order(|order| order.stopped = true);
    }

    /// The next coded frame of `kind` for a thread that follows `generation`, waiting for media
    /// or for another order. `at_end`: the end of the stream has been seen, only media behind
    /// it counts. `dry` is called (under the lock) before it waits for media that is missing.
    pub(crate) fn next(
        &self,
        kind: TrackKind,
        cursor: &mut Option<ReadCursor>,
        generation: u64,
        at_end: bool,
        mut dry: impl FnMut(),
    ) -> (Order, Next) {
        let mut inner = self.lock();
        loop {
            let order = inner.order;
            match inner.look(kind, cursor, generation) {
                Look::Again => return (order, Next::Again),
                Look::Read(Read::Frame(frame)) => return (order, Next::Frame(frame)),
                Look::Read(Read::EndOfStream) if !at_end => return (order, Next::End),
                Look::Read(Read::EndOfStream) | Look::Nothing => {}
                Look::Read(Read::Wait) => dry(),
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn change<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        let result = act(&mut self.lock());
        self.changed.notify_all();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a decode thread finds.
enum Look {
    Read(Read),
    /// There is no such track, or no order yet.
    Nothing,
    /// The order is another than the one it follows.
    Again,
}

impl Inner {
    /// What is there for a thread that follows `generation`. Before the first order that is
    /// nothing, though media may have come: what were read now would be read again.
    fn look(&self, kind: TrackKind, cursor: &mut Option<ReadCursor>, generation: u64) -> Look {
        let order = &self.order;
        if order.stopped || order.generation != generation {
            return Look::Again;
        }
        if generation == Order::NONE {
            return Look::Nothing;
        }
        self.read(kind, cursor).map_or(Look::Nothing, Look::Read)
    }

    /// The first track of a kind.
    fn track(&self, kind: TrackKind) -> Option<(&Arc<TrackConfig>, &TrackBuffer)> {
        if let Some(fetched) = &self.fetched {
            return fetched.track(kind);
        }
        let track = self.streams.values().find_map(|buffer| buffer.track(kind))?;
        Some((track.config(), track.buffer()))
    }

    /// Reads on, or seeks first; `None`: there is no track of this kind yet.
    fn read(&self, kind: TrackKind, cursor: &mut Option<ReadCursor>) -> Option<Read> {
        let generation = self.order.generation;
        if let Some(fetched) = &self.fetched {
            let (_, buffer) = fetched.track(kind)?;
            if cursor.as_ref().is_none_or(|cursor| cursor.generation != generation) {
                *cursor = Some(ReadCursor { stream: 0, generation, at: None });
            }
            let at = &mut cursor.as_mut()?.at;
            if at.is_none() {
                *at = fetched.seek(kind, self.order.start);
            }
            return Some(at.as_mut().map_or(Read::Wait, |at| buffer.next(at)));
        }
        let stale = cursor.as_ref().is_none_or(|cursor| {
            let gone = !self.streams.contains_key(&cursor.stream);
            gone || cursor.generation != generation
        });
        if stale {
            let has_track = |(_, buffer): &(&u16, &SourceBuffer)| buffer.track(kind).is_some();
            let (stream, _) = self.streams.iter().find(has_track)?;
            *cursor = Some(ReadCursor { stream: *stream, generation, at: None });
        }
        let place = cursor.as_mut()?;
        let buffer = self.streams.get(&place.stream)?.track(kind)?.buffer();
        if place.at.is_none() {
            place.at = buffer.seek(self.order.start);
        }
        Some(match &mut place.at {
            Some(at) => buffer.next(at),
            None => Read::Wait,
        })
    }
}

/// Bits per second of what a track holds.
fn bit_rate(buffer: &TrackBuffer) -> f64 {
    let micros: i64 = buffer.buffered().iter().map(|range| range.end.since(range.start)).sum();
    let seconds = Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64();
    let bytes = f64::from(u32::try_from(buffer.bytes()).unwrap_or(u32::MAX));
    if 0.0 < seconds { bytes * 8.0 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests;
