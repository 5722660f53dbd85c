//! From blocks to frames with a duration.
//!
//! WebM blocks need not say how long they last. In this order: BlockDuration, what the Opus
//! packet says itself, DefaultDuration, the distance to the next block of the track. Only in
//! the last case is a frame held back, until that next block or the end of the cluster.

use bytes::Bytes;

use super::super::{CodedFrame, Event, ParseError, TrackKind};
use super::block::Block;
use super::header::{Header, Track};
use crate::time::{Pts, micros_from_nanos};

/// Frame durations of one track; one per track of the init segment.
#[derive(Debug)]
pub(super) struct TrackTiming {
    track: Track,
    /// Frames of the last block, which waits for the next one.
    held: Option<Held>,
    /// Of one frame, where nothing says: the longest picture so far, as in Chromium (after a
    /// short one, an uneven next picture would count as a gap), or the last sound frame.
    estimate_nanos: Option<i128>,
}

#[derive(Debug)]
struct Held {
    nanos: i128,
    keyframe: bool,
    frames: Vec<Bytes>,
}

impl TrackTiming {
    pub(super) fn new(track: Track) -> Self {
        Self { track, held: None, estimate_nanos: None }
    }

    pub(super) fn number(&self) -> u64 {
        self.track.number.into()
    }

    /// Emits the block's frames, or holds them; emits those that were held.
    pub(super) fn block(
        &mut self,
        header: &Header,
        cluster_timestamp: u64,
        block: &Block<'_>,
        sink: &mut impl FnMut(Event),
    ) -> Result<(), ParseError> {
        if self.track.kind.is_none() {
            return Ok(());
        }
        let scale = i128::from(header.timestamp_scale);
        let steps = i128::from(cluster_timestamp) + i128::from(block.timestamp);
        let nanos = steps * scale - i128::from(self.track.codec_delay_nanos);
        // Nothing later may fail, so the whole block is checked here.
        if micros_from_nanos(nanos.saturating_mul(2)).is_none() {
            return Err(ParseError::malformed("Cluster", "timestamp is too large"));
        }
        let keyframe = block.keyframe || self.track.kind == Some(TrackKind::Audio);
        self.release(Some(nanos), sink);
        let frames = block.frames.iter().filter(|frame| !frame.is_empty());
        let frames: Vec<Bytes> = frames.map(|frame| Bytes::copy_from_slice(frame)).collect();
        if frames.is_empty() {
            return Ok(());
        }
        let count = i128::try_from(frames.len()).unwrap_or(1);
        let of_block = block.duration.map(|steps| i128::from(steps).saturating_mul(scale) / count);
        let duration = of_block.or_else(|| self.packet_duration(&frames));
        let held = Held { nanos, keyframe, frames };
        match duration.filter(|nanos| (1..=60_000_000_000).contains(nanos)) {
            Some(duration) => self.emit(held, duration, sink),
            None => self.held = Some(held),
        }
        Ok(())
    }

    /// Emits held frames. Without a next block their duration is estimated.
    pub(super) fn release(&mut self, next_nanos: Option<i128>, sink: &mut impl FnMut(Event)) {
        let Some(held) = self.held.take() else { return };
        let count = i128::try_from(held.frames.len()).unwrap_or(1);
        let distance = next_nanos.map(|next| (next - held.nanos) / count);
        let duration = distance
            .filter(|nanos| (1..=60_000_000_000).contains(nanos))
            .unwrap_or_else(|| self.estimate());
        self.emit(held, duration, sink);
    }

    fn is_video(&self) -> bool {
        self.track.kind == Some(TrackKind::Video)
    }

    fn estimate(&self) -> i128 {
        self.estimate_nanos.unwrap_or(if self.is_video() { 63_000_000 } else { 23_000_000 })
    }

    /// What the frames of a block last each, if they or the track say so.
    fn packet_duration(&self, frames: &[Bytes]) -> Option<i128> {
        if self.track.codec_id == "A_OPUS" {
            // One block's packets come from one encoder run and last the same.
            return frames.first().and_then(|packet| opus_nanos(packet)).map(i128::from);
        }
        self.track.default_duration_nanos.map(i128::from)
    }

    fn emit(&mut self, held: Held, duration_nanos: i128, sink: &mut impl FnMut(Event)) {
        let before = self.estimate_nanos.filter(|_| self.is_video());
        self.estimate_nanos = before.max(Some(duration_nanos));
        let mut nanos = held.nanos;
        for data in held.frames {
            let end = nanos + duration_nanos;
            // Both lie within twice the block's time, which was checked, or are left out.
            let (Some(start), Some(end_micros)) =
                (micros_from_nanos(nanos), micros_from_nanos(end))
            else {
                return;
            };
            nanos = end;
            sink(Event::Frame(CodedFrame {
                track_id: self.track.number,
                pts: Pts(start),
                dts: Pts(start),
                duration_micros: end_micros - start,
                keyframe: held.keyframe,
                data,
            }));
        }
    }
}

/// Duration of an Opus packet from its table-of-contents byte (RFC 6716, 3.1).
fn opus_nanos(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    let frame_micros = match toc >> 3 {
        config @ 0..=11 => [10_000, 20_000, 40_000, 60_000][usize::from(config & 3)],
        config @ 12..=15 => [10_000, 20_000][usize::from(config & 1)],
        config => [2_500, 5_000, 10_000, 20_000][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(*packet.get(1)? & 0x3f),
    };
    // RFC 6716: at most 120 ms.
    Some(frames * frame_micros * 1_000).filter(|nanos| (1..=120_000_000).contains(nanos))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::{Event, TrackKind};
    use super::super::header::Track;
    use super::{Held, TrackTiming, opus_nanos};

    /// Durations in milliseconds of frames that begin at these, the last in its cluster.
    fn durations(kind: TrackKind, starts_ms: &[i128]) -> Vec<i64> {
        let mut timing = TrackTiming::new(Track { kind: Some(kind), ..Track::default() });
        let mut durations = Vec::new();
        let mut sink = |event| {
            if let Event::Frame(frame) = event {
                durations.push(frame.duration_micros / 1_000);
            }
        };
        for start in starts_ms {
            let nanos = start * 1_000_000;
            timing.release(Some(nanos), &mut sink);
            let frames = vec![Bytes::from_static(b"frame")];
            timing.held = Some(Held { nanos, keyframe: false, frames });
        }
        timing.release(None, &mut sink);
        durations
    }

    #[test]
    fn the_last_frame_of_a_cluster_is_estimated() {
        assert_eq!(durations(TrackKind::Video, &[0]), [63]);
        assert_eq!(durations(TrackKind::Video, &[0, 60, 80]), [60, 20, 60]);
        assert_eq!(durations(TrackKind::Audio, &[0]), [23]);
        assert_eq!(durations(TrackKind::Audio, &[0, 3, 24]), [3, 21, 21]);
    }

    #[test]
    fn opus_packets_tell_their_duration() {
        for (packet, nanos) in [
            (&[0x00][..], Some(10_000_000)),
            (&[0x18], Some(60_000_000)),
            (&[0x60], Some(10_000_000)),
            (&[0xfc], Some(20_000_000)),
            (&[0xfd], Some(40_000_000)),
            (&[0xff, 0x03], Some(60_000_000)),
            (&[0xff, 0x3f], None),
            (&[0xff], None),
            (&[], None),
        ] {
            assert_eq!(opus_nanos(packet), nanos, "{packet:x?}");
        }
    }
}
