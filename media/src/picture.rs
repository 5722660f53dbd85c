//! A decoded picture: planes with stride, and what they mean.
//!
//! [`VideoFrame`] owns FFmpeg's reference-counted buffers, so planes reach the GPU without a
//! copy; no FFmpeg type shows. It may cross threads: decoders make it, the presenter queues it,
//! the renderer reads it.
//!
//! INVARIANT: every plane's `(height - 1) * stride + row` bytes lie inside one buffer that the
//! frame holds; checked once at construction, because sizes come from hostile streams.

#![expect(unsafe_code, reason = "plane pointers and crop fields are only in the raw AVFrame")]

mod format;

use std::fmt;

use ffmpeg_next::{chroma, color, ffi, frame};

use crate::time::Pts;
pub(crate) use format::pixel_of_format;
pub use format::{
    Layout, MAX_SIDE_PX, Matrix, PictureFormat, Range, Rotation, Siting, Subsampling,
};

/// Why a decoded picture cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// A pixel format or colour matrix without a conversion here.
    #[error("unsupported picture format {name}")]
    UnsupportedFormat { name: String },

    #[error("picture of {width}x{height} pixels is outside 1x1 to {MAX_SIDE_PX}x{MAX_SIDE_PX}")]
    Size { width: u32, height: u32 },

    /// Missing, too short or bottom-up (negative stride) plane.
    #[error("plane {plane} does not hold its picture")]
    Plane { plane: usize },
}

/// One plane of a [`VideoFrame`].
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// Rows from the top; `(height - 1) * stride_bytes` and the last row's bytes.
    pub data: &'a [u8],
    pub stride_bytes: usize,
    /// Samples in a row (pairs of samples for an interleaved chroma plane).
    pub width: u32,
    pub height: u32,
}

/// One decoded picture.
pub struct VideoFrame {
    frame: frame::Video,
    format: PictureFormat,
    pts: Pts,
    duration_micros: i64,
}

impl VideoFrame {
    /// Takes a software frame as the decoder made it.
    ///
    /// `sample_aspect_ratio` is the container's and wins over the frame's own if valid;
    /// `rotation` is the container's display turn. Colours that are not told are `unspecified`,
    /// as in browsers, and so are those of which only a part is told.
    ///
    /// # Errors
    /// [`PictureError`] when no conversion exists (hardware surfaces included: download them
    /// first) or the planes do not hold the picture.
    pub(crate) fn from_ffmpeg(
        mut frame: frame::Video,
        pts: Pts,
        duration_micros: i64,
        sample_aspect_ratio: Option<(u32, u32)>,
        rotation: Rotation,
        unspecified: UnspecifiedColours,
    ) -> Result<Self, PictureError> {
        apply_crop(&mut frame)?;
        let shape = format::shape_of_pixel(frame.format()).ok_or_else(|| {
            let name = frame.format().descriptor().map_or("none", |known| known.name());
            PictureError::UnsupportedFormat { name: name.to_owned() }
        })?;
        let told = Told::of(&frame);
        let range = match frame.color_range() {
            _ if shape.rgb => Range::Full,
            _ if told == Told::Partly => Range::Limited,
            color::Range::JPEG => Range::Full,
            color::Range::MPEG => Range::Limited,
            color::Range::Unspecified if shape.full_range => Range::Full,
            color::Range::Unspecified => Range::Limited,
        };
        let matrix = match told {
            _ if shape.rgb => Matrix::Identity,
            Told::Wholly => matrix_of(&frame)?,
            // Those of full range are photographs' in browsers.
            Told::Nothing if range == Range::Full => UnspecifiedColours::ByHeight.matrix(&frame),
            Told::Nothing | Told::Partly => unspecified.matrix(&frame),
        };
        let siting = match frame.chroma_location() {
            chroma::Location::Left => Siting::Left,
            chroma::Location::Center => Siting::Centre,
            chroma::Location::TopLeft => Siting::TopLeft,
            chroma::Location::Top => Siting::Top,
            chroma::Location::BottomLeft => Siting::BottomLeft,
            chroma::Location::Bottom => Siting::Bottom,
            chroma::Location::Unspecified if range == Range::Full => Siting::Centre,
            chroma::Location::Unspecified => Siting::Left,
        };
        let own = frame.aspect_ratio();
        let own = u32::try_from(own.numerator()).ok().zip(u32::try_from(own.denominator()).ok());
        let valid = |ratio: &(u32, u32)| ratio.0 > 0 && ratio.1 > 0;
        let sample_aspect_ratio =
            sample_aspect_ratio.filter(valid).or(own.filter(valid)).unwrap_or((1, 1));
        let format = PictureFormat {
            width: frame.width(),
            height: frame.height(),
            bit_depth: shape.bit_depth,
            subsampling: shape.subsampling,
            layout: shape.layout,
            matrix,
            range,
            siting,
            sample_aspect_ratio,
            rotation,
        };
        Self::checked(frame, format, pts, duration_micros)
    }

