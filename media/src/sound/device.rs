//! The sound device, by cpal: PulseAudio (and PipeWire's emulation of it) first, then whatever
//! the platform has.
//!
//! Used by the device thread only; [`Adapter::fill`] alone runs in the callback and brings the
//! mix to the device's rate, channels and sample format without allocating.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _};
use cpal::{
    BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig,
    SupportedBufferSize, SupportedStreamConfigRange,
};

use super::CHANNELS;
use super::depth::{Depth, Gaps};
use super::num::{f64_from_usize, i64_from_f64, micros_since, usize_from_u32};
use super::output::Shared;
use super::resample::Resampler;

/// Frames mixed at once, at most.
const SCRATCH_FRAMES: usize = 2_048;

/// How long a stream may take to be made.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// A delay beyond this is not believed.
const DELAY_MAX: Duration = Duration::from_secs(2);

/// Why there is no device, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeviceError {
    #[error("no sound server and no sound hardware")]
    None,
    #[error("sound device: {what}")]
    Library {
        what: &'static str,
        #[source]
        source: cpal::Error,
    },
    #[error("sound device offers no usable sample format")]
    Format,
}

/// A stream on the default device, paused at first. Dropping it gives the device back.
pub(super) struct OpenDevice {
    stream: cpal::Stream,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
}

impl OpenDevice {
    pub(super) fn start(&self) -> Result<(), DeviceError> {
        self.stream.play().map_err(|source| DeviceError::Library { what: "start", source })
    }

    pub(super) fn pause(&self) -> Result<(), DeviceError> {
        self.stream.pause().map_err(|source| DeviceError::Library { what: "pause", source })
    }
}

/// The connection to the sound server. Kept across streams: making one costs a thread and a
/// socket that live until the server goes.
pub(super) struct Hosts {
    pulse: Option<cpal::Host>,
}

impl Hosts {
    pub(super) const fn new() -> Self {
        Self { pulse: None }
    }

    /// The present default device.
    fn default_device(&mut self) -> Option<cpal::Device> {
        #[cfg(target_os = "linux")]
        {
            if let Some(device) = self.pulse_device() {
                return Some(device);
            }
            // Without hardware ALSA has nothing to open, and says so at length on stderr.
            if !alsa_has_playback() {
                return None;
            }
            let host = cpal::host_from_id(cpal::HostId::Alsa).ok()?;
            host.default_output_device()
        }
        #[cfg(not(target_os = "linux"))]
        {
            cpal::default_host().default_output_device()
        }
    }

    #[cfg(target_os = "linux")]
    fn pulse_device(&mut self) -> Option<cpal::Device> {
        if let Some(device) = self.pulse.as_ref().and_then(cpal::Host::default_output_device) {
            return Some(device);
        }
        if self.pulse.as_ref().is_some_and(|host| host.devices().is_ok()) {
            // The server lives and has no device.
            return None;
        }
        self.pulse = None;
        if !cpal::available_hosts().contains(&cpal::HostId::PulseAudio) {
            return None;
        }
        self.pulse = cpal::host_from_id(cpal::HostId::PulseAudio).ok();
        self.pulse.as_ref()?.default_output_device()
    }

    /// Identity of the present default device, to notice that it changes.
    pub(super) fn default_id(&mut self) -> Option<String> {
        self.default_device().and_then(|device| device.id().ok()).map(|id| id.to_string())
    }

    /// The rate the default device likes best, in hertz.
    pub(super) fn default_rate(&mut self) -> Option<u32> {
        let config = self.default_device()?.default_output_config().ok()?;
        Some(config.sample_rate())
    }

    /// Opens the default device as sink `sink` of `shared`.
    pub(super) fn open(
        &mut self,
        depth: &Depth,
        sink: u64,
        shared: &Arc<Shared>,
    ) -> Result<OpenDevice, DeviceError> {
        let device = self.default_device().ok_or(DeviceError::None)?;
        let library = |what| move |source| DeviceError::Library { what, source };
        let (format, config) = choose(&device, shared.rate_hz, depth)?;
        let stream = match format {
            SampleFormat::F32 => build::<f32>(&device, config, sink, shared),
            SampleFormat::I16 => build::<i16>(&device, config, sink, shared),
            SampleFormat::I32 => build::<i32>(&device, config, sink, shared),
            SampleFormat::U8 => build::<u8>(&device, config, sink, shared),
            SampleFormat::F64 => build::<f64>(&device, config, sink, shared),
            _ => return Err(DeviceError::Format),
        }
        .map_err(library("open"))?;
        let id = device.id().map(|id| id.to_string()).unwrap_or_default();
        let name = device
            .description()
            .map_or_else(|_| id.clone(), |description| description.name().to_owned());
        Ok(OpenDevice { stream, id, name, rate_hz: config.sample_rate, channels: config.channels })
    }
}

/// Whether the kernel knows a playback device.
#[cfg(target_os = "linux")]
fn alsa_has_playback() -> bool {
    let Ok(entries) = std::fs::read_dir("/dev/snd") else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("pcmC") && name.ends_with('p')
    })
}

