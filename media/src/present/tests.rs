//! Frame rate by refresh rate by drift, after Chromium's `video_renderer_algorithm` test.

use super::*;

const FRAME_RATES: [(i64, i64); 8] =
    [(24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (60, 1)];
const REFRESH_RATES: [(i64, i64); 6] =
    [(50, 1), (60_000, 1001), (60, 1), (75, 1), (120, 1), (144, 1)];
const DRIFTS: [f64; 5] = [0.999, 0.999_9, 1.0, 1.000_1, 1.001];

/// Deterministic noise in `-bound..=bound`.
struct Noise(u64);

impl Noise {
    fn within(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let span = u64::try_from(2 * bound + 1).unwrap();
        i64::try_from((self.0 >> 33) % span).unwrap() - bound
    }
}

/// One run of a virtual display against a virtual media clock.
struct Run {
    refresh_micros: i64,
    drift: f64,
    rate: f64,
    /// Clock position at refresh 0, and its noise at each refresh.
    phase_micros: i64,
    jitter_micros: i64,
    refreshes: i64,
}

#[derive(Debug, Default)]
struct Outcome {
    worst_error_micros: i64,
    /// Refreshes each picture stayed, without the first and last picture.
    stays: Vec<i64>,
    counters: Counters,
}

impl Run {
    /// Plays pictures at `timestamps` and checks `next_due` against `pick` all the way.
    #[expect(clippy::as_conversions, reason = "test clock, exact well below 2^52")]
    fn play(&self, timestamps: impl Iterator<Item = i64>) -> Outcome {
        let mut presenter = Presenter::new(4);
        let mut timestamps = timestamps.peekable();
        let mut noise = Noise(1);
        let mut outcome = Outcome::default();
        let mut shown_at = None;
        let span = refresh_span_micros(self.refresh_micros, self.rate);
        for refresh in 0..self.refreshes {
            while !presenter.is_full()
                && let Some(pts) = timestamps.next()
            {
                presenter.push(Pts(pts), 0, pts).expect("there is room");
            }
            let wall = (refresh * self.refresh_micros) as f64;
            let now = Pts((wall * self.drift * self.rate) as i64 + self.phase_micros)
                .plus(noise.within(self.jitter_micros));
            let due = presenter.next_due().is_some_and(|due| due <= now);
            match presenter.pick(now, span) {
                Pick::Hold => assert!(!due || refresh == 0, "due at {now:?} but held"),
                Pick::Show { pts, frame, late } => {
                    assert!(due || refresh < 2, "shown at {now:?} but not due");
                    assert_eq!(pts.0, frame);
                    assert!(!late, "{pts:?} late at {now:?}");
                    if let Some(before) = shown_at.replace(refresh) {
                        outcome.stays.push(refresh - before);
                        outcome.worst_error_micros =
                            outcome.worst_error_micros.max(now.since(pts).abs());
                    }
                }
            }
        }
        if !outcome.stays.is_empty() {
            outcome.stays.remove(0);
        }
        outcome.counters = presenter.counters();
        outcome
    }
}

fn ticks((num, den): (i64, i64)) -> impl Iterator<Item = i64> {
    (0..).map(move |index| index * 1_000_000 * den / num)
}

#[test]
#[expect(clippy::as_conversions, reason = "small counts")]
fn cadence_is_even_at_every_rate_and_drift() {
    const SECONDS: i64 = 30;
    let mut runs = 0;
    for frames in FRAME_RATES {
        for display in REFRESH_RATES {
            for drift in DRIFTS {
                // Eighths of a refresh, the middle between two refreshes among them.
                for eighth in 0..8 {
                    let refresh_micros = 1_000_000 * display.1 / display.0;
                    let refreshes = SECONDS * display.0 / display.1;
                    let run = Run {
                        refresh_micros,
                        drift,
                        rate: 1.0,
                        phase_micros: refresh_micros * eighth / 8,
                        jitter_micros: refresh_micros / 16,
                        refreshes,
                    };
                    let outcome = run.play(ticks(frames));
                    let name = format!("{frames:?} on {display:?}, drift {drift}, {eighth}/8");
                    check_run(&name, &run, frames, &outcome, drift, SECONDS as f64);
                    runs += 1;
                }
            }
        }
    }
    assert_eq!(runs, 8 * 6 * 5 * 8);
}

#[expect(clippy::as_conversions, reason = "small counts")]
fn check_run(
    name: &str,
    run: &Run,
    frames: (i64, i64),
    outcome: &Outcome,
    drift: f64,
    seconds: f64,
) {
    let worst = outcome.worst_error_micros;
    // The clock's noise counts at the refresh that held the picture back and at its own.
    let bound = run.refresh_micros * 2 / 3 + 2 * run.jitter_micros + 2;
    assert!(worst <= bound, "{name}: {worst} µs off");

    let ratio = frames.1 as f64 * 1e6 / (frames.0 as f64 * run.refresh_micros as f64 * drift);
    let fps = frames.0 as f64 / frames.1 as f64 * drift;
    let expected_drops = ((1.0 - ratio) * fps * seconds).max(0.0);
    let drops = outcome.counters.dropped as f64;
    assert!((drops - expected_drops).abs() <= 2.0, "{name}: {drops} dropped");

    // A ratio within a hair of a whole number stays that many refreshes, but for one slip each
    // time the difference has added up to a refresh.
    let whole = ratio.round().max(1.0);
    let slips = (ratio - whole).abs() * fps * seconds;
    let (least, most, allowed) = if (ratio - whole).abs() < 0.01 || ratio < 1.0 {
        (whole as i64, whole as i64, slips + 2.0)
    } else {
        (ratio.floor() as i64, ratio.ceil() as i64, 0.0)
    };
    let uneven = outcome.stays.iter().filter(|stay| !(least..=most).contains(stay)).count();
    assert!(uneven as f64 <= allowed, "{name}: {uneven} uneven stays, {slips} expected");
}

#[test]
fn a_picture_between_two_refreshes_does_not_flutter() {
    // 30 on 60 with every timestamp in the middle between two refreshes, and a noisy clock.
    let refresh_micros = 16_667;
    let run = Run {
        refresh_micros,
        drift: 1.0,
        rate: 1.0,
        phase_micros: refresh_micros / 2,
        jitter_micros: 1_000,
        refreshes: 3_600,
    };
    let outcome = run.play((0..).map(|index| index * 2 * refresh_micros));
    let uneven = outcome.stays.iter().filter(|stay| **stay != 2).count();
    assert!(uneven <= 1, "{uneven} of {} stays", outcome.stays.len());
    assert_eq!(outcome.counters.dropped, 0);
}

#[test]
fn variable_frame_rate_shows_every_picture_a_refresh_can_show() {
    for refresh_micros in [6_944, 16_667, 20_000] {
        let mut noise = Noise(7);
        let mut at = 0;
        let timestamps = std::iter::from_fn(move || {
            // 17 to 137 ms: longer than one refresh at each of these rates and its tolerance.
            at += 77_000 + noise.within(50_000);
            Some(at)
        });
        let run = Run {
            refresh_micros,
            drift: 1.0005,
            rate: 1.0,
            phase_micros: 3_000,
            jitter_micros: 400,
            refreshes: 60_000_000 / refresh_micros,
        };
        let outcome = run.play(timestamps);
        assert_eq!(outcome.counters.dropped, 0, "refresh {refresh_micros}");
        assert!(outcome.worst_error_micros <= refresh_micros * 2 / 3 + 402);
    }
}

#[test]
fn faster_playback_drops_what_the_display_cannot_show() {
    for (rate, shown_per_second) in [(0.25, 7.5), (0.5, 15.0), (2.0, 60.0), (4.0, 60.0)] {
        let run = Run {
            refresh_micros: 16_667,
            drift: 1.0,
            rate,
            phase_micros: 0,
            jitter_micros: 0,
            refreshes: 600,
        };
        let counters = run.play(ticks((30, 1))).counters;
        #[expect(clippy::as_conversions, reason = "small counts")]
        let presented = counters.presented as f64;
        assert!((presented - shown_per_second * 10.0).abs() <= 2.0, "rate {rate}: {counters:?}");
    }
}

fn queue_of(timestamps: &[i64]) -> Presenter<i64> {
    let mut presenter = Presenter::new(timestamps.len());
    for &pts in timestamps {
        presenter.push(Pts(pts), 40_000, pts).expect("there is room");
    }
    presenter
}

fn shown(pts: i64, late: bool) -> Pick<i64> {
    Pick::Show { pts: Pts(pts), frame: pts, late }
}

#[test]
fn a_stall_drops_to_the_present() {
    let mut presenter = queue_of(&[0, 40_000, 80_000, 120_000, 160_000]);
    assert_eq!(presenter.pick(Pts(0), 16_667), shown(0, false));
    assert_eq!(presenter.pick(Pts(125_000), 16_667), shown(120_000, false));
    assert_eq!(presenter.pick(Pts(300_000), 16_667), shown(160_000, true));
    let counters = Counters { presented: 3, dropped: 2, late: 1, flushed: 0 };
    assert_eq!(presenter.counters(), counters);
}

#[test]
fn the_first_picture_after_a_seek_shows_at_once() {
    let mut presenter = queue_of(&[0, 40_000, 80_000]);
    assert_eq!(presenter.pick(Pts(0), 16_667), shown(0, false));
    presenter.flush();
    assert_eq!(presenter.next_due(), None);
    presenter.push(Pts(9_000_000), 0, 9_000_000).expect("there is room");
    presenter.push(Pts(9_040_000), 0, 9_040_000).expect("there is room");
    // Paused: the position stands at the seek target and no time passes between refreshes.
    assert_eq!(presenter.next_due(), Some(Pts(i64::MIN)));
    assert_eq!(presenter.pick(Pts(8_990_000), 0), shown(9_000_000, false));
    assert_eq!(presenter.pick(Pts(8_990_000), 0), Pick::Hold);
    assert_eq!(presenter.next_due(), Some(Pts(9_040_000)));
    assert_eq!(presenter.counters(), Counters { presented: 2, flushed: 2, ..Counters::default() });
}

#[test]
fn a_seek_backwards_is_not_held_up_by_what_was_shown() {
    let mut presenter = queue_of(&[5_000_000]);
    assert_eq!(presenter.pick(Pts(5_000_000), 16_667), shown(5_000_000, false));
    presenter.flush();
    presenter.push(Pts(0), 0, 0).expect("there is room");
    assert_eq!(presenter.pick(Pts(0), 16_667), shown(0, false));
}

#[test]
fn time_that_does_not_advance_is_dropped_and_a_full_queue_refuses() {
    let mut presenter = queue_of(&[0, 40_000]);
    presenter.push(Pts(40_000), 0, 1).expect("dropped, not queued");
    presenter.push(Pts(i64::MIN), 0, 1).expect("dropped, not queued");
    assert_eq!(presenter.counters().dropped, 2);
    assert_eq!(presenter.push(Pts(80_000), 0, 7).unwrap_err().0, 7);
    assert_eq!(presenter.buffered_until(), Some(Pts(80_000)));
}

#[test]
fn extreme_times_do_not_overflow() {
    let mut presenter = Presenter::new(3);
    for pts in [i64::MIN, 0, i64::MAX] {
        presenter.push(Pts(pts), i64::MAX, pts).expect("there is room");
    }
    assert!(matches!(presenter.pick(Pts(i64::MAX), i64::MAX), Pick::Show { .. }));
    assert_eq!(presenter.pick(Pts(i64::MIN), -5), Pick::Hold);
    for rate in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
        assert_eq!(refresh_span_micros(16_667, rate), 0);
    }
    assert_eq!(refresh_span_micros(16_667, 2.0), 33_334);
}
