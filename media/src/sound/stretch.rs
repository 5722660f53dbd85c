//! Playing faster or slower: with the pitch kept (WSOLA) or moved along (resampling).
//!
//! WSOLA ("waveform similarity overlap-add", Verhelst and Roelands 1993): output goes on in steps
//! of 12 ms. Each step fades from the input that would naturally follow into the piece, near the
//! place the rate asks for, that looks most like it:
//!
//! ```text
//!  input   ──┬──────────┬───────────┬──▶      natural: follows what was put out last
//!            natural ╲  ideal − 8 ms … ideal + 8 ms: best match
//!  output    ─────────╲╱───────────▶          fade natural → match, then match is put out
//! ```
//!
//! Because a step begins with the natural continuation, changing the rate, also to and from 1,
//! never cuts the wave. At rate 1 with nothing held back, samples pass through untouched.
//! Pure; owned by a decode thread. Units: interleaved stereo; positions in input frames.
//! INVARIANT: what is held back is bounded: a step, the search, and what one call brings.

use super::num::{f32_from_f64, f64_from_usize, i64_from_f64, usize_from_f64, usize_from_u32};
use super::resample::Resampler;
use super::{CHANNELS, RATE_MAX, RATE_MIN};
use crate::time::Pts;

/// Output goes on in steps of so many milliseconds.
const STEP_MS: u32 = 12;

/// The match is sought so many milliseconds around the ideal place.
const SEARCH_MS: u32 = 8;

/// The search looks at every fourth frame first.
const COARSE: usize = 4;

/// A timestamp further than this from the running count begins anew.
const GAP_MICROS: i64 = 20_000;

/// What comes out: `samples` from media time `pts` on, advancing `rate` media seconds a second.
/// Exactly the arguments of [`VoiceWriter::write`](super::VoiceWriter::write).
#[derive(Clone, Copy, Debug)]
pub struct Stretched<'a> {
    pub samples: &'a [f32],
    pub pts: Pts,
    pub rate: f64,
}

/// Changes the duration of a stream of audio frames.
#[derive(Debug)]
pub struct Stretch {
    rate_hz: u32,
    rate: f64,
    keep_pitch: bool,
    step: usize,
    search: usize,
    /// Input held back; `pts` is the media time of its first frame.
    input: Vec<f32>,
    pts: Pts,
    /// Where the rate asks the next step to begin, and what would follow naturally.
    ideal: f64,
    natural: usize,
    /// One more step is due that leads to the ideal place: rate 1 begins after it.
    landing: bool,
    resampler: Option<Resampler>,
    out: Vec<f32>,
    out_pts: Pts,
}

