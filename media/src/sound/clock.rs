//! Which media time is heard now: the audio-master clock, and the system clock that stands in.
//!
//! ```text
//!  writer:    frame 0 … 960 … 1920 …      "frame f is media time p, advancing at rate r"
//!  callback:  frame_end is heard at t     (one pair, replaced at each callback)
//!  position:  frame_end − (t − now)·hz  ─▶ anchor at or before it ─▶ p + …
//! ```
//!
//! Pure: time is an argument, in microseconds of whoever calls.
//! INVARIANT: within a generation the frame never goes back and never passes `frame_end`, so a
//! stall makes the position stand still.

use std::collections::VecDeque;
use std::time::Instant;

use super::num::{f64_from_i64, f64_from_u64, i64_from_f64, u64_from_usize};
use super::voice::VoiceClock;
use crate::time::Pts;

/// Timestamps this close to the running count are rounding (WebM counts whole milliseconds).
const ROUNDING_MICROS: i64 = 2_000;

/// A step back smaller than this is rounding too: the position waits instead of going back.
/// A larger one is a jump of the media itself, e.g. a loop without a gap, and is followed.
const JUMP_BACK_MICROS: i64 = 100_000;

/// Anchors kept; real media needs two or three.
const MAX_ANCHORS: usize = 4_096;

/// What the callback last reported: `frame_end` is the first frame not yet given to the sink, and
/// would be heard at `at_micros`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub generation: u64,
    pub frame_end: u64,
    pub at_micros: i64,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    frame: u64,
    pts: Pts,
    /// Media seconds per second heard.
    rate: f64,
}

/// Maps what was heard to media time.
#[derive(Debug)]
pub struct ClockCore {
    rate_hz: f64,
    generation: u64,
    start: u64,
    /// INVARIANT: `frame` strictly increases.
    anchors: VecDeque<Anchor>,
    /// Furthest frame reported in this generation.
    frame: f64,
    position: Option<Pts>,
}

impl ClockCore {
    /// A clock for frames at `rate_hz` (0 counts as 1).
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz: f64::from(rate_hz.max(1)),
            generation: 0,
            start: 0,
            anchors: VecDeque::new(),
            frame: 0.0,
            position: None,
        }
    }

    /// Starts over: frames from `frame` on belong to `generation`.
    pub fn begin(&mut self, generation: u64, frame: u64) {
        self.generation = generation;
        self.start = frame;
        self.anchors.clear();
        self.frame = f64_from_u64(frame);
        self.position = None;
    }

    /// Notes that frame `frame` carries media time `pts`, advancing `rate` media seconds a second.
    /// Frames must be announced in order.
    pub fn wrote(&mut self, frame: u64, pts: Pts, rate: f64) {
        if let Some(last) = self.anchors.back_mut() {
            let expected = pts_at(*last, f64_from_u64(frame), self.rate_hz);
            #[expect(clippy::float_cmp, reason = "a changed setting, not a computed value")]
            let same_rate = last.rate == rate;
            if same_rate && pts.since(expected).abs() <= ROUNDING_MICROS {
                return;
            }
            if last.frame >= frame {
                *last = Anchor { frame: last.frame, pts, rate };
                return;
            }
        }
        if self.anchors.len() >= MAX_ANCHORS {
            self.anchors.pop_front();
        }
        self.anchors.push_back(Anchor { frame, pts, rate });
    }

    /// Media time heard at `now_micros`; `None` until something of this generation is written.
    pub fn position(&mut self, heard: Heard, now_micros: i64) -> Option<Pts> {
        if heard.generation == self.generation && heard.frame_end > self.start {
            let end = f64_from_u64(heard.frame_end);
            let ahead_micros = heard.at_micros.saturating_sub(now_micros);
            let frame = end - f64_from_i64(ahead_micros) * self.rate_hz / 1e6;
            self.frame = self.frame.max(frame.min(end));
        }
        while self.anchors.get(1).is_some_and(|next| f64_from_u64(next.frame) <= self.frame) {
            self.anchors.pop_front();
        }
        let pts = pts_at(*self.anchors.front()?, self.frame, self.rate_hz);
        let position = match self.position {
            Some(last) if pts < last && last.since(pts) < JUMP_BACK_MICROS => last,
            _ => pts,
        };
        self.position = Some(position);
        Some(position)
    }

    /// Anchors held, for bounds in tests and statistics.
    #[must_use]
    pub fn anchors(&self) -> u64 {
        u64_from_usize(self.anchors.len())
    }
}

