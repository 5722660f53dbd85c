//! The codecs that are played, by name.

use ffmpeg_next::ffi::AVCodecID;

use crate::segment::TrackKind;

/// A codec that is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    H264,
    H265,
    Vp8,
    Vp9,
    Av1,
    Aac,
    Mp3,
    Opus,
    Vorbis,
    Flac,
    /// Samples as they are, in WAV files only.
    Pcm(PcmFormat),
}

/// How an uncompressed sample is written, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PcmFormat {
    U8,
    S16,
    S24,
    S32,
    F32,
    ALaw,
    MuLaw,
}

impl Codec {
    #[must_use]
    pub const fn kind(self) -> TrackKind {
        match self {
            Self::H264 | Self::H265 | Self::Vp8 | Self::Vp9 | Self::Av1 => TrackKind::Video,
            Self::Aac | Self::Mp3 | Self::Opus | Self::Vorbis | Self::Flac | Self::Pcm(_) => {
                TrackKind::Audio
            }
        }
    }

    /// Short lower-case name, e.g. `h264`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
            Self::Aac => "aac",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Vorbis => "vorbis",
            Self::Flac => "flac",
            Self::Pcm(_) => "pcm",
        }
    }

    /// From one entry of a MIME type's `codecs` parameter (RFC 6381); `None` if not played.
    #[must_use]
    pub fn from_mime(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        let (family, profile) = entry.split_once('.').unwrap_or((entry, ""));
        Some(match family {
            "avc1" | "avc3" => Self::H264,
            "hvc1" | "hev1" => Self::H265,
            "vp8" | "vp08" => Self::Vp8,
            "vp9" | "vp09" => Self::Vp9,
            "av01" | "av1" => Self::Av1,
            "mp4a" => match profile.split('.').next()? {
                "40" if matches!(profile, "40.34") => Self::Mp3,
                "40" | "66" | "67" | "68" => Self::Aac,
                "69" | "6b" | "6B" => Self::Mp3,
                _ => return None,
            },
            "mp3" => Self::Mp3,
            "opus" | "Opus" => Self::Opus,
            "vorbis" => Self::Vorbis,
            "flac" | "fLaC" => Self::Flac,
            _ => return None,
        })
    }

    pub(super) fn from_id(id: AVCodecID) -> Option<Self> {
        Some(match id {
            AVCodecID::AV_CODEC_ID_H264 => Self::H264,
            AVCodecID::AV_CODEC_ID_HEVC => Self::H265,
            AVCodecID::AV_CODEC_ID_VP8 => Self::Vp8,
            AVCodecID::AV_CODEC_ID_VP9 => Self::Vp9,
            AVCodecID::AV_CODEC_ID_AV1 => Self::Av1,
            AVCodecID::AV_CODEC_ID_AAC => Self::Aac,
            AVCodecID::AV_CODEC_ID_MP3 => Self::Mp3,
            AVCodecID::AV_CODEC_ID_OPUS => Self::Opus,
            AVCodecID::AV_CODEC_ID_VORBIS => Self::Vorbis,
            AVCodecID::AV_CODEC_ID_FLAC => Self::Flac,
            AVCodecID::AV_CODEC_ID_PCM_U8 => Self::Pcm(PcmFormat::U8),
            AVCodecID::AV_CODEC_ID_PCM_S16LE => Self::Pcm(PcmFormat::S16),
            AVCodecID::AV_CODEC_ID_PCM_S24LE => Self::Pcm(PcmFormat::S24),
            AVCodecID::AV_CODEC_ID_PCM_S32LE => Self::Pcm(PcmFormat::S32),
            AVCodecID::AV_CODEC_ID_PCM_F32LE => Self::Pcm(PcmFormat::F32),
            AVCodecID::AV_CODEC_ID_PCM_ALAW => Self::Pcm(PcmFormat::ALaw),
            AVCodecID::AV_CODEC_ID_PCM_MULAW => Self::Pcm(PcmFormat::MuLaw),
            _ => return None,
        })
    }

    pub(crate) const fn id(self) -> AVCodecID {
        match self {
            Self::H264 => AVCodecID::AV_CODEC_ID_H264,
            Self::H265 => AVCodecID::AV_CODEC_ID_HEVC,
            Self::Vp8 => AVCodecID::AV_CODEC_ID_VP8,
            Self::Vp9 => AVCodecID::AV_CODEC_ID_VP9,
            Self::Av1 => AVCodecID::AV_CODEC_ID_AV1,
            Self::Aac => AVCodecID::AV_CODEC_ID_AAC,
            Self::Mp3 => AVCodecID::AV_CODEC_ID_MP3,
            Self::Opus => AVCodecID::AV_CODEC_ID_OPUS,
            Self::Vorbis => AVCodecID::AV_CODEC_ID_VORBIS,
            Self::Flac => AVCodecID::AV_CODEC_ID_FLAC,
            Self::Pcm(PcmFormat::U8) => AVCodecID::AV_CODEC_ID_PCM_U8,
            Self::Pcm(PcmFormat::S16) => AVCodecID::AV_CODEC_ID_PCM_S16LE,
            Self::Pcm(PcmFormat::S24) => AVCodecID::AV_CODEC_ID_PCM_S24LE,
            Self::Pcm(PcmFormat::S32) => AVCodecID::AV_CODEC_ID_PCM_S32LE,
            Self::Pcm(PcmFormat::F32) => AVCodecID::AV_CODEC_ID_PCM_F32LE,
            Self::Pcm(PcmFormat::ALaw) => AVCodecID::AV_CODEC_ID_PCM_ALAW,
            Self::Pcm(PcmFormat::MuLaw) => AVCodecID::AV_CODEC_ID_PCM_MULAW,
        }
    }

    /// The codec with its profile, as far as `extradata` tells it.
    pub(super) fn string(self, extradata: &[u8]) -> String {
        match (self, extradata) {
            // AVCDecoderConfigurationRecord: version 1, profile, compatibility, level.
            (Self::H264, [1, profile, compatibility, level, ..]) => {
                format!("avc1.{profile:02x}{compatibility:02x}{level:02x}")
            }
            // HEVCDecoderConfigurationRecord: version 1, tier and profile, …, level.
            (Self::H265, [1, profile, _, _, _, _, _, _, _, _, _, _, level, ..]) => {
                let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
                format!("hvc1.{}.{tier}{level}", profile & 0x1f)
            }
            (Self::Aac, [config, ..]) => format!("mp4a.40.{}", config >> 3),
            _ => self.name().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mime_entries() {
        for (entry, codec) in [
            ("avc1.64001f", Some(Codec::H264)),
            (" hev1.1.6.L93.B0", Some(Codec::H265)),
            ("vp09.00.10.08", Some(Codec::Vp9)),
            ("av01.0.04M.08", Some(Codec::Av1)),
            ("mp4a.40.2", Some(Codec::Aac)),
            ("mp4a.6B", Some(Codec::Mp3)),
            ("mp4a.40.34", Some(Codec::Mp3)),
            ("mp4a.a6", None),
            ("ac-3", None),
            ("theora", None),
            ("", None),
        ] {
            assert_eq!(Codec::from_mime(entry), codec, "{entry}");
        }
    }
}
