//! Where the roles meet and where settings live. Folders are owner-only.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Overrides the runtime folder, e.g. for a demo beside a running agent.
pub const RUNTIME_DIR_VARIABLE: &str = "NEARSIDE_RUNTIME_DIR";

/// The folder of the sockets: `$NEARSIDE_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR/nearside`, else
/// an owner-only folder in the temporary folder. Not created.
pub fn runtime_dir() -> io::Result<PathBuf> {
    if let Some(dir) = absolute(RUNTIME_DIR_VARIABLE) {
        return Ok(dir);
    }
    if let Some(dir) = absolute("XDG_RUNTIME_DIR") {
        return Ok(dir.join("nearside"));
    }
    let uid = rustix::process::getuid().as_raw();
    Ok(std::env::temp_dir().join(format!("nearside-{uid}")))
}

/// A folder that a variable names; a relative one would be another in each working folder.
fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The runtime folder, created with mode 0700. An existing folder must belong to this user and
/// must not be open to others.
pub fn create_runtime_dir() -> io::Result<PathBuf> {
    let dir = runtime_dir()?;
    match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    check_owner_only(&dir, absolute(RUNTIME_DIR_VARIABLE).is_some())?;
    Ok(dir)
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

/// Where the channel's bytes arrive with nothing before them: from the demo, or from a socket
/// that was forwarded over another protocol.
pub fn channel_socket() -> io::Result<PathBuf> {
    Ok(runtime_dir()?.join("channel.sock"))
}

/// Where the RDP client's plugin brings the channel, after one line of facts.
pub fn plugin_socket() -> io::Result<PathBuf> {
    Ok(runtime_dir()?.join(PLUGIN_SOCKET))
}

/// Name of the plugin's socket in the runtime folder.
pub const PLUGIN_SOCKET: &str = "plugin.sock";

/// Name of the socket in the runtime folder on which IronRDP's pipe proxy listens
/// (`--dvc-proxy Nearside::Media=$XDG_RUNTIME_DIR/nearside/ironrdp.sock`).
pub const IRONRDP_SOCKET: &str = "ironrdp.sock";

/// Where the panel and scripts speak to the agent.
pub fn control_socket() -> io::Result<PathBuf> {
    Ok(runtime_dir()?.join("control.sock"))
}

/// Held by the one agent of this user.
pub fn agent_lock() -> io::Result<PathBuf> {
    Ok(runtime_dir()?.join("agent.lock"))
}

/// The settings file: `$XDG_CONFIG_HOME/nearside/settings.json` or the default below `$HOME`.
/// A private runtime folder keeps its settings in itself.
pub fn settings_file() -> Option<PathBuf> {
    if let Some(dir) = absolute(RUNTIME_DIR_VARIABLE) {
        return Some(dir.join("settings.json"));
    }
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("nearside/settings.json"))
}

/// The managed policy of this device, written by its administrator.
pub fn device_policy_file() -> &'static Path {
    Path::new("/etc/nearside/device-policy.json")
}

/// Another binary of this program: beside the running one.
pub fn sibling(name: &str) -> io::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let path = this.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "{name} is not installed beside {}",
            this.file_name().unwrap_or_default().display()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_open_to_others_is_closed() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("run");
        std::fs::DirBuilder::new().mode(0o755).create(&dir).unwrap();
        assert!(check_owner_only(&dir, true).is_err());
        assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o777, 0o755, "it is left alone");
        check_owner_only(&dir, false).unwrap();
        assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        check_owner_only(&dir, true).unwrap();
    }

    #[test]
    fn a_folder_that_others_write_in_is_refused_and_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("run");
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(check_owner_only(&dir, false).is_err());
        assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o7777, 0o1777);
    }

    #[test]
    fn a_link_is_not_a_folder() {
        let parent = tempfile::tempdir().unwrap();
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(parent.path(), &link).unwrap();
        assert!(check_owner_only(&link, false).is_err());
    }
}
