//! Owned codec parameters, to open a decoder with on any thread.
#![expect(unsafe_code, reason = "owns an AVCodecParameters, which only FFmpeg can copy and free")]

use std::fmt;
use std::ptr::NonNull;

use ffmpeg_next::ffi::{
    AV_INPUT_BUFFER_PADDING_SIZE, AVCodecParameters, AVMediaType, av_channel_layout_default,
    av_mallocz, avcodec_parameters_alloc, avcodec_parameters_copy, avcodec_parameters_free,
};

use super::{Codec, InitError};

/// What a decoder must know before its first frame. Opaque outside of this crate.
pub struct CodecParameters {
    /// INVARIANT: from `avcodec_parameters_alloc`, owned, never changed while shared.
    raw: NonNull<AVCodecParameters>,
}

// SAFETY: the structure is owned, has no thread affinity and points to its own memory only.
unsafe impl Send for CodecParameters {}
// SAFETY: a shared reference only ever reads.
unsafe impl Sync for CodecParameters {}

impl CodecParameters {
    fn new() -> Result<Self, InitError> {
        // SAFETY: no arguments; a null result is the only error.
        let raw = NonNull::new(unsafe { avcodec_parameters_alloc() });
        raw.map(|raw| Self { raw })
            .ok_or_else(|| InitError::Unreadable { cause: "out of memory".to_owned() })
    }

    /// Copies parameters with everything they point to.
    ///
    /// # Safety
    /// `source` points to valid parameters.
    pub(super) unsafe fn copy_from(source: *const AVCodecParameters) -> Result<Self, InitError> {
        let copy = Self::new()?;
        // SAFETY: both are valid; the destination is ours alone.
        let result = unsafe { avcodec_parameters_copy(copy.raw.as_ptr(), source) };
        if result < 0 {
            return Err(InitError::Unreadable { cause: "out of memory".to_owned() });
        }
        Ok(copy)
    }

    /// Parameters of sound that has no container.
    pub(super) fn for_sound(
        codec: Codec,
        rate_hz: u32,
        channels: u16,
        extradata: &[u8],
    ) -> Result<Self, InitError> {
        let out_of_range = || InitError::OutOfRange { what: "codec configuration".to_owned() };
        let padding = usize::try_from(AV_INPUT_BUFFER_PADDING_SIZE).map_err(|_| out_of_range())?;
        let size = i32::try_from(extradata.len()).map_err(|_| out_of_range())?;
        let rate = i32::try_from(rate_hz).map_err(|_| out_of_range())?;
        let mut parameters = Self::new()?;
        // SAFETY: the structure is valid and ours alone. The extradata is allocated with
        // FFmpeg's allocator and padding, zeroed, and `extradata.len()` bytes are written.
        unsafe {
            let raw = parameters.raw.as_mut();
            raw.codec_type = AVMediaType::AVMEDIA_TYPE_AUDIO;
            raw.codec_id = codec.id();
            raw.sample_rate = rate;
            av_channel_layout_default(&raw mut raw.ch_layout, i32::from(channels));
            if !extradata.is_empty() {
                let copy: *mut u8 = av_mallocz(extradata.len() + padding).cast();
                if copy.is_null() {
                    return Err(InitError::Unreadable { cause: "out of memory".to_owned() });
                }
                copy.copy_from_nonoverlapping(extradata.as_ptr(), extradata.len());
                raw.extradata = copy;
                raw.extradata_size = size;
            }
        }
        Ok(parameters)
    }

    /// For `avcodec_parameters_to_context`. Valid as long as `self`; must not be written to.
    pub(crate) const fn as_ptr(&self) -> *const AVCodecParameters {
        self.raw.as_ptr()
    }

    /// Codec configuration, as the container carries it.
    pub(super) fn extradata(&self) -> &[u8] {
        // SAFETY: `raw` is valid; `extradata` is null or holds `extradata_size` bytes that
        // live and stay unchanged as long as `self`.
        unsafe {
            let raw = self.raw.as_ref();
            match usize::try_from(raw.extradata_size) {
                Ok(size) if !raw.extradata.is_null() => {
                    std::slice::from_raw_parts(raw.extradata, size)
                }
                _ => &[],
            }
        }
    }
}

impl Clone for CodecParameters {
    fn clone(&self) -> Self {
        // SAFETY: `raw` is valid.
        unsafe { Self::copy_from(self.as_ptr()) }.expect("memory for a few hundred bytes")
    }
}

impl Drop for CodecParameters {
    fn drop(&mut self) {
        let mut raw = self.raw.as_ptr();
        // SAFETY: owned, freed once, not used afterwards.
        unsafe { avcodec_parameters_free(&raw mut raw) };
    }
}

impl fmt::Debug for CodecParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodecParameters({} bytes of extradata)", self.extradata().len())
    }
}
