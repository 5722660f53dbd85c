//! The messages both ends speak: one schema, written as UTF-8 JSON.
//!
//! Control messages ([`HostMessage`], [`DeviceMessage`]) travel in control frames and may
//! overtake media. A [`StreamCommand`] travels *inside* its media stream, in order with the
//! bytes, because "abort", "remove" or "end of stream" mean something only at their place
//! between two appends.
//!
//! Times are microseconds of the page's media time line as `i64`: exact in JavaScript's
//! numbers for 285 years. Rectangles are physical pixels of the remote desktop.
//! Unknown fields are ignored and unknown message types are an error value, so a newer peer
//! can add fields but must look at the protocol version before it adds messages.

use serde::{Deserialize, Serialize};

/// Version of the messages and of the frame format. Raised when an old peer would misread.
pub const PROTOCOL_VERSION: u32 = 1;

/// One browser tab (its top-level document and all frames in it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct PageId(pub u32);

/// One media element of a page. Unique within its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct PlayerId(pub u32);

/// One media stream (one SourceBuffer). Unique within the channel: it is the frame header's
/// `stream` field. 0 is the control stream and never a media stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct StreamId(pub u16);

/// Half-open span of media time, `start_micros <= t < end_micros`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TimeRange {
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub start_micros: i64,
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub end_micros: i64,
}

/// From the session host to the device, in control frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HostMessage {
    /// First message on a new connection.
    Hello(Hello),
    /// Heartbeat; answered by `Pong` with the same number.
    Ping { seq: u32 },
    /// Answer to the device's `Ping`.
    Pong { seq: u32 },
    /// The host ends the connection on purpose.
    Goodbye { reason: String },
    /// A tab with media exists: the device prepares a stage for it.
    PageOpen { page: PageId, site: String, title: String },
    /// The tab is gone; everything of it ends.
    PageClose { page: PageId },
    /// A media element of `page` does something.
    Player { page: PageId, player: PlayerId, command: PlayerCommand },
    /// The user moved a switch in the session. Only to devices with the service `switches`.
    Switch { switch: DeviceSwitch, on: bool },
    /// Begins a collection of the device's log lines, or ends it: then answered by `Logs`.
    /// Only to devices with the service `logs`.
    CollectLogs { start: bool },
}

/// From the device to the session host, in control frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DeviceMessage {
    /// Accepts the connection.
    Welcome(Welcome),
    /// Refuses the connection; nothing follows.
    Refused { reason: Reason },
    /// Heartbeat; answered by `Pong` with the same number.
    Ping { seq: u32 },
    /// Answer to the host's `Ping`.
    Pong { seq: u32 },
    /// `bytes` of media on `stream` were consumed: the host may send as many more.
    Credit { stream: StreamId, bytes: u32 },
    /// The host may have this much in flight from here on, never less than before. Only to hosts
    /// with the service `credits`.
    Credits(CreditLimits),
    /// The user's switches changed (advanced settings).
    Settings(DeviceSettings),
    /// The page's stage runs and takes media.
    PageReady { page: PageId },
    /// The page's stage is gone or was refused: every player of it plays natively.
    PageFailed { page: PageId, reason: Reason },
    /// Something happened to one player.
    Player { page: PageId, player: PlayerId, event: PlayerEvent },
    /// Something happened to one SourceBuffer.
    Stream { page: PageId, stream: StreamId, event: StreamEvent },
    /// The user asks for this on the device (panel, media keys). The page owns its state: it
    /// carries the command out as if it came from its own controls, or leaves it.
    Steer { page: PageId, player: PlayerId, command: PlayerCommand },
    /// Log lines of agent and stages since the collection began, oldest first and without
    /// content of pages; in as many messages as they need. `last`: nothing follows.
    Logs { lines: Vec<String>, last: bool },
    /// The device's part of the connection has ended: nothing follows before a new greeting.
    /// Said by the RDP client's plugin when the agent is gone, whose silence would tell it late.
    Goodbye { reason: String },
}

/// The host's greeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Hello {
    pub protocol: u32,
    pub host_version: String,
    pub extension_version: String,
    /// Random per connection, 8 to 64 characters. A new nonce means a new connection.
    pub nonce: String,
    /// Name of the session for people, e.g. the session host's name.
    pub session_name: String,
    /// Identifies the user's activity across reconnects.
    #[serde(default)]
    pub activity_id: String,
    /// Size of the remote desktop in pixels, where the host knows it: the layouts of a page
    /// say it, too.
    #[serde(default)]
    pub desktop: Option<Size>,
    /// Policy of the session host.
    #[serde(default)]
    pub policy: SessionPolicy,
    /// What the host takes beside the rest, of `credits`: an older one is not sent the messages
    /// for it.
    #[serde(default)]
    pub services: Vec<String>,
}

/// Policy values of the session host; `None` is "not configured".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(default)]
pub struct SessionPolicy {
    /// `fDisableCam`: no audio and video playback redirection.
    #[serde(rename = "fDisableCam")]
    pub disable_playback: Option<bool>,
    /// `fDisableAudioCapture`: no recording redirection.
    #[serde(rename = "fDisableAudioCapture")]
    pub disable_audio_capture: Option<bool>,
    /// `fDisableCameraRedir`: no camera redirection.
    #[serde(rename = "fDisableCameraRedir")]
    pub disable_camera: Option<bool>,
}

