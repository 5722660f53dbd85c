//! The client's end of dynamic channels: what an RDP client's plugin does for the agent.
//!
//! INVARIANT: never holds up the connection. What the device does not read waits in a bounded
//! queue; beyond it the channel closes.

use crate::CHANNEL;
use crate::client::{ClientFacts, Device};
use crate::facts::Facts;
use ironrdp_core::impl_as_any;
use ironrdp_dvc::{DvcChannelListener, DvcClientProcessor, DvcMessage, DvcProcessor};
use ironrdp_pdu::PduResult;
use nearside_channel::plugin::{ConnectionFacts, preamble};
use std::io;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

/// Messages that wait for the device, at most 32 KiB each.
const WAITING: usize = 256;

/// Longest message to the server.
const MAX_MESSAGE: usize = 64 << 10;

/// A channel that answers each message with itself, as MS-RDPEECO has it.
pub(crate) const ECHO: &str = "ECHO";

/// What the writing half does.
pub(crate) enum Outgoing {
    Data { id: u32, bytes: Vec<u8> },
    Close { id: u32 },
}

/// Brings the media channel to the device, or declines it.
pub(crate) struct Bringer {
    pub(crate) device: Device,
    pub(crate) outgoing: mpsc::Sender<Outgoing>,
    pub(crate) facts: Facts<ClientFacts>,
}

/// How the device is reached once a channel opens.
enum Way {
    Connected(UnixStream, Vec<u8>),
    Offered(UnixListener, PathBuf),
}

impl Bringer {
    fn reach(&self) -> io::Result<Way> {
        match &self.device {
            Device::Plugin(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                let line = preamble(&connection_facts()).map_err(io::Error::other)?;
                Ok(Way::Connected(UnixStream::from_std(stream)?, line))
            }
            Device::Proxy(path) => Ok(Way::Offered(UnixListener::bind(path)?, path.clone())),
            Device::Absent => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn connection_facts() -> ConnectionFacts {
    ConnectionFacts {
        plugin_version: env!("CARGO_PKG_VERSION").to_owned(),
        client: "a test's RDP client".to_owned(),
        pid: std::process::id(),
        ..ConnectionFacts::default()
    }
}

impl DvcChannelListener for Bringer {
    fn channel_name(&self) -> &str {
        CHANNEL
    }

    fn create(&mut self, id: u32) -> Option<Box<dyn DvcClientProcessor>> {
        let Ok(way) = self.reach() else {
            self.facts.change(|facts| facts.declined += 1);
            return None;
        };
        self.facts.change(|facts| facts.opened += 1);
        let (to_device, waiting) = mpsc::channel(WAITING);
        let (overflow, overflowed) = oneshot::channel();
        let outgoing = self.outgoing.clone();
        tokio::task::spawn_local(async move {
            // The device ends the channel, whatever its reason is.
            let _ = carry(way, id, waiting, overflowed, &outgoing).await;
            let _ = outgoing.send(Outgoing::Close { id }).await;
        });
        let facts = self.facts.clone();
        let to_device = Some(to_device);
        Some(Box::new(Pump { to_device, overflow: Some(overflow), facts }))
    }
}

/// One open channel.
struct Pump {
    to_device: Option<mpsc::Sender<Vec<u8>>>,
    overflow: Option<oneshot::Sender<()>>,
    facts: Facts<ClientFacts>,
}

impl_as_any!(Pump);

impl DvcProcessor for Pump {
    fn channel_name(&self) -> &str {
        CHANNEL
    }

    fn start(&mut self, _id: u32) -> PduResult<Vec<DvcMessage>> {
        Ok(Vec::new())
    }

    fn process(&mut self, _id: u32, payload: &[u8]) -> PduResult<Vec<DvcMessage>> {
        let full = match &self.to_device {
            Some(queue) => queue.try_send(payload.to_vec()),
            None => Ok(()),
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = full {
            self.facts.change(|facts| facts.overflowed += 1);
            self.to_device = None;
            if let Some(overflow) = self.overflow.take() {
                let _ = overflow.send(()); // gone already: as good
            }
        }
        Ok(Vec::new())
    }

    fn close(&mut self, _id: u32) {
        self.to_device = None;
    }
}

impl DvcClientProcessor for Pump {}

async fn carry(
    way: Way,
    id: u32,
    mut waiting: mpsc::Receiver<Vec<u8>>,
    overflowed: oneshot::Receiver<()>,
    outgoing: &mpsc::Sender<Outgoing>,
) -> io::Result<()> {
    let (stream, first) = match way {
        Way::Connected(stream, line) => (stream, line),
        Way::Offered(listener, path) => {
            let (stream, _) = listener.accept().await?;
            std::fs::remove_file(path)?; // it serves one connection
            (stream, Vec::new())
        }
    };
    let (mut reader, mut writer) = stream.into_split();
    let to_device = async {
        writer.write_all(&first).await?;
        while let Some(bytes) = waiting.recv().await {
            writer.write_all(&bytes).await?;
        }
        Ok(())
    };
    let from_device = async {
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            let count = reader.read(&mut buffer).await?;
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if bytes.is_empty() || outgoing.send(Outgoing::Data { id, bytes }).await.is_err() {
                return Ok(());
            }
        }
    };
    let overflowed = async {
        if overflowed.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = to_device => ended,
        ended = from_device => ended,
        () = overflowed => Ok(()),
    }
}

/// Takes [`ECHO`], so that a test can ask whether the connection lives.
pub(crate) struct Echo;

impl DvcChannelListener for Echo {
    fn channel_name(&self) -> &str {
        ECHO
    }

    fn create(&mut self, _id: u32) -> Option<Box<dyn DvcClientProcessor>> {
        Some(Box::new(Self))
    }
}

impl_as_any!(Echo);

impl DvcProcessor for Echo {
    fn channel_name(&self) -> &str {
        ECHO
    }

    fn start(&mut self, _id: u32) -> PduResult<Vec<DvcMessage>> {
        Ok(Vec::new())
    }

    fn process(&mut self, _id: u32, payload: &[u8]) -> PduResult<Vec<DvcMessage>> {
        Ok(vec![crate::drdynvc::message_of(payload.to_vec())])
    }
}

impl DvcClientProcessor for Echo {}
