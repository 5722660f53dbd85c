//! Properties of an RDP connection that concern media.
//!
//! Names and values as in Microsoft's "Supported RDP properties". The plugin reads them from
//! the live connection; [`ConnectionProperties::from_rdp_file`] reads a `.rdp` file's text.

use std::fmt;

use super::{Capture, Setting};

/// Most entries of a camera list.
const MAX_CAMERAS: usize = 64;

/// Longest line that is looked at, in bytes.
const MAX_LINE: usize = 8192;

/// Where the properties were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// From the running connection.
    #[default]
    Live,
    RdpFile,
}

/// `audiomode:i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioMode {
    /// 0: play on this device.
    Here,
    /// 1: play on the remote computer.
    Remote,
    /// 2: do not play.
    Nowhere,
}

impl AudioMode {
    /// The mode with this number; `None` for a number that is not one.
    pub fn from_value(value: u32) -> Option<Self> {
        match value {
            0 => Some(Self::Here),
            1 => Some(Self::Remote),
            2 => Some(Self::Nowhere),
            _ => None,
        }
    }
}

impl fmt::Display for AudioMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here => "0",
            Self::Remote => "1",
            Self::Nowhere => "2",
        })
    }
}

/// What the connection says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionProperties {
    pub origin: Origin,
    pub audio_mode: Setting<AudioMode>,
    /// `audiocapturemode:i`: 0 no recording, 1 recording.
    pub audio_capture: Setting<bool>,
    pub cameras: Setting<CameraList>,
}

/// A property that cannot be read. Names the property, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    #[error("line {line}: {property} has a value that is not one of its own")]
    Value { line: usize, property: &'static str },
    #[error("line {line}: camerastoredirect:s has more than {MAX_CAMERAS} entries")]
    TooManyCameras { line: usize },
    #[error("line {line} is longer than {MAX_LINE} bytes")]
    LineTooLong { line: usize },
}

impl ConnectionProperties {
    /// Reads the text of a `.rdp` file. Other properties are skipped; of a property that
    /// stands there twice the last one holds.
    ///
    /// # Errors
    /// A property of ours with a value that it cannot have.
    pub fn from_rdp_file(text: &str) -> Result<Self, PropertyError> {
        let mut properties = Self { origin: Origin::RdpFile, ..Self::default() };
        for (index, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = index + 1;
            if MAX_LINE < text.len() {
                return Err(PropertyError::LineTooLong { line });
            }
            let mut fields = text.splitn(3, ':').map(str::trim);
            let (Some(name), Some(_kind), Some(value)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if name.eq_ignore_ascii_case("audiomode") {
                properties.audio_mode = Setting::Is(match value {
                    "0" => AudioMode::Here,
                    "1" => AudioMode::Remote,
                    "2" => AudioMode::Nowhere,
                    _ => return Err(PropertyError::Value { line, property: "audiomode:i" }),
                });
            } else if name.eq_ignore_ascii_case("audiocapturemode") {
                properties.audio_capture = Setting::Is(match value {
                    "0" => false,
                    "1" => true,
                    _ => return Err(PropertyError::Value { line, property: "audiocapturemode:i" }),
                });
            } else if name.eq_ignore_ascii_case("camerastoredirect") {
                let cameras =
                    CameraList::parse(value).ok_or(PropertyError::TooManyCameras { line })?;
                properties.cameras = Setting::Is(cameras);
            }
        }
        Ok(properties)
    }
}

/// `camerastoredirect:s`: which cameras may be used.
///
/// `*` is every camera, a name (a device path) is that one, `-` before a name takes it out
/// again. Entries are separated by `;`; `\` escapes `\`, `:` and `;`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CameraList {
    written: String,
    all: bool,
    included: Vec<String>,
    excluded: Vec<String>,
}

