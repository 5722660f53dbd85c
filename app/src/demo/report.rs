//! `--report FILE.json`: what was measured, for programs and for benchmarks.

use nearside::status::{Item, Process};
use nearside_channel::message::Reason;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) media: String,
    pub(crate) seconds: f64,
    pub(crate) video: Option<Video>,
    pub(crate) audio: Option<Audio>,
    pub(crate) channel: Channel,
    pub(crate) processes: Vec<Usage>,
    pub(crate) renderer: Renderer,
    /// From the page's announcement to the stage that takes media.
    pub(crate) stage_ready_ms: Option<f64>,
    pub(crate) errors: Vec<Reason>,
    /// The device could not go on playing.
    pub(crate) gave_up: bool,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Video {
    pub(crate) codec: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) decoder: String,
    pub(crate) frames_decoded: u64,
    pub(crate) frames_presented: u64,
    pub(crate) frames_dropped: u64,
    pub(crate) frames_late: u64,
    pub(crate) frames_corrupted: u64,
    pub(crate) first_frame_ms: Option<f64>,
    pub(crate) seeks_ms: Vec<f64>,
    pub(crate) av_offset_ms: Option<AvOffset>,
}

/// p50 keeps its sign (positive when sound leads); p95 and max are of the magnitude.
#[derive(Debug, Default, Serialize)]
pub(crate) struct AvOffset {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) max: f64,
    pub(crate) count: usize,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Audio {
    pub(crate) codec: String,
    pub(crate) device: Option<String>,
    pub(crate) underruns: u64,
    pub(crate) rms: f64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Channel {
    pub(crate) bytes: u64,
    pub(crate) control_rtt_ms: Option<Percentiles>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Renderer {
    pub(crate) backend: String,
    pub(crate) adapter: String,
    pub(crate) software: bool,
}

/// What a process has used so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Usage {
    pub(crate) role: String,
    #[serde(skip)]
    pub(crate) pid: u32,
    pub(crate) cpu_seconds: f64,
    pub(crate) rss_peak_bytes: u64,
}

impl Report {
    pub(crate) fn take_item(&mut self, item: &Item) {
        let measurements = &item.measurements;
        self.video = item.video.as_ref().map(|video| Video {
            codec: video.codec.clone(),
            width: video.width,
            height: video.height,
            decoder: video.decoder.clone(),
            frames_decoded: video.decoded,
            frames_presented: video.presented,
            frames_dropped: video.dropped,
            frames_late: video.late,
            frames_corrupted: video.corrupted,
            first_frame_ms: measurements.first_frame_ms,
            seeks_ms: measurements.seeks_ms.clone(),
            av_offset_ms: AvOffset::of(&measurements.av_offsets_ms),
        });
        if let Some(video) = &item.video {
            self.renderer = Renderer {
                backend: video.renderer_backend.clone(),
                adapter: video.renderer.clone(),
                software: video.renderer_software,
            };
        }
        self.audio = item.audio.as_ref().map(|audio| Audio {
            codec: audio.codec.clone(),
            device: audio.device.clone(),
            underruns: audio.underruns,
            rms: measurements.audio_rms,
        });
    }
}

impl Report {
    /// The outcome in a few lines.
    pub(crate) fn for_people(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(video) = &self.video {
            lines.push(format!(
                "Picture: {} {}x{} by {}, {} presented, {} dropped, {} late",
                video.codec,
                video.width,
                video.height,
                video.decoder,
                video.frames_presented,
                video.frames_dropped,
                video.frames_late
            ));
            if let Some(offset) = &video.av_offset_ms {
                lines.push(format!(
                    "Sound and picture: {:+.1} ms apart in the middle, {:.1} ms at most",
                    offset.p50, offset.max
                ));
            }
        }
        if let Some(audio) = &self.audio {
            let device = audio.device.as_deref().unwrap_or("no device, recorded");
            lines
                .push(format!("Sound: {} to {device}, {} underruns", audio.codec, audio.underruns));
        }
        for reason in &self.errors {
            lines.push(format!("{} {}", reason.message, reason.next_step));
        }
        lines
    }
}

impl AvOffset {
    fn of(offsets: &[f64]) -> Option<Self> {
        let magnitudes: Vec<f64> = offsets.iter().map(|offset| offset.abs()).collect();
        Some(Self {
            p50: percentile(offsets, 50)?,
            p95: percentile(&magnitudes, 95)?,
            max: percentile(&magnitudes, 100)?,
            count: offsets.len(),
        })
    }
}

impl Percentiles {
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        Some(Self { p50: percentile(values, 50)?, p99: percentile(values, 99)? })
    }
}

/// Nearest-rank percentile; `None` of nothing.
fn percentile(values: &[f64], percent: usize) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// What is known of processes while they live; those that ended keep their last reading.
#[derive(Debug, Default)]
pub(crate) struct Usages(BTreeMap<u32, Usage>);

impl Usages {
    /// Reads the processes' counters from the kernel.
    pub(crate) fn read(&mut self, processes: &[Process]) {
        for process in processes {
            if let Some((cpu_seconds, rss_peak_bytes)) = usage_of(process.pid) {
                let role = process.role.clone();
                let pid = process.pid;
                self.0.insert(pid, Usage { role, pid, cpu_seconds, rss_peak_bytes });
            }
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Usage> {
        self.0.into_values().collect()
    }
}

/// CPU seconds (user and system) and peak resident bytes, from /proc.
fn usage_of(pid: u32) -> Option<(f64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything: fields count from the last bracket.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.split_whitespace().next()?.parse().ok()?;
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    let per_second = f64::from(u32::try_from(ticks_per_second).unwrap_or(100));
    Some((ticks / per_second, kib.saturating_mul(1024)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&values, 50), Some(2.0));
        assert_eq!(percentile(&values, 99), Some(4.0));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn offsets_keep_the_sign_of_the_median_only() {
        let offset = AvOffset::of(&[-8.0, -9.0, -7.0]).unwrap();
        assert_eq!((offset.p50, offset.p95, offset.max), (-8.0, 9.0, 9.0));
    }

    #[test]
    fn reads_this_process() {
        let (cpu_seconds, peak) = usage_of(std::process::id()).unwrap();
        assert!(0.0 <= cpu_seconds && 100_000 < peak);
    }
}
