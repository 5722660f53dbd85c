//! Pixels against numbers, on every backend that opens and both ways to the target.

mod conversion;
mod geometry;
mod scaling;

use super::*;
use crate::picture::{Layout, Matrix, PictureFormat, Range, Rotation, Siting, Subsampling};
use crate::time::Pts;

/// Every backend of this machine; at least one, or nothing here is tested.
fn each_gpu(mut check: impl FnMut(&Gpu)) {
    let choices = [BackendChoice::Vulkan, BackendChoice::Gl];
    let opened: Vec<Gpu> = choices.into_iter().filter_map(|it| Gpu::open(it).ok()).collect();
    assert!(!opened.is_empty(), "no graphics adapter: install mesa-vulkan-drivers");
    opened.iter().for_each(&mut check);
}

/// Both ways of every backend, with a name for messages.
fn each_way(mut check: impl FnMut(&str, &Gpu, Path)) {
    each_gpu(|gpu| {
        for path in [Path::Gpu, Path::Cpu] {
            check(&format!("{} {path:?}", gpu.facts().backend), gpu, path);
        }
    });
}

/// R, G, B of pixels, rows from the top.
struct Image {
    width: u32,
    pixels: Vec<[u8; 4]>,
}

impl Image {
    fn at(&self, x: u32, y: u32) -> [u8; 3] {
        let index = usize::try_from(y * self.width + x).unwrap();
        let [r, g, b, a] = self.pixels[index];
        assert_eq!(a, 255, "opaque");
        [r, g, b]
    }
}

fn render(gpu: &Gpu, path: Path, frame: VideoFrame, (width, height): (u32, u32)) -> Image {
    let mut renderer = Renderer::new(gpu, Offscreen::FORMAT, path);
    renderer.set_picture(frame);
    capture(gpu, &mut renderer, (width, height))
}

fn capture(gpu: &Gpu, renderer: &mut Renderer, (width, height): (u32, u32)) -> Image {
    let target = Offscreen::new(gpu, width, height).unwrap();
    let bytes = target.capture(gpu, renderer).unwrap();
    Image { width, pixels: bytes.as_chunks().0.to_vec() }
}

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

/// A picture whose component `c` (Y, U, V or G, B, R) at sample (x, y) of its plane is
/// `code(c, x, y)`; every row has `padding` more bytes.
fn picture(
    format: PictureFormat,
    padding: usize,
    code: impl Fn(usize, u32, u32) -> u32,
) -> VideoFrame {
    let planes: Vec<(Vec<u8>, usize)> = (0..format.plane_count())
        .map(|plane| {
            let (width, height) = format.plane_size(plane);
            let components = match (format.layout, plane) {
                (Layout::SemiPlanar, 1) => 1..3,
                _ => plane..plane + 1,
            };
            let mut bytes = Vec::new();
            for y in 0..height {
                for x in 0..width {
                    for component in components.clone() {
                        let stored = (code(component, x, y) << format.shift()).to_le_bytes();
                        bytes.extend(&stored[..if format.bit_depth > 8 { 2 } else { 1 }]);
                    }
                }
                bytes.resize(bytes.len() + padding, 0xa5);
            }
            let stride = bytes.len() / usize::try_from(height).unwrap();
            (bytes, stride)
        })
        .collect();
    let planes: Vec<(&[u8], usize)> =
        planes.iter().map(|(it, stride)| (&it[..], *stride)).collect();
    VideoFrame::from_planes(format, &planes, Pts::ZERO, 0).unwrap()
}

/// Deterministic noise in 0..=1 for component `c` at (x, y).
fn noise(c: usize, x: u32, y: u32) -> f64 {
    let mut state = u32::try_from(c).unwrap() ^ x.wrapping_mul(0x9e37_79b9) ^ y.rotate_left(16);
    for _ in 0..3 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state = state.wrapping_mul(0x85eb_ca6b).wrapping_add(0x0123_4567);
    }
    f64::from(state) / f64::from(u32::MAX)
}

/// The nearest code value.
#[expect(clippy::as_conversions, reason = "test values are small and not negative")]
fn code(value: f64) -> u32 {
    value.round() as u32
}

#[track_caller]
fn assert_near(name: &str, got: [u8; 3], want: [f64; 3], tolerance: f64) {
    for channel in 0..3 {
        let error = (f64::from(got[channel]) - want[channel]).abs();
        assert!(error <= tolerance, "{name}: {got:?}, expected {want:.2?}");
    }
}
