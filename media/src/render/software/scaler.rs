//! FFmpeg's scaler, set up to do one thing: planes of one size to planes of another with chroma
//! at full resolution, bicubic, chroma where the format says it lies, no colour conversion.
//!
//! The matrix and range stay with the picture: the scaler is told nothing about them, and
//! formats whose name implies a range are given as their plain twins, so that it changes none.

#![expect(unsafe_code, reason = "chroma positions are options only the C interface takes")]

use std::ptr;

use ffmpeg_next::ffi;
use ffmpeg_next::format::Pixel;

use super::super::RenderError;
use crate::picture::{
    Layout, Matrix, PictureFormat, Siting, Subsampling, VideoFrame, pixel_of_format,
};
use crate::render::colour::{RgbFromCodes, rgb_from_codes};

/// Rows start at multiples of this, and as many bytes follow the last one: SIMD stores overrun.
const ALIGNMENT: usize = 64;

/// Three planes of equal size, ready for conversion. For gray all three are the same.
pub(super) struct Planes<'a> {
    planes: [&'a [u8]; 3],
    strides: [usize; 3],
    sample_bytes: usize,
    pub(super) size: (usize, usize),
    pub(super) rgb_from_codes: RgbFromCodes,
}

/// One row of each plane; words are little-endian pairs of bytes.
pub(super) enum Samples<'a> {
    Bytes(&'a [u8], &'a [u8], &'a [u8]),
    Words(&'a [u8], &'a [u8], &'a [u8]),
}

impl Planes<'_> {
    pub(super) fn row(&self, y: usize) -> Samples<'_> {
        let row = |index: usize| {
            let start = y * self.strides[index];
            self.planes[index].get(start..start + self.size.0 * self.sample_bytes).unwrap_or(&[])
        };
        match self.sample_bytes {
            1 => Samples::Bytes(row(0), row(1), row(2)),
            _ => Samples::Words(row(0), row(1), row(2)),
        }
    }
}

/// A scaler for the format and size last asked for, and the planes it fills.
#[derive(Debug, Default)]
pub(super) struct Scaler {
    context: Option<Context>,
    planes: [Vec<u8>; 3],
}

#[derive(Debug)]
struct Context {
    /// Owned; freed in `drop`.
    raw: ptr::NonNull<ffi::SwsContext>,
    from: PictureFormat,
    to: (u32, u32),
}

// SAFETY: the context is plain memory with no thread affinity, reached only through `&mut`.
unsafe impl Send for Context {}

impl Scaler {
    /// The picture's planes at `size`: its own where they fit, else scaled ones.
    pub(super) fn scale<'a>(
        &'a mut self,
        frame: &'a VideoFrame,
        size: (u32, u32),
    ) -> Result<Planes<'a>, RenderError> {
        let format = frame.format();
        let side = |px: u32| usize::try_from(px).unwrap_or(0);
        let gray = format.subsampling == Subsampling::Gray;
        let full_chroma = format.layout == Layout::Planar && format.subsampling.factors() == (1, 1);
        let target_planes = [0, 1, 2].map(|index| if gray { 0 } else { index });
        let sample_bytes = if format.bit_depth > 8 { 2 } else { 1 };
        if full_chroma && size == (format.width, format.height) {
            self.context = None;
            let planes = target_planes.map(|index| frame.plane(index));
            return Ok(Planes {
                planes: planes.map(|plane| plane.data),
                strides: planes.map(|plane| plane.stride_bytes),
                sample_bytes,
                size: (side(size.0), side(size.1)),
                rgb_from_codes: rgb_from_codes(format, 0),
            });
        }

        let same = |context: &Context| context.from == *format && context.to == size;
        if !self.context.as_ref().is_some_and(same) {
            self.context = None;
            self.context = Some(Context::new(format, size)?);
        }
        let stride = (side(size.0) * sample_bytes).next_multiple_of(ALIGNMENT);
        let needed = stride
            .checked_mul(side(size.1))
            .and_then(|bytes| bytes.checked_add(ALIGNMENT))
            .ok_or_else(|| Context::refused(format, size))?;
        for plane in self.planes.iter_mut().take(if gray { 1 } else { 3 }) {
            plane.resize(needed, 0);
        }
        let context = self.context.as_ref().ok_or_else(|| Context::refused(format, size))?;
        context.run(frame, &mut self.planes, stride)?;
        Ok(Planes {
            planes: target_planes.map(|index| self.planes[index].as_slice()),
            strides: [stride; 3],
            sample_bytes,
            size: (side(size.0), side(size.1)),
            rgb_from_codes: rgb_from_codes(format, 0),
        })
    }
}

impl Context {
    fn refused(format: &PictureFormat, (width, height): (u32, u32)) -> RenderError {
        RenderError::Scale { from: (format.width, format.height), to: (width, height) }
    }

