//! How much sound the device holds: little, so that a click is heard and seen at once; more once
//! the machine has stood still for longer than that. Pure; owned by the device thread.
//!
//! Measured on a server without hardware, with all processes standing still for 45 of each 100 ms:
//! of 60 pieces of 50 ms, 23 are whole with blocks of 20 ms and 58 with blocks of 40 ms.

use std::time::Duration;

/// Each block of the device, from the start on: it wakes 50 times a second.
const SHORTEST: Duration = Duration::from_millis(20);

/// Two of these and what a decoder is late by are still less than a voice's ring.
const LONGEST: Duration = Duration::from_millis(80);

/// The device holds so many blocks.
const BLOCKS_HELD: u32 = 2;

/// So many gaps from one look to the next: one comes of anything.
const GAPS: u64 = 2;

/// Beyond this the device was paused.
const PAUSED: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Depth {
    block: Duration,
    /// Gaps so far, at the last look.
    gaps: u64,
}

impl Depth {
    pub(super) const fn new() -> Self {
        Self { block: SHORTEST, gaps: 0 }
    }

    /// What the device is to ask for at once, in frames.
    pub(super) fn block_frames(&self, rate_hz: u32) -> u32 {
        let frames = u128::from(rate_hz) * self.block.as_micros() / 1_000_000;
        u32::try_from(frames).unwrap_or(u32::MAX).max(1)
    }

    /// Whether the device is to be opened anew, with longer blocks; `gaps`: all that there were.
    pub(super) fn looked(&mut self, gaps: u64) -> bool {
        let since = gaps.saturating_sub(std::mem::replace(&mut self.gaps, gaps));
        if since < GAPS || self.block >= LONGEST {
            return false;
        }
        self.block = (self.block * 2).min(LONGEST);
        true
    }
}

/// Whether a device that asks for blocks of `frames` at `rate_hz` ran dry, having asked
/// `since_micros` ago.
pub(super) fn is_gap(since_micros: i64, frames: u32, rate_hz: u32) -> bool {
    let held = Duration::from_secs(u64::from(frames)) * BLOCKS_HELD / rate_hz.max(1);
    let since = Duration::from_micros(u64::try_from(since_micros).unwrap_or(0));
    held < since && since < PAUSED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lengthen_the_blocks_up_to_the_longest() {
        let mut depth = Depth::new();
        assert_eq!(depth.block_frames(48_000), 960);
        assert!(!depth.looked(1), "one gap is none");
        assert!(!depth.looked(2), "nor is one in each time");
        assert!(depth.looked(4));
        assert_eq!(depth.block_frames(48_000), 1_920);
        assert!(!depth.looked(4));
        assert!(depth.looked(99));
        assert_eq!(depth.block_frames(44_100), 3_528);
        assert!(!depth.looked(200));
        assert_eq!(depth.block_frames(0), 1);
    }

    #[test]
    fn a_gap_is_longer_than_what_is_held_and_no_pause() {
        assert!(!is_gap(20_000, 960, 48_000));
        assert!(!is_gap(40_000, 960, 48_000));
        assert!(is_gap(40_001, 960, 48_000));
        assert!(!is_gap(60_000, 1_920, 48_000));
        assert!(!is_gap(1_000_000, 960, 48_000));
        assert!(!is_gap(-5, 960, 48_000));
        assert!(!is_gap(i64::MAX, u32::MAX, 0));
    }
}
