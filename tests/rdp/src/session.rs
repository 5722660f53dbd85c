//! One RDP connection on the server's side: accepted over TLS, then channels and nothing else.
//!
//! Reading and writing are two loops of one task, so that a client that does not read never
//! stops the server from reading. Keyboard and mouse of a real client are read and ignored.

use crate::capabilities;
use crate::drdynvc::{self, Answer, Drdynvc};
use anyhow::{Context as _, bail};
use ironrdp_acceptor::{Acceptor, AcceptorResult, BeginResult};
use ironrdp_async::FramedWrite as _;
use ironrdp_core::decode;
use ironrdp_pdu::Action;
use ironrdp_pdu::mcs::McsMessage;
use ironrdp_pdu::nego::SecurityProtocol;
use ironrdp_pdu::x224::X224;
use ironrdp_svc::{SvcMessage, server_encode_svc_messages};
use ironrdp_tokio::{TokioFramed, split_tokio_framed};
use std::cell::RefCell;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Commands that wait to be written; more hold up whoever gives them.
pub(crate) const COMMANDS: usize = 4;

/// What the server's other parts want of the connection.
pub(crate) enum Command {
    Open { name: String, answer: Answer },
    Data { id: u32, bytes: Vec<u8> },
    Close { id: u32 },
    CloseAll,
}

/// A connection that has been accepted.
pub(crate) struct Session {
    reader: TokioFramed<ReadHalf<TlsStream<TcpStream>>>,
    writer: TokioFramed<WriteHalf<TlsStream<TcpStream>>>,
    accepted: RefCell<AcceptorResult>,
    drdynvc_id: u16,
}

impl Session {
    /// Takes the client through TLS and the connection sequence.
    pub(crate) async fn accept(stream: TcpStream, tls: &TlsAcceptor) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        let desktop = capabilities::DESKTOP;
        let offered = capabilities::server();
        let mut acceptor = Acceptor::new(SecurityProtocol::SSL, desktop, offered, None);
        acceptor.attach_static_channel(Drdynvc::default());
        let begun = ironrdp_acceptor::accept_begin(TokioFramed::new(stream), &mut acceptor).await;
        let BeginResult::ShouldUpgrade(stream) = begun.context("begin")? else {
            bail!("the client does not want TLS");
        };
        let stream = tls.accept(stream).await.context("TLS")?;
        acceptor.mark_security_upgrade_as_done();
        let framed = TokioFramed::new(stream);
        let (framed, accepted) =
            ironrdp_acceptor::accept_finalize(framed, &mut acceptor).await.context("finish")?;
        let drdynvc_id = accepted.static_channels.get_channel_id_by_type::<Drdynvc>();
        let (reader, writer) = split_tokio_framed(framed);
        Ok(Self {
            reader,
            writer,
            accepted: RefCell::new(accepted),
            drdynvc_id: drdynvc_id.context("the client has no dynamic channels")?,
        })
    }

    /// Carries channels until either side ends the connection.
    pub(crate) async fn run(self, commands: mpsc::Receiver<Command>) -> anyhow::Result<()> {
        let Self { mut reader, writer, accepted, drdynvc_id } = self;
        let (answers, answering) = mpsc::channel(COMMANDS);
        let user = accepted.borrow().user_channel_id;
        let start = with_drdynvc(&accepted, |channel| {
            ironrdp_svc::SvcProcessor::start(channel).context("start dynamic channels")
        })?;
        let mut outgoing = Outgoing { writer, drdynvc_id, user };
        outgoing.write(start?).await?;
        let reading = async {
            loop {
                let (action, bytes) = reader.read_pdu().await.context("read")?;
                if action == Action::FastPath {
                    continue;
                }
                match decode::<X224<McsMessage<'_>>>(&bytes).context("an MCS message")?.0 {
                    McsMessage::SendDataRequest(data) if data.channel_id == drdynvc_id => {
                        let messages = process(&accepted, drdynvc_id, &data.user_data)?;
                        if !messages.is_empty() && answers.send(messages).await.is_err() {
                            return Ok(());
                        }
                        let arrived = with_drdynvc(&accepted, Drdynvc::take_arrived)?;
                        for (reader, bytes) in arrived {
                            // Whoever read it may have gone: its channel is about to close.
                            let _ = reader.send(bytes).await;
                        }
                    }
                    McsMessage::DisconnectProviderUltimatum(_) => return Ok(()),
                    _ => {}
                }
            }
        };
        tokio::select! {
            ended = reading => ended,
            ended = outgoing.run(commands, answering, &accepted) => ended,
        }
    }
}

/// The writing half.
struct Outgoing {
    writer: TokioFramed<WriteHalf<TlsStream<TcpStream>>>,
    drdynvc_id: u16,
    user: u16,
}

impl Outgoing {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut answers: mpsc::Receiver<Vec<SvcMessage>>,
        accepted: &RefCell<AcceptorResult>,
    ) -> anyhow::Result<()> {
        loop {
            let messages = tokio::select! {
                biased;
                Some(messages) = answers.recv() => messages,
                command = commands.recv() => match command {
                    Some(Command::Open { name, answer }) => {
                        with_drdynvc(accepted, |channel| channel.open(name, answer))?
                    }
                    Some(Command::Data { id, bytes }) => {
                        // What crosses the channel's end vanishes.
                        if with_drdynvc(accepted, |channel| channel.is_open(id))? {
                            drdynvc::data(id, bytes).context("data")?
                        } else {
                            Vec::new()
                        }
                    }
                    Some(Command::Close { id }) => {
                        with_drdynvc(accepted, |channel| channel.close(id))?.into_iter().collect()
                    }
                    Some(Command::CloseAll) => with_drdynvc(accepted, Drdynvc::close_all)?,
                    None => return Ok(()),
                },
            };
            self.write(messages).await?;
        }
    }

    async fn write(&mut self, messages: Vec<SvcMessage>) -> anyhow::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let bytes = server_encode_svc_messages(messages, self.drdynvc_id, self.user);
        self.writer.write_all(&bytes.context("encode")?).await.context("write")
    }
}

/// Feeds one piece of the static channel; the answers.
fn process(
    accepted: &RefCell<AcceptorResult>,
    channel_id: u16,
    bytes: &[u8],
) -> anyhow::Result<Vec<SvcMessage>> {
    let mut accepted = accepted.borrow_mut();
    let channel = accepted.static_channels.get_by_channel_id_mut(channel_id);
    channel.context("the channel")?.process(bytes).context("a dynamic channel")
}

fn with_drdynvc<T>(
    accepted: &RefCell<AcceptorResult>,
    work: impl FnOnce(&mut Drdynvc) -> T,
) -> anyhow::Result<T> {
    let mut accepted = accepted.borrow_mut();
    let channel = accepted.static_channels.get_by_type_mut::<Drdynvc>();
    let processor = channel.and_then(|channel| channel.channel_processor_downcast_mut());
    Ok(work(processor.context("the processor of dynamic channels")?))
}
