//! Lip sync measured where it is perceived: flashes as presented, beeps as played.
//!
//! The clip shows a white picture and plays a 1 kHz beep at the same media time. [`BeepDetector`]
//! listens to the mix in the sound callback, [`FlashDetector`] watches the pictures' mean luma at
//! presentation; neither looks at a timestamp or a clock of the player.
//! A/V offset = flash − beep, in milliseconds, positive when sound leads (ITU-R BT.1359).
//!
//! Units: instants are microseconds since the output was opened, or [`Instant`] at the edges.
//! INVARIANT: [`BeepDetector::observe`] does not allocate, lock or wait: it runs in the callback.

use std::time::{Duration, Instant};

/// The beep's tone.
pub const BEEP_HZ: f64 = 1_000.0;

/// Silence needed before a beep counts as one that begins.
const QUIET_MICROS: u64 = 150_000;

/// Amplitude above which it is not silent.
const LOUD: f32 = 0.02;

/// Sound this long is looked at to tell a beep from anything else.
const WINDOW_MICROS: u64 = 10_000;

/// Windows looked at after a silence: codecs smear a little noise ahead of a beep.
const WINDOWS: u32 = 4;

/// Samples in a window at the highest rate.
const WINDOW_MAX: usize = 1_920;

/// Beeps not yet fetched; one a second is usual.
const BEEPS_HELD: usize = 64;

/// Flash and beep further apart do not belong together.
const PAIR_MICROS: i64 = 400_000;

/// Around a seek, pause or device change nothing is measured.
const DISCARD_MICROS: i64 = 300_000;

/// Events remembered: an hour of one a second.
const EVENTS_HELD: usize = 3_600;

/// Finds the beginnings of 1 kHz beeps in interleaved stereo.
#[derive(Debug)]
pub struct BeepDetector {
    rate_hz: u32,
    beeps: rtrb::Producer<i64>,
    /// Frames of silence so far.
    quiet: u64,
    window: Box<[f32; WINDOW_MAX]>,
    /// Filled part of `window`; 0 when not listening closely.
    filled: usize,
    window_at_micros: i64,
    windows_left: u32,
}

/// The other end of a [`BeepDetector`], for any thread.
#[derive(Debug)]
pub struct Beeps {
    beeps: rtrb::Consumer<i64>,
    epoch: Instant,
}

impl Beeps {
    /// Takes the next beep: the instant its first sample reached the ear. Never waits.
    pub fn next_beep(&mut self) -> Option<Instant> {
        let micros = self.beeps.pop().ok()?;
        let after = Duration::from_micros(micros.unsigned_abs());
        if micros < 0 { self.epoch.checked_sub(after) } else { self.epoch.checked_add(after) }
    }
}

impl BeepDetector {
    /// A detector for sound at `rate_hz`, whose microseconds count from `epoch`.
    #[must_use]
    pub fn new(rate_hz: u32, epoch: Instant) -> (Self, Beeps) {
        let (producer, consumer) = rtrb::RingBuffer::new(BEEPS_HELD);
        let detector = Self {
            rate_hz: rate_hz.clamp(8_000, 192_000),
            beeps: producer,
            quiet: 0,
            window: Box::new([0.0; WINDOW_MAX]),
            filled: 0,
            window_at_micros: 0,
            windows_left: 0,
        };
        (detector, Beeps { beeps: consumer, epoch })
    }

    /// Listens to a block whose first frame is heard at `heard_micros`. A beep that nobody
    /// fetched the predecessors of is dropped.
    pub fn observe(&mut self, samples: &[f32], heard_micros: i64) {
        let mut frames = 0_u64;
        for frame in samples.chunks_exact(2) {
            let [left, right] = frame else { continue };
            self.listen((left + right) / 2.0, heard_micros, frames);
            frames += 1;
        }
    }

    fn listen(&mut self, sample: f32, heard_micros: i64, frame: u64) {
        if self.filled == 0 && self.windows_left == 0 {
            if sample.abs() < LOUD {
                self.quiet = self.quiet.saturating_add(1);
                return;
            }
            let was_quiet = self.quiet >= self.frames(QUIET_MICROS);
            self.quiet = 0;
            if !was_quiet {
                return;
            }
            self.windows_left = WINDOWS;
        }
        if self.filled == 0 {
            let into_block = frame * 1_000_000 / u64::from(self.rate_hz);
            self.window_at_micros =
                heard_micros.saturating_add(i64::try_from(into_block).unwrap_or(0));
        }
        if let Some(slot) = self.window.get_mut(self.filled) {
            *slot = sample;
        }
        self.filled += 1;
        let length = usize::try_from(self.frames(WINDOW_MICROS)).unwrap_or(WINDOW_MAX);
        if self.filled >= length.min(WINDOW_MAX) {
            self.judge();
        }
    }

