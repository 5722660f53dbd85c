//! `nearside demo`: the whole device side without a remote session.
//!
//! Starts a private agent in a private runtime folder, connects to its real channel socket as
//! a plugin would, and plays a clip on a page of its own. A running Nearside is not touched.

mod actions;
mod adts;
mod device;
mod feeder;
mod page;
mod remux;
mod report;
mod run;
mod transport;

use anyhow::Context as _;
use clap::Parser;
use nearside::stage_link::RendererChoice;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The clip that plays when no file is named.
const CLIP: &[u8] = include_bytes!("../../../assets/clip/flash-beep-1080p30.mp4");

/// Play a clip through the whole device side, without a remote session.
#[derive(Debug, Parser)]
#[command(name = "nearside demo", version)]
pub(crate) struct Options {
    /// A file to play instead of the flash-and-beep clip: anything FFmpeg reads.
    #[arg(long, value_name = "FILE")]
    pub(crate) media: Option<PathBuf>,
    /// End after so many seconds of playing, or at the clip's end if that comes first.
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<f64>,
    /// No windows: draw off-screen, and record the sound where there is no device.
    #[arg(long)]
    pub(crate) headless: bool,
    /// Write what is on the screen in mid-play, and the panel beside it as FILE.panel.png.
    #[arg(long, value_name = "FILE.png")]
    pub(crate) screenshot: Option<PathBuf>,
    /// Write what was measured.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
    /// What the page does when, e.g. [{"at_ms":2000,"do":"seek","to_ms":7000}]. Also: play,
    /// pause, rate, volume, loop, kill-stage, corrupt-next-append.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) actions: Option<PathBuf>,
    /// Size of the picture's window in pixels.
    #[arg(long, value_name = "WxH", value_parser = nearside::options::window_size)]
    pub(crate) window: Option<(u32, u32)>,
    /// What draws: vulkan, gl or auto.
    #[arg(long, value_parser = nearside::options::renderer, default_value = "auto")]
    pub(crate) renderer: RendererChoice,
    /// Decode without hardware.
    #[arg(long)]
    pub(crate) software_decoding: bool,
    /// No panel.
    #[arg(long)]
    pub(crate) no_panel: bool,
}

fn main() -> ExitCode {
    nearside::logging::start();
    match demo(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            nearside::logging::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn demo(mut options: Options) -> anyhow::Result<()> {
    if let Some(seconds) = options.seconds {
        anyhow::ensure!(
            seconds.is_finite() && 0.0 < seconds && seconds < 1e6,
            "--seconds takes a positive number"
        );
    }
    let has_display =
        ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if !options.headless && !has_display {
        say("There is no display: playing off-screen.");
        options.headless = true;
    }
    for path in options.report.iter().chain(&options.screenshot) {
        can_write(path).with_context(|| format!("write to {}", path.display()))?;
    }
    let actions = options.actions.as_deref().map(actions::read).transpose()?.unwrap_or_default();
    // The private folder: sockets, settings, and the clip while it plays.
    let folder = device::PrivateFolder::create().context("create a private folder")?;
    let (media, title) = match &options.media {
        Some(path) => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            (path.clone(), name.to_string_lossy().into_owned())
        }
        None => {
            let path = folder.path().join("flash-beep.mp4");
            std::fs::write(&path, CLIP).context("unpack the clip")?;
            (path, "Flash and beep".to_owned())
        }
    };
    // Opened first, so that a wrong file is said before anything starts.
    let (feeder, facts) = feeder::Feeder::open(&media)?;
    let device = device::Device::start(&folder, &options)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("start the async runtime")?
        .block_on(run::run(options, actions, feeder, facts, title, device))
}

/// Tries before the playing what is to be written after it.
///
/// # Errors
/// There is no such folder, or nothing may be written there.
fn can_write(path: &Path) -> std::io::Result<()> {
    let is_new = !path.exists();
    std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    if is_new { std::fs::remove_file(path) } else { Ok(()) }
}

/// A line for the person at the terminal.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
