//! How relays and the one broker of a session find each other.
//!
//! ```text
//!  relay                              broker
//!  connect ── works ─────────────────▶
//!     └─ nobody: start one ──────────▶ take the session's place, listen
//!        ◀─────────────────── "ready"  leave the browser's descriptors
//!  connect ──────────────────────────▶
//! ```
//!
//! On Unix the place is a lock file beside a socket in an owner-only folder, on Windows the
//! first instance of a named pipe with an owner-only descriptor.
//!
//! INVARIANT: there is one broker in a session; whoever connects to it and is connected to
//! is of the same user.

#[cfg(unix)]
mod paths;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use self::unix::*;
#[cfg(windows)]
pub(crate) use self::windows::*;

/// What a broker says on its output once it listens.
const READY_LINE: &str = "ready";

/// Brokers that end just when they are connected to.
const CONNECT_TRIES: u32 = 3;
