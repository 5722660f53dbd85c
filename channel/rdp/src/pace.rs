//! How fast the agent may write to the session. RDP clients queue what a plugin writes without
//! limit and do not say when it was sent, so the pump bounds the rate instead of the queue.
//!
//! Pure: time is an argument. The agent's own messages need a small part of this.

use std::time::{Duration, Instant};

/// Bytes that may follow each other without a pause.
const BURST: f64 = 2_097_152.0;
/// Bytes per second from then on.
const RATE: f64 = 8_388_608.0;

/// A bucket that fills with what is written and leaks at [`RATE`].
pub(crate) struct Pace {
    /// Bytes written and not yet leaked at `since`.
    level: f64,
    since: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Pace { level: 0.0, since: now }
    }

    /// Counts `bytes` about to be written; returns how long to wait before.
    pub(crate) fn delay(&mut self, bytes: u32, now: Instant) -> Duration {
        let leaked = now.saturating_duration_since(self.since).as_secs_f64() * RATE;
        self.level = (self.level - leaked).max(0.0) + f64::from(bytes);
        self.since = now;
        Duration::from_secs_f64((self.level - BURST).max(0.0) / RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes `total` bytes in pieces of `piece`, waiting as told; returns the seconds it took.
    fn seconds_for(total: u32, piece: u32) -> f64 {
        let start = Instant::now();
        let mut now = start;
        let mut pace = Pace::new(start);
        for _ in 0..total / piece {
            now += pace.delay(piece, now);
        }
        (now - start).as_secs_f64()
    }

    #[test]
    fn a_burst_is_free_and_a_flood_has_a_rate() {
        for (total, piece, low, high) in [
            (1 << 20, 1 << 10, 0.0, 0.0),
            (2 << 20, 64 << 10, 0.0, 0.0),
            (10 << 20, 64 << 10, 0.9, 1.1),
            (82 << 20, 64 << 10, 9.9, 10.1),
        ] {
            let seconds = seconds_for(total, piece);
            assert!((low..=high).contains(&seconds), "{total} bytes took {seconds} s");
        }
    }

    #[test]
    fn a_pause_makes_room_for_one_more_burst_and_not_more() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.delay(2 << 20, start), Duration::ZERO);
        let later = start + Duration::from_secs(3600);
        assert_eq!(pace.delay(2 << 20, later), Duration::ZERO);
        assert!(Duration::ZERO < pace.delay(1 << 20, later));
    }
}
