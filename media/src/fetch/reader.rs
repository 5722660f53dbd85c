//! Where a demuxer's bytes come from.

use super::FetchError;
use super::http::Http;
use super::pieces::Pieces;

pub(super) enum Reader {
    File(Http),
    Pieces(Pieces),
}

impl Reader {
    /// Reads on; 0 is the end.
    ///
    /// # Errors
    /// [`FetchError::Cut`], or the rest is lost.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError> {
        match self {
            Self::File(http) => http.read(buffer),
            Self::Pieces(pieces) => pieces.read(buffer),
        }
    }

    /// Whether any place can be read without all before it.
    pub(super) fn is_seekable(&self) -> bool {
        matches!(self, Self::File(http) if http.is_seekable())
    }

    /// Whether reading it again from the start comes to an end.
    pub(super) fn is_finite(&self) -> bool {
        match self {
            Self::File(http) => http.length().is_some(),
            Self::Pieces(_) => true,
        }
    }

    /// Length in bytes, if it is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::File(http) => http.length(),
            Self::Pieces(_) => None,
        }
    }

    pub(super) fn position(&self) -> u64 {
        match self {
            Self::File(http) => http.position(),
            Self::Pieces(pieces) => pieces.position(),
        }
    }

    /// The next read starts at `to`. False: it cannot.
    pub(super) fn seek(&mut self, to: u64) -> bool {
        match self {
            Self::File(http) => http.seek(to),
            Self::Pieces(pieces) => return pieces.position() == to,
        }
        true
    }
}
