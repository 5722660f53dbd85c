//! Coded frames of one track, in memory, ready to be decoded from any time on.
//!
//! Frames are kept as groups of pictures, ordered by the key frame's presentation time; inside
//! of a group in decoding order. That is also the order in which they are decoded. Sound has
//! groups of one frame. Times are microseconds of the presentation time line.
//!
//! Owned by a [`crate::source_buffer::SourceBuffer`], which decides what is inserted. Pure: no
//! thread, no clock. Readers hold [`Cursor`]s, which stay valid whatever happens here.
//!
//! INVARIANT: no group is empty; `bytes` is the sum over the groups.

mod cursor;
mod gop;

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

pub use cursor::{Cursor, Read, ReadFrame};

use self::gop::{Gop, Stored};
use crate::init::Track;
use crate::ranges::TimeRanges;
use crate::segment::CodedFrame;
use crate::time::Pts;

/// Gaps up to this are played over, as browsers do.
const MIN_TOLERANCE_MICROS: i64 = 100_000;

/// Frame durations above this do not widen the tolerance further.
const MAX_COUNTED_DURATION_MICROS: i64 = 2_000_000;

/// Media that begins within this from time zero is found by a seek to its front.
const START_TOLERANCE_MICROS: i64 = 1_000_000;

/// What a decoder is opened with for a run of frames.
#[derive(Debug)]
pub struct TrackConfig {
    pub track: Track,
    /// Differs between configurations of one source buffer; a decoder is reopened when it
    /// changes.
    pub generation: u64,
}

/// Coded frames of one track.
#[derive(Debug, Default)]
pub struct TrackBuffer {
    gops: BTreeMap<Pts, Gop>,
    /// Key of the group that still grows.
    open: Option<Pts>,
    next_id: u64,
    bytes: usize,
    /// Longest group and longest frame since the buffer was empty.
    longest_gop_micros: i64,
    longest_frame_micros: i64,
    ended: bool,
    /// What is here is all there is in between: no gap is waited for.
    skips_gaps: bool,
}

impl TrackBuffer {
    /// A buffer that is filled in order, with nothing left out: its gaps are the media's own.
    pub(crate) fn skipping_gaps() -> Self {
        Self { skips_gaps: true, ..Self::default() }
    }

    /// Adds a frame behind the one that was inserted before; a key frame begins a group. A
    /// duration of 0 becomes one microsecond: a frame that is here is shown at some time.
    ///
    /// False: the frame was dropped because the group it belongs to is gone.
    pub(crate) fn insert(&mut self, mut frame: CodedFrame, config: Arc<TrackConfig>) -> bool {
        frame.duration_micros = frame.duration_micros.max(1);
        let (pts, duration) = (frame.pts, frame.duration_micros);
        let key = if frame.keyframe { Some(pts) } else { self.open };
        let Some(key) = key else { return false };
        let keyframe = frame.keyframe;
        let stored = Stored { frame, config };
        if keyframe {
            let gop = Gop::new(self.next_id, stored);
            self.next_id += 1;
            self.bytes += gop.bytes();
            if let Some(replaced) = self.gops.insert(key, gop) {
                self.bytes -= replaced.bytes();
            }
            self.open = Some(key);
        } else {
            let Some(gop) = self.gops.get_mut(&key) else { return false };
            self.bytes -= gop.bytes();
            gop.push(stored);
            self.bytes += gop.bytes();
        }
        self.longest_frame_micros = self.longest_frame_micros.max(duration);
        if let Some(gop) = self.gops.get(&key) {
            let reach = gop.end().since(key).max(key.since(gop.start()));
            self.longest_gop_micros = self.longest_gop_micros.max(reach);
        }
        true
    }

    /// The frame whose presentation interval contains `time`, by its own presentation time.
    pub(crate) fn frame_at(&self, time: Pts) -> Option<Pts> {
        self.gops_near(time, time.plus(1))
            .filter(|gop| gop.ranges().contains(time))
            .flat_map(|gop| gop.frames())
            .map(|stored| &stored.frame)
            .find(|frame| frame.pts <= time && time < frame.end())
            .map(|frame| frame.pts)
    }

    /// Removes frames with `start <= pts < end` and what depends on them, because other frames
    /// are appended there: what is lost before `start` is played over.
    pub(crate) fn overlap(&mut self, start: Pts, end: Pts) {
        let before = self.bridges_near(start, end);
        self.remove(start, end);
        for key in before {
            if let Some(gop) = self.gops.get_mut(&key) {
                gop.bridge(start);
            }
        }
    }

    /// Groups that have frames shown both before `start` and in `start..end`.
    fn bridges_near(&self, start: Pts, end: Pts) -> Vec<Pts> {
        let cut = |gop: &&Gop| gop.start() < start && gop.ranges().intersects(start, end);
        self.gops_near(start, end).filter(cut).map(Gop::key).collect()
    }

    /// Removes frames with `start <= pts < end` and what depends on them.
    pub(crate) fn remove(&mut self, start: Pts, end: Pts) {
        let keys: Vec<Pts> = self.gops_near(start, end).map(Gop::key).collect();
        for key in keys {
            let Some(gop) = self.gops.get_mut(&key) else { continue };
            let removed = gop.cut(start, end);
            self.bytes -= removed;
            if gop.frames().is_empty() {
                self.gops.remove(&key);
            }
            if removed != 0 && self.open == Some(key) {
                self.open = None;
            }
        }
        if self.gops.is_empty() {
            self.longest_gop_micros = 0;
            self.longest_frame_micros = 0;
        }
    }

