//! One client of the broker's socket: a browser's port, or someone who asks for the status.
//!
//! The client's first line says which. A browser is answered `ok` and from then on speaks
//! native messaging (`u32` length in native byte order, then JSON) through its relay, which
//! copies bytes and knows nothing of them. Two tasks a browser: one reads, one writes; the
//! broker's task has the state.
//!
//! INVARIANT: a message is bounded before it is read, and what waits to be written to a
//! browser is bounded: one that does not read is let go. The socket itself keeps little, so
//! that a relay that stands still is found soon: its browser plays by itself by then, and the
//! device must not go on, too.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nearside_channel::extension::{ExtensionMessage, HostEvent, MAX_PIECE, MAX_TO_BROWSER};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::sync::{mpsc, oneshot};

use crate::desktop::ancestry;
use crate::meeting::Client;
use crate::session::BrowserId;
use crate::status::Status;

/// First line of a relay.
pub(crate) const BROWSER_LINE: &str = "browser\n";
/// The answer to it.
pub(crate) const OK_LINE: &str = "ok\n";
/// First line of someone who asks for the status.
pub(crate) const STATUS_LINE: &str = "status\n";

/// Longest message of a browser in bytes: a piece of media in base64, and the rest of it.
const MAX_MESSAGE: u32 = 2 << 20;
const _: () = assert!(MAX_PIECE / 3 * 4 + (64 << 10) < 2 << 20, "a piece of media must fit");

/// Messages that may wait for a browser to read, and their bytes.
const OUTBOX: usize = 4096;
const OUTBOX_BYTES: usize = 8 << 20;

/// What the socket keeps for a relay that does not read, in bytes: less than the system's
/// least, which is a few messages.
#[cfg(unix)]
const SOCKET_BYTES: usize = 1;

/// A relay only copies: one that has taken nothing for so long stands still.
const STUCK: Duration = Duration::from_secs(3);

/// A client that has not said what it is by then goes.
const SILENT: Duration = Duration::from_secs(5);

/// What waits for one browser. Dropping it closes the port once that is written.
#[derive(Debug)]
pub(crate) struct Outbox {
    messages: mpsc::Sender<Vec<u8>>,
    waiting: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: AtomicUsize,
    /// When the message began that is being written.
    since: Mutex<Option<Instant>>,
}

impl Waiting {
    fn mark(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Outbox {
    /// False: the browser does not read.
    pub(crate) fn push(&self, message: Vec<u8>) -> bool {
        let length = message.len();
        let queued = self.waiting.bytes.fetch_add(length, Ordering::Relaxed);
        queued + length <= OUTBOX_BYTES && self.messages.try_send(message).is_ok()
    }

    /// Its relay takes nothing, now and for a while.
    pub(crate) fn is_stuck(&self) -> bool {
        let since = *self.waiting.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| STUCK < since.elapsed())
    }
}

/// What ports tell the broker's task.
#[derive(Debug)]
pub(crate) enum Input {
    /// With the processes that it may be, see [`crate::desktop`].
    Came(BrowserId, Outbox, Vec<u32>),
    Said(BrowserId, Box<ExtensionMessage>),
    /// It sent what is no message.
    Unreadable(BrowserId),
    Gone(BrowserId),
    Status(oneshot::Sender<Status>),
}

/// Serves one client until it or the broker ends.
pub(crate) async fn serve(stream: Client, id: BrowserId, broker: mpsc::Sender<Input>) {
    let processes = ancestry(&stream);
    #[cfg(unix)]
    if let Err(error) = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SOCKET_BYTES) {
        tracing::debug!(%error, "a relay that stands still is found later");
    }
    let (reader, writer) = tokio::io::split(stream);
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let mut line = String::new();
    // A client that does not say what it is costs a descriptor.
    let first = tokio::time::timeout(SILENT, (&mut reader).take(16).read_line(&mut line)).await;
    match (first.unwrap_or(Ok(0)), line.as_str()) {
        (Ok(1..), BROWSER_LINE) => serve_browser(reader, writer, id, processes, &broker).await,
        (Ok(1..), STATUS_LINE) => serve_status(writer, &broker).await,
        _ => {}
    }
}

async fn serve_status(mut writer: impl AsyncWrite + Unpin, broker: &mpsc::Sender<Input>) {
    let (answer, status) = oneshot::channel();
    if broker.send(Input::Status(answer)).await.is_err() {
        return;
    }
    let Ok(status) = status.await else { return };
    if let Ok(mut line) = serde_json::to_vec(&status) {
        line.push(b'\n');
        // Who has gone does not want to know.
        let _ = writer.write_all(&line).await;
    }
}

async fn serve_browser(
    mut reader: BufReader<impl AsyncRead + Unpin>,
    mut writer: impl AsyncWrite + Unpin,
    id: BrowserId,
    processes: Vec<u32>,
    broker: &mpsc::Sender<Input>,
) {
    if writer.write_all(OK_LINE.as_bytes()).await.is_err() {
        return;
    }
    let (messages, outgoing) = mpsc::channel(OUTBOX);
    let waiting = Arc::new(Waiting::default());
    let outbox = Outbox { messages, waiting: Arc::clone(&waiting) };
    if broker.send(Input::Came(id, outbox, processes)).await.is_err() {
        return;
    }
    // Ends when the broker lets go of the outbox, and takes the reading end with it.
    let writing = write(writer, outgoing, &waiting);
    tokio::select! {
        () = writing => {}
        () = read(&mut reader, id, broker) => {}
    }
    // The broker may end itself just now.
    let _ = broker.send(Input::Gone(id)).await;
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    waiting: &Waiting,
) {
    while let Some(message) = outgoing.recv().await {
        waiting.bytes.fetch_sub(message.len(), Ordering::Relaxed);
        waiting.mark(Some(Instant::now()));
        if writer.write_all(&message).await.is_err() {
            return;
        }
        waiting.mark(None);
    }
}

async fn read(
    reader: &mut BufReader<impl AsyncRead + Unpin>,
    id: BrowserId,
    broker: &mpsc::Sender<Input>,
) {
    let mut body = Vec::new();
    loop {
        let mut length = [0; 4];
        if reader.read_exact(&mut length).await.is_err() {
            return;
        }
        let length = u32::from_ne_bytes(length);
        let input = if length <= MAX_MESSAGE {
            body.clear();
            let read = (&mut *reader).take(u64::from(length)).read_to_end(&mut body).await;
            if read.ok().and_then(|count| u32::try_from(count).ok()) != Some(length) {
                return;
            }
            serde_json::from_slice(&body).ok()
        } else {
            None
        };
        match input {
            Some(message) => {
                if broker.send(Input::Said(id, Box::new(message))).await.is_err() {
                    return;
                }
            }
            None => {
                // The broker answers and then closes; what else comes is not read.
                if broker.send(Input::Unreadable(id)).await.is_err() {
                    return;
                }
                return std::future::pending().await;
            }
        }
    }
}

/// A native message for the browser. `None`: it cannot be sent.
pub(crate) fn encode(event: &HostEvent) -> Option<Vec<u8>> {
    let mut message = vec![0; 4];
    serde_json::to_writer(&mut message, event).ok()?;
    let length = message.len() - 4;
    if MAX_TO_BROWSER < length {
        return None;
    }
    let length = u32::try_from(length).ok()?.to_ne_bytes();
    message.iter_mut().zip(length).for_each(|(slot, byte)| *slot = byte);
    Some(message)
}
