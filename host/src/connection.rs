//! One connection to the device: the link's greeting and heartbeat over a transport's bytes.
//!
//! Owner: the broker's task, through [`Connection::turn`]. The session core decides what is
//! sent; the link's own messages go before it.
//!
//! INVARIANT: before each write the transport is asked whether the stream is stale.
//! INVARIANT: at most [`WRITE_BATCH`] bytes and one frame are on their way into the stream,
//! so that control never waits behind more media than that.

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use nearside_channel::codec::{self, DecodeError};
use nearside_channel::link::{self, HostInput, HostLink, HostOutput};
use nearside_channel::message::Hello;
use nearside_channel::wire::{FrameReader, Kind, WireError};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::session::{DeviceError, Session};
use crate::transport::{ByteStream, Change, Transport};

/// Frames are gathered up to this many bytes before one write.
const WRITE_BATCH: usize = 32 << 10;
/// One read.
const READ_SIZE: usize = 32 << 10;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("the remote desktop client has gone")]
    Gone,
    #[error("the device closed the channel")]
    Closed,
    #[error("the channel failed: {0}")]
    Io(std::io::ErrorKind),
    #[error(transparent)]
    Link(link::Closed),
    #[error("the device broke the frame format: {0}")]
    Wire(#[from] WireError),
    #[error("the device sent a {0} frame")]
    Unexpected(Kind),
    #[error("the device sent what is no message: {0}")]
    Message(#[from] DecodeError),
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    reader: ReadHalf<ByteStream>,
    writer: WriteHalf<ByteStream>,
    link: HostLink,
    frames: FrameReader,
    /// Frames of the link itself.
    urgent: Vec<u8>,
    /// Bytes on their way into the stream, and how many have gone.
    writing: Vec<u8>,
    written: usize,
    buffer: Vec<u8>,
    opened: bool,
    sent_bytes: u64,
    round_trips: Vec<Duration>,
}

impl Connection {
    pub(crate) fn new(stream: ByteStream, hello: Hello) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            reader,
            writer,
            link: HostLink::new(Instant::now(), hello),
            frames: FrameReader::default(),
            urgent: Vec::new(),
            writing: Vec::new(),
            written: 0,
            buffer: vec![0; READ_SIZE],
            opened: false,
            sent_bytes: 0,
            round_trips: Vec::new(),
        }
    }

    /// Whether the device ever took it.
    pub(crate) fn was_opened(&self) -> bool {
        self.opened
    }

    /// Bytes sent and round trips measured since the last call.
    pub(crate) fn take_counts(&mut self) -> (u64, Vec<Duration>) {
        (std::mem::take(&mut self.sent_bytes), std::mem::take(&mut self.round_trips))
    }

    /// Waits for one thing to happen and does what it asks for. Cancel safe.
    ///
    /// # Errors
    /// The connection has ended; nothing more is written.
    pub(crate) async fn turn(
        &mut self,
        session: &mut Session,
        transport: &mut Transport,
    ) -> Result<(), Ended> {
        let deadline = self.drain_link(session)?;
        self.gather(session);
        let unwritten = self.writing.get(self.written..).unwrap_or_default();
        if !unwritten.is_empty() && transport.is_stale() {
            return Err(Ended::Gone);
        }
        tokio::select! {
            biased;
            change = transport.changed() => match change {
                Change::Gone => return Err(Ended::Gone),
                Change::Appeared => {}
            },
            written = self.writer.write(unwritten), if !unwritten.is_empty() => {
                let written = written.map_err(|error| Ended::Io(error.kind()))?;
                self.written += written;
                self.sent_bytes += u64::try_from(written).unwrap_or(0);
            }
            count = self.reader.read(&mut self.buffer) => {
                match count.map_err(|error| Ended::Io(error.kind()))? {
                    0 => return Err(Ended::Closed),
                    count => self.on_bytes(count, session)?,
                }
            }
            () = sleep_until(deadline) => self.link.handle(Instant::now(), HostInput::Timeout),
        }
        self.drain_link(session)?;
        Ok(())
    }

    /// Says goodbye as far as the stream takes it at once.
    pub(crate) fn close(mut self, transport: &mut Transport) {
        let reason = "the last browser has gone".to_owned();
        self.link.handle(Instant::now(), HostInput::Goodbye { reason });
        let mut last = self.writing.split_off(self.written.min(self.writing.len()));
        while let HostOutput::Send(message) = self.link.poll() {
            // The device may be gone already, or the message be lost: it will notice.
            let _ = codec::encode_host(&message, &mut last);
        }
        if !transport.is_stale() {
            let mut context = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.writer).poll_write(&mut context, &last);
        }
    }

    /// Fills the empty write buffer.
    fn gather(&mut self, session: &mut Session) {
        if self.written < self.writing.len() {
            return;
        }
        self.writing.clear();
        self.written = 0;
        self.writing.append(&mut self.urgent);
        session.fill();
        while self.writing.len() < WRITE_BATCH && session.next_frame(&mut self.writing) {}
    }

    fn on_bytes(&mut self, count: usize, session: &mut Session) -> Result<(), Ended> {
        let mut chunk = self.buffer.get(..count).unwrap_or_default();
        while let Some(frame) = self.frames.next_frame(&mut chunk)? {
            if frame.kind() != Kind::Control {
                return Err(Ended::Unexpected(frame.kind()));
            }
            let message = codec::decode_device(&frame.body)?;
            self.link.handle(Instant::now(), HostInput::Message(Box::new(message)));
            drain(
                &mut self.link,
                &mut self.urgent,
                &mut self.opened,
                &mut self.round_trips,
                session,
            )?;
        }
        Ok(())
    }

    fn drain_link(&mut self, session: &mut Session) -> Result<Option<Instant>, Ended> {
        drain(&mut self.link, &mut self.urgent, &mut self.opened, &mut self.round_trips, session)
    }
}

/// Answers that wait for a device which asks on and on and takes none, in bytes.
const MAX_URGENT: usize = 64 << 10;

/// Does what the link asks for; when to come back to it.
fn drain(
    link: &mut HostLink,
    urgent: &mut Vec<u8>,
    opened: &mut bool,
    round_trips: &mut Vec<Duration>,
    session: &mut Session,
) -> Result<Option<Instant>, Ended> {
    loop {
        match link.poll() {
            HostOutput::Send(message) => {
                if let Err(error) = codec::encode_host(&message, urgent) {
                    tracing::warn!(%error, "a message of the link was out of bounds");
                }
                if MAX_URGENT < urgent.len() {
                    return Err(DeviceError::Clogged.into());
                }
            }
            HostOutput::Opened(welcome) => {
                *opened = true;
                session.opened(*welcome)?;
            }
            HostOutput::Deliver(message) => session.on_device(message, Instant::now())?,
            HostOutput::RoundTrip(time) => round_trips.push(time),
            HostOutput::Closed(closed) => return Err(Ended::Link(closed)),
            HostOutput::WaitUntil(until) => return Ok(until),
        }
    }
}

/// Never, if there is no instant.
pub(crate) async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
