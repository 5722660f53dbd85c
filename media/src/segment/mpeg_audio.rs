//! MPEG audio byte streams: ADTS AAC (ISO/IEC 13818-7) and MP3 (ISO/IEC 11172-3, 13818-3).
//!
//! No container: each frame has a header that tells its size, rate and channels. The first
//! header, and each that differs from the one before, is the "init segment". Timestamps count
//! from the first frame; the source buffer puts frames one after the other.
//! ID3v2 and ID3v1 tags between frames are skipped.

use std::num::NonZeroU32;

use bytes::Bytes;

use super::input::Input;
use super::{CodedFrame, Event, MAX_BOX_BYTES, ParseError};
use crate::time::{Pts, micros_from_ticks};

/// Track id of the only track.
pub(crate) const TRACK_ID: u32 = 1;

/// Bytes that tell everything about a frame.
const HEADER_BYTES: usize = 7;

/// What a frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) rate_hz: NonZeroU32,
    pub(crate) channels: u8,
    /// `AudioSpecificConfig` of AAC; MP3 needs none.
    pub(crate) specific_config: Option<[u8; 2]>,
    samples: u16,
    /// Whole frame.
    frame_bytes: u16,
    /// Left out of the frame's data.
    header_bytes: u16,
}

#[derive(Debug)]
pub(super) struct Parser {
    input: Input,
    parse: fn(&[u8; HEADER_BYTES]) -> Option<FrameHeader>,
    config: Option<(NonZeroU32, u8, Option<[u8; 2]>)>,
    samples: i64,
}

impl Parser {
    pub(super) fn adts() -> Self {
        Self { input: Input::default(), parse: FrameHeader::adts, config: None, samples: 0 }
    }

    pub(super) fn mp3() -> Self {
        Self { parse: FrameHeader::mp3, ..Self::adts() }
    }

    pub(super) fn reset(&mut self) {
        self.input = Input::default();
        self.samples = 0;
    }

    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Event),
    ) -> Result<(), ParseError> {
        self.input.push(bytes);
        while !self.input.discarding() && self.next_frame(sink)? {}
        Ok(())
    }

    fn next_frame(&mut self, sink: &mut impl FnMut(Event)) -> Result<bool, ParseError> {
        let unread = self.input.unread();
        if let (b"TAG", _) = unread.split_at(unread.len().min(3)) {
            self.input.discard(128);
            return Ok(true);
        }
        let Some(head) = unread.first_chunk::<HEADER_BYTES>() else { return Ok(false) };
        if head.starts_with(b"ID3") {
            let Some(tag) = unread.first_chunk::<10>() else { return Ok(false) };
            let size = tag[6..].iter().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7f));
            ParseError::limit("ID3 tag", size, MAX_BOX_BYTES)?;
            self.input.discard(size + 10);
            return Ok(true);
        }
        let head = *head;
        let header = (self.parse)(&head)
            .ok_or_else(|| ParseError::malformed("MPEG audio frame", "not a frame header"))?;
        let Some(frame) = self.input.take(header.frame_bytes.into()) else { return Ok(false) };
        let data = Bytes::copy_from_slice(frame.get(header.header_bytes.into()..).unwrap_or(&[]));
        let config = Some((header.rate_hz, header.channels, header.specific_config));
        if self.config != config {
            self.config = config;
            self.samples = 0;
            sink(Event::Init(Bytes::copy_from_slice(&head)));
        }
        let position = |samples| micros_from_ticks(samples, header.rate_hz).map(Pts);
        let next = self.samples.saturating_add(header.samples.into());
        let cause = "stream is too long";
        let (Some(pts), Some(end)) = (position(self.samples), position(next)) else {
            return Err(ParseError::malformed("MPEG audio", cause));
        };
        self.samples = next;
        let duration_micros = end.since(pts);
        let (track_id, dts, keyframe) = (TRACK_ID, pts, true);
        sink(Event::Frame(CodedFrame { track_id, pts, dts, duration_micros, keyframe, data }));
        Ok(true)
    }
}

impl FrameHeader {
    /// `adts_fixed_header` and `adts_variable_header`.
    pub(crate) fn adts(head: &[u8; HEADER_BYTES]) -> Option<Self> {
        const RATES_HZ: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8_000, 7_350,
        ];
        let [sync, flags, profile_rate, channels_length, length, length_fullness, blocks] = *head;
        if sync != 0xff || flags & 0xf6 != 0xf0 {
            return None;
        }
        let object_type = (profile_rate >> 6) + 1;
        let rate_index = profile_rate >> 2 & 0xf;
        let rate = RATES_HZ.get(usize::from(rate_index))?;
        let channel_config = (profile_rate & 1) << 2 | channels_length >> 6;
        let channels = match channel_config {
            0 => return None,
            7 => 8,
            count => count,
        };
        let frame_bytes = u16::from(channels_length & 3) << 11
            | u16::from(length) << 3
            | u16::from(length_fullness >> 5);
        let header_bytes = if flags & 1 == 1 { 7 } else { 9 };
        Some(Self {
            rate_hz: NonZeroU32::new(*rate)?,
            channels,
            specific_config: Some([
                object_type << 3 | rate_index >> 1,
                (rate_index & 1) << 7 | channel_config << 3,
            ]),
            samples: 1_024 * u16::from((blocks & 3) + 1),
            frame_bytes: Some(frame_bytes).filter(|bytes| header_bytes < *bytes)?,
            header_bytes,
        })
    }

    /// MPEG 1, 2 and 2.5, layer III.
    pub(crate) fn mp3(head: &[u8; HEADER_BYTES]) -> Option<Self> {
        const V1_KBPS: [u32; 15] =
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const V2_KBPS: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        let [sync, version, rates, mode, ..] = *head;
        if sync != 0xff || version & 0xe6 != 0xe2 {
            return None;
        }
        let (halvings, kbps, samples) = match version >> 3 & 3 {
            3 => (0, V1_KBPS, 1_152),
            2 => (1, V2_KBPS, 576),
            0 => (2, V2_KBPS, 576),
            _ => return None,
        };
        let rate = [44_100u32, 48_000, 32_000].get(usize::from(rates >> 2 & 3))? >> halvings;
        let bits_per_second = kbps.get(usize::from(rates >> 4))?.checked_mul(1_000)?;
        let padding = u32::from(rates >> 1 & 1);
        let frame_bytes = u32::from(samples) / 8 * bits_per_second / rate + padding;
        Some(Self {
            rate_hz: NonZeroU32::new(rate)?,
            channels: if mode >> 6 == 3 { 1 } else { 2 },
            specific_config: None,
            samples,
            frame_bytes: u16::try_from(frame_bytes).ok().filter(|bytes| 8 < *bytes)?,
            header_bytes: 0,
        })
    }
}
