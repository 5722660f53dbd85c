//! The demo from connection to report: the page, its script, screenshots, the end.

use super::actions::{Action, Timed};
use super::device::{Device, Sockets};
use super::feeder::{Facts, Feeder};
use super::page::Page;
use super::report::{Channel, Percentiles, Report, Usages};
use super::transport::Transport;
use super::{Options, say};
use anyhow::{Context as _, bail};
use nearside::control::{Reply, Request};
use nearside::paths;
use nearside::status::Status;
use nearside_channel::message::{PageId, PlaybackState};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A clip that has not begun to play by then will not.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How long the end waits for the last counters.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How often the processes' counters are read, so that those of one that dies are known.
const USAGE_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) async fn run(
    options: Options,
    actions: Vec<Timed>,
    feeder: Feeder,
    facts: Facts,
    title: String,
    device: Device,
) -> anyhow::Result<()> {
    let sockets = device.sockets();
    let (transport, welcome) = Transport::open(&sockets.channel()).await?;
    if let Some(reason) = welcome.playback_refused {
        bail!("{} {}", reason.message, reason.next_step);
    }
    let interactive = options.seconds.is_none() && !options.headless;
    let planned = planned_seconds(&options, &facts);
    let media = title.clone();
    let mut page = Page::new(transport, feeder, facts, title)?;
    say(&format!("Playing {}", page.describe()));
    if interactive {
        page.act(&Action::Loop { enabled: true })?;
        say("It plays again and again until you close the panel or press Ctrl+C.");
    }
    let mut show = Show {
        screenshot_at: options.screenshot.is_some().then(|| between_seconds(planned)),
        options,
        sockets,
        device,
        actions: actions.into(),
        usages: Usages::default(),
        next_usage: Instant::now() + Duration::from_millis(300),
        mid_play: None,
        opened: Instant::now(),
        waits_at: (0, Instant::now()),
        terminate: signal(SignalKind::terminate()).context("watch for signals")?,
    };
    let result = show.play(&mut page).await;
    if page.state == Some(PlaybackState::Playing) {
        page.act(&Action::Pause)?;
    }
    let last_words = tokio::time::sleep(LAST_WORDS);
    tokio::pin!(last_words);
    loop {
        tokio::select! {
            step = page.step() => step?,
            () = &mut last_words => break,
        }
    }
    show.finish(&page, media).await?;
    let gave_up = page.gave_up.clone();
    page.close().await?;
    result?;
    match gave_up {
        Some(reason) => bail!("{} {}", reason.message, reason.next_step),
        None => Ok(()),
    }
}

/// How long it plays if nothing intervenes, in seconds.
fn planned_seconds(options: &Options, facts: &Facts) -> f64 {
    let clip = facts
        .duration_micros
        .map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64());
    match (options.seconds, clip) {
        (Some(seconds), Some(clip)) => seconds.min(clip),
        (Some(seconds), None) => seconds,
        (None, clip) => clip.unwrap_or(10.0).min(10.0),
    }
}

struct Show {
    options: Options,
    sockets: Sockets,
    device: Device,
    actions: VecDeque<Timed>,
    usages: Usages,
    next_usage: Instant,
    /// Seconds of playing after which the screenshot is taken.
    screenshot_at: Option<f64>,
    /// The status in mid-play, for the panel's picture.
    mid_play: Option<Status>,
    opened: Instant,
    /// Where the page has stood still, and since when.
    waits_at: (i64, Instant),
    /// Asked to end: then everything that was started ends, too.
    terminate: Signal,
}

/// The middle of a play of so many seconds, beside a full second: the clip flashes white there.
fn between_seconds(planned: f64) -> f64 {
    let beside = (planned / 2.0).floor() + 0.5;
    if beside < planned { beside } else { planned / 2.0 }
}

impl Show {
    async fn play(&mut self, page: &mut Page) -> anyhow::Result<()> {
        loop {
            let wake = self.next_wake(page);
            tokio::select! {
                step = page.step() => step?,
                () = tokio::time::sleep_until(wake.into()) => {}
                _ = tokio::signal::ctrl_c() => return Ok(()),
                _ = self.terminate.recv() => return Ok(()),
            }
            let now = Instant::now();
            if self.next_usage <= now {
                self.next_usage = now + USAGE_INTERVAL;
                self.read_usages().await;
            }
            if page.gave_up.is_some() || self.device.panel_closed() {
                return Ok(());
            }
            let Some(since) = page.playing_since else {
                if START_LIMIT < self.opened.elapsed() {
                    bail!("nothing plays after {} seconds", START_LIMIT.as_secs());
                }
                continue;
            };
            self.check_progress(page)?;
            let elapsed = since.elapsed();
            if self.options.seconds.is_some_and(|seconds| seconds <= elapsed.as_secs_f64()) {
                return Ok(());
            }
            if self.screenshot_at.is_some_and(|at| at <= elapsed.as_secs_f64()) {
                self.screenshot_at = None;
                self.take_pictures().await?;
            }
            while let Some(timed) = self.actions.front()
                && Duration::from_millis(timed.at_ms) <= elapsed
            {
                let Some(Timed { action, .. }) = self.actions.pop_front() else { break };
                if action == Action::KillStage {
                    self.kill_stage().await?;
                }
                page.act(&action)?;
            }
            let ended = page.state == Some(PlaybackState::Ended);
            if ended && self.actions.is_empty() && self.screenshot_at.is_none() {
                return Ok(());
            }
        }
    }

