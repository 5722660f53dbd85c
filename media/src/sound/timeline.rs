//! When a frame that a sink pulled is heard: a smoothed line through noisy callbacks.
//!
//! A callback says "the first frame of this block is heard at t", and t jitters by
//! milliseconds: the callback is late, the device's delay is an estimate. Frames however leave at
//! a steady rate, so the line moves slowly: 2 % of the error a callback, more at the start. A
//! deviation that stays beyond [`JUMP_MICROS`] is a real break (an underrun in the device) and
//! is taken over whole. Pure; owned by the mixer, used in the callback.

use super::num::{f64_from_i64, f64_from_u64, i64_from_f64};

/// Share of the error that moves the line, once settled.
const GAIN: f64 = 0.02;

/// Beyond this a deviation counts as a break, in microseconds.
const JUMP_MICROS: f64 = 15_000.0;

/// Beyond this the sink was paused, in microseconds: no need to wait for a second opinion.
const PAUSE_MICROS: f64 = 200_000.0;

/// So many callbacks in a row must deviate before it is a break.
const JUMP_AFTER: u32 = 3;

#[derive(Debug)]
pub(super) struct Timeline {
    rate_hz: f64,
    /// A frame and the microsecond it is heard at.
    anchor: Option<(u64, f64)>,
    observations: u32,
    deviating: u32,
}

impl Timeline {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self { rate_hz: f64::from(rate_hz.max(1)), anchor: None, observations: 0, deviating: 0 }
    }

    /// Forgets everything: another sink pulls from here on.
    pub(super) fn reset(&mut self) {
        self.anchor = None;
        self.observations = 0;
        self.deviating = 0;
    }

    /// Takes "frame `frame` is heard at `heard_micros`" and returns the smoothed microsecond.
    pub(super) fn observe(&mut self, frame: u64, heard_micros: i64) -> i64 {
        let heard = f64_from_i64(heard_micros);
        let Some((anchor_frame, anchor_micros)) = self.anchor else {
            return self.jump(frame, heard);
        };
        let frames = f64_from_u64(frame.saturating_sub(anchor_frame));
        let predicted = anchor_micros + frames * 1e6 / self.rate_hz;
        let error = heard - predicted;
        self.deviating = if error.abs() > JUMP_MICROS { self.deviating + 1 } else { 0 };
        if self.deviating >= JUMP_AFTER || error.abs() > PAUSE_MICROS {
            return self.jump(frame, heard);
        }
        self.observations = self.observations.saturating_add(1);
        let gain = GAIN.max(1.0 / f64::from(self.observations));
        let smoothed = predicted + gain * error.clamp(-JUMP_MICROS, JUMP_MICROS);
        self.anchor = Some((frame, smoothed));
        i64_from_f64(smoothed)
    }

    fn jump(&mut self, frame: u64, heard: f64) -> i64 {
        self.anchor = Some((frame, heard));
        self.observations = 1;
        self.deviating = 0;
        i64_from_f64(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 960;

    /// Runs `blocks` callbacks of a device `ppm` too fast with `jitter(block)` µs on each report,
    /// and returns the worst distance to the truth over the last half.
    fn worst(blocks: u64, ppm: f64, jitter: impl Fn(u64) -> i64) -> i64 {
        let mut timeline = Timeline::new(48_000);
        let mut worst = 0;
        for block in 0..blocks {
            let truth = f64_from_u64(block * BLOCK) * 1e6 / (48_000.0 * (1.0 + ppm / 1e6));
            let truth = i64_from_f64(truth) + 500_000;
            let smoothed = timeline.observe(block * BLOCK, truth + jitter(block));
            if block > blocks / 2 {
                worst = worst.max((smoothed - truth).abs());
            }
        }
        worst
    }

    #[test]
    fn jitter_is_smoothed_and_drift_followed() {
        // A cheap reproducible scatter of ±5 ms.
        let scatter = |block: u64| i64_from_f64((f64_from_u64(block) * 12.9898).sin() * 5_000.0);
        for ppm in [-300.0, 0.0, 300.0] {
            assert!(worst(1_000, ppm, |_| 0) <= 320, "{ppm} ppm, no jitter");
            let with_jitter = worst(1_000, ppm, scatter);
            assert!(with_jitter <= 1_200, "{ppm} ppm, jitter: {with_jitter} µs");
        }
    }

    #[test]
    fn a_lasting_break_is_taken_over_and_an_outlier_is_not() {
        let outlier = worst(400, 0.0, |block| if block == 300 { 80_000 } else { 0 });
        assert!(outlier <= 320, "{outlier} µs");
        let mut timeline = Timeline::new(48_000);
        for block in 0..200_u64 {
            let micros = i64::try_from(block * 20_000).unwrap();
            let gap = if block >= 100 { 60_000 } else { 0 };
            let smoothed = timeline.observe(block * BLOCK, micros + gap);
            if block >= 103 {
                assert_eq!(smoothed, micros + gap, "block {block}");
            }
        }
    }
}
