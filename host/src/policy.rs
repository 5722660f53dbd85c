//! The session host's policy: `/etc/nearside/policy.json`, the values that Group Policy has;
//! on Windows Group Policy's own values count, too.
//!
//! | key                    | value                        | meaning when 1               |
//! |------------------------|------------------------------|------------------------------|
//! | `fDisableCam`          | 0, 1, false, true            | no playback redirection      |
//! | `fDisableAudioCapture` | 0, 1, false, true            | no recording redirection     |
//! | `fDisableCameraRedir`  | 0, 1, false, true            | no camera redirection        |
//!
//! Absent keys are "not configured"; other keys are left alone, because the file may be of a
//! newer version. INVARIANT: a file that is there and cannot be understood restricts
//! everything: a slip of the pen must not open what an administrator has closed.

#[cfg(windows)]
mod windows;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use nearside_channel::message::SessionPolicy;
use serde::Deserialize;

/// Where administrators put it.
pub(crate) fn default_path() -> PathBuf {
    if cfg!(windows) {
        let data = std::env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
        return PathBuf::from(data).join("Nearside").join("policy.json");
    }
    PathBuf::from("/etc/nearside/policy.json")
}

/// What is there is a folder, a pipe or a device.
const NOT_A_FILE: io::ErrorKind = io::ErrorKind::InvalidInput;

/// A larger file is malformed.
const MAX_FILE: u64 = 64 << 10;

/// Why a policy is the most restrictive one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("the policy file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("the policy file is longer than {MAX_FILE} bytes")]
    TooLong,
    #[error("the policy file is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Reads the file. An absent one configures nothing; with an error comes the policy that
/// holds instead.
pub(crate) fn read(path: &Path) -> (SessionPolicy, Option<PolicyError>) {
    match try_read(path) {
        Ok(policy) => (with_group_policy(policy), None),
        Err(error) => (most_restrictive(), Some(error)),
    }
}

#[cfg(unix)]
fn with_group_policy(file: SessionPolicy) -> SessionPolicy {
    file
}

/// The more restrictive of each.
#[cfg(windows)]
fn with_group_policy(mut policy: SessionPolicy) -> SessionPolicy {
    let group = windows::read();
    policy.disable_playback = policy.disable_playback.max(group.disable_playback);
    policy.disable_audio_capture = policy.disable_audio_capture.max(group.disable_audio_capture);
    policy.disable_camera = policy.disable_camera.max(group.disable_camera);
    policy
}

fn try_read(path: &Path) -> Result<SessionPolicy, PolicyError> {
    let file = match std::fs::metadata(path) {
        // A pipe would be waited for.
        Ok(found) if !found.is_file() => return Err(io::Error::from(NOT_A_FILE).into()),
        Ok(_) => std::fs::File::open(path),
        Err(error) => Err(error),
    };
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(SessionPolicy::default());
        }
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if MAX_FILE < u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        return Err(PolicyError::TooLong);
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<SessionPolicy, PolicyError> {
    let file: File = serde_json::from_slice(bytes)?;
    Ok(SessionPolicy {
        disable_playback: file.disable_playback.map(Switch::is_on),
        disable_audio_capture: file.disable_audio_capture.map(Switch::is_on),
        disable_camera: file.disable_camera.map(Switch::is_on),
    })
}

fn most_restrictive() -> SessionPolicy {
    SessionPolicy {
        disable_playback: Some(true),
        disable_audio_capture: Some(true),
        disable_camera: Some(true),
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "fDisableCam")]
    disable_playback: Option<Switch>,
    #[serde(rename = "fDisableAudioCapture")]
    disable_audio_capture: Option<Switch>,
    #[serde(rename = "fDisableCameraRedir")]
    disable_camera: Option<Switch>,
}

/// A truth value as registries and as JSON write it.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Switch(bool);

impl Switch {
    fn is_on(self) -> bool {
        self.0
    }
}

impl TryFrom<serde_json::Value> for Switch {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        match value.as_bool().or_else(|| match value.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        }) {
            Some(on) => Ok(Self(on)),
            None => Err("a value that is none of 0, 1, false and true"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<[Option<bool>; 3]>) {
        let expected = expected.map(|[playback, audio, camera]| SessionPolicy {
            disable_playback: playback,
            disable_audio_capture: audio,
            disable_camera: camera,
        });
        assert_eq!(parse(text.as_bytes()).ok(), expected, "{text}");
    }

    #[test]
    fn values_are_those_of_group_policy() {
        check("{}", Some([None; 3]));
        check(r#"{"fDisableCam":1}"#, Some([Some(true), None, None]));
        check(r#"{"fDisableCam":0,"other":[1]}"#, Some([Some(false), None, None]));
        check(
            r#"{"fDisableCam":false,"fDisableAudioCapture":true,"fDisableCameraRedir":1}"#,
            Some([Some(false), Some(true), Some(true)]),
        );
        check(r#"{"fDisableCam":null}"#, Some([None; 3]));
        for malformed in
            ["", "[]", "1", "{", r#"{"fDisableCam":2}"#, r#"{"fDisableCam":"1"}"#, "{}x"]
        {
            check(malformed, None);
        }
    }

    #[test]
    fn a_file_that_cannot_be_understood_restricts_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.json");
        assert_eq!(read(&path).0, SessionPolicy::default(), "there is none");
        for bytes in [b"{".to_vec(), b"{}".repeat(40 << 10), vec![0xff; 9]] {
            std::fs::write(&path, bytes).unwrap();
            let (policy, error) = read(&path);
            assert_eq!(policy, most_restrictive());
            assert!(error.is_some());
        }
        assert_eq!(read(folder.path()).0, most_restrictive(), "a folder in its place");
    }
}
