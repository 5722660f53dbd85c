//! The sound decode thread: coded frames from the buffers to samples in the voice.
//!
//! Owned by the player. The voice's ring holds about 200 ms and blocks: that is the
//! back-pressure. INVARIANT: samples are written without gaps in media time: a hole in the
//! stream becomes silence, an overlap is cut, so that the voice's clock is the media's clock.

use super::Problem;
use super::buffers::{Buffers, Next, ReadCursor};
use super::threads::{Order, Progress, Wake};
use crate::decode::{AudioDecoder, DecodeError};
use crate::init::Codec;
use crate::segment::TrackKind;
use crate::sound::convert::Converter;
use crate::sound::{CHANNELS, Stretch, VoiceWriter, WriteError};
use crate::time::Pts;
use crate::track_buffer::{ReadFrame, TrackConfig};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Timestamps that differ by less from the running count are rounding.
const JITTER_MICROS: i64 = 5_000;

/// Longest hole that is filled with silence at once; a longer one is filled piece by piece.
const SILENCE_MICROS: i64 = 100_000;

/// Samples are written in pieces of this length: a frame that is longer than the ring would be
/// waiting for a start that waits for it.
const PIECE_MICROS: i64 = 50_000;

/// Damaged frames in a row after which the stream counts as undecodable.
const MAX_DAMAGED: u32 = 100;

/// Frames after a seek that may need those before it, which nobody has decoded: MP3 keeps parts of
/// a frame in up to that many others.
const LEAD_IN: u32 = 9;

/// What was decoded, for status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AudioFacts {
    pub(crate) codec: &'static str,
    pub(crate) rate_hz: u32,
    pub(crate) channels: u32,
}

/// Handle of the thread. Dropping it ends the thread and waits for it.
pub(crate) struct AudioThread {
    pub(crate) progress: Arc<Progress>,
    facts: Arc<Mutex<Option<AudioFacts>>>,
    buffers: Arc<Buffers>,
    thread: Option<JoinHandle<()>>,
}

impl AudioThread {
    pub(crate) fn start(
        buffers: &Arc<Buffers>,
        voice: VoiceWriter,
        rate_hz: u32,
        wake: Wake,
    ) -> std::io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let facts = Arc::new(Mutex::new(None));
        let worker = Worker {
            buffers: Arc::clone(buffers),
            progress: Arc::clone(&progress),
            facts: Arc::clone(&facts),
            voice,
            wake,
            rate_hz,
            order: Order::default(),
            open: None,
            stretch: Stretch::new(rate_hz),
            expected: Pts::ZERO,
            samples: Vec::new(),
            damaged: 0,
            since_reset: 0,
        };
        let thread = std::thread::Builder::new()
            .name("decode audio".to_owned())
            .spawn(move || worker.run())?;
        let buffers = Arc::clone(buffers);
        Ok(Self { progress, facts, buffers, thread: Some(thread) })
    }

    pub(crate) fn facts(&self) -> Option<AudioFacts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for AudioThread {
    fn drop(&mut self) {
        self.buffers.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the audio decode thread panicked");
        }
    }
}

struct Open {
    config: Arc<TrackConfig>,
    decoder: AudioDecoder,
    converter: Converter,
}

struct Worker {
    buffers: Arc<Buffers>,
    progress: Arc<Progress>,
    facts: Arc<Mutex<Option<AudioFacts>>>,
    voice: VoiceWriter,
    wake: Wake,
    rate_hz: u32,
    order: Order,
    open: Option<Open>,
    stretch: Stretch,
    /// Media time of the next sample.
    expected: Pts,
    /// Converted samples, kept to reuse the allocation.
    samples: Vec<f32>,
    damaged: u32,
    /// Frames given to the decoder since it was new, or was reset.
    since_reset: u32,
}

/// The thread ends.
struct Stop;

impl Worker {
    fn run(mut self) {
        let mut cursor: Option<ReadCursor> = None;
        loop {
            let generation = self.order.generation;
            let at_end = self.progress.is_done(generation);
            let (order, next) = {
                let (progress, wake) = (&self.progress, &self.wake);
                self.buffers.next(TrackKind::Audio, &mut cursor, generation, at_end, || {
                    if progress.set_dry(Some(generation)) {
                        wake();
                    }
                })
            };
            if order.stopped {
                return;
            }
            self.stretch.set_rate(order.rate, order.preserves_pitch);
            let result = match next {
                Next::Again => {
                    self.begin(order);
                    Ok(())
                }
                Next::Frame(read) => {
                    self.progress.set_dry(None);
                    if at_end {
                        // Media behind the end: the voice goes on where it was.
                        self.progress.set_done(None);
                        self.voice.begin(self.order.voice_generation);
                    }
                    self.decode(&read)
                }
                Next::End => self.end(),
            };
            if result.is_err() {
                return;
            }
        }
    }

    /// A seek: what was decoded is void.
    fn begin(&mut self, order: Order) {
        self.order = order;
        self.expected = order.start;
        self.progress.set_done(None);
        self.progress.set_dry(None);
        self.stretch.reset();
        if let Some(open) = &mut self.open {
            open.decoder.reset();
            open.converter.reset();
        }
        self.since_reset = 0;
        self.voice.begin(order.voice_generation);
    }

