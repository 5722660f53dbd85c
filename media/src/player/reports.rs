//! How often the page is told of the position while it plays.

use std::time::{Duration, Instant};

/// Until its clock has settled. A page whose picture is seen goes on by its own clock then;
/// timers of one that is not are slow.
const INTERVAL: Duration = Duration::from_millis(250);
const SETTLED_INTERVAL: Duration = Duration::from_secs(1);
const SETTLING: u32 = 4;

/// When the next report is due.
#[derive(Debug)]
pub(super) struct Reports {
    next: Instant,
    /// Since playback began or the rate changed.
    count: u32,
    is_seen: bool,
}

impl Reports {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, count: 0, is_seen: false }
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Playback begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.count = 0;
        self.next = now + self.interval();
    }

    /// The page's clock is wrong from now on.
    pub(super) fn hurry(&mut self, now: Instant) {
        (self.count, self.next) = (0, now);
    }

    /// Whether the page shows its picture to somebody.
    pub(super) fn set_seen(&mut self, is_seen: bool, now: Instant) {
        self.is_seen = is_seen;
        self.next = self.next.min(now + self.interval());
    }

    /// The page is told now.
    pub(super) fn told(&mut self, now: Instant) {
        self.count = self.count.saturating_add(1);
        self.next = now + self.interval();
    }

    fn interval(&self) -> Duration {
        if self.is_seen && SETTLING < self.count { SETTLED_INTERVAL } else { INTERVAL }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reports: &mut Reports, now: &mut Instant, gaps_ms: &[u64]) {
        for gap in gaps_ms {
            assert_eq!(reports.next() - *now, Duration::from_millis(*gap));
            *now = reports.next();
            reports.told(*now);
        }
    }

    #[test]
    fn seldom_when_seen_and_settled() {
        let mut now = Instant::now();
        let mut reports = Reports::new(now);
        reports.begin(now);
        check(&mut reports, &mut now, &[250; 8]);
        reports.set_seen(true, now);
        check(&mut reports, &mut now, &[250, 1000, 1000]);
        // Another rate: at once, and often until that is known well.
        now += Duration::from_millis(400);
        reports.hurry(now);
        check(&mut reports, &mut now, &[0, 250, 250, 250, 250, 1000]);
        // Hidden in the middle of a second.
        now += Duration::from_millis(300);
        reports.set_seen(false, now);
        check(&mut reports, &mut now, &[250, 250]);
    }
}
