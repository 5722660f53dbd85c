//! Drawing before there is a picture.

use super::placement::Viewport;
use super::{Offscreen, RenderError, Renderer};
use crate::picture::{
    Layout, Matrix, PictureFormat, Range, Rotation, Siting, Subsampling, VideoFrame,
};
use crate::time::Pts;

/// Sides of the picture that is drawn and of its target: scaled, as pictures mostly are.
const PICTURE_PX: u32 = 128;
const TARGET_PX: u32 = 64;

/// What most videos are.
const USUAL: PictureFormat = PictureFormat {
    width: PICTURE_PX,
    height: PICTURE_PX,
    bit_depth: 8,
    subsampling: Subsampling::Yuv420,
    layout: Layout::Planar,
    matrix: Matrix::Bt709,
    range: Range::Limited,
    siting: Siting::Left,
    sample_aspect_ratio: (1, 1),
    rotation: Rotation::None,
};

impl Renderer {
    /// Does now what the first picture would otherwise wait for: shaders and pipelines are
    /// made and the driver compiles them, for a small picture of the usual format that nobody
    /// sees. Forgets the picture it had.
    ///
    /// # Errors
    /// As [`Renderer::draw`].
    pub fn warm_up(&mut self) -> Result<(), RenderError> {
        let target = Offscreen::with_format(&self.gpu, TARGET_PX, TARGET_PX, self.target_format)?;
        let row = usize::try_from(PICTURE_PX).unwrap_or_default();
        let samples = vec![128; row * row];
        let planes = [(&samples[..], row), (&samples[..], row / 2), (&samples[..], row / 2)];
        let picture = VideoFrame::from_planes(USUAL, &planes, Pts::ZERO, 0)
            .map_err(|error| RenderError::Refused(error.to_string()))?;
        self.set_picture(picture);
        let viewport = Viewport { x: 0, y: 0, width: TARGET_PX, height: TARGET_PX };
        let drawn = self.draw(target.view(), viewport);
        self.clear_picture();
        drawn
    }
}
