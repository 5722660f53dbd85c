//! Init segments: which tracks there are and what a decoder must know of them.
//!
//! The structure (ids, kinds, protection, rotation) is read by the same code that reads the
//! media segments; the codec parameters are read by FFmpeg, which opens the init segment's
//! bytes and nothing else. Pure apart from FFmpeg's allocations; callable on any thread.

mod codec;
mod parameters;
mod probe;

use bytes::Bytes;

pub use codec::{Codec, PcmFormat};
pub use parameters::CodecParameters;

use self::probe::Probed;
use crate::picture::UnspecifiedColours;
use crate::segment::{Container, FrameHeader, Movie, ParseError, TrackKind, WebmHeader};

/// Largest picture side, in pixels: what video codecs' highest levels allow.
pub const MAX_SIDE: u32 = 16_384;

/// Bound of the sampling rate, in hertz.
pub const MAX_RATE_HZ: u32 = 768_000;

/// Bound of the channels.
pub const MAX_CHANNELS: u16 = 64;

/// Bound of a codec's configuration.
const MAX_EXTRADATA_BYTES: usize = 1 << 20;

/// A parsed init segment.
#[derive(Clone, Debug)]
pub struct InitSegment {
    /// Video and sound in the container's order; others are left out. Not empty.
    pub tracks: Vec<Track>,
    /// `None`: unknown, e.g. live.
    pub duration_micros: Option<i64>,
}

/// One track and all that is needed to decode it.
#[derive(Clone, Debug)]
pub struct Track {
    /// The container's id, as in [`crate::segment::CodedFrame::track_id`].
    pub id: u32,
    pub kind: TrackKind,
    pub codec: Codec,
    /// For people and logs: RFC 6381 where the profile is known, e.g. `avc1.64001f`.
    pub codec_string: String,
    /// Coded size in pixels; 0 for sound.
    pub width: u32,
    pub height: u32,
    /// Width : height of one pixel; (1, 1) if not told.
    pub sample_aspect_ratio: (u32, u32),
    /// Clockwise turn that shows the picture upright: 0, 90, 180 or 270.
    pub rotation_degrees: u16,
    /// What pictures that do not tell their colours are taken for.
    pub unspecified_colours: UnspecifiedColours,
    /// As the container tells it, which the decoder's output can contradict; 0 for video.
    pub rate_hz: u32,
    /// As [`Self::rate_hz`].
    pub channels: u16,
    /// Encoder delay at the start of sound. Timestamps have it subtracted already.
    pub codec_delay_micros: i64,
    pub parameters: CodecParameters,
}

