//! The mixer: all voices into one block. Runs in the device's callback.
//!
//! INVARIANT: [`Mixer::render`] does not allocate, free, log, lock or wait. Voices arrive and
//! leave through rings; a voice is freed by the thread that takes it out of the second ring.
//! Units: interleaved frames of [`CHANNELS`] at the mix's rate; output within ±1.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::Heard;
use super::level::Meter;
use super::num::{micros_from_frames, u64_from_usize, usize_from_f64, usize_from_u64};
use super::timeline::Timeline;
use super::voice::VoiceState;
use super::{CHANNELS, num};
use crate::measure::BeepDetector;

/// Voices at once; a stage plays one page.
pub(super) const MAX_VOICES: usize = 32;

/// Fade against clicks when a voice starts, pauses or resumes, in seconds.
const FADE_SECONDS: f64 = 0.005;

/// What the last sample decays with when the sound is cut, per frame: gone after 3 ms.
const TAIL_DECAY: f32 = 0.97;

/// One voice, the callback's end.
#[derive(Debug)]
pub(super) struct MixVoice {
    consumer: rtrb::Consumer<f32>,
    state: Arc<VoiceState>,
    generation: u64,
    /// Frames taken out of the ring so far, dropped ones included.
    consumed: u64,
    /// 0 silent … 1 open; moves by `fade_step` a frame.
    fade: f32,
    fade_step: f32,
    /// The volume in effect; follows the wanted one as fast as a fade.
    gain: f32,
    last: [f32; CHANNELS],
    /// What is left of a sound that was cut.
    tail: [f32; CHANNELS],
    sounding: bool,
    meter: Meter,
}

impl MixVoice {
    pub(super) fn new(consumer: rtrb::Consumer<f32>, state: Arc<VoiceState>, rate_hz: u32) -> Self {
        let fade_step =
            num::f32_from_f64(1.0 / (FADE_SECONDS * f64::from(rate_hz.max(1))).max(1.0));
        Self {
            consumer,
            state,
            generation: 0,
            consumed: 0,
            fade: 0.0,
            fade_step,
            gain: 1.0,
            last: [0.0; CHANNELS],
            tail: [0.0; CHANNELS],
            sounding: false,
            meter: Meter::new(rate_hz),
        }
    }

    /// Drops flushed frames and returns how many of the wanted generation are in the ring.
    fn settle(&mut self) -> usize {
        // Order matters, see the invariant in `voice`.
        let in_ring = self.consumer.slots() / CHANNELS;
        let acked = self.state.acked.load(Ordering::Acquire);
        let wanted = self.state.wanted.load(Ordering::Acquire);
        if wanted != self.generation {
            self.generation = wanted;
            self.cut();
        }
        let stale = if acked == wanted {
            let start = self.state.start.load(Ordering::Acquire);
            in_ring.min(usize_from_u64(start.saturating_sub(self.consumed)))
        } else {
            in_ring
        };
        if let Ok(chunk) = self.consumer.read_chunk(stale * CHANNELS) {
            chunk.commit_all();
            self.consumed = self.consumed.saturating_add(u64_from_usize(stale));
        }
        if stale > 0 {
            self.offer_space();
        }
        in_ring - stale
    }

    /// The sound breaks off here: let it decay, and fade in what follows.
    fn cut(&mut self) {
        for (tail, last) in self.tail.iter_mut().zip(&mut self.last) {
            *tail += std::mem::take(last);
        }
        self.fade = 0.0;
        self.sounding = false;
    }

