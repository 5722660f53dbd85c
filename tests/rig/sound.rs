//! A sound server of a test's own, and what it heard.

use crate::place::Place;
use crate::process::Running;
use crate::{LOOK, STEP};
use anyhow::{Context as _, ensure};
use std::time::Instant;

/// Samples a second of [`Recording`].
const RATE_HZ: usize = 48_000;

/// Samples in one look at the spectrum: 10 ms, ten periods of 1 kHz.
const WINDOW: usize = RATE_HZ / 100;

/// A PulseAudio daemon with one speaker that nobody hears. Ends when dropped.
#[derive(Debug)]
pub struct SoundServer<'a> {
    place: &'a Place,
    _daemon: Running,
}

/// What programs call its speaker.
pub const SPEAKER: &str = "Test speaker";

impl<'a> SoundServer<'a> {
    /// Starts it and waits until it serves `place`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(place: &'a Place) -> anyhow::Result<Self> {
        let mut command = place.command("pulseaudio");
        command.args(["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-n"]);
        command.args(["-L", "module-native-protocol-unix auth-anonymous=1"]);
        // Without `norewinds` it plays nothing for the first two seconds.
        command.arg("-L").arg(format!(
            "module-null-sink sink_name=speaker norewinds=1 rate=48000 channels=2 \
             sink_properties='device.description=\"{SPEAKER}\"'"
        ));
        let daemon = Running::start(command, place.path(), "pulseaudio")?;
        let server = Self { place, _daemon: daemon };
        let since = Instant::now();
        while !server.answers()? {
            ensure!(since.elapsed() < STEP, "{}", server._daemon.stderr());
            std::thread::sleep(LOOK);
        }
        Ok(server)
    }

    fn answers(&self) -> anyhow::Result<bool> {
        let mut command = self.place.command("pactl");
        command.args(["set-default-sink", "speaker"]);
        let mut running = Running::start(command, self.place.path(), "pactl")?;
        Ok(running.wait(STEP)?.success())
    }

    /// Records what goes to the speaker from now on.
    ///
    /// # Errors
    /// The recorder does not start.
    pub fn record(&self) -> anyhow::Result<Recorder> {
        let mut command = self.place.command("parec");
        command.args(["--device=speaker.monitor", "--format=s16le", "--rate=48000"]);
        command.args(["--channels=1", "--latency-msec=50", "--raw"]);
        let running = Running::start(command, self.place.path(), "recording")?;
        Ok(Recorder { running, file: self.place.file("recording.out") })
    }
}

/// A recording under way.
#[derive(Debug)]
pub struct Recorder {
    running: Running,
    file: std::path::PathBuf,
}

impl Recorder {
    /// Ends it and reads what was heard.
    ///
    /// # Errors
    /// Nothing was recorded.
    pub fn finish(self) -> anyhow::Result<Recording> {
        let Self { running, file } = self;
        drop(running);
        let bytes = std::fs::read(file).context("read the recording")?;
        let samples = bytes.chunks_exact(2).filter_map(|pair| pair.first_chunk::<2>());
        let samples = samples.map(|pair| f64::from(i16::from_le_bytes(*pair)) / 32_768.0);
        Ok(Recording { samples: samples.collect() })
    }
}

/// Samples of one channel at 48 kHz, from -1 to 1.
#[derive(Debug)]
pub struct Recording {
    pub samples: Vec<f64>,
}

impl Recording {
    /// Sounds of this frequency and nothing else: how long each is, in milliseconds.
    ///
    /// `hz` is a multiple of 100, so that a window holds whole periods.
    pub fn tones(&self, hz: u16) -> Vec<u32> {
        let mut tones = Vec::new();
        let mut length = 0;
        for window in self.samples.chunks_exact(WINDOW) {
            if is_tone(window, f64::from(hz)) {
                length += 10;
            } else if 0 < length {
                tones.push(length);
                length = 0;
            }
        }
        tones.extend((0 < length).then_some(length));
        tones
    }
}

/// More than nine tenths of the window's power, and that not small, are at `hz` (Goertzel).
fn is_tone(window: &[f64], hz: f64) -> bool {
    let step = std::f64::consts::TAU * hz / 48_000.0;
    let (mut re, mut im, mut power, mut phase) = (0.0, 0.0, 0.0, 0.0_f64);
    for sample in window {
        re += sample * phase.cos();
        im += sample * phase.sin();
        power += sample * sample;
        phase += step;
    }
    let count = f64::from(u32::try_from(window.len()).unwrap_or(u32::MAX));
    // A sine of amplitude a has a²/2 a sample and a correlation of a·count/2.
    let at_hz = 2.0 * (re * re + im * im) / (count * count);
    let mean_power = power / count;
    0.01 < mean_power && 0.9 < at_hz / mean_power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_tones_by_their_frequency() {
        let sine = |hz: f64| {
            move |index: u32| (std::f64::consts::TAU * hz * f64::from(index) / 48_000.0).sin() * 0.5
        };
        let silence = std::iter::repeat_n(0.0, 4800);
        let samples: Vec<f64> = silence
            .clone()
            .chain((0..4800).map(sine(1000.0)))
            .chain(silence)
            .chain((0..4800).map(sine(1100.0)))
            .collect();
        let recording = Recording { samples };
        assert_eq!(recording.tones(1000), [100]);
        assert_eq!(recording.tones(1100), [100]);
        assert!(recording.tones(500).is_empty());
    }
}
