//! Hardware decoding: VAAPI on Linux, behind the same interface as software.
//!
//! The device decodes into its own memory and the picture is copied back as NV12 or P010
//! planes, so everything behind the decoder stays the same. Whether a picture really came from
//! the hardware is read from the picture, never assumed.
#![expect(unsafe_code, reason = "ffmpeg-next has no wrappers for hardware devices")]

use super::DecodeError;
use super::open;
use crate::init::{Codec, Track};
use ffmpeg_next::{codec, decoder, ffi, frame};
use std::ptr;

/// Name of the interface, for people.
pub(super) const NAME: &str = "VAAPI";

/// Whether hardware may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HardwarePolicy {
    #[default]
    Auto,
    Off,
}

/// An open VAAPI device.
pub(super) struct HardwareDevice(*mut ffi::AVBufferRef);

// SAFETY: the reference count is atomic and the device may be used from any one thread.
unsafe impl Send for HardwareDevice {}

impl HardwareDevice {
    /// The first device that can decode `codec`; `None` where there is none.
    pub(super) fn open(codec: Codec) -> Option<Self> {
        if !cfg!(target_os = "linux") || !std::path::Path::new("/dev/dri").exists() {
            return None;
        }
        if !matches!(codec, Codec::H264 | Codec::H265 | Codec::Vp8 | Codec::Vp9 | Codec::Av1) {
            return None;
        }
        let mut device = ptr::null_mut();
        // SAFETY: out pointer is valid, the other pointers may be null by contract
        // (av_hwdevice_ctx_create: default device, no options).
        let result = unsafe {
            ffi::av_hwdevice_ctx_create(
                &raw mut device,
                ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI,
                ptr::null(),
                ptr::null_mut(),
                0,
            )
        };
        (0 <= result && !device.is_null()).then_some(Self(device))
    }

    /// Makes `context` decode on this device when the stream's profile allows it.
    pub(super) fn attach(&self, context: &mut codec::Context) {
        // SAFETY: the context is valid and not opened; it takes its own reference to the device
        // and releases it when it is freed. The callback is a plain function.
        unsafe {
            let context = context.as_mut_ptr();
            (*context).hw_device_ctx = ffi::av_buffer_ref(self.0);
            (*context).get_format = Some(choose_format);
        }
    }
}

impl Drop for HardwareDevice {
    fn drop(&mut self) {
        // SAFETY: the reference is ours and not used afterwards.
        unsafe { ffi::av_buffer_unref(&raw mut self.0) };
    }
}

/// Takes VAAPI when offered, else the decoder's first software format.
unsafe extern "C" fn choose_format(
    _context: *mut ffi::AVCodecContext,
    formats: *const ffi::AVPixelFormat,
) -> ffi::AVPixelFormat {
    use ffi::AVPixelFormat::{AV_PIX_FMT_NONE, AV_PIX_FMT_VAAPI};
    let mut chosen = AV_PIX_FMT_NONE;
    let mut at = formats;
    // SAFETY: FFmpeg passes a list that ends with AV_PIX_FMT_NONE.
    unsafe {
        while *at != AV_PIX_FMT_NONE {
            if *at == AV_PIX_FMT_VAAPI {
                return AV_PIX_FMT_VAAPI;
            }
            let descriptor = ffi::av_pix_fmt_desc_get(*at);
            let hardware = !descriptor.is_null()
                && (*descriptor).flags & u64::from(ffi::AV_PIX_FMT_FLAG_HWACCEL.unsigned_abs())
                    != 0;
            if chosen == AV_PIX_FMT_NONE && !hardware {
                chosen = *at;
            }
            at = at.add(1);
        }
    }
    chosen
}

/// Opens FFmpeg's native decoder, the one that carries hardware acceleration.
pub(super) fn open_native(
    track: &Track,
    context: codec::Context,
) -> Result<decoder::Opened, DecodeError> {
    let name = track.codec.name();
    let codec = match track.codec {
        // libdav1d has no hardware path; FFmpeg's own AV1 decoder has nothing else.
        Codec::Av1 => decoder::find_by_name("av1"),
        other => open::find_decoder(other),
    };
    context
        .decoder()
        .open_as(codec.ok_or(DecodeError::NoDecoder(name))?)
        .map_err(|error| DecodeError::Open { codec: name, detail: error.to_string() })
}

/// Whether the picture lies in the device's memory.
pub(super) fn is_hardware(picture: &frame::Video) -> bool {
    picture.format() == ffmpeg_next::format::Pixel::VAAPI
}

/// Copies a picture from the device into planes, with its properties.
pub(super) fn download(picture: &frame::Video) -> Result<frame::Video, ffmpeg_next::Error> {
    let mut planes = frame::Video::empty();
    // SAFETY: both frames are valid; `planes` is empty, so FFmpeg allocates it.
    let result = unsafe {
        match ffi::av_hwframe_transfer_data(planes.as_mut_ptr(), picture.as_ptr(), 0) {
            0.. => ffi::av_frame_copy_props(planes.as_mut_ptr(), picture.as_ptr()),
            error => error,
        }
    };
    if result < 0 { Err(result.into()) } else { Ok(planes) }
}
