//! Opening a decoder for a track, and feeding it.
#![expect(
    unsafe_code,
    reason = "packets carry borrowed data and the context's time base is a raw field"
)]

use super::{DecodeError, decoder_threads};
use crate::init::{Codec, Track};
use crate::segment::CodedFrame;
use ffmpeg_next::codec::{self, threading};
use ffmpeg_next::{Packet, Rational, decoder, ffi};

/// Inside, all packets and frames are in microseconds.
const MICROS: Rational = Rational(1, 1_000_000);

/// The decoder used for `codec`; for AV1 a software one, as FFmpeg's own is hardware only.
pub(super) fn find_decoder(codec: Codec) -> Option<ffmpeg_next::Codec> {
    let by_id = |id| decoder::find(id);
    match codec {
        Codec::H264 => by_id(codec::Id::H264),
        Codec::H265 => by_id(codec::Id::HEVC),
        Codec::Vp8 => by_id(codec::Id::VP8),
        Codec::Vp9 => by_id(codec::Id::VP9),
        Codec::Av1 => ["libdav1d", "libaom-av1"].into_iter().find_map(decoder::find_by_name),
        Codec::Aac => by_id(codec::Id::AAC),
        Codec::Mp3 => by_id(codec::Id::MP3),
        Codec::Opus => decoder::find_by_name("opus").or_else(|| by_id(codec::Id::OPUS)),
        Codec::Vorbis => by_id(codec::Id::VORBIS),
        Codec::Flac => by_id(codec::Id::FLAC),
        Codec::Pcm(_) => by_id(codec.id().into()),
    }
}

/// A context with the track's parameters, in microseconds, threads bounded.
pub(super) fn context(track: &Track) -> Result<codec::Context, DecodeError> {
    let refused = |error: ffmpeg_next::Error| DecodeError::Open {
        codec: track.codec.name(),
        detail: error.to_string(),
    };
    let mut context = codec::Context::new();
    // SAFETY: both are valid; the parameters are only read.
    let copied = unsafe {
        ffi::avcodec_parameters_to_context(context.as_mut_ptr(), track.parameters.as_ptr())
    };
    if copied < 0 {
        return Err(refused(copied.into()));
    }
    context.set_threading(threading::Config {
        kind: threading::Type::Frame,
        count: decoder_threads(track),
        ..Default::default()
    });
    // SAFETY: the context is valid and not opened yet; the field is plain data.
    unsafe { (*context.as_mut_ptr()).pkt_timebase = MICROS.into() };
    Ok(context)
}

/// Opens the software decoder for `track`.
pub(super) fn software(
    track: &Track,
    context: codec::Context,
) -> Result<decoder::Opened, DecodeError> {
    let name = track.codec.name();
    let codec = find_decoder(track.codec).ok_or(DecodeError::NoDecoder(name))?;
    context
        .decoder()
        .open_as(codec)
        .map_err(|error| DecodeError::Open { codec: name, detail: error.to_string() })
}

/// What a decoder said to a packet.
pub(super) enum Sent {
    Taken,
    /// Output must be read first; the frame was not taken.
    Full,
}

/// Feeds one coded frame.
pub(super) fn send(
    decoder: &mut decoder::Opened,
    codec: Codec,
    frame: &CodedFrame,
) -> Result<Sent, DecodeError> {
    // FFmpeg wants padding behind the data, so a packet is a copy.
    let mut packet = Packet::copy(&frame.data);
    packet.set_pts(Some(frame.pts.0));
    packet.set_dts(Some(frame.dts.0));
    packet.set_duration(frame.duration_micros);
    if frame.keyframe {
        packet.set_flags(codec::packet::Flags::KEY);
    }
    match decoder.send_packet(&packet) {
        Ok(()) => Ok(Sent::Taken),
        Err(ffmpeg_next::Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => {
            Ok(Sent::Full)
        }
        Err(error) => Err(DecodeError::Damaged { codec: codec.name(), detail: error.to_string() }),
    }
}

/// Whether `error` means "nothing more for now" (input wanted or drained).
pub(super) fn is_dry(error: ffmpeg_next::Error) -> bool {
    matches!(error, ffmpeg_next::Error::Eof)
        || matches!(error, ffmpeg_next::Error::Other { errno } if errno == ffmpeg_next::error::EAGAIN)
}

/// Keeps FFmpeg's own log lines out of ours: they may quote stream contents.
pub(crate) fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: sets an integer inside FFmpeg; once, before any decoder of ours runs.
    ONCE.call_once(|| unsafe { ffi::av_log_set_level(ffi::AV_LOG_QUIET) });
}