/// The configuration nearest to the mix: its rate, stereo, floating point, where there is a choice.
fn choose(
    device: &cpal::Device,
    rate_hz: u32,
    depth: &Depth,
) -> Result<(SampleFormat, StreamConfig), DeviceError> {
    let library = |what| move |source| DeviceError::Library { what, source };
    let default = device.default_output_config().map_err(library("ask for its format"))?;
    let usable = |format: SampleFormat| rank(format).is_some();
    let distance = |range: &SupportedStreamConfigRange| {
        let has_rate = (range.min_sample_rate()..=range.max_sample_rate()).contains(&rate_hz);
        let channels = (range.channels() != 2, range.channels() != default.channels());
        (channels, !has_rate, rank(range.sample_format()), range.channels())
    };
    let ranges = device.supported_output_configs().map_err(library("ask for its formats"))?;
    let best = ranges.filter(|range| usable(range.sample_format())).min_by_key(distance);
    let (format, channels, rate, buffer) = match best {
        Some(range) => {
            let (low, high) = (range.min_sample_rate(), range.max_sample_rate());
            let wanted =
                if (low..=high).contains(&rate_hz) { rate_hz } else { default.sample_rate() };
            let rate = wanted.clamp(low, high.max(low));
            (range.sample_format(), range.channels(), rate, *range.buffer_size())
        }
        None if usable(default.sample_format()) => {
            let (channels, rate) = (default.channels(), default.sample_rate());
            (default.sample_format(), channels, rate, *default.buffer_size())
        }
        None => return Err(DeviceError::Format),
    };
    let block = depth.block_frames(rate);
    let block = match buffer {
        SupportedBufferSize::Range { min, max } => block.clamp(min, max.max(min)),
        SupportedBufferSize::Unknown => block,
    };
    let buffer_size = BufferSize::Fixed(block.max(1));
    Ok((format, StreamConfig { channels, sample_rate: rate, buffer_size }))
}

/// Preference among sample formats; `None` when it cannot be served.
fn rank(format: SampleFormat) -> Option<u8> {
    match format {
        SampleFormat::F32 => Some(0),
        SampleFormat::I32 => Some(1),
        SampleFormat::I16 => Some(2),
        SampleFormat::F64 => Some(3),
        SampleFormat::U8 => Some(4),
        _ => None,
    }
}

fn build<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: StreamConfig,
    sink: u64,
    shared: &Arc<Shared>,
) -> Result<cpal::Stream, cpal::Error> {
    let mut adapter = Adapter::new(shared.rate_hz, config.sample_rate, config.channels);
    let block = match config.buffer_size {
        BufferSize::Fixed(frames) => frames,
        BufferSize::Default => u32::MAX,
    };
    let callback = {
        let shared = Arc::clone(shared);
        let mut gaps = Gaps::new(block, config.sample_rate);
        move |out: &mut [T], info: &cpal::OutputCallbackInfo| {
            let called = micros_since(shared.epoch, Instant::now());
            let frames = out.len() / usize::from(config.channels.max(1));
            if gaps.asks(called, u32::try_from(frames).unwrap_or(u32::MAX)) {
                shared.xruns.fetch_add(1, Ordering::Relaxed);
                shared.wake_device_thread();
            }
            let stamp = info.timestamp();
            let delay = stamp.playback.duration_since(stamp.callback).min(DELAY_MAX);
            let delay = i64::try_from(delay.as_micros()).unwrap_or(0);
            shared.latency_micros.store(delay.cast_unsigned(), Ordering::Relaxed);
            let heard = called.saturating_add(delay);
            adapter.fill(out, heard, |block, heard| shared.render(sink, block, heard));
        }
    };
    let failed = {
        let shared = Arc::clone(shared);
        move |error: cpal::Error| match error.kind() {
            ErrorKind::Xrun => {
                shared.xruns.fetch_add(1, Ordering::Relaxed);
            }
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
            _ => shared.sink_failed(sink),
        }
    };
    device.build_output_stream::<T, _, _>(config, callback, failed, Some(OPEN_TIMEOUT))
}

/// From the mix to what the device wants.
struct Adapter {
    device_rate_hz: u32,
    device_channels: usize,
    /// Mixed frames; `used` of `filled` are consumed (only when resampling).
    scratch: Box<[f32]>,
    used: usize,
    filled: usize,
    resampler: Option<Resampler>,
}

impl Adapter {
    fn new(mix_rate_hz: u32, device_rate_hz: u32, device_channels: u16) -> Self {
        let ratio = f64::from(mix_rate_hz) / f64::from(device_rate_hz.max(1));
        Self {
            device_rate_hz,
            device_channels: usize::from(device_channels.max(1)),
            scratch: vec![0.0; SCRATCH_FRAMES * CHANNELS].into_boxed_slice(),
            used: 0,
            filled: 0,
            resampler: (mix_rate_hz != device_rate_hz).then(|| Resampler::new(ratio)),
        }
    }

