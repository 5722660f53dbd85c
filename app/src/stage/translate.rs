//! Between the channel's words and the media crate's: the two do not know each other.

use nearside::stage_link::{PlayerStats, RendererFacts};
use nearside::status::{AudioStats, VideoStats};
use nearside_channel::message::{
    self, PlaybackState, PlayerEvent, Reason, ReasonCode, StreamCommand, TimeRange,
};
use nearside_channel::validate::MAX_EXACT;
use nearside_media::decode::DecodeError;
use nearside_media::fetch::{FetchError, PlaylistError, SourceError};
use nearside_media::init::InitError;
use nearside_media::player::{self, Event, Problem, State};
use nearside_media::ranges::TimeRanges;
use nearside_media::render::RenderError;
use nearside_media::source_buffer::{AppendError, AppendMode, AppendParams};
use nearside_media::time::Pts;

/// Ranges told to a page at most; more are the business of a broken stream.
const MAX_RANGES: usize = 256;

/// A time that the channel carries: a page's offsets may put media beyond it.
pub(super) fn exact(at: Pts) -> i64 {
    at.0.clamp(-MAX_EXACT, MAX_EXACT)
}

pub(super) fn ranges(ranges: &TimeRanges) -> Vec<TimeRange> {
    let whole = ranges.iter().take(MAX_RANGES);
    whole
        .map(|range| TimeRange { start_micros: exact(range.start), end_micros: exact(range.end) })
        .collect()
}

/// The parameters and the length of an append; `None` for other commands.
pub(super) fn append(command: &StreamCommand) -> Option<(AppendParams, usize)> {
    let StreamCommand::Append {
        bytes,
        timestamp_offset_micros,
        window_start_micros,
        window_end_micros,
        mode,
        ..
    } = command
    else {
        return None;
    };
    let params = AppendParams {
        timestamp_offset_micros: *timestamp_offset_micros,
        window_start: Pts(*window_start_micros),
        window_end: window_end_micros.map(Pts),
        mode: match mode {
            message::AppendMode::Segments => AppendMode::Segments,
            message::AppendMode::Sequence => AppendMode::Sequence,
        },
    };
    Some((params, usize::try_from(*bytes).unwrap_or(usize::MAX)))
}

const PLAYS_NATIVELY: &str = "The page plays it in the session.";

pub(super) fn append_error(error: &AppendError) -> Reason {
    let (code, next_step) = match error {
        AppendError::Malformed { .. } => (
            ReasonCode::MalformedMedia,
            "The page plays it in the session. Reload it to try again.",
        ),
        AppendError::MissingInit => (ReasonCode::MissingInitSegment, PLAYS_NATIVELY),
        AppendError::UnsupportedCodec { .. } => (ReasonCode::UnsupportedCodec, PLAYS_NATIVELY),
        AppendError::UnsupportedContainer { .. } => {
            (ReasonCode::UnsupportedContainer, PLAYS_NATIVELY)
        }
        AppendError::UnsupportedPicture { .. } => (ReasonCode::UnsupportedCodec, PLAYS_NATIVELY),
        AppendError::CodecMismatch { .. } => (ReasonCode::CodecMismatch, PLAYS_NATIVELY),
        AppendError::Encrypted => {
            (ReasonCode::ProtectedContent, "Protected media plays in the session only.")
        }
        AppendError::BufferFull { .. } => {
            (ReasonCode::BufferFull, "The page appends it again when some has been played.")
        }
        AppendError::TooLarge { .. } => (ReasonCode::TooLarge, PLAYS_NATIVELY),
    };
    Reason::new(code, sentence(&error.to_string()), next_step)
}

pub(super) fn problem(problem: &Problem) -> Reason {
    let (code, next_step) = match problem {
        Problem::Decoder(DecodeError::NoDecoder(_)) => (
            ReasonCode::UnsupportedCodec,
            "The page plays it in the session. Install FFmpeg with this decoder to redirect it.",
        ),
        Problem::Decoder(_) => (ReasonCode::DecodeFailed, PLAYS_NATIVELY),
        Problem::Damaged => {
            (ReasonCode::MalformedMedia, "Playing goes on. Reload the page if it looks broken.")
        }
        Problem::Thread => {
            (ReasonCode::StageUnavailable, "Close other programs and reload the page.")
        }
        Problem::TooManyVoices => {
            (ReasonCode::LimitReached, "Close other videos of this page, or use the session's.")
        }
        Problem::Source(error) => return source_error(error),
    };
    Reason::new(code, sentence(&problem.to_string()), next_step)
}

