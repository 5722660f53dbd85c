//! The session host's end of the real channel socket: greeting, heartbeat, credits, priorities.
//!
//! Speaks exactly what a plugin would carry. One task; the page drives it through
//! [`Transport::next`] and the queues.

use anyhow::{Context as _, bail};
use nearside_channel::codec;
use nearside_channel::link::{HostInput, HostLink, HostOutput};
use nearside_channel::message::{
    DeviceMessage, Hello, HostMessage, PROTOCOL_VERSION, SessionPolicy, Size, StreamCommand,
    StreamId, Welcome,
};
use nearside_channel::scheduler::{Class, PushError, Scheduler};
use nearside_channel::wire::FrameReader;
use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Media that may wait for credit, for each stream.
const STREAM_QUEUE: usize = 1 << 20;

/// Frames are gathered up to this many bytes before one write.
const WRITE_BATCH: usize = 64 << 10;

pub(crate) struct Transport {
    stream: UnixStream,
    link: HostLink,
    scheduler: Scheduler,
    frames: FrameReader,
    received: VecDeque<DeviceMessage>,
    /// Bytes on their way into the socket.
    writing: Vec<u8>,
    written: usize,
    buffer: Vec<u8>,
    /// Round trips of the heartbeat in milliseconds, a bounded number.
    pub(crate) round_trips_ms: Vec<f64>,
    pub(crate) sent_bytes: u64,
}

impl Transport {
    /// Connects and greets.
    pub(crate) async fn open(path: &Path) -> anyhow::Result<(Self, Welcome)> {
        let stream = UnixStream::connect(path).await.context("connect to the channel socket")?;
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            // There is none.
            extension_version: String::new(),
            nonce: nonce()?,
            session_name: "this device (demo)".to_owned(),
            activity_id: "demo".to_owned(),
            desktop: Some(Size { width: 1920, height: 1080 }),
            policy: SessionPolicy::default(),
            // The device is near.
            services: Vec::new(),
        };
        let mut transport = Self {
            stream,
            link: HostLink::new(Instant::now(), hello),
            scheduler: Scheduler::new(nearside_channel::stream::CREDITS, STREAM_QUEUE),
            frames: FrameReader::default(),
            received: VecDeque::new(),
            writing: Vec::new(),
            written: 0,
            buffer: vec![0; 64 << 10],
            round_trips_ms: Vec::new(),
            sent_bytes: 0,
        };
        loop {
            if let Some(welcome) = transport.turn().await? {
                transport.scheduler = Scheduler::new(welcome.credits, STREAM_QUEUE);
                return Ok((transport, welcome));
            }
        }
    }

    /// The next message of the device, or `None` when queues have moved: push more. Cancel safe.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<DeviceMessage>> {
        if let Some(message) = self.received.pop_front() {
            return Ok(Some(message));
        }
        self.turn().await?;
        Ok(self.received.pop_front())
    }

    pub(crate) fn send(&mut self, message: &HostMessage) -> anyhow::Result<()> {
        self.scheduler.push_control(message).context("queue a control message")
    }

    pub(crate) fn open_stream(&mut self, stream: StreamId, video: bool) -> anyhow::Result<()> {
        let class = if video { Class::Video } else { Class::Audio };
        self.scheduler.open(stream, class).context("open a media stream")
    }

    pub(crate) fn remove_stream(&mut self, stream: StreamId) {
        self.scheduler.remove(stream);
    }

    /// False when the queue is full: try again later.
    pub(crate) fn command(
        &mut self,
        stream: StreamId,
        command: &StreamCommand,
    ) -> anyhow::Result<bool> {
        match self.scheduler.push_command(stream, command) {
            Ok(()) => Ok(true),
            Err(PushError::Full) => Ok(false),
            Err(error) => Err(error).context("queue a stream command"),
        }
    }

    /// Takes what there is room for from the front of `media`.
    pub(crate) fn media(
        &mut self,
        stream: StreamId,
        media: &mut bytes::Bytes,
    ) -> anyhow::Result<()> {
        self.scheduler.push_media(stream, media).context("queue media")?;
        Ok(())
    }

    /// Says goodbye and writes out what it can.
    pub(crate) async fn close(mut self) {
        self.link.handle(Instant::now(), HostInput::Goodbye { reason: "the demo ends".to_owned() });
        while let HostOutput::Send(message) = self.link.poll() {
            let mut frame = Vec::new();
            if codec::encode_host(&message, &mut frame).is_ok() {
                // The device may be gone already.
                let _ = self.stream.write_all(&frame).await;
            }
        }
    }

    /// One step: writes what may be written, reads what has come, keeps the heartbeat.
    async fn turn(&mut self) -> anyhow::Result<Option<Welcome>> {
        let (welcome, deadline) = self.drain_link()?;
        if welcome.is_some() {
            return Ok(welcome);
        }
        if self.written == self.writing.len() {
            self.writing.clear();
            self.written = 0;
            while self.writing.len() < WRITE_BATCH && self.scheduler.next_frame(&mut self.writing) {
            }
        }
        let (mut reader, mut writer) = self.stream.split();
        let unwritten = self.writing.get(self.written..).unwrap_or_default();
        tokio::select! {
            written = writer.write(unwritten), if !unwritten.is_empty() => {
                let written = written.context("the agent has ended: write to the channel")?;
                self.written += written;
                self.sent_bytes += u64::try_from(written).unwrap_or(0);
            }
            count = reader.read(&mut self.buffer) => {
                let count = count.context("the agent has ended: read from the channel")?;
                if count == 0 {
                    bail!("the agent has ended: it closed the channel");
                }
                self.on_bytes(count)?;
            }
            () = sleep_until(deadline) => self.link.handle(Instant::now(), HostInput::Timeout),
        }
        let (welcome, _) = self.drain_link()?;
        Ok(welcome)
    }

    fn on_bytes(&mut self, count: usize) -> anyhow::Result<()> {
        let mut chunk = self.buffer.get(..count).unwrap_or_default();
        while let Some(frame) = self.frames.next_frame(&mut chunk)? {
            let message = codec::decode_device(&frame.body)?;
            if let DeviceMessage::Credit { stream, bytes } = message {
                self.scheduler.grant(stream, bytes)?;
            }
            self.link.handle(Instant::now(), HostInput::Message(Box::new(message)));
        }
        Ok(())
    }

    fn drain_link(&mut self) -> anyhow::Result<(Option<Welcome>, Option<Instant>)> {
        loop {
            match self.link.poll() {
                HostOutput::Send(message) => self.send(&message)?,
                HostOutput::Opened(welcome) => return Ok((Some(*welcome), None)),
                HostOutput::Deliver(DeviceMessage::Credit { .. }) => {}
                HostOutput::Deliver(message) => self.received.push_back(message),
                HostOutput::RoundTrip(time) => {
                    if self.round_trips_ms.len() < 100_000 {
                        self.round_trips_ms.push(time.as_secs_f64() * 1e3);
                    }
                }
                HostOutput::Closed(closed) => bail!("the connection ended: {closed}"),
                HostOutput::WaitUntil(until) => return Ok((None, until)),
            }
        }
    }
}

/// 32 random hexadecimal characters.
fn nonce() -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("draw a random number")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
