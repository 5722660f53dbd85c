//! The RDP client in a thread of its own, with the faults that a test asks for.
//!
//! Decodes no picture. Reading and writing are two loops of one task, as in the server.

use crate::capabilities;
use crate::drdynvc;
use crate::facts::Facts;
use crate::pump::{Bringer, Echo, Outgoing};
use crate::tls::Identity;
use anyhow::{Context as _, bail};
use ironrdp_async::FramedWrite as _;
use ironrdp_connector::sspi::generator::NetworkRequest;
use ironrdp_connector::{ClientConnector, ConnectionResult, ConnectorResult, general_err};
use ironrdp_core::decode;
use ironrdp_dvc::DrdynvcClient;
use ironrdp_pdu::Action;
use ironrdp_pdu::mcs::McsMessage;
use ironrdp_pdu::x224::X224;
use ironrdp_svc::{SvcMessage, client_encode_svc_messages};
use ironrdp_tokio::{TokioFramed, split_tokio_framed};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use tokio::io::WriteHalf;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio_rustls::client::TlsStream;

/// Messages that wait to be written; more hold up whoever sends them.
const OUTGOING: usize = 4;

/// Where the client brings the media channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// Connects to this socket when the channel opens and says its facts first. Nobody
    /// there: the channel is declined.
    Plugin(PathBuf),
    /// Listens on this socket from when the channel opens, for one connection; nothing is said
    /// before the channel's bytes.
    Proxy(PathBuf),
    /// Declines the channel.
    Absent,
}

/// What the client has counted since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFacts {
    pub connected: bool,
    /// Media channels taken.
    pub opened: u64,
    /// Media channels declined.
    pub declined: u64,
    /// Media channels closed because the device did not read.
    pub overflowed: u64,
    /// Why the connection ended, if not by the test's wish.
    pub ended: Option<String>,
}

/// See the module. Dropping it ends the connection without a word.
#[derive(Debug)]
pub struct RdpClient {
    facts: Facts<ClientFacts>,
    /// Whether it holds still. Dropping it ends the client.
    frozen: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl RdpClient {
    /// Connects, and returns when the session is there.
    ///
    /// # Errors
    /// The connection does not come about.
    pub fn connect(
        address: SocketAddr,
        identity: &Identity,
        device: Device,
    ) -> anyhow::Result<Self> {
        let facts = Facts::<ClientFacts>::default();
        let (frozen, freezing) = watch::channel(false);
        let (identity, inside) = (identity.clone(), facts.clone());
        let work = move || {
            let run = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let connection = Connection { identity, device, facts: inside.clone(), freezing };
                LocalSet::new().block_on(&runtime, connection.run(address))
            };
            let ended = run();
            inside.change(|facts| {
                facts.connected = false;
                facts.ended =
                    Some(ended.map_or_else(|error| format!("{error:#}"), |()| "ended".to_owned()));
            });
        };
        let thread = std::thread::Builder::new().name("rdp client".to_owned()).spawn(work)?;
        let client = Self { facts, frozen: Some(frozen), thread: Some(thread) };
        let facts =
            client.wait("the RDP session", |facts| facts.connected || facts.ended.is_some())?;
        match facts.ended {
            Some(ended) if !facts.connected => bail!("the RDP connection ended: {ended}"),
            _ => Ok(client),
        }
    }

    pub fn facts(&self) -> ClientFacts {
        self.facts.now()
    }

    /// Waits until what it has counted `holds`.
    ///
    /// # Errors
    /// It does not.
    pub fn wait(
        &self,
        what: &str,
        holds: impl Fn(&ClientFacts) -> bool,
    ) -> anyhow::Result<ClientFacts> {
        self.facts.wait(what, holds)
    }

    /// Neither reads nor writes until it is told otherwise; the connection stays open.
    pub fn freeze(&self, frozen: bool) {
        if let Some(sender) = &self.frozen {
            sender.send_replace(frozen);
        }
    }
}

impl Drop for RdpClient {
    fn drop(&mut self) {
        self.frozen = None;
        if let Some(thread) = self.thread.take() {
            // Its end is in the facts; a panic is in the test's output.
            let _ = thread.join();
        }
    }
}

struct Connection {
    identity: Identity,
    device: Device,
    facts: Facts<ClientFacts>,
    freezing: watch::Receiver<bool>,
}

