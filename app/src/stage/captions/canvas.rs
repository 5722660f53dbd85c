//! The pixels of one caption. What does not fit is left out.

use super::Block;
use cosmic_text::{SwashContent, SwashImage};
use egui::{Color32, ColorImage};

/// A rectangle of the video's picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) at: (i32, i32),
    pub(super) size: (u32, u32),
}

impl Part {
    pub(super) fn moved(self, by: (i32, i32)) -> Self {
        Self { at: (self.at.0.saturating_add(by.0), self.at.1.saturating_add(by.1)), ..self }
    }

    /// What holds all of them; `None` of none.
    pub(super) fn around(parts: &[Self]) -> Option<Self> {
        let ends = parts.iter().map(|it| (it.at, it.end()));
        let ends = ends
            .reduce(|(a, b), (c, d)| ((a.0.min(c.0), a.1.min(c.1)), (b.0.max(d.0), b.1.max(d.1))));
        ends.map(|(at, end)| Self::between(at, end))
    }

    /// What of it is on a picture of that size; `None`: nothing.
    pub(super) fn within(self, size: (u32, u32)) -> Option<Self> {
        let most = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
        let end = self.end();
        let part = Self::between(
            (self.at.0.max(0), self.at.1.max(0)),
            (end.0.min(most(size.0)), end.1.min(most(size.1))),
        );
        (part.pixels() != 0).then_some(part)
    }

    pub(super) fn pixels(self) -> usize {
        let side = |px: u32| usize::try_from(px).unwrap_or(usize::MAX);
        side(self.size.0).saturating_mul(side(self.size.1))
    }

    fn end(self) -> (i32, i32) {
        (
            self.at.0.saturating_add_unsigned(self.size.0),
            self.at.1.saturating_add_unsigned(self.size.1),
        )
    }

    /// Nothing where the end lies before the beginning.
    fn between(at: (i32, i32), end: (i32, i32)) -> Self {
        let side = |from: i32, to: i32| if from < to { to.abs_diff(from) } else { 0 };
        Self { at, size: (side(at.0, end.0), side(at.1, end.1)) }
    }
}

/// See the module.
pub(super) struct Canvas {
    area: Part,
    image: ColorImage,
}

impl Canvas {
    /// `area` is on the picture, and not nothing.
    pub(super) fn new(area: Part) -> Self {
        let side = |px: u32| usize::try_from(px).unwrap_or(0);
        let size = [side(area.size.0), side(area.size.1)];
        Self { area, image: ColorImage::filled(size, Color32::TRANSPARENT) }
    }

    pub(super) fn into_block(self) -> Block {
        let side = |px: i32| u32::try_from(px).unwrap_or(0);
        Block { at: (side(self.area.at.0), side(self.area.at.1)), image: self.image }
    }

    /// Makes all pixels of `part` of that colour.
    pub(super) fn fill(&mut self, part: Part, colour: Color32) {
        let end = part.end();
        for y in part.at.1.max(self.area.at.1)..end.1.min(self.area.end().1) {
            for x in part.at.0.max(self.area.at.0)..end.0.min(self.area.end().0) {
                if let Some(pixel) = self.pixel(x, y) {
                    *pixel = colour;
                }
            }
        }
    }

    /// Puts a letter over what is there, white where it has no colours of its own.
    pub(super) fn blend(&mut self, at: (i32, i32), letter: &SwashImage) {
        let (width, bytes) = match letter.content {
            SwashContent::Mask => (letter.placement.width, 1),
            SwashContent::Color => (letter.placement.width, 4),
            // Not asked for.
            SwashContent::SubpixelMask => return,
        };
        let Ok(row) = usize::try_from(width) else { return };
        if row == 0 {
            return;
        }
        for (data, y) in letter.data.chunks_exact(row.saturating_mul(bytes)).zip(at.1..) {
            for (pixel, x) in data.chunks_exact(bytes).zip(at.0..) {
                let over = match *pixel {
                    [coverage] => Color32::from_white_alpha(coverage),
                    [r, g, b, a] => Color32::from_rgba_unmultiplied(r, g, b, a),
                    _ => continue,
                };
                if let Some(under) = self.pixel(x, y) {
                    *under = under.blend(over);
                }
            }
        }
    }

    fn pixel(&mut self, x: i32, y: i32) -> Option<&mut Color32> {
        let column = x.checked_sub(self.area.at.0).and_then(|it| usize::try_from(it).ok())?;
        let row = y.checked_sub(self.area.at.1).and_then(|it| usize::try_from(it).ok())?;
        let [width, height] = self.image.size;
        if width <= column || height <= row {
            return None;
        }
        self.image.pixels.get_mut(row.checked_mul(width)?.checked_add(column)?)
    }
}
