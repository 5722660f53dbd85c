//! Which frame the session host sends next.
//!
//! Control before audio before video; streams of one class take turns, one frame of at most
//! 16 KiB each; a stream without credit is skipped. Owner: whoever writes the transport. It
//! pushes as pages produce and takes frames as the transport accepts bytes, so the queues
//! are here, where priorities still apply, and not in the transport.
//!
//! INVARIANT: every queue is bounded in bytes. A full one is an answer to the caller, who
//! keeps the rest until the queue has drained; nothing is dropped here.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::codec::{self, EncodeError};
use crate::message::{CreditLimits, HostMessage, StreamCommand, StreamId};
use crate::stream::{AppendAssembler, AppendError, CreditError, CreditSender};
use crate::wire::{self, HEADER_SIZE, Kind, MAX_CONTROL_BODY, MAX_STREAM_BODY};

/// Upper bound of the control queue in bytes. Control has no credit, so this is all that
/// stands against a transport that does not move.
pub const MAX_CONTROL_QUEUE: usize = 4 * MAX_CONTROL_BODY;

/// What an entry counts beside its bytes, so that many tiny ones are bounded too.
const ENTRY_OVERHEAD: usize = 64;

/// What a stream carries; decides its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Audio,
    /// Video, or video and sound multiplexed.
    Video,
}

