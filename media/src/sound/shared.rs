//! What the output's threads, its voices and the callback share, and who of them may render.
//!
//! INVARIANT: exactly one sink renders, the one whose id is in `active`. Handing over is one
//! atomic store; should the old sink still be inside the mixer, the new one plays a block of
//! silence instead of waiting: who renders only ever *tries* the mixer's mutex.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::thread::Thread;
use std::time::Instant;

use super::mixer::{MAX_VOICES, MixVoice, Mixer};
use super::output::{OutputEvent, OutputFacts};
use super::voice::VoiceState;

/// Nothing renders.
pub(super) const NO_SINK: u64 = 0;

/// The system-clock thread renders.
pub(super) const SYSTEM_SINK: u64 = 1;

/// Ids of device streams count from here, each used once.
pub(super) const FIRST_DEVICE_SINK: u64 = 2;

/// Events nobody fetched; older ones go.
const EVENTS_HELD: usize = 16;

#[derive(Debug)]
pub(super) struct Shared {
    /// All microseconds count from here.
    pub(super) epoch: Instant,
    /// The mix's rate, for the output's whole life.
    pub(super) rate_hz: u32,
    mixer: Mutex<Mixer>,
    active: AtomicU64,
    /// Blocks the active sink asked for: a device that stops asking has stalled.
    pub(super) callbacks: AtomicU64,
    /// Blocks any other sink asked for and got silence: a stalled device that asks is back.
    pub(super) idle_callbacks: AtomicU64,
    /// The device sink that reported an error, or stalled for good.
    pub(super) failed: AtomicU64,
    /// The device sink that the system clock stands in for until it asks again.
    pub(super) stalled: AtomicU64,
    lost: AtomicBool,
    /// There is no device for now, and none is being opened.
    pub(super) absent: AtomicBool,
    /// The device is wanted although nothing plays yet.
    pub(super) warm_up: AtomicBool,
    pub(super) xruns: AtomicU64,
    pub(super) latency_micros: AtomicU64,
    playing: AtomicUsize,
    stopped: AtomicBool,
    facts: Mutex<OutputFacts>,
    events: Mutex<VecDeque<OutputEvent>>,
    incoming: Mutex<rtrb::Producer<MixVoice>>,
    left: Mutex<rtrb::Consumer<MixVoice>>,
    /// Voices made and not yet freed.
    voices: Mutex<Vec<Weak<VoiceState>>>,
    pub(super) device_thread: OnceLock<Thread>,
    pub(super) system_thread: OnceLock<Thread>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// `mixer` makes the mixer from its ends of the rings.
    pub(super) fn new(
        epoch: Instant,
        rate_hz: u32,
        mixer: impl FnOnce(rtrb::Consumer<MixVoice>, rtrb::Producer<MixVoice>) -> Mixer,
    ) -> Self {
        let (incoming, incoming_rx) = rtrb::RingBuffer::new(MAX_VOICES);
        let (left_tx, left) = rtrb::RingBuffer::new(MAX_VOICES);
        let facts = OutputFacts { device: None, rate_hz, channels: 2, latency_micros: 0 };
        Self {
            epoch,
            rate_hz,
            mixer: Mutex::new(mixer(incoming_rx, left_tx)),
            active: AtomicU64::new(NO_SINK),
            callbacks: AtomicU64::new(0),
            idle_callbacks: AtomicU64::new(0),
            failed: AtomicU64::new(NO_SINK),
            stalled: AtomicU64::new(NO_SINK),
            lost: AtomicBool::new(false),
            absent: AtomicBool::new(false),
            warm_up: AtomicBool::new(false),
            xruns: AtomicU64::new(0),
            latency_micros: AtomicU64::new(0),
            playing: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            facts: Mutex::new(facts),
            events: Mutex::new(VecDeque::new()),
            incoming: Mutex::new(incoming),
            left: Mutex::new(left),
            voices: Mutex::new(Vec::new()),
            device_thread: OnceLock::new(),
            system_thread: OnceLock::new(),
        }
    }

