//! The output: one per process, opened at start, never failing.
//!
//! ```text
//!   Output ── device thread ── cpal stream ─┐ render(sink)
//!          └─ system-clock thread ──────────┴──▶ Mixer ◀── voices
//! ```
//!
//! With no device the system clock pulls, and the facts say so. Devices may come and go: voices
//! and their positions stay. Dropping the output ends both threads and all writing.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::CHANNELS;
use super::device::Hosts;
use super::mixer::{MixVoice, Mixer};
use super::num::usize_from_u32;
pub(super) use super::shared::Shared;
use super::voice::{Alive, VoiceClock, VoiceControl, VoiceState, VoiceWriter};
use super::{device_thread, system};
use crate::measure::{BeepDetector, Beeps};

/// The mix's rate where no device prefers another.
const USUAL_RATE_HZ: u32 = 48_000;

/// How long opening waits to learn the device's rate.
const PROBE_TIMEOUT: Duration = Duration::from_millis(150);

/// How long dropping waits for a device thread that a sound server holds up.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A voice's ring holds this much, in milliseconds.
const RING_MS: u32 = 200;

/// How to open an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputConfig {
    /// Listen for beeps in the mix, see [`Output::take_beeps`].
    pub measure: bool,
    /// Use no device, even if there is one.
    pub force_system_clock: bool,
}

/// What the output really is, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFacts {
    /// The device's name; `None`: the system clock stands in for one.
    pub device: Option<String>,
    /// The mix's rate, which voices are to be fed at. Never changes.
    pub rate_hz: u32,
    /// The device's channels; voices always have [`CHANNELS`].
    pub channels: u16,
    /// From mixed to heard, as the device says; 0 without one.
    pub latency_micros: u64,
}

/// What happened to the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputEvent {
    /// The device failed or went; voices go on.
    DeviceLost,
    /// Another device plays, or one plays again.
    DeviceChanged { name: String },
    /// There is no device: the system clock keeps time.
    NoDevice,
}

/// No more than 32 voices at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many voices")]
pub struct TooManyVoices;

/// Owns the device and the system-clock thread.
#[derive(Debug)]
pub struct Output {
    shared: Arc<Shared>,
    beeps: Mutex<Option<Beeps>>,
    device_thread: Option<(JoinHandle<()>, Receiver<()>)>,
    system_thread: Option<JoinHandle<()>>,
}

impl Output {
    /// Finds the default device, or, without one, takes the system clock. Takes at most 150 ms; a
    /// slower device joins later.
    #[must_use]
    pub fn open(config: OutputConfig) -> Self {
        let (rate_tx, rate) = sync_channel(1);
        let (shared_tx, shared_rx) = sync_channel::<Arc<Shared>>(1);
        let (done, ended) = sync_channel(1);
        let device_thread = spawn(!config.force_system_clock, "sound device", move || {
            let mut hosts = Hosts::new();
            // The output may have waited long enough and be gone: then so be it.
            let _ = rate_tx.send(hosts.default_rate());
            if let Ok(shared) = shared_rx.recv() {
                device_thread::run(hosts, &shared);
            }
            let _ = done.send(());
        });
        let native = device_thread.as_ref().and_then(|_| rate.recv_timeout(PROBE_TIMEOUT).ok());
        let rate_hz = native.flatten().filter(|rate| (44_100..=48_000).contains(rate));
        let rate_hz = rate_hz.unwrap_or(USUAL_RATE_HZ);
        let epoch = Instant::now();
        let (detector, beeps) = config.measure.then(|| BeepDetector::new(rate_hz, epoch)).unzip();
        let shared = Arc::new(Shared::new(epoch, rate_hz, |incoming, left| {
            Mixer::new(rate_hz, incoming, left, detector)
        }));
        match &device_thread {
            Some(thread) => {
                let _ = shared.device_thread.set(thread.thread().clone());
                let _ = shared_tx.send(Arc::clone(&shared));
            }
            None => shared.absent.store(true, std::sync::atomic::Ordering::Release),
        }
        let system_thread = spawn(true, "sound system clock", {
            let shared = Arc::clone(&shared);
            move || system::run(&shared)
        });
        if let Some(thread) = &system_thread {
            let _ = shared.system_thread.set(thread.thread().clone());
        }
        let device_thread = device_thread.map(|thread| (thread, ended));
        Self { shared, beeps: Mutex::new(beeps), device_thread, system_thread }
    }