/// Why an init segment cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    #[error(transparent)]
    Malformed(#[from] ParseError),
    #[error("media is protected (encrypted)")]
    Encrypted,
    #[error("codec {name} is not supported")]
    UnsupportedCodec { name: String },
    /// What a window over the page cannot show as the page does.
    #[error("{what} pictures are not supported")]
    Picture { what: &'static str },
    #[error("init segment has neither video nor sound")]
    NoTracks,
    #[error("{what} is out of range")]
    OutOfRange { what: String },
    #[error("codec parameters cannot be read: {cause}")]
    Unreadable { cause: String },
}

/// What the container says of a track, before FFmpeg is asked.
struct Declared {
    id: u32,
    kind: TrackKind,
    /// `AVStream::id` that FFmpeg gives the track, if it is known.
    stream_id: u32,
    codec_name: String,
    rotation_degrees: u16,
    /// How its pictures are, where that cannot be shown.
    odd: Option<&'static str>,
    codec_delay_micros: i64,
}

/// How a picture is whose display matrix mirrors it.
const MIRRORED: &str = "mirrored";
/// How a picture is through which the page is seen.
const TRANSPARENT: &str = "transparent";

impl InitSegment {
    /// Reads an init segment as [`crate::segment::Event::Init`] carries it.
    ///
    /// # Errors
    /// See [`InitError`]; protection is reported before anything else of a track.
    pub fn parse(container: Container, init: &Bytes) -> Result<Self, InitError> {
        match container {
            Container::Mp4 => {
                let movie = Movie::from_init(init)?;
                let declared = declared_in_movie(&movie)?;
                Self::probe(c"mp4", init, declared, movie.duration_micros)
            }
            Container::WebM => {
                let header = WebmHeader::from_init(init)?;
                let declared = declared_in_webm(&header)?;
                let cut = probe::with_empty_cluster(init);
                Self::probe(c"matroska", &cut, declared, header.duration_micros)
            }
            Container::Mp3 | Container::Adts => mpeg_audio(container, init),
        }
    }

    fn probe(
        format: &std::ffi::CStr,
        init: &Bytes,
        declared: Vec<Declared>,
        duration_micros: Option<i64>,
    ) -> Result<Self, InitError> {
        if declared.is_empty() {
            return Err(InitError::NoTracks);
        }
        let mut streams = probe::streams(format, init)?;
        let mut tracks = Vec::with_capacity(declared.len());
        for declared in declared {
            let found = streams
                .iter()
                .position(|s| s.stream_id == declared.stream_id && s.kind == Some(declared.kind))
                .or_else(|| streams.iter().position(|s| s.kind == Some(declared.kind)));
            // FFmpeg leaves out what it does not know at all.
            let Some(index) = found else {
                return Err(InitError::UnsupportedCodec { name: declared.codec_name });
            };
            tracks.push(track(declared, streams.remove(index))?);
        }
        Ok(Self { tracks, duration_micros })
    }
}

/// The track of a stream that FFmpeg has opened and analysed, under the given id.
///
/// # Errors
/// [`InitError::UnsupportedCodec`], or [`InitError::OutOfRange`].
///
/// # Safety
/// The stream belongs to an open `AVFormatContext`.
#[expect(unsafe_code, reason = "passes the contract on to the code that reads the stream")]
pub(crate) unsafe fn track_of_stream(
    stream: &ffmpeg_next::ffi::AVStream,
    kind: TrackKind,
    id: u32,
) -> Result<Track, InitError> {
    // SAFETY: by contract.
    let (probed, codec_name, turn) =
        unsafe { (probe::probed(stream)?, probe::codec_name(stream), probe::turn(stream)) };
    // SAFETY: by contract.
    let odd = if turn.mirrored {
        Some(MIRRORED)
    } else if unsafe { probe::is_transparent(stream) } {
        Some(TRANSPARENT)
    } else {
        None
    };
    if MAX_EXTRADATA_BYTES < probed.parameters.extradata().len() {
        return Err(InitError::OutOfRange { what: "codec configuration".to_owned() });
    }
    let stream_id = probed.stream_id;
    let rotation_degrees = turn.degrees;
    let declared =
        Declared { id, kind, stream_id, codec_name, rotation_degrees, odd, codec_delay_micros: 0 };
    let unspecified_colours = UnspecifiedColours::ByHeight;
    Ok(Track { unspecified_colours, ..track(declared, probed)? })
}

fn declared_in_movie(movie: &Movie) -> Result<Vec<Declared>, InitError> {
    let mut declared = Vec::new();
    for track in &movie.tracks {
        let Some(kind) = track.kind else { continue };
        if track.encrypted {
            return Err(InitError::Encrypted);
        }
        declared.push(Declared {
            id: track.id,
            kind,
            stream_id: track.id,
            codec_name: track.sample_entry.to_string(),
            rotation_degrees: track.turn.degrees,
            odd: track.turn.mirrored.then_some(MIRRORED),
            codec_delay_micros: 0,
        });
    }
    Ok(declared)
}

fn declared_in_webm(header: &WebmHeader) -> Result<Vec<Declared>, InitError> {
    let mut declared = Vec::new();
    for track in &header.tracks {
        let Some(kind) = track.kind else { continue };
        if track.encrypted {
            return Err(InitError::Encrypted);
        }
        if track.compressed || track.codec_id.starts_with("V_MPEG") {
            let name = format!("{} in WebM", track.codec_id);
            return Err(InitError::UnsupportedCodec { name });
        }
        declared.push(Declared {
            id: track.number,
            kind,
            stream_id: u32::try_from(track.uid & 0xffff_ffff).unwrap_or(0),
            codec_name: track.codec_id.clone(),
            rotation_degrees: 0,
            odd: track.has_alpha.then_some(TRANSPARENT),
            codec_delay_micros: i64::try_from(track.codec_delay_nanos / 1_000).unwrap_or(0),
        });
    }
    Ok(declared)
}

fn track(declared: Declared, probed: Probed) -> Result<Track, InitError> {
    let Declared { id, kind, codec_name, rotation_degrees, odd, codec_delay_micros, .. } = declared;
    let Some(codec) = probed.codec.filter(|codec| codec.kind() == kind) else {
        return Err(InitError::UnsupportedCodec { name: codec_name });
    };
    let Probed { width, height, rate_hz, channels, .. } = probed;
    let sane = match kind {
        TrackKind::Video => (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height),
        TrackKind::Audio => {
            (1..=MAX_RATE_HZ).contains(&rate_hz) && (1..=MAX_CHANNELS).contains(&channels)
        }
    };
    if !sane {
        let what = match kind {
            TrackKind::Video => format!("picture size {width}x{height}"),
            TrackKind::Audio => format!("sound of {rate_hz} Hz with {channels} channels"),
        };
        return Err(InitError::OutOfRange { what });
    }
    let is_video = kind == TrackKind::Video;
    if let Some(what) = odd.filter(|_| is_video) {
        return Err(InitError::Picture { what });
    }
    Ok(Track {
        id,
        kind,
        codec,
        codec_string: codec.string(probed.parameters.extradata()),
        width: if is_video { width } else { 0 },
        height: if is_video { height } else { 0 },
        sample_aspect_ratio: probed.sample_aspect_ratio,
        rotation_degrees,
        unspecified_colours: UnspecifiedColours::Bt709,
        rate_hz: if is_video { 0 } else { rate_hz },
        channels: if is_video { 0 } else { channels },
        codec_delay_micros,
        parameters: probed.parameters,
    })
}

fn mpeg_audio(container: Container, init: &Bytes) -> Result<InitSegment, InitError> {
    let (codec, parse): (_, fn(&[u8; 7]) -> _) = match container {
        Container::Mp3 => (Codec::Mp3, FrameHeader::mp3),
        _ => (Codec::Aac, FrameHeader::adts),
    };
    let header = init.first_chunk().and_then(parse).ok_or(InitError::NoTracks)?;
    let extradata = header.specific_config.unwrap_or_default();
    let extradata = if codec == Codec::Aac { &extradata[..] } else { &[] };
    let (rate_hz, channels) = (header.rate_hz.get(), u16::from(header.channels));
    let track = Track {
        id: crate::segment::MPEG_AUDIO_TRACK_ID,
        kind: TrackKind::Audio,
        codec,
        codec_string: codec.string(extradata),
        width: 0,
        height: 0,
        sample_aspect_ratio: (1, 1),
        rotation_degrees: 0,
        unspecified_colours: UnspecifiedColours::Bt709,
        rate_hz,
        channels,
        codec_delay_micros: 0,
        parameters: CodecParameters::for_sound(codec, rate_hz, channels, extradata)?,
    };
    Ok(InitSegment { tracks: vec![track], duration_micros: None })
}

#[cfg(test)]
pub(crate) mod tests;