    /// Fills `out` if `sink` is the active one, else with silence. The callback's only entry:
    /// neither allocates nor waits.
    pub(super) fn render(&self, sink: u64, out: &mut [f32], heard_micros: i64) {
        if self.active() == sink {
            self.callbacks.fetch_add(1, Ordering::Relaxed);
            let mixer = match self.mixer.try_lock() {
                Ok(mixer) => Some(mixer),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(mut mixer) = mixer {
                mixer.render(sink, out, heard_micros);
                return;
            }
        } else {
            self.idle_callbacks.fetch_add(1, Ordering::Relaxed);
        }
        out.fill(0.0);
    }

    pub(super) fn active(&self) -> u64 {
        self.active.load(Ordering::Acquire)
    }

    pub(super) fn activate(&self, sink: u64) {
        self.active.store(sink, Ordering::Release);
        self.wake_system_thread();
    }

    /// Hands rendering from `from` to `to`, if `from` has it. Not for the callback.
    pub(super) fn hand_over(&self, from: u64, to: u64) -> bool {
        let done = self.pass(from, to);
        if done {
            // What was flushed since the last block nobody renders any more, and its writer waits
            // for the room.
            self.drain_if_idle();
        }
        done
    }

    fn pass(&self, from: u64, to: u64) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let done = self.active.compare_exchange(from, to, order.0, order.1).is_ok();
        if done {
            self.wake_system_thread();
        }
        done
    }

    /// `sink` reported an error or stalled: the device thread gives it up, and does what is due
    /// when nobody renders.
    pub(super) fn sink_failed(&self, sink: u64) {
        self.failed.store(sink, Ordering::Release);
        self.pass(sink, NO_SINK);
        self.wake_device_thread();
    }

    pub(super) fn is_playing(&self) -> bool {
        self.playing.load(Ordering::Acquire) > 0
    }

    pub(super) fn voice_started(&self) {
        if self.playing.fetch_add(1, Ordering::AcqRel) == 0 {
            self.wake_device_thread();
            self.wake_system_thread();
        }
    }

    pub(super) fn voice_stopped(&self) {
        if self.playing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_device_thread();
        }
    }

    pub(super) fn wake_device_thread(&self) {
        if let Some(thread) = self.device_thread.get() {
            thread.unpark();
        }
    }

    pub(super) fn wake_system_thread(&self) {
        if let Some(thread) = self.system_thread.get() {
            thread.unpark();
        }
    }

    /// Lets a voice in; false when there are too many.
    pub(super) fn add_voice(&self, voice: MixVoice, state: &std::sync::Arc<VoiceState>) -> bool {
        self.drain_if_idle();
        self.bury();
        let mut voices = lock(&self.voices);
        voices.retain(|voice| voice.strong_count() > 0);
        if voices.len() >= MAX_VOICES || lock(&self.incoming).push(voice).is_err() {
            return false;
        }
        voices.push(std::sync::Arc::downgrade(state));
        true
    }

    /// While no sink renders, does what the callback would: admits, drops flushed samples,
    /// releases. Not for the callback.
    ///
    /// Who flushes asks after that, and a sink that goes asks after it has gone: one of them sees
    /// the other.
    pub(super) fn drain_if_idle(&self) {
        fence(Ordering::SeqCst);
        if self.active() == NO_SINK {
            lock(&self.mixer).settle();
        }
    }

    /// Frees the voices that the mixer gave back. Not for the callback.
    pub(super) fn bury(&self) {
        let mut left = lock(&self.left);
        while let Ok(voice) = left.pop() {
            drop(voice);
        }
    }

    /// Ends both threads and every voice's writing.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.active.store(NO_SINK, Ordering::Release);
        for voice in lock(&self.voices).iter().filter_map(Weak::upgrade) {
            voice.stop();
        }
        self.wake_device_thread();
        self.wake_system_thread();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(super) fn facts(&self) -> OutputFacts {
        let mut facts = lock(&self.facts).clone();
        if self.active() >= FIRST_DEVICE_SINK {
            facts.latency_micros = self.latency_micros.load(Ordering::Relaxed);
        }
        facts
    }

    /// The device in use from now on, and its channels; `None`: the system clock.
    pub(super) fn set_device(&self, device: Option<(String, u16)>) {
        let mut facts = lock(&self.facts);
        (facts.device, facts.channels) = match device {
            Some((name, channels)) => (Some(name), channels),
            None => (None, 2),
        };
    }

    /// Tells that the device is lost, once until [`Self::take_lost`].
    pub(super) fn tell_lost(&self) {
        if !self.lost.swap(true, Ordering::AcqRel) {
            tracing::info!("Sound device lost");
            self.tell(OutputEvent::DeviceLost);
        }
    }

    /// Whether the device was lost; from now on it is not.
    pub(super) fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::AcqRel)
    }

    pub(super) fn tell(&self, event: OutputEvent) {
        let mut events = lock(&self.events);
        if events.len() >= EVENTS_HELD {
            events.pop_front();
        }
        events.push_back(event);
    }

    pub(super) fn next_event(&self) -> Option<OutputEvent> {
        lock(&self.events).pop_front()
    }
}