    /// Opens the device although nothing plays yet, so that the first sound does not wait. One
    /// that stays unused is given back.
    pub fn warm_up(&self) {
        self.shared.warm_up.store(true, std::sync::atomic::Ordering::Release);
        self.shared.wake_device_thread();
    }

    /// A new voice, paused, at full volume, of generation 0, which is begun.
    ///
    /// # Errors
    /// [`TooManyVoices`].
    pub fn voice(&self) -> Result<(VoiceWriter, VoiceControl), TooManyVoices> {
        let rate_hz = self.shared.rate_hz;
        let frames = usize_from_u32(rate_hz / 1_000 * RING_MS);
        let (producer, consumer) = rtrb::RingBuffer::new(frames * CHANNELS);
        let state = Arc::new(VoiceState::new());
        let voice = MixVoice::new(consumer, Arc::clone(&state), rate_hz);
        if !self.shared.add_voice(voice, &state) {
            return Err(TooManyVoices);
        }
        let clock = VoiceClock::new(&state, rate_hz, self.shared.epoch);
        let alive = Arc::new(Alive { state, shared: Arc::clone(&self.shared) });
        let writer = VoiceWriter::new(producer, clock.clone(), &self.shared, Arc::clone(&alive));
        Ok((writer, VoiceControl::new(clock, &self.shared, alive)))
    }

    /// What the output is, now.
    #[must_use]
    pub fn facts(&self) -> OutputFacts {
        self.shared.facts()
    }

    /// The mix's rate, the same as in the facts.
    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        self.shared.rate_hz
    }

    /// Takes the oldest event nobody took; at most 16 wait, older ones go. Never waits.
    #[must_use]
    pub fn next_event(&self) -> Option<OutputEvent> {
        self.shared.next_event()
    }

    /// Underruns that the device reported, or that it asked too late not to have had (a voice that runs dry counts for itself).
    #[must_use]
    pub fn xruns(&self) -> u64 {
        self.shared.xruns.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The beeps found in the mix; `None` without [`OutputConfig::measure`], or when taken.
    #[must_use]
    pub fn take_beeps(&self) -> Option<Beeps> {
        self.beeps.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.system_thread.take()
            && thread.join().is_err()
        {
            tracing::error!("Sound system-clock thread panicked");
        }
        let Some((thread, ended)) = self.device_thread.take() else { return };
        match ended.recv_timeout(STOP_TIMEOUT) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("Sound server does not answer, leaving its thread behind");
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                if thread.join().is_err() {
                    tracing::error!("Sound device thread panicked");
                }
            }
        }
    }
}

