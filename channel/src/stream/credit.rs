//! Both ends of the credit account.
//!
//! INVARIANT: what [`CreditReceiver`] counts as in flight is at most what [`CreditSender`]
//! does, at every point of the ordered byte streams; so an honest host is never refused.

use std::collections::{BTreeMap, VecDeque};

use super::MAX_STREAMS;
use crate::message::{CreditLimits, StreamId};

/// A grant goes out when this much was consumed on a stream.
const GRANT_BATCH: u32 = 16 << 10;

/// A window is never narrower, in bytes: there is room for a piece of media beside the credit
/// that is not granted back yet.
const LEAST: u32 = 64 << 10;

/// The account does not add up: the peer or the caller is wrong about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreditError {
    /// More was sent than the credit allows.
    #[error("{bytes} bytes on stream {} exceed its credit of {available}", stream.0)]
    Exceeded { stream: StreamId, bytes: u32, available: u32 },
    /// More was granted or consumed than is in flight.
    #[error("{bytes} bytes granted on stream {}, {in_flight} are in flight", stream.0)]
    OverGrant { stream: StreamId, bytes: u32, in_flight: u32 },
    #[error("stream {} is not open", stream.0)]
    UnknownStream { stream: StreamId },
    #[error("stream 0 is the control stream")]
    ControlStream,
    #[error("stream {} is open already", stream.0)]
    AlreadyOpen { stream: StreamId },
    #[error("more than {MAX_STREAMS} streams")]
    TooManyStreams,
}

/// Bytes in flight, by stream and in total.
#[derive(Debug)]
struct Ledger {
    limits: CreditLimits,
    /// INVARIANT: the sum over `streams`, and at most `limits.total_bytes`.
    total: u32,
    /// INVARIANT: each at most `limits.per_stream_bytes`.
    streams: BTreeMap<StreamId, u32>,
}

impl Ledger {
    fn new(limits: CreditLimits) -> Self {
        Self { limits, total: 0, streams: BTreeMap::new() }
    }

    /// Widens the windows; narrower ones change nothing.
    fn raise(&mut self, limits: CreditLimits) {
        let CreditLimits { total_bytes, per_stream_bytes } = &mut self.limits;
        *total_bytes = limits.total_bytes.max(*total_bytes);
        *per_stream_bytes = limits.per_stream_bytes.max(*per_stream_bytes);
    }

    fn open(&mut self, stream: StreamId) -> Result<(), CreditError> {
        if stream == StreamId(0) {
            return Err(CreditError::ControlStream);
        }
        if self.streams.contains_key(&stream) {
            return Err(CreditError::AlreadyOpen { stream });
        }
        if MAX_STREAMS <= self.streams.len() {
            return Err(CreditError::TooManyStreams);
        }
        self.streams.insert(stream, 0);
        Ok(())
    }

    fn remove(&mut self, stream: StreamId) {
        self.total -= self.streams.remove(&stream).unwrap_or(0);
    }

    fn in_flight(&self, stream: StreamId) -> Result<u32, CreditError> {
        self.streams.get(&stream).copied().ok_or(CreditError::UnknownStream { stream })
    }

    fn available(&self, stream: StreamId) -> Result<u32, CreditError> {
        let in_flight = self.in_flight(stream)?;
        let CreditLimits { total_bytes, per_stream_bytes } = self.limits;
        Ok((total_bytes - self.total).min(per_stream_bytes - in_flight))
    }

    fn add(&mut self, stream: StreamId, bytes: u32) -> Result<(), CreditError> {
        let available = self.available(stream)?;
        match self.streams.get_mut(&stream) {
            Some(in_flight) if bytes <= available => {
                *in_flight += bytes;
                self.total += bytes;
                Ok(())
            }
            _ => Err(CreditError::Exceeded { stream, bytes, available }),
        }
    }

