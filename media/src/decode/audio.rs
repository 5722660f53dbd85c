//! Sound decoding: coded frames to samples in the output's form.

use super::DecodeError;
use super::open::{self, Sent};
use crate::init::{Codec, Track};
use crate::segment::CodedFrame;
use crate::time::Pts;
use ffmpeg_next::{decoder, frame};

/// One decoder for one track configuration. Lives on the audio decode thread.
pub struct AudioDecoder {
    decoder: decoder::Opened,
    codec: Codec,
}

impl AudioDecoder {
    pub fn open(track: &Track) -> Result<Self, DecodeError> {
        open::quiet();
        let decoder = open::software(track, open::context(track)?)?;
        Ok(Self { decoder, codec: track.codec })
    }

    /// Decodes one coded frame and hands each decoded block to `sink` with its time.
    pub(crate) fn decode(
        &mut self,
        coded: &CodedFrame,
        mut sink: impl FnMut(Pts, &frame::Audio),
    ) -> Result<(), DecodeError> {
        loop {
            let sent = open::send(&mut self.decoder, self.codec, coded)?;
            self.receive(coded.pts, &mut sink)?;
            if matches!(sent, Sent::Taken) {
                return Ok(());
            }
        }
    }

    /// Hands out what the decoder still holds at the end of the stream.
    pub(crate) fn drain(
        &mut self,
        mut sink: impl FnMut(Pts, &frame::Audio),
    ) -> Result<(), DecodeError> {
        if self.decoder.send_eof().is_ok() {
            self.receive(Pts::ZERO, &mut sink)?;
        }
        Ok(())
    }

    /// Forgets everything decoded so far.
    pub fn reset(&mut self) {
        self.decoder.flush();
    }

    fn receive(
        &mut self,
        fallback: Pts,
        sink: &mut impl FnMut(Pts, &frame::Audio),
    ) -> Result<(), DecodeError> {
        let mut decoded = frame::Audio::empty();
        loop {
            match self.decoder.receive_frame(&mut decoded) {
                Ok(()) => sink(decoded.pts().map_or(fallback, Pts), &decoded),
                Err(error) if open::is_dry(error) => return Ok(()),
                Err(error) => {
                    return Err(DecodeError::Damaged {
                        codec: self.codec.name(),
                        detail: error.to_string(),
                    });
                }
            }
        }
    }
}
