//! Bounds of every value in a message.
//!
//! The types of [`crate::message`] say what a value is; this module says how long, how many
//! and how large. A peer is hostile, so nothing of it is used before it has passed here.
//! Lengths of text are in bytes of UTF-8, times in microseconds.

use crate::message::{
    Capabilities, Caption, CaptionLine, CreditLimits, DeviceMessage, Hello, HostMessage, Layout,
    MAX_CAPTION, MAX_CAPTION_STYLES, MAX_CAPTIONS, MAX_COVERED, PlayerCommand, PlayerEvent, Reason,
    Size, Source, StreamCommand, StreamEvent, StreamId, TimeRange, Welcome,
};

/// Shortest and longest nonce.
pub const NONCE_LENGTH: std::ops::RangeInclusive<usize> = 8..=64;
/// Longest `mime` argument.
pub const MAX_MIME: usize = 512;
/// Longest page title.
pub const MAX_TITLE: usize = 1024;
/// Longest site.
pub const MAX_SITE: usize = 512;
/// Longest media URL.
pub const MAX_URL: usize = 8192;
/// Longest version, identifier or name of a codec or container.
pub const MAX_NAME: usize = 128;
/// Longest name of a session.
pub const MAX_SESSION_NAME: usize = 256;
/// Longest sentence for people.
pub const MAX_SENTENCE: usize = 1024;
/// Most buffered ranges in one event.
pub const MAX_RANGES: usize = 1024;
/// Most log lines in one message; all of them together fit into a control frame.
pub const MAX_LOG_LINES: usize = 256;
/// Longest log line.
pub const MAX_LOG_LINE: usize = 512;
/// Most codecs, containers or services in one list.
pub const MAX_CAPABILITIES: usize = 32;
/// Largest width and height of a desktop or picture, in pixels.
pub const MAX_EXTENT: u32 = 65_535;
/// Integers beyond this are not exact in JavaScript: media times stay within it.
pub const MAX_EXACT: i64 = 1 << 53;
/// Playback rates a page may ask for.
pub const RATES: std::ops::RangeInclusive<f64> = 0.25..=4.0;
/// Credit windows in bytes. The least leaves room for a piece of media beside the credit
/// that the device has not granted back yet (see [`crate::stream`]).
pub const CREDIT_WINDOW: std::ops::RangeInclusive<u32> = (64 << 10)..=(16 << 20);

