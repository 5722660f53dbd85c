//! A small device that keeps the rules: greeting, heartbeat, credits, the order of streams.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use nearside_channel::codec;
use nearside_channel::link::{Acceptance, DeviceInput, DeviceLink, DeviceOutput};
use nearside_channel::message::{
    Capabilities, DeviceMessage, DeviceSettings, Hello, HostMessage, PageId, PlayerCommand,
    PlayerId, StreamCommand, StreamId,
};
use nearside_channel::stream::{AppendAssembler, CREDITS, CreditReceiver};
use nearside_channel::wire::{FrameReader, Kind};

use crate::STEP;

#[cfg(windows)]
pub(crate) use std::net::{TcpListener as Listener, TcpStream as Stream};
/// The device's end of the channel, and where it is taken: forwarded sockets, or Windows' Remote
/// Desktop Services as tests/wts stands in for them.
#[cfg(unix)]
pub(crate) use std::os::unix::net::{UnixListener as Listener, UnixStream as Stream};

/// One turn of reading.
const TURN: Duration = Duration::from_millis(5);

/// See the module.
pub(crate) struct Device {
    stream: Stream,
    link: DeviceLink,
    frames: FrameReader,
    credits: CreditReceiver,
    orders: BTreeMap<StreamId, AppendAssembler>,
    owners: BTreeMap<StreamId, (PageId, PlayerId)>,
    pub(crate) hello: Option<Hello>,
    pub(crate) messages: Vec<HostMessage>,
    pub(crate) commands: Vec<(StreamId, StreamCommand)>,
    pub(crate) media: BTreeMap<StreamId, Vec<u8>>,
    pub(crate) received_bytes: usize,
    pub(crate) closed: bool,
    /// Whether media is consumed as it comes.
    pub(crate) consumes: bool,
}

/// Listens where a device's socket is forwarded to.
#[cfg(unix)]
pub(crate) fn listen(path: &Path) -> Listener {
    Listener::bind(path).unwrap()
}

/// Listens, and says where.
#[cfg(windows)]
pub(crate) fn listen(path: &Path) -> Listener {
    let listener = Listener::bind(("127.0.0.1", 0)).unwrap();
    std::fs::write(path, listener.local_addr().unwrap().port().to_string()).unwrap();
    listener
}

