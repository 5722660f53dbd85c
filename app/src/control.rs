//! The control socket: what the panel and scripts say to the agent, one JSON value a line.
//!
//! A connection sends [`Request`]s and receives [`Reply`]s. `Watch` makes the agent send a
//! [`Reply::Status`] at once and after each change, merged to a few a second.

use crate::status::Status;
use nearside_channel::message::{DeviceSettings, PageId, PlayerCommand, PlayerId};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest accepted line in bytes.
pub const MAX_LINE: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// One snapshot.
    Status,
    /// A snapshot now and after each change.
    Watch,
    /// The user's switches; takes effect at once and is kept.
    SetSettings { settings: DeviceSettings },
    /// Steers an item, as its page would.
    Steer { page: PageId, player: PlayerId, command: PlayerCommand },
    /// Writes what an item's page shows as PNG to `path`; answered when it is written.
    Screenshot { page: PageId, path: String },
    /// Log lines of the agent and its stages from this number on, answered by `Logs`. A
    /// number that no line has yet gives none, and the number of the next one.
    Logs { since: u64 },
    /// Opens the panel.
    OpenPanel,
    /// Ends the agent and everything it started.
    Quit,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    Status(Box<Status>),
    Done,
    /// Oldest first. `next`: the number of the line after them.
    Logs {
        lines: Vec<String>,
        next: u64,
    },
    Refused {
        message: String,
    },
}

/// An agent that takes no request for so long is as good as gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(2);

/// A blocking client of the control socket.
pub struct Connection {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Connection {
    /// Connects to this user's agent.
    ///
    /// # Errors
    /// No agent runs, or its socket cannot be reached.
    pub fn open() -> io::Result<Self> {
        Self::open_at(&crate::paths::control_socket()?)
    }

    /// Connects to the agent that listens at `path`.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn open_at(path: &Path) -> io::Result<Self> {
        let writer = UnixStream::connect(path)?;
        writer.set_write_timeout(Some(WRITE_PATIENCE))?;
        Ok(Self { reader: BufReader::new(writer.try_clone()?), writer })
    }

    /// A second handle for sending, e.g. from another thread.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn sender(&self) -> io::Result<Sender> {
        Ok(Sender(self.writer.try_clone()?))
    }

    /// # Errors
    /// The agent takes nothing. One that has hung up may have said why: see [`Self::receive`].
    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        match write_line(&mut self.writer, request) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// Bounds how long [`Self::receive`] waits from now on; `None` is for ever.
    ///
    /// # Errors
    /// `patience` is zero.
    pub fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        self.writer.set_read_timeout(patience)
    }

    /// Waits for the next reply.
    ///
    /// # Errors
    /// `InvalidData` when the agent speaks another version, anything else when it is gone.
    pub fn receive(&mut self) -> io::Result<Reply> {
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        (&mut self.reader).take(limit).read_until(b'\n', &mut line)?;
        if line.len() >= MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line over the limit"));
        }
        if line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the agent has ended"));
        }
        Ok(serde_json::from_slice(&line)?)
    }
}

/// The sending half of a [`Connection`].
#[derive(Debug)]
pub struct Sender(UnixStream);

impl Sender {
    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        write_line(&mut self.0, request)
    }

    /// Ends the connection, so that a waiting [`Connection::receive`] returns.
    pub fn hang_up(&self) {
        // Fails only when it has ended already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

fn write_line(writer: &mut UnixStream, request: &Request) -> io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    writer.write_all(&line)
}
