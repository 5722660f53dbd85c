//! A browser's end of native messaging: starts the real `nearside-host` as a browser does, and
//! speaks for the extension.
//!
//! A message is its length (`u32`, the machine's byte order) and that many bytes of JSON, on
//! the host's standard input and output.

use crate::leg::Leg;
use crate::session_host;
use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use nearside_channel::extension::{
    ChannelState, EXTENSION_PROTOCOL_VERSION, ExtensionMessage, HostEvent, MAX_PIECE,
    MAX_TO_BROWSER,
};
use nearside_channel::message::{
    DeviceMessage, PageId, PlayerCommand, PlayerId, PlayerKind, Source, StreamCommand, StreamEvent,
    StreamId, TimeRange,
};
use nearside_tests::STEP;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Instant;

/// Events that wait for the test; a host that floods is held up by more.
const WAITING: usize = 4096;

/// The page and player that most tests need only one of.
pub const PAGE: PageId = PageId(1);
pub const PLAYER: PlayerId = PlayerId(1);

/// A browser that has started its host. Dropping it kills the host.
pub struct Browser {
    host: Child,
    to_host: Option<ChildStdin>,
    events: Receiver<HostEvent>,
    /// Before the one that was waited for last.
    passed: VecDeque<HostEvent>,
    log: PathBuf,
    next_seq: u32,
}

impl Browser {
    /// Starts `nearside-host` in the leg's session as a browser there does, and greets it.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(leg: &Leg) -> anyhow::Result<Self> {
        let mut command = session_host::command(leg)?;
        let log = leg.place.file(&format!("nearside-host-{}.err", unique()));
        // As Chromium does: the extension's address, and nothing else.
        command.arg("chrome-extension://abcdefghijklmnopabcdefghijklmnop/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut host = command.spawn().context("start nearside-host")?;
        let to_host = host.stdin.take();
        let output = host.stdout.take().context("the host's output")?;
        let (sender, events) = std::sync::mpsc::sync_channel(WAITING);
        // Ends with the host's output, or with whom it reports to.
        std::thread::Builder::new().name("browser".to_owned()).spawn(move || {
            let _ = read_events(output, &sender);
        })?;
        let passed = VecDeque::new();
        let mut browser = Self { host, to_host, events, passed, log, next_seq: 1 };
        browser.send(&ExtensionMessage::Hello {
            protocol: EXTENSION_PROTOCOL_VERSION,
            extension_version: "1.2.3".to_owned(),
            browser: "a test".to_owned(),
        })?;
        Ok(browser)
    }

    pub fn pid(&self) -> u32 {
        self.host.id()
    }

    /// What the host has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// # Errors
    /// The host has ended.
    pub fn send(&mut self, message: &ExtensionMessage) -> anyhow::Result<()> {
        let json = serde_json::to_vec(message)?;
        self.send_raw(&json)
    }

    /// A message of any content.
    ///
    /// # Errors
    /// The host has ended.
    pub fn send_raw(&mut self, body: &[u8]) -> anyhow::Result<()> {
        let to_host = self.to_host.as_mut().context("the browser has closed the port")?;
        to_host.write_all(&u32::try_from(body.len())?.to_ne_bytes())?;
        to_host.write_all(body)?;
        to_host.flush().context("write to the host")
    }

    /// Closes the port, as a browser that ends.
    pub fn close(&mut self) {
        self.to_host = None;
    }