    /// Adds this voice to `out`, whose first frame is heard at `heard_micros`.
    fn mix(&mut self, out: &mut [f32], heard_micros: i64, rate_hz: u32) {
        let frames = out.len() / CHANNELS;
        let available = self.settle();
        let playing = self.state.playing.load(Ordering::Acquire);
        let fading = usize_from_f64(f64::from((self.fade / self.fade_step - 0.01).ceil()));
        let wanted = if playing { frames } else { frames.min(fading) };
        let taken = wanted.min(available);
        self.take(out, taken, playing);
        if taken > 0 {
            let heard = Heard {
                generation: self.generation,
                frame_end: self.consumed,
                at_micros: heard_micros.saturating_add(micros_from_frames(taken, rate_hz)),
            };
            self.state.heard.store(heard);
            self.offer_space();
        }
        let (sounded, rest) = out.split_at_mut((taken * CHANNELS).min(out.len()));
        self.decay(sounded);
        if taken == wanted && taken > 0 {
            self.sounding = playing;
        } else if self.sounding && taken < wanted {
            if self.consumed < self.state.end.load(Ordering::Acquire) {
                self.state.underruns.fetch_add(1, Ordering::Relaxed);
            }
            self.cut();
        }
        self.decay(rest);
        self.meter.publish(&self.state.published, !self.sounding);
    }

    /// Moves `frames` from the ring into `out`.
    fn take(&mut self, out: &mut [f32], frames: usize, playing: bool) {
        let volume = f32::from_bits(self.state.gain.load(Ordering::Relaxed));
        let Ok(chunk) = self.consumer.read_chunk(frames * CHANNELS) else { return };
        let (first, second) = chunk.as_slices();
        let samples = first.iter().chain(second);
        let target = if playing { 1.0 } else { 0.0 };
        let mut samples =
            samples.copied().map(|sample| if sample.is_finite() { sample } else { 0.0 });
        for frame in out.chunks_exact_mut(CHANNELS).take(frames) {
            self.fade = step(self.fade, target, self.fade_step);
            self.gain = step(self.gain, volume, self.fade_step);
            let factor = self.fade * self.gain;
            for (sum, last) in frame.iter_mut().zip(&mut self.last) {
                *last = samples.next().unwrap_or(0.0) * factor;
                *sum += *last;
            }
            self.meter.add(self.last);
        }
        chunk.commit_all();
        self.consumed = self.consumed.saturating_add(u64_from_usize(frames));
    }

    fn decay(&mut self, out: &mut [f32]) {
        if self.tail == [0.0; CHANNELS] {
            return;
        }
        for frame in out.chunks_exact_mut(CHANNELS) {
            for (sum, tail) in frame.iter_mut().zip(&mut self.tail) {
                *sum += *tail;
                *tail *= TAIL_DECAY;
            }
        }
        if self.tail.iter().all(|tail| tail.abs() < 1e-5) {
            self.tail = [0.0; CHANNELS];
        }
    }

    fn offer_space(&self) {
        let capacity = self.consumer.buffer().capacity();
        self.state.offer_space(capacity - self.consumer.slots().min(capacity));
    }
}

/// `from` moved towards `to` by at most `by`.
fn step(from: f32, to: f32, by: f32) -> f32 {
    if from < to { (from + by).min(to) } else { (from - by).max(to) }
}

/// All voices of an output.
#[derive(Debug)]
pub(super) struct Mixer {
    rate_hz: u32,
    /// INVARIANT: never longer than its capacity, [`MAX_VOICES`].
    voices: Vec<MixVoice>,
    incoming: rtrb::Consumer<MixVoice>,
    outgoing: rtrb::Producer<MixVoice>,
    timeline: Timeline,
    sink: u64,
    frames: u64,
    beeps: Option<BeepDetector>,
}

impl Mixer {
    pub(super) fn new(
        rate_hz: u32,
        incoming: rtrb::Consumer<MixVoice>,
        outgoing: rtrb::Producer<MixVoice>,
        beeps: Option<BeepDetector>,
    ) -> Self {
        Self {
            rate_hz,
            voices: Vec::with_capacity(MAX_VOICES),
            incoming,
            outgoing,
            timeline: Timeline::new(rate_hz),
            sink: 0,
            frames: 0,
            beeps,
        }
    }

