//! Server, client and device in one place, to be connected, cut and connected again.

use crate::CHANNEL;
use crate::client::{Device, RdpClient};
use crate::pump::ECHO;
use crate::server::RdpServer;
use crate::tls::Identity;
use anyhow::{Context as _, ensure};
use nearside::paths::{IRONRDP_SOCKET, PLUGIN_SOCKET};
use nearside_tests::STEP;
use nearside_tests::place::Place;
use std::fs::DirBuilder;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Asks for a dynamic channel that may be compressed or not, with low priority.
const DYNAMIC: u32 = 1;

/// A place with an RDP server whose session's sockets lie in it.
pub struct Leg {
    pub server: RdpServer,
    pub identity: Identity,
    pub place: Place,
}

impl Leg {
    /// Starts the server; no client is connected.
    ///
    /// # Errors
    /// No port or no folder.
    pub fn new() -> anyhow::Result<Self> {
        let place = Place::new()?;
        for folder in [place.file("xrdp"), place.runtime().join("nearside")] {
            DirBuilder::new().mode(0o700).create(folder)?;
        }
        let identity = Identity::generate()?;
        let server = RdpServer::start(&identity, &place.file("xrdp"))?;
        Ok(Self { server, identity, place })
    }

    /// Connects a client that brings the channel to this place's agent.
    ///
    /// # Errors
    /// The connection does not come about.
    pub fn connect(&self) -> anyhow::Result<RdpClient> {
        self.connect_with(Device::Plugin(self.plugin_socket()))
    }

    /// Connects a client.
    ///
    /// # Errors
    /// The connection does not come about.
    pub fn connect_with(&self, device: Device) -> anyhow::Result<RdpClient> {
        let before = self.server.facts().accepted;
        let client = RdpClient::connect(self.server.address(), &self.identity, device)?;
        self.server.wait("the client", |facts| before < facts.accepted && facts.connected)?;
        Ok(client)
    }

    /// Where the agent of this place listens for the plugin.
    pub fn plugin_socket(&self) -> PathBuf {
        self.place.runtime().join("nearside").join(PLUGIN_SOCKET)
    }

    /// Where the agent of this place looks for IronRDP's pipe proxy.
    pub fn proxy_socket(&self) -> PathBuf {
        self.place.runtime().join("nearside").join(IRONRDP_SOCKET)
    }

    /// Opens the media channel as a program of an xrdp session does.
    ///
    /// # Errors
    /// As [`open_xrdp`].
    pub fn open(&self) -> anyhow::Result<UnixStream> {
        match open_xrdp(&self.server.xrdp_socket(), CHANNEL)? {
            Answer::Open(stream) => Ok(stream),
            other => anyhow::bail!("the channel is not open: {other:?}"),
        }
    }

    /// Sends a message over a channel of its own, through the client and back.
    ///
    /// # Errors
    /// The RDP connection does not live.
    pub fn check_alive(&self) -> anyhow::Result<()> {
        let Answer::Open(mut stream) = open_xrdp(&self.server.xrdp_socket(), ECHO)? else {
            anyhow::bail!("the client does not take {ECHO}");
        };
        let sent = *b"are you there?";
        stream.write_all(&sent)?;
        let mut received = sent.map(|_| 0);
        stream.read_exact(&mut received).context("wait for the echo")?;
        ensure!(received == sent, "the echo is {received:?}");
        Ok(())
    }
}

/// What a program of the session is told that asks for a channel.
#[derive(Debug)]
pub enum Answer {
    Open(UnixStream),
    /// The client's `CreationStatus`.
    Declined(u32),
    /// No client is connected.
    NoClient,
}

/// Asks for a dynamic channel on a socket of xrdp's kind. Reading from it is bounded in time.
///
/// # Errors
/// Nobody listens there, or there is no answer.
pub fn open_xrdp(socket: &Path, name: &str) -> anyhow::Result<Answer> {
    let mut stream = UnixStream::connect(socket).context("connect to the session's socket")?;
    stream.set_read_timeout(Some(STEP))?;
    stream.set_write_timeout(Some(STEP))?;
    let length = u32::try_from(name.len())?;
    let mut request = Vec::new();
    for number in [16 + length, 0, length] {
        request.extend_from_slice(&number.to_le_bytes());
    }
    request.extend_from_slice(name.as_bytes());
    request.extend_from_slice(&DYNAMIC.to_le_bytes());
    stream.write_all(&request)?;
    let mut status = [0; 4];
    match stream.read_exact(&mut status) {
        Ok(()) if status == [0; 4] => Ok(Answer::Open(stream)),
        Ok(()) => Ok(Answer::Declined(u32::from_le_bytes(status))),
        Err(error) if gone(error.kind()) => Ok(Answer::NoClient),
        Err(error) => Err(error).context("wait for the channel"),
    }
}

fn gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
