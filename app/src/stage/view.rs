//! Where a player's picture goes: a window, or a texture when there are none.

use super::overlay::{Overlay, OverlayView};
use nearside_media::picture::VideoFrame;
use nearside_media::render::{Gpu, Offscreen, Path, RenderError, Renderer, Viewport};
use std::sync::Arc;
use winit::dpi::PhysicalSize;
use winit::window::Window;

/// A target with its renderer. Owned by the stage's loop.
pub(crate) struct View {
    gpu: Gpu,
    renderer: Renderer,
    overlay: Overlay,
    target: Target,
}

enum Target {
    Offscreen(Offscreen),
    Window {
        surface: wgpu::Surface<'static>,
        configuration: wgpu::SurfaceConfiguration,
        window: Arc<Window>,
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
    pub(crate) fn offscreen(gpu: &Gpu, (width, height): (u32, u32)) -> Result<Self, RenderError> {
        let target = Target::Offscreen(Offscreen::new(gpu, width, height)?);
        Ok(Self::new(gpu, Offscreen::FORMAT, target))
    }

    pub(crate) fn window(
        gpu: &Gpu,
        surface: wgpu::Surface<'static>,
        window: Arc<Window>,
    ) -> Result<Self, RenderError> {
        let size = window.inner_size();
        let configuration = gpu.surface_configuration(&surface, size.width, size.height)?;
        surface.configure(gpu.device(), &configuration);
        let format = configuration.format;
        Ok(Self::new(gpu, format, Target::Window { surface, configuration, window }))
    }

    fn new(gpu: &Gpu, format: wgpu::TextureFormat, target: Target) -> Self {
        let renderer = Renderer::new(gpu, format, Path::Auto);
        let overlay = Overlay::new(format);
        Self { gpu: gpu.clone(), renderer, overlay, target }
    }

    pub(crate) fn os_window(&self) -> Option<&Arc<Window>> {
        match &self.target {
            Target::Window { window, .. } => Some(window),
            Target::Offscreen(_) => None,
        }
    }

    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        if let Target::Window { surface, configuration, .. } = &mut self.target
            && 0 < width
            && 0 < height
        {
            let limit = self.gpu.max_side_px();
            (configuration.width, configuration.height) = (width.min(limit), height.min(limit));
            surface.configure(self.gpu.device(), configuration);
        }
    }

    /// Shows `frame`, or the last picture again.
    pub(crate) fn show(
        &mut self,
        frame: Option<VideoFrame>,
        overlay: &OverlayView,
    ) -> Result<(), RenderError> {
        if let Some(frame) = frame {
            self.renderer.set_picture(frame);
        }
        match &mut self.target {
            Target::Offscreen(target) => {
                let (width, height) = target.size();
                let viewport = Viewport { x: 0, y: 0, width, height };
                self.renderer.draw(target.view(), viewport)?;
                self.overlay.draw(&self.gpu, target.view(), (width, height), overlay);
            }
            Target::Window { surface, configuration, window } => {
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
                window.pre_present_notify();
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
            Target::Window { configuration, .. } => {
                ((configuration.width, configuration.height), configuration.format)
            }
        };
        let target = Offscreen::with_format(&self.gpu, size.0, size.1, format)?;
        let viewport = Viewport { x: 0, y: 0, width: size.0, height: size.1 };
        self.renderer.draw(target.view(), viewport)?;
        self.overlay.draw(&self.gpu, target.view(), size, overlay);
        Ok((target.read_rgba(&self.gpu)?, size))
    }
}
