// Generated from channel/src/{message,extension,wire}.rs. Do not edit:
// UPDATE_EXPECT=1 cargo test -p nearside-channel --test suite typescript

export const PROTOCOL_VERSION = 1;
export const EXTENSION_PROTOCOL_VERSION = 1;
export const MAX_PIECE = 1048576;
export const TAKEN_STEP = 524288;
export const MAX_COVERED = 64;
export const MAX_CAPTION = 2048;
export const MAX_CAPTIONS = 16;
export const MAX_CAPTION_STYLES = 64;
export const HEADER_SIZE = 8;
export const MAX_CONTROL_BODY = 1048576;
export const MAX_STREAM_BODY = 16384;
export const KIND = { control: 1, command: 2, media: 3 } as const;

export type AppendMode = "segments" | "sequence";

/**
 * What the device can decode. Names are those of the codecs parameter, without profile.
 */
export type Capabilities = {
/**
 * Of `h264`, `h265`, `vp8`, `vp9`, `av1`.
 */
video: Array<string>,
/**
 * Of `aac`, `mp3`, `opus`, `vorbis`, `flac`.
 */
audio: Array<string>,
/**
 * Of `mp4`, `webm`.
 */
containers: Array<string>,
/**
 * What the device takes beside playback, of `captions`, `logs`, `switches`: an older one
 * is not sent the messages for it.
 */
services: Array<string>, };

/**
 * One text track cue as it is shown (WebVTT, section 3.1 "WebVTT cues"), without its markup.
 */
export type Caption = {
/**
 * Plain text; `\n` between lines. At most [`MAX_CAPTION`] bytes.
 */
text: string, line: CaptionLine,
/**
 * Where its box is anchored, in percent of the picture's width from the left; `None`:
 * where `align` says.
 */
position: number | null,
/**
 * Width of its box in percent of the picture's.
 */
size: number, align: CaptionAlign,
/**
 * How parts of the text look, from the first on. At most [`MAX_CAPTION_STYLES`].
 */
styles: Array<CaptionStyle>, };

export type CaptionAlign = "start" | "center" | "end" | "left" | "right";

/**
 * Where a caption is, from top to bottom.
 */
export type CaptionLine = { "type": "auto" } | { "type": "number", line: number, } | { "type": "percent", percent: number, };

/**
 * How a part of a caption's text looks (WebVTT, section 6.4: Bold, Italic and Underline
 * Objects). `from` and `to` count UTF-16 code units of the text, as scripts do.
 */
export type CaptionStyle = { from: number, to: number, bold: boolean, italic: boolean, underline: boolean, };

/**
 * Whether there is a device, and what it said.
 */
export type ChannelState = { connected: boolean,
/**
 * Why there is no device, or why it does not play for this session.
 */
reason: Reason | null, host_version: string,
/**
 * Empty while no device is there.
 */
client_version: string, activity_id: string, connection_id: string, capabilities: Capabilities, settings: DeviceSettings, policy: SessionPolicy, };

/**
 * Media bytes the host may have in flight.
 */
export type CreditLimits = {
/**
 * Over all streams together.
 */
total_bytes: number,
/**
 * On one stream, so that one stage that stalls cannot starve the others.
 */
per_stream_bytes: number, };

/**
 * From the device to the session host, in control frames.
 */
export type DeviceMessage = { "type": "welcome" } & Welcome | { "type": "refused", reason: Reason, } | { "type": "ping", seq: number, } | { "type": "pong", seq: number, } | { "type": "credit", stream: StreamId, bytes: number, } | { "type": "credits" } & CreditLimits | { "type": "settings" } & DeviceSettings | { "type": "page_ready", page: PageId, } | { "type": "page_failed", page: PageId, reason: Reason, } | { "type": "player", page: PageId, player: PlayerId, event: PlayerEvent, } | { "type": "stream", page: PageId, stream: StreamId, event: StreamEvent, } | { "type": "steer", page: PageId, player: PlayerId, command: PlayerCommand, } | { "type": "logs", lines: Array<string>, last: boolean, } | { "type": "goodbye", reason: string, };

/**
 * The user's switches that change what the session does.
 */
