//! `nearside demo` in a test's place, and its report.

use crate::PLAY;
use crate::agent;
use crate::place::Place;
use crate::process::Running;
use crate::screen::Screen;
use anyhow::{Context as _, ensure};
use nearside::status::Status;
use nearside_channel::message::{Reason, ReasonCode};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A demo about to run, with a report.
#[derive(Debug)]
pub struct Demo<'a> {
    place: &'a Place,
    command: Command,
}

impl<'a> Demo<'a> {
    /// One that draws off-screen; the embedded clip unless [`Self::media`] names another.
    ///
    /// # Errors
    /// The program is missing.
    pub fn new(place: &'a Place) -> anyhow::Result<Self> {
        let mut demo = Self::with_windows(place)?;
        demo.command.arg("--headless");
        Ok(demo)
    }

    /// One that opens windows if it can.
    ///
    /// # Errors
    /// The program is missing.
    pub fn with_windows(place: &'a Place) -> anyhow::Result<Self> {
        let mut command = place.program("nearside")?;
        command.arg("demo").arg("--report").arg(report_path(place));
        Ok(Self { place, command })
    }

    /// On this display.
    pub fn on(mut self, screen: &Screen) -> Self {
        screen.give(&mut self.command);
        self
    }

    pub fn media(mut self, path: &Path) -> Self {
        self.command.arg("--media").arg(path);
        self
    }

    pub fn seconds(mut self, seconds: f64) -> Self {
        self.command.arg("--seconds").arg(seconds.to_string());
        self
    }

    pub fn screenshot(mut self, path: &Path) -> Self {
        self.command.arg("--screenshot").arg(path);
        self
    }

    /// What the page does, as the list that `--actions` takes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn actions(mut self, json: &serde_json::Value) -> anyhow::Result<Self> {
        let path = self.place.file("actions.json");
        std::fs::write(&path, serde_json::to_vec(json)?)?;
        self.command.arg("--actions").arg(path);
        Ok(self)
    }

    /// Draws by this renderer.
    pub fn renderer(mut self, name: &str) -> Self {
        self.command.args(["--renderer", name]);
        self
    }

    /// As if the machine had no Vulkan driver.
    pub fn without_vulkan(mut self) -> Self {
        let nothing = self.place.file("no-such-driver.json");
        self.command.env("VK_DRIVER_FILES", &nothing).env("VK_ICD_FILENAMES", &nothing);
        self
    }

    /// A log of everything that the programs themselves have to say.
    pub fn verbose(mut self) -> Self {
        let filter = ["", "_media", "_channel", "_panel", "_stage", "_demo"]
            .map(|part| format!("nearside{part}=trace"))
            .join(",");
        self.command.env("NEARSIDE_LOG", filter);
        self
    }

    /// # Errors
    /// The program does not start.
    pub fn start(self) -> anyhow::Result<Playing> {
        let report = report_path(self.place);
        let running = Running::start(self.command, self.place.path(), "demo")?;
        // It becomes the demo's own program: the process number stays.
        let folder = self.place.runtime().join(format!("nearside-demo-{}", running.pid()));
        Ok(Playing { running, report, folder })
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// It does not start or does not end.
    pub fn run(self) -> anyhow::Result<Outcome> {
        self.start()?.finish()
    }
}

fn report_path(place: &Place) -> PathBuf {
    place.file("report.json")
}

/// A demo that plays. Dropping it kills it with everything it started.
#[derive(Debug)]
pub struct Playing {
    running: Running,
    report: PathBuf,
    folder: PathBuf,
}

impl Playing {
    /// Its private agent's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits for a snapshot of its private agent that `holds`.
    ///
    /// # Errors
    /// None comes.
    pub fn wait_for(
        &self,
        what: &str,
        holds: impl FnMut(&Status) -> bool,
    ) -> anyhow::Result<Status> {
        agent::wait_for(&self.folder.join("control.sock"), what, holds)
            .with_context(|| self.running.stderr())
    }

