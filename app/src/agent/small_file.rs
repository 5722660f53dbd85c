//! Files that other programs write for the agent.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads the whole file.
///
/// # Errors
/// It cannot be read, is no regular file (a pipe would be waited for), or is longer than
/// `max_bytes`.
pub(super) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max_bytes {
        let message = format!("longer than {max_bytes} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}