export type DeviceSettings = {
/**
 * "Enable video playback for all sites (beta)".
 */
video_all_sites: boolean,
/**
 * "Redirected video outlines".
 */
video_outlines: boolean,
/**
 * "Video Status Overlay".
 */
video_status_overlay: boolean,
/**
 * "Enable call redirection for all sites (experimental)".
 */
call_all_sites: boolean,
/**
 * The user paused redirection: everything plays in the session.
 */
paused: boolean, };

/**
 * A field of [`DeviceSettings`] that the session's user may set, too.
 */
export type DeviceSwitch = "video_outlines" | "video_status_overlay";

/**
 * From the extension to the host.
 */
export type ExtensionMessage = { "type": "hello", protocol: number, extension_version: string,
/**
 * E.g. `Chromium 156`.
 */
browser: string, } | { "type": "page_open", page: PageId, site: string, title: string, } | { "type": "page_close", page: PageId, } | { "type": "player", page: PageId, player: PlayerId, command: PlayerCommand, } | { "type": "stream", page: PageId, stream: StreamId, command: StreamCommand, } | { "type": "media", stream: StreamId, data: string, } | { "type": "buffered", stream: StreamId, seq: number, buffered: Array<TimeRange>, } | { "type": "collect_logs", start: boolean, } | { "type": "switch", switch: DeviceSwitch, on: boolean, };

/**
 * The host's greeting.
 */
export type Hello = { protocol: number, host_version: string, extension_version: string,
/**
 * Random per connection, 8 to 64 characters. A new nonce means a new connection.
 */
nonce: string,
/**
 * Name of the session for people, e.g. the session host's name.
 */
session_name: string,
/**
 * Identifies the user's activity across reconnects.
 */
activity_id: string,
/**
 * Size of the remote desktop in pixels, where the host knows it: the layouts of a page
 * say it, too.
 */
desktop: Size | null,
/**
 * Policy of the session host.
 */
policy: SessionPolicy,
/**
 * What the host takes beside the rest, of `credits`: an older one is not sent the messages
 * for it.
 */
services: Array<string>, };

/**
 * From the host to the extension.
 */
export type HostEvent = { "type": "channel" } & ChannelState | { "type": "device", message: DeviceMessage, } | { "type": "taken", length: number, } | { "type": "logs", lines: Array<string>, } | { "type": "refused", reason: Reason, };

/**
 * From the session host to the device, in control frames.
 */
export type HostMessage = { "type": "hello" } & Hello | { "type": "ping", seq: number, } | { "type": "pong", seq: number, } | { "type": "goodbye", reason: string, } | { "type": "page_open", page: PageId, site: string, title: string, } | { "type": "page_close", page: PageId, } | { "type": "player", page: PageId, player: PlayerId, command: PlayerCommand, } | { "type": "switch", switch: DeviceSwitch, on: boolean, } | { "type": "collect_logs", start: boolean, };

/**
 * Where a player's picture lies on the remote desktop.
 */
export type Layout = {
/**
 * The picture's box, where the element's `object-fit` and `object-position` put it: the
 * device fills it. May reach outside of the element and of the desktop.
 */
rect: Rect,
/**
 * The part of `rect` that the page does not clip.
 */
clip: Rect,
/**
 * Parts of `clip` that the page covers. At most [`MAX_COVERED`].
 */
covered: Array<Rect>,
/**
 * False while the tab is hidden, the window minimised or the element scrolled away.
 */
visible: boolean, fullscreen: boolean,
/**
 * Size of the remote desktop that the rectangles are measured in. `None`: that of the
 * greeting.
 */
desktop: Size | null,
/**
 * The bar of the browser's own controls, while it is seen; it shows the parked element. The
 * device draws over what `covered` leaves of it how playback stands. As high as 72 CSS
 * pixels on a picture. For a player of sound alone it is `rect` itself, 28 high.
 */
control_bar: Rect | null, };

/**
 * One browser tab (its top-level document and all frames in it).
 */
export type PageId = number;

export type PlaybackState = "paused" | "playing" | "stalled" | "seeking" | "ended";

/**
 * What a media element is told by its page.
 */
