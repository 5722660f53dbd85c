//! FFmpeg opens an init segment from memory and tells the codec parameters.
//!
//! Only `avformat_open_input` with the demuxer named: nothing is guessed from content, no
//! packet is read and no decoder is opened.
#![expect(unsafe_code, reason = "FFmpeg's demuxers on memory, without its stream analysis")]

use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::ptr;

use bytes::Bytes;
use ffmpeg_next::ffi::{
    AVERROR_EOF, AVFMT_FLAG_CUSTOM_IO, AVFormatContext, AVIOContext, AVMediaType,
    AVPacketSideDataType, AVStream, av_dict_get, av_find_input_format, av_freep, av_malloc,
    av_stream_get_side_data, avcodec_get_name, avformat_alloc_context, avformat_close_input,
    avformat_open_input, avio_alloc_context, avio_context_free,
};

use super::{Codec, CodecParameters, InitError};
use crate::segment::{MAX_TRACKS, TrackKind, Turn};

/// Bytes FFmpeg reads at a time.
const BUFFER_BYTES: usize = 4 << 10;

/// What FFmpeg says of one stream.
pub(super) struct Probed {
    pub(super) stream_id: u32,
    pub(super) kind: Option<TrackKind>,
    pub(super) codec: Option<Codec>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_aspect_ratio: (u32, u32),
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
    pub(super) parameters: CodecParameters,
}

/// FFmpeg's Matroska demuxer reads headers up to the first cluster and fails without one.
pub(super) fn with_empty_cluster(init: &Bytes) -> Bytes {
    const EMPTY_CLUSTER: [u8; 5] = [0x1f, 0x43, 0xb6, 0x75, 0x80];
    [&init[..], &EMPTY_CLUSTER].concat().into()
}

/// The streams of an init segment.
pub(super) fn streams(format: &CStr, init: &Bytes) -> Result<Vec<Probed>, InitError> {
    let mut source = Source { bytes: init, read: 0 };
    let opened = Opened::new(format, &mut source)?;
    let streams = opened.streams().iter().take(MAX_TRACKS * 2);
    // SAFETY: `opened` is open.
    streams.map(|stream| unsafe { probed(stream) }).collect()
}

/// What the reader callback reads from.
struct Source<'a> {
    bytes: &'a [u8],
    read: usize,
}

/// An open demuxer over a [`Source`], which it borrows by a raw pointer.
struct Opened<'a> {
    /// INVARIANT: open, or null after a failed open.
    context: *mut AVFormatContext,
    /// INVARIANT: outlives `context`.
    io: *mut AVIOContext,
    _source: PhantomData<&'a mut ()>,
}

impl<'a> Opened<'a> {
    fn new<'b: 'a>(format: &CStr, source: &'a mut Source<'b>) -> Result<Self, InitError> {
        let unreadable = |cause: String| InitError::Unreadable { cause };
        let size = c_int::try_from(BUFFER_BYTES).unwrap_or(c_int::MAX);
        // SAFETY: each pointer is checked before use. The buffer belongs to the I/O context
        // from its creation, the I/O context to `opened`, and `source` outlives `opened` by
        // its lifetime. A failed open frees the format context and nulls the pointer.
        unsafe {
            let demuxer = av_find_input_format(format.as_ptr());
            if demuxer.is_null() {
                return Err(unreadable("this FFmpeg lacks the demuxer".to_owned()));
            }
            let buffer = av_malloc(BUFFER_BYTES);
            if buffer.is_null() {
                return Err(unreadable("out of memory".to_owned()));
            }
            let opaque = ptr::from_mut(source).cast::<c_void>();
            let io = avio_alloc_context(buffer.cast(), size, 0, opaque, Some(read), None, None);
            if io.is_null() {
                let mut buffer = buffer;
                av_freep((&raw mut buffer).cast());
                return Err(unreadable("out of memory".to_owned()));
            }
            let mut opened = Self { context: avformat_alloc_context(), io, _source: PhantomData };
            if opened.context.is_null() {
                return Err(unreadable("out of memory".to_owned()));
            }
            (*opened.context).pb = io;
            (*opened.context).flags |= AVFMT_FLAG_CUSTOM_IO;
            let result = avformat_open_input(
                &raw mut opened.context,
                c"".as_ptr(),
                demuxer,
                ptr::null_mut(),
            );
            if result < 0 {
                return Err(unreadable(ffmpeg_next::Error::from(result).to_string()));
            }
            Ok(opened)
        }
    }

