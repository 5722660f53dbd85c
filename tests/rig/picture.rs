//! What is on a screenshot.

use anyhow::{Context as _, ensure};
use nearside_channel::message::Rect;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// An 8-bit picture, three channels a pixel.
#[derive(Clone, Debug)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Reads a PNG file.
    ///
    /// # Errors
    /// It is none, or not of 8-bit RGB or RGBA.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let mut reader = png::Decoder::new(BufReader::new(file)).read_info()?;
        let mut bytes = vec![0; reader.output_buffer_size().context("too large")?];
        let info = reader.next_frame(&mut bytes)?;
        ensure!(info.bit_depth == png::BitDepth::Eight, "{:?}", info.bit_depth);
        let channels = info.color_type.samples();
        ensure!(channels == 3 || channels == 4, "{:?}", info.color_type);
        let pixels = bytes.chunks_exact(channels).filter_map(|pixel| pixel.first_chunk().copied());
        Ok(Self { width: info.width, height: info.height, pixels: pixels.collect() })
    }

    /// One of these pixels, row by row from the top.
    ///
    /// # Errors
    /// They are too few or too many.
    pub fn new(width: u32, height: u32, pixels: Vec<[u8; 3]>) -> anyhow::Result<Self> {
        let count = u64::from(width) * u64::from(height);
        ensure!(u64::try_from(pixels.len())? == count, "{} pixels", pixels.len());
        Ok(Self { width, height, pixels })
    }

    /// Checks that pixels of this colour are in these rectangles, everywhere, and nowhere else.
    ///
    /// # Errors
    /// The first pixel of which this is not true, and the rectangle around all of the colour.
    pub fn check_region(
        &self,
        colour: [u8; 3],
        tolerance: u8,
        region: &[Rect],
    ) -> anyhow::Result<()> {
        let within = |rect: &Rect, x: i64, y: i64| {
            let (left, top) = (i64::from(rect.x), i64::from(rect.y));
            (left..left + i64::from(rect.width)).contains(&x)
                && (top..top + i64::from(rect.height)).contains(&y)
        };
        for (y, x) in (0..self.height).flat_map(|y| (0..self.width).map(move |x| (y, x))) {
            let inside = region.iter().any(|rect| within(rect, x.into(), y.into()));
            let pixel = self.pixel(x, y);
            ensure!(
                is_near(pixel, colour, tolerance) == inside,
                "{pixel:02x?} at {x},{y}; {colour:02x?} lies in {:?}, not in {region:?}",
                self.bounds(colour, tolerance)
            );
        }
        Ok(())
    }

    /// The smallest rectangle around all pixels of this colour.
    pub fn bounds(&self, colour: [u8; 3], tolerance: u8) -> Option<Rect> {
        let places = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        let near = places.filter(|(x, y)| is_near(self.pixel(*x, *y), colour, tolerance));
        let [left, top, right, bottom] = near.fold(None, |bounds, (x, y)| {
            let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
            Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
        })?;
        let at = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
        let (width, height) = (right - left + 1, bottom - top + 1);
        Some(Rect { x: at(left), y: at(top), width, height })
    }

    /// The pixel at `x`, `y`; black outside.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let index = u64::from(y) * u64::from(self.width) + u64::from(x);
        let inside = x < self.width && y < self.height;
        let pixel = usize::try_from(index).ok().and_then(|index| self.pixels.get(index));
        pixel.filter(|_| inside).copied().unwrap_or_default()
    }

    /// The pixel at a place of the flash-and-beep clip, given in its own 1920x1080 pixels.
    pub fn clip_pixel(&self, x: u32, y: u32) -> [u8; 3] {
        self.pixel(x * self.width / 1920, y * self.height / 1080)
    }

    /// Pixels of this colour, each channel within `tolerance`.
    pub fn count(&self, colour: [u8; 3], tolerance: u8) -> usize {
        self.pixels.iter().filter(|pixel| is_near(**pixel, colour, tolerance)).count()
    }

    /// The number in the code strip of the flash-and-beep clip: ten cells along the bottom
    /// edge, most significant first, white for one. `None` when a cell is neither.
    pub fn code(&self) -> Option<u32> {
        (0..10).try_fold(0, |code, cell| match self.clip_pixel(96 + cell * 192, 1060) {
            [r, g, b] if r < 40 && g < 40 && b < 40 => Some(code * 2),
            [r, g, b] if 215 < r && 215 < g && 215 < b => Some(code * 2 + 1),
            _ => None,
        })
    }
}

/// Each channel within `tolerance`.
pub fn is_near(pixel: [u8; 3], colour: [u8; 3], tolerance: u8) -> bool {
    pixel.iter().zip(colour).all(|(channel, wanted)| channel.abs_diff(wanted) <= tolerance)
}