export type PlayerCommand = { "type": "open", kind: PlayerKind, source: Source, } | { "type": "close" } | { "type": "add_stream", stream: StreamId, mime: string, } | { "type": "remove_stream", stream: StreamId, } | { "type": "play" } | { "type": "pause" } | { "type": "seek", to_micros: number, token: number, } | { "type": "rate", rate: number, preserves_pitch: boolean, } | { "type": "volume", volume: number, muted: boolean, } | { "type": "loop", enabled: boolean, } | { "type": "duration", duration_micros: number | null, } | { "type": "layout" } & Layout | { "type": "captions", captions: Array<Caption>, };

/**
 * What the page is told of one player.
 */
export type PlayerEvent = { "type": "resized", width: number, height: number, } | { "type": "state", state: PlaybackState, position_micros: number,
/**
 * Media seconds per second right now; 0 unless playing.
 */
rate: number, } | { "type": "seeked", token: number, position_micros: number, } | { "type": "first_frame", position_micros: number, } | { "type": "quality", decoded: number, presented: number, dropped: number, corrupted: number, } | { "type": "failed", reason: Reason, position_micros: number, } | { "type": "warning", reason: Reason, };

/**
 * One media element of a page. Unique within its page.
 */
export type PlayerId = number;

export type PlayerKind = "video" | "audio";

/**
 * Why something is not possible, for programs and for people.
 */
export type Reason = { code: ReasonCode,
/**
 * One sentence that names the cause.
 */
message: string,
/**
 * One sentence that says what to do next.
 */
next_step: string, };

export type ReasonCode = "version_mismatch" | "busy" | "policy" | "paused_by_user" | "site_not_listed" | "protected_content" | "unsupported_codec" | "unsupported_container" | "malformed_media" | "missing_init_segment" | "codec_mismatch" | "too_large" | "buffer_full" | "decode_failed" | "audio_device" | "renderer" | "stage_crashed" | "stage_unavailable" | "protocol_violation" | "limit_reached" | "network";

export type Rect = { x: number, y: number, width: number, height: number, };

/**
 * Policy values of the session host; `None` is "not configured".
 */
export type SessionPolicy = {
/**
 * `fDisableCam`: no audio and video playback redirection.
 */
fDisableCam: boolean | null,
/**
 * `fDisableAudioCapture`: no recording redirection.
 */
fDisableAudioCapture: boolean | null,
/**
 * `fDisableCameraRedir`: no camera redirection.
 */
fDisableCameraRedir: boolean | null, };

export type Size = { width: number, height: number, };

/**
 * Where a player's media comes from.
 */
export type Source = { "type": "mse" } | { "type": "url", url: string, };

/**
 * In order with a stream's media bytes (W3C Media Source Extensions, SourceBuffer).
 */
export type StreamCommand = { "type": "append", seq: number, bytes: number, timestamp_offset_micros: number, window_start_micros: number,
/**
 * `None`: no end.
 */
window_end_micros: number | null, mode: AppendMode, } | { "type": "abort" } | { "type": "remove", start_micros: number,
/**
 * `None`: to the end.
 */
end_micros: number | null, } | { "type": "change_type", mime: string, } | { "type": "end_of_stream", failed: boolean, };

/**
 * What the page is told of one SourceBuffer.
 */
export type StreamEvent = { "type": "appended", seq: number, buffered: Array<TimeRange>, } | { "type": "removed", buffered: Array<TimeRange>, } | { "type": "evicted", buffered: Array<TimeRange>, } | { "type": "refused", seq: number, reason: Reason, };

/**
 * One media stream (one SourceBuffer). Unique within the channel: it is the frame header's
 * `stream` field. 0 is the control stream and never a media stream.
 */
export type StreamId = number;

/**
 * Half-open span of media time, `start_micros <= t < end_micros`.
 */
export type TimeRange = { start_micros: number, end_micros: number, };

/**
 * The device's answer to [`Hello`].
 */
export type Welcome = { protocol: number, client_version: string,
/**
 * The host's nonce, unchanged.
 */
nonce: string,
/**
 * Identifies this connection in status and logs of both ends.
 */
connection_id: string, credits: CreditLimits, capabilities: Capabilities, settings: DeviceSettings,
/**
 * Why playback is not redirected at all on this connection, if so.
 */
playback_refused: Reason | null, };
