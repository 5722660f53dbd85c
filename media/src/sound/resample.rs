//! Resampling by any ratio: a windowed sinc, tabulated. Allocates only when made, so that it
//! serves the callback (a device that refuses the mix's rate) as well as the decode thread
//! (playing faster with the pitch raised).

use std::f64::consts::PI;

use super::CHANNELS;
use super::num::{f32_from_f64, f64_from_usize, usize_from_f64};

/// Half the filter's length in input frames, when the band is not narrowed.
const HALF_TAPS: f64 = 12.0;

/// Positions between two frames at which the filter is tabulated; in between it is interpolated.
const PHASES: usize = 128;

/// Feeds on input frames and produces output frames, one at a time.
#[derive(Debug)]
pub(super) struct Resampler {
    /// Input frames per output frame.
    ratio: f64,
    taps: usize,
    /// `PHASES + 1` rows of `taps` weights.
    table: Vec<f32>,
    /// The newest `taps` frames, twice in a row, so that a window is always contiguous.
    history: Vec<[f32; CHANNELS]>,
    newest: usize,
    /// How far the next output lies behind the window's middle, in input frames, 0..1 when due.
    position: f64,
}

impl Resampler {
    /// `ratio` input frames for each output frame, clamped to 1/16..=16.
    pub(super) fn new(ratio: f64) -> Self {
        let ratio = if ratio.is_finite() { ratio.clamp(1.0 / 16.0, 16.0) } else { 1.0 };
        // Going down, the band must end at the output's Nyquist frequency.
        let band = (1.0 / ratio).min(1.0) * 0.97;
        let half = (HALF_TAPS / band.min(1.0)).ceil();
        let taps = usize_from_f64(half) * 2;
        let mut table = Vec::with_capacity((PHASES + 1) * taps);
        for phase in 0..=PHASES {
            let offset = f64_from_usize(phase) / f64_from_usize(PHASES);
            let weight = |tap: usize| {
                let x = f64_from_usize(tap) - (half - 1.0) - offset;
                band * sinc(x * band) * (0.5 + 0.5 * (PI * (x / half).clamp(-1.0, 1.0)).cos())
            };
            let sum: f64 = (0..taps).map(weight).sum();
            table.extend((0..taps).map(|tap| f32_from_f64(weight(tap) / sum)));
        }
        let history = vec![[0.0; CHANNELS]; taps * 2];
        Self { ratio, taps, table, history, newest: 0, position: half + 1.0 }
    }

    /// Input frames between a frame and the output that it is the middle of.
    pub(super) fn delay(&self) -> f64 {
        f64_from_usize(self.taps / 2)
    }

    /// Whether an output frame can be taken without feeding.
    pub(super) fn is_ready(&self) -> bool {
        self.position < 1.0
    }

    /// Feeds the next input frame.
    pub(super) fn feed(&mut self, frame: [f32; CHANNELS]) {
        for index in [self.newest, self.newest + self.taps] {
            if let Some(slot) = self.history.get_mut(index) {
                *slot = frame;
            }
        }
        self.newest = (self.newest + 1) % self.taps;
        self.position -= 1.0;
    }

    /// How far the next output lies behind the last frame fed, in input frames.
    pub(super) fn lag(&self) -> f64 {
        self.delay() - self.position
    }

    /// The next output frame; only meaningful when ready.
    pub(super) fn produce(&mut self) -> [f32; CHANNELS] {
        let phase = self.position.clamp(0.0, 1.0) * f64_from_usize(PHASES);
        let row = usize_from_f64(phase).min(PHASES - 1);
        let between = f32_from_f64(phase - f64_from_usize(row));
        self.position += self.ratio;
        let window = self.history.get(self.newest..self.newest + self.taps).unwrap_or(&[]);
        let (low, high) = (self.row(row), self.row(row + 1));
        let mut sum = [0.0; CHANNELS];
        for ((frame, low), high) in window.iter().zip(low).zip(high) {
            let weight = low + (high - low) * between;
            for (sum, sample) in sum.iter_mut().zip(frame) {
                *sum += sample * weight;
            }
        }
        sum
    }

    fn row(&self, row: usize) -> &[f32] {
        self.table.get(row * self.taps..(row + 1) * self.taps).unwrap_or(&[])
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

#[cfg(test)]
mod tests {
    use super::super::{no_alloc, tone};
    use super::*;

    /// Resamples and returns the output without the silence the filter begins with.
    fn resample(samples: &[f32], ratio: f64) -> Vec<f32> {
        let mut resampler = Resampler::new(ratio);
        let mut out = Vec::with_capacity(samples.len() * 17);
        no_alloc::assert(|| {
            for frame in samples.chunks_exact(CHANNELS) {
                resampler.feed([frame[0], frame[1]]);
                while resampler.is_ready() {
                    out.extend(resampler.produce());
                }
            }
        });
        out
    }

    #[test]
    fn tones_keep_their_level_and_move_by_the_ratio() {
        for ratio in [0.25, 44_100.0 / 48_000.0, 48_000.0 / 44_100.0, 1.5, 2.0, 4.0] {
            let out = resample(&tone::sine(440.0, 48_000, 48_000, 0.5), ratio);
            let frames = f64_from_usize(out.len() / CHANNELS);
            assert!((frames * ratio - 48_000.0).abs() < 200.0, "{ratio}: {frames} frames");
            let steady = &out[800..out.len() - 800];
            let share = tone::power_share(steady, 440.0 * ratio, 48_000);
            assert!(share > 0.999, "{ratio}: {share}");
            let rms = tone::rms(steady);
            assert!((rms - 0.3535).abs() < 0.002, "{ratio}: {rms}");
        }
    }

    #[test]
    fn what_does_not_fit_the_new_band_is_removed_not_folded() {
        let out = resample(&tone::sine(15_000.0, 48_000, 48_000, 0.5), 2.0);
        let rms = tone::rms(&out[800..out.len() - 800]);
        assert!(rms < 0.01, "{rms}");
    }
}
