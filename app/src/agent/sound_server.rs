//! Where a stage finds the sound server: the rules of PulseAudio's own client library, in the
//! environment of the stage, because the client that stages use knows only a part of them.
//!
//! PulseAudio refuses a client without a cookie of 256 bytes even where it would let everyone
//! in, and servers that check nothing take any: so there is always one.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Length of PulseAudio's cookies in bytes.
const COOKIE: usize = 256;

/// What to set for a stage. `runtime_dir` is ours: a cookie of no meaning is made there when the
/// user has none.
pub(super) fn variables(runtime_dir: &Path) -> Vec<(&'static str, OsString)> {
    let mut variables = Vec::new();
    let get = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let uid = rustix::process::getuid().as_raw();
    if let Some(socket) = sockets(get, machine_id.trim(), uid).find(|path| path.exists()) {
        let mut server = OsString::from("unix:");
        server.push(socket);
        variables.push(("PULSE_SERVER", server));
    }
    let cookie = cookies(get).find(|path| path.is_file()).or_else(|| blank_cookie(runtime_dir));
    variables.extend(cookie.map(|path| ("PULSE_COOKIE", path.into_os_string())));
    variables
}

/// Where its socket may be, best first.
fn sockets(
    get: impl Fn(&str) -> Option<OsString>,
    machine_id: &str,
    uid: u32,
) -> impl Iterator<Item = PathBuf> {
    let path = |name: &str, below: &str| get(name).map(|dir| PathBuf::from(dir).join(below));
    let named = get("PULSE_SERVER").into_iter().flat_map(|servers| unix_servers(&servers));
    let config = path("XDG_CONFIG_HOME", "pulse").or_else(|| path("HOME", ".config/pulse"));
    let usual = [
        path("PULSE_RUNTIME_PATH", "native"),
        path("XDG_RUNTIME_DIR", "pulse/native"),
        Some(PathBuf::from(format!("/run/user/{uid}/pulse/native"))),
        config.map(|config| config.join(format!("{machine_id}-runtime/native"))),
        Some(PathBuf::from("/run/pulse/native")),
    ];
    named.collect::<Vec<_>>().into_iter().chain(usual.into_iter().flatten())
}

/// The local sockets of `PULSE_SERVER`: a list with spaces, each perhaps with `{machine}` and
/// `unix:` before its path.
fn unix_servers(servers: &OsStr) -> Vec<PathBuf> {
    let words = servers.as_bytes().split(|byte| *byte == b' ');
    let path = |word: &[u8]| {
        let after = word.iter().position(|byte| *byte == b'}').map_or(0, |brace| brace + 1);
        let word = word.get(after..).unwrap_or_default();
        let path = word.strip_prefix(b"unix:").unwrap_or(word);
        path.starts_with(b"/").then(|| PathBuf::from(OsStr::from_bytes(path)))
    };
    words.filter_map(path).collect()
}

fn cookies(get: impl Fn(&str) -> Option<OsString>) -> impl Iterator<Item = PathBuf> {
    let path = |name: &str, below: &str| get(name).map(|dir| PathBuf::from(dir).join(below));
    let candidates = [
        get("PULSE_COOKIE").map(PathBuf::from),
        path("XDG_CONFIG_HOME", "pulse/cookie"),
        path("HOME", ".config/pulse/cookie"),
        path("HOME", ".pulse-cookie"),
    ];
    candidates.into_iter().flatten()
}

fn blank_cookie(runtime_dir: &Path) -> Option<PathBuf> {
    let path = runtime_dir.join("pulse-cookie");
    std::fs::write(&path, [0; COOKIE]).ok()?;
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn sockets_are_tried_in_the_order_of_the_client_library() {
        let get = environment(&[
            ("PULSE_SERVER", "tcp:sound.example {id}unix:/a/native /b/native unix:relative"),
            ("XDG_RUNTIME_DIR", "/run/user/7"),
            ("HOME", "/home/me"),
        ]);
        let found: Vec<_> = sockets(get, "id", 7).collect();
        let expected = [
            "/a/native",
            "/b/native",
            "/run/user/7/pulse/native",
            "/run/user/7/pulse/native",
            "/home/me/.config/pulse/id-runtime/native",
            "/run/pulse/native",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn the_cookie_lies_where_the_settings_lie() {
        let get = environment(&[("XDG_CONFIG_HOME", "/c"), ("HOME", "/h")]);
        let found: Vec<_> = cookies(get).collect();
        let expected = ["/c/pulse/cookie", "/h/.config/pulse/cookie", "/h/.pulse-cookie"];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn there_is_always_a_cookie() {
        let folder = tempfile::tempdir().unwrap();
        let path = blank_cookie(folder.path()).unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().len(), 256);
    }
}
