//! Conversions between counts, times and floating point. All of them total: they saturate.

use std::time::Instant;

/// Exact below 2^53, which 48 kHz reaches after 5,900 years.
#[expect(clippy::as_conversions, reason = "no lossless conversion exists; see above")]
pub(super) fn f64_from_u64(value: u64) -> f64 {
    value as f64
}

/// Exact below 2^53 microseconds: 285 years.
#[expect(clippy::as_conversions, reason = "no lossless conversion exists; see above")]
pub(super) fn f64_from_i64(value: i64) -> f64 {
    value as f64
}

/// Rounds to nearest; NaN becomes 0.
#[expect(clippy::as_conversions, reason = "float to integer `as` saturates")]
pub(super) fn i64_from_f64(value: f64) -> i64 {
    value.round() as i64
}

/// Rounds down; negative and NaN become 0.
#[expect(clippy::as_conversions, reason = "float to integer `as` saturates")]
pub(super) fn usize_from_f64(value: f64) -> usize {
    value as usize
}

/// Rounds to the nearest `f32`.
#[expect(clippy::as_conversions, reason = "rounding is what is wanted")]
pub(super) fn f32_from_f64(value: f64) -> f32 {
    value as f32
}

/// Never loses on any platform Rust has a standard library for.
pub(super) fn u64_from_usize(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Never loses for what fits in memory twice.
pub(super) fn usize_from_u64(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

pub(super) fn usize_from_u32(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Exact below 2^53.
pub(super) fn f64_from_usize(value: usize) -> f64 {
    f64_from_u64(u64_from_usize(value))
}

/// How long `frames` last at `rate_hz`, in microseconds.
pub(super) fn micros_from_frames(frames: usize, rate_hz: u32) -> i64 {
    i64_from_f64(f64_from_usize(frames) * 1e6 / f64::from(rate_hz.max(1)))
}

/// Microseconds from `epoch` to `at`, negative when `at` is earlier.
pub(super) fn micros_since(epoch: Instant, at: Instant) -> i64 {
    match at.checked_duration_since(epoch) {
        Some(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        None => -i64::try_from(epoch.duration_since(at).as_micros()).unwrap_or(i64::MAX),
    }
}
