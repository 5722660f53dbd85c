//! Channels that an RDP client offers on a socket of its own, as IronRDP's pipe proxy does.
//!
//! The client creates the socket when the session opens the channel, and serves it once. A
//! thread sleeps on the folder's events, so nothing is polled while there is no such client.

use super::endpoint::{Bringer, Channels, is_own};
use nearside::paths::IRONRDP_SOCKET;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// Between the creation of the socket file and its first `listen` lies a moment.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// Connects whenever the socket appears in `dir`, for ever.
///
/// # Errors
/// The folder cannot be watched.
pub(super) async fn connect(dir: &Path, channels: Channels) -> io::Result<()> {
    let watched = inotify::init(CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watched, dir, WatchFlags::CREATE | WatchFlags::MOVED_TO)?;
    let (appeared, mut appearances) = mpsc::channel(1);
    std::thread::Builder::new()
        .name("proxy-watch".to_owned())
        .spawn(move || watch(&watched, &appeared))?;
    let socket = dir.join(IRONRDP_SOCKET);
    // One that is there already was created before the watch.
    take(&socket, &channels).await;
    while appearances.recv().await.is_some() {
        take(&socket, &channels).await;
    }
    Ok(())
}

/// Reports each creation of the socket, until nobody listens.
fn watch(watched: &OwnedFd, appeared: &mpsc::Sender<()>) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(watched, &mut buffer);
    while let Ok(event) = events.next() {
        let name = event.file_name().map(|name| name.to_bytes());
        if name == Some(IRONRDP_SOCKET.as_bytes()) && appeared.blocking_send(()).is_err() {
            return;
        }
    }
}

async fn take(socket: &Path, channels: &Channels) {
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