fn pts_at(anchor: Anchor, frame: f64, rate_hz: f64) -> Pts {
    let frames = (frame - f64_from_u64(anchor.frame)).max(0.0);
    anchor.pts.plus(i64_from_f64(frames * 1e6 / rate_hz * anchor.rate))
}

/// Media time without sound: advances with the system's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    position: Option<Pts>,
    running_since: Option<Instant>,
    rate: f64,
}

impl SystemClock {
    /// Stands still, at no position, at rate 1.
    #[must_use]
    pub const fn new() -> Self {
        Self { position: None, running_since: None, rate: 1.0 }
    }

    /// Moves to `pts`; goes on running if it ran.
    pub fn set_position(&mut self, pts: Pts, now: Instant) {
        self.position = Some(pts);
        self.running_since = self.running_since.map(|_| now);
    }

    pub fn play(&mut self, now: Instant) {
        self.running_since.get_or_insert(now);
    }

    pub fn pause(&mut self, now: Instant) {
        self.position = self.position(now);
        self.running_since = None;
    }

    /// Media seconds per second; negative or not finite counts as 0.
    pub fn set_rate(&mut self, rate: f64, now: Instant) {
        self.position = self.position(now);
        self.running_since = self.running_since.map(|_| now);
        self.rate = if rate.is_finite() { rate.max(0.0) } else { 0.0 };
    }

