//! Media time: microseconds of the presentation time line.

use std::num::NonZeroU32;
use std::time::Duration;

/// Presentation (or decode) timestamp in microseconds. Another type than an RTP timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pts(pub i64);

impl Pts {
    pub const ZERO: Self = Self(0);
    pub const MAX: Self = Self(i64::MAX);

    /// Moves by `micros`; stays at the ends of the range instead of wrapping.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Distance `self - earlier` in microseconds.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Converts `ticks` of `1 / ticks_per_second` seconds to microseconds, rounding to nearest.
///
/// Always convert positions, never sums of converted durations: then nothing drifts.
/// `None` if the result does not fit or lies more than [`FAR_MICROS`] from zero.
pub(crate) fn micros_from_ticks(ticks: i64, ticks_per_second: NonZeroU32) -> Option<i64> {
    let scale = i128::from(ticks_per_second.get());
    let scaled = i128::from(ticks).checked_mul(1_000_000)?.checked_add(scale / 2)?;
    bounded_micros(scaled.div_euclid(scale))
}

/// Converts `ticks` of `num / den` seconds to microseconds, rounding to nearest.
///
/// `None` if that is no time base, or as with [`micros_from_ticks`].
pub(crate) fn micros_from_base(ticks: i64, num: i32, den: i32) -> Option<i64> {
    let (num, den) = (i128::from(num), i128::from(den));
    if num <= 0 || den <= 0 {
        return None;
    }
    let scaled = i128::from(ticks).checked_mul(num)?.checked_mul(1_000_000)?;
    bounded_micros(scaled.checked_add(den / 2)?.div_euclid(den))
}

/// Converts microseconds to ticks of `num / den` seconds, rounding down; what does not fit stays
/// at the end of the range, and what is no time base counts as microseconds.
pub(crate) fn ticks_from_micros(micros: i64, num: i32, den: i32) -> i64 {
    let (num, den) = (i128::from(num), i128::from(den));
    if num <= 0 || den <= 0 {
        return micros;
    }
    let ticks = (i128::from(micros) * den).div_euclid(num * 1_000_000);
    i64::try_from(ticks).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}

/// Converts nanoseconds to microseconds, rounding to nearest; bounded by [`FAR_MICROS`].
pub(crate) fn micros_from_nanos(nanos: i128) -> Option<i64> {
    bounded_micros(nanos.checked_add(500)?.div_euclid(1_000))
}

/// A span of time in microseconds; what does not fit stays at the end of the range.
pub(crate) fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Positions further than this from zero (some 142 years) are refused: sums of a few of them
/// cannot overflow, and JavaScript's numbers still hold them exactly.
pub(crate) const FAR_MICROS: i64 = 1 << 52;

fn bounded_micros(micros: i128) -> Option<i64> {
    i64::try_from(micros).ok().filter(|micros| micros.abs() <= FAR_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_do_not_drift() {
        let scale = NonZeroU32::new(30_000).expect("not zero");
        for (ticks, micros) in [
            (0, 0),
            (1_001, 33_367),
            (2_002, 66_733),
            (-1_001, -33_367),
            (1_001 * 30_000, 1_001_000_000),
        ] {
            assert_eq!(micros_from_ticks(ticks, scale), Some(micros), "{ticks} ticks");
        }
    }

    #[test]
    fn time_bases() {
        for (ticks, num, den, micros) in [
            (1_001, 1, 30_000, Some(33_367)),
            (-1_001, 1, 30_000, Some(-33_367)),
            (5, 2, 1, Some(10_000_000)),
            (i64::MAX, 1, 1, None),
            (1, 0, 1, None),
            (1, 1, -1, None),
        ] {
            assert_eq!(micros_from_base(ticks, num, den), micros, "{ticks} of {num}/{den}");
        }
        assert_eq!(ticks_from_micros(33_367, 1, 30_000), 1_001);
        assert_eq!(ticks_from_micros(-1, 1, 30_000), -1);
        assert_eq!(ticks_from_micros(i64::MAX, 1, i32::MAX), i64::MAX);
    }

    #[test]
    fn far_positions_are_refused() {
        let scale = NonZeroU32::new(1).expect("not zero");
        assert_eq!(micros_from_ticks(i64::MAX, scale), None);
        assert_eq!(micros_from_ticks(i64::MIN, scale), None);
        assert_eq!(micros_from_nanos(i128::from(i64::MAX) * 1_000), None);
    }
}
