//! The process that has the session's one channel: browsers' ports on one side, the device
//! on the other, and the session core between them.
//!
//! One thread. Ports are tasks that read, write and parse; everything else happens in
//! `Broker::run`'s one loop. It ends a few seconds after its last browser.
//!
//! INVARIANT: it does nothing while nothing happens, but for the heartbeat of an open
//! connection.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nearside_channel::extension::HostEvent;
use nearside_channel::log::LogRing;
use tokio::sync::mpsc;

use crate::connection::{Ended, sleep_until};
use crate::device::{Device, Greeting, random_hex};
use crate::ending::Ending;
use crate::meeting::{self, Client, Listening};
use crate::port::{self, Input};
use crate::session::{BrowserId, DeviceError, Event, Identity, Session};
use crate::status::Status;
use crate::transport::Transport;
use crate::{desktop, logging, policy};

/// Without a browser for so long the broker ends.
const LINGER: Duration = Duration::from_secs(5);

/// Messages of browsers that may wait for the broker; then their ports are read no further.
const INBOX: usize = 64;

/// How a broker is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The channel as people write it; `None`: as the session has it.
    pub channel: Option<String>,
    /// The policy file.
    pub policy: PathBuf,
    /// Started by a relay: its own session, no terminal, and it ends by itself.
    pub detached: bool,
}

/// Runs a broker for this session until it is not needed any more.
///
/// # Errors
/// Another one runs, or the session has no place for it.
pub fn run(options: &Options) -> anyhow::Result<()> {
    if options.detached {
        meeting::leave_the_starter();
    }
    let ring = LogRing::default();
    logging::start(ring.clone(), !options.detached);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the event loop")?;
    runtime.block_on(async {
        let listening = meeting::listen().await?;
        if options.detached {
            meeting::tell_ready()?;
        }
        Broker::new(options, listening, ring)?.run().await;
        Ok(())
    })
}

struct Broker {
    listening: Listening,
    session: Session,
    device: Device,
    ports: BTreeMap<BrowserId, port::Outbox>,
    /// Browsers whose relay stands still: their pages are not on the device.
    stuck: BTreeSet<BrowserId>,
    inbox: mpsc::Receiver<Input>,
    /// For new ports.
    outbox: mpsc::Sender<Input>,
    next_browser: u64,
    policy: Policy,
    windows: desktop::Watch,
    sight: desktop::Sight,
    /// When it ends unless a browser comes. `None`: there is one, or it runs by hand.
    end_at: Option<Instant>,
    detached: bool,
    ending: Ending,
}

/// The policy file and who watches it.
struct Policy {
    path: PathBuf,
    #[cfg(unix)]
    watch: Option<crate::transport::Watch>,
}

impl Broker {
    fn new(options: &Options, listening: Listening, ring: LogRing) -> anyhow::Result<Self> {
        let (policy, error) = policy::read(&options.policy);
        if let Some(error) = error {
            tracing::error!(%error, "everything is restricted");
        }
        let activity_id = random_hex()?;
        let transport = Transport::choose(options.channel.as_deref())?;
        tracing::info!(transport = transport.name(), "the broker starts");
        let greeting =
            Greeting { session_name: meeting::session_name(), activity_id: activity_id.clone() };
        let identity = Identity { host_version: env!("CARGO_PKG_VERSION"), activity_id };
        let (outbox, inbox) = mpsc::channel(INBOX);
        Ok(Self {
            listening,
            session: Session::new(identity, policy, ring),
            device: Device::new(transport, greeting),
            ports: BTreeMap::new(),
            stuck: BTreeSet::new(),
            inbox,
            outbox,
            next_browser: 1,
            policy: Policy::new(options.policy.clone()),
            windows: desktop::Watch::start(),
            sight: desktop::Sight::start(),
            end_at: options.detached.then(|| Instant::now() + LINGER),
            detached: options.detached,
            ending: Ending::new().context("wait for the end")?,
        })
    }

    async fn run(mut self) {
        while self.step().await {
            self.tell_browsers();
            if let Some(spots) = self.session.spots_unlike(self.sight.spots()) {
                self.sight.look_at(spots);
            }
        }
        self.device.close();
        tracing::info!("the broker ends");
    }

    /// One thing that happens. False: the broker ends.
    async fn step(&mut self) -> bool {
        let deadline = self.session.deadline();
        let result = tokio::select! {
            input = self.inbox.recv() => match input {
                Some(input) => self.on_input(input),
                None => Ok(()),
            },
            accepted = self.listening.accept() => {
                self.on_client(accepted);
                Ok(())
            }
            () = self.device.turn(&mut self.session) => Ok(()),
            () = sleep_until(deadline) => self.session.on_time(Instant::now()),
            desktop = self.windows.changed() => self.session.on_desktop(desktop, Instant::now()),
            bubbles = self.sight.changed() => self.session.on_bubbles(&bubbles),
            () = self.policy.changed() => {
                let (policy, error) = policy::read(&self.policy.path);
                if let Some(error) = error {
                    tracing::error!(%error, "everything is restricted");
                }
                if self.session.set_policy(policy) {
                    self.device.restart(&mut self.session);
                }
                Ok(())
            }
            () = sleep_until(self.end_at) => return false,
            () = self.ending.asked() => return false,
        };
        if let Err(error) = result {
            self.give_up(error);
        }
        true
    }

