//! What the agent sends: media goes straight into the players' buffers on this thread, the
//! rest to the stage's loop.
//!
//! Appending here keeps parsing away from the loop that draws. Buffers are made here when a
//! player opens, so that a stream exists before its first byte whatever the loop is doing, and
//! media by URL is on its way before there is a window.

use super::outbox::Outbox;
use super::translate;
use nearside::stage_link::{FromStage, ToStage};
use nearside_channel::codec;
use nearside_channel::message::{
    PlayerCommand, PlayerEvent, PlayerId, Reason, ReasonCode, Source, StreamCommand, StreamEvent,
    StreamId,
};
use nearside_channel::stream::{AppendAssembler, Step};
use nearside_channel::wire::{Frame, FrameReader, Kind};
use nearside_media::fetch::{AddressPolicy, UrlSource};
use nearside_media::player::{Buffers, Wake};
use nearside_media::source_buffer::AppendError;
use nearside_media::time::Pts;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// What the loop gets.
pub(crate) enum Input {
    Message(ToStage),
    /// A player opened, with the buffers that its streams fill.
    Opened {
        player: PlayerId,
        buffers: Arc<Buffers>,
        command: PlayerCommand,
    },
    /// The media of a player cannot be played: it has been told to the page.
    Failed {
        player: PlayerId,
    },
    /// The agent is gone.
    End,
}

/// Messages that may wait for the loop; then reading stops, and with it the credits.
pub(crate) const DEPTH: usize = 256;

/// Reads until the end of standard input.
pub(crate) fn start(inputs: SyncSender<Input>, wake: Wake, outbox: Outbox) -> std::io::Result<()> {
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        let mut reader = Reader {
            inputs,
            wake,
            outbox,
            addresses: AddressPolicy::default(),
            players: BTreeMap::new(),
            streams: BTreeMap::new(),
        };
        let why = reader.run();
        tracing::info!(why, "input ends");
        reader.pass(Input::End);
    })?;
    Ok(())
}

struct Stream {
    player: PlayerId,
    buffers: Arc<Buffers>,
    order: AppendAssembler,
    /// The append under way was refused: the rest of it is skipped.
    refused: bool,
}

/// A player that is open.
struct Opened {
    buffers: Arc<Buffers>,
    /// Fetches as long as it is here.
    _source: Option<UrlSource>,
}

struct Reader {
    inputs: SyncSender<Input>,
    wake: Wake,
    outbox: Outbox,
    addresses: AddressPolicy,
    players: BTreeMap<PlayerId, Opened>,
    streams: BTreeMap<StreamId, Stream>,
}