    /// Copies planes given as (bytes, stride in bytes), for synthetic pictures.
    ///
    /// # Errors
    /// [`PictureError`] when the format has no FFmpeg counterpart or a plane is too short.
    pub fn from_planes(
        format: PictureFormat,
        planes: &[(&[u8], usize)],
        pts: Pts,
        duration_micros: i64,
    ) -> Result<Self, PictureError> {
        check_size(format.width, format.height)?;
        let pixel = pixel_of_format(&format)
            .ok_or_else(|| PictureError::UnsupportedFormat { name: format!("{format:?}") })?;
        let frame = frame::Video::new(pixel, format.width, format.height);
        let mut picture = Self::checked(frame, format, pts, duration_micros)?;
        for index in 0..format.plane_count() {
            let missing = PictureError::Plane { plane: index };
            let &(source, source_stride) = planes.get(index).ok_or(missing.clone())?;
            let row = row_bytes(&format, index);
            let (_, height) = format.plane_size(index);
            let stride = picture.frame.stride(index);
            let target = picture.frame.data_mut(index);
            for y in 0..usize::try_from(height).unwrap_or(0) {
                let from = y.checked_mul(source_stride).ok_or(missing.clone())?;
                let line = source.get(from..).and_then(|tail| tail.get(..row));
                target[y * stride..][..row].copy_from_slice(line.ok_or(missing.clone())?);
            }
        }
        Ok(picture)
    }

    fn checked(
        frame: frame::Video,
        format: PictureFormat,
        pts: Pts,
        duration_micros: i64,
    ) -> Result<Self, PictureError> {
        check_size(format.width, format.height)?;
        for plane in 0..format.plane_count() {
            if !plane_is_held(&frame, &format, plane) {
                return Err(PictureError::Plane { plane });
            }
        }
        Ok(Self { frame, format, pts, duration_micros })
    }

    #[must_use]
    pub fn pts(&self) -> Pts {
        self.pts
    }

    /// How long the picture is meant to stay, in microseconds; 0 when the stream does not say.
    #[must_use]
    pub fn duration_micros(&self) -> i64 {
        self.duration_micros
    }

    #[must_use]
    pub fn format(&self) -> &PictureFormat {
        &self.format
    }

    /// Plane `index`, below [`PictureFormat::plane_count`].
    ///
    /// # Panics
    /// When `index` is not below it.
    #[must_use]
    pub fn plane(&self, index: usize) -> Plane<'_> {
        assert!(index < self.format.plane_count(), "plane {index} of {:?}", self.format);
        let (width, height) = self.format.plane_size(index);
        let stride_bytes = self.frame.stride(index);
        let length = plane_length(stride_bytes, height, row_bytes(&self.format, index));
        // SAFETY: by the module's invariant `length` bytes from this pointer lie in a buffer
        // that `self.frame` holds a reference to, and nothing writes to it: the decoder gave
        // the frame away and `&self` excludes `data_mut`.
        let data =
            unsafe { std::slice::from_raw_parts((*self.frame.as_ptr()).data[index], length) };
        Plane { data, stride_bytes, width, height }
    }

    /// Mean luma (G of an RGB picture) of a coarse grid: 0 is black, 1 is white. Cheap enough
    /// for every picture: it reads at most 64 by 36 samples.
    #[must_use]
    pub fn mean_luma(&self) -> f64 {
        const GRID: (u32, u32) = (64, 36);
        let luma = self.plane(0);
        let sample_bytes = usize::try_from(self.format.sample_bytes(0)).unwrap_or(1);
        let columns = GRID.0.min(luma.width);
        let rows = GRID.1.min(luma.height);
        let at = |cell: u32, cells: u32, side: u32| {
            usize::try_from((2 * cell + 1) * side / (2 * cells)).unwrap_or(0)
        };
        let mut sum = 0_u64;
        for row in 0..rows {
            let line = at(row, rows, luma.height) * luma.stride_bytes;
            for column in 0..columns {
                let offset = line + at(column, columns, luma.width) * sample_bytes;
                let high = if sample_bytes == 2 { luma.data[offset + 1] } else { 0 };
                sum += u64::from(u16::from_le_bytes([luma.data[offset], high]));
            }
        }
        let count = u64::from(columns * rows) << self.format.shift();
        let (black, white) = self.format.luma_range();
        // At most 2304 samples of 16 bits: far within what a double holds exactly.
        let mean = f64::from(u32::try_from(sum).unwrap_or(u32::MAX))
            / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        ((mean - f64::from(black)) / f64::from(white - black)).clamp(0.0, 1.0)
    }
}

