//! What a picture's planes hold: size, sampling, colour and orientation.
//!
//! Pure values. Sizes are pixels of the coded picture after cropping; chroma planes round up.
//! The only place that knows FFmpeg's pixel formats by name.

use ffmpeg_next::format::Pixel;

/// Shape and meaning of a picture's planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureFormat {
    /// Visible width in coded pixels, 1..=[`MAX_SIDE_PX`].
    pub width: u32,
    /// Visible height in coded pixels, 1..=[`MAX_SIDE_PX`].
    pub height: u32,
    /// Significant bits of a sample, 8..=16. Above 8 a sample is two little-endian bytes.
    pub bit_depth: u8,
    pub subsampling: Subsampling,
    pub layout: Layout,
    pub matrix: Matrix,
    pub range: Range,
    pub siting: Siting,
    /// Width to height of one coded pixel; both positive.
    pub sample_aspect_ratio: (u32, u32),
    /// How far the picture is to be turned for display.
    pub rotation: Rotation,
}

/// Longest side of a picture: what GPUs take, and a bound on memory.
pub const MAX_SIDE_PX: u32 = 16_384;

/// How many luma samples share a chroma sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsampling {
    /// No chroma planes (4:0:0).
    Gray,
    Yuv420,
    Yuv422,
    Yuv440,
    Yuv411,
    Yuv444,
}

impl Subsampling {
    /// Luma samples to a chroma sample, across and down.
    #[must_use]
    pub const fn factors(self) -> (u32, u32) {
        match self {
            Self::Gray | Self::Yuv444 => (1, 1),
            Self::Yuv420 => (2, 2),
            Self::Yuv422 => (2, 1),
            Self::Yuv440 => (1, 2),
            Self::Yuv411 => (4, 1),
        }
    }
}

/// How samples lie in the planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One plane a component: Y, U, V, or G, B, R when the matrix is [`Matrix::Identity`].
    Planar,
    /// Y, then U and V interleaved (NV12, P010). Above 8 bits the significant bits are the
    /// upper ones of each 16-bit sample.
    SemiPlanar,
}

/// Which primaries' weights made Y from R, G, B (ITU-T H.273, `MatrixCoefficients`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// ITU-R BT.601, also BT.470 BG and SMPTE 170M.
    Bt601,
    Bt709,
    /// Non-constant luminance; constant luminance is shown as if it were this.
    Bt2020,
    Smpte240m,
    /// FCC 73.682.
    Fcc,
    /// Planes are G, B, R.
    Identity,
}

/// Which code values are black and white (ITU-T H.273, `VideoFullRangeFlag`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// 16..=235 (chroma 16..=240) at 8 bits.
    Limited,
    /// 0..=255 at 8 bits.
    Full,
}

/// Where a chroma sample lies among its luma samples (ITU-T H.273, `ChromaLocType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Siting {
    /// Beside the left luma samples: MPEG-2, H.264, H.265, VP9, AV1 by default.
    Left,
    /// In the middle: JPEG, MPEG-1, VP8.
    Centre,
    TopLeft,
    Top,
    BottomLeft,
    Bottom,
}

impl Siting {
    /// Distance of chroma sample 0 from luma sample 0, across and down, in luma samples.
    #[must_use]
    pub fn offsets(self, subsampling: Subsampling) -> (f64, f64) {
        let (across, down) = match self {
            Self::Left => (0.0, 0.5),
            Self::Centre => (0.5, 0.5),
            Self::TopLeft => (0.0, 0.0),
            Self::Top => (0.5, 0.0),
            Self::BottomLeft => (0.0, 1.0),
            Self::Bottom => (0.5, 1.0),
        };
        let (factor_x, factor_y) = subsampling.factors();
        (across * f64::from(factor_x - 1), down * f64::from(factor_y - 1))
    }
}

