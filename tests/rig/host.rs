//! A session host on the real channel socket that does what it is told, allowed or not.
//!
//! Blocking and single-threaded: what credit allows is written at once, and waiting reads. It
//! keeps the heartbeat and the credits as an honest host would, so a test only says what is
//! wrong.

use crate::STEP;
use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use nearside_channel::codec;
use nearside_channel::message::{
    DeviceMessage, Hello, HostMessage, PROTOCOL_VERSION, PageId, PlayerCommand, PlayerEvent,
    PlayerId, PlayerKind, Reason, SessionPolicy, Size, Source, StreamCommand, StreamEvent,
    StreamId, Welcome,
};
use nearside_channel::plugin::{self, ConnectionFacts};
use nearside_channel::scheduler::{Class, Scheduler};
use nearside_channel::stream::CREDITS;
use nearside_channel::wire::FrameReader;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// One turn of reading.
const TURN: Duration = Duration::from_millis(20);

/// The page and player that most tests need only one of.
pub const PAGE: PageId = PageId(1);
pub const PLAYER: PlayerId = PlayerId(1);

/// See the module.
#[derive(Debug)]
pub struct Host {
    stream: UnixStream,
    scheduler: Scheduler,
    frames: FrameReader,
    received: VecDeque<DeviceMessage>,
    closed: bool,
    next_seq: u32,
}

