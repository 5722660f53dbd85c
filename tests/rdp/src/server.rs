//! The RDP server in a thread of its own, with the faults that a test asks for.
//!
//! One client at a time: a new one takes the session over, as in xrdp.

use crate::facts::Facts;
use crate::session::{COMMANDS, Command, Session};
use crate::sockets::{PLAIN, Sockets, xrdp_name};
use crate::tls::Identity;
use anyhow::Context as _;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

/// What the server has counted since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// RDP connections that were accepted.
    pub accepted: u64,
    /// Whether one is there now.
    pub connected: bool,
    /// Dynamic channels that the client has opened.
    pub opened: u64,
    /// Dynamic channels that the client has declined.
    pub declined: u64,
    /// Bytes written to a channel's socket after its end.
    pub vanished_bytes: u64,
    /// Why connections ended that did not end well, bounded.
    pub errors: Vec<String>,
}

/// Bound on [`ServerFacts::errors`].
const MAX_ERRORS: usize = 16;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Cut,
    CloseChannels,
}

/// See the module. Dropping it ends the connection and closes the sockets.
#[derive(Debug)]
pub struct RdpServer {
    address: SocketAddr,
    folder: PathBuf,
    facts: Facts<ServerFacts>,
    faults: Option<mpsc::Sender<Fault>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl RdpServer {
    /// Listens on a loopback port and offers the session's sockets in `folder`.
    ///
    /// # Errors
    /// No port, or the folder cannot be written.
    pub fn start(identity: &Identity, folder: &Path) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("a port")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let facts = Facts::default();
        let (faults, faulty) = mpsc::channel(1);
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let (tls, inside, files) = (identity.acceptor(), facts.clone(), folder.to_owned());
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, async move {
                let listener = TcpListener::from_std(listener)?;
                let sockets = Sockets::open(&files, inside.clone())?;
                let _ = ready.send(());
                Server { tls, sockets, facts: inside }.run(listener, faulty).await;
                anyhow::Ok(())
            })
        };
        let thread = std::thread::Builder::new().name("rdp server".to_owned()).spawn(serve)?;
        let mut server = Self {
            address,
            folder: folder.to_owned(),
            facts,
            faults: Some(faults),
            thread: Some(thread),
        };
        if is_ready.recv().is_err() {
            server.stop().context("start the RDP server")?;
        }
        Ok(server)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of the sockets, as `XRDP_SOCKET_PATH` names it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The socket that speaks as xrdp's does.
    pub fn xrdp_socket(&self) -> PathBuf {
        self.folder.join(xrdp_name())
    }

    /// The socket that carries the channel's bytes and nothing else.
    pub fn plain_socket(&self) -> PathBuf {
        self.folder.join(PLAIN)
    }

    pub fn facts(&self) -> ServerFacts {
        self.facts.now()
    }

    /// Waits until what it has counted `holds`.
    ///
    /// # Errors
    /// It does not.
    pub fn wait(
        &self,
        what: &str,
        holds: impl Fn(&ServerFacts) -> bool,
    ) -> anyhow::Result<ServerFacts> {
        self.facts.wait(what, holds)
    }

    /// Ends the RDP connection as a network that breaks would, and waits until it has ended.
    ///
    /// # Errors
    /// It does not end.
    pub fn cut(&self) -> anyhow::Result<()> {
        self.fault(Fault::Cut)?;
        self.wait("the connection's end", |facts| !facts.connected)?;
        Ok(())
    }

    /// Closes all dynamic channels; the connection stays.
    ///
    /// # Errors
    /// The server has ended.
    pub fn close_channels(&self) -> anyhow::Result<()> {
        self.fault(Fault::CloseChannels)
    }

    fn fault(&self, fault: Fault) -> anyhow::Result<()> {
        let faults = self.faults.as_ref().context("the RDP server has ended")?;
        faults.blocking_send(fault).context("the RDP server has ended")
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        self.faults = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => anyhow::bail!("the RDP server panicked"),
            None => Ok(()),
        }
    }
}

impl Drop for RdpServer {
    fn drop(&mut self) {
        let stopped = self.stop();
        // A test that fails already has its reason.
        if !std::thread::panicking()
            && let Err(error) = stopped
        {
            panic!("the RDP server: {error:#}");
        }
    }
}

struct Server {
    tls: TlsAcceptor,
    sockets: Rc<Sockets>,
    facts: Facts<ServerFacts>,
}

impl Server {
    async fn run(self, listener: TcpListener, mut faults: mpsc::Receiver<Fault>) {
        let server = Rc::new(self);
        let mut serving: Option<tokio::task::JoinHandle<()>> = None;
        let commands = Rc::new(RefCell::new(None::<mpsc::Sender<Command>>));
        loop {
            let arrived = tokio::select! {
                accepted = listener.accept() => accepted.ok().map(|(stream, _)| stream),
                fault = faults.recv() => match fault {
                    Some(Fault::Cut) => None,
                    Some(Fault::CloseChannels) => {
                        let commands = commands.borrow().clone();
                        if let Some(commands) = commands {
                            let _ = commands.send(Command::CloseAll).await;
                        }
                        continue;
                    }
                    None => return,
                },
            };
            if let Some(old) = serving.take() {
                old.abort();
                let _ = old.await;
            }
            if let Some(stream) = arrived {
                let (server, commands) = (Rc::clone(&server), Rc::clone(&commands));
                serving = Some(tokio::task::spawn_local(async move {
                    if let Err(error) = server.serve(stream, &commands).await {
                        server.facts.change(|facts| {
                            if facts.errors.len() < MAX_ERRORS {
                                facts.errors.push(format!("{error:#}"));
                            }
                        });
                    }
                }));
            }
        }
    }

    async fn serve(
        &self,
        stream: TcpStream,
        current: &RefCell<Option<mpsc::Sender<Command>>>,
    ) -> anyhow::Result<()> {
        let session = Session::accept(stream, &self.tls).await?;
        let (sender, commands) = mpsc::channel(COMMANDS);
        current.replace(Some(sender.clone()));
        self.sockets.set_connected(Some(sender))?;
        let _connected = Connected { sockets: &self.sockets, facts: &self.facts, current };
        self.facts.change(|facts| {
            facts.accepted += 1;
            facts.connected = true;
        });
        session.run(commands).await
    }
}

/// Takes the connection back from everyone when it ends, also by force.
struct Connected<'a> {
    sockets: &'a Sockets,
    facts: &'a Facts<ServerFacts>,
    current: &'a RefCell<Option<mpsc::Sender<Command>>>,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.current.replace(None);
        let closed = self.sockets.set_connected(None);
        self.facts.change(|facts| {
            facts.connected = false;
            facts.errors.extend(closed.err().map(|error| format!("{error:#}")));
        });
    }
}
