//! Channels that an RDP client offers on a socket of its own, as IronRDP's pipe proxy does.
//!
//! The client creates the socket when the session opens the channel, and serves it once.

use super::endpoint::{Bringer, Channels, is_own};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// Between the creation of the socket file and its first `listen` lies a moment.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// Takes the channel of the client that serves `socket`, if there is one.
pub(super) async fn take(socket: &Path, channels: &Channels) {
    for _ in 0..ATTEMPTS {
        match UnixStream::connect(socket).await {
            Ok(stream) => {
                if is_own(&stream) {
                    channels.take(stream, Bringer::Client);
                }
                return;
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
            Err(_) => return,
        }
    }
}
