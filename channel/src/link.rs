//! Greeting, heartbeat and loss of a connection, without any I/O or clock.
//!
//! The caller owns the pipe and the clock. It feeds everything that arrives to `handle` and
//! then drains `poll` until that yields `WaitUntil`; [`HostLink`] is the session host's
//! side, [`DeviceLink`] the device's.
//!
//! ```text
//!  session host                                     device
//!  Greeting ── hello(version, nonce) ─────────────▶ Waiting
//!           ◀── welcome(version, nonce) │ refused ── Greeted (the caller decides)
//!  Open     ◀═══ ping / pong, each second, both ═══▶ Open
//!  Closed    3 silent seconds, goodbye, refused      Closed
//! ```
//!
//! A link is one byte stream: `Closed` is final and the caller drops the stream. A hello
//! with another nonce on an open link is a new connection of the host: the device reports it
//! as [`DeviceOutput::Greeted`] and the caller drops all state of the old one.
//!
//! INVARIANT: nothing but greetings passes before the link is open, and no message of a
//! connection with another nonce is ever delivered. An idle link sends one ping a second.

mod device;
mod heartbeat;
mod host;

use std::time::Duration;

pub use self::device::{Acceptance, DeviceInput, DeviceLink, DeviceOutput};
pub use self::host::{HostInput, HostLink, HostOutput};
use crate::message::{PROTOCOL_VERSION, Reason, ReasonCode};

/// A ping goes out this often.
pub const PING_PERIOD: Duration = Duration::from_secs(1);

/// An open link is given up after this much silence.
pub const LOST_AFTER: Duration = Duration::from_secs(3);

/// A link that is not open by then is given up.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a link closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The greeting was not answered in time, or none came.
    #[error("no answer to the greeting within {} s", GREETING_TIMEOUT.as_secs())]
    NoGreeting,
    /// Three silent seconds.
    #[error("nothing heard for {} s", LOST_AFTER.as_secs())]
    Lost,
    /// The device refused the connection.
    #[error("refused: {0}")]
    Refused(Reason),
    /// The other side ended the connection on purpose; its words.
    #[error("the other side ended the connection")]
    Goodbye(String),
    /// The peer broke the order of greetings.
    #[error("{message} before the greeting")]
    OutOfOrder { message: &'static str },
}

/// The refusal for a peer of another protocol version.
fn version_mismatch(host: u32, device: u32) -> Reason {
    let older = if host < device { "the session host" } else { "the device" };
    Reason::new(
        ReasonCode::VersionMismatch,
        format!("The session host speaks protocol version {host}, the device version {device}."),
        format!("Update Nearside on {older}."),
    )
}

fn speaks_our_version(protocol: u32) -> bool {
    protocol == PROTOCOL_VERSION
}
