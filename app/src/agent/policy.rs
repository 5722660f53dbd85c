//! The device's managed policy, read once when the agent starts.
//!
//! A file that is there and cannot be understood ends the agent: to go on without it would be to
//! go on against it, and without an agent everything plays in the session.

use super::small_file;
use anyhow::Context as _;
use nearside::paths;
use nearside_channel::policy::DevicePolicy;
use std::io::ErrorKind;
use std::path::Path;

/// Longest file.
const MAX_BYTES: u64 = 64 << 10;

/// Reads `file`, which must be there, or the usual one, which need not.
///
/// # Errors
/// It cannot be read, or is no policy.
pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<DevicePolicy> {
    let path = file.unwrap_or_else(|| paths::device_policy_file());
    let what = || format!("read the device's policy, {}", path.display());
    let text = match small_file::read(path, MAX_BYTES) {
        Err(error) if error.kind() == ErrorKind::NotFound && file.is_none() => {
            return Ok(DevicePolicy::default());
        }
        text => text.with_context(what)?,
    };
    serde_json::from_slice(&text).with_context(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside_channel::policy::Setting;

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.json");
        assert!(load(Some(&path)).is_err(), "a file that is named must be there");
        let long = format!("{{{}}}", " ".repeat(70_000));
        for (text, allowed) in [
            (r#"{"allow_private_addresses": true}"#, Some(Setting::Is(true))),
            ("{}", Some(Setting::NotConfigured)),
            ("allow_private_addresses=1", None),
            (&long, None),
        ] {
            std::fs::write(&path, text).unwrap();
            let read = load(Some(&path)).ok().map(|policy| policy.allow_private_addresses);
            assert_eq!(read, allowed);
        }
    }
}