    fn judge(&mut self) {
        let window = self.window.get(..self.filled).unwrap_or(&[]);
        let peak = window.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        // The noise ahead of the beep is weaker than the beep.
        let onset = window.iter().position(|sample| sample.abs() >= peak / 4.0).unwrap_or(0);
        let beep = window.get(onset..).unwrap_or(&[]);
        let long_enough = beep.len() * 2 >= window.len();
        let is_beep = long_enough && peak >= LOUD && tone_share(beep, self.rate_hz) > 0.5;
        self.filled = 0;
        self.windows_left = self.windows_left.saturating_sub(1);
        if is_beep {
            let onset = u64::try_from(onset).unwrap_or(0) * 1_000_000 / u64::from(self.rate_hz);
            let at = self.window_at_micros.saturating_add(i64::try_from(onset).unwrap_or(0));
            // Full: nobody reads, and the oldest tell as much as the newest.
            let _ = self.beeps.push(at);
            self.windows_left = 0;
        }
    }

    fn frames(&self, micros: u64) -> u64 {
        u64::from(self.rate_hz) * micros / 1_000_000
    }
}

/// Share of the power in `samples` that is [`BEEP_HZ`] (Goertzel), 0..=1.
fn tone_share(samples: &[f32], rate_hz: u32) -> f64 {
    let factor = 2.0 * (std::f64::consts::TAU * BEEP_HZ / f64::from(rate_hz)).cos();
    let (mut one, mut two, mut energy, mut count) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    for sample in samples.iter().map(|sample| f64::from(*sample)) {
        (one, two) = (sample + factor * one - two, one);
        energy += sample * sample;
        count += 1.0;
    }
    let power = one * one + two * two - factor * one * two;
    if energy > 0.0 { 2.0 * power / (count * energy) } else { 0.0 }
}

/// Finds the beginnings of white pictures.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlashDetector {
    dark_seen: bool,
}

impl FlashDetector {
    /// Mean luma below which a picture counts as dark, of 0..=1.
    pub const DARK: f32 = 0.5;
    /// Mean luma from which on a picture counts as white.
    pub const WHITE: f32 = 0.75;

    /// Takes a presented picture's mean luma (0 black, 1 white); true when a flash begins with it.
    pub fn observe(&mut self, mean_luma: f32) -> bool {
        let flash = self.dark_seen && mean_luma >= Self::WHITE;
        if flash {
            self.dark_seen = false;
        } else if mean_luma < Self::DARK {
            self.dark_seen = true;
        }
        flash
    }

    /// Forgets the last picture: after a seek a white picture is not the beginning of a flash.
    pub fn reset(&mut self) {
        self.dark_seen = false;
    }
}

/// Collects flashes and beeps of one playback and pairs them. Remembers a bounded number.
#[derive(Clone, Debug)]
pub struct AvOffsets {
    epoch: Instant,
    flashes: Vec<i64>,
    beeps: Vec<i64>,
    breaks: Vec<i64>,
}

impl AvOffsets {
    /// Starts with nothing seen; `epoch` is any instant before.
    #[must_use]
    pub const fn new(epoch: Instant) -> Self {
        Self { epoch, flashes: Vec::new(), beeps: Vec::new(), breaks: Vec::new() }
    }

    /// A flash was presented at `at`.
    pub fn flash(&mut self, at: Instant) {
        remember(&mut self.flashes, micros(self.epoch, at));
    }

    /// A beep was heard at `at`.
    pub fn beep(&mut self, at: Instant) {
        remember(&mut self.beeps, micros(self.epoch, at));
    }

    /// Sound or picture was cut at `at`: a seek, a pause, a resume, another device. Events within
    /// 300 ms of it do not count, and nothing is paired across it.
    pub fn cut(&mut self, at: Instant) {
        remember(&mut self.breaks, micros(self.epoch, at));
    }

    /// The A/V offset of each pair so far, in milliseconds, positive when sound leads.
    #[must_use]
    pub fn offsets_ms(&self) -> Vec<f64> {
        let near =
            |at: &i64| self.breaks.iter().any(|cut| at.saturating_sub(*cut).abs() < DISCARD_MICROS);
        let counted = |events: &[i64]| -> Vec<i64> {
            events.iter().copied().filter(|at| !near(at)).collect()
        };
        pair(&counted(&self.flashes), &counted(&self.beeps), &self.breaks)
    }

