//! The pieces of a playlist, read as one stream of bytes.

use super::FetchError;
use super::SourceError;
use super::http::Http;
use super::line::Line;
use super::playlist::{MAX_BYTES, Parsed, Part, Playlist, PlaylistError, parse};
use std::sync::Arc;

/// A playlist names another one, which names pieces.
const MAX_PLAYLISTS: usize = 2;

/// Pieces in a row that give nothing: each costs a request.
const MAX_EMPTY: u32 = 32;

/// Bytes of a playlist read at a time.
const CHUNK_BYTES: usize = 16 << 10;

/// See the module. From a piece on to the last one; in front of the first, and wherever it
/// changes, stands the initialization section.
pub(super) struct Pieces {
    line: Arc<Line>,
    playlist: Arc<Playlist>,
    /// The piece that comes next.
    next: usize,
    /// What is being read, and how many bytes of it are left, if that is known.
    open: Option<(Http, Option<u64>)>,
    /// The initialization section that was read last.
    init: Option<usize>,
    position: u64,
    /// Pieces in a row that gave nothing.
    empty: u32,
}

impl Pieces {
    pub(super) fn from(playlist: Arc<Playlist>, next: usize, line: Arc<Line>) -> Self {
        Self { line, playlist, next, open: None, init: None, position: 0, empty: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Reads on; 0 is the end of the last piece.
    ///
    /// # Errors
    /// [`FetchError::Cut`], or a piece is lost.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError> {
        loop {
            let Some((http, left)) = &mut self.open else {
                if !self.open_next()? {
                    return Ok(0);
                }
                continue;
            };
            let room = left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let room = room.min(buffer.len());
            let count = http.read(buffer.get_mut(..room).unwrap_or_default())?;
            if count == 0 && !buffer.is_empty() {
                self.open = None;
                self.empty += 1;
                if MAX_EMPTY < self.empty {
                    return Err(FetchError::Protocol);
                }
                continue;
            }
            self.empty = 0;
            let read = u64::try_from(count).unwrap_or(u64::MAX);
            *left = left.map(|left| left.saturating_sub(read));
            self.position = self.position.saturating_add(read);
            return Ok(count);
        }
    }

    /// False where nothing is left.
    fn open_next(&mut self) -> Result<bool, FetchError> {
        let Some(piece) = self.playlist.pieces.get(self.next) else { return Ok(false) };
        let init = piece.init.filter(|init| self.init != Some(*init));
        let part = match init.and_then(|init| self.playlist.inits.get(init)) {
            Some(header) => header,
            None => &piece.part,
        };
        self.open = Some((self.ask(part)?, part.length));
        match init {
            Some(_) => self.init = init,
            None => self.next += 1,
        }
        Ok(true)
    }

    fn ask(&self, part: &Part) -> Result<Http, FetchError> {
        Http::open_at(Arc::clone(&self.line), part.url.as_str(), part.offset)
    }
}

/// Reads the playlist at `url`, and the one that it names.
///
/// # Errors
/// See [`SourceError`].
pub(super) fn playlist(url: &str, line: &Arc<Line>) -> Result<Playlist, SourceError> {
    let mut url = url.to_owned();
    for _ in 0..MAX_PLAYLISTS {
        let mut http = Http::open(Arc::clone(line), &url)?;
        let (mut text, mut chunk) = (Vec::new(), vec![0; CHUNK_BYTES]);
        loop {
            let count = http.read(&mut chunk)?;
            if count == 0 {
                break;
            }
            text.extend_from_slice(chunk.get(..count).unwrap_or_default());
            if MAX_BYTES < text.len() {
                return Err(SourceError::TooLarge);
            }
        }
        match parse(&text, http.found())? {
            Parsed::Pieces(playlist) => return Ok(playlist),
            Parsed::Quality(next) => url = next.into(),
        }
    }
    Err(PlaylistError::Malformed.into())
}