    /// Waits for an event; those before it are gone.
    ///
    /// # Errors
    /// None comes, or the host ends.
    pub fn wait<T>(
        &mut self,
        what: &str,
        mut find: impl FnMut(&HostEvent) -> Option<T>,
    ) -> anyhow::Result<T> {
        let until = Instant::now() + STEP;
        self.passed.clear();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => {
                    if let Some(found) = find(&event) {
                        return Ok(found);
                    }
                    self.passed.push_back(event);
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no {what}; only: {:?}\n{}", self.passed, self.log())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the host ended before {what}: {:?}\n{}", self.passed, self.log())
                }
            }
        }
    }

    /// Waits for a message of the device.
    ///
    /// # Errors
    /// None comes.
    pub fn wait_device<T>(
        &mut self,
        what: &str,
        mut find: impl FnMut(&DeviceMessage) -> Option<T>,
    ) -> anyhow::Result<T> {
        self.wait(what, |event| match event {
            HostEvent::Device { message } => find(message),
            _ => None,
        })
    }

    /// Waits until the channel is there, or is not.
    ///
    /// # Errors
    /// It stays as it is.
    pub fn wait_connected(&mut self, connected: bool) -> anyhow::Result<ChannelState> {
        let what = if connected { "the channel" } else { "the channel's end" };
        self.wait(what, |event| match event {
            HostEvent::Channel(state) if state.connected == connected => Some(state.clone()),
            _ => None,
        })
    }

    /// Waits until the host has ended.
    ///
    /// # Errors
    /// It runs on.
    pub fn wait_ended(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + STEP;
        while self.host.try_wait()?.is_none() {
            ensure!(Instant::now() < until, "the host runs on:\n{}", self.log());
            // Its last events are of no interest; their end is.
            let _ = self.events.recv_timeout(std::time::Duration::from_millis(20));
        }
        Ok(())
    }

    /// Announces [`PAGE`] and waits for its stage.
    ///
    /// # Errors
    /// The page is refused.
    pub fn open_page(&mut self) -> anyhow::Result<()> {
        let (site, title) = ("test".to_owned(), "A page".to_owned());
        self.send(&ExtensionMessage::PageOpen { page: PAGE, site, title })?;
        self.page_ready()
    }

    /// Waits for the page's stage, perhaps anew.
    ///
    /// # Errors
    /// None comes.
    pub fn page_ready(&mut self) -> anyhow::Result<()> {
        self.wait_device("the page's stage", |message| match message {
            DeviceMessage::PageReady { page } => (*page == PAGE).then_some(()),
            _ => None,
        })
    }

    /// A command to [`PLAYER`].
    ///
    /// # Errors
    /// The host has ended.
    pub fn player(&mut self, command: PlayerCommand) -> anyhow::Result<()> {
        self.send(&ExtensionMessage::Player { page: PAGE, player: PLAYER, command })
    }

    /// Opens [`PLAYER`] with SourceBuffers numbered from 1.
    ///
    /// # Errors
    /// The host has ended.
    pub fn open_player(&mut self, mimes: &[&str]) -> anyhow::Result<()> {
        let kind = PlayerKind::Video;
        self.player(PlayerCommand::Open { kind, source: Source::Mse })?;
        for (number, mime) in (1..).zip(mimes) {
            let mime = (*mime).to_owned();
            self.player(PlayerCommand::AddStream { stream: StreamId(number), mime })?;
        }
        Ok(())
    }

    /// Appends, says that the browser holds `buffered` of it, and returns the append's number.
    ///
    /// # Errors
    /// The host has ended.
    pub fn append(
        &mut self,
        stream: StreamId,
        media: &[u8],
        buffered: &[TimeRange],
    ) -> anyhow::Result<u32> {
        let seq = self.next_seq;
        self.next_seq += 1;
        let append = StreamCommand::Append {
            seq,
            bytes: u32::try_from(media.len())?,
            timestamp_offset_micros: 0,
            window_start_micros: 0,
            window_end_micros: None,
            mode: Default::default(),
        };
        self.send(&ExtensionMessage::Stream { page: PAGE, stream, command: append })?;
        for piece in media.chunks(MAX_PIECE) {
            let data = base64::engine::general_purpose::STANDARD.encode(piece);
            self.send(&ExtensionMessage::Media { stream, data })?;
        }
        let buffered = buffered.to_vec();
        self.send(&ExtensionMessage::Buffered { stream, seq, buffered })?;
        Ok(seq)
    }

    /// Waits until the device has taken append `seq`.
    ///
    /// # Errors
    /// It was refused, or nothing comes.
    pub fn appended(&mut self, seq: u32) -> anyhow::Result<()> {
        self.wait_device("the answer to an append", |message| match message {
            DeviceMessage::Stream { event: StreamEvent::Appended { seq: at, .. }, .. } => {
                (*at == seq).then(|| Ok(()))
            }
            DeviceMessage::Stream { event: StreamEvent::Refused { seq: at, reason }, .. } => {
                (*at == seq).then(|| Err(anyhow::anyhow!("append {seq} was refused: {reason}")))
            }
            _ => None,
        })?
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.host.kill();
        let _ = self.host.wait();
    }
}

fn read_events(mut output: ChildStdout, events: &SyncSender<HostEvent>) -> anyhow::Result<()> {
    loop {
        let mut length = [0; 4];
        output.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_ne_bytes(length))?;
        ensure!(length <= MAX_TO_BROWSER, "a browser ends the port at {length} bytes");
        let mut json = vec![0; length];
        output.read_exact(&mut json)?;
        events.send(serde_json::from_slice(&json).context("an event of the host")?)?;
    }
}

/// For names of files within one test's process.
fn unique() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