    /// A page that wants to play and gets no further has nothing to wait for.
    fn check_progress(&mut self, page: &Page) -> anyhow::Result<()> {
        let waits = matches!(page.state, Some(PlaybackState::Stalled | PlaybackState::Seeking));
        if !waits || page.position_micros != self.waits_at.0 {
            self.waits_at = (page.position_micros, Instant::now());
        } else if START_LIMIT < self.waits_at.1.elapsed() {
            let at = Duration::from_micros(u64::try_from(self.waits_at.0).unwrap_or(0));
            bail!(
                "the picture has stood at {:.1} s for {} seconds; the file may be damaged there",
                at.as_secs_f64(),
                START_LIMIT.as_secs()
            );
        }
        Ok(())
    }

    /// When something is due by the clock.
    fn next_wake(&self, page: &Page) -> Instant {
        let mut wake = self.next_usage;
        let mut earlier = |at: Instant| wake = wake.min(at);
        match page.playing_since {
            None => earlier(self.opened + START_LIMIT),
            Some(since) => {
                earlier(self.waits_at.1 + START_LIMIT);
                if let Some(timed) = self.actions.front() {
                    earlier(since + Duration::from_millis(timed.at_ms));
                }
                for seconds in [self.options.seconds, self.screenshot_at].into_iter().flatten() {
                    earlier(since + Duration::from_secs_f64(seconds));
                }
            }
        }
        wake
    }

    async fn status(&self) -> anyhow::Result<Status> {
        let sockets = self.sockets.clone();
        tokio::task::spawn_blocking(move || sockets.status()).await?
    }

    async fn read_usages(&mut self) {
        if let Ok(status) = self.status().await {
            self.usages.read(&status.processes);
        }
        if let Some(panel) = self.device.panel() {
            self.usages.read(&[panel]);
        }
    }

    /// The stage's picture now, and the status that the panel's picture is made of later.
    async fn take_pictures(&mut self) -> anyhow::Result<()> {
        let Some(path) = self.options.screenshot.clone() else { return Ok(()) };
        let status = self.status().await?;
        let page = status.items.last().map(|item| PageId(item.page));
        self.mid_play = Some(status);
        let Some(page) = page else { return Ok(()) };
        let path = std::path::absolute(&path)?.to_string_lossy().into_owned();
        let sockets = self.sockets.clone();
        // Not awaited here: the page must go on feeding meanwhile.
        tokio::task::spawn_blocking(move || {
            match sockets.request(&Request::Screenshot { page, path }) {
                Ok(Reply::Refused { message }) => say(&format!("No screenshot: {message}")),
                Ok(_) => {}
                Err(error) => say(&format!("No screenshot: {error:#}")),
            }
        });
        Ok(())
    }

    /// Ends the stage as a crash would.
    async fn kill_stage(&mut self) -> anyhow::Result<()> {
        self.read_usages().await;
        let status = self.status().await?;
        for pid in status.pids("stage") {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL)
                    .context("end the stage")?;
            }
        }
        Ok(())
    }

    async fn finish(&mut self, page: &Page, media: String) -> anyhow::Result<()> {
        self.read_usages().await;
        let status = self.status().await?;
        let transport = page.transport();
        let mut report = Report {
            media,
            seconds: page.playing_since.map_or(0.0, |since| since.elapsed().as_secs_f64()),
            channel: Channel {
                bytes: transport.sent_bytes,
                control_rtt_ms: Percentiles::of(&transport.round_trips_ms),
            },
            processes: std::mem::take(&mut self.usages).into_vec(),
            stage_ready_ms: page.stage_ready_ms,
            errors: page.errors.clone(),
            gave_up: page.gave_up.is_some(),
            ..Report::default()
        };
        if let Some(item) = status.items.last() {
            report.take_item(item);
        }
        for line in report.for_people() {
            say(&line);
        }
        if let Some(path) = &self.options.report {
            std::fs::write(path, serde_json::to_vec_pretty(&report)?)
                .with_context(|| format!("write the report to {}", path.display()))?;
            say(&format!("Report: {}", path.display()));
        }
        if let Some(path) = &self.options.screenshot {
            let status = self.mid_play.take().unwrap_or(status);
            picture_of_panel(path, &status)?;
            say(&format!("Screenshots: {} and {}", path.display(), panel_path(path).display()));
        }
        Ok(())
    }
}

fn panel_path(path: &Path) -> PathBuf {
    path.with_extension("panel.png")
}

/// Draws the panel off-screen as it looked at that status.
fn picture_of_panel(path: &Path, status: &Status) -> anyhow::Result<()> {
    let source = panel_path(path).with_extension("json");
    std::fs::write(&source, serde_json::to_vec(status)?).context("write the panel's status")?;
    let drawn = std::process::Command::new(paths::sibling("nearside-panel")?)
        .arg("--screenshot")
        .arg(panel_path(path))
        .arg("--status")
        .arg(&source)
        .status()
        .context("draw the panel")?;
    std::fs::remove_file(&source).context("remove the panel's status")?;
    anyhow::ensure!(drawn.success(), "the panel could not be drawn");
    Ok(())
}