    /// Fills `out` for `sink`; its first frame is heard at `heard_micros`, as far as the device
    /// knows.
    pub(super) fn render(&mut self, sink: u64, out: &mut [f32], heard_micros: i64) {
        if sink != self.sink {
            self.sink = sink;
            self.frames = 0;
            self.timeline.reset();
        }
        let smoothed = self.timeline.observe(self.frames, heard_micros);
        self.frames = self.frames.saturating_add(u64_from_usize(out.len() / CHANNELS));
        self.admit();
        out.fill(0.0);
        for voice in &mut self.voices {
            voice.mix(out, smoothed, self.rate_hz);
        }
        self.release();
        for sample in out.iter_mut() {
            *sample = sample.clamp(-1.0, 1.0);
        }
        if let Some(beeps) = &mut self.beeps {
            // What the device says, not what the clock made of it: this measures the clock.
            beeps.observe(out, heard_micros);
        }
    }

    /// Admits and releases voices and drops flushed samples, for while no sink renders.
    pub(super) fn settle(&mut self) {
        self.admit();
        for voice in &mut self.voices {
            voice.settle();
        }
        self.release();
    }

    fn admit(&mut self) {
        while self.voices.len() < MAX_VOICES {
            let Ok(voice) = self.incoming.pop() else { return };
            self.voices.push(voice);
        }
    }