impl fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoFrame")
            .field("pts", &self.pts)
            .field("duration_micros", &self.duration_micros)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

fn check_size(width: u32, height: u32) -> Result<(), PictureError> {
    let fits = |side| (1..=MAX_SIDE_PX).contains(&side);
    if fits(width) && fits(height) { Ok(()) } else { Err(PictureError::Size { width, height }) }
}

fn matrix_of(frame: &frame::Video) -> Result<Matrix, PictureError> {
    use color::Space;
    match frame.color_space() {
        Space::BT709 => Ok(Matrix::Bt709),
        Space::BT470BG | Space::SMPTE170M => Ok(Matrix::Bt601),
        Space::SMPTE240M => Ok(Matrix::Smpte240m),
        Space::FCC => Ok(Matrix::Fcc),
        Space::BT2020NCL | Space::BT2020CL => Ok(Matrix::Bt2020),
        space @ (Space::YCGCO | Space::ICTCP | Space::SMPTE2085) => {
            let name = space.name().unwrap_or("unknown matrix").to_owned();
            Err(PictureError::UnsupportedFormat { name })
        }
        _ => Ok(UnspecifiedColours::ByHeight.matrix(frame)),
    }
}

/// What pictures that do not tell their colours are taken for, as Chromium does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnspecifiedColours {
    /// BT.709: what pages append.
    Bt709,
    /// BT.601 below 720 lines and BT.709 from there: files.
    ByHeight,
}

impl UnspecifiedColours {
    fn matrix(self, frame: &frame::Video) -> Matrix {
        match self {
            Self::ByHeight if frame.height() < 720 => Matrix::Bt601,
            Self::ByHeight | Self::Bt709 => Matrix::Bt709,
        }
    }
}

/// How much a picture tells of its colours: browsers want primaries, transfer and matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Partly,
    Wholly,
}

impl Told {
    fn of(frame: &frame::Video) -> Self {
        use color::{Primaries, Space, TransferCharacteristic};
        let told = [
            frame.color_primaries() != Primaries::Unspecified,
            frame.color_transfer_characteristic() != TransferCharacteristic::Unspecified,
            frame.color_space() != Space::Unspecified,
        ];
        match told {
            [false, false, false] => Self::Nothing,
            [true, true, true] => Self::Wholly,
            _ => Self::Partly,
        }
    }
}

fn row_bytes(format: &PictureFormat, plane: usize) -> usize {
    let (width, _) = format.plane_size(plane);
    usize::try_from(width * format.sample_bytes(plane)).unwrap_or(usize::MAX)
}

/// Bytes from a plane's first to its last sample; saturates, which no buffer holds.
fn plane_length(stride_bytes: usize, height: u32, row_bytes: usize) -> usize {
    let above = usize::try_from(height.saturating_sub(1)).unwrap_or(usize::MAX);
    above.saturating_mul(stride_bytes).saturating_add(row_bytes)
}

/// Moves plane pointers past what the stream crops, if the decoder has not.
fn apply_crop(frame: &mut frame::Video) -> Result<(), PictureError> {
    // SAFETY: the pointer is the frame's own and valid; the fields are plain integers.
    let cropped = unsafe {
        let raw = &*frame.as_ptr();
        (raw.crop_top | raw.crop_bottom | raw.crop_left | raw.crop_right) != 0
    };
    if !cropped {
        return Ok(());
    }
    const UNALIGNED: std::ffi::c_int = 1; // AV_FRAME_CROP_UNALIGNED
    // SAFETY: the frame is exclusively borrowed; FFmpeg checks the fields against its size.
    match unsafe { ffi::av_frame_apply_cropping(frame.as_mut_ptr(), UNALIGNED) } {
        0.. => Ok(()),
        _ => Err(PictureError::Size { width: frame.width(), height: frame.height() }),
    }
}

