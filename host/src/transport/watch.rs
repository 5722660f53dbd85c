//! What happens in one folder (inotify).

use std::collections::VecDeque;
use std::ffi::{CString, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Created(CString),
    Deleted(CString),
    /// Its contents were written and it was closed, or it was moved here.
    Written(CString),
    /// Events were lost, or the folder itself has gone: look for yourself.
    Unknown,
}

/// Watches one folder. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Watch {
    fd: AsyncFd<OwnedFd>,
    events: VecDeque<Event>,
}

impl Watch {
    /// Watches what is created, deleted and written in `folder`.
    ///
    /// # Errors
    /// There is no such folder, or the user watches too much already.
    pub(crate) fn new(folder: &Path) -> std::io::Result<Self> {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::DELETE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&fd, folder, flags)?;
        #[expect(
            deprecated,
            reason = "an OwnedFd keeps its descriptor: its successor is unsafe for types that might not"
        )]
        let fd = AsyncFd::new(fd)?;
        Ok(Self { fd, events: VecDeque::new() })
    }

    /// The next event. Cancel safe.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            self.read();
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            match self.fd.readable().await {
                Ok(mut ready) => ready.clear_ready(),
                // The runtime ends.
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// The next event if it has happened already.
    pub(crate) fn try_next(&mut self) -> Option<Event> {
        self.read();
        self.events.pop_front()
    }

    /// Takes what the kernel has.
    fn read(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(self.fd.get_ref(), &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(_) => return,
            };
            let name = event.file_name().map(ToOwned::to_owned);
            let flags = event.events();
            let event = match name {
                Some(name) if flags.contains(ReadFlags::CREATE) => Event::Created(name),
                Some(name) if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) => {
                    Event::Deleted(name)
                }
                Some(name) => Event::Written(name),
                None => Event::Unknown,
            };
            self.events.push_back(event);
        }
    }
}

impl Event {
    /// Whether it may concern the file of this name.
    pub(crate) fn concerns(&self, name: &OsStr) -> bool {
        match self {
            Self::Created(other) | Self::Deleted(other) | Self::Written(other) => {
                other.as_bytes() == name.as_bytes()
            }
            Self::Unknown => true,
        }
    }
}