    fn streams(&self) -> &[&AVStream] {
        // SAFETY: the context is open; it holds `nb_streams` valid pointers that live and
        // stay unchanged as long as it is only read. A reference has a pointer's layout.
        unsafe {
            let context = &*self.context;
            match usize::try_from(context.nb_streams) {
                Ok(count) if !context.streams.is_null() => {
                    std::slice::from_raw_parts(context.streams.cast::<&AVStream>(), count)
                }
                _ => &[],
            }
        }
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        // SAFETY: both are owned. Closing leaves custom I/O alone and accepts null; the
        // buffer may have been replaced by FFmpeg, so it is freed through the I/O context.
        unsafe {
            avformat_close_input(&raw mut self.context);
            av_freep((&raw mut (*self.io).buffer).cast());
            avio_context_free(&raw mut self.io);
        }
    }
}

/// Hands FFmpeg the next bytes.
unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: `opaque` is the `Source` that `Opened` borrows; FFmpeg calls from the thread
    // that opens, while nothing else uses it.
    let source = unsafe { &mut *opaque.cast::<Source<'_>>() };
    let unread = source.bytes.get(source.read..).unwrap_or_default();
    let count = usize::try_from(size).unwrap_or(0).min(unread.len());
    if count == 0 {
        return AVERROR_EOF;
    }
    // SAFETY: `buffer` has room for `size` bytes and does not overlap ours.
    unsafe { buffer.copy_from_nonoverlapping(unread.as_ptr(), count) };
    source.read += count;
    c_int::try_from(count).unwrap_or(size)
}

/// What FFmpeg says of a stream.
///
/// # Safety
/// The stream belongs to an open demuxer.
pub(super) unsafe fn probed(stream: &AVStream) -> Result<Probed, InitError> {
    // SAFETY: every stream of an open demuxer has parameters.
    let (raw, parameters) =
        unsafe { (&*stream.codecpar, CodecParameters::copy_from(stream.codecpar)?) };
    let ratio = |ratio: ffmpeg_next::ffi::AVRational| {
        let (num, den) = (u32::try_from(ratio.num).ok()?, u32::try_from(ratio.den).ok()?);
        // A pixel a hundred times as wide as high is a mistake.
        (num != 0 && den != 0 && num / 100 <= den && den / 100 <= num).then_some((num, den))
    };
    Ok(Probed {
        stream_id: u32::from_ne_bytes(stream.id.to_ne_bytes()),
        kind: match raw.codec_type {
            AVMediaType::AVMEDIA_TYPE_VIDEO => Some(TrackKind::Video),
            AVMediaType::AVMEDIA_TYPE_AUDIO => Some(TrackKind::Audio),
            _ => None,
        },
        codec: Codec::from_id(raw.codec_id),
        width: u32::try_from(raw.width).unwrap_or(0),
        height: u32::try_from(raw.height).unwrap_or(0),
        sample_aspect_ratio: ratio(stream.sample_aspect_ratio)
            .or_else(|| ratio(raw.sample_aspect_ratio))
            .unwrap_or((1, 1)),
        rate_hz: u32::try_from(raw.sample_rate).unwrap_or(0),
        channels: u16::try_from(raw.ch_layout.nb_channels).unwrap_or(0),
        parameters,
    })
}

/// FFmpeg's name of a stream's codec.
///
/// # Safety
/// As [`probed`].
pub(super) unsafe fn codec_name(stream: &AVStream) -> String {
    // SAFETY: by contract; the name is a constant string, also for an unknown codec.
    let name = unsafe { CStr::from_ptr(avcodec_get_name((*stream.codecpar).codec_id)) };
    name.to_string_lossy().into_owned()
}

/// The turn of a stream's display matrix.
///
/// # Safety
/// As [`probed`].
pub(super) unsafe fn turn(stream: &AVStream) -> Turn {
    /// Nine numbers of four bytes (ISO/IEC 14496-12, section 8.3.2).
    const MATRIX_BYTES: usize = 36;
    let mut size = 0;
    let kind = AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    let mut matrix = [0_i32; MATRIX_BYTES / 4];
    // SAFETY: by contract; what is copied is there as a whole and fits.
    unsafe {
        let data = av_stream_get_side_data(stream, kind, &raw mut size);
        if data.is_null() || size < MATRIX_BYTES {
            return Turn::default();
        }
        ptr::copy_nonoverlapping(data, matrix.as_mut_ptr().cast(), MATRIX_BYTES);
    }
    let [a, b, _, c, d, ..] = matrix;
    Turn::of_matrix([a, b, c, d])
}

/// Whether the page is seen through a stream's pictures (Matroska's AlphaMode).
///
/// # Safety
/// As [`probed`].
pub(super) unsafe fn is_transparent(stream: &AVStream) -> bool {
    // SAFETY: by contract; the value is a string while the entry is there.
    unsafe {
        let entry = av_dict_get(stream.metadata, c"alpha_mode".as_ptr(), ptr::null(), 0);
        entry.as_ref().is_some_and(|entry| CStr::from_ptr(entry.value) != c"0")
    }
}
