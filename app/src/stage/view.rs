//! Where a player's picture goes: a window, a texture when there are none, or nowhere yet.

use super::captions::Setter;
use super::overlay::{Overlay, OverlayView};
use nearside_media::picture::VideoFrame;
use nearside_media::render::{Fit, Gpu, Offscreen, Path, RenderError, Renderer, Viewport};
use std::sync::Arc;
use winit::dpi::PhysicalSize;
use winit::window::Window;

/// A target with its renderer. Owned by the stage's loop.
pub(crate) struct View {
    gpu: Gpu,
    format: wgpu::TextureFormat,
    renderer: Renderer,
    overlay: Overlay,
    target: Target,
}

enum Target {
    /// The picture is kept for a place to come.
    Nowhere,
    Offscreen(Offscreen),
    Surface {
        surface: wgpu::Surface<'static>,
        configuration: wgpu::SurfaceConfiguration,
        /// `None` for a window that is not of the desktop's kind.
        window: Option<Arc<Window>>,
    },
}

/// `size` scaled down, if it must be, to fit into `most`, in pixels.
pub(crate) fn fitting(size: (u32, u32), most: (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(most.0) / f64::from(size.0.max(1)))
        .min(f64::from(most.1) / f64::from(size.1.max(1)))
        .min(1.0);
    let scaled = PhysicalSize::new(f64::from(size.0) * scale, f64::from(size.1) * scale);
    let scaled: PhysicalSize<u32> = scaled.cast();
    (scaled.width.max(1), scaled.height.max(1))
}

impl View {
    pub(crate) fn offscreen(
        gpu: &Gpu,
        (width, height): (u32, u32),
        captions: &Arc<Setter>,
    ) -> Result<Self, RenderError> {
        let target = Target::Offscreen(Offscreen::new(gpu, width, height)?);
        Ok(Self::new(gpu, Offscreen::FORMAT, target, captions))
    }

    /// A view without a place, for surfaces of `format`, ready for its first picture.
    pub(crate) fn nowhere(gpu: &Gpu, format: wgpu::TextureFormat, captions: &Arc<Setter>) -> Self {
        let mut view = Self::new(gpu, format, Target::Nowhere, captions);
        if let Err(error) = view.renderer.warm_up() {
            // It comes again with the first picture, and is reported then.
            tracing::debug!(%error, "the renderer does not warm up");
        }
        view
    }

    /// Shows pictures on `surface` from now on, at `size` in pixels.
    pub(crate) fn attach(
        &mut self,
        surface: wgpu::Surface<'static>,
        size: (u32, u32),
        window: Option<Arc<Window>>,
    ) -> Result<(), RenderError> {
        let limit = self.gpu.max_side_px();
        let (width, height) = (size.0.clamp(1, limit), size.1.clamp(1, limit));
        let configuration = self.gpu.surface_configuration(&surface, width, height)?;
        surface.configure(self.gpu.device(), &configuration);
        if configuration.format != self.format {
            // The picture is lost; the next one comes soon.
            let format = configuration.format;
            *self = Self::new(&self.gpu, format, Target::Nowhere, self.overlay.setter());
        }
        self.target = Target::Surface { surface, configuration, window };
        Ok(())
    }

    /// Gives up its place and keeps the picture.
    pub(crate) fn detach(&mut self) {
        self.set_fit(Fit::default());
        self.target = Target::Nowhere;
    }

    /// Size of the picture in square pixels, if there is one.
    pub(crate) fn picture_size(&self) -> Option<(u32, u32)> {
        self.renderer.picture().map(|frame| frame.format().display_size())
    }

    pub(crate) fn has_picture(&self) -> bool {
        self.renderer.picture().is_some()
    }

    /// How pictures go into their place.
    pub(crate) fn set_fit(&mut self, fit: Fit) {
        self.renderer.set_fit(fit);
    }

    pub(crate) fn has_place(&self) -> bool {
        !matches!(self.target, Target::Nowhere)
    }

    fn new(gpu: &Gpu, format: wgpu::TextureFormat, target: Target, captions: &Arc<Setter>) -> Self {
        let renderer = Renderer::new(gpu, format, Path::Auto);
        let overlay = Overlay::new(format, captions);
        Self { gpu: gpu.clone(), format, renderer, overlay, target }
    }

    pub(crate) fn os_window(&self) -> Option<&Arc<Window>> {
        match &self.target {
            Target::Surface { window, .. } => window.as_ref(),
            Target::Nowhere | Target::Offscreen(_) => None,
        }
    }

    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let limit = self.gpu.max_side_px();
        let size = (width.min(limit), height.min(limit));
        if let Target::Surface { surface, configuration, .. } = &mut self.target
            && 0 < width
            && 0 < height
            && (configuration.width, configuration.height) != size
        {
            (configuration.width, configuration.height) = size;
            surface.configure(self.gpu.device(), configuration);
        }
    }

    /// Keeps a new picture in place of the last one, for when it is shown.
    pub(crate) fn keep(&mut self, frame: Option<VideoFrame>) {
        if let Some(frame) = frame {
            self.renderer.set_picture(frame);
        }
    }

    /// Shows the picture that it keeps.
    pub(crate) fn show(&mut self, overlay: &OverlayView) -> Result<(), RenderError> {
        match &mut self.target {
            Target::Nowhere => {}
            Target::Offscreen(target) => {
                let (width, height) = target.size();
                let viewport = Viewport { x: 0, y: 0, width, height };
                self.renderer.draw(target.view(), viewport)?;
                self.overlay.draw(&self.gpu, target.view(), (width, height), overlay);
            }
            Target::Surface { surface, configuration, window } => {
                use wgpu::CurrentSurfaceTexture as Current;
                let texture = match surface.get_current_texture() {
                    Current::Success(texture) | Current::Suboptimal(texture) => texture,
                    Current::Outdated | Current::Lost => {
                        surface.configure(self.gpu.device(), configuration);
                        match surface.get_current_texture() {
                            Current::Success(texture) | Current::Suboptimal(texture) => texture,
                            // Hidden or in between: the next picture comes soon.
                            _ => return Ok(()),
                        }
                    }
                    _ => return Ok(()),
                };
                let view = texture.texture.create_view(&wgpu::TextureViewDescriptor::default());
                let (width, height) = (configuration.width, configuration.height);
                let viewport = Viewport { x: 0, y: 0, width, height };
                self.renderer.draw(&view, viewport)?;
                self.overlay.draw(&self.gpu, &view, (width, height), overlay);
                if let Some(window) = window {
                    window.pre_present_notify();
                }
                self.gpu.queue().present(texture);
            }
        }
        Ok(())
    }

    /// What is on the screen as RGBA rows from the top, with its size.
    pub(crate) fn capture(
        &mut self,
        overlay: &OverlayView,
    ) -> Result<(Vec<u8>, (u32, u32)), RenderError> {
        let (size, format) = match &self.target {
            Target::Offscreen(target) => (target.size(), Offscreen::FORMAT),
            Target::Surface { configuration, .. } => {
                ((configuration.width, configuration.height), configuration.format)
            }
            Target::Nowhere => {
                let limit = self.gpu.max_side_px();
                (fitting(self.picture_size().unwrap_or((1, 1)), (limit, limit)), self.format)
            }
        };
        let target = Offscreen::with_format(&self.gpu, size.0, size.1, format)?;
        let viewport = Viewport { x: 0, y: 0, width: size.0, height: size.1 };
        self.renderer.draw(target.view(), viewport)?;
        self.overlay.draw(&self.gpu, target.view(), size, overlay);
        Ok((target.read_rgba(&self.gpu)?, size))
    }
}