impl Host {
    /// Connects and says nothing.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn connect(socket: &Path) -> anyhow::Result<Self> {
        Self::on(UnixStream::connect(socket).context("connect to the channel socket")?)
    }

    /// Speaks on a stream that the agent has opened.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn on(stream: UnixStream) -> anyhow::Result<Self> {
        stream.set_read_timeout(Some(TURN))?;
        stream.set_write_timeout(Some(STEP))?;
        Ok(Self {
            stream,
            scheduler: Scheduler::new(CREDITS, 64 << 20),
            frames: FrameReader::default(),
            received: VecDeque::new(),
            closed: false,
            next_seq: 1,
        })
    }

    /// Connects and greets.
    ///
    /// # Errors
    /// The device does not welcome it.
    pub fn open(socket: &Path) -> anyhow::Result<(Self, Welcome)> {
        let mut host = Self::connect(socket)?;
        let welcome = host.greet(hello("0123456789abcdef"))?;
        Ok((host, welcome))
    }

    /// Connects as an RDP client's plugin that has said these facts, and greets for a desktop
    /// of this size.
    ///
    /// # Errors
    /// The device does not welcome it.
    pub fn open_by_plugin(
        socket: &Path,
        facts: &ConnectionFacts,
        desktop: Size,
    ) -> anyhow::Result<Self> {
        let mut host = Self::connect(socket)?;
        host.send_raw(&plugin::preamble(facts)?);
        host.greet(Hello { desktop: Some(desktop), ..hello("0123456789abcdef") })?;
        Ok(host)
    }

    /// Greets, perhaps anew.
    ///
    /// # Errors
    /// The device does not welcome it.
    pub fn greet(&mut self, hello: Hello) -> anyhow::Result<Welcome> {
        let nonce = hello.nonce.clone();
        self.send(&HostMessage::Hello(hello))?;
        let welcome = self.wait("a welcome", |message| match message {
            DeviceMessage::Welcome(welcome) if welcome.nonce == nonce => Some(welcome.clone()),
            _ => None,
        })?;
        self.scheduler = Scheduler::new(welcome.credits, 64 << 20);
        Ok(welcome)
    }

    /// Queues a message.
    ///
    /// # Errors
    /// An honest host cannot say this.
    pub fn send(&mut self, message: &HostMessage) -> anyhow::Result<()> {
        self.scheduler.push_control(message).context("queue a control message")?;
        self.flush();
        Ok(())
    }

    /// Writes bytes past all rules. A device that has closed already is no error.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).is_err() {
            self.closed = true;
        }
    }

    /// Opens [`PAGE`] with [`PLAYER`] and these SourceBuffers, numbered from 1, and waits for
    /// its stage.
    ///
    /// # Errors
    /// The page is refused.
    pub fn open_player(&mut self, mimes: &[&str]) -> anyhow::Result<()> {
        self.open_page(PAGE)?;
        self.page_ready(PAGE)?;
        self.add_player(PlayerKind::Video, 1, mimes)
    }

    /// As [`Self::open_player`], with sound alone.
    ///
    /// # Errors
    /// As there.
    pub fn open_sound(&mut self, mime: &str) -> anyhow::Result<()> {
        self.open_page(PAGE)?;
        self.page_ready(PAGE)?;
        self.add_player(PlayerKind::Audio, 1, &[mime])
    }

    /// Opens [`PAGE`] with [`PLAYER`], whose media the device fetches, and waits for its stage.
    ///
    /// # Errors
    /// The page is refused.
    pub fn open_url_player(&mut self, url: &str) -> anyhow::Result<()> {
        self.open_page(PAGE)?;
        self.page_ready(PAGE)?;
        let source = Source::Url { url: url.to_owned() };
        self.player(PlayerCommand::Open { kind: PlayerKind::Video, source })
    }

    /// Closes [`PLAYER`] with all its streams and opens it again with one.
    ///
    /// # Errors
    /// The queue is full.
    pub fn reopen_player(&mut self, stream: u16, mime: &str) -> anyhow::Result<()> {
        for old in 1..stream {
            self.scheduler.remove(StreamId(old));
        }
        self.player(PlayerCommand::Close)?;
        self.add_player(PlayerKind::Video, stream, &[mime])
    }

    fn add_player(&mut self, kind: PlayerKind, first: u16, mimes: &[&str]) -> anyhow::Result<()> {
        self.player(PlayerCommand::Open { kind, source: Source::Mse })?;
        for (number, mime) in (first..).zip(mimes) {
            let stream = StreamId(number);
            self.player(PlayerCommand::AddStream { stream, mime: (*mime).to_owned() })?;
            let class = match kind {
                PlayerKind::Video => Class::Video,
                PlayerKind::Audio => Class::Audio,
            };
            self.scheduler.open(stream, class)?;
        }
        Ok(())
    }

    /// Announces a page.
    ///
    /// # Errors
    /// The queue is full.
    pub fn open_page(&mut self, page: PageId) -> anyhow::Result<()> {
        let (site, title) = ("test".to_owned(), "A page".to_owned());
        self.send(&HostMessage::PageOpen { page, site, title })
    }

    /// Waits for the page's stage.
    ///
    /// # Errors
    /// The page failed instead, or nothing comes.
    pub fn page_ready(&mut self, page: PageId) -> anyhow::Result<()> {
        self.wait("the page's stage", |message| match message {
            DeviceMessage::PageReady { page: ready } if *ready == page => Some(()),
            _ => None,
        })
    }

    /// A command to [`PLAYER`].
    ///
    /// # Errors
    /// The queue is full.
    pub fn player(&mut self, command: PlayerCommand) -> anyhow::Result<()> {
        self.send(&HostMessage::Player { page: PAGE, player: PLAYER, command })
    }

    /// Appends to the SourceBuffer and returns the append's number.
    ///
    /// # Errors
    /// The queue is full.
    pub fn append(&mut self, stream: u16, media: &[u8]) -> anyhow::Result<u32> {
        self.append_at(stream, media, 0)
    }

    /// As [`Self::append`], with a `timestampOffset`.
    ///
    /// # Errors
    /// The queue is full.
    pub fn append_at(
        &mut self,
        stream: u16,
        media: &[u8],
        offset_micros: i64,
    ) -> anyhow::Result<u32> {
        let seq = self.begin_append(stream, u32::try_from(media.len())?, offset_micros)?;
        self.media(stream, media)?;
        Ok(seq)
    }

    /// Announces an append of so many bytes.
    ///
    /// # Errors
    /// The queue is full or an append is under way.
    pub fn begin_append(
        &mut self,
        stream: u16,
        bytes: u32,
        timestamp_offset_micros: i64,
    ) -> anyhow::Result<u32> {
        let seq = self.next_seq;
        self.next_seq += 1;
        let append = StreamCommand::Append {
            seq,
            bytes,
            timestamp_offset_micros,
            window_start_micros: 0,
            window_end_micros: None,
            mode: Default::default(),
        };
        self.stream_command(stream, &append)?;
        Ok(seq)
    }

    /// Bytes of the append under way.
    ///
    /// # Errors
    /// The queue is full or no append is under way.
    pub fn media(&mut self, stream: u16, media: &[u8]) -> anyhow::Result<()> {
        let mut media = Bytes::copy_from_slice(media);
        self.scheduler.push_media(StreamId(stream), &mut media)?;
        ensure!(media.is_empty(), "the test queues more than it may");
        self.flush();
        Ok(())
    }

    /// Another command in the stream.
    ///
    /// # Errors
    /// The queue is full or an append is under way.
    pub fn stream_command(&mut self, stream: u16, command: &StreamCommand) -> anyhow::Result<()> {
        self.scheduler.push_command(StreamId(stream), command)?;
        self.flush();
        Ok(())
    }

    /// Waits until the device has taken append `seq`.
    ///
    /// # Errors
    /// It was refused, or nothing comes.
    pub fn appended(&mut self, seq: u32) -> anyhow::Result<()> {
        match self.append_answer(seq)? {
            None => Ok(()),
            Some(reason) => bail!("append {seq} was refused: {reason}"),
        }
    }

    /// Waits for the device's answer to append `seq`; the reason if it was refused.
    ///
    /// # Errors
    /// Nothing comes.
    pub fn append_answer(&mut self, seq: u32) -> anyhow::Result<Option<Reason>> {
        self.wait("the answer to an append", |message| match message {
            DeviceMessage::Stream { event: StreamEvent::Appended { seq: at, .. }, .. } => {
                (*at == seq).then_some(None)
            }
            DeviceMessage::Stream { event: StreamEvent::Refused { seq: at, reason }, .. } => {
                (*at == seq).then(|| Some(reason.clone()))
            }
            _ => None,
        })
    }

    /// Waits until [`PLAYER`] fails, and why.
    ///
    /// # Errors
    /// It does not fail.
    pub fn player_failed(&mut self) -> anyhow::Result<Reason> {
        self.wait("the player's failure", |message| match message {
            DeviceMessage::Player { event: PlayerEvent::Failed { reason, .. }, .. } => {
                Some(reason.clone())
            }
            _ => None,
        })
    }

    /// Waits until the page fails, and why.
    ///
    /// # Errors
    /// It does not fail.
    pub fn page_failed(&mut self, page: PageId) -> anyhow::Result<Reason> {
        self.wait("the page's failure", |message| match message {
            DeviceMessage::PageFailed { page: failed, reason } if *failed == page => {
                Some(reason.clone())
            }
            _ => None,
        })
    }

    /// Waits for a message; those before it are gone.
    ///
    /// # Errors
    /// None comes, or the device closes the channel.
    pub fn wait<T>(
        &mut self,
        what: &str,
        mut find: impl FnMut(&DeviceMessage) -> Option<T>,
    ) -> anyhow::Result<T> {
        let since = Instant::now();
        let mut others = Vec::new();
        loop {
            while let Some(message) = self.received.pop_front() {
                if let Some(found) = find(&message) {
                    return Ok(found);
                }
                others.push(message);
            }
            ensure!(!self.closed, "the channel closed before {what}; before that: {others:?}");
            ensure!(since.elapsed() < STEP, "no {what}; only: {others:?}");
            self.turn()?;
        }
    }

    /// Keeps the connection going until `done`, e.g. by what the agent's status says.
    ///
    /// # Errors
    /// It is not done in time, or the device closes the channel.
    pub fn pump_until(&mut self, what: &str, mut done: impl FnMut() -> bool) -> anyhow::Result<()> {
        let since = Instant::now();
        while !done() {
            ensure!(!self.closed, "the channel closed before {what}");
            ensure!(since.elapsed() < STEP, "no {what}");
            self.turn()?;
        }
        Ok(())
    }

    /// Waits until the device has closed the channel.
    ///
    /// # Errors
    /// It stays open.
    pub fn wait_closed(&mut self) -> anyhow::Result<()> {
        let since = Instant::now();
        while !self.closed {
            ensure!(since.elapsed() < STEP, "the channel stays open");
            self.turn()?;
        }
        Ok(())
    }

    /// Writes what credit allows.
    fn flush(&mut self) {
        let mut out = Vec::new();
        while self.scheduler.next_frame(&mut out) {}
        self.send_raw(&out);
    }

    /// Writes what may be written, then reads for a moment.
    fn turn(&mut self) -> anyhow::Result<()> {
        self.flush();
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.closed = true,
            Ok(count) => self.on_bytes(buffer.get(..count).unwrap_or_default())?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.closed = true,
        }
        Ok(())
    }

    fn on_bytes(&mut self, mut chunk: &[u8]) -> anyhow::Result<()> {
        while let Some(frame) = self.frames.next_frame(&mut chunk)? {
            match codec::decode_device(&frame.body)? {
                DeviceMessage::Ping { seq } => {
                    self.scheduler.push_control(&HostMessage::Pong { seq })?;
                }
                DeviceMessage::Credit { stream, bytes } => self.scheduler.grant(stream, bytes)?,
                message => self.received.push_back(message),
            }
        }
        Ok(())
    }
}

/// A greeting as it should be.
pub fn hello(nonce: &str) -> Hello {
    Hello {
        protocol: PROTOCOL_VERSION,
        host_version: env!("CARGO_PKG_VERSION").to_owned(),
        extension_version: env!("CARGO_PKG_VERSION").to_owned(),
        nonce: nonce.to_owned(),
        session_name: "a test".to_owned(),
        activity_id: "test".to_owned(),
        desktop: Some(Size { width: 1920, height: 1080 }),
        policy: SessionPolicy::default(),
        services: Vec::new(),
    }
}
