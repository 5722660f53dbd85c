//! The user's switches on disk. A file that cannot be read is the defaults, and is said so.

use nearside::paths;
use nearside_channel::message::DeviceSettings;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

pub(super) fn load() -> DeviceSettings {
    let Some(path) = paths::settings_file() else { return DeviceSettings::default() };
    let text = match read(&path) {
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

/// What is longer is damaged.
const MAX_BYTES: u64 = 64 << 10;

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Not a pipe, which would be waited for.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text)
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