    fn subtract(&mut self, stream: StreamId, bytes: u32) -> Result<(), CreditError> {
        match self.streams.get_mut(&stream) {
            None => Err(CreditError::UnknownStream { stream }),
            Some(in_flight) if *in_flight < bytes => {
                Err(CreditError::OverGrant { stream, bytes, in_flight: *in_flight })
            }
            Some(in_flight) => {
                *in_flight -= bytes;
                self.total -= bytes;
                Ok(())
            }
        }
    }
}

/// The session host's end: what may be sent now.
#[derive(Debug)]
pub struct CreditSender {
    sent: Ledger,
}

impl CreditSender {
    /// `limits` as in the device's welcome.
    pub fn new(limits: CreditLimits) -> Self {
        Self { sent: Ledger::new(limits) }
    }

    /// Opens a stream with its full window.
    ///
    /// # Errors
    /// It is open already, it is the control stream, or there are [`MAX_STREAMS`].
    pub fn open(&mut self, stream: StreamId) -> Result<(), CreditError> {
        self.sent.open(stream)
    }

    /// Removes a stream; what it has in flight is free for the others.
    pub fn remove(&mut self, stream: StreamId) {
        self.sent.remove(stream);
    }

    /// Bytes that may be sent on `stream` now. 0 on a stream that is not open.
    pub fn available(&self, stream: StreamId) -> u32 {
        self.sent.available(stream).unwrap_or(0)
    }

    /// Bytes in flight over all streams.
    pub fn in_flight(&self) -> u32 {
        self.sent.total
    }

    /// Books `bytes` sent on `stream`.
    ///
    /// # Errors
    /// More than is available; nothing is booked then.
    pub fn consume(&mut self, stream: StreamId, bytes: u32) -> Result<(), CreditError> {
        self.sent.add(stream, bytes)
    }

    /// Takes the device's `Credits` message: windows only grow.
    pub fn raise(&mut self, limits: CreditLimits) {
        self.sent.raise(limits);
    }

    /// Books the device's `Credit` message. A stream that is not open any more is no error:
    /// the message crossed its removal.
    ///
    /// # Errors
    /// More than is in flight; nothing is booked then.
    pub fn grant(&mut self, stream: StreamId, bytes: u32) -> Result<(), CreditError> {
        match self.sent.subtract(stream, bytes) {
            Err(CreditError::UnknownStream { .. }) => Ok(()),
            result => result,
        }
    }
}

/// The device's end: refuses what exceeds the credit and grants what was consumed.
#[derive(Debug)]
pub struct CreditReceiver {
    /// Arrived and not granted back yet.
    arrived: Ledger,
    /// Consumed and not granted back yet. INVARIANT: at most what has arrived.
    consumed: BTreeMap<StreamId, u32>,
    /// INVARIANT: the sum over `consumed`.
    consumed_total: u32,
    /// Streams whose grant is due; may name streams that have gone.
    due: VecDeque<StreamId>,
    /// What is consumed of a stream and not granted: its window is narrower by that. Of all
    /// streams together twice as much. INVARIANT: leaves each window, and the total, [`LEAST`].
    held: u32,
}

impl CreditReceiver {
    /// `limits` as in the welcome.
    pub fn new(limits: CreditLimits) -> Self {
        Self {
            arrived: Ledger::new(limits),
            consumed: BTreeMap::new(),
            consumed_total: 0,
            due: VecDeque::new(),
            held: 0,
        }
    }

    /// Holds back so much of each stream's window from now on, or as much as can be, and twice
    /// that of all.
    pub fn hold(&mut self, bytes: u32) {
        let CreditLimits { total_bytes, per_stream_bytes } = self.arrived.limits;
        let most = per_stream_bytes.saturating_sub(LEAST);
        self.held = bytes.min(most).min(total_bytes.saturating_sub(LEAST) / 2);
        self.due.clear();
        self.due.extend(self.consumed.keys());
    }

