//! A render target without a window, and its pixels back in memory.

use std::sync::mpsc::sync_channel;

use super::gpu::Gpu;
use super::planes::texture;
use super::{RenderError, Renderer};

/// A target of fixed size in [`Offscreen::FORMAT`].
#[derive(Debug)]
pub struct Offscreen {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
}

impl Offscreen {
    /// Stores gamma-encoded values as they are.
    pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

    /// # Errors
    /// [`RenderError::TooLarge`] beyond the device's largest texture or below one pixel.
    pub fn new(gpu: &Gpu, width: u32, height: u32) -> Result<Self, RenderError> {
        Self::with_format(gpu, width, height, Self::FORMAT)
    }

    /// A target that an overlay's pipelines for a window's format can draw on too. Only 8-bit
    /// RGBA and BGRA formats can be read back.
    ///
    /// # Errors
    /// As [`Offscreen::new`], and [`RenderError::TargetFormat`].
    pub fn with_format(
        gpu: &Gpu,
        width: u32,
        height: u32,
        format: wgpu::TextureFormat,
    ) -> Result<Self, RenderError> {
        let usage = wgpu::TextureUsages::RENDER_ATTACHMENT
            | wgpu::TextureUsages::COPY_SRC
            | wgpu::TextureUsages::COPY_DST;
        Self::with_usage(gpu, width, height, format, usage)
    }

    pub(super) fn with_usage(
        gpu: &Gpu,
        width: u32,
        height: u32,
        format: wgpu::TextureFormat,
        usage: wgpu::TextureUsages,
    ) -> Result<Self, RenderError> {
        let limit = gpu.max_side_px();
        if !(1..=limit).contains(&width) || !(1..=limit).contains(&height) {
            return Err(RenderError::TooLarge { width, height, limit });
        }
        let plain = format.remove_srgb_suffix();
        if ![wgpu::TextureFormat::Rgba8Unorm, wgpu::TextureFormat::Bgra8Unorm].contains(&plain) {
            return Err(RenderError::TargetFormat(format));
        }
        let texture = texture(gpu, "off-screen target", (width, height), format, usage);
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        gpu.check()?;
        Ok(Self { texture, view })
    }

    /// What to draw on.
    #[must_use]
    pub fn view(&self) -> &wgpu::TextureView {
        &self.view
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.texture.width(), self.texture.height())
    }

    /// Waits for everything drawn so far and returns the pixels: rows from the top, without
    /// padding, four bytes R, G, B, A each.
    ///
    /// # Errors
    /// [`RenderError::DeviceLost`] and [`RenderError::Refused`] of the device.
    pub fn read_rgba(&self, gpu: &Gpu) -> Result<Vec<u8>, RenderError> {
        let (width, height) = self.size();
        let row = width * 4;
        let padded = row.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size: u64::from(padded) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder =
            gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(padded),
            rows_per_image: None,
        };
        let target = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(self.texture.as_image_copy(), target, self.texture.size());
        gpu.queue().submit([encoder.finish()]);
        let (sender, mapped) = sync_channel(1);
        buffer.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone only when the wait below has failed.
            let _unheard = sender.send(result);
        });
        gpu.wait()?;
        let refused = |reason: &str| RenderError::Refused(format!("read back: {reason}"));
        let answer = mapped.try_recv().map_err(|_| refused("no answer"))?;
        answer.map_err(|error| refused(&error.to_string()))?;
        let view = buffer.get_mapped_range(..).map_err(|error| refused(&error.to_string()))?;
        let side = |px: u32| usize::try_from(px).unwrap_or(usize::MAX);
        let mut pixels = Vec::with_capacity(side(row).saturating_mul(side(height)));
        for line in view.chunks_exact(side(padded)) {
            pixels.extend_from_slice(&line[..side(row)]);
        }
        if self.texture.format().remove_srgb_suffix() == wgpu::TextureFormat::Bgra8Unorm {
            pixels.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
        }
        Ok(pixels)
    }

    /// Draws the renderer's picture over the whole target and returns its pixels.
    ///
    /// # Errors
    /// Those of [`Renderer::draw`] and [`Offscreen::read_rgba`].
    pub fn capture(&self, gpu: &Gpu, renderer: &mut Renderer) -> Result<Vec<u8>, RenderError> {
        let (width, height) = self.size();
        renderer.draw(&self.view, super::Viewport { x: 0, y: 0, width, height })?;
        self.read_rgba(gpu)
    }
}
