//! Decoded audio frames into the mix's format: any sample format, rate and channel layout becomes
//! interleaved stereo `f32` at the output's rate, by libswresample (which also knows how to mix
//! 5.1 and 7.1 down). Owned by a decode thread.
//!
//! Every property of a frame is hostile: it is checked before the library sees it, and a change
//! in mid-stream sets up anew. Not finite samples become silence.
//! INVARIANT: nothing stays in the library but its filter's delay: the room offered for output is
//! always more than what can come.

use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::frame::Audio;
use ffmpeg_next::software::resampling::Context;
use ffmpeg_next::{ChannelLayout, Error};

use super::CHANNELS;
use super::num::{f64_from_i64, i64_from_f64, usize_from_u32};
use crate::time::Pts;

/// libswresample's own limit.
const MAX_CHANNELS: u16 = 64;

/// Beyond what any codec delivers.
const MAX_RATE_HZ: u32 = 768_000;

/// Below what any codec delivers; also bounds the growth to 48-fold and more.
const MIN_RATE_HZ: u32 = 1_000;

/// Samples in one decoded frame; FLAC reaches 65,535.
const MAX_FRAME_SAMPLES: usize = 1 << 20;

/// A frame that cannot be played. The stream may go on with the next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    #[error("audio frame has {channels} channels")]
    Channels { channels: u16 },
    #[error("audio frame has {rate_hz} samples a second")]
    Rate { rate_hz: u32 },
    #[error("audio frame has {samples} samples")]
    Size { samples: usize },
    #[error("audio frame has no sample format")]
    Format,
    #[error("convert audio frame")]
    Library(#[source] Error),
}

/// What the library was set up for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Source {
    format: Sample,
    layout: ChannelLayout,
    rate_hz: u32,
}

/// Converts one stream.
pub(crate) struct Converter {
    rate_hz: u32,
    source: Option<(Source, Context)>,
}

impl Converter {
    /// Converts to `rate_hz` (clamped to 8,000..=192,000).
    pub(crate) fn new(rate_hz: u32) -> Self {
        Self { rate_hz: rate_hz.clamp(8_000, 192_000), source: None }
    }

    /// Forgets what is in the filter, e.g. after a seek.
    pub(crate) fn reset(&mut self) {
        self.source = None;
    }

    /// Appends `frame`, which begins at `pts`, to `out` and returns the media time of the first
    /// frame appended: earlier than `pts` by what was still in the filter.
    ///
    /// # Errors
    /// [`ConvertError`]; then only the end of an older format may have been appended.
    pub(crate) fn push(
        &mut self,
        frame: &Audio,
        pts: Pts,
        out: &mut Vec<f32>,
    ) -> Result<Pts, ConvertError> {
        let (source, relaid) = checked(frame)?;
        let changed = self.source.as_ref().is_none_or(|(current, _)| *current != source);
        let before = out.len();
        if changed {
            self.finish(out)?;
            let context = open(source, self.rate_hz).map_err(ConvertError::Library)?;
            self.source = Some((source, context));
        }
        let ahead = self.micros((out.len() - before) / CHANNELS);
        let Some((_, context)) = &mut self.source else { return Ok(pts) };
        let held = delay_frames(context);
        let frame = relaid.as_ref().unwrap_or(frame);
        let grown = u64::try_from(frame.samples()).unwrap_or(0) * u64::from(self.rate_hz)
            / u64::from(source.rate_hz);
        let room = usize::try_from(grown).unwrap_or(0) + held + 64;
        convert(context, Some(frame), room, self.rate_hz, out)?;
        Ok(pts.plus(-ahead - self.micros(held)))
    }

    /// Appends what is still in the filter to `out`: the stream ends here.
    ///
    /// # Errors
    /// [`ConvertError::Library`].
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), ConvertError> {
        let Some((_, mut context)) = self.source.take() else { return Ok(()) };
        let held = delay_frames(&context);
        if held == 0 {
            return Ok(());
        }
        convert(&mut context, None, held + 64, self.rate_hz, out)
    }

    fn micros(&self, frames: usize) -> i64 {
        super::num::micros_from_frames(frames, self.rate_hz)
    }
}

