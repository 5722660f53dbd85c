//! Tones and their measurement, for tests.

use std::f64::consts::TAU;

use super::CHANNELS;
use super::num::{f32_from_f64, f64_from_usize};

/// `frames` of a sine, the same on all channels.
pub(crate) fn sine(hz: f64, rate_hz: u32, frames: usize, amplitude: f64) -> Vec<f32> {
    let sample = |frame| (TAU * hz * f64_from_usize(frame) / f64::from(rate_hz)).sin() * amplitude;
    (0..frames).flat_map(|frame| [f32_from_f64(sample(frame)); CHANNELS]).collect()
}

/// Root mean square over all samples.
pub(crate) fn rms(samples: &[f32]) -> f32 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    f32_from_f64((energy / f64_from_usize(samples.len().max(1))).sqrt())
}

/// Share of the left channel's power that is a tone of `hz` (Goertzel).
pub(crate) fn power_share(samples: &[f32], hz: f64, rate_hz: u32) -> f64 {
    let left = samples.iter().step_by(CHANNELS).map(|sample| f64::from(*sample));
    let (mut one, mut two, mut energy, mut count) = (0.0, 0.0, 0.0, 0.0);
    let factor = 2.0 * (TAU * hz / f64::from(rate_hz)).cos();
    for sample in left {
        (one, two) = (sample + factor * one - two, one);
        energy += sample * sample;
        count += 1.0;
    }
    let power: f64 = one * one + two * two - factor * one * two;
    if energy > 0.0 { 2.0 * power / (count * energy) } else { 0.0 }
}

/// Largest difference between neighbouring samples of a channel: clicks show here.
pub(crate) fn largest_step(samples: &[f32]) -> f32 {
    let pairs = samples.iter().zip(samples.get(CHANNELS..).unwrap_or_default());
    pairs.map(|(a, b)| (b - a).abs()).fold(0.0, f32::max)
}