/// The next connection.
pub(crate) fn accept(listener: &Listener) -> Stream {
    listener.set_nonblocking(true).unwrap();
    let since = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                return stream;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(since.elapsed() < STEP, "nobody connects");
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl Device {
    pub(crate) fn new(stream: Stream) -> Self {
        stream.set_read_timeout(Some(TURN)).unwrap();
        Self {
            stream,
            link: DeviceLink::new(Instant::now()),
            frames: FrameReader::default(),
            credits: CreditReceiver::new(CREDITS),
            orders: BTreeMap::new(),
            owners: BTreeMap::new(),
            hello: None,
            messages: Vec::new(),
            commands: Vec::new(),
            media: BTreeMap::new(),
            received_bytes: 0,
            closed: false,
            consumes: true,
        }
    }

    /// Takes the next connection and greets back.
    pub(crate) fn accept(listener: &Listener) -> Self {
        let mut device = Self::new(accept(listener));
        device.until("a greeting", |device| device.link.is_open());
        device
    }

    /// Goes on until it is so.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        while !holds(self) {
            assert!(since.elapsed() < STEP, "not so: {what}; but {:?}", self.messages);
            assert!(!self.closed, "the channel closed before {what}");
            self.turn();
        }
    }

    /// Goes on until the host has closed the stream.
    pub(crate) fn until_closed(&mut self) {
        let since = Instant::now();
        while !self.closed {
            assert!(since.elapsed() < STEP, "the channel stays open");
            self.turn();
        }
    }

    pub(crate) fn send(&mut self, message: &DeviceMessage) {
        let mut frame = Vec::new();
        codec::encode_device(message, &mut frame).unwrap();
        self.write(&frame);
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).is_err() {
            self.closed = true;
        }
    }

    /// The channel's number of the page that was opened last.
    pub(crate) fn last_page(&self) -> Option<PageId> {
        self.messages.iter().rev().find_map(|message| match message {
            HostMessage::PageOpen { page, .. } => Some(*page),
            _ => None,
        })
    }

    /// The media of the stream that was added last.
    pub(crate) fn last_media(&self) -> &[u8] {
        let added = self.messages.iter().rev().find_map(|message| match message {
            HostMessage::Player { command: PlayerCommand::AddStream { stream, .. }, .. } => {
                Some(stream)
            }
            _ => None,
        });
        added.and_then(|stream| self.media.get(stream)).map(Vec::as_slice).unwrap_or_default()
    }

    /// What a stale connection still gets: reads without ever answering, until its end.
    #[cfg(unix)]
    pub(crate) fn drain_silently(mut self) -> usize {
        let since = Instant::now();
        let (mut buffer, mut bytes) = ([0; 4096], 0);
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return bytes,
                Ok(count) => bytes += count,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    assert!(since.elapsed() < STEP, "the stale connection stays open");
                }
                Err(_) => return bytes,
            }
        }
    }

    /// Reads for a moment and answers.
    pub(crate) fn turn(&mut self) {
        let mut buffer = [0; 32 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.closed = true,
            Ok(count) => self.on_bytes(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.closed = true,
        }
        self.link.handle(Instant::now(), DeviceInput::Timeout);
        self.drain();
        while let Some((stream, bytes)) = self.credits.next_grant() {
            self.send(&DeviceMessage::Credit { stream, bytes });
        }
    }

    fn on_bytes(&mut self, mut chunk: &[u8]) {
        self.received_bytes += chunk.len();
        while let Some(frame) = self.frames.next_frame(&mut chunk).unwrap() {
            let (stream, body) = (frame.stream(), frame.body.into_owned());
            match frame.header.kind() {
                Kind::Control => {
                    let message = codec::decode_host(&body).unwrap();
                    self.link.handle(Instant::now(), DeviceInput::Message(message));
                    self.drain();
                    continue;
                }
                Kind::Command => {
                    let command = codec::decode_command(&body).unwrap();
                    self.orders.get_mut(&stream).unwrap().command(&command).unwrap();
                    self.commands.push((stream, command));
                }
                Kind::Media => {
                    self.orders.get_mut(&stream).unwrap().media(body.len()).unwrap();
                    self.media.entry(stream).or_default().extend_from_slice(&body);
                }
            }
            self.link.handle(Instant::now(), DeviceInput::Traffic);
            self.credits.arrived(stream, body.len()).expect("within the credit");
            if self.consumes {
                self.credits.consumed(stream, body.len()).unwrap();
            }
        }
    }

    fn drain(&mut self) {
        loop {
            match self.link.poll() {
                DeviceOutput::Send(message) => self.send(&message),
                DeviceOutput::Greeted(hello) => {
                    self.hello = Some(*hello);
                    let acceptance = Acceptance {
                        client_version: "3.2.1".to_owned(),
                        connection_id: "connection".to_owned(),
                        credits: CREDITS,
                        capabilities: Capabilities::default(),
                        settings: DeviceSettings::default(),
                        playback_refused: None,
                    };
                    let accept = DeviceInput::Accept(Box::new(acceptance));
                    self.link.handle(Instant::now(), accept);
                }
                DeviceOutput::Deliver(message) => self.on_message(message),
                DeviceOutput::RoundTrip(_) => {}
                DeviceOutput::Closed(_) => self.closed = true,
                DeviceOutput::WaitUntil(_) => return,
            }
        }
    }

    fn on_message(&mut self, message: HostMessage) {
        let mut gone = Vec::new();
        match &message {
            HostMessage::PageOpen { page, .. } => {
                self.send(&DeviceMessage::PageReady { page: *page });
            }
            HostMessage::PageClose { page } => {
                gone.extend(self.owners.iter().filter(|(_, owner)| owner.0 == *page));
            }
            HostMessage::Player { page, player, command } => match command {
                PlayerCommand::AddStream { stream, .. } => {
                    self.credits.open(*stream).unwrap();
                    self.orders.insert(*stream, AppendAssembler::default());
                    self.owners.insert(*stream, (*page, *player));
                }
                PlayerCommand::RemoveStream { stream } => {
                    gone.extend(self.owners.get_key_value(stream));
                }
                PlayerCommand::Close => {
                    let owned = self.owners.iter().filter(|(_, owner)| **owner == (*page, *player));
                    gone.extend(owned);
                }
                _ => {}
            },
            _ => {}
        }
        let gone: Vec<StreamId> = gone.into_iter().map(|(stream, _)| *stream).collect();
        for stream in gone {
            self.credits.remove(stream);
            self.orders.remove(&stream);
            self.owners.remove(&stream);
        }
        self.messages.push(message);
    }
}
