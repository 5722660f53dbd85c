//! How the channel's bytes reach the device, and how its coming and going is seen.
//!
//! A transport makes byte streams ([`Transport::connect`]) and reports what happens around
//! them ([`Transport::changed`]); greeting and heartbeat are the business of
//! [`crate::connection`]. Owner: the broker's task.
//!
//! INVARIANT: nothing is polled. A transport wakes up for a file system event, or the broker
//! tries again after a pause that grows.

#[cfg(unix)]
mod chansrv;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod watch;
#[cfg(windows)]
mod wts;
#[cfg(unix)]
mod xrdp;

use std::future::Future;
use std::pin::Pin;

#[cfg(unix)]
pub(crate) use self::watch::{Event as WatchEvent, Watch};
use nearside_channel::message::{Reason, ReasonCode};

/// A connection's bytes, both ways.
#[cfg(unix)]
pub(crate) type ByteStream = tokio::net::UnixStream;
/// A connection's bytes, both ways.
#[cfg(windows)]
pub(crate) type ByteStream = wts::Stream;

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
    #[cfg_attr(windows, expect(dead_code, reason = "only xrdp's channel server is such"))]
    Seldom,
}

impl Unavailable {
    fn new(message: &str, next_step: &str, retry: Retry) -> Self {
        Self { reason: Reason::new(ReasonCode::Network, message, next_step), retry }
    }
}

/// An explicit channel that is none.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(unix, error("a channel is written unix:PATH with an absolute path"))]
#[cfg_attr(windows, error("on Windows only Remote Desktop Services carry the channel"))]
struct ChannelError;

/// See the module.
#[derive(Debug)]
pub(crate) enum Transport {
    #[cfg(unix)]
    Unix(unix::Unix),
    #[cfg(unix)]
    Xrdp(xrdp::Xrdp),
    #[cfg(windows)]
    Wts(wts::Wts),
    /// There is no way to a device, and why.
    None(Reason),
}

impl Transport {
    /// The one that was asked for, else that of the session's RDP server.
    ///
    /// # Errors
    /// The session cannot be watched.
    pub(crate) fn choose(explicit: Option<&str>) -> std::io::Result<Self> {
        match explicit.map(Self::explicit) {
            Some(Ok(transport)) => Ok(transport),
            Some(Err(error)) => Ok(Self::None(Reason::new(
                ReasonCode::Network,
                format!("No Nearside client is connected, because {error}."),
                format!("Correct the option --channel or the variable {CHANNEL_VARIABLE}."),
            ))),
            None => Self::of_this_session(),
        }
    }

    #[cfg(unix)]
    fn explicit(text: &str) -> Result<Self, ChannelError> {
        let path = text.strip_prefix("unix:").map(std::path::Path::new);
        let path = path.filter(|path| path.is_absolute()).ok_or(ChannelError)?;
        Ok(Self::Unix(unix::Unix::new(path.to_owned())))
    }

    #[cfg(windows)]
    fn explicit(_text: &str) -> Result<Self, ChannelError> {
        Err(ChannelError)
    }

    #[cfg(unix)]
    fn of_this_session() -> std::io::Result<Self> {
        match xrdp::Place::of_this_session() {
            Some(place) => Ok(Self::Xrdp(xrdp::Xrdp::new(place)?)),
            None => Ok(Self::None(Reason::new(
                ReasonCode::Network,
                "No Nearside client is connected: this is no remote desktop session that Nearside knows.",
                "Open this session through a remote desktop client that has Nearside.",
            ))),
        }
    }

    #[cfg(windows)]
    fn of_this_session() -> std::io::Result<Self> {
        Ok(Self::Wts(wts::Wts::new()?))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            #[cfg(unix)]
            Self::Unix(_) => "unix",
            #[cfg(unix)]
            Self::Xrdp(_) => "xrdp",
            #[cfg(windows)]
            Self::Wts(_) => "windows",
            Self::None(_) => "none",
        }
    }

    pub(crate) fn connect(&self) -> Attempt {
        match self {
            #[cfg(unix)]
            Self::Unix(unix) => unix.connect(),
            #[cfg(unix)]
            Self::Xrdp(xrdp) => xrdp.connect(),
            #[cfg(windows)]
            Self::Wts(wts) => wts.connect(),
            Self::None(reason) => {
                let (reason, retry) = (reason.clone(), Retry::OnChange);
                Box::pin(std::future::ready(Err(Unavailable { reason, retry })))
            }
        }
    }

    /// The next change. Cancel safe.
    pub(crate) async fn changed(&mut self) -> Change {
        match self {
            #[cfg(unix)]
            Self::Unix(unix) => unix.changed().await,
            #[cfg(unix)]
            Self::Xrdp(xrdp) => xrdp.changed().await,
            #[cfg(windows)]
            Self::Wts(wts) => wts.changed().await,
            Self::None(_) => std::future::pending().await,
        }
    }

    /// Whether a stream that is open is known to be stale, as of this very moment.
    pub(crate) fn is_stale(&mut self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Xrdp(xrdp) => xrdp.is_stale(),
            #[cfg(unix)]
            Self::Unix(_) => false,
            #[cfg(windows)]
            Self::Wts(wts) => wts.is_stale(),
            Self::None(_) => false,
        }
    }
}
