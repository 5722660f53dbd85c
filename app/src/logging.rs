//! Log lines on standard error, `info` unless `NEARSIDE_LOG` says otherwise; and, where they
//! are collected, the `info` lines in a place that the role names, whatever the variable says.

use std::io::{IsTerminal as _, Write};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// Lines of our own crates only.
const OWN: &str = "off,nearside=info,nearside_media=info,nearside_channel=info,\
                   nearside_panel=info,nearside_stage=info,nearside_demo=info";

/// Starts logging for this process. Lines of our own crates only, unless asked for more.
pub fn start() {
    // Fails only when a test has set one already.
    let _ = tracing_subscriber::registry().with(to_terminal()).try_init();
}

/// The same, and hands each `info` line to `collect` too, from whatever thread says it.
pub fn start_collected(collect: impl Fn(&str) + Clone + Send + Sync + 'static) {
    let collected = fmt::layer()
        .with_writer(move || Collector(collect.clone()))
        .with_ansi(false)
        .with_target(false)
        // Never more: what `debug` says may name what a page plays.
        .with_filter(EnvFilter::new(OWN));
    let _ = tracing_subscriber::registry().with(to_terminal()).with(collected).try_init();
}

fn to_terminal<S>() -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let filter = EnvFilter::try_from_env("NEARSIDE_LOG").unwrap_or_else(|_| EnvFilter::new(OWN));
    fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(filter)
}

/// Takes one event of the subscriber at a time.
struct Collector<F>(F);

impl<F: Fn(&str)> Write for Collector<F> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (self.0)(String::from_utf8_lossy(bytes).trim_end());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Says an error with its causes to the person at the terminal.
pub fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr().lock(), "nearside: {error:#}");
}