impl CameraList {
    /// Reads the property's value. `None`: more entries than are looked at.
    pub fn parse(value: &str) -> Option<Self> {
        let mut list = Self { written: value.to_owned(), ..Self::default() };
        let mut entry = String::new();
        let mut chars = value.chars();
        loop {
            match chars.next() {
                Some('\\') => entry.extend(chars.next()),
                Some(';') => list.add(&std::mem::take(&mut entry))?,
                Some(char) => entry.push(char),
                None => {
                    list.add(&entry)?;
                    return Some(list);
                }
            }
        }
    }

    /// Whether this camera may be used. Names of devices ignore case.
    pub fn allows(&self, camera: &str) -> bool {
        let names = |list: &[String]| list.iter().any(|entry| entry.eq_ignore_ascii_case(camera));
        (self.all || names(&self.included)) && !names(&self.excluded)
    }

    pub(super) fn capture(&self) -> Capture {
        match (self.all, self.included.is_empty(), self.excluded.is_empty()) {
            (true, _, true) => Capture::On,
            (false, true, _) => Capture::Off,
            _ => Capture::Listed,
        }
    }

    fn add(&mut self, entry: &str) -> Option<()> {
        if MAX_CAMERAS <= self.included.len() + self.excluded.len() {
            return None;
        }
        match (entry.trim(), entry.trim().strip_prefix('-')) {
            ("", _) => {}
            ("*", _) => self.all = true,
            (_, Some(name)) => self.excluded.push(name.trim().to_owned()),
            (name, None) => self.included.push(name.to_owned()),
        }
        Some(())
    }
}

impl fmt::Display for CameraList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, capture: Capture, allowed: &[&str], refused: &[&str]) {
        let list = CameraList::parse(list).unwrap();
        assert_eq!(list.capture(), capture);
        for camera in allowed {
            assert!(list.allows(camera), "{camera} must be allowed");
        }
        for camera in refused {
            assert!(!list.allows(camera), "{camera} must be refused");
        }
    }

    #[test]
    fn camera_lists() {
        check("", Capture::Off, &[], &["a"]);
        check("*", Capture::On, &["a", "b"], &[]);
        check("*;-a", Capture::Listed, &["b"], &["a", "A"]);
        check("-a;*", Capture::Listed, &["b"], &["a"]);
        check("a; b", Capture::Listed, &["a", "B"], &["c", ""]);
        check(r"\\?\usb#vid_0bda\;x\:1", Capture::Listed, &[r"\?usb#vid_0bda;x:1"], &["x"]);
        check(r"\\\\?\\usb", Capture::Listed, &[r"\\?\usb"], &[]);
        check(r"a\", Capture::Listed, &["a"], &[]);
        check("-a", Capture::Off, &[], &["a", "b"]);
    }

    #[test]
    fn camera_list_is_bounded() {
        assert_eq!(CameraList::parse(&"x;".repeat(MAX_CAMERAS + 1)), None);
    }

    #[test]
    fn rdp_file() {
        let text = "\u{feff}screen mode id:i:2\r\nAudioMode:i:1\r\naudiocapturemode:i:1\r\n\
                    nonsense\r\ncamerastoredirect:s:*;-usb:1\r\naudiomode:i:2\r\n";
        let properties = ConnectionProperties::from_rdp_file(text).unwrap();
        assert_eq!(properties.origin, Origin::RdpFile);
        assert_eq!(properties.audio_mode, Setting::Is(AudioMode::Nowhere));
        assert_eq!(properties.audio_capture, Setting::Is(true));
        let Setting::Is(cameras) = properties.cameras else { panic!("cameras are configured") };
        assert!(cameras.allows("usb") && !cameras.allows("usb:1"));
    }

    #[test]
    fn bad_rdp_files() {
        let check = |text: &str, error| {
            assert_eq!(ConnectionProperties::from_rdp_file(text), Err(error));
        };
        check("a:i:1\naudiomode:i:3", PropertyError::Value { line: 2, property: "audiomode:i" });
        let property = "audiocapturemode:i";
        check("audiocapturemode:i:", PropertyError::Value { line: 1, property });
        check(&"x".repeat(MAX_LINE + 1), PropertyError::LineTooLong { line: 1 });
    }
}