    fn decode(&mut self, read: &ReadFrame) -> Result<(), Stop> {
        let ReadFrame { frame: coded, config, restart, .. } = read;
        if self.open.as_ref().is_none_or(|open| !Arc::ptr_eq(&open.config, config)) {
            self.drain()?;
            self.open = self.open_decoder(config);
        }
        let Some(Open { config, mut decoder, mut converter }) = self.open.take() else {
            return Ok(());
        };
        if *restart {
            decoder.reset();
            self.since_reset = 0;
        }
        self.since_reset = self.since_reset.saturating_add(1);
        let mut result = Ok(());
        let decoded = decoder.decode(coded, |pts, frame| {
            if result.is_ok() {
                result = self.take(&mut converter, pts, frame);
            }
        });
        self.open = Some(Open { config, decoder, converter });
        match decoded {
            Ok(()) => self.damaged = 0,
            Err(error) if self.since_reset <= LEAD_IN && read.config.track.codec == Codec::Mp3 => {
                tracing::debug!(%error, "a frame needs those before the seek");
            }
            Err(error) => self.on_damage(&error),
        }
        result
    }

    fn open_decoder(&self, config: &Arc<TrackConfig>) -> Option<Open> {
        let track = &config.track;
        let decoder =
            AudioDecoder::open(track).map_err(|error| self.fail(Problem::Decoder(error))).ok()?;
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(AudioFacts {
            codec: track.codec.name(),
            rate_hz: track.rate_hz,
            channels: u32::from(track.channels),
        });
        let config = Arc::clone(config);
        Some(Open { config, decoder, converter: Converter::new(self.rate_hz) })
    }

    /// One decoded block: converted, aligned to the media time line, stretched, written.
    fn take(
        &mut self,
        converter: &mut Converter,
        pts: Pts,
        frame: &ffmpeg_next::frame::Audio,
    ) -> Result<(), Stop> {
        let mut samples = std::mem::take(&mut self.samples);
        samples.clear();
        let result = match converter.push(frame, pts, &mut samples) {
            Ok(pts) => self.align(pts, &samples),
            Err(error) => {
                tracing::debug!(%error, "a decoded block of sound was refused");
                self.progress.corrupted.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        };
        self.samples = samples;
        result
    }

    /// Fills a hole with silence and cuts an overlap.
    fn align(&mut self, pts: Pts, samples: &[f32]) -> Result<(), Stop> {
        let mut gap = pts.since(self.expected);
        while JITTER_MICROS < gap {
            let piece = gap.min(SILENCE_MICROS);
            let silence = vec![0.0; self.frames(piece) * CHANNELS];
            if !self.write(&silence)? {
                return Ok(());
            }
            gap = pts.since(self.expected);
        }
        if gap.abs() <= JITTER_MICROS {
            // Rounded timestamps: follow them slowly, so that rounding never adds up.
            self.expected = self.expected.plus(gap / 8);
        }
        let cut = if gap < -JITTER_MICROS { self.frames(-gap) * CHANNELS } else { 0 };
        self.write(samples.get(cut..).unwrap_or_default())?;
        Ok(())
    }

    /// Writes samples that begin at `expected`; false when a seek has made them void.
    fn write(&mut self, samples: &[f32]) -> Result<bool, Stop> {
        let piece = self.frames(PIECE_MICROS).max(1) * CHANNELS;
        for samples in samples.chunks(piece) {
            let stretched = self.stretch.push(samples, self.expected);
            let written = self.voice.write(stretched.samples, stretched.pts, stretched.rate);
            self.expected = self.expected.plus(self.micros(samples.len() / CHANNELS));
            if !self.after_write(written)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn after_write(&self, written: Result<(), WriteError>) -> Result<bool, Stop> {
        match written {
            Ok(()) => {
                self.progress.set_until(self.order.generation, self.expected);
                if self.progress.is_hungry() {
                    (self.wake)();
                }
                Ok(true)
            }
            Err(WriteError::Stale) => Ok(false),
            Err(WriteError::Stopped) => Err(Stop),
        }
    }

    /// The end of the stream: everything that is held back comes out.
    fn end(&mut self) -> Result<(), Stop> {
        self.drain()?;
        let rest = self.stretch.finish();
        let written = self.voice.write(rest.samples, rest.pts, rest.rate);
        if self.after_write(written)? {
            self.voice.finish();
        }
        self.progress.set_done(Some(self.order.generation));
        (self.wake)();
        Ok(())
    }

    /// Empties the decoder, which then waits for a reset.
    fn drain(&mut self) -> Result<(), Stop> {
        let Some(Open { config, mut decoder, mut converter }) = self.open.take() else {
            return Ok(());
        };
        let mut result = Ok(());
        let drained = decoder.drain(|pts, frame| {
            if result.is_ok() {
                result = self.take(&mut converter, pts, frame);
            }
        });
        if let Err(error) = drained {
            self.on_damage(&error);
        }
        result?;
        let mut rest = Vec::new();
        if converter.finish(&mut rest).is_ok() {
            self.write(&rest)?;
        }
        decoder.reset();
        self.since_reset = 0;
        self.open = Some(Open { config, decoder, converter });
        Ok(())
    }

    fn on_damage(&mut self, error: &DecodeError) {
        self.progress.corrupted.fetch_add(1, Ordering::Relaxed);
        self.damaged += 1;
        tracing::debug!(%error, "a coded audio frame was refused");
        if MAX_DAMAGED <= self.damaged {
            self.fail(Problem::Decoder(error.clone()));
        } else if self.damaged == 1 {
            self.fail(Problem::Damaged);
        }
    }

    fn fail(&self, problem: Problem) {
        self.progress.report(problem);
        (self.wake)();
    }

    fn frames(&self, micros: i64) -> usize {
        let micros = u64::try_from(micros).unwrap_or(0);
        usize::try_from(micros.saturating_mul(u64::from(self.rate_hz)) / 1_000_000).unwrap_or(0)
    }

    fn micros(&self, frames: usize) -> i64 {
        let frames = i64::try_from(frames).unwrap_or(i64::MAX);
        frames.saturating_mul(1_000_000) / i64::from(self.rate_hz.max(1))
    }
}
