//! Media by URL: the device fetches it itself and plays it like appended media.
//!
//! ```text
//!  Http ──bytes──▶ Demux ──coded frames──▶ Buffers ◀── decode threads, player
//!    ▲                        worker ◀── seeks, room, close ──┘
//!  Line (cut by a seek, by closing)
//! ```
//! A playlist's pieces are read one behind the other, as if they were a file.
//! One worker thread a source does all of the left half; everything behind [`Buffers`] is the
//! same as for Media Source Extensions. Reading ahead is bounded in time and bytes. Nothing
//! that could name a site or an address is logged or said in an error.

mod address;
mod demux;
mod http;
mod input;
mod line;
mod pieces;
mod playlist;
mod reader;
mod worker;

pub use address::{AddressError, AddressPolicy};
pub(crate) use demux::{SourceFacts, SourceTrack};
pub(crate) use line::Line;
pub use playlist::PlaylistError;

use crate::init::InitError;
use crate::player::{Buffers, Wake};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sources of this process that fetch or are about to end.
const MAX_SOURCES: usize = 64;

static SOURCES: AtomicUsize = AtomicUsize::new(0);

/// Why media by URL cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Policy: another address would do.
    #[error(transparent)]
    Refused(AddressError),
    #[error(transparent)]
    Network(FetchError),
    #[error("what the address leads to is no media of a known container")]
    NotMedia,
    #[error("the media is damaged")]
    Malformed,
    #[error("media is protected (encrypted)")]
    Encrypted,
    /// A frame, header or interleaving beyond any sensible size.
    #[error("the media is too large for this device's buffers")]
    TooLarge,
    /// Codecs.
    #[error(transparent)]
    Track(#[from] InitError),
    /// The demuxer cannot go where it was told.
    #[error("the media has no way to the sought position")]
    Seek,
    /// It is none that can be played as one file.
    #[error(transparent)]
    Playlist(#[from] PlaylistError),
    #[error("too many players fetch media at once")]
    TooMany,
}

/// Why bytes do not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// On purpose.
    #[error("the transfer was ended")]
    Cut,
    #[error(transparent)]
    Refused(#[from] AddressError),
    #[error("the media's host is not known to the name server")]
    HostNotFound,
    #[error("the media's host does not answer")]
    Unreachable,
    #[error("the media's host cannot prove its identity")]
    Certificate,
    #[error("there is no encrypted connection with the media's host")]
    Encryption,
    #[error("the media's host answers with status {0}")]
    Status(u16),
    #[error("the media's host redirects without end")]
    Redirects,
    #[error("the media's host does not keep to HTTP")]
    Protocol,
    #[error("the connection to the media's host is lost again and again")]
    Dropped,
    #[error("the media has changed while it was played")]
    Changed,
    #[error("the media's host cannot deliver from the middle, so this position is out of reach")]
    NoRanges,
}

impl From<FetchError> for SourceError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Refused(refused) => Self::Refused(refused),
            other => Self::Network(other),
        }
    }
}

/// Handle of a source. Dropping it ends the transfer at once.
///
/// The thread is not waited for: a name look-up cannot be ended, and whoever drops this draws
/// pictures. It holds nothing but the buffers, and `MAX_SOURCES` bounds how many there are.
#[derive(Debug)]
pub struct UrlSource {
    line: Arc<Line>,
}

impl UrlSource {
    /// Begins to fetch `url` into `buffers`, which get no other streams. What goes wrong is
    /// told to their player. `wake` is called when it should look.
    ///
    /// # Errors
    /// [`SourceError::TooMany`].
    pub fn start(
        url: String,
        policy: AddressPolicy,
        buffers: &Arc<Buffers>,
        wake: Wake,
    ) -> Result<Self, SourceError> {
        let place = Place::take().ok_or(SourceError::TooMany)?;
        let line = Arc::new(Line::new(policy));
        buffers.attach(Arc::clone(&line));
        let worker = worker::Worker::new(url, Arc::clone(&line), Arc::clone(buffers), wake);
        std::thread::Builder::new()
            .name("fetch".to_owned())
            .spawn(move || {
                worker.run();
                drop(place);
            })
            .map_err(|_| SourceError::TooMany)?;
        Ok(Self { line })
    }
}

impl Drop for UrlSource {
    fn drop(&mut self) {
        self.line.close();
    }
}

/// One of [`MAX_SOURCES`].
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let raise = |count: usize| (count < MAX_SOURCES).then_some(count + 1);
        SOURCES.fetch_update(Ordering::AcqRel, Ordering::Acquire, raise).ok()?;
        Some(Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        SOURCES.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