    fn on_client(&mut self, stream: Client) {
        let id = BrowserId(self.next_browser);
        self.next_browser += 1;
        tokio::spawn(port::serve(stream, id, self.outbox.clone()));
    }

    fn on_input(&mut self, input: Input) -> Result<(), DeviceError> {
        match input {
            Input::Came(id, outbox, processes) => {
                self.ports.insert(id, outbox);
                self.session.browser_came(id);
                self.session.browser_runs_as(id, processes);
                self.end_at = None;
                Ok(())
            }
            Input::Said(id, message) => self.session.on_browser(id, *message, Instant::now()),
            Input::Unreadable(id) => {
                self.session.refuse_unreadable(id);
                Ok(())
            }
            Input::Gone(id) => {
                self.ports.remove(&id);
                self.stuck.remove(&id);
                self.session.browser_gone(id);
                if self.ports.is_empty() && self.detached {
                    self.end_at = Some(Instant::now() + LINGER);
                }
                Ok(())
            }
            Input::Status(answer) => {
                // Who does not wait for the answer does not need it.
                let _ = answer.send(self.status());
                Ok(())
            }
        }
    }

    /// Passes on what the session core has to say.
    fn tell_browsers(&mut self) {
        while let Some((id, event)) = self.session.next_event() {
            let event = match event {
                Event::Say(event) => event,
                Event::Close => {
                    self.ports.remove(&id);
                    continue;
                }
            };
            let Some(port) = self.ports.get(&id) else { continue };
            let sent = message_of(*event).is_some_and(|message| port.push(message));
            if !sent {
                tracing::warn!(browser = id.0, "a browser does not read and is let go");
                self.ports.remove(&id);
                self.session.browser_gone(id);
            } else if !port.is_stuck() {
                self.stuck.remove(&id);
            } else if self.stuck.insert(id) {
                tracing::warn!(browser = id.0, "a relay stands still");
                if let Err(error) = self.session.browser_stands_still(id, Instant::now()) {
                    self.give_up(error);
                }
            }
        }
    }

    fn give_up(&mut self, error: DeviceError) {
        self.device.give_up(&Ended::Device(error), &mut self.session);
    }

    fn status(&self) -> Status {
        Status {
            connected: self.session.state().connected,
            transport: self.device.transport_name().to_owned(),
            reason: self.session.reason(),
            control_rtt_ms: self.device.round_trips.status(),
            bytes_sent: self.device.sent_bytes,
            browsers: self.session.browser_count(),
            pages: self.session.page_count(),
            kept_bytes: self.session.kept_bytes(),
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
        }
    }
}

/// The bytes for the browser; of logs as many of the latest lines as fit.
fn message_of(event: HostEvent) -> Option<Vec<u8>> {
    let mut event = event;
    loop {
        if let Some(message) = port::encode(&event) {
            return Some(message);
        }
        let HostEvent::Logs { lines } = &mut event else { return None };
        if lines.is_empty() {
            return None;
        }
        lines.drain(..lines.len().div_ceil(2));
    }
}

impl Policy {
    fn new(path: PathBuf) -> Self {
        // Where no folder is there is nothing to watch: a policy that comes with its folder
        // holds from the next start on.
        #[cfg(unix)]
        let watch = path.parent().and_then(|folder| crate::transport::Watch::new(folder).ok());
        Self {
            path,
            #[cfg(unix)]
            watch,
        }
    }

    /// The file may say something else now. Cancel safe.
    #[cfg(unix)]
    async fn changed(&mut self) {
        use std::os::unix::fs::MetadataExt as _;

        let Some(watch) = &mut self.watch else { return std::future::pending().await };
        loop {
            let event = watch.next().await;
            // What was only created is still being written; a link is whole at once, and what is
            // no file never will be.
            let is_link = || {
                std::fs::symlink_metadata(&self.path)
                    .is_ok_and(|found| !found.is_file() || 1 < found.nlink())
            };
            let is_whole = !matches!(event, crate::transport::WatchEvent::Created(_)) || is_link();
            if is_whole && self.path.file_name().is_some_and(|name| event.concerns(name)) {
                return;
            }
        }
    }

    /// Group Policy holds from the next start on.
    #[cfg(windows)]
    async fn changed(&mut self) {
        std::future::pending().await
    }
}
