//! A voice: one player's sound on its way to the mixer.
//!
//! ```text
//!  VoiceControl (player)     VoiceWriter (decode thread)      MixVoice (callback)
//!    play, pause, volume ───────────────atomics──────────────▶ fade, gain
//!    flush: wanted + 1 ──▶ write fails: Stale
//!                          begin(wanted): acked = wanted ────▶ drops older frames, plays on
//!                          write ═══════════ring═════════════▶ consume ─▶ Heard
//!                          parks when full ◀──────unpark────── half drained
//! ```
//!
//! Frames are counted from the voice's first, across flushes; a generation begins at a frame.
//! INVARIANT: everything in the ring older than `acked` belongs to a flushed generation. The
//! callback reads the ring's fill *before* `acked`, so it never drops a frame of a new one.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::clock::{ClockCore, Heard};
use super::level::{Level, Published};
use super::num::{f32_from_f64, micros_since, u64_from_usize};
use super::output::Shared;
use super::{CHANNELS, RATE_MAX, RATE_MIN};
use crate::time::Pts;

/// Nothing was written, or not everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The voice was flushed: drop what was decoded and `begin` the new generation.
    #[error("samples belong to a flushed generation")]
    Stale,
    /// The voice is stopped or its control is gone: end.
    #[error("voice is stopped")]
    Stopped,
}

/// What the three sides of a voice share.
#[derive(Debug)]
pub(super) struct VoiceState {
    pub(super) playing: AtomicBool,
    /// `f32` bits; already 0 when muted.
    pub(super) gain: AtomicU32,
    pub(super) wanted: AtomicU64,
    pub(super) acked: AtomicU64,
    /// First frame of the generation `acked`.
    pub(super) start: AtomicU64,
    /// Frame after the last of the generation, `u64::MAX` while it is open.
    pub(super) end: AtomicU64,
    pub(super) stopped: AtomicBool,
    /// Both handles are gone: the mixer gives the voice back.
    pub(super) abandoned: AtomicBool,
    pub(super) underruns: AtomicU64,
    pub(super) published: Published,
    pub(super) heard: HeardCell,
    /// The thread that waits in `write`, and the free samples it waits for (0: it does not).
    writer: OnceLock<Thread>,
    wanted_space: AtomicUsize,
}

impl VoiceState {
    pub(super) fn new() -> Self {
        Self {
            playing: AtomicBool::new(false),
            gain: AtomicU32::new(1.0_f32.to_bits()),
            wanted: AtomicU64::new(0),
            acked: AtomicU64::new(0),
            start: AtomicU64::new(0),
            end: AtomicU64::new(u64::MAX),
            stopped: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            underruns: AtomicU64::new(0),
            published: Published::default(),
            heard: HeardCell::default(),
            writer: OnceLock::new(),
            wanted_space: AtomicUsize::new(0),
        }
    }

    /// Wakes the writer when `free` samples are what it waits for. For the callback: no lock.
    pub(super) fn offer_space(&self, free: usize) {
        // Pairs with the fence in `wait_for_space`: either it sees the space, or this the wish.
        fence(Ordering::SeqCst);
        let wanted = self.wanted_space.load(Ordering::SeqCst);
        if wanted > 0 && free >= wanted {
            self.wake_writer();
        }
    }

    /// Writing fails from now on.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake_writer();
    }

    fn wake_writer(&self) {
        self.wanted_space.store(0, Ordering::SeqCst);
        if let Some(thread) = self.writer.get() {
            thread.unpark();
        }
    }
}

/// A [`Heard`] written by one callback and read by anyone: a sequence lock.
#[derive(Debug, Default)]
pub(super) struct HeardCell {
    /// Odd while it is being written.
    sequence: AtomicU64,
    generation: AtomicU64,
    frame_end: AtomicU64,
    at_micros: AtomicU64,
}

impl HeardCell {
    pub(super) fn store(&self, heard: Heard) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.generation.store(heard.generation, Ordering::Relaxed);
        self.frame_end.store(heard.frame_end, Ordering::Relaxed);
        self.at_micros.store(heard.at_micros.cast_unsigned(), Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// Waits out a writer, which is at most a few instructions away.
    pub(super) fn load(&self) -> Heard {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let heard = Heard {
                generation: self.generation.load(Ordering::Relaxed),
                frame_end: self.frame_end.load(Ordering::Relaxed),
                at_micros: self.at_micros.load(Ordering::Relaxed).cast_signed(),
            };
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return heard;
            }
            std::thread::yield_now();
        }
    }
}

/// Media time heard from one voice. Cheap to clone; for any thread but the callback.
#[derive(Clone, Debug)]
pub struct VoiceClock {
    state: Arc<VoiceState>,
    core: Arc<Mutex<ClockCore>>,
    epoch: Instant,
}

