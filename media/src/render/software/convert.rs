//! Planes at full chroma resolution to rows of 8-bit pixels, turned if need be.
//!
//! One multiply-add a factor in single precision, written so that the compiler makes vectors
//! of it: 1 ms for 1280x720 with baseline SSE2.

use super::scaler::{Planes, Samples};
use super::staging::Rows;
use crate::picture::Rotation;
use crate::render::colour::single_precision;

/// Bytes of a pixel in memory, the fourth one opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Rgba,
    Bgra,
}

/// Reused row and picture buffers.
#[derive(Debug, Default)]
pub(super) struct Pixels {
    row: Vec<[u8; 4]>,
    /// The whole picture, only for quarter turns.
    turned: Vec<[u8; 4]>,
}

impl Pixels {
    /// Converts `planes` and hands the rows of the turned picture to `rows`.
    pub(super) fn convert(
        &mut self,
        planes: &Planes<'_>,
        rotation: Rotation,
        order: ByteOrder,
        rows: &mut Rows<'_>,
    ) {
        let (width, height) = planes.size;
        let mut factors = single_precision(planes.rgb_from_codes).map(|row| row.map(|f| f * 255.0));
        if order == ByteOrder::Bgra {
            factors.swap(0, 2);
        }
        self.row.resize(width, [0; 4]);
        if rotation.swaps_sides() {
            self.turned.resize(width * height, [0; 4]);
        } else {
            self.turned = Vec::new();
        }
        for y in 0..height {
            match planes.row(y) {
                Samples::Bytes(a, b, c) => convert_row(&factors, a, b, c, &mut self.row),
                Samples::Words(a, b, c) => convert_row(
                    &factors,
                    a.as_chunks().0,
                    b.as_chunks().0,
                    c.as_chunks().0,
                    &mut self.row,
                ),
            }
            match rotation {
                Rotation::None => rows.write(y, self.row.as_flattened()),
                Rotation::Half => {
                    self.row.reverse();
                    rows.write(height - 1 - y, self.row.as_flattened());
                }
                Rotation::Quarter => {
                    let column = column(&mut self.turned, height - 1 - y, height);
                    column.zip(&self.row).for_each(|(to, from)| *to = *from);
                }
                Rotation::ThreeQuarter => {
                    let column = column(&mut self.turned, y, height);
                    column.zip(self.row.iter().rev()).for_each(|(to, from)| *to = *from);
                }
            }
        }
        if rotation.swaps_sides() {
            for (y, row) in self.turned.chunks_exact(height.max(1)).enumerate() {
                rows.write(y, row.as_flattened());
            }
        }
    }
}

/// Column `x` of rows that are `width` pixels long.
fn column(pixels: &mut [[u8; 4]], x: usize, width: usize) -> impl Iterator<Item = &mut [u8; 4]> {
    pixels.get_mut(x..).unwrap_or_default().iter_mut().step_by(width)
}

/// A stored sample.
trait Sample: Copy {
    fn code(self) -> f32;
}

impl Sample for u8 {
    fn code(self) -> f32 {
        f32::from(self)
    }
}

impl Sample for [u8; 2] {
    fn code(self) -> f32 {
        f32::from(u16::from_le_bytes(self))
    }
}

fn convert_row<S: Sample>(
    factors: &[[f32; 4]; 3],
    plane_0: &[S],
    plane_1: &[S],
    plane_2: &[S],
    pixels: &mut [[u8; 4]],
) {
    let samples = plane_0.iter().zip(plane_1).zip(plane_2);
    for (pixel, ((a, b), c)) in pixels.iter_mut().zip(samples) {
        let (a, b, c) = (a.code(), b.code(), c.code());
        let channel = |row: &[f32; 4]| byte(row[0] * a + row[1] * b + row[2] * c + row[3]);
        let [first, second, third] = [&factors[0], &factors[1], &factors[2]].map(channel);
        *pixel = (first | second << 8 | third << 16 | 0xff00_0000).to_le_bytes();
    }
}

/// Rounds to 0..=255. Adding 2^23 leaves the integer in the low bits of the mantissa, rounded
/// to nearest, which vectorises where a saturating conversion does not.
#[inline]
fn byte(value: f32) -> u32 {
    (value.clamp(0.0, 255.0) + 8_388_608.0).to_bits() & 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_to_nearest_and_saturate() {
        for (value, expected) in
            [(-7.0, 0), (0.4, 0), (0.6, 1), (127.49, 127), (254.6, 255), (300.0, 255)]
        {
            assert_eq!(byte(value), expected, "{value}");
        }
    }
}
