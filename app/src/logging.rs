//! Log lines on standard error, `info` unless `NEARSIDE_LOG` says otherwise.

use std::io::{IsTerminal as _, Write as _};
use tracing_subscriber::EnvFilter;

/// Starts logging for this process. Lines of our own crates only, unless asked for more.
pub fn start() {
    let filter = EnvFilter::try_from_env("NEARSIDE_LOG").unwrap_or_else(|_| {
        EnvFilter::new(
            "off,nearside=info,nearside_media=info,nearside_channel=info,nearside_panel=info,\
             nearside_stage=info,nearside_demo=info",
        )
    });
    // Fails only when a test has set one already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}

/// Says an error with its causes to the person at the terminal.
pub fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr().lock(), "nearside: {error:#}");
}
