//! How much sound the device holds: little, so that a click is heard and seen at once; more once
//! the machine has stood still for longer than that. Pure; [`Depth`] is the device thread's and
//! [`Gaps`] the callback's.
//!
//! Measured on a server without hardware, with all processes standing still for 45 of each 100 ms:
//! of 60 pieces of 50 ms, 23 were whole with blocks of 20 ms, 53 to 58 with blocks of 40 ms.

use std::time::Duration;

/// Each block of the device, from the start on: it wakes 50 times a second.
const SHORTEST: Duration = Duration::from_millis(20);

/// Two of these and what a decoder is late by are still less than a voice's ring.
const LONGEST: Duration = Duration::from_millis(80);

/// The device holds so many blocks.
const BLOCKS_HELD: u32 = 2;

/// So many gaps within [`SOON`]: one comes of anything.
const GAPS: u64 = 2;
const SOON: Duration = Duration::from_secs(2);

/// Beyond this the device was paused.
const PAUSED: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Depth {
    block: Duration,
    /// Gaps so far when counting began, and when that was.
    gaps: u64,
    since: Duration,
    /// Gaps so far, at the last look.
    seen: u64,
}

impl Depth {
    pub(super) const fn new() -> Self {
        Self { block: SHORTEST, gaps: 0, since: Duration::ZERO, seen: 0 }
    }

    /// What the device is to ask for at once, in frames.
    pub(super) fn block_frames(&self, rate_hz: u32) -> u32 {
        let frames = u128::from(rate_hz) * self.block.as_micros() / 1_000_000;
        u32::try_from(frames).unwrap_or(u32::MAX).max(1)
    }

    /// Whether the device is to be opened anew, with longer blocks; `gaps`: all that there were.
    pub(super) fn looked(&mut self, now: Duration, gaps: u64) -> bool {
        if SOON < now.saturating_sub(self.since) {
            (self.gaps, self.since) = (self.seen, now);
        }
        self.seen = gaps;
        if gaps.saturating_sub(self.gaps) < GAPS || self.block >= LONGEST {
            return false;
        }
        self.gaps = gaps;
        self.block = (self.block * 2).min(LONGEST);
        true
    }
}

/// Finds where a device ran dry, by when it asks. Lives in the callback.
#[derive(Debug)]
pub(super) struct Gaps {
    block: u32,
    rate_hz: u32,
    /// When it asked last, in microseconds, and for how many frames.
    last: Option<(i64, u32)>,
}

impl Gaps {
    pub(super) const fn new(block: u32, rate_hz: u32) -> Self {
        Self { block, rate_hz, last: None }
    }

    /// The device asks for `frames`: whether it ran dry before. One that asks for more at once
    /// than it was told to, as a wireless one may, also holds more.
    pub(super) fn asks(&mut self, at_micros: i64, frames: u32) -> bool {
        let Some((last, asked)) = self.last.replace((at_micros, frames)) else { return false };
        let frames = u64::from(asked.max(self.block));
        let held = Duration::from_secs(frames) * BLOCKS_HELD / self.rate_hz.max(1);
        let since = u64::try_from(at_micros.saturating_sub(last)).unwrap_or(0);
        let since = Duration::from_micros(since);
        held < since && since < PAUSED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lengthen_the_blocks_up_to_the_longest() {
        let mut depth = Depth::new();
        assert_eq!(depth.block_frames(48_000), 960);
        let at = Duration::from_secs;
        assert!(!depth.looked(at(1), 1), "one gap is none");
        assert!(!depth.looked(at(4), 2), "nor is one in each time");
        assert!(depth.looked(at(5), 3));
        assert_eq!(depth.block_frames(48_000), 1_920);
        assert!(!depth.looked(at(5), 3));
        assert!(depth.looked(at(9), 99));
        assert_eq!(depth.block_frames(44_100), 3_528);
        assert!(!depth.looked(at(9), 200));
        assert_eq!(depth.block_frames(0), 1);
    }

    #[test]
    fn a_gap_is_longer_than_what_is_held_and_no_pause() {
        let gaps = |block, asked: &[(i64, u32)]| {
            let mut gaps = Gaps::new(block, 48_000);
            asked.iter().filter(|(at, frames)| gaps.asks(*at, *frames)).count()
        };
        assert_eq!(gaps(960, &[(7_000_000, 1_920), (7_020_000, 960), (7_060_000, 960)]), 0);
        assert_eq!(gaps(960, &[(0, 960), (40_001, 960), (80_002, 960)]), 2);
        assert_eq!(gaps(1_920, &[(0, 960), (60_000, 960)]), 0);
        assert_eq!(gaps(960, &[(0, 4_800), (100_000, 4_800), (200_000, 4_800)]), 0);
        assert_eq!(gaps(960, &[(0, 960), (1_000_000, 960), (-5, 960), (i64::MAX, 0)]), 0);
        let mut other = Gaps::new(u32::MAX, 0);
        assert!(!other.asks(0, u32::MAX) && !other.asks(999_999, 1));
    }
}
