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
        let mut demux = match self.open() {
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
                Work::Seek(to) => self.seek(&mut demux, to),
                Work::Read => self.read(&mut demux),
            };
            match result {
                // A seek or the end: what to do now is said by the next look.
                Err(SourceError::Network(FetchError::Cut)) => {}
                result => result?,
            }
        }
    }

    fn open(&self) -> Result<Demux, SourceError> {
        let http = Http::open(Arc::clone(&self.line), &self.url)?;
        Demux::open(http, Arc::clone(&self.line))
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
        let tracks = demux.tracks().len();
        *demux = self.open()?;
        if demux.tracks().len() != tracks {
            return Err(FetchError::Changed.into());
        }
        Ok(())
    }
}
