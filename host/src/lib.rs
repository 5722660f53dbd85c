//! The session's side: carries what browsers in the remote session hand over (native
//! messaging) to the device (one dynamic virtual channel), many browsers and tabs on one
//! channel.
//!
//! ```text
//!  browser ── pipes ── relay ──┐
//!  browser ── pipes ── relay ──┤ broker.sock      xrdp, a socket, Windows
//!                              └───────────▶ broker ─────────────────────▶ device
//! ```
//!
//! | module        | job                                                          |
//! |---------------|--------------------------------------------------------------|
//! | [`relay`]     | what a browser starts: copies bytes to the broker and back   |
//! | [`broker`]    | the process that has the channel: one loop                   |
//! | `meeting`     | how relays find the one broker, and start it                 |
//! | `port`        | one browser at the broker: native messages                   |
//! | `session`     | the core: pages, players, streams, translation of ids; pure  |
//! | `kept`        | what a stream was given: queue and memory in one; pure       |
//! | `device`      | attempts, pauses, the open connection                        |
//! | `connection`  | greeting, heartbeat, frames over a transport's bytes         |
//! | `transport`   | xrdp's channel server, a Unix socket, Remote Desktop Services |
//! | `desktop`     | the session's own windows: what lies over a picture           |
//! | `policy`      | the session host's policy file                               |
//! | [`status`]    | what the broker says of itself                               |
//!
//! INVARIANT: decodes nothing. Media is kept only as long as the browser itself keeps it, so
//! that a device that starts anew can be given all of it; and within fixed bounds.

pub mod broker;
mod connection;
mod desktop;
mod device;
mod ending;
mod kept;
mod logging;
mod meeting;
mod policy;
mod port;
pub mod relay;
mod ring;
mod session;
pub mod status;
mod transport;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;

/// Where the session host's policy lies unless an administrator says otherwise.
pub fn default_policy_path() -> PathBuf {
    policy::default_path()
}

/// Name of the environment variable that chooses the channel.
pub const CHANNEL_VARIABLE: &str = transport::CHANNEL_VARIABLE;

/// The status of this session's broker.
///
/// # Errors
/// There is none.
pub fn ask_status() -> anyhow::Result<status::Status> {
    let mut stream = meeting::find()?;
    stream.write_all(port::STATUS_LINE.as_bytes())?;
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line);
    read.context("the session's broker does not answer: end it, and reload the page")?;
    serde_json::from_str(&line).context("the broker's answer is not understood")
}
