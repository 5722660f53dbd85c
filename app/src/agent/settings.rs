//! The user's switches on disk. A file that cannot be read is the defaults, and is said so.

use super::small_file;
use nearside::paths;
use nearside_channel::message::DeviceSettings;
use std::io;

/// Longest file; what is longer is damaged.
const MAX_BYTES: u64 = 64 << 10;

pub(super) fn load() -> DeviceSettings {
    let Some(path) = paths::settings_file() else { return DeviceSettings::default() };
    let text = match small_file::read(&path, MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return DeviceSettings::default(),
        Err(error) => {
            tracing::warn!(%error, "settings cannot be read, the defaults hold");
            return DeviceSettings::default();
        }
    };
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        tracing::warn!(%error, "settings are damaged, the defaults hold");
        DeviceSettings::default()
    })
}

/// Replaces the file as a whole, so that a crash leaves the old or the new one.
pub(super) fn save(settings: &DeviceSettings) -> io::Result<()> {
    let path = paths::settings_file()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no folder for settings"))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let next = path.with_extension("json.next");
    std::fs::write(&next, serde_json::to_vec_pretty(settings)?)?;
    std::fs::rename(&next, &path)
}
