//! A browser: starts the relay and speaks native messaging with it.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nearside_channel::extension::{
    ChannelState, EXTENSION_PROTOCOL_VERSION, ExtensionMessage, HostEvent,
};
use nearside_channel::message::{
    DeviceMessage, PageId, PlayerCommand, PlayerId, PlayerKind, Reason, Source, StreamCommand,
    StreamId,
};

use crate::STEP;
use crate::place::Place;

pub(crate) const PLAYER: PlayerId = PlayerId(1);

/// See the module. Dropping it closes its port.
pub(crate) struct Browser {
    pub(crate) relay: Child,
    input: Option<ChildStdin>,
    events: Receiver<HostEvent>,
}

impl Browser {
    /// Starts the relay and says nothing.
    pub(crate) fn start(place: &Place) -> Self {
        let mut command = place.program();
        command.arg("chrome-extension://abcdefghijklmnopabcdefghijklmnop/");
        let mut relay = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = relay.stdin.take();
        let mut output = relay.stdout.take().unwrap();
        let (events, received) = sync_channel(100_000);
        std::thread::Builder::new()
            .name("browser".to_owned())
            .spawn(move || {
                let mut length = [0; 4];
                while output.read_exact(&mut length).is_ok() {
                    let length = usize::try_from(u32::from_ne_bytes(length)).unwrap();
                    assert!(length <= 1 << 20, "a browser ends the port beyond 1 MiB");
                    let mut body = vec![0; length];
                    output.read_exact(&mut body).unwrap();
                    if events.send(serde_json::from_slice(&body).unwrap()).is_err() {
                        return;
                    }
                }
            })
            .unwrap();
        Self { relay, input, events: received }
    }

    /// Starts the relay and greets.
    pub(crate) fn greeted(place: &Place) -> Self {
        let mut browser = Self::start(place);
        browser.say(&ExtensionMessage::Hello {
            protocol: EXTENSION_PROTOCOL_VERSION,
            extension_version: "1.2.3".to_owned(),
            browser: "a test".to_owned(),
        });
        browser
    }

    /// Greets and waits for the device.
    pub(crate) fn connected(place: &Place) -> Self {
        let mut browser = Self::greeted(place);
        browser.wait_connected();
        browser
    }

    pub(crate) fn say(&mut self, message: &ExtensionMessage) {
        self.say_raw(&serde_json::to_vec(message).unwrap());
    }

    pub(crate) fn say_raw(&mut self, body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap().to_ne_bytes();
        self.write(&[&length[..], body].concat());
    }

    /// Bytes as they are. A port that is closed already is no error.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.input.as_mut().unwrap().write_all(bytes);
    }

    /// A page with one player and one stream, all of this number.
    pub(crate) fn open(&mut self, number: u16) {
        let (site, title) = ("site".to_owned(), "SECRET TITLE".to_owned());
        self.say(&ExtensionMessage::PageOpen { page: page(number), site, title });
        self.player(number, PlayerCommand::Open { kind: PlayerKind::Video, source: Source::Mse });
        let mime = "video/webm; codecs=\"vp9\"".to_owned();
        self.player(number, PlayerCommand::AddStream { stream: StreamId(number), mime });
    }

    pub(crate) fn player(&mut self, number: u16, command: PlayerCommand) {
        let page = page(number);
        self.say(&ExtensionMessage::Player { page, player: PLAYER, command });
    }

    pub(crate) fn append(&mut self, number: u16, seq: u32, media: &[u8]) {
        let command = append(seq, media.len());
        let (page, stream) = (page(number), StreamId(number));
        self.say(&ExtensionMessage::Stream { page, stream, command });
        for piece in media.chunks(1 << 18) {
            self.say(&ExtensionMessage::Media { stream, data: STANDARD.encode(piece) });
        }
    }

    /// The next event that is such.
    pub(crate) fn wait<T>(&mut self, what: &str, find: impl Fn(HostEvent) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            match self.events.recv_timeout(STEP.saturating_sub(since.elapsed())) {
                Ok(event) => {
                    if let Some(found) = find(event) {
                        return found;
                    }
                }
                Err(error) => panic!("no {what}: {error}"),
            }
        }
    }

    pub(crate) fn wait_connected(&mut self) -> ChannelState {
        self.wait("connected channel", |event| match event {
            HostEvent::Channel(state) => state.connected.then_some(state),
            _ => None,
        })
    }

    /// Waits until there is no device, and why.
    pub(crate) fn wait_reason(&mut self) -> Reason {
        self.wait("reason", |event| match event {
            HostEvent::Channel(state) if !state.connected => state.reason,
            _ => None,
        })
    }

    pub(crate) fn wait_device(&mut self, what: &str, is: impl Fn(&DeviceMessage) -> bool) {
        self.wait(what, |event| match event {
            HostEvent::Device { message } => is(&message).then_some(()),
            _ => None,
        });
    }

    /// Waits until the port is closed from the other side; what came before.
    pub(crate) fn wait_closed(&mut self) -> Vec<HostEvent> {
        let since = Instant::now();
        let mut events = Vec::new();
        loop {
            match self.events.recv_timeout(STEP.saturating_sub(since.elapsed())) {
                Ok(event) => events.push(event),
                Err(RecvTimeoutError::Disconnected) => return events,
                Err(RecvTimeoutError::Timeout) => panic!("the port stays open"),
            }
        }
    }

    /// Closes the port as a browser does that ends.
    pub(crate) fn close(&mut self) {
        self.input = None;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.relay.kill();
        let _ = self.relay.wait();
    }
}

pub(crate) fn page(number: u16) -> PageId {
    PageId(u32::from(number))
}

pub(crate) fn append(seq: u32, bytes: usize) -> StreamCommand {
    StreamCommand::Append {
        seq,
        bytes: u32::try_from(bytes).unwrap(),
        timestamp_offset_micros: 0,
        window_start_micros: 0,
        window_end_micros: None,
        mode: Default::default(),
    }
}
