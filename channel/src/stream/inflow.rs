//! The device's end of all media streams: credit, and a window as wide as the way is long.
//!
//! A window of W bytes carries no more than W in a round trip, whatever the line could: 128 KiB
//! at 100 ms are 10 Mbit/s. So the device measures each grant. Where the session host waits for
//! credit, the first frame that a grant paid for arrives one round trip later. If that is as
//! short as the shortest round trip of a ping, nothing queues on the way, the line could carry
//! more, and the windows grow by half: a slow start (RFC 5681, section 3.1) that the first delay
//! ends instead of the first loss (as in RFC 6817). A host that does not wait for credit, and
//! a line that is full, only make that time longer; then the windows stay as they are. A line
//! that has become slow is told by frames that come one behind the other and late: then the
//! windows are halved, and again, down to the first ones, by credit that is not granted until
//! the line is fast once more.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::{CREDITS, CreditError, CreditReceiver};
use crate::message::{CreditLimits, DeviceMessage, StreamId};

/// The widest windows: 84 Mbit/s on a stream at 100 ms.
pub const WIDEST: CreditLimits = CreditLimits { total_bytes: 2 << 20, per_stream_bytes: 1 << 20 };

/// Nearer hosts get 200 Mbit/s on a stream as it is.
const FAR: Duration = Duration::from_millis(5);

/// Media that waits so much longer on the way than it takes keeps control from the other side.
const LATE: Duration = Duration::from_millis(150);

/// Frames with less between them come one behind the other.
const CLOSE: Duration = Duration::from_millis(100);

/// Pings before the shortest round trip is trusted: one alone may have met a busy processor.
const PINGS: u32 = 3;

/// Grants that are remembered: twice those of the widest window, as they usually are.
const GRANTS: usize = 128;

/// Credit of one connection, on the device.
#[derive(Debug)]
pub struct Inflow {
    credits: CreditReceiver,
    /// `None`: the host does not know of windows that grow.
    growth: Option<Growth>,
}

impl Inflow {
    /// Starts with [`CREDITS`]; `grows` if the host's greeting names the service `credits`.
    pub fn new(grows: bool) -> Self {
        Self { credits: CreditReceiver::new(CREDITS), growth: grows.then(Growth::default) }
    }

    /// Opens a stream with its full window.
    ///
    /// # Errors
    /// It is open already, it is the control stream, or there are too many.
    pub fn open(&mut self, stream: StreamId) -> Result<(), CreditError> {
        self.credits.open(stream)?;
        if let Some(growth) = &mut self.growth {
            growth.streams.insert(stream, Account::new(growth.limits));
        }
        Ok(())
    }

    /// Removes a stream; see [`CreditReceiver::remove`].
    pub fn remove(&mut self, stream: StreamId) {
        self.credits.remove(stream);
        if let Some(growth) = &mut self.growth {
            growth.streams.remove(&stream);
        }
    }

    /// Takes the round trip of a ping.
    pub fn round_trip(&mut self, time: Duration) {
        if let Some(growth) = &mut self.growth {
            growth.pings = growth.pings.saturating_add(1);
            growth.nearest = growth.nearest.min(time);
        }
    }

    /// Books the body of a command or media frame that arrived. `Some`: a message to send.
    ///
    /// # Errors
    /// The peer exceeded its credit or the stream is not open: a protocol violation.
    pub fn arrived(
        &mut self,
        now: Instant,
        stream: StreamId,
        bytes: usize,
    ) -> Result<Option<DeviceMessage>, CreditError> {
        self.credits.arrived(stream, bytes)?;
        let Some(growth) = &mut self.growth else { return Ok(None) };
        let is_close = growth.is_close(now);
        let Some(payer) = growth.paid_by(stream, bytes) else { return Ok(None) };
        if is_close && growth.narrow(now, payer) {
            self.credits.hold(growth.held());
            return Ok(None);
        }
        // Where the player does not keep up, more on the way would only wait there.
        if growth.is_half_full(self.credits.outstanding(stream)) || !growth.is_fast(now, payer) {
            return Ok(None);
        }
        if growth.widen(now) {
            self.credits.hold(growth.held());
            return Ok(None);
        }
        let raised = growth.raise(now);
        if let Some(limits) = raised {
            self.credits.raise(limits);
        }
        Ok(raised.map(DeviceMessage::Credits))
    }

    /// Books `bytes` of `stream` as consumed; then [`Inflow::next_grant`] may have something.
    ///
    /// # Errors
    /// More than has arrived, or the stream is not open; nothing is booked then.
    pub fn consumed(&mut self, stream: StreamId, bytes: usize) -> Result<(), CreditError> {
        self.credits.consumed(stream, bytes)
    }

    /// Bytes of `stream` that have arrived and were not consumed; 0 when it is not open.
    pub fn outstanding(&self, stream: StreamId) -> usize {
        self.credits.outstanding(stream)
    }

    /// The next `Credit` message, to be sent `now`.
    pub fn next_grant(&mut self, now: Instant) -> Option<DeviceMessage> {
        let (stream, bytes) = self.credits.next_grant()?;
        if let Some(account) =
            self.growth.as_mut().and_then(|growth| growth.streams.get_mut(&stream))
        {
            account.grant(now, bytes);
        }
        Some(DeviceMessage::Credit { stream, bytes })
    }
}