/// The device's answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Welcome {
    pub protocol: u32,
    pub client_version: String,
    /// The host's nonce, unchanged.
    pub nonce: String,
    /// Identifies this connection in status and logs of both ends.
    pub connection_id: String,
    pub credits: CreditLimits,
    pub capabilities: Capabilities,
    pub settings: DeviceSettings,
    /// Why playback is not redirected at all on this connection, if so.
    pub playback_refused: Option<Reason>,
}

/// Media bytes the host may have in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CreditLimits {
    /// Over all streams together.
    pub total_bytes: u32,
    /// On one stream, so that one stage that stalls cannot starve the others.
    pub per_stream_bytes: u32,
}

/// What the device can decode. Names are those of the codecs parameter, without profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Capabilities {
    /// Of `h264`, `h265`, `vp8`, `vp9`, `av1`.
    pub video: Vec<String>,
    /// Of `aac`, `mp3`, `opus`, `vorbis`, `flac`.
    pub audio: Vec<String>,
    /// Of `mp4`, `webm`.
    pub containers: Vec<String>,
    /// What the device takes beside playback, of `captions`, `logs`, `switches`: an older one
    /// is not sent the messages for it.
    #[serde(default)]
    pub services: Vec<String>,
}

/// The user's switches that change what the session does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(default)]
pub struct DeviceSettings {
    /// "Enable video playback for all sites (beta)".
    pub video_all_sites: bool,
    /// "Redirected video outlines".
    pub video_outlines: bool,
    /// "Video Status Overlay".
    pub video_status_overlay: bool,
    /// "Enable call redirection for all sites (experimental)".
    pub call_all_sites: bool,
    /// The user paused redirection: everything plays in the session.
    pub paused: bool,
}

/// A field of [`DeviceSettings`] that the session's user may set, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DeviceSwitch {
    VideoOutlines,
    VideoStatusOverlay,
}