impl Reader {
    fn run(&mut self) -> &'static str {
        let mut frames = FrameReader::default();
        let mut buffer = vec![0; 64 << 10];
        let mut stdin = std::io::stdin().lock();
        loop {
            let count = match stdin.read(&mut buffer) {
                Ok(0) | Err(_) => return "the agent closed it",
                Ok(count) => count,
            };
            let mut chunk = buffer.get(..count).unwrap_or_default();
            loop {
                match frames.next_frame(&mut chunk) {
                    Ok(Some(frame)) => {
                        if !self.on_frame(&frame) {
                            return "a message was not understood";
                        }
                    }
                    Ok(None) => break,
                    Err(_) => return "a frame was not understood",
                }
            }
        }
    }

    fn pass(&self, input: Input) {
        // Fails only while the process ends.
        if self.inputs.send(input).is_ok() {
            (self.wake)();
        }
    }

    fn on_frame(&mut self, frame: &Frame<'_>) -> bool {
        match frame.kind() {
            Kind::Control => match serde_json::from_slice(&frame.body) {
                Ok(message) => {
                    self.on_message(message);
                    true
                }
                Err(_) => false,
            },
            Kind::Command => {
                let Ok(command) = codec::decode_command(&frame.body) else { return false };
                self.on_command(frame.stream(), &command);
                self.credit(frame);
                true
            }
            Kind::Media => {
                self.on_media(frame.stream(), &frame.body);
                self.credit(frame);
                true
            }
        }
    }

    fn credit(&self, frame: &Frame<'_>) {
        let bytes = u32::try_from(frame.body.len()).unwrap_or(u32::MAX);
        self.outbox.send(&FromStage::Credit { stream: frame.stream(), bytes });
    }

    fn on_message(&mut self, message: ToStage) {
        let ToStage::Player { player, command } = message else {
            if let ToStage::Start { options, .. } = &message {
                self.addresses.allow_private = options.allow_private_addresses;
            }
            return self.pass(Input::Message(message));
        };
        match command {
            PlayerCommand::Open { ref source, .. } => {
                let buffers = Arc::new(Buffers::default());
                let source = match source {
                    Source::Mse => Ok(None),
                    Source::Url { url } => self.fetch(url, &buffers).map(Some),
                };
                self.pass(Input::Opened { player, buffers: Arc::clone(&buffers), command });
                match source {
                    Ok(source) => {
                        self.players.insert(player, Opened { buffers, _source: source });
                    }
                    Err(reason) => self.fail(player, &buffers, reason),
                }
            }
            PlayerCommand::AddStream { stream, mime } => self.add_stream(player, stream, &mime),
            PlayerCommand::RemoveStream { stream } => {
                if let Some(entry) = self.streams.remove(&stream) {
                    entry.buffers.remove_stream(stream.0);
                }
            }
            command => {
                if matches!(command, PlayerCommand::Close) {
                    self.players.remove(&player);
                    self.streams.retain(|_, stream| stream.player != player);
                }
                self.pass(Input::Message(ToStage::Player { player, command }));
            }
        }
    }

    fn fetch(&self, url: &str, buffers: &Arc<Buffers>) -> Result<UrlSource, Reason> {
        UrlSource::start(url.to_owned(), self.addresses, buffers, Arc::clone(&self.wake))
            .map_err(|error| translate::source_error(&error))
    }

    fn add_stream(&mut self, player: PlayerId, stream: StreamId, mime: &str) {
        let Some(Opened { buffers, .. }) = self.players.get(&player) else { return };
        let order = AppendAssembler::default();
        let mut entry = Stream { player, buffers: Arc::clone(buffers), order, refused: false };
        if let Err(error) = buffers.add_stream(stream.0, mime) {
            entry.refused = true;
            self.fail(player, buffers, translate::append_error(&error));
        }
        self.streams.insert(stream, entry);
    }

    fn on_command(&mut self, id: StreamId, command: &StreamCommand) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Ok(step) = stream.order.command(command) else { return };
        let (buffers, player) = (Arc::clone(&stream.buffers), stream.player);
        tracing::debug!(stream = id.0, ?command, "command");
        let result = match command {
            StreamCommand::Append { seq, .. } => {
                stream.refused = false;
                let begun = translate::append(command)
                    .map_or(Ok(()), |(params, bytes)| buffers.begin_append(id.0, &params, bytes));
                if let Err(error) = begun {
                    return self.refuse(id, *seq, &error);
                }
                if let Step::Whole { seq } = step {
                    self.finish(id, seq);
                }
                return;
            }
            StreamCommand::Abort => {
                buffers.abort(id.0);
                Ok(())
            }
            StreamCommand::Remove { start_micros, end_micros } => {
                let end = end_micros.map_or(Pts::MAX, Pts);
                let buffered = buffers.remove(id.0, Pts(*start_micros), end);
                let event = StreamEvent::Removed { buffered: translate::ranges(&buffered) };
                self.outbox.send(&FromStage::Stream { stream: id, event });
                Ok(())
            }
            StreamCommand::ChangeType { mime } => buffers.change_type(id.0, mime),
            StreamCommand::EndOfStream { failed: false } => {
                buffers.end_of_stream(id.0);
                Ok(())
            }
            StreamCommand::EndOfStream { failed: true } => {
                let reason = Reason::new(
                    ReasonCode::Network,
                    "The page ended its media with an error.",
                    "Reload the page.",
                );
                self.fail(player, &buffers, reason);
                return;
            }
        };
        if let Err(error) = result {
            self.fail(player, &buffers, translate::append_error(&error));
        }
        (self.wake)();
    }

    fn on_media(&mut self, id: StreamId, bytes: &[u8]) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Ok(step) = stream.order.media(bytes.len()) else { return };
        if stream.refused {
            return;
        }
        let (Step::Inside { seq, .. } | Step::Whole { seq }) = step else { return };
        match stream.buffers.push(id.0, bytes) {
            Ok(true) => (self.wake)(),
            Ok(false) => {}
            Err(error) => return self.refuse(id, seq, &error),
        }
        if let Step::Whole { seq } = step {
            self.finish(id, seq);
        }
    }

    fn finish(&mut self, id: StreamId, seq: u32) {
        let Some(stream) = self.streams.get(&id) else { return };
        match stream.buffers.end_append(id.0) {
            Ok(appended) => {
                let buffered = translate::ranges(&appended.buffered);
                if appended.evicted {
                    let event = StreamEvent::Evicted { buffered: buffered.clone() };
                    self.outbox.send(&FromStage::Stream { stream: id, event });
                }
                let event = StreamEvent::Appended { seq, buffered };
                self.outbox.send(&FromStage::Stream { stream: id, event });
                (self.wake)();
            }
            Err(error) => self.refuse(id, seq, &error),
        }
    }

    /// The append is refused. A full buffer is the page's to solve, anything else ends the
    /// player on the device and the page plays natively.
    fn refuse(&mut self, id: StreamId, seq: u32, error: &AppendError) {
        let reason = translate::append_error(error);
        let event = StreamEvent::Refused { seq, reason: reason.clone() };
        self.outbox.send(&FromStage::Stream { stream: id, event });
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.refused = true;
        if reason.code != ReasonCode::BufferFull {
            let (player, buffers) = (stream.player, Arc::clone(&stream.buffers));
            self.fail(player, &buffers, reason);
        }
    }

    fn fail(&self, player: PlayerId, buffers: &Buffers, reason: Reason) {
        let position_micros = translate::exact(buffers.position());
        let event = PlayerEvent::Failed { reason, position_micros };
        self.outbox.send(&FromStage::Player { player, event });
        self.pass(Input::Failed { player });
    }
}
