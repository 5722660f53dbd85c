//! Sets of spans of media time, as `HTMLMediaElement.buffered` shows them.
//!
//! Plain values: half-open spans in microseconds, sorted, never empty, never touching.

use crate::time::Pts;

/// Half-open span of media time, `start <= t < end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub start: Pts,
    pub end: Pts,
}

/// A set of media times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeRanges {
    /// INVARIANT: sorted, not empty, each ends before the next one starts.
    spans: Vec<TimeRange>,
}

impl TimeRanges {
    #[must_use]
    pub const fn new() -> Self {
        Self { spans: Vec::new() }
    }

    /// Adds `start..end`; joins what it touches. An empty span changes nothing.
    pub fn add(&mut self, start: Pts, end: Pts) {
        self.add_within(start, end, 0);
    }

    /// Adds `start..end` and joins spans that are at most `gap_micros` away from it.
    pub fn add_within(&mut self, start: Pts, end: Pts, gap_micros: i64) {
        if end <= start {
            return;
        }
        let first = self.spans.partition_point(|span| span.end.plus(gap_micros) < start);
        let last = self.spans.partition_point(|span| span.start <= end.plus(gap_micros));
        let joined = self.spans[first..last.max(first)].iter().fold(
            TimeRange { start, end },
            |joined, span| TimeRange {
                start: joined.start.min(span.start),
                end: joined.end.max(span.end),
            },
        );
        self.spans.splice(first..last.max(first), [joined]);
    }

    /// Times that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut ours, mut theirs) = (self.spans.as_slice(), other.spans.as_slice());
        let mut spans = Vec::new();
        while let ([a, rest_a @ ..], [b, rest_b @ ..]) = (ours, theirs) {
            let (start, end) = (a.start.max(b.start), a.end.min(b.end));
            if start < end {
                spans.push(TimeRange { start, end });
            }
            if a.end < b.end {
                ours = rest_a;
            } else {
                theirs = rest_b;
            }
        }
        Self { spans }
    }

    /// Whether any time of `start..end` is in the set.
    #[must_use]
    pub fn intersects(&self, start: Pts, end: Pts) -> bool {
        let first = self.spans.partition_point(|span| span.end <= start);
        self.spans.get(first).is_some_and(|span| span.start < end)
    }

    #[must_use]
    pub fn contains(&self, time: Pts) -> bool {
        self.intersects(time, time.plus(1))
    }

    #[must_use]
    pub fn start(&self) -> Option<Pts> {
        self.spans.first().map(|span| span.start)
    }

    #[must_use]
    pub fn end(&self) -> Option<Pts> {
        self.spans.last().map(|span| span.end)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The spans in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TimeRange> + '_ {
        self.spans.iter().copied()
    }
}

/// Any spans, in any order.
impl FromIterator<(Pts, Pts)> for TimeRanges {
    fn from_iter<I: IntoIterator<Item = (Pts, Pts)>>(spans: I) -> Self {
        let mut ranges = Self::new();
        for (start, end) in spans {
            ranges.add(start, end);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges(spans: &[(i64, i64)]) -> TimeRanges {
        spans.iter().map(|(start, end)| (Pts(*start), Pts(*end))).collect()
    }

    fn pairs(ranges: &TimeRanges) -> Vec<(i64, i64)> {
        ranges.iter().map(|span| (span.start.0, span.end.0)).collect()
    }

    #[test]
    fn adding_joins() {
        for (spans, joined) in [
            (&[(0, 10), (20, 30)][..], &[(0, 10), (20, 30)][..]),
            (&[(20, 30), (0, 10)], &[(0, 10), (20, 30)]),
            (&[(0, 10), (10, 20)], &[(0, 20)]),
            (&[(0, 10), (20, 30), (5, 25)], &[(0, 30)]),
            (&[(0, 30), (5, 6)], &[(0, 30)]),
            (&[(5, 5), (6, 4)], &[]),
        ] {
            assert_eq!(pairs(&ranges(spans)), joined, "{spans:?}");
        }
    }

    #[test]
    fn small_gaps_join_when_asked() {
        let mut near = ranges(&[(0, 10)]);
        near.add_within(Pts(12), Pts(20), 2);
        assert_eq!(pairs(&near), [(0, 20)]);
        near.add_within(Pts(23), Pts(30), 2);
        assert_eq!(pairs(&near), [(0, 20), (23, 30)]);
    }

    #[test]
    fn intersections() {
        let a = ranges(&[(0, 10), (20, 30), (40, 50)]);
        let b = ranges(&[(5, 25), (28, 45)]);
        assert_eq!(pairs(&a.intersection(&b)), [(5, 10), (20, 25), (28, 30), (40, 45)]);
        assert!(a.intersection(&TimeRanges::new()).is_empty());
    }

    proptest! {
        #[test]
        fn is_a_set_of_times(spans in proptest::collection::vec((0i64..60, 0i64..60), 0..12)) {
            let set = ranges(&spans);
            for time in 0..60 {
                let expected = spans.iter().any(|(start, end)| (*start..*end).contains(&time));
                prop_assert_eq!(set.contains(Pts(time)), expected);
            }
            prop_assert!(pairs(&set).windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
