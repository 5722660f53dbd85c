//! How loud a voice really was: measured in the callback, read anywhere.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::CHANNELS;
use super::num::{f32_from_f64, f64_from_u64, u64_from_usize};

/// Root mean square and highest absolute sample, at full scale 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    pub rms: f32,
    pub peak: f32,
}

/// Published by the callback, about ten times a second.
#[derive(Debug, Default)]
pub(super) struct Published {
    rms: AtomicU32,
    peak: AtomicU32,
    total_rms: AtomicU32,
    frames: AtomicU64,
}

impl Published {
    /// Over the last tenth of a second in which the voice sounded.
    pub(super) fn recent(&self) -> Level {
        let load = |cell: &AtomicU32| f32::from_bits(cell.load(Ordering::Relaxed));
        Level { rms: load(&self.rms), peak: load(&self.peak) }
    }

    /// RMS of everything heard so far, and how many frames that is.
    pub(super) fn total(&self) -> (f32, u64) {
        let rms = f32::from_bits(self.total_rms.load(Ordering::Relaxed));
        (rms, self.frames.load(Ordering::Relaxed))
    }
}

/// Sums in the callback. No allocation.
#[derive(Debug)]
pub(super) struct Meter {
    window: u64,
    frames: u64,
    energy: f64,
    peak: f32,
    total_frames: u64,
    total_energy: f64,
}

impl Meter {
    pub(super) fn new(rate_hz: u32) -> Self {
        let window = u64::from(rate_hz.max(10) / 10);
        Self { window, frames: 0, energy: 0.0, peak: 0.0, total_frames: 0, total_energy: 0.0 }
    }

    /// Adds what was put out, interleaved.
    pub(super) fn add(&mut self, frame: [f32; CHANNELS]) {
        for sample in frame {
            self.energy += f64::from(sample) * f64::from(sample);
            self.peak = self.peak.max(sample.abs());
        }
        self.frames += 1;
    }

    /// Publishes when a window is full, or at once with `now` (the voice falls silent).
    pub(super) fn publish(&mut self, to: &Published, now: bool) {
        if self.frames == 0 || (!now && self.frames < self.window) {
            return;
        }
        self.total_frames = self.total_frames.saturating_add(self.frames);
        self.total_energy += self.energy;
        let rms = root_mean_square(self.energy, self.frames);
        let total = root_mean_square(self.total_energy, self.total_frames);
        to.rms.store(rms.to_bits(), Ordering::Relaxed);
        to.peak.store(self.peak.to_bits(), Ordering::Relaxed);
        to.total_rms.store(total.to_bits(), Ordering::Relaxed);
        to.frames.store(self.total_frames, Ordering::Relaxed);
        self.frames = 0;
        self.energy = 0.0;
        self.peak = 0.0;
    }
}

fn root_mean_square(energy: f64, frames: u64) -> f32 {
    let samples = f64_from_u64(frames) * f64_from_u64(u64_from_usize(CHANNELS));
    f32_from_f64((energy / samples.max(1.0)).sqrt())
}
