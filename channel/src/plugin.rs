//! What the RDP client's plugin tells the agent before the channel's bytes.
//!
//! The plugin connects to a socket of its own, sends one line of JSON, then pumps the
//! channel's bytes both ways without reading them. The remote side never writes that line,
//! so it cannot claim to be another window or another connection.

use serde::{Deserialize, Serialize};

use crate::message::Size;

/// Longest line with its end, in bytes.
pub const MAX_PREAMBLE: usize = 16 << 10;

/// The RDP connection as the client sees it. Absent values are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionFacts {
    pub plugin_version: String,
    /// Name and version of the RDP client, e.g. `FreeRDP 2.11.7`.
    pub client: String,
    /// Process that shows the session; 0 if unknown.
    pub pid: u32,
    /// The X11 display that it uses, e.g. `:0`.
    pub display: Option<String>,
    pub wayland_display: Option<String>,
    /// Window that the client was told to embed itself in (X11 id, HWND).
    pub parent_window: Option<u64>,
    pub window_title: Option<String>,
    /// Size of the remote desktop in pixels.
    pub desktop: Option<Size>,
    /// `desktopscalefactor:i` in percent.
    pub scale_percent: Option<u32>,
    pub smart_sizing: Option<bool>,
    pub fullscreen: Option<bool>,
    /// `audiomode:i`.
    pub audio_mode: Option<u32>,
    /// `audiocapturemode:i`.
    pub audio_capture_mode: Option<u32>,
    /// Absolute path of the `.rdp` file that the connection was opened by.
    pub connection_file: Option<String>,
}

/// Why a preamble was refused.
#[derive(Debug, thiserror::Error)]
pub enum PreambleError {
    #[error("the plugin's first line is longer than {MAX_PREAMBLE} bytes")]
    TooLong,
    #[error("the plugin's first line is not what this version understands: {0}")]
    Json(#[from] serde_json::Error),
}

/// The line that a plugin sends first, with its end.
pub fn preamble(facts: &ConnectionFacts) -> Result<Vec<u8>, PreambleError> {
    let mut line = serde_json::to_vec(facts)?;
    line.push(b'\n');
    if MAX_PREAMBLE < line.len() {
        return Err(PreambleError::TooLong);
    }
    Ok(line)
}

/// Reads the line at the start of `bytes`. `None` while it has not ended; otherwise the facts
/// and the length of the line with its end: what follows belongs to the channel.
///
/// # Errors
/// The line is too long or is not the JSON of [`ConnectionFacts`].
pub fn read_preamble(bytes: &[u8]) -> Result<Option<(ConnectionFacts, usize)>, PreambleError> {
    let searched = &bytes[..bytes.len().min(MAX_PREAMBLE)];
    match searched.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some((serde_json::from_slice(&bytes[..end])?, end + 1))),
        None if bytes.len() < MAX_PREAMBLE => Ok(None),
        None => Err(PreambleError::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preamble_is_read_wherever_it_is_cut() {
        let facts = ConnectionFacts {
            pid: 7,
            window_title: Some("line\nbreak".to_owned()),
            ..ConnectionFacts::default()
        };
        let mut bytes = preamble(&facts).unwrap();
        let length = bytes.len();
        bytes.extend_from_slice(b"the channel\n");
        for cut in 0..length {
            assert!(read_preamble(&bytes[..cut]).unwrap().is_none());
        }
        assert_eq!(read_preamble(&bytes).unwrap(), Some((facts, length)));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        assert!(matches!(read_preamble(&[b' '; MAX_PREAMBLE]), Err(PreambleError::TooLong)));
        assert!(read_preamble(b"{\"pid\":-1}\n").is_err());
    }
}
