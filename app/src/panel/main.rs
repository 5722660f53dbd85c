//! `nearside-panel`: the window that shows the agent's state and sends commands back.
//!
//! A pure view of the status stream: it decodes nothing and keeps no setting. Closing it frees
//! its memory and changes nothing.

mod away;
mod connection;
mod diagnostics;
mod format;
mod header;
mod history;
mod icons;
mod instance;
mod item;
mod notices;
mod offscreen;
mod page;
mod plot;
mod settings;
mod status_page;
mod theme;
mod track;
mod transport;
mod view;
mod widgets;
mod window;

#[cfg(test)]
mod tests;

use anyhow::Context as _;
use clap::Parser;
use connection::{Link, News};
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;
use window::Panel;

/// Longest status in a file.
const MAX_STATUS: u64 = 16 << 20;

/// Shows what Nearside is doing.
#[derive(Parser)]
#[command(name = "nearside-panel", version)]
struct Arguments {
    /// Draw one picture of the panel into a PNG file, without any display, and end.
    #[arg(long, value_name = "FILE.png")]
    screenshot: Option<PathBuf>,
    /// Take the state from a file as `nearside status --json` prints it, not from the agent.
    #[arg(long, value_name = "FILE.json", requires = "screenshot")]
    status: Option<PathBuf>,
    /// Watch the agent for so long before drawing, so that plots have a past.
    #[arg(long, value_name = "MS", default_value_t = 0, requires = "screenshot")]
    watch_ms: u32,
    /// Size of the picture.
    #[arg(long, value_name = "WxH", default_value = "440x720", value_parser = parse_size)]
    size: [u16; 2],
    /// Open the advanced settings in the picture.
    #[arg(long, requires = "screenshot")]
    advanced: bool,
    /// Draw the diagnostics page.
    #[arg(long, requires = "screenshot")]
    diagnostics: bool,
    /// Dark colours, whatever the system says.
    #[arg(long, conflicts_with = "light")]
    dark: bool,
    /// Light colours, whatever the system says.
    #[arg(long)]
    light: bool,
}

fn main() -> anyhow::Result<()> {
    nearside::logging::start();
    let arguments = Arguments::parse();
    let dark = match (arguments.dark, arguments.light) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    let Some(file) = &arguments.screenshot else {
        return match instance::claim().context("use the runtime folder")? {
            instance::Instance::First(first) => window::run(dark, &first),
            instance::Instance::Second => {
                tracing::info!("the panel is open already");
                Ok(())
            }
        };
    };
    let mut panel = Panel::default();
    hear(&mut panel, &arguments)?;
    panel.act(view::Command::ShowAdvanced(arguments.advanced));
    if arguments.diagnostics {
        panel.act(view::Command::Show(view::Page::Diagnostics));
    }
    offscreen::screenshot(&panel, arguments.size, dark, file)
}

/// Brings `panel` to the state that is to be drawn.
fn hear(panel: &mut Panel, arguments: &Arguments) -> anyhow::Result<()> {
    let mut seen = |status, unix_ms| {
        let link = Link::Here { status: Box::new(status), unix_ms };
        panel.hear(News { link: Some(link), answer: None });
    };
    if let Some(file) = &arguments.status {
        let mut text = Vec::new();
        File::open(file)
            .and_then(|file| file.take(MAX_STATUS).read_to_end(&mut text))
            .with_context(|| format!("read {}", file.display()))?;
        let status = serde_json::from_slice(&text)
            .with_context(|| format!("{} holds no status", file.display()))?;
        seen(status, connection::unix_ms());
        return Ok(());
    }
    let span = Duration::from_millis(arguments.watch_ms.into());
    let heard = nearside::paths::control_socket()
        .and_then(|socket| connection::watch_for(&socket, span, seen));
    if let Err(error) = heard {
        tracing::info!(%error, "no agent answers");
        let link = Link::Away { starting: false, problem: None };
        panel.hear(News { link: Some(link), answer: None });
    }
    Ok(())
}

/// `440x720`: width and height from 64 to 4096.
fn parse_size(text: &str) -> Result<[u16; 2], String> {
    let (width, height) = nearside::options::window_size(text)?;
    match (u16::try_from(width), u16::try_from(height)) {
        (Ok(width @ 64..=4096), Ok(height @ 64..=4096)) => Ok([width, height]),
        _ => Err("sides of the picture are 64 to 4096".to_owned()),
    }
}
