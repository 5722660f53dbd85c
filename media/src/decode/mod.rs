//! Decoding: coded frames in, pictures and sound out. FFmpeg's decoders behind plain types.
//!
//! Decoders are created, used and dropped on one decode thread. Their worker threads are
//! bounded by [`decoder_threads`]. Bytes are hostile: every refusal is an error value and the
//! stream goes on at the next key frame.

mod audio;
mod hardware;
mod open;
mod video;

pub use audio::AudioDecoder;
pub use hardware::HardwarePolicy;
pub(crate) use open::quiet;
pub use video::{VideoDecoder, VideoDecoderFacts};

use crate::init::{Codec, Track};

/// Why decoding does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// This FFmpeg has no decoder for it: the page must play natively.
    #[error("this device has no decoder for {0}")]
    NoDecoder(&'static str),
    /// The codec parameters were refused: the page must play natively.
    #[error("the {codec} decoder refused the stream's parameters: {detail}")]
    Open { codec: &'static str, detail: String },
    /// One coded frame was refused: go on with the next key frame.
    #[error("a {codec} frame is damaged: {detail}")]
    Damaged { codec: &'static str, detail: String },
    /// The picture has a form that is not supported.
    #[error("pictures of this kind are not supported: {0}")]
    Picture(String),
}

/// Largest pictures that one thread decodes in time on common devices, and two, in pixels.
const SMALL: u64 = 1280 * 720;
const MEDIUM: u64 = 1920 * 1088;

/// Decoder threads for one stream: enough for 4K on common devices, bounded because a page
/// may hold several videos. Each frame thread keeps a picture and delays output by one, and
/// the first picture of all waits until they have started: small ones are faster without.
pub fn decoder_threads(track: &Track) -> usize {
    let pixels = u64::from(track.width) * u64::from(track.height);
    let most = if pixels <= SMALL {
        1
    } else if pixels <= MEDIUM {
        2
    } else {
        4
    };
    std::thread::available_parallelism().map_or(most, |cores| cores.get().min(most))
}

/// Codecs that this FFmpeg can decode, as `(video, audio)` in the channel's names.
pub fn decodable_codecs() -> (Vec<&'static str>, Vec<&'static str>) {
    let names = |codecs: &[Codec]| {
        codecs
            .iter()
            .filter(|codec| open::find_decoder(**codec).is_some())
            .map(|codec| codec.name())
            .collect()
    };
    (
        names(&[Codec::H264, Codec::H265, Codec::Vp8, Codec::Vp9, Codec::Av1]),
        names(&[Codec::Aac, Codec::Mp3, Codec::Opus, Codec::Vorbis, Codec::Flac]),
    )
}
