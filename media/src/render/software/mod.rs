//! The way through the CPU, for adapters that are one: FFmpeg's SIMD scaler makes planes of the
//! window's size, one pass over them makes pixels, and those are copied to the target.
//!
//! A software rasteriser takes several times as long to do the same in a shader. Where the
//! target is no copy destination (OpenGL windows), a texture is drawn instead.

mod blit;
mod convert;
mod scaler;
mod staging;

use self::blit::Blit;
use self::convert::{ByteOrder, Pixels};
use self::scaler::Scaler;
use self::staging::Staging;
use super::RenderError;
use super::gpu::Gpu;
use super::placement::Placement;
use super::planes::black_pass;
use crate::picture::VideoFrame;

/// Buffers and the scaler for one picture format at one size.
#[derive(Debug)]
pub(super) struct SoftwarePath {
    target_format: wgpu::TextureFormat,
    order: ByteOrder,
    scaler: Scaler,
    pixels: Pixels,
    staging: Staging,
    /// Where the staged pixels were made for; `None` when they are of an older picture.
    staged_at: Option<Placement>,
    blit: Option<Blit>,
}

impl SoftwarePath {
    pub(super) fn new(target_format: wgpu::TextureFormat) -> Self {
        let order = match target_format.remove_srgb_suffix() {
            wgpu::TextureFormat::Bgra8Unorm => ByteOrder::Bgra,
            _ => ByteOrder::Rgba,
        };
        Self {
            target_format,
            order,
            scaler: Scaler::default(),
            pixels: Pixels::default(),
            staging: Staging::default(),
            staged_at: None,
            blit: None,
        }
    }

    /// Says that the next draw is of another picture.
    pub(super) fn invalidate(&mut self) {
        self.staged_at = None;
    }

    /// Draws `frame` over a black target.
    pub(super) fn draw(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        target: &wgpu::TextureView,
        placement: Placement,
        frame: &VideoFrame,
    ) -> Result<(), RenderError> {
        let area = placement.area;
        let stale = self.staged_at != Some(placement);
        if stale {
            self.staged_at = None;
            let planes = self.scaler.scale(frame, placement.scaled)?;
            let (pixels, order) = (&mut self.pixels, self.order);
            self.staging.fill(gpu, area.width, area.height, |rows| {
                pixels.convert(&planes, placement.rotation, order, rows);
            })?;
            self.staged_at = Some(placement);
        }
        let texture = target.texture();
        let whole = (texture.width(), texture.height());
        if self.copies_to(texture) {
            self.blit = None;
            if !placement.covers(whole) {
                drop(black_pass(encoder, target));
            }
            let origin = wgpu::Origin3d { x: area.x, y: area.y, z: 0 };
            self.staging
                .copy(encoder, wgpu::TexelCopyTextureInfo { origin, ..texture.as_image_copy() });
            return Ok(());
        }
        let format = match self.target_format.remove_srgb_suffix() {
            wgpu::TextureFormat::Bgra8Unorm | wgpu::TextureFormat::Rgba8Unorm => self.target_format,
            _ => wgpu::TextureFormat::Rgba8Unorm,
        };
        let size = (area.width, area.height);
        let fits = |blit: &Blit| blit.size() == size;
        let stale = stale || !self.blit.as_ref().is_some_and(fits);
        if !self.blit.as_ref().is_some_and(fits) {
            self.blit = None;
        }
        let target_format = self.target_format;
        let blit = self.blit.get_or_insert_with(|| Blit::new(gpu, size, format, target_format));
        if stale {
            self.staging.copy(encoder, blit.image());
        }
        blit.draw(&mut black_pass(encoder, target), area);
        Ok(())
    }

    /// Whether pixels can be copied to the target as they are.
    fn copies_to(&self, texture: &wgpu::Texture) -> bool {
        let bytes = [wgpu::TextureFormat::Bgra8Unorm, wgpu::TextureFormat::Rgba8Unorm];
        texture.usage().contains(wgpu::TextureUsages::COPY_DST)
            && bytes.contains(&texture.format().remove_srgb_suffix())
            && texture.format() == self.target_format
    }
}
