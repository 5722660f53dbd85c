//! How the channel's bytes reach the device, and how its coming and going is seen.
//!
//! A transport makes byte streams ([`Transport::connect`]) and reports what happens around
//! them ([`Transport::changed`]); greeting and heartbeat are the business of
//! [`crate::connection`]. Owner: the broker's task.
//!
//! INVARIANT: nothing is polled. A transport wakes up for a file system event, or the broker
//! tries again after a pause that grows.

mod unix;
mod watch;
mod xrdp;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use nearside_channel::message::{Reason, ReasonCode};
use tokio::net::UnixStream;

pub(crate) use self::watch::{Event as WatchEvent, Watch, WatchError};

/// A connection's bytes, both ways.
pub(crate) type ByteStream = UnixStream;

/// One attempt; it may be dropped at any time.
pub(crate) type Attempt = Pin<Box<dyn Future<Output = Result<ByteStream, Unavailable>> + Send>>;

/// Overrides the choice of a transport: `unix:PATH`.
pub(crate) const CHANNEL_VARIABLE: &str = "NEARSIDE_CHANNEL";

/// What happened around the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The client has gone: a stream that is open must not be written to again.
    Gone,
    /// There may be a client now.
    Appeared,
}

/// Why there is no stream.
#[derive(Debug)]
pub(crate) struct Unavailable {
    pub(crate) reason: Reason,
    pub(crate) retry: Retry,
}

/// Whether another attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Only after a [`Change`].
    OnChange,
    /// After a pause.
    Soon,
    /// After a pause, but not often: each attempt in vain costs the session something.
    Seldom,
}

impl Unavailable {
    fn new(message: &str, next_step: &str, retry: Retry) -> Self {
        Self { reason: Reason::new(ReasonCode::Network, message, next_step), retry }
    }
}

/// An explicit channel that is none.
#[derive(Debug, thiserror::Error)]
#[error("a channel is written unix:PATH with an absolute path")]
struct ChannelError;

/// `unix:PATH`.
fn parse_channel(text: &str) -> Result<PathBuf, ChannelError> {
    let path = text.strip_prefix("unix:").map(Path::new).filter(|path| path.is_absolute());
    path.map(Path::to_owned).ok_or(ChannelError)
}

/// See the module.
#[derive(Debug)]
pub(crate) enum Transport {
    Unix(unix::Unix),
    Xrdp(xrdp::Xrdp),
    /// There is no way to a device, and why.
    None(Reason),
}

impl Transport {
    /// The one that was asked for, else that of the session's RDP server.
    ///
    /// # Errors
    /// The file system cannot be watched.
    pub(crate) fn choose(explicit: Option<&str>) -> Result<Self, WatchError> {
        match explicit.map(parse_channel) {
            Some(Ok(path)) => return Ok(Self::Unix(unix::Unix::new(path))),
            Some(Err(error)) => {
                return Ok(Self::None(Reason::new(
                    ReasonCode::Network,
                    format!("No Nearside client is connected, because {error}."),
                    format!("Correct the option --channel or the variable {CHANNEL_VARIABLE}."),
                )));
            }
            None => {}
        }
        match xrdp::Place::of_this_session() {
            Some(place) => Ok(Self::Xrdp(xrdp::Xrdp::new(place)?)),
            None => Ok(Self::None(Reason::new(
                ReasonCode::Network,
                "No Nearside client is connected: this is no remote desktop session that Nearside knows.",
                "Open this session through a remote desktop client that has Nearside.",
            ))),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unix(_) => "unix",
            Self::Xrdp(_) => "xrdp",
            Self::None(_) => "none",
        }
    }

    pub(crate) fn connect(&self) -> Attempt {
        match self {
            Self::Unix(unix) => unix.connect(),
            Self::Xrdp(xrdp) => xrdp.connect(),
            Self::None(reason) => {
                let (reason, retry) = (reason.clone(), Retry::OnChange);
                Box::pin(std::future::ready(Err(Unavailable { reason, retry })))
            }
        }
    }

    /// The next change. Cancel safe.
    pub(crate) async fn changed(&mut self) -> Change {
        match self {
            Self::Unix(unix) => unix.changed().await,
            Self::Xrdp(xrdp) => xrdp.changed().await,
            Self::None(_) => std::future::pending().await,
        }
    }

    /// Whether a stream that is open is known to be stale, as of this very moment.
    pub(crate) fn is_stale(&mut self) -> bool {
        match self {
            Self::Xrdp(xrdp) => xrdp.is_stale(),
            Self::Unix(_) | Self::None(_) => false,
        }
    }
}