/// Clockwise turn from decoded to displayed picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    #[default]
    None,
    Quarter,
    Half,
    ThreeQuarter,
}

impl Rotation {
    /// Clockwise degrees, any sign; what is not a multiple of 90 is not a turn we show.
    #[must_use]
    pub const fn from_degrees(degrees: i32) -> Self {
        match degrees.rem_euclid(360) {
            90 => Self::Quarter,
            180 => Self::Half,
            270 => Self::ThreeQuarter,
            _ => Self::None,
        }
    }

    /// Whether width and height change places.
    #[must_use]
    pub const fn swaps_sides(self) -> bool {
        matches!(self, Self::Quarter | Self::ThreeQuarter)
    }
}

impl PictureFormat {
    /// Planes that [`VideoFrame::plane`](super::VideoFrame::plane) has.
    #[must_use]
    pub const fn plane_count(&self) -> usize {
        match (self.subsampling, self.layout) {
            (Subsampling::Gray, _) => 1,
            (_, Layout::SemiPlanar) => 2,
            (_, Layout::Planar) => 3,
        }
    }

    /// Width and height of plane `index` in samples (pairs of samples for an interleaved plane).
    #[must_use]
    pub const fn plane_size(&self, index: usize) -> (u32, u32) {
        if index == 0 {
            return (self.width, self.height);
        }
        let (factor_x, factor_y) = self.subsampling.factors();
        (self.width.div_ceil(factor_x), self.height.div_ceil(factor_y))
    }

    /// Bytes from one sample (or pair) of plane `index` to the next.
    #[must_use]
    pub const fn sample_bytes(&self, index: usize) -> u32 {
        let component = if self.bit_depth > 8 { 2 } else { 1 };
        match (self.layout, index) {
            (Layout::SemiPlanar, 1) => 2 * component,
            _ => component,
        }
    }

    /// Bits below the significant ones of a stored sample.
    #[must_use]
    pub const fn shift(&self) -> u8 {
        match self.layout {
            Layout::SemiPlanar if self.bit_depth > 8 => 16_u8.saturating_sub(self.bit_depth),
            _ => 0,
        }
    }

    /// Code values of black and white luma, without the shift.
    #[must_use]
    pub fn luma_range(&self) -> (u32, u32) {
        let extra = u32::from(self.bit_depth.saturating_sub(8));
        match self.range {
            Range::Limited => (16 << extra, 235 << extra),
            Range::Full => (0, (256 << extra) - 1),
        }
    }

    /// Size in square pixels after aspect ratio and rotation. Aspect ratio never shrinks a side
    /// (as browsers do), and no side exceeds 65,535.
    #[must_use]
    pub fn display_size(&self) -> (u32, u32) {
        let (num, den) = self.sample_aspect_ratio;
        let stretch = |side: u32, by: u32, over: u32| {
            let (by, over) = (u64::from(by.max(1)), u64::from(over.max(1)));
            let side = (u64::from(side) * by + over / 2) / over;
            u32::try_from(side.clamp(1, 65_535)).unwrap_or(65_535)
        };
        let (width, height) = if num > den {
            (stretch(self.width, num, den), self.height)
        } else {
            (self.width, stretch(self.height, den, num))
        };
        if self.rotation.swaps_sides() { (height, width) } else { (width, height) }
    }
}

/// One of FFmpeg's pixel formats in this module's terms.
#[derive(Clone, Copy)]
pub(super) struct PixelShape {
    pub(super) pixel: Pixel,
    pub(super) layout: Layout,
    pub(super) subsampling: Subsampling,
    pub(super) bit_depth: u8,
    /// The format's name itself says full range (the `yuvj` family).
    pub(super) full_range: bool,
    pub(super) rgb: bool,
}

const fn yuv(pixel: Pixel, subsampling: Subsampling, bit_depth: u8) -> PixelShape {
    PixelShape {
        pixel,
        layout: Layout::Planar,
        subsampling,
        bit_depth,
        full_range: false,
        rgb: false,
    }
}

