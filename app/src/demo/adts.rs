//! AAC as MPEG-TS carries it (ADTS headers in each packet) to AAC as MP4 wants it.
#![expect(unsafe_code, reason = "ffmpeg-next has no wrapper for bitstream filters")]

use ffmpeg_next::packet::Mut as _;
use ffmpeg_next::{Packet, codec, ffi, format};
use std::ptr;

/// FFmpeg's `aac_adtstoasc` bitstream filter. One packet in, at most one out.
pub(super) struct AdtsToAsc(*mut ffi::AVBSFContext);

// SAFETY: the context is owned and used by one thread at a time.
unsafe impl Send for AdtsToAsc {}

impl AdtsToAsc {
    /// The filter for `stream` if it needs one: AAC without a configuration of its own.
    pub(super) fn for_stream(
        stream: &format::stream::Stream<'_>,
    ) -> Result<Option<Self>, ffmpeg_next::Error> {
        let parameters = stream.parameters();
        // SAFETY: the parameters are valid; the fields are plain integers.
        let configured = unsafe { (*parameters.as_ptr()).extradata_size } != 0;
        if parameters.id() != codec::Id::AAC || configured {
            return Ok(None);
        }
        let mut context = ptr::null_mut();
        // SAFETY: the name is a C string; on success the context is ours, and its input
        // parameters are filled before it is initialised, as av_bsf_init demands.
        let result = unsafe {
            let filter = ffi::av_bsf_get_by_name(c"aac_adtstoasc".as_ptr());
            if filter.is_null() {
                return Err(ffmpeg_next::Error::BsfNotFound);
            }
            match ffi::av_bsf_alloc(filter, &raw mut context) {
                0 => {
                    let copied =
                        ffi::avcodec_parameters_copy((*context).par_in, parameters.as_ptr());
                    if copied < 0 { copied } else { ffi::av_bsf_init(context) }
                }
                error => error,
            }
        };
        let filter = Self(context);
        if result < 0 { Err(result.into()) } else { Ok(Some(filter)) }
    }

    /// Replaces the packet's data. A packet that is no ADTS frame is an error.
    pub(super) fn filter(&mut self, packet: &mut Packet) -> Result<(), ffmpeg_next::Error> {
        // SAFETY: context and packet are valid; sending moves the packet's data into the filter,
        // receiving moves it back.
        let result = unsafe {
            match ffi::av_bsf_send_packet(self.0, packet.as_mut_ptr()) {
                0 => ffi::av_bsf_receive_packet(self.0, packet.as_mut_ptr()),
                error => error,
            }
        };
        if result < 0 { Err(result.into()) } else { Ok(()) }
    }
}

impl Drop for AdtsToAsc {
    fn drop(&mut self) {
        // SAFETY: ours, or null, which the function accepts.
        unsafe { ffi::av_bsf_free(&raw mut self.0) };
    }
}
