//! The stage's voice: messages to the agent, written by one thread.
//!
//! INVARIANT: bounded. When the agent does not read, senders on the input side wait (which
//! stops the credits), and reports that repeat themselves are left out.

use nearside::stage_link::FromStage;
use nearside_channel::log::MAX_LINE;
use nearside_channel::message::StreamId;
use nearside_channel::validate::clipped;
use nearside_channel::wire::{self, Kind};
use std::io::Write as _;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

const DEPTH: usize = 512;

/// An agent that does not read so long gets no last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Handle for sending; cheap to clone.
#[derive(Clone)]
pub(crate) struct Outbox(SyncSender<Entry>);

enum Entry {
    Frame(Vec<u8>),
    /// All before it is written.
    Mark(SyncSender<()>),
}

impl Outbox {
    /// Starts the writer thread on standard output. The agent gone ends the process: a stage
    /// without its agent has nobody to play for.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (send, queued) = sync_channel(DEPTH);
        std::thread::Builder::new().name("outbox".to_owned()).spawn(move || {
            let mut out = std::io::stdout().lock();
            for entry in queued {
                match entry {
                    Entry::Frame(frame) => {
                        if out.write_all(&frame).and_then(|()| out.flush()).is_err() {
                            std::process::exit(0);
                        }
                    }
                    Entry::Mark(written) => drop(written.try_send(())),
                }
            }
        })?;
        Ok(Self(send))
    }

    /// Sends, waiting while the queue is full.
    pub(crate) fn send(&self, message: &FromStage) {
        if let Some(frame) = frame(message) {
            // Fails only while the process ends.
            let _ = self.0.send(Entry::Frame(frame));
        }
    }

    /// Waits until all is written, before the process ends.
    pub(crate) fn finish(&self) {
        let (mark, written) = sync_channel(1);
        if self.0.try_send(Entry::Mark(mark)).is_ok() {
            let _ = written.recv_timeout(LAST_WORDS);
        }
    }

    /// Sends a report that the next one replaces: left out when the queue is full.
    pub(crate) fn report(&self, message: &FromStage) {
        if let Some(frame) = frame(message)
            && let Err(TrySendError::Full(_)) = self.0.try_send(Entry::Frame(frame))
        {
            tracing::debug!("the agent does not read: a report was left out");
        }
    }

    /// Sends a log line, left out when the queue is full. Logs nothing itself: the log would
    /// come back here.
    pub(crate) fn log(&self, line: &str) {
        let line = clipped(line, MAX_LINE).to_owned();
        if let Some(frame) = frame(&FromStage::Log { line }) {
            let _ = self.0.try_send(Entry::Frame(frame));
        }
    }
}

fn frame(message: &FromStage) -> Option<Vec<u8>> {
    let body = serde_json::to_vec(message).ok()?;
    let mut frame = Vec::with_capacity(body.len() + wire::HEADER_SIZE);
    wire::encode(Kind::Control, StreamId(0), &body, &mut frame).ok()?;
    Some(frame)
}
