//! The local sockets: owner-only, peer credentials checked.

use super::connection;
use super::hub::Hub;
use nearside::stage_link::StageOptions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio::net::{UnixListener, UnixStream};

/// Channels served at once; one is the rule, a second comes with a second RDP session.
const MAX_CHANNELS: usize = 8;

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

/// Takes channels from RDP client plugins and forwarders.
pub(super) async fn accept(listener: UnixListener, hub: Hub, options: StageOptions) {
    let slots = std::sync::Arc::new(tokio::sync::Semaphore::new(MAX_CHANNELS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors: wait for some to come free instead of spinning.
                tracing::warn!(%error, "cannot accept a channel");
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                continue;
            }
        };
        if !is_own(&stream) {
            continue;
        }
        let Ok(slot) = std::sync::Arc::clone(&slots).try_acquire_owned() else {
            tracing::warn!("refused a channel: {MAX_CHANNELS} are open");
            continue;
        };
        let (hub, options) = (hub.clone(), options.clone());
        tokio::spawn(async move {
            connection::run(stream, hub, options).await;
            drop(slot);
        });
    }
}
