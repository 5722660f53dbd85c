//! MIME types as `addSourceBuffer` and `changeType` take them (RFC 6381).

use super::AppendError;
use crate::init::Codec;
use crate::segment::Container;

/// Bound of a type's length: every real one is far shorter.
const MAX_MIME_BYTES: usize = 512;

/// A type that can be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mime {
    pub container: Container,
    /// Empty: the type does not tell.
    pub codecs: Vec<Codec>,
}

impl Mime {
    /// Parses e.g. `video/mp4; codecs="avc1.64001f, mp4a.40.2"`.
    ///
    /// # Errors
    /// [`AppendError::UnsupportedContainer`] or [`AppendError::UnsupportedCodec`].
    pub fn parse(mime: &str) -> Result<Self, AppendError> {
        let shown = || mime.chars().take(80).collect::<String>();
        let mut parts = mime.splitn(2, ';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let container = match essence.as_str() {
            _ if MAX_MIME_BYTES < mime.len() => None,
            "video/mp4" | "audio/mp4" => Some(Container::Mp4),
            "video/webm" | "audio/webm" => Some(Container::WebM),
            "audio/mpeg" => Some(Container::Mp3),
            "audio/aac" => Some(Container::Adts),
            _ => None,
        };
        let container =
            container.ok_or_else(|| AppendError::UnsupportedContainer { mime: shown() })?;
        let parameters = parts.next().unwrap_or_default();
        let codecs = codecs_parameter(parameters).unwrap_or_default();
        let codecs = codecs
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                let name = || entry.chars().take(40).collect::<String>();
                Codec::from_mime(entry)
                    .ok_or_else(|| AppendError::UnsupportedCodec { name: name() })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { container, codecs })
    }
}

/// The value of `codecs`, without quotes. Values of other parameters do not hide it.
fn codecs_parameter(parameters: &str) -> Option<&str> {
    let mut rest = parameters.trim_start_matches([';', ' ', '\t']);
    while let Some((name, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let (value, tail) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_once(';').unwrap_or((value, "")),
        };
        if name.trim().eq_ignore_ascii_case("codecs") {
            return Some(value.trim());
        }
        rest = tail.trim_start_matches([';', ' ', '\t']);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        use Codec::{Aac, H264, Mp3, Opus, Vp9};
        for (mime, container, codecs) in [
            ("video/mp4; codecs=\"avc1.64001f, mp4a.40.2\"", Container::Mp4, &[H264, Aac][..]),
            ("video/mp4;codecs=avc1.64001f", Container::Mp4, &[H264]),
            ("Audio/MP4 ; profiles=\"a;b\"; CODECS = \"mp4a.6B\"", Container::Mp4, &[Mp3]),
            ("video/webm; codecs='vp9'", Container::WebM, &[]),
            ("video/webm; codecs=\"vp9,opus\"; eotf=bt709", Container::WebM, &[Vp9, Opus]),
            ("audio/mpeg", Container::Mp3, &[]),
        ] {
            let parsed = Mime::parse(mime);
            if mime.contains('\'') {
                assert!(matches!(parsed, Err(AppendError::UnsupportedCodec { .. })), "{mime}");
                continue;
            }
            let parsed = parsed.unwrap_or_else(|error| panic!("{mime}: {error}"));
            assert_eq!((parsed.container, &parsed.codecs[..]), (container, codecs), "{mime}");
        }
    }

    #[test]
    fn what_is_not_played_is_named() {
        for (mime, words) in [
            ("video/mp2t; codecs=\"avc1.64001f\"", "video/mp2t"),
            ("", "container"),
            ("video/mp4; codecs=\"avc1.64001f, ac-3\"", "ac-3"),
            ("video/webm; codecs=\"theora", "theora"),
        ] {
            let error = Mime::parse(mime).expect_err(mime).to_string();
            assert!(error.contains(words), "{mime}: {error}");
        }
        assert!(Mime::parse(&"x".repeat(10_000)).expect_err("long").to_string().len() < 200);
    }
}