impl DeviceSwitch {
    /// Puts the switch `on` or off in `settings`.
    pub fn set(self, settings: &mut DeviceSettings, on: bool) {
        match self {
            Self::VideoOutlines => settings.video_outlines = on,
            Self::VideoStatusOverlay => settings.video_status_overlay = on,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

/// Where a player's picture lies on the remote desktop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Layout {
    /// The picture's box, where the element's `object-fit` and `object-position` put it: the
    /// device fills it. May reach outside of the element and of the desktop.
    pub rect: Rect,
    /// The part of `rect` that the page does not clip.
    pub clip: Rect,
    /// Parts of `clip` that the page covers. At most [`MAX_COVERED`].
    #[serde(default)]
    pub covered: Vec<Rect>,
    /// False while the tab is hidden, the window minimised or the element scrolled away.
    pub visible: bool,
    #[serde(default)]
    pub fullscreen: bool,
    /// Size of the remote desktop that the rectangles are measured in. `None`: that of the
    /// greeting.
    #[serde(default)]
    pub desktop: Option<Size>,
    /// The bar of the browser's own controls, while it is seen; it shows the parked element. The
    /// device draws over what `covered` leaves of it how playback stands. As high as 72 CSS
    /// pixels on a picture. For a player of sound alone it is `rect` itself, 28 high.
    #[serde(default)]
    pub control_bar: Option<Rect>,
}

/// Bound on [`Layout::covered`].
pub const MAX_COVERED: usize = 64;

/// One text track cue as it is shown (WebVTT, section 3.1 "WebVTT cues"), without its markup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Caption {
    /// Plain text; `\n` between lines. At most [`MAX_CAPTION`] bytes.
    pub text: String,
    #[serde(default)]
    pub line: CaptionLine,
    /// Where its box is anchored, in percent of the picture's width from the left; `None`:
    /// where `align` says.
    #[serde(default)]
    pub position: Option<f64>,
    /// Width of its box in percent of the picture's.
    pub size: f64,
    #[serde(default)]
    pub align: CaptionAlign,
    /// How parts of the text look, from the first on. At most [`MAX_CAPTION_STYLES`].
    #[serde(default)]
    pub styles: Vec<CaptionStyle>,
}

/// How a part of a caption's text looks (WebVTT, section 6.4: Bold, Italic and Underline
/// Objects). `from` and `to` count UTF-16 code units of the text, as scripts do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(default)]
pub struct CaptionStyle {
    pub from: u32,
    pub to: u32,
    pub bold: bool,
    pub italic: bool,
    pub underline: bool,
}

/// Where a caption is, from top to bottom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CaptionLine {
    /// At the bottom.
    #[default]
    Auto,
    /// This line, from 0 at the top, or from -1 at the bottom.
    Number { line: i32 },
    /// Its first line is so far down, in percent of the picture's height.
    Percent { percent: f64 },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum CaptionAlign {
    Start,
    #[default]
    Center,
    End,
    Left,
    Right,
}

/// Bound on the captions of one player.
pub const MAX_CAPTIONS: usize = 16;

/// Bound on [`Caption::text`] in bytes of UTF-8.
pub const MAX_CAPTION: usize = 2048;

/// Bound on [`Caption::styles`].
pub const MAX_CAPTION_STYLES: usize = 64;

/// What a media element is told by its page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlayerCommand {
    Open {
        kind: PlayerKind,
        source: Source,
    },
    Close,
    /// Adds a SourceBuffer. `mime` is the argument of `addSourceBuffer` / `changeType`.
    AddStream {
        stream: StreamId,
        mime: String,
    },
    RemoveStream {
        stream: StreamId,
    },
    Play,
    Pause,
    /// `token` comes back in `Seeked`, so that an overtaken seek can be told apart.
    Seek {
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        to_micros: i64,
        token: u32,
    },
    /// `rate` 0.25 to 4.
    Rate {
        rate: f64,
        preserves_pitch: bool,
    },
    /// `volume` 0 to 1, linear amplitude as `HTMLMediaElement.volume`.
    Volume {
        volume: f64,
        muted: bool,
    },
    Loop {
        enabled: bool,
    },
    /// `None`: unknown or infinite (live).
    Duration {
        #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
        duration_micros: Option<i64>,
    },
    Layout(Layout),
    /// The captions that are shown now, in place of those before. At most [`MAX_CAPTIONS`].
    /// Only to devices with the service `captions`.
    Captions {
        captions: Vec<Caption>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PlayerKind {
    Video,
    Audio,
}

/// Where a player's media comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source {
    /// Media Source Extensions: bytes arrive on media streams.
    Mse,
    /// The device fetches it itself.
    Url { url: String },
}

/// In order with a stream's media bytes (W3C Media Source Extensions, SourceBuffer).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StreamCommand {
    /// `appendBuffer`: exactly `bytes` bytes of media follow on this stream.
    Append {
        seq: u32,
        bytes: u32,
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        timestamp_offset_micros: i64,
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        window_start_micros: i64,
        /// `None`: no end.
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
        window_end_micros: Option<i64>,
        #[serde(default)]
        mode: AppendMode,
    },
    /// `abort()`: the parser starts anew, half a segment is forgotten.
    Abort,
    /// `remove(start, end)`.
    Remove {
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        start_micros: i64,
        /// `None`: to the end.
        #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
        end_micros: Option<i64>,
    },
    /// `changeType(mime)`.
    ChangeType { mime: String },
    /// `endOfStream()`; `failed` when the page ended it with an error.
    EndOfStream {
        #[serde(default)]
        failed: bool,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum AppendMode {
    #[default]
    Segments,
    Sequence,
}

/// What the page is told of one player.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlayerEvent {
    /// Picture size in square pixels changed.
    Resized { width: u32, height: u32 },
    /// Position and state; sent on each change and a few times a second while playing.
    State {
        state: PlaybackState,
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        position_micros: i64,
        /// Media seconds per second right now; 0 unless playing.
        rate: f64,
    },
    /// The seek with this token shows its picture.
    Seeked {
        token: u32,
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        position_micros: i64,
    },
    /// The first picture is on the screen.
    FirstFrame {
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        position_micros: i64,
    },
    Quality {
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        decoded: u64,
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        presented: u64,
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        dropped: u64,
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        corrupted: u64,
    },
    /// The player cannot go on: the page plays natively from `position_micros`.
    Failed {
        reason: Reason,
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        position_micros: i64,
    },
    /// Something is off but playing goes on (no sound device, hardware decoding lost).
    Warning { reason: Reason },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PlaybackState {
    Paused,
    Playing,
    /// Wants to play, has no data at the position.
    Stalled,
    Seeking,
    Ended,
}

/// What the page is told of one SourceBuffer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StreamEvent {
    /// The append was taken. `buffered` is what the device holds now.
    Appended { seq: u32, buffered: Vec<TimeRange> },
    /// `remove` is done.
    Removed { buffered: Vec<TimeRange> },
    /// The device let go of media to stay within its memory bound.
    Evicted { buffered: Vec<TimeRange> },
    /// The append was refused; the player fails unless the reason is `buffer_full`.
    Refused { seq: u32, reason: Reason },
}

/// Why something is not possible, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[error("{message}")]
pub struct Reason {
    pub code: ReasonCode,
    /// One sentence that names the cause.
    pub message: String,
    /// One sentence that says what to do next.
    pub next_step: String,
}

impl Reason {
    pub fn new(code: ReasonCode, message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { code, message: message.into(), next_step: next_step.into() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    VersionMismatch,
    Busy,
    Policy,
    PausedByUser,
    SiteNotListed,
    ProtectedContent,
    UnsupportedCodec,
    UnsupportedContainer,
    MalformedMedia,
    MissingInitSegment,
    CodecMismatch,
    TooLarge,
    BufferFull,
    DecodeFailed,
    AudioDevice,
    Renderer,
    StageCrashed,
    StageUnavailable,
    ProtocolViolation,
    LimitReached,
    Network,
}