const fn jpeg(pixel: Pixel, subsampling: Subsampling) -> PixelShape {
    PixelShape { full_range: true, ..yuv(pixel, subsampling, 8) }
}

const fn semi(pixel: Pixel, subsampling: Subsampling, bit_depth: u8) -> PixelShape {
    PixelShape { layout: Layout::SemiPlanar, ..yuv(pixel, subsampling, bit_depth) }
}

const fn rgb(pixel: Pixel, bit_depth: u8) -> PixelShape {
    PixelShape { rgb: true, ..yuv(pixel, Subsampling::Yuv444, bit_depth) }
}

/// Every format the renderer takes. Of two with the same shape the first one is canonical;
/// an alpha plane is ignored: browsers know transparent pictures by their container.
const SHAPES: &[PixelShape] = &[
    yuv(Pixel::YUV420P, Subsampling::Yuv420, 8),
    yuv(Pixel::YUV422P, Subsampling::Yuv422, 8),
    yuv(Pixel::YUV440P, Subsampling::Yuv440, 8),
    yuv(Pixel::YUV411P, Subsampling::Yuv411, 8),
    yuv(Pixel::YUV444P, Subsampling::Yuv444, 8),
    yuv(Pixel::GRAY8, Subsampling::Gray, 8),
    jpeg(Pixel::YUVJ420P, Subsampling::Yuv420),
    jpeg(Pixel::YUVJ422P, Subsampling::Yuv422),
    jpeg(Pixel::YUVJ440P, Subsampling::Yuv440),
    jpeg(Pixel::YUVJ411P, Subsampling::Yuv411),
    jpeg(Pixel::YUVJ444P, Subsampling::Yuv444),
    yuv(Pixel::YUVA420P, Subsampling::Yuv420, 8),
    yuv(Pixel::YUVA422P, Subsampling::Yuv422, 8),
    yuv(Pixel::YUVA444P, Subsampling::Yuv444, 8),
    yuv(Pixel::YUV420P9LE, Subsampling::Yuv420, 9),
    yuv(Pixel::YUV422P9LE, Subsampling::Yuv422, 9),
    yuv(Pixel::YUV444P9LE, Subsampling::Yuv444, 9),
    yuv(Pixel::GRAY9LE, Subsampling::Gray, 9),
    yuv(Pixel::YUV420P10LE, Subsampling::Yuv420, 10),
    yuv(Pixel::YUV422P10LE, Subsampling::Yuv422, 10),
    yuv(Pixel::YUV440P10LE, Subsampling::Yuv440, 10),
    yuv(Pixel::YUV444P10LE, Subsampling::Yuv444, 10),
    yuv(Pixel::GRAY10LE, Subsampling::Gray, 10),
    yuv(Pixel::YUVA420P10LE, Subsampling::Yuv420, 10),
    yuv(Pixel::YUVA422P10LE, Subsampling::Yuv422, 10),
    yuv(Pixel::YUVA444P10LE, Subsampling::Yuv444, 10),
    yuv(Pixel::YUV420P12LE, Subsampling::Yuv420, 12),
    yuv(Pixel::YUV422P12LE, Subsampling::Yuv422, 12),
    yuv(Pixel::YUV440P12LE, Subsampling::Yuv440, 12),
    yuv(Pixel::YUV444P12LE, Subsampling::Yuv444, 12),
    yuv(Pixel::GRAY12LE, Subsampling::Gray, 12),
    yuv(Pixel::YUV420P14LE, Subsampling::Yuv420, 14),
    yuv(Pixel::YUV422P14LE, Subsampling::Yuv422, 14),
    yuv(Pixel::YUV444P14LE, Subsampling::Yuv444, 14),
    yuv(Pixel::YUV420P16LE, Subsampling::Yuv420, 16),
    yuv(Pixel::YUV422P16LE, Subsampling::Yuv422, 16),
    yuv(Pixel::YUV444P16LE, Subsampling::Yuv444, 16),
    yuv(Pixel::GRAY16LE, Subsampling::Gray, 16),
    semi(Pixel::NV12, Subsampling::Yuv420, 8),
    semi(Pixel::NV16, Subsampling::Yuv422, 8),
    semi(Pixel::NV24, Subsampling::Yuv444, 8),
    semi(Pixel::P010LE, Subsampling::Yuv420, 10),
    semi(Pixel::P210LE, Subsampling::Yuv422, 10),
    semi(Pixel::P016LE, Subsampling::Yuv420, 16),
    rgb(Pixel::GBRP, 8),
    rgb(Pixel::GBRAP, 8),
    rgb(Pixel::GBRP9LE, 9),
    rgb(Pixel::GBRP10LE, 10),
    rgb(Pixel::GBRAP10LE, 10),
    rgb(Pixel::GBRP12LE, 12),
    rgb(Pixel::GBRAP12LE, 12),
    rgb(Pixel::GBRP14LE, 14),
    rgb(Pixel::GBRP16LE, 16),
];

