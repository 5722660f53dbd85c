//! Mapped buffers between pixels and the target: written in place, copied by the device.
//!
//! Two take turns: one holds the picture on screen, for redraws, while the other is filled.
//! INVARIANT: the current buffer is unmapped; every other one is mapped or being mapped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::RenderError;
use super::super::gpu::Gpu;

/// Two in turn; one more when the device is slow to give one back.
const MAX_BUFFERS: usize = 3;

const PIXEL_BYTES: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct Staging {
    size: (u32, u32),
    row_bytes: u32,
    buffers: Vec<Staged>,
    current: Option<usize>,
}

#[derive(Debug)]
struct Staged {
    buffer: wgpu::Buffer,
    mapped: Arc<AtomicBool>,
}

/// Rows of the mapped buffer, write only: reading it back may be slow.
pub(super) struct Rows<'a> {
    bytes: wgpu::WriteOnly<'a, [u8]>,
    row_bytes: usize,
}

impl Rows<'_> {
    /// Writes row `y` from the left; what does not fit is left out.
    pub(super) fn write(&mut self, y: usize, pixels: &[u8]) {
        let length = pixels.len().min(self.row_bytes);
        let start = y.saturating_mul(self.row_bytes);
        if let Some(end) = start.checked_add(length)
            && end <= self.bytes.len()
        {
            self.bytes.slice(start..end).copy_from_slice(&pixels[..length]);
        }
    }
}

impl Staging {
    /// Makes `write` fill the next buffer with a picture of `width` by `height` pixels.
    pub(super) fn fill(
        &mut self,
        gpu: &Gpu,
        width: u32,
        height: u32,
        write: impl FnOnce(&mut Rows<'_>),
    ) -> Result<(), RenderError> {
        if self.size != (width, height) {
            let too_large = RenderError::TooLarge { width, height, limit: gpu.max_side_px() };
            self.row_bytes = width
                .checked_mul(PIXEL_BYTES)
                .and_then(|row| row.checked_next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT))
                .ok_or(too_large)?;
            self.size = (width, height);
            self.buffers.clear();
            self.current = None;
        }
        gpu.poll()?;
        let next = match self.mapped() {
            Some(index) => index,
            None if self.buffers.len() < MAX_BUFFERS => self.add(gpu),
            None => {
                gpu.wait()?;
                self.mapped().ok_or_else(|| {
                    RenderError::DeviceLost("a staging buffer did not come back".to_owned())
                })?
            }
        };
        let buffer = &self.buffers[next].buffer;
        let range = buffer.get_mapped_range_mut(..);
        let mut view = range.map_err(|error| RenderError::Refused(error.to_string()))?;
        let row_bytes = usize::try_from(self.row_bytes).unwrap_or(usize::MAX);
        write(&mut Rows { bytes: view.slice(..), row_bytes });
        drop(view);
        buffer.unmap();
        self.buffers[next].mapped.store(false, Ordering::Release);
        if let Some(before) = self.current.replace(next) {
            self.buffers[before].map();
        }
        Ok(())
    }

    /// Records the copy of the picture last filled in.
    pub(super) fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        target: wgpu::TexelCopyTextureInfo<'_>,
    ) {
        let Some(current) = self.current else { return };
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(self.row_bytes),
            rows_per_image: None,
        };
        let source = wgpu::TexelCopyBufferInfo { buffer: &self.buffers[current].buffer, layout };
        let (width, height) = self.size;
        let extent = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        encoder.copy_buffer_to_texture(source, target, extent);
    }

    fn mapped(&self) -> Option<usize> {
        self.buffers.iter().position(|staged| staged.mapped.load(Ordering::Acquire))
    }

    fn add(&mut self, gpu: &Gpu) -> usize {
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("staged picture"),
            size: u64::from(self.row_bytes) * u64::from(self.size.1),
            usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        });
        self.buffers.push(Staged { buffer, mapped: Arc::new(AtomicBool::new(true)) });
        self.buffers.len() - 1
    }
}

impl Staged {
    /// Asks for the buffer back once the device is done with it.
    fn map(&self) {
        let mapped = Arc::clone(&self.mapped);
        self.buffer.map_async(wgpu::MapMode::Write, .., move |result| {
            mapped.store(result.is_ok(), Ordering::Release);
        });
    }
}
