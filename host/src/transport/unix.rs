//! A Unix socket: of an agent on the same machine, or forwarded from the device.

use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use super::watch::{Event, Watch};
use super::{Attempt, Change, Retry, Unavailable};

/// See the module.
#[derive(Debug)]
pub(crate) struct Unix {
    path: PathBuf,
    /// Of the socket's folder; `None` where that is not there (yet).
    watch: Option<Watch>,
}

impl Unix {
    pub(super) fn new(path: PathBuf) -> Self {
        let watch = folder_watch(&path);
        Self { path, watch }
    }

    pub(super) fn connect(&self) -> Attempt {
        let path = self.path.clone();
        let is_watched = self.watch.is_some();
        Box::pin(async move {
            UnixStream::connect(path).await.map_err(|error| {
                let is_absent = error.kind() == std::io::ErrorKind::NotFound;
                Unavailable::new(
                    "No Nearside client is connected: nobody answers at the channel's socket.",
                    "Start Nearside on the device, or forward its socket to this session.",
                    if is_absent && is_watched { Retry::OnChange } else { Retry::Soon },
                )
            })
        })
    }

    /// Never [`Change::Gone`]: a socket that closes says so itself.
    pub(super) async fn changed(&mut self) -> Change {
        if self.watch.is_none() {
            // The folder may come; the growing pauses between attempts look for it.
            self.watch = folder_watch(&self.path);
        }
        let Some(watch) = &mut self.watch else { return std::future::pending().await };
        loop {
            let event = watch.next().await;
            if matches!(event, Event::Deleted(_)) {
                continue;
            }
            if self.path.file_name().is_some_and(|name| event.concerns(name)) {
                return Change::Appeared;
            }
        }
    }
}

fn folder_watch(path: &Path) -> Option<Watch> {
    path.parent().and_then(|folder| Watch::new(folder).ok())
}
