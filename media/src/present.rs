//! Which decoded picture belongs on screen at which refresh.
//!
//! Pure: no clock, no thread, no display. The caller says which media position the coming
//! refresh will show (the audio clock's, where there is sound) and gets the picture or `Hold`;
//! [`Presenter::next_due`] says until which position nothing will change, so that the caller
//! sleeps and renders only on change. All times are microseconds of the media time line.
//!
//! A picture is due at the refresh nearest to its timestamp: half a refresh early at most, so
//! 24 pictures on 60 refreshes alternate 3 and 2. A picture that falls on the middle between
//! two refreshes would flutter with the clock's jitter; it keeps to the side of the pictures
//! before it: the threshold leans that way by a sixth of a refresh.
//!
//! INVARIANT: queued timestamps strictly increase, and all lie after the picture shown.

use std::collections::VecDeque;

use crate::time::Pts;

/// What to do at one refresh.
#[derive(Debug, PartialEq, Eq)]
pub enum Pick<F> {
    /// Show this picture. `late`: it was due more than one refresh ago.
    Show { pts: Pts, frame: F, late: bool },
    /// Keep what is on screen.
    Hold,
}

/// The queue has no room; take pictures out first.
#[derive(Debug, thiserror::Error)]
#[error("presentation queue is full")]
pub struct Full<F>(pub F);

/// What became of the pictures. Each one pushed counts in exactly one of `presented`,
/// `dropped`, `flushed` or is still queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Shown, late ones included.
    pub presented: u64,
    /// Never shown: a newer one was due at the same refresh, or time did not advance.
    pub dropped: u64,
    /// Shown more than one refresh after they were due.
    pub late: u64,
    /// Discarded by [`Presenter::flush`], e.g. at a seek.
    pub flushed: u64,
}

/// A refresh divided by this is how far a threshold leans.
const HYSTERESIS: i64 = 6;

/// Which side of the middle between two refreshes pictures fall on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lean {
    #[default]
    Even,
    Early,
    Late,
}

struct Queued<F> {
    pts: Pts,
    duration_micros: i64,
    frame: F,
}

/// Decoded pictures of one stream, and the decision which one to show.
pub struct Presenter<F> {
    queue: VecDeque<Queued<F>>,
    capacity: usize,
    /// Picture on screen since the last flush.
    shown: Option<Pts>,
    lean: Lean,
    /// Media time of one refresh, from the last `pick`.
    refresh_micros: i64,
    counters: Counters,
}

impl<F> Presenter<F> {
    /// Holds up to `capacity` decoded pictures (at least 1). Each is a whole picture: few.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            queue: VecDeque::with_capacity(capacity.min(64)),
            capacity,
            shown: None,
            lean: Lean::Even,
            refresh_micros: 0,
            counters: Counters::default(),
        }
    }

    /// Queues a picture. One that does not advance time is counted as dropped.
    ///
    /// # Errors
    /// [`Full`] gives the picture back.
    pub fn push(&mut self, pts: Pts, duration_micros: i64, frame: F) -> Result<(), Full<F>> {
        let last = self.queue.back().map(|queued| queued.pts).or(self.shown);
        if last.is_some_and(|last| pts <= last) {
            self.counters.dropped += 1;
            return Ok(());
        }
        if self.is_full() {
            return Err(Full(frame));
        }
        self.queue.push_back(Queued { pts, duration_micros, frame });
        Ok(())
    }

    /// Picks for the refresh that will show media position `now`.
    ///
    /// `refresh_micros` is the media time from one refresh to the next, see
    /// [`refresh_span_micros`]; 0 while paused. The first picture after a flush shows at once,
    /// even ahead of its time: a still is better than nothing after a seek.
    pub fn pick(&mut self, now: Pts, refresh_micros: i64) -> Pick<F> {
        self.refresh_micros = refresh_micros.max(0);
        let first = usize::from(self.next_due().is_some_and(|due| due <= now));
        // Skipping a picture asks for more than showing the next one: else a refresh that held
        // by a hair would skip at the one after.
        let beyond = now.plus(self.refresh_micros / 2 - self.refresh_micros / HYSTERESIS);
        let due = self.queue.partition_point(|queued| queued.pts <= beyond).max(first);
        let mut skipped = 0;
        let mut picked = None;
        for queued in self.queue.drain(..due) {
            skipped += u64::from(picked.is_some());
            picked = Some(queued);
        }
        self.counters.dropped += skipped;
        let Some(Queued { pts, frame, .. }) = picked else { return Pick::Hold };
        let error = now.since(pts);
        let late = self.shown.is_some() && self.refresh_micros < error;
        self.shown = Some(pts);
        self.lean = match error.saturating_mul(12) {
            twelfths if twelfths < -self.refresh_micros => Lean::Early,
            twelfths if self.refresh_micros < twelfths => Lean::Late,
            _ => self.lean,
        };
        self.counters.presented += 1;
        self.counters.late += u64::from(late);
        Pick::Show { pts, frame, late }
    }

    /// First media position at which [`pick`](Self::pick) shows something, at the refresh
    /// interval of the last pick; `None` while nothing is queued.
    #[must_use]
    pub fn next_due(&self) -> Option<Pts> {
        let head = self.queue.front()?;
        match self.shown {
            None => Some(Pts(i64::MIN)),
            Some(_) => Some(head.pts.plus(-self.tolerance_micros())),
        }
    }

    /// Forgets every picture and the cadence, e.g. at a seek or a new source.
    pub fn flush(&mut self) {
        self.counters.flushed += u64::try_from(self.queue.len()).unwrap_or(u64::MAX);
        self.queue.clear();
        self.shown = None;
        self.lean = Lean::Even;
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    #[must_use]
    pub fn is_full(&self) -> bool {
        self.capacity <= self.queue.len()
    }

    /// End of the newest queued picture: video is buffered up to here.
    #[must_use]
    pub fn buffered_until(&self) -> Option<Pts> {
        self.queue.back().map(|last| last.pts.plus(last.duration_micros.max(0)))
    }

    /// Timestamp of the picture on screen.
    #[must_use]
    pub fn shown(&self) -> Option<Pts> {
        self.shown
    }

    /// How far ahead of its timestamp a picture is due.
    fn tolerance_micros(&self) -> i64 {
        let hysteresis = self.refresh_micros / HYSTERESIS;
        let half = self.refresh_micros / 2;
        match self.lean {
            Lean::Even => half,
            Lean::Early => half + hysteresis,
            Lean::Late => half - hysteresis,
        }
    }
}

impl<F> std::fmt::Debug for Presenter<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presenter")
            .field("queued", &self.queue.len())
            .field("capacity", &self.capacity)
            .field("shown", &self.shown)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// Media time that passes from one refresh to the next, in microseconds: the display's
/// `interval_micros` times the playback `rate`. 0 for a rate that is not a positive number.
#[must_use]
#[expect(clippy::as_conversions, reason = "float to integer saturates, which is wanted")]
pub fn refresh_span_micros(interval_micros: i64, rate: f64) -> i64 {
    let span = interval_micros as f64 * rate;
    if span.is_finite() && span > 0.0 { span.round() as i64 } else { 0 }
}

#[cfg(test)]
mod tests;
