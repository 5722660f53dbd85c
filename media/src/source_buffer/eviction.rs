//! Coded frame eviction: which groups go when an append does not fit.
//!
//! First what lies before the position played, oldest first; then what lies behind it, from
//! the end. Never the group that is played and never the one that was last appended to, so
//! that appending at the end of a full buffer is refused instead of eating its own tail.

use super::BufferedTrack;
use crate::segment::TrackKind;
use crate::time::Pts;

/// Memory for coded frames, in bytes. Bookkeeping counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Of each video track.
    pub video_bytes: usize,
    /// Of each audio track.
    pub audio_bytes: usize,
}

/// Chromium's limits.
impl Default for Quota {
    fn default() -> Self {
        Self { video_bytes: 150 << 20, audio_bytes: 12 << 20 }
    }
}

impl Quota {
    /// What a source buffer with these tracks may hold. Before the first init segment: all.
    pub(super) fn total(self, tracks: &[BufferedTrack]) -> usize {
        let of_kind = |kind| match kind {
            TrackKind::Video => self.video_bytes,
            TrackKind::Audio => self.audio_bytes,
        };
        if tracks.is_empty() {
            return self.video_bytes.saturating_add(self.audio_bytes);
        }
        // Several tracks of a kind share its quota: a page cannot multiply it.
        [TrackKind::Video, TrackKind::Audio]
            .into_iter()
            .filter(|kind| tracks.iter().any(|track| track.kind() == *kind))
            .map(of_kind)
            .fold(0, usize::saturating_add)
    }
}

/// Evicts until the tracks hold at most `target_bytes` or nothing more may go. Returns the
/// bytes that went.
pub(super) fn evict(tracks: &mut [BufferedTrack], now: Pts, target_bytes: usize) -> usize {
    let mut evicted = 0;
    let mut held: usize = tracks.iter().map(|track| track.buffer.bytes()).sum();
    while target_bytes < held {
        let front = tracks
            .iter_mut()
            .filter_map(|track| Some((track.buffer.evictable_front(now)?, track)))
            .min_by_key(|(end, _)| *end);
        let bytes = if let Some((_, track)) = front {
            track.buffer.evict_front()
        } else {
            let back = tracks
                .iter_mut()
                .filter_map(|track| Some((track.buffer.evictable_back(now)?, track)))
                .max_by_key(|(start, _)| *start);
            let Some((_, track)) = back else { break };
            track.buffer.evict_back()
        };
        evicted += bytes;
        held = held.saturating_sub(bytes);
    }
    evicted
}

/// The bytes that [`evict`] could free at most.
pub(super) fn evictable_bytes(tracks: &[BufferedTrack], now: Pts) -> usize {
    tracks.iter().map(|track| track.buffer.evictable_bytes(now)).sum()
}