/// Whether one of the frame's buffers holds the whole of plane `index`.
fn plane_is_held(frame: &frame::Video, format: &PictureFormat, index: usize) -> bool {
    let row = row_bytes(format, index);
    let (_, height) = format.plane_size(index);
    // SAFETY: the frame is borrowed, so the struct and its buffer references stay valid;
    // only addresses are read, no plane memory.
    unsafe {
        let raw = &*frame.as_ptr();
        let Ok(stride) = usize::try_from(raw.linesize[index]) else { return false };
        if stride < row || raw.data[index].is_null() {
            return false;
        }
        let start = raw.data[index].addr();
        let Some(end) = start.checked_add(plane_length(stride, height, row)) else { return false };
        raw.buf.iter().filter_map(|buffer| buffer.as_ref()).any(|buffer| {
            let base = buffer.data.addr();
            base <= start && base.checked_add(buffer.size).is_some_and(|limit| end <= limit)
        })
    }
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::format::Pixel;

    use super::*;

    fn gray(width: u32, height: u32, bit_depth: u8) -> PictureFormat {
        PictureFormat {
            width,
            height,
            bit_depth,
            subsampling: Subsampling::Gray,
            layout: Layout::Planar,
            matrix: Matrix::Bt601,
            range: Range::Limited,
            siting: Siting::Left,
            sample_aspect_ratio: (1, 1),
            rotation: Rotation::None,
        }
    }

    fn decoded(pixel: Pixel, width: u32, height: u32) -> frame::Video {
        frame::Video::new(pixel, width, height)
    }

    fn take(frame: frame::Video) -> Result<VideoFrame, PictureError> {
        let unspecified = UnspecifiedColours::ByHeight;
        VideoFrame::from_ffmpeg(frame, Pts::ZERO, 0, None, Rotation::None, unspecified)
    }

    /// Primaries, transfer and matrix.
    fn tell(frame: &mut frame::Video, matrix: color::Space) {
        frame.set_color_primaries(color::Primaries::BT709);
        frame.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
        frame.set_color_space(matrix);
    }

    #[test]
    fn planes_keep_their_rows_whatever_the_stride() {
        let bytes: Vec<u8> = (0..40).collect();
        let frame = VideoFrame::from_planes(gray(5, 4, 8), &[(&bytes, 11)], Pts(7), 40).unwrap();
        let plane = frame.plane(0);
        for y in 0..4 {
            assert_eq!(plane.data[y * plane.stride_bytes..][..5], bytes[y * 11..][..5]);
        }
        assert_eq!((frame.pts(), frame.duration_micros()), (Pts(7), 40));
    }

    #[test]
    fn a_short_plane_is_refused() {
        let short = VideoFrame::from_planes(gray(5, 4, 8), &[(&[0; 37], 11)], Pts::ZERO, 0);
        assert_eq!(short.unwrap_err(), PictureError::Plane { plane: 0 });
        let none = VideoFrame::from_planes(gray(5, 4, 8), &[], Pts::ZERO, 0);
        assert_eq!(none.unwrap_err(), PictureError::Plane { plane: 0 });
    }

    #[test]
    fn a_bottom_up_or_empty_frame_is_refused() {
        let mut flipped = decoded(Pixel::YUV420P, 16, 16);
        // SAFETY: the frame is this test's own; both fields are plain values.
        unsafe {
            let raw = &mut *flipped.as_mut_ptr();
            raw.linesize[1] = -raw.linesize[1];
        }
        assert_eq!(take(flipped).unwrap_err(), PictureError::Plane { plane: 1 });

        let mut tall = decoded(Pixel::YUV420P, 16, 16);
        tall.set_height(4000);
        assert_eq!(take(tall).unwrap_err(), PictureError::Plane { plane: 0 });

        let mut empty = frame::Video::empty();
        empty.set_format(Pixel::YUV420P);
        assert_eq!(take(empty).unwrap_err(), PictureError::Size { width: 0, height: 0 });
    }

    #[test]
    fn what_has_no_conversion_is_named() {
        let error = take(decoded(Pixel::RGB24, 16, 16)).unwrap_err();
        assert_eq!(error, PictureError::UnsupportedFormat { name: "rgb24".to_owned() });
        let mut ycgco = decoded(Pixel::YUV444P, 16, 16);
        tell(&mut ycgco, color::Space::YCGCO);
        let error = take(ycgco).unwrap_err();
        assert_eq!(error, PictureError::UnsupportedFormat { name: "ycgco".to_owned() });
    }

    #[test]
    fn unspecified_colour_follows_size_and_format() {
        let small = *take(decoded(Pixel::YUV420P, 854, 480)).unwrap().format();
        assert_eq!((small.matrix, small.range), (Matrix::Bt601, Range::Limited));
        assert_eq!(small.siting, Siting::Left);
        let large = *take(decoded(Pixel::NV12, 1280, 720)).unwrap().format();
        assert_eq!((large.matrix, large.layout), (Matrix::Bt709, Layout::SemiPlanar));
        let jpeg = *take(decoded(Pixel::YUVJ420P, 64, 64)).unwrap().format();
        assert_eq!((jpeg.range, jpeg.siting), (Range::Full, Siting::Centre));
        let rgb = *take(decoded(Pixel::GBRP, 64, 64)).unwrap().format();
        assert_eq!((rgb.matrix, rgb.range), (Matrix::Identity, Range::Full));
    }

    /// As Chromium 156 draws them; it goes by the matrix where all three are told.
    #[test]
    fn colours_that_are_told_in_part_are_not_told() {
        let of = |frame, unspecified| {
            let rotation = Rotation::None;
            let taken =
                VideoFrame::from_ffmpeg(frame, Pts::ZERO, 0, None, rotation, unspecified).unwrap();
            (taken.format().matrix, taken.format().range)
        };
        let (appended, file) = (UnspecifiedColours::Bt709, UnspecifiedColours::ByHeight);
        let small = || decoded(Pixel::YUV420P, 854, 480);
        assert_eq!(of(small(), appended), (Matrix::Bt709, Range::Limited));
        assert_eq!(of(small(), file), (Matrix::Bt601, Range::Limited));
        let partly = || {
            let mut frame = small();
            frame.set_color_space(color::Space::BT2020NCL);
            frame.set_color_range(color::Range::JPEG);
            frame
        };
        assert_eq!(of(partly(), appended), (Matrix::Bt709, Range::Limited));
        assert_eq!(of(partly(), file), (Matrix::Bt601, Range::Limited));
        for unspecified in [appended, file] {
            let mut frame = partly();
            tell(&mut frame, color::Space::BT2020NCL);
            assert_eq!(of(frame, unspecified), (Matrix::Bt2020, Range::Full));
        }
    }

    #[test]
    fn crop_moves_the_planes() {
        let mut frame = decoded(Pixel::YUV420P, 64, 48);
        for (index, byte) in frame.data_mut(0).iter_mut().enumerate() {
            *byte = u8::try_from(index % 251).unwrap();
        }
        let expected = frame.data(0)[4 * frame.stride(0) + 6];
        // SAFETY: the frame is this test's own; the fields are plain integers.
        unsafe {
            let raw = &mut *frame.as_mut_ptr();
            (raw.crop_top, raw.crop_left, raw.crop_right, raw.crop_bottom) = (4, 6, 2, 3);
        }
        let picture = take(frame).unwrap();
        assert_eq!((picture.format().width, picture.format().height), (56, 41));
        assert_eq!(picture.plane(0).data[0], expected);
        assert_eq!((picture.plane(1).width, picture.plane(1).height), (28, 21));
    }

    #[test]
    fn mean_luma_is_normalised_to_the_range() {
        for bit_depth in [8_u8, 10, 12] {
            let format = gray(333, 77, bit_depth);
            let (black, white) = format.luma_range();
            for (code, expected) in [(black, 0.0), (white, 1.0), ((black + white) / 2, 0.5)] {
                let code = u16::try_from(code).unwrap().to_le_bytes();
                let sample = usize::try_from(format.sample_bytes(0)).unwrap();
                let bytes = code[..sample].repeat(333 * 77);
                let planes = [(bytes.as_slice(), 333 * sample)];
                let frame = VideoFrame::from_planes(format, &planes, Pts::ZERO, 0).unwrap();
                assert!((frame.mean_luma() - expected).abs() < 0.01, "{bit_depth} bits");
            }
        }
    }
}