impl Connection {
    async fn run(self, address: SocketAddr) -> anyhow::Result<()> {
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        let facts = self.facts.clone();
        let bringer = Bringer { device: self.device, outgoing, facts: facts.clone() };
        let drdynvc = DrdynvcClient::new().with_listener(bringer).with_listener(Echo);
        let (framed, connected) = connect(address, &self.identity, drdynvc).await?;
        facts.change(|facts| facts.connected = true);

        let drdynvc_id = connected.static_channels.get_channel_id_by_type::<DrdynvcClient>();
        let drdynvc_id = drdynvc_id.context("the server has no dynamic channels")?;
        let user = connected.user_channel_id;
        let connected = RefCell::new(connected);
        let (mut reader, writer) = split_tokio_framed(framed);
        let (answers, answering) = mpsc::channel(OUTGOING);
        let mut freezing = self.freezing.clone();
        let reading = async {
            loop {
                thawed(&mut freezing).await?;
                let (action, bytes) = reader.read_pdu().await.context("read")?;
                if action == Action::FastPath {
                    continue;
                }
                match decode::<X224<McsMessage<'_>>>(&bytes).context("an MCS message")?.0 {
                    McsMessage::SendDataIndication(data) if data.channel_id == drdynvc_id => {
                        let messages = process(&connected, drdynvc_id, &data.user_data)?;
                        if !messages.is_empty() && answers.send(messages).await.is_err() {
                            return Ok(());
                        }
                    }
                    McsMessage::DisconnectProviderUltimatum(_) => return Ok(()),
                    _ => {}
                }
            }
        };
        let writer = Writer { writer, drdynvc_id, user, freezing: self.freezing.clone() };
        let mut freezing = self.freezing;
        let dropped = async { while freezing.changed().await.is_ok() {} };
        tokio::select! {
            ended = reading => ended,
            ended = writer.run(messages, answering, &connected) => ended,
            () = dropped => Ok(()),
        }
    }
}

/// Waits while the test wants stillness.
async fn thawed(freezing: &mut watch::Receiver<bool>) -> anyhow::Result<()> {
    freezing.wait_for(|frozen| !frozen).await.context("the test has ended")?;
    Ok(())
}

struct Writer {
    writer: TokioFramed<WriteHalf<TlsStream<TcpStream>>>,
    drdynvc_id: u16,
    user: u16,
    freezing: watch::Receiver<bool>,
}

impl Writer {
    async fn run(
        mut self,
        mut outgoing: mpsc::Receiver<Outgoing>,
        mut answers: mpsc::Receiver<Vec<SvcMessage>>,
        connected: &RefCell<ConnectionResult>,
    ) -> anyhow::Result<()> {
        loop {
            let messages = tokio::select! {
                biased;
                Some(messages) = answers.recv() => messages,
                message = outgoing.recv() => match message {
                    Some(Outgoing::Data { id, bytes }) => drdynvc::data(id, bytes).context("data")?,
                    Some(Outgoing::Close { id }) => close(connected, id).into_iter().collect(),
                    None => return Ok(()),
                },
            };
            thawed(&mut self.freezing).await?;
            if !messages.is_empty() {
                let bytes = client_encode_svc_messages(messages, self.drdynvc_id, self.user);
                self.writer.write_all(&bytes.context("encode")?).await.context("write")?;
            }
        }
    }
}

fn process(
    connected: &RefCell<ConnectionResult>,
    channel_id: u16,
    bytes: &[u8],
) -> anyhow::Result<Vec<SvcMessage>> {
    let mut connected = connected.borrow_mut();
    let channel = connected.static_channels.get_by_channel_id_mut(channel_id);
    channel.context("the channel")?.process(bytes).context("a dynamic channel")
}

fn close(connected: &RefCell<ConnectionResult>, id: u32) -> Option<SvcMessage> {
    let mut connected = connected.borrow_mut();
    let channel = connected.static_channels.get_by_type_mut::<DrdynvcClient>()?;
    channel.channel_processor_downcast_mut::<DrdynvcClient>()?.close_channel(id)
}

async fn connect(
    address: SocketAddr,
    identity: &Identity,
    drdynvc: DrdynvcClient,
) -> anyhow::Result<(TokioFramed<TlsStream<TcpStream>>, ConnectionResult)> {
    let stream = TcpStream::connect(address).await.context("connect")?;
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let mut connector =
        ClientConnector::new(capabilities::client(), local).with_static_channel(drdynvc);
    let mut framed = TokioFramed::new(stream);
    let upgrade = ironrdp_async::connect_begin(&mut framed, &mut connector).await;
    let upgrade = upgrade.context("begin")?;
    let stream = framed.into_inner_no_leftover();
    let stream = identity.connector().connect(Identity::name()?, stream).await.context("TLS")?;
    let upgraded = ironrdp_async::mark_as_upgraded(upgrade, &mut connector);
    let mut framed = TokioFramed::new(stream);
    let name = address.ip().to_string().into();
    let connected = ironrdp_async::connect_finalize(
        upgraded,
        connector,
        &mut framed,
        &mut NoNetwork,
        name,
        Vec::new(),
        None,
    )
    .await
    .context("finish")?;
    Ok((framed, connected.into_connected().context("finish")?))
}

/// Nothing here asks a domain controller.
struct NoNetwork;

impl ironrdp_async::NetworkClient for NoNetwork {
    async fn send(&mut self, _request: &NetworkRequest) -> ConnectorResult<Vec<u8>> {
        Err(general_err!("no network but this connection"))
    }
}