/// Why something was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Try again when the queue has drained.
    #[error("the queue is full")]
    Full,
    #[error("stream {} is not open", stream.0)]
    UnknownStream { stream: StreamId },
    /// The device would refuse the order of commands and media; nothing was queued.
    #[error(transparent)]
    Order(#[from] AppendError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Queues of one connection. A new connection starts with a new one.
#[derive(Debug)]
pub struct Scheduler {
    credits: CreditSender,
    /// Upper bound of each stream's queue in bytes.
    stream_queue_limit: usize,
    control: Queue<Vec<u8>>,
    streams: BTreeMap<StreamId, Stream>,
    /// Whose turn it is, by class. INVARIANT: each names exactly the streams of its class.
    audio: VecDeque<StreamId>,
    video: VecDeque<StreamId>,
}

#[derive(Debug)]
struct Stream {
    order: AppendAssembler,
    queue: Queue<Piece>,
}

/// A body, whole or still to be cut into frames.
#[derive(Debug)]
enum Piece {
    Command(Vec<u8>),
    Media(Bytes),
}

impl Scheduler {
    /// `limits` as in the device's welcome; `stream_queue_limit` in bytes, for each stream.
    pub fn new(limits: CreditLimits, stream_queue_limit: usize) -> Self {
        Self {
            credits: CreditSender::new(limits),
            stream_queue_limit,
            control: Queue::default(),
            streams: BTreeMap::new(),
            audio: VecDeque::new(),
            video: VecDeque::new(),
        }
    }

    /// Opens a stream. Push its `AddStream` message first.
    ///
    /// # Errors
    /// It is open already, it is the control stream, or there are too many.
    pub fn open(&mut self, stream: StreamId, class: Class) -> Result<(), CreditError> {
        self.credits.open(stream)?;
        self.streams
            .insert(stream, Stream { order: AppendAssembler::default(), queue: Queue::default() });
        match class {
            Class::Audio => self.audio.push_back(stream),
            Class::Video => self.video.push_back(stream),
        }
        Ok(())
    }

    /// Removes a stream and everything queued for it. Push its `RemoveStream` message, or
    /// the `Close` of its player or page, after this.
    pub fn remove(&mut self, stream: StreamId) {
        self.credits.remove(stream);
        self.streams.remove(&stream);
        self.audio.retain(|other| *other != stream);
        self.video.retain(|other| *other != stream);
    }

    /// Queues a control message.
    ///
    /// # Errors
    /// The control queue is full: the transport stands still and the link will be lost. Or
    /// the message is out of its bounds.
    pub fn push_control(&mut self, message: &HostMessage) -> Result<(), PushError> {
        if self.control.room(MAX_CONTROL_QUEUE) == 0 {
            return Err(PushError::Full);
        }
        let mut frame = Vec::new();
        codec::encode_host(message, &mut frame)?;
        if self.control.room(MAX_CONTROL_QUEUE) < frame.len() {
            return Err(PushError::Full);
        }
        self.control.push(frame.len(), frame);
        Ok(())
    }

    /// Queues a command, in order with the stream's media.
    ///
    /// # Errors
    /// The queue is full, an append is under way, or the command is out of its bounds.
    pub fn push_command(
        &mut self,
        stream: StreamId,
        command: &StreamCommand,
    ) -> Result<(), PushError> {
        let limit = self.stream_queue_limit;
        let entry = self.entry(stream)?;
        if entry.queue.room(limit) == 0 {
            return Err(PushError::Full);
        }
        let mut frame = Vec::new();
        codec::encode_command(stream, command, &mut frame)?;
        let mut order = entry.order.clone();
        order.command(command)?;
        entry.order = order;
        entry.queue.push(frame.len(), Piece::Command(frame));
        Ok(())
    }

    /// Queues as much of `media` as there is room for and leaves the rest in it.
    ///
    /// Returns the bytes taken: 0 when the queue is full.
    ///
    /// # Errors
    /// No append is under way or it is shorter than `media`; nothing is taken then.
    pub fn push_media(&mut self, stream: StreamId, media: &mut Bytes) -> Result<usize, PushError> {
        let limit = self.stream_queue_limit;
        let entry = self.entry(stream)?;
        let mut order = entry.order.clone();
        order.media(media.len())?;
        let count = entry.queue.room(limit).min(media.len());
        if count == 0 {
            return Ok(0);
        }
        entry.order.media(count)?;
        entry.queue.push(count, Piece::Media(media.split_to(count)));
        Ok(count)
    }

    /// Books the device's `Credit` message.
    ///
    /// # Errors
    /// More than is in flight.
    pub fn grant(&mut self, stream: StreamId, bytes: u32) -> Result<(), CreditError> {
        self.credits.grant(stream, bytes)
    }

    /// Takes the device's `Credits` message: more may be in flight from now on.
    pub fn raise(&mut self, limits: CreditLimits) {
        self.credits.raise(limits);
    }

    /// Bytes that `stream` may still queue.
    pub fn room(&self, stream: StreamId) -> usize {
        self.streams.get(&stream).map_or(0, |entry| entry.queue.room(self.stream_queue_limit))
    }

    /// Bytes in flight over all streams.
    pub fn in_flight(&self) -> u32 {
        self.credits.in_flight()
    }

    /// Whether nothing is queued, with or without credit.
    pub fn is_empty(&self) -> bool {
        self.control.entries.is_empty()
            && self.streams.values().all(|entry| entry.queue.entries.is_empty())
    }

    /// Appends the next frame to `out`. False: nothing may be sent now.
    pub fn next_frame(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(frame) = self.control.pop(Vec::len) {
            out.extend_from_slice(&frame);
            return true;
        }
        let Self { credits, streams, audio, video, .. } = self;
        [audio, video].into_iter().any(|turns| {
            let ready = turns.iter().position(|stream| {
                streams.get_mut(stream).is_some_and(|entry| entry.send(*stream, credits, out))
            });
            if let Some(stream) = ready.and_then(|index| turns.remove(index)) {
                turns.push_back(stream);
            }
            ready.is_some()
        })
    }

    fn entry(&mut self, stream: StreamId) -> Result<&mut Stream, PushError> {
        self.streams.get_mut(&stream).ok_or(PushError::UnknownStream { stream })
    }
}

impl Stream {
    /// Appends the stream's next frame to `out` if it has one and the credit for it.
    fn send(&mut self, id: StreamId, credits: &mut CreditSender, out: &mut Vec<u8>) -> bool {
        // A piece is not cut smaller to fit the credit: grants come in larger steps.
        let body = match self.queue.entries.front() {
            None => return false,
            Some(Piece::Command(frame)) => frame.len() - HEADER_SIZE,
            Some(Piece::Media(media)) => media.len().min(MAX_STREAM_BODY),
        };
        let is_paid = u32::try_from(body).is_ok_and(|bytes| credits.consume(id, bytes).is_ok());
        if !is_paid {
            return false;
        }
        if let Some(Piece::Media(media)) = self.queue.entries.front_mut()
            && body < media.len()
        {
            let head = media.split_to(body);
            self.queue.bytes -= body;
            return wire::encode(Kind::Media, id, &head, out).is_ok();
        }
        match self.queue.pop(Piece::len) {
            Some(Piece::Command(frame)) => {
                out.extend_from_slice(&frame);
                true
            }
            Some(Piece::Media(media)) => wire::encode(Kind::Media, id, &media, out).is_ok(),
            None => false,
        }
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Command(frame) => frame.len(),
            Self::Media(media) => media.len(),
        }
    }
}

/// Entries and what they count.
#[derive(Debug)]
struct Queue<T> {
    entries: VecDeque<T>,
    /// INVARIANT: the lengths of all entries.
    bytes: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), bytes: 0 }
    }
}

impl<T> Queue<T> {
    /// Bytes that one more entry may have.
    fn room(&self, limit: usize) -> usize {
        let overhead = (self.entries.len() + 1).saturating_mul(ENTRY_OVERHEAD);
        limit.saturating_sub(self.bytes).saturating_sub(overhead)
    }

    fn push(&mut self, length: usize, entry: T) {
        self.bytes += length;
        self.entries.push_back(entry);
    }

    fn pop(&mut self, length: impl FnOnce(&T) -> usize) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.bytes -= length(&entry);
        Some(entry)
    }
}