    /// Bytes of `stream` that are consumed and not held back.
    fn free(&self, stream: StreamId) -> u32 {
        let consumed = self.consumed.get(&stream).copied().unwrap_or(0);
        if self.held == 0 {
            return consumed;
        }
        let others = self.consumed.iter().filter(|(other, _)| **other != stream);
        let elsewhere = others.fold(0_u32, |sum, (_, bytes)| sum + self.held.min(*bytes));
        consumed.saturating_sub(self.held.min((2 * self.held).saturating_sub(elsewhere)))
    }

    /// Widens the windows. The host must be told; until then it keeps to the narrower ones.
    pub fn raise(&mut self, limits: CreditLimits) {
        self.arrived.raise(limits);
    }

    /// Opens a stream with its full window.
    ///
    /// # Errors
    /// It is open already, it is the control stream, or there are [`MAX_STREAMS`].
    pub fn open(&mut self, stream: StreamId) -> Result<(), CreditError> {
        self.arrived.open(stream)
    }

    /// Removes a stream; the credit it had in flight is whole again without a message.
    pub fn remove(&mut self, stream: StreamId) {
        self.arrived.remove(stream);
        self.take_consumed(stream);
        self.due.retain(|due| *due != stream);
    }

    /// Books the body of a command or media frame that arrived.
    ///
    /// # Errors
    /// The peer exceeded its credit or the stream is not open: a protocol violation.
    pub fn arrived(&mut self, stream: StreamId, bytes: usize) -> Result<(), CreditError> {
        self.arrived.add(stream, u32::try_from(bytes).unwrap_or(u32::MAX))
    }

    /// Books `bytes` of `stream` as consumed; then [`CreditReceiver::next_grant`] may have
    /// something.
    ///
    /// # Errors
    /// More than has arrived, or the stream is not open; nothing is booked then.
    pub fn consumed(&mut self, stream: StreamId, bytes: usize) -> Result<(), CreditError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let arrived = self.arrived.in_flight(stream)?;
        let consumed = self.consumed.entry(stream).or_insert(0);
        if arrived - *consumed < bytes {
            return Err(CreditError::OverGrant { stream, bytes, in_flight: arrived - *consumed });
        }
        *consumed += bytes;
        self.consumed_total += bytes;
        let CreditLimits { total_bytes, per_stream_bytes } = self.arrived.limits;
        let free = self.free(stream);
        if GRANT_BATCH.min(per_stream_bytes / 4) <= free && !self.due.contains(&stream) {
            self.due.push_back(stream);
        }
        let held = 2 * self.held;
        if (total_bytes - held) / 4 <= self.consumed_total.saturating_sub(held) {
            // Many streams, each with a little: without this they could hold back the whole
            // window between them.
            self.due.clear();
            self.due.extend(self.consumed.keys());
        }
        Ok(())
    }

    /// Bytes of `stream` that have arrived and were not consumed; 0 when it is not open.
    pub fn outstanding(&self, stream: StreamId) -> usize {
        let arrived = self.arrived.in_flight(stream).unwrap_or(0);
        let consumed = self.consumed.get(&stream).copied().unwrap_or(0);
        usize::try_from(arrived.saturating_sub(consumed)).unwrap_or(usize::MAX)
    }

    /// The next `Credit` message to send: stream and bytes.
    pub fn next_grant(&mut self) -> Option<(StreamId, u32)> {
        while let Some(stream) = self.due.pop_front() {
            let bytes = self.take_free(stream);
            if 0 < bytes && self.arrived.subtract(stream, bytes).is_ok() {
                return Some((stream, bytes));
            }
        }
        None
    }

    fn take_free(&mut self, stream: StreamId) -> u32 {
        let free = self.free(stream);
        let held = self.take_consumed(stream) - free;
        if 0 < held {
            self.consumed.insert(stream, held);
            self.consumed_total += held;
        }
        free
    }

    fn take_consumed(&mut self, stream: StreamId) -> u32 {
        let bytes = self.consumed.remove(&stream).unwrap_or(0);
        self.consumed_total -= bytes;
        bytes
    }
}
