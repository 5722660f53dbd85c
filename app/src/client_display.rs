//! The display that an RDP client is on: what a program needs in its environment to get there.
//!
//! The agent may have been started before the graphical session, or in another one than the
//! RDP client. What the client says of itself wins over what its process was started with.
//! Both are of the same user: others can neither connect nor be read.

use nearside_channel::plugin::ConnectionFacts;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;

/// Variables that name a display and open it.
const NAMES: [&str; 3] = ["DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY"];

/// Longest environment that is read, in bytes.
const MAX_ENVIRONMENT: u64 = 1 << 20;

/// Longest value that is passed on, in bytes.
const MAX_VALUE: usize = 4096;

/// The variables of the client's display, as far as they are known.
pub fn variables(facts: &ConnectionFacts) -> Vec<(&'static str, OsString)> {
    let environment = match facts.pid {
        0 => Vec::new(),
        pid => environment(pid).unwrap_or_default(),
    };
    chosen(facts, &environment)
}

fn environment(pid: u32) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(format!("/proc/{pid}/environ"))?
        .take(MAX_ENVIRONMENT)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `environment`: entries `NAME=VALUE`, each with a zero byte at its end (proc(5)).
fn chosen(facts: &ConnectionFacts, environment: &[u8]) -> Vec<(&'static str, OsString)> {
    let started_with = |name: &str| {
        environment.split(|byte| *byte == 0).find_map(|entry| {
            let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(OsStr::from_bytes(value).to_owned())
        })
    };
    let said = |name: &str| match name {
        "DISPLAY" => facts.display.as_ref().map(OsString::from),
        "WAYLAND_DISPLAY" => facts.wayland_display.as_ref().map(OsString::from),
        _ => None,
    };
    let usable = |value: &OsString| {
        let bytes = value.as_bytes();
        !bytes.is_empty() && bytes.len() <= MAX_VALUE && !bytes.contains(&0)
    };
    NAMES
        .into_iter()
        .filter_map(|name| Some((name, said(name).filter(usable).or_else(|| started_with(name))?)))
        .filter(|(_, value)| usable(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_client_win() {
        let environment = b"A=1\0DISPLAY=:1\0XAUTHORITY=/x\0NOT_WAYLAND_DISPLAY=w\0";
        let check = |display: Option<&str>, wayland: Option<&str>, expected: &[(&str, &str)]| {
            let facts = ConnectionFacts {
                display: display.map(str::to_owned),
                wayland_display: wayland.map(str::to_owned),
                ..ConnectionFacts::default()
            };
            let expected: Vec<_> =
                expected.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
            assert_eq!(chosen(&facts, environment), expected);
        };
        check(None, None, &[("DISPLAY", ":1"), ("XAUTHORITY", "/x")]);
        check(Some(":2"), None, &[("DISPLAY", ":2"), ("XAUTHORITY", "/x")]);
        check(Some(""), None, &[("DISPLAY", ":1"), ("XAUTHORITY", "/x")]);
        check(Some("\0"), None, &[("DISPLAY", ":1"), ("XAUTHORITY", "/x")]);
        check(
            None,
            Some("wayland-1"),
            &[("DISPLAY", ":1"), ("XAUTHORITY", "/x"), ("WAYLAND_DISPLAY", "wayland-1")],
        );
    }

    #[test]
    fn the_environment_of_a_process_is_read() {
        let facts = ConnectionFacts { pid: std::process::id(), ..ConnectionFacts::default() };
        let expected: Vec<_> = NAMES
            .into_iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        assert_eq!(variables(&facts), expected);
        assert_eq!(variables(&ConnectionFacts { pid: u32::MAX, ..facts }), []);
    }
}