impl Stretch {
    /// Starts at rate 1 for sound at `rate_hz`, pitch kept.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let rate_hz = rate_hz.clamp(8_000, 192_000);
        let frames = |millis: u32| usize_from_u32(rate_hz / 1_000 * millis);
        Self {
            rate_hz,
            rate: 1.0,
            keep_pitch: true,
            step: frames(STEP_MS),
            search: frames(SEARCH_MS),
            input: Vec::new(),
            pts: Pts::ZERO,
            ideal: 0.0,
            natural: 0,
            landing: false,
            resampler: None,
            out: Vec::new(),
            out_pts: Pts::ZERO,
        }
    }

    /// Sets the rate, clamped to [`RATE_MIN`]..=[`RATE_MAX`] (not finite counts as 1), and whether
    /// the pitch is kept. Takes effect with the next frames pushed.
    pub fn set_rate(&mut self, rate: f64, keep_pitch: bool) {
        let rate = if rate.is_finite() { rate.clamp(RATE_MIN, RATE_MAX) } else { 1.0 };
        #[expect(clippy::float_cmp, reason = "a changed setting, not a computed value")]
        let changed = rate != self.rate || keep_pitch != self.keep_pitch;
        if changed {
            self.landing = self.keep_pitch && !self.is_plain();
            self.rate = rate;
            self.keep_pitch = keep_pitch;
            self.resampler = None;
        }
    }

    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// Forgets what is held back, e.g. after a seek.
    pub fn reset(&mut self) {
        self.input.clear();
        self.ideal = 0.0;
        self.natural = 0;
        self.landing = false;
        self.resampler = None;
    }

    /// Takes interleaved `samples` beginning at media time `pts`, and returns what is ready.
    pub fn push(&mut self, samples: &[f32], pts: Pts) -> Stretched<'_> {
        let whole = samples.get(..samples.len() / CHANNELS * CHANNELS).unwrap_or(&[]);
        let held = self.input.len() / CHANNELS;
        let expected = self.pts_at(f64_from_usize(held));
        if held > 0 && pts.since(expected).abs() > GAP_MICROS {
            // The little that is held back is put out with what follows.
            self.forget(self.natural);
            self.ideal = 0.0;
        }
        let held = self.input.len() / CHANNELS;
        self.pts = pts.plus(-self.micros(f64_from_usize(held)));
        self.input.extend_from_slice(whole);
        self.run()
    }

    /// Returns what is held back: the stream ends here.
    pub fn finish(&mut self) -> Stretched<'_> {
        self.out.clear();
        self.out_pts = self.pts_at(f64_from_usize(self.natural));
        let rest = self.input.get(self.natural * CHANNELS..).unwrap_or(&[]);
        if self.is_plain() || self.keep_pitch {
            self.out.extend_from_slice(rest);
        } else {
            let tail = self.resampler.as_ref().map_or(0.0, Resampler::delay);
            let silence = vec![0.0; usize_from_f64(tail) * CHANNELS];
            let pts = self.pts_at(f64_from_usize(self.input.len() / CHANNELS));
            self.push(&silence, pts);
        }
        let rate = if self.keep_pitch { 1.0 } else { self.rate };
        self.reset();
        Stretched { samples: &self.out, pts: self.out_pts, rate }
    }

    fn is_plain(&self) -> bool {
        (self.rate - 1.0).abs() < 1e-9
    }

    fn run(&mut self) -> Stretched<'_> {
        self.out.clear();
        if self.is_plain() {
            self.out_pts = self.pts_at(f64_from_usize(self.natural));
            if self.landing {
                self.out_pts = self.pts_at(self.ideal);
                self.landing = !self.overlap_add();
            }
            if !self.landing {
                let rest = self.input.get(self.natural * CHANNELS..).unwrap_or(&[]);
                self.out.extend_from_slice(rest);
                self.forget_all();
            }
        } else if self.keep_pitch {
            self.out_pts = self.pts_at(self.ideal);
            while self.overlap_add() {}
            let needed = usize_from_f64(self.ideal).saturating_sub(self.search);
            self.forget(needed.min(self.natural));
        } else {
            self.resample();
        }
        Stretched { samples: &self.out, pts: self.out_pts, rate: self.rate }
    }

    /// Puts out one step; false when more input is needed for it.
    fn overlap_add(&mut self) -> bool {
        let ideal = usize_from_f64(self.ideal);
        let last = ideal + self.search + self.step;
        if last.max(self.natural + self.step) * CHANNELS > self.input.len() {
            return false;
        }
        let matched = self.best_match(ideal);
        let frames = |from: usize| {
            let range = from * CHANNELS..(from + self.step) * CHANNELS;
            self.input.get(range).unwrap_or(&[]).chunks_exact(CHANNELS)
        };
        let count = f64_from_usize(self.step);
        for (index, (old, new)) in frames(self.natural).zip(frames(matched)).enumerate() {
            let weight = f32_from_f64(f64_from_usize(index) / count);
            self.out.extend(old.iter().zip(new).map(|(old, new)| old + (new - old) * weight));
        }
        self.natural = matched + self.step;
        self.ideal += count * self.rate;
        true
    }

    /// The frame around `ideal` whose step of input is most like the natural continuation.
    fn best_match(&self, ideal: usize) -> usize {
        let from = ideal.saturating_sub(self.search);
        let to = ideal + self.search;
        if (from..=to).contains(&self.natural) {
            // Nothing matches better than what follows anyway.
            return self.natural;
        }
        let best = |candidates: &mut dyn Iterator<Item = usize>, stride: usize| {
            let scored = candidates.map(|start| (self.likeness(start, stride), start));
            scored.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(ideal, |(_, start)| start)
        };
        let coarse = best(&mut (from..=to).step_by(COARSE), COARSE);
        let (from, to) = (coarse.saturating_sub(COARSE).max(from), (coarse + COARSE).min(to));
        best(&mut (from..=to), 1)
    }

    /// Normalised cross-correlation of the steps at `start` and at the natural continuation.
    fn likeness(&self, start: usize, stride: usize) -> f64 {
        let mono = |from: usize| {
            let range = from * CHANNELS..(from + self.step) * CHANNELS;
            let frames = self.input.get(range).unwrap_or(&[]).chunks_exact(CHANNELS);
            frames.step_by(stride).map(|frame| frame.iter().sum::<f32>())
        };
        let (mut product, mut energy) = (0.0_f32, 1e-9_f32);
        for (candidate, natural) in mono(start).zip(mono(self.natural)) {
            product += candidate * natural;
            energy += candidate * candidate;
        }
        f64::from(product / energy.sqrt())
    }

    fn resample(&mut self) {
        let rate = self.rate;
        let resampler = self.resampler.get_or_insert_with(|| Resampler::new(rate));
        let mut first = None;
        let rest = self.input.get(self.natural * CHANNELS..).unwrap_or(&[]);
        for (fed, frame) in rest.chunks_exact(CHANNELS).enumerate() {
            let mut next = [0.0; CHANNELS];
            next.copy_from_slice(frame);
            resampler.feed(next);
            while resampler.is_ready() {
                let at = f64_from_usize(self.natural + fed) - resampler.lag();
                first.get_or_insert(at);
                self.out.extend(resampler.produce());
            }
        }
        let at = first.unwrap_or_else(|| f64_from_usize(self.natural));
        self.out_pts = self.pts_at(at);
        self.forget_all();
    }

    fn forget_all(&mut self) {
        self.forget(self.input.len() / CHANNELS);
        self.ideal = f64_from_usize(self.natural);
    }

    /// Drops the first `frames` of the input, and moves every position along.
    fn forget(&mut self, frames: usize) {
        let frames = frames.min(self.input.len() / CHANNELS);
        self.input.drain(..frames * CHANNELS);
        self.pts = self.pts.plus(self.micros(f64_from_usize(frames)));
        self.natural = self.natural.saturating_sub(frames);
        self.ideal = (self.ideal - f64_from_usize(frames)).max(0.0);
    }

    fn pts_at(&self, frame: f64) -> Pts {
        self.pts.plus(self.micros(frame))
    }

    fn micros(&self, frames: f64) -> i64 {
        i64_from_f64(frames * 1e6 / f64::from(self.rate_hz))
    }
}

