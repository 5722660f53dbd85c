//! Where the program's files and sockets lie.

use std::io;
use std::path::PathBuf;

/// The agent's control socket: `control.sock` in `$NEARSIDE_RUNTIME_DIR`, or in
/// `$XDG_RUNTIME_DIR/nearside`.
///
/// # Errors
/// `NotFound` when neither variable is set.
pub fn control_socket() -> io::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = match (set("NEARSIDE_RUNTIME_DIR"), set("XDG_RUNTIME_DIR")) {
        (Some(own), _) => PathBuf::from(own),
        (None, Some(shared)) => PathBuf::from(shared).join("nearside"),
        (None, None) => {
            let why = "neither NEARSIDE_RUNTIME_DIR nor XDG_RUNTIME_DIR is set";
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
    };
    Ok(folder.join("control.sock"))
}
