//! Picture decoding: coded frames to planes, by hardware where the device has it.

use super::hardware::{self, HardwareDevice, HardwarePolicy};
use super::open::{self, Sent};
use super::{DecodeError, decoder_threads};
use crate::init::{Codec, Track};
use crate::picture::{Rotation, VideoFrame};
use crate::segment::CodedFrame;
use crate::time::Pts;
use ffmpeg_next::{decoder, frame};

/// What decodes, for status and report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoDecoderFacts {
    /// FFmpeg's name of the decoder, e.g. `h264`, `libdav1d`.
    pub name: String,
    /// `None`: software. Else the interface, e.g. `VAAPI`. Taken from the last picture, so it
    /// is what really decoded it.
    pub hardware: Option<&'static str>,
    pub threads: usize,
}

/// One decoder for one track configuration. Lives on the video decode thread.
pub struct VideoDecoder {
    decoder: decoder::Opened,
    track: Track,
    hardware: Option<HardwareDevice>,
    last_was_hardware: bool,
}

impl VideoDecoder {
    /// Opens a decoder; falls back to software when the hardware refuses.
    pub fn open(track: &Track, policy: HardwarePolicy) -> Result<Self, DecodeError> {
        open::quiet();
        let hardware = match policy {
            HardwarePolicy::Off => None,
            HardwarePolicy::Auto => HardwareDevice::open(track.codec),
        };
        if let Some(device) = hardware {
            let mut context = open::context(track)?;
            device.attach(&mut context);
            if let Ok(decoder) = hardware::open_native(track, context) {
                let hardware = Some(device);
                let track = track.clone();
                return Ok(Self { decoder, track, hardware, last_was_hardware: false });
            }
            tracing::info!(codec = track.codec.name(), "hardware decoder refused");
        }
        let decoder = open::software(track, open::context(track)?)?;
        Ok(Self { decoder, track: track.clone(), hardware: None, last_was_hardware: false })
    }

    pub fn facts(&self) -> VideoDecoderFacts {
        VideoDecoderFacts {
            name: self.decoder.codec().map_or_else(String::new, |codec| codec.name().to_owned()),
            hardware: self.last_was_hardware.then_some(hardware::NAME),
            threads: decoder_threads(&self.track),
        }
    }

    pub fn codec(&self) -> Codec {
        self.track.codec
    }

    /// Decodes one coded frame; each picture that comes out goes to `sink`, in presentation
    /// order. `sink` returns false to stop early (the rest is lost: use only before `reset`).
    pub fn decode(
        &mut self,
        coded: &CodedFrame,
        sink: &mut impl FnMut(VideoFrame) -> bool,
    ) -> Result<(), DecodeError> {
        match self.decode_once(coded, sink) {
            Err(error) if self.hardware_unproven() => {
                tracing::info!(%error, "hardware decoding failed, software goes on");
                *self = Self::open(&self.track, HardwarePolicy::Off)?;
                self.decode_once(coded, sink)
            }
            result => result,
        }
    }

    fn decode_once(
        &mut self,
        coded: &CodedFrame,
        sink: &mut impl FnMut(VideoFrame) -> bool,
    ) -> Result<(), DecodeError> {
        loop {
            let sent = open::send(&mut self.decoder, self.track.codec, coded)?;
            if !self.receive(coded.duration_micros, sink)? || matches!(sent, Sent::Taken) {
                return Ok(());
            }
        }
    }

    /// Hands out the pictures still inside at the end of the stream. Then only `reset` helps.
    pub fn drain(
        &mut self,
        duration_micros: i64,
        sink: &mut impl FnMut(VideoFrame) -> bool,
    ) -> Result<(), DecodeError> {
        if self.decoder.send_eof().is_ok() {
            self.receive(duration_micros, sink)?;
        }
        Ok(())
    }

    /// Forgets all references. The next coded frame must be a key frame.
    pub fn reset(&mut self) {
        self.decoder.flush();
    }

    fn receive(
        &mut self,
        duration_micros: i64,
        sink: &mut impl FnMut(VideoFrame) -> bool,
    ) -> Result<bool, DecodeError> {
        loop {
            let mut decoded = frame::Video::empty();
            match self.decoder.receive_frame(&mut decoded) {
                Ok(()) => {}
                Err(error) if open::is_dry(error) => return Ok(true),
                Err(error) => {
                    return Err(DecodeError::Damaged {
                        codec: self.track.codec.name(),
                        detail: error.to_string(),
                    });
                }
            }
            let pts = decoded.timestamp().or(decoded.pts()).map_or(Pts::ZERO, Pts);
            self.last_was_hardware = hardware::is_hardware(&decoded);
            let decoded = if self.last_was_hardware {
                hardware::download(&decoded)
                    .map_err(|error| DecodeError::Picture(error.to_string()))?
            } else {
                decoded
            };
            let picture = VideoFrame::from_ffmpeg(
                decoded,
                pts,
                duration_micros,
                Some(self.track.sample_aspect_ratio).filter(|ratio| *ratio != (1, 1)),
                Rotation::from_degrees(self.track.rotation_degrees.into()),
                self.track.unspecified_colours,
            )
            .map_err(|error| DecodeError::Picture(error.to_string()))?;
            if !sink(picture) {
                return Ok(false);
            }
        }
    }

    /// True while hardware was asked for and has given no picture: a refusal then may be the
    /// hardware's, and software can still play the stream.
    fn hardware_unproven(&self) -> bool {
        self.hardware.is_some() && !self.last_was_hardware
    }
}