impl VoiceClock {
    pub(super) fn new(state: &Arc<VoiceState>, rate_hz: u32, epoch: Instant) -> Self {
        let core = Arc::new(Mutex::new(ClockCore::new(rate_hz)));
        Self { state: Arc::clone(state), core, epoch }
    }

    /// Media time heard at `now`, the device's delay subtracted. `None` from a flush until the
    /// first frame after it is written; from then on the position of that frame until it is heard.
    #[must_use]
    pub fn position(&self, now: Instant) -> Option<Pts> {
        let now_micros = micros_since(self.epoch, now);
        self.with(|core| {
            let acked = self.state.acked.load(Ordering::Acquire);
            if acked != self.state.wanted.load(Ordering::Acquire) {
                return None;
            }
            core.position(self.state.heard.load(), now_micros)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut ClockCore) -> T) -> T {
        act(&mut self.core.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The decode thread's end. Dropping it ends the generation.
///
/// The first thread that waits in [`Self::write`] is the one the callback wakes: keep it there.
#[derive(Debug)]
pub struct VoiceWriter {
    producer: rtrb::Producer<f32>,
    state: Arc<VoiceState>,
    clock: VoiceClock,
    shared: Arc<Shared>,
    generation: u64,
    written: u64,
    _alive: Arc<Alive>,
}

impl VoiceWriter {
    pub(super) fn new(
        producer: rtrb::Producer<f32>,
        clock: VoiceClock,
        shared: &Arc<Shared>,
        alive: Arc<Alive>,
    ) -> Self {
        let state = Arc::clone(&clock.state);
        let shared = Arc::clone(shared);
        Self { producer, state, clock, shared, generation: 0, written: 0, _alive: alive }
    }

    /// Begins `generation`, as [`VoiceControl::flush`] returned it: what was written before is
    /// never heard.
    pub fn begin(&mut self, generation: u64) {
        self.generation = generation;
        self.clock.with(|core| core.begin(generation, self.written));
        self.state.start.store(self.written, Ordering::Release);
        self.state.end.store(u64::MAX, Ordering::Release);
        self.state.acked.store(generation, Ordering::Release);
    }

    /// The generation the control wants; when it is not the one begun, writing fails.
    #[must_use]
    pub fn wanted_generation(&self) -> u64 {
        self.state.wanted.load(Ordering::Acquire)
    }

    /// Frames that can be written without waiting.
    #[must_use]
    pub fn space(&self) -> usize {
        self.producer.slots() / CHANNELS
    }

    /// Writes whole frames of `samples` (left, right, left, …), waiting while the ring is full.
    /// The first is media time `pts`; each further one `rate` media seconds per second later.
    ///
    /// # Errors
    /// [`WriteError`] as soon as the voice is flushed or stopped, also while waiting.
    pub fn write(&mut self, samples: &[f32], pts: Pts, rate: f64) -> Result<(), WriteError> {
        let mut rest = samples;
        let mut pts = pts;
        loop {
            let frames = self.try_write(rest, pts, rate)?;
            let (done, left) = rest.split_at((frames * CHANNELS).min(rest.len()));
            let micros = super::num::micros_from_frames(done.len() / CHANNELS, self.shared.rate_hz);
            let moved = super::num::f64_from_i64(micros) * checked_rate(rate);
            pts = pts.plus(super::num::i64_from_f64(moved));
            rest = left;
            if rest.len() < CHANNELS {
                return Ok(());
            }
            self.wait_for_space(rest.len());
        }
    }

    /// Writes as many frames as fit now and returns how many.
    ///
    /// # Errors
    /// [`WriteError`] when the voice is flushed or stopped; then nothing was written.
    pub fn try_write(&mut self, samples: &[f32], pts: Pts, rate: f64) -> Result<usize, WriteError> {
        self.check()?;
        let frames = (samples.len() / CHANNELS).min(self.space());
        if frames == 0 {
            return Ok(0);
        }
        self.clock.with(|core| core.wrote(self.written, pts, checked_rate(rate)));
        let (pushed, _) =
            self.producer.push_partial_slice(samples.get(..frames * CHANNELS).unwrap_or(&[]));
        let pushed = pushed.len() / CHANNELS;
        self.written = self.written.saturating_add(u64_from_usize(pushed));
        Ok(pushed)
    }

    /// Nothing follows in this generation: running dry is the end, not an underrun.
    pub fn finish(&mut self) {
        self.state.end.store(self.written, Ordering::Release);
    }

    fn check(&self) -> Result<(), WriteError> {
        if self.state.stopped.load(Ordering::Acquire) {
            return Err(WriteError::Stopped);
        }
        if self.wanted_generation() != self.generation {
            return Err(WriteError::Stale);
        }
        Ok(())
    }

    /// Waits until `samples` fit, at most half of the ring, or the voice is flushed or stopped.
    fn wait_for_space(&self, samples: usize) {
        let current = std::thread::current();
        let bound = self.state.writer.get_or_init(|| current.clone());
        let wanted = samples.min(self.producer.buffer().capacity() / 2).max(1);
        self.state.wanted_space.store(wanted, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        // Checked after announcing the wish: what happened before it would wake nobody.
        if self.check().is_ok() && self.producer.slots() < wanted {
            if bound.id() == current.id() {
                std::thread::park();
            } else {
                // The wake-up goes to another thread: look again within a block.
                std::thread::park_timeout(Duration::from_millis(10));
            }
        }
    }
}

impl Drop for VoiceWriter {
    fn drop(&mut self) {
        self.finish();
    }
}

fn checked_rate(rate: f64) -> f64 {
    if rate.is_finite() { rate.clamp(RATE_MIN, RATE_MAX) } else { 1.0 }
}

/// The player's end: transport, volume, measurements. Dropping it stops the voice.
#[derive(Debug)]
pub struct VoiceControl {
    state: Arc<VoiceState>,
    clock: VoiceClock,
    shared: Arc<Shared>,
    volume: Mutex<(f64, bool)>,
    _alive: Arc<Alive>,
}

impl VoiceControl {
    pub(super) fn new(clock: VoiceClock, shared: &Arc<Shared>, alive: Arc<Alive>) -> Self {
        let state = Arc::clone(&clock.state);
        let volume = Mutex::new((1.0, false));
        Self { state, clock, shared: Arc::clone(shared), volume, _alive: alive }
    }

    /// Lets the voice sound, faded in. Starts the device if nothing else sounds.
    pub fn play(&self) {
        if !self.state.playing.swap(true, Ordering::AcqRel) {
            self.shared.voice_started();
        }
    }

    /// Silences the voice, faded out over a few milliseconds; the ring keeps what is in it.
    pub fn pause(&self) {
        if self.state.playing.swap(false, Ordering::AcqRel) {
            self.shared.voice_stopped();
        }
    }

    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.state.playing.load(Ordering::Acquire)
    }

    /// Linear amplitude 0..=1, as `HTMLMediaElement.volume`; anything else is clamped, NaN is 0.
    pub fn set_volume(&self, volume: f64) {
        self.change_volume(|state| state.0 = if volume > 0.0 { volume.min(1.0) } else { 0.0 });
    }

    pub fn set_muted(&self, muted: bool) {
        self.change_volume(|state| state.1 = muted);
    }

    /// Drops everything written so far, at once, and returns the generation to
    /// [`VoiceWriter::begin`]. A waiting writer is woken and told [`WriteError::Stale`].
    pub fn flush(&self) -> u64 {
        let generation = self.state.wanted.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        self.shared.drain_if_idle();
        self.state.wake_writer();
        generation
    }

    /// Ends the voice: writing fails from now on.
    pub fn stop(&self) {
        self.pause();
        self.state.stop();
    }

    /// Everything written and [finished](VoiceWriter::finish) has been heard.
    #[must_use]
    pub fn is_drained(&self, now: Instant) -> bool {
        let acked = self.state.acked.load(Ordering::Acquire);
        if acked != self.state.wanted.load(Ordering::Acquire) {
            return false;
        }
        let end = self.state.end.load(Ordering::Acquire);
        let start = self.state.start.load(Ordering::Acquire);
        let heard = self.state.heard.load();
        end == start
            || (heard.generation == acked
                && heard.frame_end >= end
                && heard.at_micros <= micros_since(self.shared.epoch, now))
    }

    /// Media time heard; may outlive the control.
    #[must_use]
    pub fn clock(&self) -> VoiceClock {
        self.clock.clone()
    }

    /// How often the ring ran dry in mid-play.
    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.state.underruns.load(Ordering::Relaxed)
    }

    /// RMS of everything that was really put out, volume applied; 0 when nothing was.
    #[must_use]
    pub fn rms(&self) -> f32 {
        self.state.published.total().0
    }

    /// Frames really put out.
    #[must_use]
    pub fn frames_played(&self) -> u64 {
        self.state.published.total().1
    }

    /// Loudness over the last tenth of a second that sounded.
    #[must_use]
    pub fn level(&self) -> Level {
        self.state.published.recent()
    }

    fn change_volume(&self, change: impl FnOnce(&mut (f64, bool))) {
        let mut state = self.volume.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let gain = if state.1 { 0.0 } else { f32_from_f64(state.0) };
        self.state.gain.store(gain.to_bits(), Ordering::Relaxed);
    }
}

impl Drop for VoiceControl {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Held by both handles; when the last goes, the mixer gives the voice back.
#[derive(Debug)]
pub(super) struct Alive {
    pub(super) state: Arc<VoiceState>,
    pub(super) shared: Arc<Shared>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.state.abandoned.store(true, Ordering::Release);
        self.shared.drain_if_idle();
        self.shared.wake_device_thread();
    }
}