pub(super) fn shape_of_pixel(pixel: Pixel) -> Option<PixelShape> {
    SHAPES.iter().find(|shape| shape.pixel == pixel).copied()
}

/// The canonical FFmpeg format with these planes; range and matrix are not part of it.
pub(crate) fn pixel_of_format(format: &PictureFormat) -> Option<Pixel> {
    let rgb = format.matrix == Matrix::Identity;
    let same = |shape: &&PixelShape| {
        shape.layout == format.layout
            && shape.subsampling == format.subsampling
            && shape.bit_depth == format.bit_depth
            && shape.rgb == rgb
    };
    SHAPES.iter().find(same).map(|shape| shape.pixel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(width: u32, height: u32) -> PictureFormat {
        PictureFormat {
            width,
            height,
            bit_depth: 8,
            subsampling: Subsampling::Yuv420,
            layout: Layout::Planar,
            matrix: Matrix::Bt709,
            range: Range::Limited,
            siting: Siting::Left,
            sample_aspect_ratio: (1, 1),
            rotation: Rotation::None,
        }
    }

    #[test]
    fn display_size_is_square_pixels_after_the_turn() {
        let cases = [
            // width, height, aspect, degrees, display size
            (720, 576, (16, 11), 0, (1047, 576)),
            (720, 480, (8, 9), 0, (720, 540)),
            (640, 480, (1, 1), 90, (480, 640)),
            (720, 576, (16, 11), 270, (576, 1047)),
            (1, 1, (1, 1), 180, (1, 1)),
            (16_384, 16, (u32::MAX, 1), 0, (65_535, 16)),
            (16, 16, (1, u32::MAX), -90, (65_535, 16)),
        ];
        for (width, height, sample_aspect_ratio, degrees, expected) in cases {
            let rotation = Rotation::from_degrees(degrees);
            let format = PictureFormat { sample_aspect_ratio, rotation, ..format(width, height) };
            assert_eq!(format.display_size(), expected, "{format:?}");
        }
    }

    #[test]
    fn odd_sides_round_chroma_up() {
        assert_eq!(format(853, 481).plane_size(1), (427, 241));
        assert_eq!(format(1, 1).plane_size(2), (1, 1));
    }

    #[test]
    fn every_shape_finds_a_format_with_its_planes() {
        for shape in SHAPES {
            let descriptor = shape.pixel.descriptor().expect("FFmpeg knows the format");
            let log2 = (descriptor.log2_chroma_w(), descriptor.log2_chroma_h());
            let factors = shape.subsampling.factors();
            if shape.subsampling != Subsampling::Gray {
                assert_eq!((1 << log2.0, 1 << log2.1), factors, "{}", descriptor.name());
            }
        }
    }
}
