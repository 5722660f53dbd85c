//! The local sockets: owner-only, peer credentials checked.

use super::AgentOptions;
use super::connection;
use super::hub::Hub;
use nearside_channel::codec::encode_device;
use nearside_channel::message::{DeviceMessage, Reason, ReasonCode};
use nearside_channel::plugin::{ConnectionFacts, read_preamble};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Channels served at once; one is the rule, a second comes with a second RDP session.
const MAX_CHANNELS: usize = 8;

/// A plugin says its facts at once.
const PREAMBLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Binds an owner-only socket. The caller holds the instance lock, so a file that is there
/// belongs to an agent that is gone.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Ok(()) => tracing::info!("removed a stale socket file"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // The folder is 0700, so nobody else can connect before the mode is set.
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Whether the peer runs as this user.
pub(super) fn is_own(peer: &UnixStream) -> bool {
    let own = rustix::process::getuid().as_raw();
    match peer.peer_cred() {
        Ok(credentials) if credentials.uid() == own => true,
        Ok(_) => {
            tracing::warn!("refused a connection of another user");
            false
        }
        Err(error) => {
            tracing::warn!(%error, "refused a connection without credentials");
            false
        }
    }
}

/// Process at the other end, for the log and to find the RDP client's window; 0 if unknown.
pub(super) fn peer_pid(peer: &UnixStream) -> i32 {
    peer.peer_cred().ok().and_then(|credentials| credentials.pid()).unwrap_or(0)
}

/// Who brings the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bringer {
    /// The channel's bytes begin at once.
    Direct,
    /// The RDP client's plugin says its facts first.
    Plugin,
    /// The RDP client itself, without a word: the process at the other end shows the session.
    Client,
}

/// Where channels go, however they came.
#[derive(Clone)]
pub(super) struct Channels {
    hub: Hub,
    options: AgentOptions,
    slots: Arc<Semaphore>,
}

impl Channels {
    pub(super) fn new(hub: Hub, options: AgentOptions) -> Self {
        Self { hub, options, slots: Arc::new(Semaphore::new(MAX_CHANNELS)) }
    }

    /// Serves one channel in a task of its own, or refuses it when too many are open.
    pub(super) fn take(&self, stream: UnixStream, bringer: Bringer) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            tracing::warn!("refused a channel: {MAX_CHANNELS} are open");
            return turn_away(&stream);
        };
        let (hub, options) = (self.hub.clone(), self.options.clone());
        tokio::spawn(async move {
            match arrival(stream, bringer).await {
                Ok(arrival) => connection::run(arrival, hub, options).await,
                Err(error) => tracing::warn!(%error, "refused a channel"),
            }
            drop(slot);
        });
    }
}

/// Says why and leaves; a session that does not read hears nothing.
fn turn_away(stream: &UnixStream) {
    let reason = Reason::new(
        ReasonCode::LimitReached,
        format!("{MAX_CHANNELS} sessions are redirected to this device already."),
        "Disconnect one of them; this one is tried again by itself.",
    );
    let mut frame = Vec::new();
    if encode_device(&DeviceMessage::Refused { reason }, &mut frame).is_ok() {
        let _ = stream.try_write(&frame);
    }
}

/// A channel's stream with what is known of it before its first frame.
pub(super) struct Arrival {
    pub(super) stream: UnixStream,
    /// Bytes of the channel that were read together with the facts.
    pub(super) early: Vec<u8>,
    /// The RDP client behind it; `None` for a channel that no plugin brought.
    pub(super) facts: Option<ConnectionFacts>,
}

async fn arrival(mut stream: UnixStream, bringer: Bringer) -> io::Result<Arrival> {
    let (mut facts, early) = match bringer {
        Bringer::Direct => return Ok(Arrival { stream, early: Vec::new(), facts: None }),
        Bringer::Client => (ConnectionFacts::default(), Vec::new()),
        Bringer::Plugin => {
            tokio::time::timeout(PREAMBLE_TIMEOUT, read_facts(&mut stream))
                .await
                .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the plugin said nothing"))??
        }
    };
    if facts.pid == 0 {
        facts.pid = u32::try_from(peer_pid(&stream)).unwrap_or(0);
    }
    Ok(Arrival { stream, early, facts: Some(facts) })
}

async fn read_facts(stream: &mut UnixStream) -> io::Result<(ConnectionFacts, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((facts, length)) = read_preamble(&bytes).map_err(io::Error::other)? {
            bytes.drain(..length);
            return Ok((facts, bytes));
        }
    }
}

/// Takes channels from RDP client plugins and forwarders, for ever.
pub(super) async fn accept(listener: UnixListener, bringer: Bringer, channels: Channels) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_own(&stream) => channels.take(stream, bringer),
            Ok(_) => {}
            Err(error) => {
                // Out of descriptors: wait for some to come free instead of spinning.
                tracing::warn!(%error, "cannot accept a channel");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}
