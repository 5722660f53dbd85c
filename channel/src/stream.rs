//! Flow of media streams: how much may be in flight, and in which order it comes.
//!
//! No transport of the channel has back-pressure, so the device hands out *credit*: the
//! session host may have [`CreditLimits::total_bytes`] in flight over all streams and
//! [`CreditLimits::per_stream_bytes`] on one. The bodies of command and media frames count,
//! headers and control frames do not. Credit comes back in `Credit` messages as the device
//! consumes, and all at once when a stream is removed. The limits may grow meanwhile, in a
//! `Credits` message.
//!
//! ```text
//!  session host                                device
//!  CreditSender ── command and media frames ──▶ CreditReceiver → AppendAssembler → player
//!               ◀───────── Credit ─────────────
//! ```
//!
//! Removal is in order with the frames: the host drops what it has queued for a stream
//! before it sends `RemoveStream`, so nothing of that stream follows. A `Credit` that
//! crosses it is ignored. Stream numbers are not used again until all others have been.

mod append;
mod credit;
mod inflow;

pub use self::append::{AppendAssembler, AppendError, MAX_APPEND, Step};
pub use self::credit::{CreditError, CreditReceiver, CreditSender};
pub use self::inflow::{Inflow, WIDEST};
use crate::message::CreditLimits;

/// Streams that one channel may have at a time.
pub const MAX_STREAMS: usize = 256;

/// What the device grants at first: small enough that control frames keep a round trip of a few
/// milliseconds, large enough for every bit rate of a video on a near host. [`Inflow`] grants
/// more to one that is far away.
pub const CREDITS: CreditLimits =
    CreditLimits { total_bytes: 256 << 10, per_stream_bytes: 128 << 10 };
