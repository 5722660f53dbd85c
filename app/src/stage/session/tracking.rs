//! Where pictures go while the RDP client's window comes, goes and comes again.
//!
//! Pure: sights and the time go in, a [`Ground`] and what to say come out.
//!
//! ```text
//!             window seen                      window gone
//!  Waiting ───────────────▶ Over the window ─────────────────▶ Waiting
//!     │ [`PATIENCE`] passes        ▲
//!     ▼                            │ window seen
//!  Own windows ────────────────────┘        (the client's process is gone: the stage ends)
//! ```
//! While it waits, pictures are hidden, and a client that toggles fullscreen by making its
//! window anew is back before anybody is told. After that the page must not stay without a
//! picture.

use super::link::{Parent, Sight};
use std::time::{Duration, Instant};

/// How long a missing window may be missing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Where pictures go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Nowhere, until then.
    Waiting {
        until: Instant,
    },
    Over(Parent),
    OwnWindows,
}

/// What a change of ground means for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Pictures are over the session, where they belong.
    Found,
    /// No window was seen in time; pictures get windows of their own. `lost`: there was one.
    NotFound { lost: bool },
    /// The RDP client has ended.
    ClientEnded,
    /// The display is gone.
    DisplayGone,
}

#[derive(Debug)]
pub(crate) struct Tracking {
    ground: Ground,
    had_window: bool,
}

impl Tracking {
    pub(crate) fn new(now: Instant) -> Self {
        Self { ground: Ground::Waiting { until: now + PATIENCE }, had_window: false }
    }

    pub(crate) fn ground(&self) -> Ground {
        self.ground
    }

    /// Takes what is seen now. `client_lives` is asked when a window stays away.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        sight: Sight,
        client_lives: impl FnOnce() -> bool,
    ) -> Option<News> {
        match (sight, self.ground) {
            (Sight::ServerGone, _) => Some(News::DisplayGone),
            (Sight::Window(parent), ground) => {
                self.ground = Ground::Over(parent);
                self.had_window = true;
                (!matches!(ground, Ground::Over(_))).then_some(News::Found)
            }
            (Sight::Nothing, Ground::Over(_)) => {
                self.ground = Ground::Waiting { until: now + PATIENCE };
                None
            }
            (Sight::Nothing, Ground::Waiting { until }) if until <= now => {
                if self.had_window && !client_lives() {
                    return Some(News::ClientEnded);
                }
                self.ground = Ground::OwnWindows;
                Some(News::NotFound { lost: self.had_window })
            }
            (Sight::Nothing, Ground::Waiting { .. } | Ground::OwnWindows) => None,
        }
    }

    /// When to call [`Self::update`] though nothing is seen.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.ground {
            Ground::Waiting { until } => Some(until),
            Ground::Over(_) | Ground::OwnWindows => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside_channel::message::Size;

    fn parent(epoch: u64) -> Parent {
        Parent { window: 5, size: Size { width: 640, height: 480 }, mapped: true, epoch }
    }

    #[test]
    fn a_window_that_comes_back_in_time_is_no_news_of_a_loss() {
        let start = Instant::now();
        let mut tracking = Tracking::new(start);
        let late = start + PATIENCE;
        let steps = [
            (start, Sight::Nothing, None),
            (start, Sight::Window(parent(1)), Some(News::Found)),
            (late, Sight::Window(parent(1)), None),
            (late, Sight::Nothing, None),
            (late, Sight::Nothing, None),
            (late, Sight::Window(parent(2)), Some(News::Found)),
        ];
        for (now, sight, news) in steps {
            assert_eq!(tracking.update(now, sight, || true), news);
        }
        assert_eq!((tracking.ground(), tracking.deadline()), (Ground::Over(parent(2)), None));
    }

    #[test]
    fn a_window_that_stays_away() {
        let start = Instant::now();
        let late = start + PATIENCE;
        for lives in [true, false] {
            let mut tracking = Tracking::new(start);
            // Never seen: whoever the client is, the page gets a window.
            assert_eq!(tracking.deadline(), Some(late));
            let news = tracking.update(late, Sight::Nothing, || lives);
            assert_eq!(news, Some(News::NotFound { lost: false }));
            assert_eq!((tracking.ground(), tracking.deadline()), (Ground::OwnWindows, None));
            // It comes late and goes.
            let news = tracking.update(late, Sight::Window(parent(1)), || lives);
            assert_eq!(news, Some(News::Found));
            assert_eq!(tracking.update(late, Sight::Nothing, || lives), None);
            let expected = if lives { News::NotFound { lost: true } } else { News::ClientEnded };
            assert_eq!(tracking.update(late + PATIENCE, Sight::Nothing, || lives), Some(expected));
        }
        let mut tracking = Tracking::new(start);
        assert_eq!(tracking.update(start, Sight::ServerGone, || true), Some(News::DisplayGone));
    }
}