#[derive(Debug)]
struct Growth {
    limits: CreditLimits,
    /// The shortest round trip so far.
    nearest: Duration,
    pings: u32,
    /// What is wanted on the way of one stream. INVARIANT: within the limits.
    wanted: u32,
    /// When what is wanted was changed last.
    changed_at: Option<Instant>,
    /// When the last frame arrived.
    last_at: Option<Instant>,
    streams: BTreeMap<StreamId, Account>,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            limits: CREDITS,
            nearest: Duration::MAX,
            pings: 0,
            wanted: CREDITS.per_stream_bytes,
            changed_at: None,
            last_at: None,
            streams: BTreeMap::new(),
        }
    }
}

impl Growth {
    fn paid_by(&mut self, stream: StreamId, bytes: usize) -> Option<Instant> {
        self.streams.get_mut(&stream)?.arrived(bytes)
    }

    fn is_half_full(&self, outstanding: usize) -> bool {
        u64::from(self.limits.per_stream_bytes)
            <= 2 * u64::try_from(outstanding).unwrap_or(u64::MAX / 2)
    }

    /// Whether this frame comes right behind the one before.
    fn is_close(&mut self, now: Instant) -> bool {
        let last = self.last_at.replace(now);
        last.is_some_and(|last| now.saturating_duration_since(last) <= CLOSE)
    }

    /// What follows the last change tells how the line bears it.
    fn is_new(&self, payer: Instant) -> bool {
        self.changed_at.is_none_or(|changed_at| changed_at < payer)
    }

    /// Whether a frame that arrived `now` for a grant of `payer` met nothing on its way.
    fn is_fast(&self, now: Instant, payer: Instant) -> bool {
        let is_far = PINGS <= self.pings && FAR <= self.nearest;
        let took = now.saturating_duration_since(payer);
        is_far && self.is_new(payer) && took <= self.nearest * 5 / 4
    }

    /// Less is wanted on the way than the limits allow: this much is held back of each stream.
    fn held(&self) -> u32 {
        self.limits.per_stream_bytes - self.wanted
    }

    /// A frame came late: less is wanted. False: it did not, or there is no less.
    fn narrow(&mut self, now: Instant, payer: Instant) -> bool {
        let took = now.saturating_duration_since(payer);
        let least = CREDITS.per_stream_bytes;
        let is_late = self.nearest.saturating_add(LATE) < took;
        if !is_late || !self.is_new(payer) || self.wanted <= least {
            return false;
        }
        self.wanted = (self.wanted / 2).max(least);
        self.changed_at = Some(now);
        true
    }

    /// More is wanted again of what the limits allow. False: all of it is.
    fn widen(&mut self, now: Instant) -> bool {
        let limit = self.limits.per_stream_bytes;
        if limit <= self.wanted {
            return false;
        }
        self.wanted = (self.wanted + self.wanted / 2).min(limit);
        self.changed_at = Some(now);
        true
    }

    /// The new limits, if there may be more.
    fn raise(&mut self, now: Instant) -> Option<CreditLimits> {
        let CreditLimits { total_bytes, per_stream_bytes } = &mut self.limits;
        let more = (*per_stream_bytes / 2).min(WIDEST.per_stream_bytes - *per_stream_bytes);
        if more == 0 {
            return None;
        }
        *per_stream_bytes += more;
        *total_bytes = (*total_bytes + 2 * more).min(WIDEST.total_bytes);
        self.wanted = *per_stream_bytes;
        self.changed_at = Some(now);
        for account in self.streams.values_mut() {
            account.grant(now, more);
        }
        Some(self.limits)
    }
}

/// What one stream was allowed, counted from its first byte.
#[derive(Debug)]
struct Account {
    arrived: u64,
    /// What is paid for by the grants before those in `grants`.
    paid: u64,
    allowed: u64,
    /// When each grant went out, and what was allowed then. INVARIANT: at most [`GRANTS`].
    grants: VecDeque<(Instant, u64)>,
}

impl Account {
    fn new(limits: CreditLimits) -> Self {
        let allowed = u64::from(limits.per_stream_bytes);
        Self { arrived: 0, paid: allowed, allowed, grants: VecDeque::new() }
    }

    fn grant(&mut self, now: Instant, bytes: u32) {
        self.allowed += u64::from(bytes);
        if self.grants.len() < GRANTS {
            self.grants.push_back((now, self.allowed));
        } else if let Some((_, allowed)) = self.grants.back_mut() {
            // Taken to be older than it is, which lets nothing grow.
            *allowed = self.allowed;
        }
    }

    /// When the grant went out that this frame, the first that it paid for, needed.
    fn arrived(&mut self, bytes: usize) -> Option<Instant> {
        self.arrived += u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut payer = None;
        while self.paid < self.arrived {
            let (at, allowed) = self.grants.pop_front()?;
            self.paid = allowed;
            payer = Some(at);
        }
        payer
    }
}