    fn new(format: &PictureFormat, to: (u32, u32)) -> Result<Self, RenderError> {
        let refused = || Self::refused(format, to);
        // G, B, R are scaled like Y, U, V, so that nothing is converted.
        let plain = PictureFormat {
            matrix: match format.matrix {
                Matrix::Identity => Matrix::Bt709,
                matrix => matrix,
            },
            ..*format
        };
        let target = PictureFormat {
            width: to.0,
            height: to.1,
            layout: Layout::Planar,
            subsampling: match format.subsampling {
                Subsampling::Gray => Subsampling::Gray,
                _ => Subsampling::Yuv444,
            },
            ..plain
        };
        let source_pixel = pixel_of_format(&plain).ok_or_else(refused)?;
        let target_pixel = pixel_of_format(&target).ok_or_else(refused)?;
        let (across, down) = siting_256ths(format);
        let code = |pixel| i64::from(pixel_code(pixel));
        let options = [
            (c"srcw", i64::from(format.width)),
            (c"srch", i64::from(format.height)),
            (c"src_format", code(source_pixel)),
            (c"dstw", i64::from(to.0)),
            (c"dsth", i64::from(to.1)),
            (c"dst_format", code(target_pixel)),
            (c"sws_flags", i64::from(ffi::SWS_BICUBIC | ffi::SWS_ACCURATE_RND)),
            (c"src_h_chr_pos", across),
            (c"src_v_chr_pos", down),
        ];
        // SAFETY: plain allocation; null is checked.
        let raw = ptr::NonNull::new(unsafe { ffi::sws_alloc_context() }).ok_or_else(refused)?;
        let context = Self { raw, from: *format, to };
        for (name, value) in options {
            // SAFETY: the context is a valid option object and the name a C string.
            let set = unsafe { ffi::av_opt_set_int(raw.as_ptr().cast(), name.as_ptr(), value, 0) };
            if set < 0 {
                return Err(refused());
            }
        }
        // SAFETY: the context is allocated and not yet initialised; null means no filters.
        match unsafe { ffi::sws_init_context(raw.as_ptr(), ptr::null_mut(), ptr::null_mut()) } {
            0.. => Ok(context),
            _ => Err(refused()),
        }
    }

    /// Fills `planes`, whose rows are `stride` bytes apart.
    fn run(
        &self,
        frame: &VideoFrame,
        planes: &mut [Vec<u8>; 3],
        stride: usize,
    ) -> Result<(), RenderError> {
        let refused = || Self::refused(&self.from, self.to);
        let mut sources = [ptr::null::<u8>(); 4];
        let mut source_strides = [0_i32; 4];
        for index in 0..self.from.plane_count() {
            let plane = frame.plane(index);
            sources[index] = plane.data.as_ptr();
            source_strides[index] = i32::try_from(plane.stride_bytes).map_err(|_| refused())?;
        }
        let mut targets = [ptr::null_mut::<u8>(); 4];
        let mut target_strides = [0_i32; 4];
        for (index, plane) in planes.iter_mut().enumerate().filter(|(_, it)| !it.is_empty()) {
            targets[index] = plane.as_mut_ptr();
            target_strides[index] = i32::try_from(stride).map_err(|_| refused())?;
        }
        let height = i32::try_from(self.from.height).map_err(|_| refused())?;
        // SAFETY: the sources are whole planes of the format the context was made for, in
        // buffers that FFmpeg allocated with its padding; each target has `to.1` rows of
        // `stride` bytes, at least `to.0` samples, and padding for the last row.
        let rows = unsafe {
            ffi::sws_scale(
                self.raw.as_ptr(),
                sources.as_ptr(),
                source_strides.as_ptr(),
                0,
                height,
                targets.as_ptr(),
                target_strides.as_ptr(),
            )
        };
        if i64::from(rows) == i64::from(self.to.1) { Ok(()) } else { Err(refused()) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: allocated by `sws_alloc_context`, owned by this value, freed once.
        unsafe { ffi::sws_freeContext(self.raw.as_ptr()) }
    }
}

/// Chroma position in 256ths of a luma sample, as the scaler's options take it.
fn siting_256ths(format: &PictureFormat) -> (i64, i64) {
    let (across, down) = match format.siting {
        Siting::Left => (0, 1),
        Siting::Centre => (1, 1),
        Siting::TopLeft => (0, 0),
        Siting::Top => (1, 0),
        Siting::BottomLeft => (0, 2),
        Siting::Bottom => (1, 2),
    };
    let (factor_x, factor_y) = format.subsampling.factors();
    let halves = |position: i64, factor: u32| position * 128 * (i64::from(factor) - 1);
    (halves(across, factor_x), halves(down, factor_y))
}

/// FFmpeg's number of a pixel format.
#[expect(clippy::as_conversions, reason = "a C enumeration's value")]
fn pixel_code(pixel: Pixel) -> i32 {
    ffi::AVPixelFormat::from(pixel) as i32
}
