//! The thread of one source: reads where the player is and as far ahead as there is room.
//!
//! ```text
//!            ┌────────── room ──────────┐
//!  open ──▶ wait ──▶ read one frame ────┘
//!            │  ▲
//!       seek └──┘ (in the resource, or opened anew and read on)
//! ```

use super::demux::{Demux, Next};
use super::http::Http;
use super::line::Line;
use super::pieces::{Pieces, playlist};
use super::playlist::{Playlist, is_playlist};
use super::reader::Reader;
use super::{FetchError, SourceError};
use crate::player::{Buffers, Wake, Work};
use crate::time::Pts;
use std::sync::Arc;

/// See the module.
pub(super) struct Worker {
    url: String,
    line: Arc<Line>,
    buffers: Arc<Buffers>,
    wake: Wake,
}

impl Worker {
    pub(super) fn new(url: String, line: Arc<Line>, buffers: Arc<Buffers>, wake: Wake) -> Self {
        Self { url, line, buffers, wake }
    }

    pub(super) fn run(self) {
        if let Err(error) = self.play() {
            tracing::debug!(%error, "a source ends");
            self.buffers.source_failed(error);
            (self.wake)();
        }
    }

    /// Until the player is gone, which is no error.
    fn play(&self) -> Result<(), SourceError> {
        let (mut demux, recording) = match self.open() {
            Err(SourceError::Network(FetchError::Cut)) => return Ok(()),
            opened => opened?,
        };
        let facts = demux.facts();
        tracing::debug!(tracks = facts.tracks.len(), "a source is open");
        self.buffers.source_opened(facts);
        (self.wake)();
        let mut generation = 0;
        loop {
            let result = match self.buffers.next_work(&mut generation) {
                Work::Stop => return Ok(()),
                Work::Seek(to) => match &recording {
                    Some(recording) => self.seek_piece(&mut demux, recording, to),
                    None => self.seek(&mut demux, to),
                },
                Work::Read => self.read(&mut demux),
            };
            match result {
                // A seek or the end: what to do now is said by the next look.
                Err(SourceError::Network(FetchError::Cut)) => {}
                result => result?,
            }
        }
    }

    fn open(&self) -> Result<(Demux, Option<Recording>), SourceError> {
        if !is_playlist(&self.url) {
            return Ok((self.open_file()?, None));
        }
        let playlist = Arc::new(playlist(&self.url, &self.line)?);
        let mut demux = self.open_piece(&playlist, 0)?;
        let recording = Recording { playlist, begin_micros: demux.begin_micros() };
        recording.place(&mut demux);
        Ok((demux, Some(recording)))
    }

    fn open_file(&self) -> Result<Demux, SourceError> {
        let http = Http::open(Arc::clone(&self.line), &self.url)?;
        Demux::open(Reader::File(http), Arc::clone(&self.line))
    }

    fn open_piece(&self, playlist: &Arc<Playlist>, piece: usize) -> Result<Demux, SourceError> {
        let pieces = Pieces::from(Arc::clone(playlist), piece, Arc::clone(&self.line));
        Demux::open(Reader::Pieces(pieces), Arc::clone(&self.line))
    }

    fn read(&self, demux: &mut Demux) -> Result<(), SourceError> {
        match demux.next()? {
            Next::Frame(track, frame) => {
                if self.buffers.source_frame(track, frame) {
                    (self.wake)();
                }
            }
            Next::End => {
                self.buffers.source_ended();
                (self.wake)();
            }
        }
        Ok(())
    }

    /// Makes the media at `to` come next.
    fn seek(&self, demux: &mut Demux, to: Pts) -> Result<(), SourceError> {
        self.line.mend();
        self.buffers.source_moves(to);
        if demux.is_seekable() {
            match demux.seek(to) {
                Err(SourceError::Seek) => {}
                result => return result,
            }
        } else if !demux.is_finite() {
            return Err(FetchError::NoRanges.into());
        }
        // From the start; what lies before the place is read and let go.
        self.buffers.source_moves(Pts(i64::MIN));
        replace(demux, self.open_file()?)
    }

    /// Makes the piece come next that has the media at `to`.
    fn seek_piece(
        &self,
        demux: &mut Demux,
        recording: &Recording,
        to: Pts,
    ) -> Result<(), SourceError> {
        self.line.mend();
        self.buffers.source_moves(to);
        let playlist = &recording.playlist;
        let mut anew = self.open_piece(playlist, playlist.piece_at(to.0))?;
        recording.place(&mut anew);
        replace(demux, anew)
    }
}

/// What a playlist tells of.
struct Recording {
    playlist: Arc<Playlist>,
    /// The earliest time in the first piece.
    begin_micros: i64,
}

impl Recording {
    /// Puts what is read of a piece in its place.
    fn place(&self, demux: &mut Demux) {
        demux.set_recording(self.begin_micros, self.playlist.duration_micros);
    }
}

fn replace(demux: &mut Demux, anew: Demux) -> Result<(), SourceError> {
    if demux.tracks().len() != anew.tracks().len() {
        return Err(FetchError::Changed.into());
    }
    *demux = anew;
    Ok(())
}
