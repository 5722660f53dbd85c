//! What is on a screenshot.

use anyhow::{Context as _, ensure};
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