    fn release(&mut self) {
        let mut index = 0;
        while let Some(voice) = self.voices.get(index) {
            let abandoned = voice.state.abandoned.load(Ordering::Acquire);
            if !abandoned || self.outgoing.is_full() {
                index += 1;
                continue;
            }
            let voice = self.voices.swap_remove(index);
            if let Err(rtrb::PushError::Full(voice)) = self.outgoing.push(voice) {
                self.voices.push(voice);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::no_alloc;
    use super::super::tone;
    use super::*;

    const HZ: u32 = 48_000;
    const BLOCK: usize = 480;

    struct Rig {
        mixer: Mixer,
        producer: rtrb::Producer<f32>,
        state: Arc<VoiceState>,
        left: rtrb::Consumer<MixVoice>,
        _incoming: rtrb::Producer<MixVoice>,
        now_micros: i64,
    }

    impl Rig {
        fn new() -> Self {
            let (mut incoming, incoming_rx) = rtrb::RingBuffer::new(4);
            let (left_tx, left) = rtrb::RingBuffer::new(4);
            let (producer, consumer) = rtrb::RingBuffer::new(48_000 * CHANNELS);
            let state = Arc::new(VoiceState::new());
            incoming.push(MixVoice::new(consumer, Arc::clone(&state), HZ)).unwrap();
            let mixer = Mixer::new(HZ, incoming_rx, left_tx, None);
            Self { mixer, producer, state, left, _incoming: incoming, now_micros: 0 }
        }

        fn write(&mut self, samples: &[f32]) {
            self.producer.push_entire_slice(samples).unwrap();
        }

        fn play(&self, playing: bool) {
            self.state.playing.store(playing, Ordering::Release);
        }

        fn flush(&self) {
            self.state.wanted.fetch_add(1, Ordering::AcqRel);
        }

        /// As the writer does, having written `written` frames so far.
        fn begin(&self, written: u64) {
            self.state.start.store(written, Ordering::Release);
            self.state.end.store(u64::MAX, Ordering::Release);
            let wanted = self.state.wanted.load(Ordering::Acquire);
            self.state.acked.store(wanted, Ordering::Release);
        }

        fn render(&mut self, blocks: usize) -> Vec<f32> {
            let mut all = vec![0.0; blocks * BLOCK * CHANNELS];
            for block in all.chunks_mut(BLOCK * CHANNELS) {
                let heard_micros = self.now_micros + 20_000;
                no_alloc::assert(|| self.mixer.render(1, block, heard_micros));
                self.now_micros += 10_000;
            }
            all
        }
    }

    #[test]
    fn samples_pass_untouched_once_the_fade_is_over() {
        let mut rig = Rig::new();
        let written = tone::sine(440.0, HZ, 4_800, 0.5);
        rig.write(&written);
        rig.play(true);
        let heard = rig.render(10);
        let faded = 240 * CHANNELS;
        assert_eq!(heard[faded..], written[faded..]);
        assert!(tone::largest_step(&heard) < 0.04);
        let expected = Heard { generation: 0, frame_end: 4_800, at_micros: 120_000 };
        assert_eq!(rig.state.heard.load(), expected);
        assert!((rig.state.published.total().0 - 0.35).abs() < 0.01);
    }

    #[test]
    fn a_pause_fades_out_keeps_the_rest_and_stops_reporting() {
        let mut rig = Rig::new();
        rig.write(&tone::sine(440.0, HZ, 9_600, 0.5));
        rig.play(true);
        let mut heard = rig.render(5);
        rig.play(false);
        heard.extend(rig.render(3));
        let frame_end = rig.state.heard.load().frame_end;
        assert_eq!(frame_end, 5 * 480 + 240);
        assert_eq!(rig.producer.slots(), (48_000 - 9_600 + 2_640) * CHANNELS);
        rig.play(true);
        heard.extend(rig.render(3));
        assert!(tone::largest_step(&heard) < 0.04, "{}", tone::largest_step(&heard));
        assert_eq!(rig.state.underruns.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_flush_drops_the_old_at_once_and_never_the_new() {
        let mut rig = Rig::new();
        rig.write(&tone::sine(440.0, HZ, 24_000, 0.5));
        rig.play(true);
        rig.render(10);
        rig.flush();
        let after = rig.render(2);
        assert!(after[BLOCK * CHANNELS..].iter().all(|sample| *sample == 0.0));
        assert!(tone::largest_step(&after) < 0.02);
        assert_eq!(rig.producer.slots(), 48_000 * CHANNELS, "the ring is empty at once");
        // A late write of the old generation, then the new one.
        rig.write(&[0.9; 100 * CHANNELS]);
        rig.begin(24_100);
        rig.write(&tone::sine(880.0, HZ, 4_800, 0.5));
        let heard = rig.render(9);
        assert!(tone::power_share(&heard, 880.0, HZ) > 0.97);
        assert!(heard.iter().all(|sample| sample.abs() <= 0.51));
        assert_eq!(rig.state.heard.load().generation, 1);
        assert_eq!(rig.state.heard.load().frame_end, 24_100 + 9 * 480);
    }

    #[test]
    fn running_dry_counts_once_and_the_end_does_not_count() {
        let mut rig = Rig::new();
        rig.play(true);
        rig.render(3);
        assert_eq!(rig.state.underruns.load(Ordering::Relaxed), 0, "not begun yet");
        rig.write(&tone::sine(440.0, HZ, 700, 0.5));
        let heard = rig.render(4);
        assert!(tone::largest_step(&heard) < 0.04);
        assert_eq!(rig.state.underruns.load(Ordering::Relaxed), 1);
        rig.write(&tone::sine(440.0, HZ, 700, 0.5));
        rig.state.end.store(1_400, Ordering::Release);
        rig.render(4);
        assert_eq!(rig.state.underruns.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn volume_is_linear_and_smooth() {
        let mut rig = Rig::new();
        rig.write(&tone::sine(440.0, HZ, 9_600, 0.8));
        rig.play(true);
        let mut heard = rig.render(10);
        rig.state.gain.store(0.25_f32.to_bits(), Ordering::Relaxed);
        heard.extend(rig.render(10));
        assert!(tone::largest_step(&heard) < 0.06);
        let quiet = tone::rms(&heard[12 * BLOCK * CHANNELS..]);
        assert!((quiet - 0.8 * 0.25 * 0.707).abs() < 0.002, "{quiet}");
    }

    #[test]
    fn hostile_samples_stay_in_range() {
        let mut rig = Rig::new();
        rig.write(&[f32::NAN, f32::INFINITY, f32::MAX, f32::MIN].repeat(480));
        rig.play(true);
        assert!(rig.render(3).iter().all(|sample| sample.abs() <= 1.0));
    }

    #[test]
    fn an_abandoned_voice_is_given_back_not_freed() {
        let mut rig = Rig::new();
        rig.play(true);
        rig.render(1);
        rig.state.abandoned.store(true, Ordering::Release);
        rig.render(1);
        assert!(rig.left.pop().is_ok());
        assert!(rig.mixer.voices.is_empty());
    }
}
