//! What the browser extension and `nearside-host` say to each other over native messaging.
//!
//! One JSON object a message. Page, player and stream ids are the *extension's* own here,
//! unique within one browser; the host gives the channel's ids and translates both ways. The
//! vocabulary inside is the channel's ([`crate::message`]), so a page needs one dictionary.
//!
//! ```text
//!  extension                                  nearside-host
//!  hello ───────────────────────────────────▶
//!        ◀─────────────────────────────────── channel (now, and at each change)
//!  page_open ───────────────────────────────▶
//!        ◀──────────── device: page_ready │ page_failed
//!  player, stream, buffered … ──────────────▶
//!        ◀──────────── device: player, stream, steer, settings, logs; taken
//! ```
//!
//! The host keeps what a page has appended, bounded and mirroring `buffered`, so that a
//! stage that starts anew (a crash, a reconnect) gets all of it and says `page_ready` again:
//! the page then sends rate, volume, layout, `seek` and `play` and is back on the device.
//! A player whose bytes could not be kept gets a `failed` event and stays in the session.

use serde::{Deserialize, Serialize};

use crate::message::{
    Capabilities, DeviceMessage, DeviceSettings, DeviceSwitch, PageId, PlayerCommand, PlayerId,
    Reason, SessionPolicy, StreamCommand, StreamId, TimeRange,
};

/// Version of these messages. Extension and host are updated apart from each other.
pub const EXTENSION_PROTOCOL_VERSION: u32 = 1;

/// Largest message to the browser in bytes; Chromium ends the port beyond it.
pub const MAX_TO_BROWSER: usize = 1 << 20;

/// Largest message from the browser in bytes; Chromium throws beyond it.
pub const MAX_FROM_BROWSER: usize = 64 << 20;

/// Most bytes of media in one [`ExtensionMessage::Stream`]: larger appends are cut.
pub const MAX_PIECE: usize = 1 << 20;

/// Characters of media after which [`HostEvent::Taken`] says that they were read: whoever waits
/// for it has to let more than this be under way.
pub const TAKEN_STEP: usize = 512 << 10;

/// From the extension to the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExtensionMessage {
    /// First message on a port.
    Hello {
        protocol: u32,
        extension_version: String,
        /// E.g. `Chromium 156`.
        browser: String,
    },
    /// A tab has media that can be redirected.
    PageOpen { page: PageId, site: String, title: String },
    /// The tab is gone or has navigated; everything of it ends.
    PageClose { page: PageId },
    /// A media element. Streams in [`PlayerCommand::AddStream`] are the extension's own ids.
    Player { page: PageId, player: PlayerId, command: PlayerCommand },
    /// A command to a SourceBuffer, in order with its media.
    Stream { page: PageId, stream: StreamId, command: StreamCommand },
    /// The next bytes of the append under way, base64 (RFC 4648 section 4, padded). All
    /// pieces of an append together have exactly its `bytes`.
    Media { stream: StreamId, data: String },
    /// What the browser's own SourceBuffer holds after append `seq` or a removal: the host
    /// keeps what lies within it.
    Buffered { stream: StreamId, seq: u32, buffered: Vec<TimeRange> },
    /// Begins a log that `collect_logs` with `start: false` ends; answered by `logs`, and by
    /// the device's own [`DeviceMessage::Logs`] where one with that service is there.
    CollectLogs { start: bool },
    /// Moves a switch of the device, if it has that service; answered by its `settings`.
    Switch { switch: DeviceSwitch, on: bool },
}

/// From the host to the extension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HostEvent {
    /// The channel's state: first message, and at each change.
    Channel(ChannelState),
    /// A message of the device, with the extension's ids. Never the link's own business.
    Device { message: DeviceMessage },
    /// So many characters of [`ExtensionMessage::Media`] more have been read, in steps of
    /// [`TAKEN_STEP`]. Native messaging has no back-pressure: an extension that waits for this
    /// keeps the way free for what hurries.
    Taken { length: u32 },
    /// The log lines of the host, oldest first, without content of pages.
    Logs { lines: Vec<String> },
    /// The extension broke the rules or is of another version; the port closes after it.
    Refused { reason: Reason },
}

/// Whether there is a device, and what it said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ChannelState {
    pub connected: bool,
    /// Why there is no device, or why it does not play for this session.
    pub reason: Option<Reason>,
    pub host_version: String,
    /// Empty while no device is there.
    pub client_version: String,
    pub activity_id: String,
    pub connection_id: String,
    pub capabilities: Capabilities,
    pub settings: DeviceSettings,
    pub policy: SessionPolicy,
}