    /// `SourceBuffer.remove()`: like [`Self::remove`], up to the next key frame from `end` on
    /// (MSE, "coded frame removal").
    pub(crate) fn remove_range(&mut self, start: Pts, end: Pts) {
        let next_key = self.gops.range(end..).next().map(|(key, _)| *key);
        self.remove(start, next_key.unwrap_or(Pts::MAX));
    }

    /// No frame that is inserted from here on depends on one that is here.
    pub(crate) fn close_group(&mut self) {
        self.open = None;
    }

    pub(crate) fn set_ended(&mut self, ended: bool) {
        self.ended = ended;
    }

    /// The first group may go when it is neither played now nor appended to: returns its end.
    pub(crate) fn evictable_front(&self, now: Pts) -> Option<Pts> {
        let current = *self.gops.range(..=now).next_back()?.0;
        let (key, gop) = self.gops.first_key_value()?;
        (*key < current && self.open != Some(*key)).then(|| gop.end())
    }

    /// The last group may go when it lies behind the one played now and was not the last one
    /// appended to: returns its start.
    pub(crate) fn evictable_back(&self, now: Pts) -> Option<Pts> {
        let current = self.gops.range(..=now).next_back().map(|(key, _)| *key);
        let (key, gop) = self.gops.last_key_value()?;
        (current.is_none_or(|current| current < *key) && self.open != Some(*key))
            .then(|| gop.start())
    }

    /// Bytes that would go if all that may go did.
    pub(crate) fn evictable_bytes(&self, now: Pts) -> usize {
        let current = self.gops.range(..=now).next_back().map(|(key, _)| *key);
        let closed = |(key, _): &(&Pts, &Gop)| self.open != Some(**key);
        let bytes = |(_, gop): (&Pts, &Gop)| gop.bytes();
        let before = self.gops.iter().take_while(closed);
        let before = before.take_while(|(key, _)| current.is_some_and(|current| **key < current));
        let behind = self.gops.iter().rev().take_while(closed);
        let behind = behind.take_while(|(key, _)| current.is_none_or(|current| current < **key));
        before.map(bytes).sum::<usize>() + behind.map(bytes).sum::<usize>()
    }

    /// Removes the first group; returns its bytes.
    pub(crate) fn evict_front(&mut self) -> usize {
        let evicted = self.gops.pop_first().map_or(0, |(_, gop)| gop.bytes());
        self.bytes -= evicted;
        evicted
    }

    /// Removes the last group; returns its bytes.
    pub(crate) fn evict_back(&mut self) -> usize {
        let evicted = self.gops.pop_last().map_or(0, |(_, gop)| gop.bytes());
        self.bytes -= evicted;
        evicted
    }

    /// Memory that the frames take, bookkeeping included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Presentation times that can be shown. Gaps of up to twice the longest frame are joined.
    #[must_use]
    pub fn buffered(&self) -> TimeRanges {
        let gap = 2 * self.longest_frame_micros.min(MAX_COUNTED_DURATION_MICROS);
        let mut buffered = TimeRanges::new();
        for gop in self.gops.values() {
            for range in gop.ranges().iter() {
                buffered.add_within(range.start, range.end, gap);
            }
            if gop.end() < gop.bridged_end() {
                buffered.add_within(gop.end(), gop.bridged_end(), gap);
            }
        }
        buffered
    }

    /// End of the last frame shown.
    #[must_use]
    pub fn highest_end(&self) -> Option<Pts> {
        let longest = self.longest_gop_micros;
        let (last, _) = self.gops.last_key_value()?;
        self.gops.range(last.plus(-longest)..).map(|(_, gop)| gop.end()).max()
    }

    /// Frames that are here.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        self.gops.values().map(|gop| gop.frames().len()).sum()
    }

    /// All frames in the order in which they are decoded.
    pub fn frames(&self) -> impl Iterator<Item = &CodedFrame> {
        self.gops.values().flat_map(Gop::frames).map(|stored| &stored.frame)
    }

    /// Start of the first frame shown.
    pub(crate) fn start(&self) -> Option<Pts> {
        self.gops.first_key_value().map(|(_, gop)| gop.start())
    }

    /// Gaps up to this are played over.
    fn tolerance_micros(&self) -> i64 {
        if self.skips_gaps {
            return i64::MAX;
        }
        let counted = self.longest_frame_micros.min(MAX_COUNTED_DURATION_MICROS);
        MIN_TOLERANCE_MICROS.max(2 * counted)
    }

    /// Groups that may have frames shown in `start..end`.
    fn gops_near(&self, start: Pts, end: Pts) -> impl Iterator<Item = &Gop> {
        let (from, to) = (start.plus(-self.longest_gop_micros), end.plus(self.longest_gop_micros));
        let (from, to) = if from <= to { (from, to) } else { (from, from) };
        self.gops.range(from..=to).map(|(_, gop)| gop)
    }

    fn gop_after(&self, key: Pts) -> Option<&Gop> {
        self.gops.range((Excluded(key), Unbounded)).next().map(|(_, gop)| gop)
    }
}

#[cfg(test)]
mod tests;
