//! From code values to gamma-encoded R, G, B: one affine map a picture format.
//!
//! ITU-T H.273: `MatrixCoefficients` 8.3, `VideoFullRangeFlag` 8.3 equations 20 to 25. Transfer
//! characteristics are left as they are, so the output is for a display of the same gamma.

use crate::picture::{Matrix, PictureFormat, Range, Subsampling};

/// Rows R, G, B; columns: factors of planes 0, 1, 2 (code values), then a constant.
/// Results are 0..=1, outside values unclamped.
pub(super) type RgbFromCodes = [[f64; 4]; 3];

/// The map for samples whose significant bits start at bit `shift`.
pub(super) fn rgb_from_codes(format: &PictureFormat, shift: u8) -> RgbFromCodes {
    let unit = f64::from(1_u32 << shift);
    let (black, white) = format.luma_range();
    let luma = 1.0 / (f64::from(white - black) * unit);
    let dark = -f64::from(black) / f64::from(white - black);
    if format.matrix == Matrix::Identity {
        return [[0.0, 0.0, luma, dark], [luma, 0.0, 0.0, dark], [0.0, luma, 0.0, dark]];
    }
    if format.subsampling == Subsampling::Gray {
        return [[luma, 0.0, 0.0, dark]; 3];
    }
    let (red, blue) = luma_weights(format.matrix);
    let green = 1.0 - red - blue;
    let extra = u32::from(format.bit_depth.saturating_sub(8));
    let (middle, swing) = match format.range {
        Range::Limited => (f64::from(128_u32 << extra), f64::from(224_u32 << extra)),
        Range::Full => (f64::from(128_u32 << extra), f64::from((256_u32 << extra) - 1)),
    };
    let row = |from_cb: f64, from_cr: f64| {
        let chroma = 1.0 / (swing * unit);
        [luma, from_cb * chroma, from_cr * chroma, dark - (from_cb + from_cr) * middle / swing]
    };
    [
        row(0.0, 2.0 * (1.0 - red)),
        row(-2.0 * blue * (1.0 - blue) / green, -2.0 * red * (1.0 - red) / green),
        row(2.0 * (1.0 - blue), 0.0),
    ]
}

/// Weights of R and B in Y.
fn luma_weights(matrix: Matrix) -> (f64, f64) {
    match matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 | Matrix::Identity => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
        Matrix::Smpte240m => (0.212, 0.087),
        Matrix::Fcc => (0.30, 0.11),
    }
}

/// The map as the shader and the row converter take it.
#[expect(clippy::as_conversions, reason = "single precision is what the pixels are made in")]
pub(super) fn single_precision(map: RgbFromCodes) -> [[f32; 4]; 3] {
    map.map(|row| row.map(|factor| factor as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Layout, Rotation, Siting};

    fn apply(map: &RgbFromCodes, codes: [u32; 3]) -> [f64; 3] {
        let [a, b, c] = codes.map(f64::from);
        map.map(|[fa, fb, fc, constant]| fa * a + fb * b + fc * c + constant)
    }

    #[test]
    fn known_colours() {
        // From the standards' own tables of 100 % colour bars.
        let cases = [
            (Matrix::Bt601, Range::Limited, 8, [81, 90, 240], [1.0, 0.0, 0.0]),
            (Matrix::Bt709, Range::Limited, 8, [63, 102, 240], [1.0, 0.0, 0.0]),
            (Matrix::Bt709, Range::Limited, 8, [173, 42, 26], [0.0, 1.0, 0.0]),
            (Matrix::Bt709, Range::Limited, 10, [128, 960, 471], [0.0, 0.0, 1.0]),
            (Matrix::Bt2020, Range::Limited, 10, [294, 387, 960], [1.0, 0.0, 0.0]),
            (Matrix::Bt601, Range::Full, 8, [76, 85, 255], [1.0, 0.0, 0.0]),
            (Matrix::Bt709, Range::Full, 12, [4095, 2048, 2048], [1.0, 1.0, 1.0]),
            (Matrix::Identity, Range::Full, 8, [255, 0, 128], [0.502, 1.0, 0.0]),
        ];
        for (matrix, range, bit_depth, codes, expected) in cases {
            let format = PictureFormat {
                width: 2,
                height: 2,
                bit_depth,
                subsampling: Subsampling::Yuv444,
                layout: Layout::Planar,
                matrix,
                range,
                siting: Siting::Left,
                sample_aspect_ratio: (1, 1),
                rotation: Rotation::None,
            };
            for shift in [0, 6] {
                let rgb = apply(&rgb_from_codes(&format, shift), codes.map(|code| code << shift));
                for (channel, (got, want)) in rgb.iter().zip(expected).enumerate() {
                    assert!((got - want).abs() < 0.006, "{format:?} channel {channel}: {got}");
                }
            }
        }
    }
}
