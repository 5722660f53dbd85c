//! Channels that an RDP client offers on a socket of its own, as IronRDP's pipe proxy does.
//!
//! The client creates the socket when the session opens the channel, and serves it once. A
//! thread sleeps on the folder's events, so nothing is polled while there is no such client. It
//! also sees that the agent's own sockets are gone: nobody finds it any more.

use super::endpoint::{Bringer, Channels, is_own};
use nearside::paths::IRONRDP_SOCKET;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
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

/// What happened in the folder.
enum Seen {
    /// The client's socket is there.
    Proxy,
    /// One of the agent's sockets is not, or the folder.
    Removed,
}

/// Connects whenever the socket appears in `dir`, until the agent's `own` sockets are removed.
///
/// # Errors
/// The folder cannot be watched.
pub(super) async fn connect(
    dir: &Path,
    own: &'static [&'static str],
    channels: Channels,
) -> io::Result<()> {
    let watched = inotify::init(CreateFlags::CLOEXEC)?;
    let appears = WatchFlags::CREATE | WatchFlags::MOVED_TO;
    let goes = WatchFlags::DELETE | WatchFlags::MOVED_FROM;
    let folder = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
    inotify::add_watch(&watched, dir, appears | goes | folder)?;
    let (appeared, mut appearances) = mpsc::channel(1);
    std::thread::Builder::new()
        .name("proxy-watch".to_owned())
        .spawn(move || watch(&watched, own, &appeared))?;
    let socket = dir.join(IRONRDP_SOCKET);
    // One that is there already was created before the watch.
    take(&socket, &channels).await;
    while let Some(seen) = appearances.recv().await {
        match seen {
            Seen::Proxy => take(&socket, &channels).await,
            Seen::Removed => return Ok(()),
        }
    }
    Err(io::ErrorKind::BrokenPipe.into())
}

/// Reports each creation of the socket, until nobody listens.
fn watch(watched: &OwnedFd, own: &[&str], appeared: &mpsc::Sender<Seen>) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(watched, &mut buffer);
    while let Ok(event) = events.next() {
        let flags = event.events();
        let name = event.file_name().and_then(|name| name.to_str().ok());
        let goes = ReadFlags::DELETE | ReadFlags::MOVED_FROM;
        let folder = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF;
        let is_own = name.is_some_and(|name| own.contains(&name));
        let seen = if flags.intersects(folder) || flags.intersects(goes) && is_own {
            Seen::Removed
        } else if !flags.intersects(goes) && name == Some(IRONRDP_SOCKET) {
            Seen::Proxy
        } else {
            continue;
        };
        if appeared.blocking_send(seen).is_err() {
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
