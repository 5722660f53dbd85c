//! The thread that reads the media file, so that a slow disk never stops the session.

use super::remux::{Fragment, Remux, RemuxError, TrackFacts};
use std::path::Path;
use tokio::sync::mpsc;

/// What the file is, once it is open.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) tracks: Vec<TrackFacts>,
    /// Where playing begins.
    pub(crate) begin_micros: i64,
    pub(crate) duration_micros: Option<i64>,
}

enum Request {
    Next { serial: u64 },
    Seek { to_micros: i64 },
}

/// Fragments that answer one request; empty at the end of the file.
pub(crate) struct Answer {
    /// Of the request. Answers from before a seek are void.
    pub(crate) serial: u64,
    pub(crate) fragments: Result<Vec<Fragment>, RemuxError>,
}

/// Handle of the thread; it ends when this is dropped.
pub(crate) struct Feeder {
    requests: std::sync::mpsc::SyncSender<Request>,
    answers: mpsc::Receiver<Answer>,
    serial: u64,
    waiting: bool,
}

impl Feeder {
    /// Opens the file on the calling thread, so that its error comes at once.
    pub(crate) fn open(path: &Path) -> anyhow::Result<(Self, Facts)> {
        let mut remux = Remux::open(path)?;
        let facts = Facts {
            tracks: remux.tracks(),
            begin_micros: remux.begin_micros(),
            duration_micros: remux.duration_micros(),
        };
        let (requests, asked) = std::sync::mpsc::sync_channel::<Request>(4);
        let (answer, answers) = mpsc::channel(1);
        std::thread::Builder::new().name("feeder".to_owned()).spawn(move || {
            let mut failed = None;
            for request in asked {
                match request {
                    Request::Seek { to_micros } => failed = remux.seek(to_micros).err(),
                    Request::Next { serial } => {
                        let fragments = failed.take().map_or_else(|| remux.next_fragments(), Err);
                        if answer.blocking_send(Answer { serial, fragments }).is_err() {
                            return;
                        }
                    }
                }
            }
        })?;
        Ok((Self { requests, answers, serial: 0, waiting: false }, facts))
    }

    /// Asks for more, unless it has been asked already.
    pub(crate) fn ask(&mut self) {
        if !self.waiting {
            let serial = self.serial;
            self.waiting = self.requests.try_send(Request::Next { serial }).is_ok();
        }
    }

    /// Reads on from the key frame before `to_micros`.
    pub(crate) fn seek(&mut self, to_micros: i64) {
        self.serial += 1;
        if self.requests.try_send(Request::Seek { to_micros }).is_err() {
            tracing::warn!("the media file is read too slowly for this many seeks");
        }
    }

    /// The next answer that is not void. Cancel safe.
    pub(crate) async fn answer(&mut self) -> Option<Result<Vec<Fragment>, RemuxError>> {
        loop {
            if !self.waiting {
                return std::future::pending().await;
            }
            let answer = self.answers.recv().await?;
            self.waiting = false;
            if answer.serial == self.serial {
                return Some(answer.fragments);
            }
            self.ask();
        }
    }
}