/// A value out of its bounds. Names the field, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("{field} has {length} bytes, at most {limit} are allowed")]
    TooLong { field: &'static str, length: usize, limit: usize },
    #[error("{field} has {length} bytes, at least {limit} are needed")]
    TooShort { field: &'static str, length: usize, limit: usize },
    #[error("{field} has {count} entries, at most {limit} are allowed")]
    TooMany { field: &'static str, count: usize, limit: usize },
    #[error("{field} is out of range")]
    OutOfRange { field: &'static str },
    #[error("{field} ends before it starts")]
    Backwards { field: &'static str },
    #[error("stream 0 is the control stream")]
    ControlStream,
}

/// The longest beginning of `text` that is within `limit` bytes: for a title or a sentence
/// that is better cut than refused.
pub fn clipped(text: &str, limit: usize) -> &str {
    text.split_at(text.floor_char_boundary(limit)).0
}

type Checked = Result<(), Invalid>;

/// Checks a message of the session host.
///
/// # Errors
/// The first value out of its bounds.
pub fn host_message(message: &HostMessage) -> Checked {
    match message {
        HostMessage::Hello(greeting) => hello(greeting),
        HostMessage::Ping { seq: _ } | HostMessage::Pong { seq: _ } => Ok(()),
        HostMessage::Goodbye { reason } => text("reason", reason, MAX_SENTENCE),
        HostMessage::PageOpen { page: _, site, title } => {
            text("site", site, MAX_SITE)?;
            text("title", title, MAX_TITLE)
        }
        HostMessage::PageClose { page: _ }
        | HostMessage::Switch { switch: _, on: _ }
        | HostMessage::CollectLogs { start: _ } => Ok(()),
        HostMessage::Player { page: _, player: _, command } => player_command(command),
    }
}

/// Checks a message of the device.
///
/// # Errors
/// The first value out of its bounds.
pub fn device_message(message: &DeviceMessage) -> Checked {
    match message {
        DeviceMessage::Welcome(answer) => welcome(answer),
        DeviceMessage::Refused { reason: why } => reason(why),
        DeviceMessage::Ping { seq: _ } | DeviceMessage::Pong { seq: _ } => Ok(()),
        DeviceMessage::Credit { stream, bytes } => {
            media_stream(*stream)?;
            within("bytes", (1..=*CREDIT_WINDOW.end()).contains(bytes))
        }
        DeviceMessage::Credits(limits) => credit_limits(*limits),
        DeviceMessage::Settings(_) | DeviceMessage::PageReady { page: _ } => Ok(()),
        DeviceMessage::PageFailed { page: _, reason: why } => reason(why),
        DeviceMessage::Player { page: _, player: _, event } => player_event(event),
        DeviceMessage::Stream { page: _, stream, event } => {
            media_stream(*stream)?;
            stream_event(event)
        }
        DeviceMessage::Steer { page: _, player: _, command } => player_command(command),
        DeviceMessage::Logs { lines, last: _ } => {
            at_most("lines", lines.len(), MAX_LOG_LINES)?;
            lines.iter().try_for_each(|line| text("line", line, MAX_LOG_LINE))
        }
        DeviceMessage::Goodbye { reason } => text("reason", reason, MAX_SENTENCE),
    }
}

/// Checks a command of a media stream.
///
/// The size of an append is not checked here but by [`crate::stream::AppendAssembler`],
/// because it fails one stream and not the connection.
///
/// # Errors
/// The first value out of its bounds.
pub fn stream_command(command: &StreamCommand) -> Checked {
    match command {
        StreamCommand::Append {
            seq: _,
            bytes: _,
            timestamp_offset_micros,
            window_start_micros,
            window_end_micros,
            mode: _,
        } => {
            micros("timestamp_offset_micros", *timestamp_offset_micros)?;
            span("append window", *window_start_micros, *window_end_micros)
        }
        StreamCommand::Abort | StreamCommand::EndOfStream { failed: _ } => Ok(()),
        StreamCommand::Remove { start_micros, end_micros } => {
            span("removed span", *start_micros, *end_micros)
        }
        StreamCommand::ChangeType { mime } => text("mime", mime, MAX_MIME),
    }
}

fn hello(hello: &Hello) -> Checked {
    let Hello {
        protocol: _,
        host_version,
        extension_version,
        nonce,
        session_name,
        activity_id,
        desktop,
        policy: _,
        services,
    } = hello;
    text("host_version", host_version, MAX_NAME)?;
    text("extension_version", extension_version, MAX_NAME)?;
    check_nonce(nonce)?;
    text("session_name", session_name, MAX_SESSION_NAME)?;
    text("activity_id", activity_id, MAX_NAME)?;
    names("services", services)?;
    desktop.map_or(Ok(()), desktop_size)
}

fn desktop_size(Size { width, height }: Size) -> Checked {
    within("desktop", width <= MAX_EXTENT && height <= MAX_EXTENT)
}

fn welcome(welcome: &Welcome) -> Checked {
    let Welcome {
        protocol: _,
        client_version,
        nonce,
        connection_id,
        credits,
        capabilities,
        settings: _,
        playback_refused,
    } = welcome;
    text("client_version", client_version, MAX_NAME)?;
    check_nonce(nonce)?;
    text("connection_id", connection_id, MAX_NAME)?;
    credit_limits(*credits)?;
    let Capabilities { video, audio, containers, services } = capabilities;
    names("video", video)?;
    names("audio", audio)?;
    names("containers", containers)?;
    names("services", services)?;
    playback_refused.as_ref().map_or(Ok(()), reason)
}

fn credit_limits(limits: CreditLimits) -> Checked {
    let CreditLimits { total_bytes, per_stream_bytes } = limits;
    within("total_bytes", CREDIT_WINDOW.contains(&total_bytes))?;
    within("per_stream_bytes", CREDIT_WINDOW.contains(&per_stream_bytes))
}

fn player_command(command: &PlayerCommand) -> Checked {
    match command {
        PlayerCommand::Open { kind: _, source: Source::Url { url } } => text("url", url, MAX_URL),
        PlayerCommand::Open { kind: _, source: Source::Mse }
        | PlayerCommand::Close
        | PlayerCommand::Play
        | PlayerCommand::Pause
        | PlayerCommand::Loop { enabled: _ } => Ok(()),
        PlayerCommand::AddStream { stream, mime } => {
            media_stream(*stream)?;
            text("mime", mime, MAX_MIME)
        }
        PlayerCommand::RemoveStream { stream } => media_stream(*stream),
        PlayerCommand::Seek { to_micros, token: _ } => micros("to_micros", *to_micros),
        PlayerCommand::Rate { rate, preserves_pitch: _ } => within("rate", RATES.contains(rate)),
        PlayerCommand::Volume { volume, muted: _ } => {
            within("volume", (0.0..=1.0).contains(volume))
        }
        PlayerCommand::Duration { duration_micros } => {
            duration_micros.map_or(Ok(()), |duration| span("duration", 0, Some(duration)))
        }
        PlayerCommand::Layout(layout) => {
            let Layout { covered, desktop, .. } = layout;
            desktop.map_or(Ok(()), desktop_size)?;
            at_most("covered", covered.len(), MAX_COVERED)
        }
        PlayerCommand::Captions { captions } => {
            at_most("captions", captions.len(), MAX_CAPTIONS)?;
            captions.iter().try_for_each(caption)
        }
    }
}

fn caption(caption: &Caption) -> Checked {
    let Caption { text: words, line, position, size, align: _, styles } = caption;
    at_most("caption's styles", styles.len(), MAX_CAPTION_STYLES)?;
    let percent = |value: &f64| (0.0..=100.0).contains(value);
    text("caption", words, MAX_CAPTION)?;
    within("caption's size", percent(size))?;
    within("caption's position", position.as_ref().is_none_or(percent))?;
    match line {
        CaptionLine::Auto | CaptionLine::Number { line: _ } => Ok(()),
        CaptionLine::Percent { percent: value } => within("caption's line", percent(value)),
    }
}

/// Checks what a player reports.
///
/// # Errors
/// The first value out of its bounds.
pub fn player_event(event: &PlayerEvent) -> Checked {
    match event {
        PlayerEvent::Resized { width, height } => {
            within("picture size", *width <= MAX_EXTENT && *height <= MAX_EXTENT)
        }
        PlayerEvent::State { state: _, position_micros, rate } => {
            micros("position_micros", *position_micros)?;
            // Measured, so it may be beside what the page asked for.
            within("rate", (0.0..=16.0).contains(rate))
        }
        PlayerEvent::Seeked { token: _, position_micros }
        | PlayerEvent::FirstFrame { position_micros } => {
            micros("position_micros", *position_micros)
        }
        PlayerEvent::Quality { decoded, presented, dropped, corrupted } => {
            let exact = |count: &u64| *count <= MAX_EXACT.unsigned_abs();
            within("frame count", [decoded, presented, dropped, corrupted].into_iter().all(exact))
        }
        PlayerEvent::Failed { reason: why, position_micros } => {
            reason(why)?;
            micros("position_micros", *position_micros)
        }
        PlayerEvent::Warning { reason: why } => reason(why),
    }
}

/// Checks what a stream reports.
///
/// # Errors
/// The first value out of its bounds.
pub fn stream_event(event: &StreamEvent) -> Checked {
    match event {
        StreamEvent::Appended { seq: _, buffered }
        | StreamEvent::Removed { buffered }
        | StreamEvent::Evicted { buffered } => {
            at_most("buffered", buffered.len(), MAX_RANGES)?;
            buffered.iter().try_for_each(|TimeRange { start_micros, end_micros }| {
                span("buffered range", *start_micros, Some(*end_micros))
            })
        }
        StreamEvent::Refused { seq: _, reason: why } => reason(why),
    }
}

/// Checks a reason for people.
///
/// # Errors
/// The first value out of its bounds.
pub fn reason(reason: &Reason) -> Checked {
    let Reason { code: _, message, next_step } = reason;
    text("message", message, MAX_SENTENCE)?;
    text("next_step", next_step, MAX_SENTENCE)
}

fn check_nonce(nonce: &str) -> Checked {
    let (length, limit) = (nonce.len(), *NONCE_LENGTH.start());
    if length < limit {
        return Err(Invalid::TooShort { field: "nonce", length, limit });
    }
    text("nonce", nonce, *NONCE_LENGTH.end())
}

fn names(field: &'static str, names: &[String]) -> Checked {
    at_most(field, names.len(), MAX_CAPABILITIES)?;
    names.iter().try_for_each(|name| text(field, name, MAX_NAME))
}

fn text(field: &'static str, text: &str, limit: usize) -> Checked {
    match text.len() {
        length if limit < length => Err(Invalid::TooLong { field, length, limit }),
        _ => Ok(()),
    }
}

fn at_most(field: &'static str, count: usize, limit: usize) -> Checked {
    if count <= limit { Ok(()) } else { Err(Invalid::TooMany { field, count, limit }) }
}

fn media_stream(stream: StreamId) -> Checked {
    if stream == StreamId(0) { Err(Invalid::ControlStream) } else { Ok(()) }
}

fn micros(field: &'static str, micros: i64) -> Checked {
    within(field, (-MAX_EXACT..=MAX_EXACT).contains(&micros))
}

/// `None`: no end.
fn span(field: &'static str, start_micros: i64, end_micros: Option<i64>) -> Checked {
    micros(field, start_micros)?;
    let end_micros = end_micros.unwrap_or(MAX_EXACT);
    micros(field, end_micros)?;
    if start_micros <= end_micros { Ok(()) } else { Err(Invalid::Backwards { field }) }
}

fn within(field: &'static str, is_within: bool) -> Checked {
    if is_within { Ok(()) } else { Err(Invalid::OutOfRange { field }) }
}