    /// Waits until pictures or sound really flow, and then until the position is past `micros`.
    ///
    /// # Errors
    /// Nothing flows.
    pub fn wait_until_plays(&self, micros: i64) -> anyhow::Result<Status> {
        self.wait_for("something that flows", |status| {
            status.items.iter().any(|item| item.flowing && micros < item.position_micros)
        })
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// It does not end, or something panicked.
    pub fn finish(mut self) -> anyhow::Result<Outcome> {
        let status = self.running.wait(PLAY)?;
        let report = match std::fs::read(&self.report) {
            Ok(json) => Some(serde_json::from_slice(&json).context("read the report")?),
            Err(_) => None,
        };
        let outcome = Outcome {
            code: status.code(),
            report,
            stdout: self.running.stdout(),
            stderr: self.running.stderr(),
        };
        ensure!(!outcome.stderr.contains("panicked"), "something panicked:\n{}", outcome.stderr);
        Ok(outcome)
    }
}

/// How a demo ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub report: Option<Report>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The report of a demo that ended well.
    ///
    /// # Errors
    /// It did not end well.
    pub fn success(&self) -> anyhow::Result<&Report> {
        ensure!(self.code == Some(0), "ended with {:?}:\n{}", self.code, self.stderr);
        self.report.as_ref().context("there is no report")
    }

    /// The last words of a demo that could not play.
    ///
    /// # Errors
    /// It ended well or by a signal, or it said nothing.
    pub fn failure(&self) -> anyhow::Result<&str> {
        ensure!(self.code == Some(1), "ended with {:?}:\n{}", self.code, self.stderr);
        let complaint = self.stderr.lines().rev().find_map(|line| line.strip_prefix("nearside: "));
        complaint.with_context(|| format!("says nothing:\n{}", self.stderr))
    }
}

/// `--report`, as far as the scenarios read it.
#[derive(Debug, Deserialize)]
pub struct Report {
    pub seconds: f64,
    pub video: Option<Video>,
    pub audio: Option<Audio>,
    pub channel: Channel,
    pub processes: Vec<Usage>,
    pub renderer: Renderer,
    pub errors: Vec<Reason>,
    pub gave_up: bool,
}

#[derive(Debug, Deserialize)]
pub struct Video {
    pub codec: String,
    pub width: u32,
    pub height: u32,
    pub decoder: String,
    pub frames_decoded: u64,
    pub frames_presented: u64,
    pub frames_dropped: u64,
    pub frames_corrupted: u64,
    pub first_frame_ms: Option<f64>,
    pub seeks_ms: Vec<f64>,
    pub av_offset_ms: Option<AvOffset>,
}

#[derive(Debug, Deserialize)]
pub struct AvOffset {
    pub count: usize,
}

#[derive(Debug, Deserialize)]
pub struct Audio {
    pub codec: String,
    pub device: Option<String>,
    pub rms: f64,
}

#[derive(Debug, Deserialize)]
pub struct Channel {
    pub bytes: u64,
}

#[derive(Debug, Deserialize)]
pub struct Renderer {
    pub backend: String,
    pub adapter: String,
}

#[derive(Debug, Deserialize)]
pub struct Usage {
    pub role: String,
    pub cpu_seconds: f64,
    pub rss_peak_bytes: u64,
}

impl Report {
    /// # Errors
    /// There were no pictures.
    pub fn video(&self) -> anyhow::Result<&Video> {
        self.video.as_ref().context("the report has no video")
    }

    /// # Errors
    /// There was no sound.
    pub fn audio(&self) -> anyhow::Result<&Audio> {
        self.audio.as_ref().context("the report has no audio")
    }

    /// What went wrong, but for a sound device that is not there.
    pub fn faults(&self) -> Vec<&Reason> {
        let faults = self.errors.iter().filter(|reason| reason.code != ReasonCode::AudioDevice);
        faults.collect()
    }

    /// Every process of this role that was seen.
    pub fn processes(&self, role: &str) -> Vec<&Usage> {
        self.processes.iter().filter(|usage| usage.role == role).collect()
    }
}