#[cfg(test)]
mod tests {
    use super::super::num::f64_from_i64;
    use super::super::tone;
    use super::*;

    const HZ: u32 = 48_000;

    /// Stretches in pieces of 1,024 frames with timestamps in whole milliseconds; checks that each
    /// timestamp returned fits what came before, and returns everything put out.
    fn stretch(stretch: &mut Stretch, samples: &[f32]) -> Vec<f32> {
        let mut out: Vec<f32> = Vec::new();
        let mut media: Option<f64> = None;
        // The match lies within 8 ms of the ideal place, what follows naturally up to a step
        // times the rate further, and timestamps are rounded to 1 ms.
        let allowed = 18_000.0 + (stretch.rate() - 1.0).max(0.0) * 12_000.0;
        let mut check = |piece: Stretched<'_>| {
            if piece.samples.is_empty() {
                return;
            }
            let at = f64_from_i64(piece.pts.0);
            let expected = media.unwrap_or(at);
            assert!((at - expected).abs() < allowed, "{at} µs, expected {expected}");
            let frames = f64_from_usize(piece.samples.len() / CHANNELS);
            media = Some(at + frames * 1e6 / f64::from(HZ) * piece.rate);
            out.extend(piece.samples);
        };
        for (index, piece) in samples.chunks(1_024 * CHANNELS).enumerate() {
            let millis = i64::try_from(index * 1_024 * 1_000 / 48_000).unwrap();
            check(stretch.push(piece, Pts(millis * 1_000)));
        }
        check(stretch.finish());
        out
    }

    #[test]
    fn rate_one_is_bit_exact() {
        let samples = tone::sine(440.0, HZ, 10_000, 0.7);
        for keep_pitch in [true, false] {
            let mut stretcher = Stretch::new(HZ);
            stretcher.set_rate(1.0, keep_pitch);
            assert_eq!(stretch(&mut stretcher, &samples), samples);
        }
    }

    #[test]
    fn a_tone_keeps_pitch_level_and_smoothness_at_every_rate() {
        let samples = tone::sine(440.0, HZ, 96_000, 0.5);
        for rate in [0.25, 0.5, 0.9, 1.1, 1.5, 2.0, 3.3, 4.0] {
            let mut stretcher = Stretch::new(HZ);
            stretcher.set_rate(rate, true);
            let out = stretch(&mut stretcher, &samples);
            let frames = f64_from_usize(out.len() / CHANNELS);
            assert!((frames - 96_000.0 / rate).abs() < 5_000.0, "{rate}: {frames} frames");
            assert!(tone::power_share(&out, 440.0, HZ) > 0.98, "{rate}: another pitch");
            let decibels = 20.0 * (tone::rms(&out) / 0.353_55).log10();
            assert!(decibels.abs() < 1.0, "{rate}: {decibels} dB");
            let step = tone::largest_step(&out);
            assert!(step < 0.04, "{rate}: a step of {step}, the tone's own is 0.029");
        }
    }

    #[test]
    fn without_pitch_kept_the_tone_moves_with_the_rate() {
        let samples = tone::sine(440.0, HZ, 96_000, 0.5);
        for rate in [0.25, 0.5, 1.5, 2.0, 4.0] {
            let mut stretcher = Stretch::new(HZ);
            stretcher.set_rate(rate, false);
            let out = stretch(&mut stretcher, &samples);
            let frames = f64_from_usize(out.len() / CHANNELS);
            assert!((frames - 96_000.0 / rate).abs() < 300.0, "{rate}: {frames} frames");
            assert!(tone::power_share(&out, 440.0 * rate, HZ) > 0.98, "{rate}: another pitch");
        }
    }

    #[test]
    fn changing_the_rate_in_mid_stream_does_not_click() {
        let samples = tone::sine(440.0, HZ, 48_000, 0.5);
        let mut stretcher = Stretch::new(HZ);
        let mut out = Vec::new();
        let rates = [1.0, 2.0, 1.0, 0.5, 4.0, 1.0];
        for (index, piece) in samples.chunks(1_000 * CHANNELS).enumerate() {
            stretcher.set_rate(rates[index / 8], true);
            let pts = Pts(i64::try_from(index * 1_000_000_000 / 48_000_000).unwrap() * 1_000);
            out.extend(stretcher.push(piece, pts).samples);
        }
        assert!(tone::largest_step(&out) < 0.04, "{}", tone::largest_step(&out));
        assert!(tone::power_share(&out, 440.0, HZ) > 0.95);
    }

    #[test]
    fn noise_stays_in_place_and_memory_stays_bounded() {
        let noise = |index: usize| {
            let scatter = (f64_from_usize(index) * 12.9898).sin() * 43_758.545;
            f32_from_f64(scatter - scatter.floor() - 0.5)
        };
        let samples: Vec<f32> = (0..96_000).map(noise).collect();
        for rate in [0.25, 4.0] {
            let mut stretcher = Stretch::new(HZ);
            stretcher.set_rate(rate, true);
            for (index, piece) in samples.chunks(960).enumerate() {
                stretcher.push(piece, Pts(i64::try_from(index).unwrap() * 10_000));
                assert!(stretcher.input.len() < 5_000 * CHANNELS);
            }
        }
    }

    #[test]
    fn hostile_timestamps_rates_and_sizes_are_survived() {
        let mut stretcher = Stretch::new(0);
        let rates = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 0.3];
        for (index, pts) in [i64::MIN, i64::MAX, 0, -5, i64::MAX, 7].into_iter().enumerate() {
            stretcher.set_rate(rates[index], index % 2 == 0);
            let samples = vec![f32::NAN; index * 5_001];
            stretcher.push(&samples, Pts(pts));
        }
        stretcher.finish();
    }
}
