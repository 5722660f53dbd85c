//! Where the picture lies on the target: fitted into the viewport, its shape kept, centred.
//!
//! Whole pixels only, so that a picture of the viewport's size is not resampled.

use crate::picture::{PictureFormat, Rotation};

/// A rectangle of the target in physical pixels, from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewport {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// How a picture goes into its viewport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// As large as fits, its shape kept, centred.
    #[default]
    Contain,
    /// All of it, stretched: the caller has chosen the viewport for the picture.
    Fill,
}

/// The picture's rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// What the picture covers of the target.
    pub(super) area: Viewport,
    /// The picture's size there before it is turned: what its planes are scaled to.
    pub(super) scaled: (u32, u32),
    pub(super) rotation: Rotation,
}

impl Placement {
    /// Puts a picture into `viewport`, or into what of it lies on the target; `None` when
    /// nothing does.
    pub(super) fn new(
        format: &PictureFormat,
        viewport: Viewport,
        way: Fit,
        target: (u32, u32),
    ) -> Option<Self> {
        let width = viewport.width.min(target.0.saturating_sub(viewport.x));
        let height = viewport.height.min(target.1.saturating_sub(viewport.y));
        if width == 0 || height == 0 {
            return None;
        }
        let fitted = match way {
            Fit::Contain => fit(format.display_size(), (width, height)),
            Fit::Fill => (width, height),
        };
        let area = Viewport {
            x: viewport.x + (width - fitted.0) / 2,
            y: viewport.y + (height - fitted.1) / 2,
            width: fitted.0,
            height: fitted.1,
        };
        let rotation = format.rotation;
        let scaled = if rotation.swaps_sides() { (fitted.1, fitted.0) } else { fitted };
        Some(Self { area, scaled, rotation })
    }

    pub(super) fn covers(&self, target: (u32, u32)) -> bool {
        (self.area.width, self.area.height) == target
    }
}

/// The largest size of `shape` within `limits`, both sides at least 1.
fn fit(shape: (u32, u32), limits: (u32, u32)) -> (u32, u32) {
    let wide = u64::from(limits.0) * u64::from(shape.1);
    let tall = u64::from(limits.1) * u64::from(shape.0);
    let side = |limit: u64, part: u32, whole: u32| {
        let rounded = (limit + u64::from(whole) / 2) / u64::from(whole);
        debug_assert!(part > 0 && whole > 0, "a picture has sides");
        u32::try_from(rounded).unwrap_or(u32::MAX)
    };
    if wide <= tall {
        (limits.0, side(wide, shape.1, shape.0).clamp(1, limits.1))
    } else {
        (side(tall, shape.0, shape.1).clamp(1, limits.0), limits.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_is_kept_within_the_limits() {
        let cases = [
            ((1920, 1080), (1280, 720), (1280, 720)),
            ((853, 480), (1280, 720), (1280, 720)),
            ((640, 480), (1280, 720), (960, 720)),
            ((1920, 800), (1280, 720), (1280, 533)),
            ((1, 65_535), (1280, 720), (1, 720)),
            ((65_535, 1), (1, 1), (1, 1)),
        ];
        for (shape, limits, expected) in cases {
            assert_eq!(fit(shape, limits), expected, "{shape:?} in {limits:?}");
        }
    }
}