    /// Percentiles of [`Self::offsets_ms`]; `None` when there is no pair.
    #[must_use]
    pub fn summary(&self) -> Option<OffsetSummary> {
        OffsetSummary::of(&self.offsets_ms())
    }
}

fn micros(epoch: Instant, at: Instant) -> i64 {
    i64::try_from(at.saturating_duration_since(epoch).as_micros()).unwrap_or(i64::MAX)
}

fn remember(events: &mut Vec<i64>, at: i64) {
    if events.len() < EVENTS_HELD {
        events.push(at);
    }
}

/// Pairs each flash with the nearest beep within 400 ms, each used once, nearest pairs first,
/// never across one of `breaks`. Instants in microseconds; returns flash − beep in milliseconds in
/// the order of the flashes.
#[must_use]
pub fn pair(flashes: &[i64], beeps: &[i64], breaks: &[i64]) -> Vec<f64> {
    let mut sorted = beeps.to_vec();
    sorted.sort_unstable();
    let mut candidates = Vec::new();
    for (index, flash) in flashes.iter().enumerate() {
        let from = sorted.partition_point(|beep| *beep < flash.saturating_sub(PAIR_MICROS));
        for (other, beep) in (from..).zip(sorted.get(from..).unwrap_or_default()) {
            let offset = flash.saturating_sub(*beep);
            if offset < -PAIR_MICROS {
                break;
            }
            let cut = breaks.iter().any(|cut| (*flash.min(beep)..*flash.max(beep)).contains(cut));
            if !cut {
                candidates.push((offset, index, other));
            }
        }
    }
    candidates.sort_unstable_by_key(|(offset, index, _)| (offset.abs(), *index));
    let (mut flash_used, mut beep_used) = (vec![false; flashes.len()], vec![false; sorted.len()]);
    let mut pairs = Vec::new();
    for (offset, flash, beep) in candidates {
        let (Some(flash_used), Some(beep_used)) =
            (flash_used.get_mut(flash), beep_used.get_mut(beep))
        else {
            continue;
        };
        if !*flash_used && !*beep_used {
            (*flash_used, *beep_used) = (true, true);
            pairs.push((flash, offset));
        }
    }
    pairs.sort_unstable();
    pairs.into_iter().map(|(_, offset)| milliseconds(offset)).collect()
}

#[expect(clippy::as_conversions, reason = "exact below 2^53 microseconds")]
fn milliseconds(micros: i64) -> f64 {
    micros as f64 / 1_000.0
}

/// How far sound and picture are apart, over many pairs, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OffsetSummary {
    pub pairs: usize,
    /// Median, with its sign: positive when sound leads.
    pub p50: f64,
    /// 95th percentile of the absolute offsets.
    pub p95: f64,
    /// Largest absolute offset.
    pub max: f64,
}

impl OffsetSummary {
    /// Summarises offsets in milliseconds; `None` when there are none.
    #[must_use]
    pub fn of(offsets_ms: &[f64]) -> Option<Self> {
        let mut signed = offsets_ms.to_vec();
        signed.sort_unstable_by(f64::total_cmp);
        let mut absolute: Vec<f64> = offsets_ms.iter().map(|offset| offset.abs()).collect();
        absolute.sort_unstable_by(f64::total_cmp);
        Some(Self {
            pairs: offsets_ms.len(),
            p50: percentile(&signed, 50)?,
            p95: percentile(&absolute, 95)?,
            max: *absolute.last()?,
        })
    }
}

