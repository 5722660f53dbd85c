//! What the plots show: a bounded past of each item, sampled when a status arrives.
//!
//! Owner: the window. Times are Unix milliseconds.
//! INVARIANT: at most [`MAX_ITEMS`] items with [`MAX_SAMPLES`] samples each are kept.

use nearside::status::Status;
use std::collections::{BTreeMap, VecDeque};

/// Samples per item: a minute at the agent's few statuses a second.
const MAX_SAMPLES: usize = 240;

/// Items that are followed; more are shown without a plot.
const MAX_ITEMS: usize = 32;

/// Length of the plots.
pub(crate) const SPAN_MS: u64 = 60_000;

/// One moment of one item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub unix_ms: u64,
    /// Media bits per second.
    pub bit_rate: f64,
    /// Pictures dropped since the sample before.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Past {
    samples: VecDeque<Sample>,
    dropped_in_total: u64,
}

/// The past of all items of the newest status.
#[derive(Debug, Default)]
pub(crate) struct History {
    items: BTreeMap<(u32, u32), Past>,
}

impl History {
    /// Adds `status`, seen at `unix_ms`, and forgets items that are gone.
    pub(crate) fn record(&mut self, status: &Status, unix_ms: u64) {
        let shown = |key: &(u32, u32)| status.items.iter().any(|i| (i.page, i.player) == *key);
        self.items.retain(|key, _| shown(key));
        for item in &status.items {
            let key = (item.page, item.player);
            if self.items.len() >= MAX_ITEMS && !self.items.contains_key(&key) {
                continue;
            }
            let total = item.video.as_ref().map_or(0, |video| video.dropped);
            let past = self.items.entry(key).or_default();
            // A first sample knows no earlier total, and a restarted stage counts from 0.
            let dropped = match past.samples.is_empty() {
                true => 0,
                false => total.saturating_sub(past.dropped_in_total),
            };
            past.dropped_in_total = total;
            let bit_rate = if item.bit_rate.is_finite() { item.bit_rate.max(0.0) } else { 0.0 };
            past.samples.push_back(Sample { unix_ms, bit_rate, dropped });
            while past.samples.len() > MAX_SAMPLES {
                past.samples.pop_front();
            }
        }
    }

    /// Samples of an item within [`SPAN_MS`] before its newest, oldest first.
    pub(crate) fn of(&self, page: u32, player: u32) -> impl Iterator<Item = Sample> + Clone {
        let past = self.items.get(&(page, player));
        let newest = past.and_then(|past| past.samples.back()).map_or(0, |s| s.unix_ms);
        past.into_iter()
            .flat_map(|past| past.samples.iter().copied())
            .filter(move |sample| newest.saturating_sub(sample.unix_ms) <= SPAN_MS)
    }

    /// Forgets everything, e.g. when the agent went away.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside::status::{Item, VideoStats};

    fn status(players: std::ops::Range<u32>, dropped: u64) -> Status {
        let item = |player| Item {
            player,
            bit_rate: 1e6,
            video: Some(VideoStats { dropped, ..VideoStats::default() }),
            ..Item::default()
        };
        Status { items: players.map(item).collect(), ..Status::default() }
    }

    #[test]
    fn drops_are_counted_between_samples() {
        let mut history = History::default();
        for (at, dropped) in [(0, 7), (1, 7), (2, 9), (3, 1)] {
            history.record(&status(0..1, dropped), at);
        }
        let dropped: Vec<u64> = history.of(0, 0).map(|sample| sample.dropped).collect();
        assert_eq!(dropped, [0, 0, 2, 0]);
    }

    #[test]
    fn memory_is_bounded_and_the_gone_are_forgotten() {
        let mut history = History::default();
        for at in 0..1_000 {
            history.record(&status(0..100, 0), at);
        }
        assert_eq!(history.items.len(), MAX_ITEMS);
        assert_eq!(history.of(0, 0).count(), MAX_SAMPLES);
        assert_eq!(history.of(0, 99).count(), 0);
        history.record(&status(0..1, 0), 1_000);
        assert_eq!(history.items.len(), 1);
    }

    #[test]
    fn only_the_last_minute_is_shown() {
        let mut history = History::default();
        for at in [0, SPAN_MS, SPAN_MS + 1] {
            history.record(&status(0..1, 0), at);
        }
        assert_eq!(history.of(0, 0).map(|s| s.unix_ms).collect::<Vec<_>>(), [SPAN_MS, SPAN_MS + 1]);
    }
}
