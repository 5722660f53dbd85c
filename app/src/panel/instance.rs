//! One panel a user: a second one brings the first to the front and ends.
//!
//! The lock file decides who is first and is released by the kernel; connecting to the socket
//! beside it is the whole message. Both lie in the owner-only runtime folder.

use nearside::paths;
use rustix::fs::FlockOperation;
use std::fs::File;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// What this process is.
pub(crate) enum Instance {
    First(First),
    /// Another panel is open and comes to the front.
    Second,
}

/// The right to be the panel; ends with the process.
pub(crate) struct First {
    _lock: File,
    raises: UnixListener,
}

/// Becomes the panel, or raises the one that there is.
///
/// # Errors
/// The runtime folder cannot be used.
pub(crate) fn claim() -> io::Result<Instance> {
    claim_in(&paths::create_runtime_dir()?)
}

fn claim_in(folder: &Path) -> io::Result<Instance> {
    let lock =
        File::options().create(true).truncate(false).write(true).open(folder.join("panel.lock"))?;
    let socket = folder.join("panel.sock");
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            // One that is just starting opens its window in a moment anyway.
            let _ = UnixStream::connect(socket);
            return Ok(Instance::Second);
        }
        Err(error) => return Err(error.into()),
    }
    match std::fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Ok(Instance::First(First { _lock: lock, raises: UnixListener::bind(socket)? }))
}

impl First {
    /// Calls `raise` for each further panel that is started, until the process ends.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn on_raise(&self, raise: impl Fn() + Send + 'static) -> io::Result<()> {
        let raises = self.raises.try_clone()?;
        std::thread::Builder::new().name("panel raise".to_owned()).spawn(move || {
            while raises.accept().is_ok() {
                raise();
            }
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_second_raises_the_first_and_a_third_comes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let Instance::First(first) = claim_in(folder.path()).unwrap() else { panic!("not first") };
        let (raised, raises) = mpsc::sync_channel(1);
        first.on_raise(move || raised.send(()).unwrap()).unwrap();
        assert!(matches!(claim_in(folder.path()).unwrap(), Instance::Second));
        raises.recv().unwrap();
        drop(first);
        // The socket file of the one that has ended is in nobody's way.
        assert!(matches!(claim_in(folder.path()).unwrap(), Instance::First(_)));
    }
}
