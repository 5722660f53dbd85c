//! Counters and measurements of one player, read by status, report and tests alike.

use super::Player;
use crate::segment::TrackKind;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Seeks whose duration is kept.
const MAX_SEEKS: usize = 1_000;

/// What one player did so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlayerStats {
    pub video: Option<VideoStats>,
    pub audio: Option<AudioStats>,
    /// Coded media bits per second of what is buffered.
    pub bit_rate: f64,
    /// From the first appended key frame to the first picture on the screen.
    pub first_frame_ms: Option<f64>,
    /// From the command to the sought picture on the screen.
    pub seeks_ms: Vec<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct VideoStats {
    /// As in RFC 6381 where it is known, e.g. `avc1.64001f`.
    pub codec: String,
    /// Coded size in pixels.
    pub width: u32,
    pub height: u32,
    /// FFmpeg's name of the decoder.
    pub decoder: String,
    /// Name of the hardware interface that decoded the last picture.
    pub hardware: Option<&'static str>,
    /// INVARIANT: each one is presented, dropped, discarded or on its way to the screen.
    pub decoded: u64,
    pub presented: u64,
    /// Decoded, due, and never shown.
    pub dropped: u64,
    /// Decoded and void: before the sought position, or overtaken by a seek.
    pub discarded: u64,
    pub late: u64,
    pub corrupted: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct AudioStats {
    pub codec: String,
    pub rate_hz: u32,
    pub channels: u32,
    pub underruns: u64,
    /// Root mean square of what was put out, 0 to 1.
    pub rms: f64,
    /// Audio frames put out.
    pub frames: u64,
}

/// What the player measures while it plays.
#[derive(Debug, Default)]
pub(super) struct Measured {
    seek_since: Option<Instant>,
    seeks_ms: Vec<f64>,
    first_frame_ms: Option<f64>,
    /// Pictures that came out of the decoder after the seek that made them void.
    overtaken: u64,
}

impl Measured {
    pub(super) fn picture_overtaken(&mut self) {
        self.overtaken += 1;
    }

    pub(super) fn seek_started(&mut self, now: Instant) {
        self.seek_since = Some(now);
    }

    pub(super) fn seek_ended(&mut self, at: Instant) {
        if let Some(since) = self.seek_since.take()
            && self.seeks_ms.len() < MAX_SEEKS
        {
            self.seeks_ms.push(at.saturating_duration_since(since).as_secs_f64() * 1e3);
        }
    }

    pub(super) fn first_frame(&mut self, appended: Option<Instant>, at: Instant) {
        self.first_frame_ms =
            appended.map(|since| at.saturating_duration_since(since).as_secs_f64() * 1e3);
    }
}

impl Player {
    /// Counters and facts so far.
    pub fn stats(&self) -> PlayerStats {
        PlayerStats {
            video: self.video_stats(),
            audio: self.audio_stats(),
            bit_rate: self.buffers.bit_rate(),
            first_frame_ms: self.measured.first_frame_ms,
            seeks_ms: self.measured.seeks_ms.clone(),
        }
    }

    fn video_stats(&self) -> Option<VideoStats> {
        let config = self.buffers.config(TrackKind::Video)?;
        let facts = self.video.facts();
        let counters = self.presenter.counters();
        let progress = &self.video.progress;
        Some(VideoStats {
            codec: config.track.codec_string.clone(),
            width: config.track.width,
            height: config.track.height,
            hardware: facts.as_ref().and_then(|facts| facts.hardware),
            decoder: facts.map_or_else(String::new, |facts| facts.name),
            decoded: progress.decoded.load(Ordering::Relaxed),
            presented: counters.presented,
            dropped: counters.dropped,
            discarded: progress.hidden.load(Ordering::Relaxed)
                + counters.flushed
                + self.measured.overtaken,
            late: counters.late,
            corrupted: progress.corrupted.load(Ordering::Relaxed),
        })
    }

    fn audio_stats(&self) -> Option<AudioStats> {
        let facts = self.audio.facts()?;
        Some(AudioStats {
            codec: facts.codec.to_owned(),
            rate_hz: facts.rate_hz,
            channels: facts.channels,
            underruns: self.voice.underruns(),
            rms: f64::from(self.voice.rms()),
            frames: self.voice.frames_played(),
        })
    }
}
