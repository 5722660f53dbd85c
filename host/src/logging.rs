//! Log lines: always to the ring, to standard error only for a person who runs it by hand.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

use crate::ring::Writer;
use nearside_channel::log::LogRing;

/// Starts logging for this process.
pub(crate) fn start(ring: LogRing, by_hand: bool) {
    let filter = EnvFilter::try_from_env("NEARSIDE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("off,nearside_host=info,nearside_channel=info"));
    // A terminal that has gone takes no lines, nor a word about them.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false);
    let ring = move || Writer(ring.clone());
    // Fails only when a test has set one already.
    let _ = if by_hand {
        subscriber.with_writer(ring.and(std::io::stderr)).try_init()
    } else {
        subscriber.with_writer(ring).try_init()
    };
}
