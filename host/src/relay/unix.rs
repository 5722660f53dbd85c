//! What the browser starts: copies its native messages to the session's broker and back.
//!
//! It knows nothing of them. Chromium ends it with the port; the broker and the other
//! browsers live on.

use std::io;
use std::net::Shutdown;

use anyhow::Context as _;

use crate::meeting;

/// Copies until either end closes.
///
/// # Errors
/// There is no broker and none can be started.
pub fn run() -> anyhow::Result<()> {
    let executable = std::env::current_exe().context("find this program")?;
    let mut broker = meeting::join(&executable)?;
    let mut to_broker = broker.try_clone().context("share the broker's socket")?;
    // Ends with the process: reading the browser's pipe cannot be interrupted.
    std::thread::Builder::new().name("from-browser".to_owned()).spawn(move || {
        // Whatever ends it, the broker is told that the browser has gone.
        let _ = copy(&mut io::stdin().lock(), &mut to_broker);
        let _ = to_broker.shutdown(Shutdown::Write);
    })?;
    // The browser's end or the broker's: both end the relay, and neither is an error.
    let _ = copy_out(&mut broker);
    Ok(())
}

/// Standard output is line buffered in Rust; a message must leave at once.
fn copy_out(broker: &mut std::os::unix::net::UnixStream) -> io::Result<()> {
    let output = rustix::io::dup(rustix::stdio::stdout())?;
    copy(broker, &mut std::fs::File::from(output))
}

/// Passes on what is there, as soon as it is there. `std::io::copy` lets the kernel move bytes
/// between a socket and a pipe, which keeps them back until more have come or the end.
fn copy(from: &mut impl io::Read, to: &mut impl io::Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => to.write_all(buffer.get(..length).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