    /// Media time at `now`; `None` before the first [`Self::set_position`].
    #[must_use]
    pub fn position(&self, now: Instant) -> Option<Pts> {
        let elapsed = self.running_since.map(|since| now.saturating_duration_since(since));
        let elapsed = elapsed.unwrap_or_default().as_secs_f64() * 1e6;
        self.position.map(|pts| pts.plus(i64_from_f64(elapsed * self.rate)))
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// The clock that pictures follow: the sound where there is any, else the system's.
#[derive(Clone, Debug)]
pub enum Clock {
    Audio(VoiceClock),
    System(SystemClock),
}

impl Clock {
    /// Media time at `now`; `None` while nothing has been written or set.
    #[must_use]
    pub fn position(&self, now: Instant) -> Option<Pts> {
        match self {
            Self::Audio(clock) => clock.position(now),
            Self::System(clock) => clock.position(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// One voice on a virtual device: blocks of 10 ms, `latency_micros` of device delay, callbacks
    /// late by `jitter`, a device clock `ppm` too fast. Returns (worst error in µs, ever back).
    fn play(rate: f64, ppm: f64, latency_micros: i64, jitter: impl Fn(u64) -> i64) -> (i64, bool) {
        let mut core = ClockCore::new(48_000);
        core.begin(1, 0);
        let (mut heard, mut worst, mut back, mut last) = (Heard::default(), 0, false, Pts(0));
        let block_micros = 10_000.0 / (1.0 + ppm / 1e6);
        for block in 0..3_000_u64 {
            let frame = block * 480;
            let media = i64_from_f64(f64_from_u64(block) * 10_000.0 * rate);
            core.wrote(frame, Pts(media), rate);
            let callback = i64_from_f64(f64_from_u64(block) * block_micros);
            heard = Heard {
                generation: 1,
                frame_end: frame + 480,
                at_micros: callback + latency_micros + i64_from_f64(block_micros),
            };
            // Looked at three times between callbacks, the callback itself being late.
            for third in 0..3 {
                let now = callback + jitter(block) + third * 3_300;
                let Some(position) = core.position(heard, now) else { continue };
                back |= position < last;
                last = position;
                let truth = f64_from_i64(now - latency_micros) / block_micros * 10_000.0 * rate;
                if now > latency_micros && block > 10 {
                    worst = worst.max((position.0 - i64_from_f64(truth)).abs());
                }
            }
        }
        assert!(core.anchors() <= 2, "{} anchors", core.anchors());
        assert_eq!(heard.frame_end, 3_000 * 480);
        (worst, back)
    }

    #[test]
    fn follows_the_device_whatever_its_drift_latency_and_jitter() {
        for rate in [0.25, 1.0, 1.5, 4.0] {
            for ppm in [-500.0, 0.0, 500.0] {
                for latency in [0, 20_000, 300_000] {
                    let jitter = |block: u64| i64::try_from(block * 7_919 % 3_001).unwrap();
                    let (worst, back) = play(rate, ppm, latency, jitter);
                    // Without delay the sink has nothing ahead of now: late callbacks show.
                    let allowed = if latency == 0 { 10_000.0 } else { 200.0 };
                    let what = format!("rate {rate}, {ppm} ppm, {latency} µs");
                    assert!(worst <= i64_from_f64(allowed * rate.max(1.0)), "{what}: {worst} µs");
                    assert!(!back, "{what}: went back");
                }
            }
        }
    }

    #[test]
    fn stands_still_in_a_stall_and_goes_on_after_it() {
        let mut core = ClockCore::new(48_000);
        core.begin(1, 0);
        core.wrote(0, Pts(1_000_000), 1.0);
        let heard = Heard { generation: 1, frame_end: 480, at_micros: 10_000 };
        assert_eq!(core.position(heard, 5_000), Some(Pts(1_005_000)));
        for now in [10_000, 50_000, 5_000_000] {
            assert_eq!(core.position(heard, now), Some(Pts(1_010_000)), "at {now}");
        }
        let heard = Heard { generation: 1, frame_end: 960, at_micros: 6_020_000 };
        assert_eq!(core.position(heard, 6_000_000), Some(Pts(1_010_000)));
        assert_eq!(core.position(heard, 6_015_000), Some(Pts(1_015_000)));
    }

    #[test]
    fn a_new_generation_ignores_reports_about_the_old_one() {
        let mut core = ClockCore::new(48_000);
        core.begin(1, 0);
        core.wrote(0, Pts(0), 1.0);
        let old = Heard { generation: 1, frame_end: 48_000, at_micros: 0 };
        assert_eq!(core.position(old, 0), Some(Pts(1_000_000)));
        core.begin(2, 50_000);
        assert_eq!(core.position(old, 0), None);
        core.wrote(50_000, Pts(300_000), 1.0);
        assert_eq!(core.position(old, 0), Some(Pts(300_000)));
        let new = Heard { generation: 2, frame_end: 50_480, at_micros: 20_000 };
        assert_eq!(core.position(new, 15_000), Some(Pts(305_000)));
    }

    #[test]
    fn rounded_timestamps_do_not_shake_the_position_and_jumps_are_followed() {
        let mut core = ClockCore::new(48_000);
        core.begin(1, 0);
        for packet in 0..100_u64 {
            let millis = packet * 1_024 * 1_000 / 48_000;
            core.wrote(packet * 1_024, Pts(i64::try_from(millis).unwrap() * 1_000), 1.0);
        }
        assert_eq!(core.anchors(), 1);
        core.wrote(102_400, Pts(0), 1.0);
        let end = Heard { generation: 1, frame_end: 102_880, at_micros: 0 };
        assert_eq!(core.position(end, 0), Some(Pts(10_000)));
    }

    #[test]
    fn hostile_anchors_are_bounded() {
        let mut core = ClockCore::new(0);
        for frame in 0..100_000 {
            core.wrote(frame, Pts(i64::MAX - i64::try_from(frame % 2).unwrap() * 90_000_000), 4.0);
        }
        assert!(core.anchors() <= 4_096);
        let heard = Heard { generation: 0, frame_end: u64::MAX, at_micros: i64::MIN };
        assert!(core.position(heard, i64::MAX).is_some());
    }

    #[test]
    fn the_system_clock_keeps_its_position_across_pause_rate_and_seek() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut clock = SystemClock::new();
        assert_eq!(clock.position(at(5)), None);
        clock.set_position(Pts(1_000_000), at(0));
        assert_eq!(clock.position(at(50)), Some(Pts(1_000_000)));
        clock.play(at(100));
        assert_eq!(clock.position(at(150)), Some(Pts(1_050_000)));
        clock.set_rate(2.0, at(200));
        assert_eq!(clock.position(at(250)), Some(Pts(1_200_000)));
        clock.pause(at(300));
        assert_eq!(clock.position(at(900)), Some(Pts(1_300_000)));
        clock.play(at(1_000));
        clock.set_position(Pts(0), at(1_100));
        assert_eq!(clock.position(at(1_150)), Some(Pts(100_000)));
        clock.set_rate(f64::NAN, at(1_200));
        assert_eq!(clock.position(at(9_000)), Some(Pts(200_000)));
    }
}
