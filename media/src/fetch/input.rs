//! What FFmpeg's demuxers read from: its callbacks over a [`Reader`], on the worker's thread.
#![expect(unsafe_code, reason = "callbacks of FFmpeg")]

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use ffmpeg_next::ffi::{
    AVERROR_EOF, AVERROR_EXIT, AVSEEK_FORCE, AVSEEK_SIZE, SEEK_CUR, SEEK_END, SEEK_SET,
};

use super::FetchError;
use super::line::Line;
use super::reader::Reader;

/// What FFmpeg's callbacks work on.
pub(super) struct Input {
    pub(super) reader: Reader,
    pub(super) line: Arc<Line>,
    pub(super) failure: Option<FetchError>,
    /// Bytes that may still be read for what is under way.
    pub(super) budget: u64,
}

/// Hands FFmpeg the next bytes.
pub(super) unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: `opaque` is the box of the `Demux` that called FFmpeg on this thread and does not
    // touch it meanwhile; `buffer` has room for `size` bytes.
    let (input, buffer) = unsafe {
        let size = usize::try_from(size).unwrap_or(0);
        (&mut *opaque.cast::<Input>(), std::slice::from_raw_parts_mut(buffer, size))
    };
    if input.budget == 0 {
        return AVERROR_EXIT;
    }
    match input.reader.read(buffer) {
        Ok(0) => AVERROR_EOF,
        Ok(count) => {
            let read = u64::try_from(count).unwrap_or(u64::MAX);
            input.budget = input.budget.saturating_sub(read);
            c_int::try_from(count).unwrap_or(size)
        }
        Err(failure) => {
            input.failure = Some(failure);
            AVERROR_EXIT
        }
    }
}

/// Moves to another place, or tells the length.
pub(super) unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    const REFUSED: i64 = -1;
    // SAFETY: as in `read`.
    let input = unsafe { &mut *opaque.cast::<Input>() };
    let length = input.reader.length().and_then(|length| i64::try_from(length).ok());
    let at = i64::try_from(input.reader.position()).unwrap_or(i64::MAX);
    let base = match whence & !AVSEEK_FORCE {
        AVSEEK_SIZE => return length.unwrap_or(REFUSED),
        SEEK_SET => Some(0),
        SEEK_CUR => Some(at),
        SEEK_END => length,
        _ => None,
    };
    let to = base.and_then(|base| base.checked_add(offset)).filter(|to| 0 <= *to);
    let Some(to) = to else { return REFUSED };
    if input.reader.seek(u64::try_from(to).unwrap_or(0)) { to } else { REFUSED }
}

/// Asked by FFmpeg now and then: 1 ends what it does.
pub(super) unsafe extern "C" fn is_cut(opaque: *mut c_void) -> c_int {
    // SAFETY: as in `read`; only read.
    let input = unsafe { &*opaque.cast::<Input>() };
    c_int::from(input.budget == 0 || input.line.is_cut())
}