/// A named thread; `None` if not wanted, or if the system has none left.
fn spawn(wanted: bool, name: &str, run: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    if !wanted {
        return None;
    }
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.inspect_err(|error| tracing::error!(%error, name, "No thread for sound")).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{WriteError, tone};
    use super::*;
    use crate::time::Pts;

    fn output() -> Output {
        Output::open(OutputConfig { measure: true, force_system_clock: true })
    }

    fn spawn_writer(
        mut writer: VoiceWriter,
    ) -> (JoinHandle<(VoiceWriter, WriteError)>, Receiver<()>) {
        let (begun, started) = sync_channel(1);
        let run = move || {
            let samples = tone::sine(440.0, 48_000, 4_800, 0.5);
            // What fits goes in at once; after it, writing waits.
            writer.try_write(&samples.repeat(2), Pts(0), 1.0).unwrap();
            begun.send(()).unwrap();
            let mut pts = Pts(200_000);
            loop {
                if let Err(error) = writer.write(&samples, pts, 1.0) {
                    return (writer, error);
                }
                pts = pts.plus(100_000);
            }
        };
        (std::thread::Builder::new().name("test writer".to_owned()).spawn(run).unwrap(), started)
    }

    #[test]
    fn the_system_clock_plays_at_its_pace_and_measures() {
        let output = output();
        assert_eq!(output.facts().device, None);
        let (mut writer, control) = output.voice().unwrap();
        let clock = control.clock();
        assert_eq!(clock.position(Instant::now()), None);
        control.play();
        let began = Instant::now();
        let mut sound = vec![0.0; 24_000 * CHANNELS];
        sound.extend(tone::sine(1_000.0, 48_000, 4_800, 0.5));
        sound.extend(vec![0.0; 19_200 * CHANNELS]);
        writer.write(&sound, Pts(5_000_000), 1.0).unwrap();
        // 1 s written and 0.2 s in the ring: at least 0.8 s has been pulled, not in less time.
        assert!(began.elapsed() >= Duration::from_millis(750));
        let position = clock.position(Instant::now()).unwrap();
        assert!((5_700_000..=6_000_000).contains(&position.0), "{position:?}");
        let mut beeps = output.take_beeps().unwrap();
        assert!(beeps.next_beep().is_some_and(|beep| beep >= began));
        assert_eq!(beeps.next_beep(), None);
        assert_eq!(control.underruns(), 0);
        writer.finish();
        assert!(!control.is_drained(began));
        while !control.is_drained(Instant::now()) {
            std::thread::yield_now();
        }
        assert_eq!(clock.position(Instant::now()), Some(Pts(6_000_000)));
        assert_eq!(control.underruns(), 0, "the end is no underrun");
        assert_eq!(control.frames_played(), 48_000);
    }

    #[test]
    fn a_waiting_writer_is_woken_by_flush_and_stop() {
        let output = output();
        let (writer, control) = output.voice().unwrap();
        let (thread, started) = spawn_writer(writer);
        started.recv().unwrap();
        let generation = control.flush();
        let (mut writer, error) = thread.join().unwrap();
        assert_eq!(error, WriteError::Stale);
        // Nothing plays, and yet the ring is free again for the new generation.
        writer.begin(generation);
        assert_eq!(writer.space(), 9_600);
        assert_eq!(control.clock().position(Instant::now()), None);
        writer.try_write(&[0.1; 200], Pts(70_000), 1.0).unwrap();
        assert_eq!(control.clock().position(Instant::now()), Some(Pts(70_000)));
        let generation = control.flush();
        writer.begin(generation);
        let (thread, started) = spawn_writer(writer);
        started.recv().unwrap();
        drop(control);
        assert_eq!(thread.join().unwrap().1, WriteError::Stopped);
    }

    #[test]
    fn dropping_the_output_ends_a_waiting_writer() {
        let output = output();
        let (writer, control) = output.voice().unwrap();
        let (thread, started) = spawn_writer(writer);
        started.recv().unwrap();
        control.play();
        drop(output);
        assert_eq!(thread.join().unwrap().1, WriteError::Stopped);
    }

    #[test]
    fn voices_are_bounded_and_given_back_while_nothing_plays() {
        let output = output();
        for _ in 0..3 {
            let voices: Vec<_> = (0..32).map(|_| output.voice().unwrap()).collect();
            assert_eq!(output.voice().err(), Some(TooManyVoices));
            drop(voices);
        }
    }

    #[test]
    fn what_was_flushed_since_the_last_block_goes_with_the_sink() {
        let output = output();
        let (mut writer, control) = output.voice().unwrap();
        let block = vec![0.1; 4_800];
        while 0 < writer.try_write(&block, Pts(0), 1.0).unwrap() {}
        // A device that plays nothing any more, and has not gone yet.
        let device = super::super::shared::FIRST_DEVICE_SINK + 1;
        output.shared.activate(device);
        writer.begin(control.flush());
        assert_eq!(writer.try_write(&block, Pts(0), 1.0), Ok(0), "nobody makes room");
        assert!(output.shared.hand_over(device, super::super::shared::NO_SINK));
        assert_ne!(writer.try_write(&block, Pts(0), 1.0), Ok(0));
    }

    #[test]
    fn the_system_clock_sleeps_once_nothing_plays() {
        let output = output();
        let (mut writer, control) = output.voice().unwrap();
        control.play();
        writer.write(&vec![0.1; 48_000], Pts(0), 1.0).unwrap();
        assert_eq!(output.shared.active(), super::super::shared::SYSTEM_SINK);
        control.pause();
        while output.shared.active() != super::super::shared::NO_SINK {
            std::thread::yield_now();
        }
    }
}