    /// Fills a device block whose first frame is heard at `heard_micros`, with what `render`
    /// mixes. In the callback: no allocation.
    fn fill<T: SizedSample + FromSample<f32>>(
        &mut self,
        out: &mut [T],
        heard_micros: i64,
        mut render: impl FnMut(&mut [f32], i64),
    ) {
        let micros = 1e6 / f64::from(self.device_rate_hz.max(1));
        let heard = |frame: usize| {
            heard_micros.saturating_add(i64_from_f64(f64_from_usize(frame) * micros))
        };
        if self.resampler.is_none() {
            let mut done = 0;
            for block in out.chunks_mut(SCRATCH_FRAMES * self.device_channels) {
                let frames = block.len() / self.device_channels;
                let Some(mix) = self.scratch.get_mut(..frames * CHANNELS) else { return };
                render(mix, heard(done));
                let mixed = mix.chunks_exact(CHANNELS);
                for (out, mixed) in block.chunks_mut(self.device_channels).zip(mixed) {
                    spread(out, [mixed.first(), mixed.last()].map(|s| s.copied().unwrap_or(0.0)));
                }
                done += frames;
            }
            return;
        }
        for (frame, out) in out.chunks_mut(self.device_channels).enumerate() {
            let mixed = self.next_resampled(heard(frame), &mut render);
            spread(out, mixed);
        }
    }

    /// The next frame at the device's rate, which is heard at `heard_micros`.
    fn next_resampled(
        &mut self,
        heard_micros: i64,
        render: &mut impl FnMut(&mut [f32], i64),
    ) -> [f32; CHANNELS] {
        loop {
            let Some(resampler) = &mut self.resampler else { return [0.0; CHANNELS] };
            if resampler.is_ready() {
                return resampler.produce();
            }
            if self.used >= self.filled {
                // 5 ms at a time, so that little is mixed ahead of need.
                let frames = usize_from_u32(self.device_rate_hz / 200).clamp(16, SCRATCH_FRAMES);
                let Some(mix) = self.scratch.get_mut(..frames * CHANNELS) else {
                    return [0.0; CHANNELS];
                };
                render(mix, heard_micros);
                self.used = 0;
                self.filled = frames;
            }
            let at = self.used * CHANNELS;
            let mut next = [0.0; CHANNELS];
            if let Some(frame) = self.scratch.get(at..at + CHANNELS) {
                next.copy_from_slice(frame);
            }
            resampler.feed(next);
            self.used += 1;
        }
    }
}

/// One stereo frame onto however many channels: mono gets both, more get left and right.
fn spread<T: SizedSample + FromSample<f32>>(out: &mut [T], [left, right]: [f32; CHANNELS]) {
    if let [mono] = out {
        *mono = T::from_sample((left + right) / 2.0);
        return;
    }
    for (channel, out) in out.iter_mut().enumerate() {
        *out = match channel {
            0 => T::from_sample(left),
            1 => T::from_sample(right),
            _ => T::EQUILIBRIUM,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::{no_alloc, tone};
    use super::*;

    /// A mix of a 440 Hz tone, endless.
    fn tone_source(rate_hz: u32) -> impl FnMut(&mut [f32], i64) {
        let tone = tone::sine(440.0, rate_hz, usize_from_u32(rate_hz), 0.5);
        let mut at = 0;
        move |out, _| {
            for sample in out {
                *sample = tone[at];
                at = (at + 1) % tone.len();
            }
        }
    }

    #[test]
    fn any_device_rate_hears_the_same_tone() {
        for device_rate in [48_000, 44_100, 96_000, 16_000] {
            let mut adapter = Adapter::new(48_000, device_rate, 2);
            let mut source = tone_source(48_000);
            let mut out = vec![0.0_f32; usize_from_u32(device_rate) * 2];
            no_alloc::assert(|| {
                for block in out.chunks_mut(1_234) {
                    adapter.fill(block, 0, &mut source);
                }
            });
            let share = tone::power_share(&out[400..], 440.0, device_rate);
            assert!(share > 0.99, "{device_rate} Hz: {share}");
        }
    }

    #[test]
    fn blocks_are_heard_one_after_the_other() {
        let mut adapter = Adapter::new(48_000, 48_000, 2);
        let mut heard = Vec::new();
        let mut out = vec![0_i16; 5_000 * 2];
        adapter.fill(&mut out, 1_000_000, |block, at| heard.push((block.len() / 2, at)));
        assert_eq!(heard, [(2_048, 1_000_000), (2_048, 1_042_667), (904, 1_085_333)]);
    }

    #[test]
    fn mono_gets_both_channels_and_surround_the_front() {
        let mut mono = [0.0_f32];
        spread(&mut mono, [0.5, 0.25]);
        assert_eq!(mono, [0.375]);
        let mut surround = [9_u8; 6];
        spread(&mut surround, [0.5, -0.5]);
        assert_eq!(surround, [192, 64, 128, 128, 128, 128]);
    }
}
