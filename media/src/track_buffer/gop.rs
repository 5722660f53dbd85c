//! One group of pictures: a key frame and what was appended behind it.

use std::sync::Arc;

use super::TrackConfig;
use crate::ranges::TimeRanges;
use crate::segment::CodedFrame;
use crate::time::Pts;

/// Counted for each frame on top of its bytes: its bookkeeping and its allocations.
pub(super) const FRAME_OVERHEAD_BYTES: usize = 256;

/// Frames in decoding order of which only the first can be decoded by itself.
#[derive(Debug)]
pub(super) struct Gop {
    /// Never used again in this track buffer.
    pub(super) id: u64,
    /// INVARIANT: not empty; the first one is the key frame; none has duration 0.
    frames: Vec<Stored>,
    /// Presentation intervals of `frames`.
    ranges: TimeRanges,
    bytes: usize,
    /// Others were appended over its end, from this time on: what is missing before it, because
    /// it was decoded by what is gone, is not waited for.
    bridged_to: Option<Pts>,
}

#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) frame: CodedFrame,
    pub(super) config: Arc<TrackConfig>,
}

impl Gop {
    pub(super) fn new(id: u64, key: Stored) -> Self {
        let (frames, ranges) = (Vec::new(), TimeRanges::new());
        let mut gop = Self { id, frames, ranges, bytes: 0, bridged_to: None };
        gop.push(key);
        gop
    }

    pub(super) fn push(&mut self, stored: Stored) {
        self.ranges.add(stored.frame.pts, stored.frame.end());
        self.bytes += cost(&stored.frame);
        self.frames.push(stored);
    }

    pub(super) fn frames(&self) -> &[Stored] {
        &self.frames
    }

    pub(super) fn ranges(&self) -> &TimeRanges {
        &self.ranges
    }

    /// First shown time; frames that lead the key frame count.
    pub(super) fn start(&self) -> Pts {
        self.ranges.start().unwrap_or(self.key())
    }

    pub(super) fn end(&self) -> Pts {
        self.ranges.end().unwrap_or(self.key())
    }

    /// The end of what it is good for: its own, or what was appended over that.
    pub(super) fn bridged_end(&self) -> Pts {
        self.bridged_to.map_or(self.end(), |to| to.max(self.end()))
    }

    /// Frames from `start` on are appended over it.
    pub(super) fn bridge(&mut self, start: Pts) {
        self.bridged_to = self.bridged_to.max(Some(start));
    }

    pub(super) fn key(&self) -> Pts {
        self.frames.first().map_or(Pts::ZERO, |stored| stored.frame.pts)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Removes the first frame shown in `start..end` and all behind it, which may need it.
    /// Returns the bytes that are gone; the group may be empty afterwards.
    pub(super) fn cut(&mut self, start: Pts, end: Pts) -> usize {
        if !self.ranges.intersects(start, end) {
            return 0;
        }
        let hit = |stored: &Stored| (start..end).contains(&stored.frame.pts);
        let Some(first) = self.frames.iter().position(hit) else { return 0 };
        self.frames.truncate(first);
        let kept = self.frames.iter();
        self.ranges = kept.clone().map(|s| (s.frame.pts, s.frame.end())).collect();
        let left = kept.map(|stored| cost(&stored.frame)).sum();
        let removed = self.bytes - left;
        self.bytes = left;
        self.bridged_to = None;
        removed
    }
}

fn cost(frame: &CodedFrame) -> usize {
    frame.data.len() + FRAME_OVERHEAD_BYTES
}
