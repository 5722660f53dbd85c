//! How much of a file is to be read before playing goes on that has stalled. Pure.
//!
//! On a connection slower than the file's bit rate each drop would be played as it comes, and
//! stand still again: so it waits for more at each stall. Of what a page appends nothing is
//! waited for: the page may append no more before it sees this played.

use std::time::{Duration, Instant};

/// Media to be there after the first stall; twice that after each further one.
const FIRST: Duration = Duration::from_millis(500);

/// The most that is waited for.
const MOST: Duration = Duration::from_secs(2);

/// After so long playing goes on with what is there.
const PATIENCE: Duration = Duration::from_secs(6);

/// The network wakes nobody while the decoders have enough: what was read is looked at so often.
pub(super) const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Refill {
    stalls: u32,
    /// When the stall under way began.
    since: Option<Instant>,
    waits: bool,
}

impl Refill {
    /// Playing begins at another place.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Whether a player that has stalled waits for more than it could play now.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// `ahead`: what of the file was read; `None`: there is no more to come, or no file.
    pub(super) fn look(&mut self, now: Instant, stalled: bool, ahead: Option<Duration>) {
        if !stalled {
            (self.since, self.waits) = (None, false);
            return;
        }
        let since = *self.since.get_or_insert_with(|| {
            self.stalls += 1;
            now
        });
        let doubled = FIRST.saturating_mul(1 << (self.stalls - 1).min(8));
        let waited = now.saturating_duration_since(since);
        self.waits = ahead.is_some_and(|ahead| ahead < doubled.min(MOST)) && waited < PATIENCE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Refill {
        fn looked(&mut self, now: Instant, stalled: bool, ahead: Option<Duration>) -> bool {
            self.look(now, stalled, ahead);
            self.waits()
        }
    }

    #[test]
    fn each_stall_waits_for_more() {
        let (mut refill, now) = (Refill::default(), Instant::now());
        let ms = |ms| Some(Duration::from_millis(ms));
        for needed in [500, 1000, 2000, 2000, 2000] {
            assert!(refill.looked(now, true, ms(0)));
            assert!(refill.looked(now, true, ms(needed - 1)), "{needed}");
            assert!(!refill.looked(now, true, ms(needed)));
            assert!(!refill.looked(now, false, ms(0)));
        }
        refill.restart();
        assert!(!refill.looked(now, true, ms(500)));
    }

    #[test]
    fn nothing_is_waited_for_that_does_not_come() {
        let (mut refill, now) = (Refill::default(), Instant::now());
        assert!(!refill.looked(now, true, None));
        assert!(refill.looked(now, true, Some(Duration::ZERO)));
        assert!(!refill.looked(now + PATIENCE, true, Some(Duration::ZERO)));
    }
}
