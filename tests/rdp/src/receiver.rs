//! A device that takes media as fast as it arrives and throws it away, with a credit window of
//! the test's choice: what the window does for control messages can be measured with it.

use anyhow::Context as _;
use nearside_channel::codec;
use nearside_channel::link::{Acceptance, DeviceInput, DeviceLink, DeviceOutput};
use nearside_channel::message::{
    Capabilities, CreditLimits, DeviceMessage, DeviceSettings, HostMessage, PageId, PlayerCommand,
    StreamEvent, StreamId,
};
use nearside_channel::stream::{AppendAssembler, AppendError, CreditReceiver, Step};
use nearside_channel::wire::{Frame, FrameReader, Kind};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// One connection of it. Runs until the session host closes the channel.
pub struct Receiver {
    stream: UnixStream,
    link: DeviceLink,
    limits: CreditLimits,
    credits: CreditReceiver,
    appends: BTreeMap<StreamId, (PageId, AppendAssembler)>,
}

impl Receiver {
    /// `window` for each stream and all together, in bytes.
    pub fn new(stream: UnixStream, window: u32) -> Self {
        let limits = CreditLimits { total_bytes: window, per_stream_bytes: window };
        Self {
            stream,
            link: DeviceLink::new(Instant::now()),
            limits,
            credits: CreditReceiver::new(limits),
            appends: BTreeMap::new(),
        }
    }

    /// # Errors
    /// The session host broke the rules.
    pub fn run(mut self) -> anyhow::Result<()> {
        let mut frames = FrameReader::default();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = self.stream.read(&mut buffer).context("read at the device")?;
            if count == 0 {
                return Ok(());
            }
            let mut chunk = buffer.get(..count).unwrap_or_default();
            while let Some(frame) = frames.next_frame(&mut chunk)? {
                self.take(&frame)?;
            }
        }
    }

    fn take(&mut self, frame: &Frame<'_>) -> anyhow::Result<()> {
        match frame.kind() {
            Kind::Control => {
                let message = codec::decode_host(&frame.body)?;
                self.link.handle(Instant::now(), DeviceInput::Message(message));
                self.drain()
            }
            Kind::Command => {
                let command = codec::decode_command(&frame.body)?;
                self.on_media(frame, |appends| appends.command(&command))
            }
            Kind::Media => {
                let length = frame.body.len();
                self.on_media(frame, |appends| appends.media(length))
            }
        }
    }

    fn on_media(
        &mut self,
        frame: &Frame<'_>,
        step: impl FnOnce(&mut AppendAssembler) -> Result<Step, AppendError>,
    ) -> anyhow::Result<()> {
        self.link.handle(Instant::now(), DeviceInput::Traffic);
        self.credits.arrived(frame.stream(), frame.body.len())?;
        let (page, appends) = self.appends.get_mut(&frame.stream()).context("an unknown stream")?;
        let page = *page;
        let step = step(appends)?;
        self.credits.consumed(frame.stream(), frame.body.len())?;
        if let Step::Whole { seq } = step {
            let event = StreamEvent::Appended { seq, buffered: Vec::new() };
            self.send(&DeviceMessage::Stream { page, stream: frame.stream(), event })?;
        }
        while let Some((stream, bytes)) = self.credits.next_grant() {
            self.send(&DeviceMessage::Credit { stream, bytes })?;
        }
        Ok(())
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        loop {
            match self.link.poll() {
                DeviceOutput::Send(message) => self.send(&message)?,
                DeviceOutput::Greeted(_) => {
                    let acceptance = Box::new(acceptance(self.limits));
                    self.link.handle(Instant::now(), DeviceInput::Accept(acceptance));
                }
                DeviceOutput::Deliver(message) => self.on_message(&message)?,
                DeviceOutput::RoundTrip(_) => {}
                DeviceOutput::Closed(_) | DeviceOutput::WaitUntil(_) => return Ok(()),
            }
        }
    }

    fn on_message(&mut self, message: &HostMessage) -> anyhow::Result<()> {
        match *message {
            HostMessage::PageOpen { page, .. } => self.send(&DeviceMessage::PageReady { page }),
            HostMessage::Player {
                page, command: PlayerCommand::AddStream { stream, .. }, ..
            } => {
                self.credits.open(stream)?;
                self.appends.insert(stream, (page, AppendAssembler::default()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn send(&mut self, message: &DeviceMessage) -> anyhow::Result<()> {
        let mut frame = Vec::new();
        codec::encode_device(message, &mut frame)?;
        self.stream.write_all(&frame).context("write at the device")
    }
}

fn acceptance(credits: CreditLimits) -> Acceptance {
    Acceptance {
        client_version: env!("CARGO_PKG_VERSION").to_owned(),
        connection_id: "test".to_owned(),
        credits,
        capabilities: Capabilities {
            video: vec!["h264".to_owned()],
            audio: vec!["aac".to_owned()],
            containers: vec!["mp4".to_owned()],
            services: Vec::new(),
        },
        settings: DeviceSettings::default(),
        playback_refused: None,
    }
}
