//! Where programs of the session reach dynamic channels: as xrdp's chansrv offers them, and
//! as a socket forwarded over another protocol would.
//!
//! `xrdpapi_N` takes a request and gives an answer, then carries raw bytes (little-endian):
//!
//! | direction   | bytes                                                            |
//! |-------------|------------------------------------------------------------------|
//! | to chansrv  | `u32 16 + n`, `u32 0`, `u32 n`, name (n bytes), `u32 flags`      |
//! | from it     | `u32 CreationStatus`; the end instead when no client is connected|
//!
//! As there, the end of the channel or of the RDP connection is not told: what is written then
//! vanishes, and is counted. `xrdp_chansrv_socket_N` exists exactly while no client is
//! connected. `plain.sock` is one channel with nothing before it that ends when the channel
//! ends.

use crate::CHANNEL;
use crate::drdynvc::Opened;
use crate::facts::Facts;
use crate::server::ServerFacts;
use crate::session::Command;
use anyhow::{Context as _, ensure};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

/// Longest message to the client, as chansrv cuts them.
const MAX_MESSAGE: usize = 32 << 10;

/// Longest channel name that is taken.
const MAX_NAME: u32 = 255;

/// Number of the X display that the session would have.
pub const DISPLAY: u32 = 10;

/// Names in the folder.
pub(crate) const PLAIN: &str = "plain.sock";

/// The session's side of the server.
pub(crate) struct Sockets {
    folder: PathBuf,
    /// Of the RDP connection, while there is one.
    commands: RefCell<Option<mpsc::Sender<Command>>>,
    facts: Facts<ServerFacts>,
    /// Exists while no client is connected.
    unconnected: RefCell<Option<std::os::unix::net::UnixListener>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Xrdp,
    Plain,
}

impl Sockets {
    /// Opens all sockets in `folder`. Within a `LocalSet`.
    pub(crate) fn open(folder: &Path, facts: Facts<ServerFacts>) -> anyhow::Result<Rc<Self>> {
        let sockets = Rc::new(Self {
            folder: folder.to_owned(),
            commands: RefCell::new(None),
            facts,
            unconnected: RefCell::new(None),
        });
        for (name, manner) in [(xrdp_name(), Manner::Xrdp), (PLAIN.to_owned(), Manner::Plain)] {
            let listener = UnixListener::bind(folder.join(name)).context("open a socket")?;
            let sockets = Rc::clone(&sockets);
            tokio::task::spawn_local(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let sockets = Rc::clone(&sockets);
                    tokio::task::spawn_local(async move {
                        // What a program of the session does wrong ends its own socket only.
                        let _ = sockets.serve(stream, manner).await;
                    });
                }
            });
        }
        sockets.set_connected(None)?;
        Ok(sockets)
    }

    /// An RDP connection begins, or ends.
    pub(crate) fn set_connected(
        &self,
        commands: Option<mpsc::Sender<Command>>,
    ) -> anyhow::Result<()> {
        let path = self.folder.join(format!("xrdp_chansrv_socket_{DISPLAY}"));
        let listening = self.unconnected.borrow().is_some();
        match (&commands, listening) {
            (Some(_), true) => {
                self.unconnected.replace(None);
                std::fs::remove_file(&path).context("remove the socket for xrdp")?;
            }
            (None, false) => {
                let listener = std::os::unix::net::UnixListener::bind(&path);
                let listener = listener.context("open the socket for xrdp")?;
                self.unconnected.replace(Some(listener));
            }
            _ => {}
        }
        self.commands.replace(commands);
        Ok(())
    }

    async fn serve(&self, mut stream: UnixStream, manner: Manner) -> anyhow::Result<()> {
        let name = match manner {
            Manner::Xrdp => read_request(&mut stream).await?,
            Manner::Plain => CHANNEL.to_owned(),
        };
        let commands = self.commands.borrow().clone().context("no client")?;
        let (answer, answered) = oneshot::channel();
        commands.send(Command::Open { name, answer }).await?;
        match answered.await? {
            Ok(opened) => {
                if manner == Manner::Xrdp {
                    stream.write_all(&0u32.to_le_bytes()).await?;
                }
                self.facts.change(|facts| facts.opened += 1);
                self.carry(stream, opened, commands, manner).await
            }
            Err(status) => {
                self.facts.change(|facts| facts.declined += 1);
                if manner == Manner::Xrdp {
                    stream.write_all(&status.to_le_bytes()).await?;
                }
                Ok(())
            }
        }
    }

    /// Carries bytes until the program of the session is done, then closes the channel.
    async fn carry(
        &self,
        stream: UnixStream,
        opened: Opened,
        commands: mpsc::Sender<Command>,
        manner: Manner,
    ) -> anyhow::Result<()> {
        let id = opened.id;
        let carried = self.carry_both_ways(stream, opened, &commands, manner).await;
        // The connection may have ended before.
        let _ = commands.send(Command::Close { id }).await;
        carried
    }

    async fn carry_both_ways(
        &self,
        stream: UnixStream,
        opened: Opened,
        commands: &mpsc::Sender<Command>,
        manner: Manner,
    ) -> anyhow::Result<()> {
        let Opened { id, mut arriving } = opened;
        let (mut reader, mut writer) = stream.into_split();
        let up = async {
            while let Some(bytes) = arriving.recv().await {
                writer.write_all(&bytes).await?;
            }
            anyhow::Ok(())
        };
        let down = async {
            let mut buffer = vec![0; MAX_MESSAGE];
            loop {
                let count = reader.read(&mut buffer).await?;
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if bytes.is_empty() || commands.send(Command::Data { id, bytes }).await.is_err() {
                    break anyhow::Ok(count);
                }
            }
        };
        let vanished = tokio::select! {
            ended = up => ended.map(|()| 0)?,
            count = down => match count? {
                0 => return Ok(()),
                count => count,
            },
        };
        if manner == Manner::Plain {
            return Ok(());
        }
        // Not told, as in xrdp: the socket stays open in both directions.
        self.count_vanished(vanished);
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok(()),
                count => self.count_vanished(count),
            }
        }
    }

    fn count_vanished(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.facts
            .change(|facts| facts.vanished_bytes = facts.vanished_bytes.saturating_add(bytes));
    }
}

/// Name of the socket that xrdp's channel interface has in its folder.
pub(crate) fn xrdp_name() -> String {
    format!("xrdpapi_{DISPLAY}")
}

/// The channel's name.
async fn read_request(stream: &mut UnixStream) -> anyhow::Result<String> {
    let (total, zero) = (stream.read_u32_le().await?, stream.read_u32_le().await?);
    let length = stream.read_u32_le().await?;
    ensure!(zero == 0 && length <= MAX_NAME && total == 16 + length, "not a request");
    let mut name = vec![0; usize::try_from(length)?];
    stream.read_exact(&mut name).await?;
    let flags = stream.read_u32_le().await?;
    ensure!((1..=4).contains(&flags), "not a dynamic channel: {flags}");
    String::from_utf8(name).context("the channel's name")
}
