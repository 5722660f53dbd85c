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

/// Mono stays mono in the library, which would put it 3 dB lower on both channels; browsers do
/// not.
fn open(source: Source, rate_hz: u32) -> Result<Context, Error> {
    let target =
        if source.layout.channels() == 1 { ChannelLayout::MONO } else { ChannelLayout::STEREO };
    let (format, rate) = (source.format, source.rate_hz);
    Context::get(format, source.layout, rate, Sample::F32(Type::Packed), target, rate_hz)
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
    let layout = context.output().channel_layout;
    let mut target = Audio::new(Sample::F32(Type::Packed), room, layout);
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
    let finite = |sample: f32| if sample.is_finite() { sample } else { 0.0 };
    let samples = target.plane::<f32>(0).iter().copied().map(finite);
    if layout == ChannelLayout::MONO {
        out.extend(samples.take(frames).flat_map(|sample| [sample; CHANNELS]));
    } else {
        out.extend(samples.take(frames * CHANNELS));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tone;
    use super::*;

    const HZ: u32 = 48_000;

    /// A frame whose samples are `sample(channel, index)`, in any format.
    fn frame(
        format: Sample,
        layout: ChannelLayout,
        rate_hz: u32,
        samples: usize,
        sample: impl Fn(usize, usize) -> f64,
    ) -> Audio {
        let mut frame = Audio::new(format, samples, layout);
        frame.set_rate(rate_hz);
        let channels = usize::from(frame.channels());
        let bytes = format.bytes();
        for channel in 0..channels {
            for index in 0..samples {
                let encoded = encode(format, sample(channel, index));
                let (plane, at) = if frame.is_planar() {
                    (channel, index)
                } else {
                    (0, index * channels + channel)
                };
                frame.data_mut(plane)[at * bytes..(at + 1) * bytes].copy_from_slice(&encoded);
            }
        }
        frame
    }

    #[expect(clippy::as_conversions, reason = "test signal")]
    fn encode(format: Sample, value: f64) -> Vec<u8> {
        match format {
            Sample::U8(_) => vec![(value * 127.0 + 128.0) as u8],
            Sample::I16(_) => ((value * 32_767.0) as i16).to_ne_bytes().to_vec(),
            Sample::I32(_) => ((value * 2_147_483_647.0) as i32).to_ne_bytes().to_vec(),
            Sample::I64(_) => ((value * 9.2e18) as i64).to_ne_bytes().to_vec(),
            Sample::F32(_) => (value as f32).to_ne_bytes().to_vec(),
            Sample::F64(_) => value.to_ne_bytes().to_vec(),
            Sample::None => Vec::new(),
        }
    }

    fn tone_at(hz: f64, rate_hz: u32, frame: usize) -> f64 {
        let frame = super::super::num::f64_from_usize(frame);
        (std::f64::consts::TAU * hz * frame / f64::from(rate_hz)).sin()
    }

    /// Converts half a second of 440 Hz in frames of 1,024 and checks tone, level, length and that
    /// the timestamps returned fit the output.
    fn check(what: &str, format: Sample, layout: ChannelLayout, rate_hz: u32, rms: f32) {
        let mut converter = Converter::new(HZ);
        let (mut out, mut at) = (Vec::new(), 0);
        let total = usize::try_from(rate_hz / 2).unwrap();
        while at < total {
            let samples = (total - at).min(1_024);
            let tone = |_, index: usize| 0.5 * tone_at(440.0, rate_hz, at + index);
            let input = frame(format, layout, rate_hz, samples, tone);
            let pts = super::super::num::micros_from_frames(at, rate_hz);
            let before = super::super::num::micros_from_frames(out.len() / CHANNELS, HZ);
            let first = converter.push(&input, Pts(pts), &mut out).unwrap();
            assert!((first.0 - before).abs() < 500, "{what}: {} at {before} µs", first.0);
            at += samples;
        }
        converter.finish(&mut out).unwrap();
        let frames = out.len() / CHANNELS;
        assert!(frames.abs_diff(24_000) < 64, "{what}: {frames} frames");
        let steady = &out[2_000..out.len() - 2_000];
        let share = tone::power_share(steady, 440.0, HZ);
        assert!(share > 0.99, "{what}: {share}");
        let heard = tone::rms(steady);
        assert!((heard / rms - 1.0).abs() < 0.03, "{what}: rms {heard}, not {rms}");
    }

    #[test]
    fn every_format_rate_and_layout_becomes_stereo() {
        let stereo = ChannelLayout::STEREO;
        let planar_float = Sample::F32(Type::Planar);
        for kind in [Type::Packed, Type::Planar] {
            for format in
                [Sample::U8, Sample::I16, Sample::I32, Sample::I64, Sample::F32, Sample::F64]
            {
                check(&format!("{:?}", format(kind)), format(kind), stereo, 48_000, 0.3535);
            }
        }
        for rate_hz in [8_000, 11_025, 22_050, 44_100, 88_200, 96_000, 192_000] {
            check(&format!("{rate_hz} Hz"), planar_float, stereo, rate_hz, 0.3535);
        }
        // The same sound on every channel adds up as the library's matrix says.
        let minus_3_db = std::f32::consts::FRAC_1_SQRT_2;
        let front_and_centre = 0.3535 * (1.0 + minus_3_db);
        check("3.0", planar_float, ChannelLayout::SURROUND, 48_000, front_and_centre);
        let all = 0.3535 * (1.0 + minus_3_db + minus_3_db);
        check("5.1", planar_float, ChannelLayout::_5POINT1, 96_000, all);
        check("5.1 packed", Sample::I16(Type::Packed), ChannelLayout::_5POINT1_BACK, 48_000, all);
        check("mono", Sample::I16(Type::Planar), ChannelLayout::MONO, 44_100, 0.3535);
    }

    #[test]
    fn a_missing_layout_is_the_usual_one_and_an_unusual_number_its_first_two() {
        for (channels, format, rms) in [
            (1, Sample::I16(Type::Packed), 0.3535),
            (2, Sample::F32(Type::Planar), 0.3535),
            (6, Sample::I16(Type::Packed), 0.3535 * 2.4142),
            (6, Sample::F32(Type::Planar), 0.3535 * 2.4142),
        ] {
            let layout = ChannelLayout::default(channels);
            let tone = |_, index| 0.5 * tone_at(440.0, HZ, index);
            let mut input = frame(format, layout, HZ, 4_800, tone);
            input.set_channel_layout(ChannelLayout::default(0));
            let mut out = Vec::new();
            let what = format!("{channels} channels, {format:?}");
            Converter::new(HZ).push(&input, Pts(0), &mut out).expect(&what);
            let heard = tone::rms(&out);
            assert!((heard / rms - 1.0).abs() < 0.03, "{what}: {heard}, not {rms}");
        }
    }

    #[test]
    fn a_change_in_mid_stream_loses_nothing() {
        let mut converter = Converter::new(HZ);
        let mut out = Vec::new();
        let formats = [
            (Sample::F32(Type::Planar), ChannelLayout::STEREO, 44_100),
            (Sample::I16(Type::Packed), ChannelLayout::MONO, 22_050),
            (Sample::F64(Type::Planar), ChannelLayout::_5POINT1, 48_000),
        ];
        for (index, (format, layout, rate_hz)) in formats.into_iter().enumerate() {
            let samples = usize::try_from(rate_hz / 10).unwrap();
            let tone = |_, index| 0.3 * tone_at(440.0, rate_hz, index);
            let input = frame(format, layout, rate_hz, samples, tone);
            let pts = Pts(i64::try_from(index).unwrap() * 100_000);
            let before = super::super::num::micros_from_frames(out.len() / CHANNELS, HZ);
            let first = converter.push(&input, pts, &mut out).unwrap();
            assert!((first.0 - before).abs() < 500, "{index}: {first:?} at {before}");
        }
        converter.finish(&mut out).unwrap();
        assert!((out.len() / CHANNELS).abs_diff(14_400) < 64, "{}", out.len() / CHANNELS);
    }

    #[test]
    fn hostile_frames_are_errors_and_hostile_samples_silence() {
        let good = || frame(Sample::F32(Type::Planar), ChannelLayout::STEREO, HZ, 480, |_, _| 0.1);
        let mut converter = Converter::new(HZ);
        let mut out = Vec::new();
        let mut no_rate = good();
        no_rate.set_rate(0);
        let mut mad_rate = good();
        mad_rate.set_rate(u32::MAX);
        let mut none = good();
        none.set_samples(0);
        let mut giant = good();
        giant.set_samples(usize::MAX);
        let no_channels = Audio::new(Sample::F32(Type::Planar), 480, ChannelLayout::default(0));
        let cases = [
            ("nothing", Audio::empty()),
            ("0 Hz", no_rate),
            ("4 GHz", mad_rate),
            ("0 samples", none),
            ("negative samples", giant),
            ("0 channels", no_channels),
        ];
        for (what, input) in cases {
            assert!(converter.push(&input, Pts(0), &mut out).is_err(), "{what}");
        }
        assert!(out.is_empty());
        let not_finite = |_, index: usize| [f64::NAN, f64::INFINITY, 0.2, 0.1][index % 4];
        let input = frame(Sample::F32(Type::Planar), ChannelLayout::STEREO, HZ, 480, not_finite);
        converter.push(&input, Pts(i64::MIN), &mut out).unwrap();
        converter.reset();
        converter.push(&good(), Pts(i64::MAX), &mut out).unwrap();
        assert!(out.len() > 480 && out.iter().all(|sample| sample.is_finite()));
    }

    #[test]
    fn nothing_piles_up_in_the_library() {
        let mut converter = Converter::new(HZ);
        let mut out = Vec::new();
        let input =
            frame(Sample::F32(Type::Planar), ChannelLayout::STEREO, 44_100, 1_024, |_, _| 0.0);
        for _ in 0..2_000 {
            converter.push(&input, Pts(0), &mut out).unwrap();
        }
        let frames = out.len() / CHANNELS;
        assert!(frames.abs_diff(2_000 * 1_024 * 480 / 441) < 100, "{frames}");
        assert!(delay_frames(&converter.source.unwrap().1) < 100);
    }
}
