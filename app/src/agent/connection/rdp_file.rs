//! What the RDP connection says of media: what its client says, and where that is not known the
//! `.rdp` file that it was opened by.

use crate::agent::small_file;
use nearside_channel::plugin::ConnectionFacts;
use nearside_channel::policy::{AudioMode, ConnectionProperties};
use std::io;
use std::path::{Path, PathBuf};

/// Most bytes of a `.rdp` file; a usual one has a few KiB.
const MAX_FILE: u64 = 256 << 10;

/// Reads the file, if there is one and it is needed. What cannot be read says nothing.
pub(super) async fn properties(facts: Option<&ConnectionFacts>) -> ConnectionProperties {
    let live = facts.and_then(|facts| facts.audio_mode).and_then(AudioMode::from_value);
    let file = facts.and_then(|facts| facts.connection_file.as_deref());
    match (live, file) {
        (None, Some(file)) => read(PathBuf::from(file)).await,
        _ => ConnectionProperties { audio_mode: live.into(), ..ConnectionProperties::default() },
    }
}

async fn read(file: PathBuf) -> ConnectionProperties {
    // The file may lie on a slow network.
    let text = tokio::task::spawn_blocking(move || text_of(&file)).await;
    match text.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(text) => ConnectionProperties::from_rdp_file(&text).unwrap_or_else(|error| {
            tracing::warn!(%error, "the .rdp file is not understood");
            ConnectionProperties::default()
        }),
        Err(error) => {
            tracing::warn!(error = %error.kind(), "the .rdp file cannot be read");
            ConnectionProperties::default()
        }
    }
}

/// Remote Desktop writes UTF-16 with a mark, others UTF-8.
fn text_of(file: &Path) -> io::Result<String> {
    let bytes = small_file::read(file, MAX_FILE)?;
    Ok(match bytes.strip_prefix(b"\xff\xfe") {
        Some(wide) => {
            let units = wide.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
            char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
        }
        None => String::from_utf8_lossy(&bytes).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside_channel::policy::{Origin, Setting};

    async fn of_file(bytes: &[u8], audio_mode: Option<u32>) -> ConnectionProperties {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.rdp");
        std::fs::write(&file, bytes).unwrap();
        let connection_file = Some(file.to_string_lossy().into_owned());
        let facts = ConnectionFacts { connection_file, audio_mode, ..ConnectionFacts::default() };
        properties(Some(&facts)).await
    }

    #[tokio::test]
    async fn a_file_says_what_the_client_does_not() {
        let text = "full address:s:desk\r\naudiomode:i:2\r\n";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [text.as_bytes(), &[b"\xff\xfe", &wide[..]].concat()] {
            let said = of_file(bytes, None).await;
            assert_eq!(said.audio_mode, Setting::Is(AudioMode::Nowhere));
            assert_eq!(said.origin, Origin::RdpFile);
        }
        // The running connection knows better.
        let said = of_file(text.as_bytes(), Some(0)).await;
        assert_eq!((said.audio_mode, said.origin), (Setting::Is(AudioMode::Here), Origin::Live));
    }

    #[tokio::test]
    async fn what_cannot_be_read_says_nothing() {
        for bytes in [&b"audiomode:i:7"[..], &[0xff; 9000], b""] {
            assert_eq!(of_file(bytes, None).await.audio_mode, Setting::NotConfigured);
        }
        for path in ["/nowhere/desk.rdp", "/dev/zero", "/"] {
            let connection_file = Some(path.to_owned());
            let facts = ConnectionFacts { connection_file, ..ConnectionFacts::default() };
            assert_eq!(properties(Some(&facts)).await, ConnectionProperties::default());
        }
    }
}
