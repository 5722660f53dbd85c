//! Why an append was refused: one variant for each thing the page or the user can do.

use crate::init::InitError;
use crate::segment::ParseError;

/// Why an append was refused. What was buffered before stays playable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The bytes are not what their format demands.
    #[error("media is malformed: {cause}")]
    Malformed { cause: String },
    /// Media came before the init segment that explains it.
    #[error("media segment came before its init segment")]
    MissingInit,
    #[error("codec {name} is not supported")]
    UnsupportedCodec { name: String },
    #[error("{cause}")]
    UnsupportedPicture { cause: String },
    #[error("container of `{mime}` is not supported")]
    UnsupportedContainer { mime: String },
    /// The init segment does not fit the type or the init segments before.
    #[error("init segment does not fit this buffer: {cause}")]
    CodecMismatch { cause: String },
    #[error("media is protected (encrypted)")]
    Encrypted,
    /// `QuotaExceededError` of MSE: the page may remove media and append again.
    #[error("buffer is full: {needed_bytes} bytes do not fit into {quota_bytes}")]
    BufferFull { needed_bytes: usize, quota_bytes: usize },
    /// A box, frame, picture or sound beyond any sensible size.
    #[error("media is too large: {cause}")]
    TooLarge { cause: String },
}

impl From<ParseError> for AppendError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::MissingInit => Self::MissingInit,
            ParseError::TooLarge { .. } => Self::TooLarge { cause: error.to_string() },
            ParseError::Malformed { .. } | ParseError::Unsupported { .. } => {
                Self::Malformed { cause: error.to_string() }
            }
        }
    }
}

impl From<InitError> for AppendError {
    fn from(error: InitError) -> Self {
        match error {
            InitError::Malformed(error) => error.into(),
            InitError::Encrypted => Self::Encrypted,
            InitError::UnsupportedCodec { name } => Self::UnsupportedCodec { name },
            InitError::Picture { .. } => Self::UnsupportedPicture { cause: error.to_string() },
            InitError::OutOfRange { .. } => Self::TooLarge { cause: error.to_string() },
            InitError::NoTracks | InitError::Unreadable { .. } => {
                Self::Malformed { cause: error.to_string() }
            }
        }
    }
}
