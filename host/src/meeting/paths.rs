//! Where the processes of one session meet. Folders are owner-only.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Overrides the folder, e.g. for tests.
const RUNTIME_DIR_VARIABLE: &str = "NEARSIDE_RUNTIME_DIR";

/// The files of one session.
#[derive(Clone, Debug)]
pub(crate) struct Meeting {
    /// Where the broker listens.
    pub(crate) socket: PathBuf,
    /// Held by the broker while it lives.
    pub(crate) broker_lock: PathBuf,
    /// Held by whoever starts a broker.
    pub(crate) start_lock: PathBuf,
}

impl Meeting {
    /// The files of the session that this process belongs to; the folder is created.
    ///
    /// # Errors
    /// The folder is not this user's own.
    pub(crate) fn of_this_session() -> io::Result<Self> {
        let (dir, is_named) = runtime_dir();
        match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        check_owner_only(&dir, is_named)?;
        let session = session_name(
            std::env::var_os("DISPLAY").or_else(|| std::env::var_os("WAYLAND_DISPLAY")),
        );
        Ok(Self {
            socket: dir.join(format!("host-{session}.sock")),
            broker_lock: dir.join(format!("host-{session}.lock")),
            start_lock: dir.join(format!("host-{session}.start")),
        })
    }
}

/// The folder, and whether a variable names it.
fn runtime_dir() -> (PathBuf, bool) {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(dir) = absolute(RUNTIME_DIR_VARIABLE) {
        return (dir, true);
    }
    if let Some(dir) = absolute("XDG_RUNTIME_DIR") {
        return (dir.join("nearside-host"), false);
    }
    let uid = rustix::process::getuid().as_raw();
    (std::env::temp_dir().join(format!("nearside-host-{uid}")), false)
}

/// A file name for a display: `:10.0` and `:10` are one session.
fn session_name(display: Option<OsString>) -> String {
    let display = display.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let without_screen = match display.rsplit_once(':') {
        Some((host, number)) => {
            format!("{host}:{}", number.split('.').next().unwrap_or_default())
        }
        None => display,
    };
    let name: String = without_screen
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(40)
        .collect();
    if name.is_empty() { "none".to_owned() } else { name }
}

/// Closes one that was made for Nearside; of one that `is_named` by a variable nobody knows what
/// else it is for.
fn check_owner_only(dir: &Path, is_named: bool) -> io::Result<()> {
    let meta = std::fs::symlink_metadata(dir)?;
    if !meta.is_dir() || meta.uid() != rustix::process::getuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the runtime folder belongs to another user",
        ));
    }
    // Closing a folder that others use would lock them out; what they can write in is no place
    // for a socket.
    if meta.mode() & 0o022 != 0 || dir.parent().is_none() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the runtime folder is shared with other users",
        ));
    }
    if meta.mode() & 0o077 == 0 {
        return Ok(());
    }
    if is_named {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the runtime folder is open to other users: close it (chmod 700), or name another one",
        ));
    }
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screens_of_one_display_are_one_session() {
        let name = |text: &str| session_name(Some(text.into()));
        assert_eq!(name(":10.0"), name(":10"));
        assert_ne!(name(":10"), name(":1"));
        assert_eq!(name("../../x:1"), "______x_1", "no way out of the folder");
        assert_eq!(session_name(None), "none");
        assert_eq!(name("wayland-0"), "wayland_0");
    }

    #[test]
    fn a_folder_of_others_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let (dir, link) = (parent.path().join("run"), parent.path().join("link"));
        std::fs::DirBuilder::new().mode(0o755).create(&dir).unwrap();
        assert!(check_owner_only(&dir, true).is_err());
        assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o777, 0o755, "it is left alone");
        check_owner_only(&dir, false).unwrap();
        assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        assert!(check_owner_only(&link, false).is_err());
        // As in the temporary folder, whoever owns it.
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(check_owner_only(&dir, false).is_err());
        assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o7777, 0o1777);
    }
}
