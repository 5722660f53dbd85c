//! Pictures on screen: a decoded picture fitted into a rectangle of a target.
//!
//! ```text
//!                      ┌ planes: upload ─▶ scale rows ─▶ scale columns, convert ─▶ target   GPU
//! VideoFrame ─▶ Renderer
//!                      └ software: swscale ─▶ convert ─▶ mapped buffer ─ copy ─▶ target     CPU
//! ```
//!
//! Both ways give the same picture within rounding: bicubic, antialiased when scaling down,
//! chroma where the format says it lies, black bars, rotation and aspect ratio. The renderer
//! takes the second way when the adapter computes pixels on the CPU anyway, where it costs a
//! fraction, and for pictures larger than the device's textures.
//!
//! Owned and called by one thread. It submits its own commands; an overlay is drawn afterwards
//! with a pass that loads what is there. Output values are gamma-encoded as in the stream; a
//! target whose format encodes sRGB gets them unchanged too.

mod colour;
mod gpu;
mod kernel;
mod offscreen;
mod placement;
mod planes;
mod software;
mod warm;

pub use gpu::{AdapterFacts, BackendChoice, Gpu};
pub use offscreen::Offscreen;
pub use placement::{Fit, Viewport};

use self::placement::Placement;
use self::planes::{PlanesPath, black_pass};
use self::software::SoftwarePath;
use crate::picture::VideoFrame;

/// Why a picture is not on screen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// No backend opened; `reasons` has what each said.
    #[error("no graphics adapter: {reasons}")]
    NoAdapter { reasons: String },

    #[error("the window's surface: {0}")]
    Surface(String),

    #[error("{width}x{height} pixels do not fit a texture of 1 to {limit} a side")]
    TooLarge { width: u32, height: u32, limit: u32 },

    #[error("target format {0:?} cannot be read back")]
    TargetFormat(wgpu::TextureFormat),

    #[error("scaling from {from:?} to {to:?} pixels was refused")]
    Scale { from: (u32, u32), to: (u32, u32) },

    /// Open a new device; everything made with this one is dead.
    #[error("the graphics device is lost: {0}")]
    DeviceLost(String),

    /// This picture is lost; the device works on.
    #[error("the graphics device refused: {0}")]
    Refused(String),
}

/// Which way pictures take to the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Path {
    /// By the adapter's kind.
    #[default]
    Auto,
    Gpu,
    Cpu,
}

/// Draws one picture after the other on targets of one format.
#[derive(Debug)]
pub struct Renderer {
    gpu: Gpu,
    target_format: wgpu::TextureFormat,
    prefers_cpu: bool,
    planes: PlanesPath,
    software: SoftwarePath,
    picture: Option<VideoFrame>,
    fit: Fit,
    /// Whether `planes` holds the picture.
    uploaded: bool,
}

impl Renderer {
    /// A renderer on `gpu` for targets of `target_format`. Nothing is allocated yet.
    #[must_use]
    pub fn new(gpu: &Gpu, target_format: wgpu::TextureFormat, path: Path) -> Self {
        let prefers_cpu = match path {
            Path::Auto => gpu.facts().software,
            Path::Gpu => false,
            Path::Cpu => true,
        };
        Self {
            gpu: gpu.clone(),
            target_format,
            prefers_cpu,
            planes: PlanesPath::new(target_format),
            software: SoftwarePath::new(target_format),
            picture: None,
            fit: Fit::default(),
            uploaded: false,
        }
    }

    /// How pictures go into the viewports of the next draws.
    pub fn set_fit(&mut self, fit: Fit) {
        self.fit = fit;
    }

    /// The picture that the next draws show; it stays until another one comes.
    pub fn set_picture(&mut self, frame: VideoFrame) {
        self.picture = Some(frame);
        self.uploaded = false;
        self.software.invalidate();
    }

    /// Forgets the picture: the next draws are black.
    pub fn clear_picture(&mut self) {
        self.picture = None;
        self.uploaded = false;
        self.software.invalidate();
    }

    #[must_use]
    pub fn picture(&self) -> Option<&VideoFrame> {
        self.picture.as_ref()
    }

    /// Draws the picture into `viewport` of `target` and black everywhere else, and submits it.
    ///
    /// `target` is the whole of a texture of the renderer's format. What of the viewport lies
    /// outside it counts as not there.
    ///
    /// # Errors
    /// [`RenderError::Scale`] and [`RenderError::Refused`] lose this picture only;
    /// [`RenderError::DeviceLost`] calls for a new [`Gpu`].
    pub fn draw(
        &mut self,
        target: &wgpu::TextureView,
        viewport: Viewport,
    ) -> Result<(), RenderError> {
        self.gpu.check()?;
        let descriptor = wgpu::CommandEncoderDescriptor { label: Some("picture") };
        let mut encoder = self.gpu.device().create_command_encoder(&descriptor);
        let size = (target.texture().width(), target.texture().height());
        let placed = self.picture.as_ref().and_then(|frame| {
            Placement::new(frame.format(), viewport, self.fit, size)
                .map(|placement| (frame, placement))
        });
        match placed {
            None => drop(black_pass(&mut encoder, target)),
            Some((frame, placement))
                if self.prefers_cpu || !PlanesPath::takes(&self.gpu, frame.format()) =>
            {
                self.software.draw(&self.gpu, &mut encoder, target, placement, frame)?;
            }
            Some((frame, placement)) => {
                if !self.uploaded {
                    self.planes.upload(&self.gpu, frame);
                    self.uploaded = true;
                }
                self.planes.draw(&self.gpu, &mut encoder, target, placement);
            }
        }
        self.gpu.queue().submit([encoder.finish()]);
        self.gpu.check()
    }
}

#[cfg(test)]
mod tests;