/// Media by URL cannot be fetched or read. Names no address.
pub(super) fn source_error(error: &SourceError) -> Reason {
    let (code, next_step) = match error {
        SourceError::Refused(_) => (
            ReasonCode::Policy,
            "The page plays it in the session. The device's policy can allow private addresses.",
        ),
        SourceError::Network(FetchError::Certificate) => (
            ReasonCode::Network,
            "The page plays it in the session. Trust the certificate on this device to redirect.",
        ),
        SourceError::Network(_) => (
            ReasonCode::Network,
            "The page plays it in the session. Check the device's own network connection.",
        ),
        SourceError::Malformed | SourceError::Seek => (
            ReasonCode::MalformedMedia,
            "The page plays it in the session. Reload it to try again.",
        ),
        SourceError::Encrypted | SourceError::Playlist(PlaylistError::Encrypted) => {
            (ReasonCode::ProtectedContent, "Protected media plays in the session only.")
        }
        SourceError::NotMedia | SourceError::Playlist(_) => {
            (ReasonCode::UnsupportedContainer, PLAYS_NATIVELY)
        }
        SourceError::TooLarge | SourceError::Track(InitError::OutOfRange { .. }) => {
            (ReasonCode::TooLarge, PLAYS_NATIVELY)
        }
        SourceError::Track(InitError::UnsupportedCodec { .. } | InitError::Picture { .. }) => {
            (ReasonCode::UnsupportedCodec, PLAYS_NATIVELY)
        }
        SourceError::Track(_) => (ReasonCode::MalformedMedia, PLAYS_NATIVELY),
        SourceError::TooMany => {
            (ReasonCode::LimitReached, "Close other videos of this page, or use the session's.")
        }
    };
    Reason::new(code, sentence(&error.to_string()), next_step)
}

pub(super) fn render_error(error: &RenderError) -> Reason {
    Reason::new(
        ReasonCode::Renderer,
        sentence(&error.to_string()),
        "The page plays in the session. Install a Vulkan or OpenGL driver, or try another \
         renderer.",
    )
}

/// No sound device: playing goes on.
pub(super) fn no_sound() -> Reason {
    Reason::new(
        ReasonCode::AudioDevice,
        "There is no sound device: the picture plays without sound.",
        "Connect a speaker or start the sound server; it is used as soon as it is there.",
    )
}

/// The sound device changed in mid-play.
pub(super) fn sound_lost() -> Reason {
    Reason::new(
        ReasonCode::AudioDevice,
        "The sound device is gone: the picture plays on without sound.",
        "Connect it again or choose another in the system's settings.",
    )
}

/// No display to show windows on.
pub(super) fn no_display(detail: &str) -> Reason {
    Reason::new(
        ReasonCode::Renderer,
        format!("There is no display to show the picture on: {detail}."),
        "Start Nearside in a graphical session. Sound plays; the picture is drawn off-screen.",
    )
}

pub(super) fn event(event: &Event) -> PlayerEvent {
    match event {
        Event::State { state, position, rate } => PlayerEvent::State {
            state: playback_state(*state),
            position_micros: exact(*position),
            rate: *rate,
        },
        Event::Seeked { token, position } => {
            PlayerEvent::Seeked { token: token.unwrap_or(0), position_micros: exact(*position) }
        }
        Event::Resized { width, height } => PlayerEvent::Resized { width: *width, height: *height },
        Event::FirstFrame { position } => {
            PlayerEvent::FirstFrame { position_micros: exact(*position) }
        }
        Event::Warning(what) => PlayerEvent::Warning { reason: problem(what) },
        Event::Failed { problem: what, position } => {
            PlayerEvent::Failed { reason: problem(what), position_micros: exact(*position) }
        }
    }
}

pub(super) fn playback_state(state: State) -> PlaybackState {
    match state {
        State::Paused => PlaybackState::Paused,
        State::Playing => PlaybackState::Playing,
        State::Stalled => PlaybackState::Stalled,
        State::Seeking => PlaybackState::Seeking,
        State::Ended => PlaybackState::Ended,
    }
}

/// The media part of a player's report; position and the like are the caller's.
pub(super) fn stats(
    stats: player::PlayerStats,
    av_offsets_ms: Vec<f64>,
    device: Option<&String>,
    renderer: &RendererFacts,
) -> PlayerStats {
    let av_offset_ms = av_offsets_ms.last().copied();
    PlayerStats {
        bit_rate: stats.bit_rate,
        first_frame_ms: stats.first_frame_ms,
        seeks_ms: stats.seeks_ms,
        audio_rms: stats.audio.as_ref().map_or(0.0, |audio| audio.rms),
        video: stats.video.map(|video| VideoStats {
            codec: video.codec,
            width: video.width,
            height: video.height,
            decoder: match video.hardware {
                Some(name) => format!("{} ({name})", video.decoder),
                None => format!("{} (software)", video.decoder),
            },
            hardware: video.hardware.is_some(),
            decoded: video.decoded,
            presented: video.presented,
            dropped: video.dropped,
            late: video.late,
            corrupted: video.corrupted,
            av_offset_ms,
            renderer_backend: renderer.backend.clone(),
            renderer: renderer.adapter.clone(),
            renderer_software: renderer.software,
            placement: None,
        }),
        audio: stats.audio.map(|audio| AudioStats {
            codec: audio.codec,
            rate_hz: audio.rate_hz,
            channels: audio.channels,
            device: device.cloned(),
            underruns: audio.underruns,
        }),
        av_offsets_ms,
        ..PlayerStats::default()
    }
}

/// An error text as a sentence for people.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
