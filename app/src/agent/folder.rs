//! What happens in the agent's runtime folder: a thread sleeps on its events, nothing is polled.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use tokio::sync::mpsc;

/// The folder's part in the agent's life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    /// The agent's own sockets.
    pub(super) own: &'static [&'static str],
    /// What somebody else may create.
    pub(super) awaited: &'static str,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    /// The awaited file is there.
    Appeared,
    /// One of the agent's own sockets is not, or the folder: nobody finds the agent any more.
    Removed,
}

/// Watches `dir` from now on.
///
/// # Errors
/// The folder cannot be watched.
pub(super) fn watch(dir: &Path, names: Names) -> io::Result<mpsc::Receiver<Seen>> {
    let watched = inotify::init(CreateFlags::CLOEXEC)?;
    let appears = WatchFlags::CREATE | WatchFlags::MOVED_TO;
    let goes = WatchFlags::DELETE | WatchFlags::MOVED_FROM;
    let folder = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
    inotify::add_watch(&watched, dir, appears | goes | folder)?;
    let (tell, seen) = mpsc::channel(1);
    std::thread::Builder::new()
        .name("folder".to_owned())
        .spawn(move || read(&watched, names, &tell))?;
    Ok(seen)
}

/// Until nobody listens.
fn read(watched: &OwnedFd, names: Names, tell: &mpsc::Sender<Seen>) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(watched, &mut buffer);
    while let Ok(event) = events.next() {
        let name = event.file_name().and_then(|name| name.to_str().ok());
        if let Some(seen) = meaning(event.events(), name, names)
            && tell.blocking_send(seen).is_err()
        {
            return;
        }
    }
}

fn meaning(flags: ReadFlags, name: Option<&str>, names: Names) -> Option<Seen> {
    if flags.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF) {
        return Some(Seen::Removed);
    }
    let name = name?;
    if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
        return names.own.contains(&name).then_some(Seen::Removed);
    }
    (name == names.awaited).then_some(Seen::Appeared)
}