/// Nearest-rank percentile of ascending values; `None` when empty.
fn percentile(ascending: &[f64], percent: usize) -> Option<f64> {
    let rank = (ascending.len() * percent.min(100)).div_ceil(100).max(1);
    ascending.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u32 = 48_000;

    /// A track of `seconds`: `sound(frame)` on both channels, with a little noise below it.
    fn track(seconds: u32, sound: impl Fn(u32) -> f64) -> Vec<f32> {
        let noise = |frame: u32| f64::from(frame * 7_919 % 1_000) / 1_000.0 * 0.004;
        (0..seconds * HZ)
            .flat_map(|frame| {
                #[expect(clippy::as_conversions, reason = "test signal")]
                let sample = (sound(frame) + noise(frame)) as f32;
                [sample; 2]
            })
            .collect()
    }

    /// Feeds a track in uneven blocks and returns the beeps in microseconds.
    fn detect(track: &[f32]) -> Vec<i64> {
        let epoch = Instant::now();
        let (mut detector, mut beeps) = BeepDetector::new(HZ, epoch);
        let (mut at, mut size, mut found) = (0_usize, 100, Vec::new());
        while at < track.len() {
            let end = (at + size * 2).min(track.len());
            let heard_micros = i64::try_from(at / 2 * 1_000_000 / 48_000).unwrap();
            detector.observe(&track[at..end], heard_micros);
            at = end;
            size = 100 + (size * 13) % 900;
            while let Some(beep) = beeps.next_beep() {
                found.push(micros(epoch, beep));
            }
        }
        found
    }

    fn tone(hz: f64, frame: u32) -> f64 {
        (std::f64::consts::TAU * hz * f64::from(frame) / f64::from(HZ)).sin()
    }

    fn check_beeps(what: &str, found: &[i64], expected: &[i64]) {
        assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 500, "{what}: {found} µs, not {expected}");
        }
    }

    #[test]
    fn beeps_are_found_to_the_sample_and_other_sounds_are_not() {
        // Each second, half a second in, 100 ms long.
        let on = |frame: u32| (HZ / 2..HZ * 6 / 10).contains(&(frame % HZ));
        let beeping = |amplitude: f64| {
            move |frame| if on(frame) { tone(1_000.0, frame) * amplitude } else { 0.0 }
        };
        let expected = [500_000, 1_500_000, 2_500_000];
        check_beeps("loud", &detect(&track(3, beeping(0.8))), &expected);
        check_beeps("soft", &detect(&track(3, beeping(0.05))), &expected);
        let other = |frame| if on(frame) { tone(300.0, frame) * 0.5 } else { 0.0 };
        check_beeps("300 Hz", &detect(&track(3, other)), &[]);
        check_beeps("continuous", &detect(&track(3, |frame| tone(1_000.0, frame) * 0.5)), &[]);
        let smeared = |frame: u32| {
            let ahead = (HZ / 2 - 700..HZ / 2).contains(&(frame % HZ));
            beeping(0.6)(frame) + if ahead { tone(3_700.0, frame) * 0.03 } else { 0.0 }
        };
        check_beeps("codec noise ahead", &detect(&track(3, smeared)), &expected);
    }

    #[test]
    fn a_flash_is_dark_then_white() {
        let mut detector = FlashDetector::default();
        let lumas = [1.0, 0.9, 0.2, 0.3, 0.6, 0.95, 0.95, 0.6, 0.9, 0.1, 0.8];
        let flashes: Vec<bool> = lumas.iter().map(|luma| detector.observe(*luma)).collect();
        let expected = [false, false, false, false, false, true, false, false, false, false, true];
        assert_eq!(flashes, expected);
    }

    #[test]
    fn pairs_are_nearest_once_and_signed() {
        let check = |what, flashes: &[i64], beeps: &[i64], breaks: &[i64], expected: &[f64]| {
            assert_eq!(pair(flashes, beeps, breaks), expected, "{what}");
        };
        check("sound leads", &[1_020_000], &[1_000_000], &[], &[20.0]);
        check("picture leads", &[1_000_000], &[1_035_000], &[], &[-35.0]);
        check("too far", &[1_000_000], &[1_500_000], &[], &[]);
        check("used once", &[1_000_000, 1_100_000], &[1_090_000], &[], &[10.0]);
        let beeps = [1_005_000, 2_000_000, 2_990_000];
        check("one lost", &[1_000_000, 3_000_000], &beeps, &[], &[-5.0, 10.0]);
        check("across a cut", &[1_000_000], &[1_035_000], &[1_010_000], &[]);
    }

    #[test]
    fn what_is_near_a_cut_does_not_count() {
        let epoch = Instant::now();
        let at = |millis| epoch + Duration::from_millis(millis);
        let mut offsets = AvOffsets::new(epoch);
        for second in 1..=5_u64 {
            offsets.flash(at(second * 1_000));
            offsets.beep(at(second * 1_000 - second));
        }
        assert_eq!(offsets.offsets_ms(), [1.0, 2.0, 3.0, 4.0, 5.0]);
        offsets.cut(at(2_800));
        assert_eq!(offsets.offsets_ms(), [1.0, 2.0, 4.0, 5.0]);
        let summary = offsets.summary().unwrap();
        assert_eq!(summary, OffsetSummary { pairs: 4, p50: 2.0, p95: 5.0, max: 5.0 });
    }

    #[test]
    fn no_pairs_no_summary() {
        assert_eq!(OffsetSummary::of(&[]), None);
        let one = OffsetSummary::of(&[-7.0]).unwrap();
        assert_eq!(one, OffsetSummary { pairs: 1, p50: -7.0, p95: 7.0, max: 7.0 });
    }
}
