//! The two passes that scale rows, and the weights of all four axes.

use wgpu::BindingResource::TextureView as View;

use super::super::gpu::Gpu;
use super::super::kernel::Filter;
use super::pipelines::{CHROMA_ROWS, LUMA_ROWS, Pass, Pipelines, Variant};
use super::{black_pass, texture};
use crate::picture::PictureFormat;

/// Textures and bindings for one picture format at one size.
#[derive(Debug)]
pub(super) struct Scaling {
    luma: Across,
    chroma: Across,
    last_pass: wgpu::BindGroup,
}

/// One pass over rows and where it writes.
#[derive(Debug)]
struct Across {
    rows: wgpu::TextureView,
    bindings: wgpu::BindGroup,
}

/// A filter as a texture: row 0 the first sample of each output, then one row a tap.
#[derive(Debug)]
struct Weights {
    view: wgpu::TextureView,
    taps: usize,
}

impl Scaling {
    pub(super) fn new(
        gpu: &Gpu,
        pipelines: &mut Pipelines,
        variant: Variant,
        format: &PictureFormat,
        scaled: (u32, u32),
        planes: &[wgpu::TextureView; 3],
        params: impl FnOnce([usize; 4]) -> wgpu::Buffer,
    ) -> Self {
        let (factor_x, factor_y) = format.subsampling.factors();
        let (offset_x, offset_y) = format.siting.offsets(format.subsampling);
        let luma_size = format.plane_size(0);
        let chroma_size = if variant.gray { luma_size } else { format.plane_size(1) };
        let axis = |output: u32, luma: u32, plane: u32, factor: u32, offset: f64| {
            let step = f64::from(luma) / f64::from(output);
            let factor = f64::from(factor);
            let origin = (0.5 * step - 0.5 - offset) / factor;
            Weights::new(gpu, output, plane, origin, step / factor)
        };
        let luma_across = axis(scaled.0, luma_size.0, luma_size.0, 1, 0.0);
        let chroma_across = axis(scaled.0, luma_size.0, chroma_size.0, factor_x, offset_x);
        let luma_down = axis(scaled.1, luma_size.1, luma_size.1, 1, 0.0);
        let chroma_down = axis(scaled.1, luma_size.1, chroma_size.1, factor_y, offset_y);

        let params =
            params([luma_across.taps, chroma_across.taps, luma_down.taps, chroma_down.taps]);
        let params = params.as_entire_binding();
        let luma_rows = rows(gpu, (scaled.0, luma_size.1), LUMA_ROWS);
        let resources = [(0, params.clone()), (1, View(&planes[0])), (4, View(&luma_across.view))];
        let luma_bindings = pipelines.bind(gpu, Pass::LumaAcross, variant, &resources);
        let chroma_rows = rows(gpu, (scaled.0, chroma_size.1), CHROMA_ROWS);
        let resources = [
            (0, params.clone()),
            (2, View(&planes[1])),
            (3, View(&planes[2])),
            (5, View(&chroma_across.view)),
        ];
        let chroma_bindings = pipelines.bind(gpu, Pass::ChromaAcross, variant, &resources);
        let resources = [
            (0, params),
            (4, View(&luma_down.view)),
            (5, View(&chroma_down.view)),
            (6, View(&luma_rows)),
            (7, View(&chroma_rows)),
        ];
        let last_pass = pipelines.bind(gpu, Pass::Down, variant, &resources);
        let luma = Across { rows: luma_rows, bindings: luma_bindings };
        let chroma = Across { rows: chroma_rows, bindings: chroma_bindings };
        Self { luma, chroma, last_pass }
    }

    /// Bindings of the pass that writes to the target.
    pub(super) fn last_pass(&self) -> &wgpu::BindGroup {
        &self.last_pass
    }

    /// Records the passes over rows.
    pub(super) fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        pipelines: &mut Pipelines,
        gpu: &Gpu,
        variant: Variant,
    ) {
        let mut run = |pass: Pass, across: &Across| {
            let pipeline = pipelines.pipeline(gpu, pass, variant);
            let mut pass = black_pass(encoder, &across.rows);
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &across.bindings, &[]);
            pass.draw(0..3, 0..1);
        };
        run(Pass::LumaAcross, &self.luma);
        if !variant.gray {
            run(Pass::ChromaAcross, &self.chroma);
        }
    }
}

impl Weights {
    fn new(gpu: &Gpu, output: u32, input: u32, origin: f64, step: f64) -> Self {
        let size = |side: u32| usize::try_from(side).unwrap_or(0);
        let Filter { taps, starts, weights } = Filter::new(size(output), size(input), origin, step);
        let mut bytes = Vec::with_capacity((taps + 1) * size(output) * 4);
        for start in starts {
            let start = f64::from(u32::try_from(start).unwrap_or(0));
            bytes.extend(super::float(start).to_le_bytes());
        }
        for tap in 0..taps {
            let column = weights.get(tap..).unwrap_or_default().iter().step_by(taps);
            bytes.extend(column.flat_map(|weight| super::float(*weight).to_le_bytes()));
        }
        let rows = u32::try_from(taps + 1).unwrap_or(u32::MAX);
        let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
        let texture = texture(gpu, "weights", (output, rows), wgpu::TextureFormat::R32Float, usage);
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(output * 4),
            rows_per_image: None,
        };
        gpu.queue().write_texture(texture.as_image_copy(), &bytes, layout, texture.size());
        Self { view: texture.create_view(&Default::default()), taps }
    }
}

fn rows(gpu: &Gpu, size: (u32, u32), format: wgpu::TextureFormat) -> wgpu::TextureView {
    let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::RENDER_ATTACHMENT;
    texture(gpu, "scaled rows", size, format, usage).create_view(&Default::default())
}