/// The frame's properties if they can be converted, and a copy with a known channel layout if the
/// frame's own is missing.
fn checked(frame: &Audio) -> Result<(Source, Option<Audio>), ConvertError> {
    let (format, channels, rate_hz) = (frame.format(), frame.channels(), frame.rate());
    let samples = frame.samples();
    if format == Sample::None {
        return Err(ConvertError::Format);
    }
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(ConvertError::Channels { channels });
    }
    if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz) {
        return Err(ConvertError::Rate { rate_hz });
    }
    if samples == 0 || samples > MAX_FRAME_SAMPLES || frame.planes() == 0 {
        return Err(ConvertError::Size { samples });
    }
    let layout = frame.channel_layout();
    if !layout.is_empty() && layout.channels() == i32::from(channels) {
        return Ok((Source { format, layout, rate_hz }, None));
    }
    let (layout, relaid) = relaid(frame);
    Ok((Source { format, layout, rate_hz }, Some(relaid)))
}

/// A copy of `frame` in the usual layout for its number of channels; where there is none, of its
/// first two channels.
fn relaid(frame: &Audio) -> (ChannelLayout, Audio) {
    let from = usize::from(frame.channels());
    let usual = ChannelLayout::default(i32::from(frame.channels()));
    let (layout, to) =
        if usual.is_empty() { (ChannelLayout::STEREO, from.min(CHANNELS)) } else { (usual, from) };
    let mut copy = Audio::new(frame.format(), frame.samples(), layout);
    copy.set_rate(frame.rate());
    let sample_bytes = frame.format().bytes();
    let plane_bytes = sample_bytes * frame.samples();
    if frame.is_planar() {
        for plane in 0..to.min(copy.planes()).min(frame.planes()) {
            let source = frame.data(plane);
            let bytes = plane_bytes.min(source.len());
            if let (Some(target), Some(source)) =
                (copy.data_mut(plane).get_mut(..bytes), source.get(..bytes))
            {
                target.copy_from_slice(source);
            }
        }
    } else if copy.planes() > 0 {
        let source = frame.data(0).chunks_exact(sample_bytes * from);
        let target = copy.data_mut(0).chunks_exact_mut(sample_bytes * to);
        for (target, source) in target.zip(source).take(frame.samples()) {
            if let Some(source) = source.get(..target.len()) {
                target.copy_from_slice(source);
            }
        }
    }
    (layout, copy)
}

fn open(source: Source, rate_hz: u32) -> Result<Context, Error> {
    Context::get(
        source.format,
        source.layout,
        source.rate_hz,
        Sample::F32(Type::Packed),
        ChannelLayout::STEREO,
        rate_hz,
    )
}

/// Output frames that are still in the filter.
fn delay_frames(context: &Context) -> usize {
    context.delay().and_then(|delay| usize::try_from(delay.output).ok()).unwrap_or(0)
}

/// Converts `frame`, or what is held back, and appends at most `room` frames.
fn convert(
    context: &mut Context,
    frame: Option<&Audio>,
    room: usize,
    rate_hz: u32,
    out: &mut Vec<f32>,
) -> Result<(), ConvertError> {
    let mut target = Audio::new(Sample::F32(Type::Packed), room, ChannelLayout::STEREO);
    target.set_rate(rate_hz);
    if target.planes() == 0 {
        return Err(ConvertError::Size { samples: room });
    }
    match frame {
        Some(frame) => context.run(frame, &mut target),
        None => context.flush(&mut target),
    }
    .map_err(ConvertError::Library)?;
    let frames = target.samples().min(room);
    let samples = target.plane::<(f32, f32)>(0).iter().take(frames);
    let finite = |sample: f32| if sample.is_finite() { sample } else { 0.0 };
    out.extend(samples.flat_map(|(left, right)| [finite(*left), finite(*right)]));
    Ok(())
}
