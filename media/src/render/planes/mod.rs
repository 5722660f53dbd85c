//! The way through the GPU: planes uploaded as they are, scaled and converted by shaders.
//!
//! Plane textures are kept while the picture's format stays, everything that depends on the
//! target's size while that stays; a playing video allocates nothing here.

mod pipelines;
mod scaling;

use wgpu::util::{BufferInitDescriptor, DeviceExt as _};

use self::pipelines::{Pass, Pipelines, Variant};
use self::scaling::Scaling;
use super::colour::{rgb_from_codes, single_precision};
use super::gpu::Gpu;
use super::placement::{Placement, Viewport};
use crate::picture::{Layout, PictureFormat, Subsampling, VideoFrame};

/// Plane textures and what turns them into pixels.
#[derive(Debug)]
pub(super) struct PlanesPath {
    pipelines: Pipelines,
    uploaded: Option<Uploaded>,
    prepared: Option<Prepared>,
}

/// The planes of one picture on the GPU.
#[derive(Debug)]
struct Uploaded {
    format: PictureFormat,
    textures: Vec<wgpu::Texture>,
}

/// What depends on the picture's format and its place on the target.
#[derive(Debug)]
struct Prepared {
    format: PictureFormat,
    placement: Placement,
    variant: Variant,
    route: Route,
}

/// How planes become target pixels.
#[derive(Debug)]
enum Route {
    /// At the picture's own size, in one pass.
    Direct(wgpu::BindGroup),
    Scaled(Scaling),
}

impl PlanesPath {
    pub(super) fn new(target_format: wgpu::TextureFormat) -> Self {
        Self { pipelines: Pipelines::new(target_format), uploaded: None, prepared: None }
    }

    /// Whether every plane fits a texture of this device.
    pub(super) fn takes(gpu: &Gpu, format: &PictureFormat) -> bool {
        format.width.max(format.height) <= gpu.max_side_px()
    }

    /// Uploads the picture's planes.
    pub(super) fn upload(&mut self, gpu: &Gpu, frame: &VideoFrame) {
        let format = *frame.format();
        if self.uploaded.as_ref().is_none_or(|uploaded| uploaded.format != format) {
            self.prepared = None;
            self.uploaded = Some(Uploaded::new(gpu, format));
        }
        let Some(uploaded) = &self.uploaded else { return };
        for (index, texture) in uploaded.textures.iter().enumerate() {
            let plane = frame.plane(index);
            let layout = wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: u32::try_from(plane.stride_bytes).ok(),
                rows_per_image: None,
            };
            gpu.queue().write_texture(texture.as_image_copy(), plane.data, layout, texture.size());
        }
    }

    /// Draws the uploaded picture over a black target.
    pub(super) fn draw(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        target: &wgpu::TextureView,
        placement: Placement,
    ) {
        let Some(uploaded) = &self.uploaded else { return };
        let fresh = |prepared: &Prepared| {
            prepared.placement == placement && prepared.format == uploaded.format
        };
        if !self.prepared.as_ref().is_some_and(fresh) {
            self.prepared = None; // frees the old textures before new ones are made
            self.prepared = Some(Prepared::new(gpu, &mut self.pipelines, uploaded, placement));
        }
        let Some(prepared) = &self.prepared else { return };
        let (pass, bindings) = match &prepared.route {
            Route::Direct(bindings) => (Pass::Direct, bindings),
            Route::Scaled(scaling) => {
                scaling.encode(encoder, &mut self.pipelines, gpu, prepared.variant);
                (Pass::Down, scaling.last_pass())
            }
        };
        let pipeline = self.pipelines.pipeline(gpu, pass, prepared.variant);
        let mut pass = black_pass(encoder, target);
        let Viewport { x, y, width, height } = placement.area;
        pass.set_scissor_rect(x, y, width, height);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bindings, &[]);
        pass.draw(0..3, 0..1);
    }
}

impl Uploaded {
    fn new(gpu: &Gpu, format: PictureFormat) -> Self {
        let textures = (0..format.plane_count())
            .map(|index| {
                let (width, height) = format.plane_size(index);
                let texel = match (format.sample_bytes(0), format.sample_bytes(index)) {
                    (1, 1) => wgpu::TextureFormat::R8Uint,
                    (1, _) => wgpu::TextureFormat::Rg8Uint,
                    (_, 2) => wgpu::TextureFormat::R16Uint,
                    _ => wgpu::TextureFormat::Rg16Uint,
                };
                let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
                texture(gpu, "plane", (width, height), texel, usage)
            })
            .collect();
        Self { format, textures }
    }

    /// Planes 0, 1, 2 for the shader; what the format lacks is stood in for by one it has.
    fn views(&self) -> [wgpu::TextureView; 3] {
        let last = self.textures.len() - 1;
        [0, 1, 2].map(|index| self.textures[index.min(last)].create_view(&Default::default()))
    }
}

impl Prepared {
    fn new(
        gpu: &Gpu,
        pipelines: &mut Pipelines,
        uploaded: &Uploaded,
        placement: Placement,
    ) -> Self {
        let format = uploaded.format;
        let variant = Variant {
            semi_planar: format.layout == Layout::SemiPlanar,
            gray: format.subsampling == Subsampling::Gray,
            subsampled: format.subsampling.factors() != (1, 1),
            rotation: placement.rotation,
        };
        let views = uploaded.views();
        let params = |taps| uniform(gpu, &params(&format, &placement, taps));
        let route = if placement.scaled == (format.width, format.height) {
            let params = params([1; 4]);
            let resources = [
                (0, params.as_entire_binding()),
                (1, wgpu::BindingResource::TextureView(&views[0])),
                (2, wgpu::BindingResource::TextureView(&views[1])),
                (3, wgpu::BindingResource::TextureView(&views[2])),
            ];
            Route::Direct(pipelines.bind(gpu, Pass::Direct, variant, &resources))
        } else {
            let scaled = placement.scaled;
            Route::Scaled(Scaling::new(gpu, pipelines, variant, &format, scaled, &views, params))
        };
        Self { format, placement, variant, route }
    }
}

/// Bytes of the shader's `Params`; `taps` are of luma and chroma across, luma and chroma down.
fn params(format: &PictureFormat, placement: &Placement, taps: [usize; 4]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    for row in single_precision(rgb_from_codes(format, format.shift())) {
        bytes.extend(row.iter().flat_map(|factor| factor.to_le_bytes()));
    }
    let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX).to_le_bytes();
    let area = placement.area;
    let (chroma_width, chroma_height) = format.plane_size(1);
    for value in [area.x, area.y, placement.scaled.0, placement.scaled.1] {
        bytes.extend(int(value));
    }
    let (factor_x, factor_y) = format.subsampling.factors();
    let (offset_x, offset_y) = format.siting.offsets(format.subsampling);
    let step = (1.0 / f64::from(factor_x), 1.0 / f64::from(factor_y));
    for value in [-offset_x * step.0, -offset_y * step.1, step.0, step.1] {
        bytes.extend(float(value).to_le_bytes());
    }
    bytes.extend(int(chroma_width - 1));
    bytes.extend(int(chroma_height - 1));
    bytes.extend(float(sample_max(format)).to_le_bytes());
    for count in taps {
        bytes.extend(int(u32::try_from(count).unwrap_or(u32::MAX)));
    }
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes
}

/// Largest value a stored sample can have.
fn sample_max(format: &PictureFormat) -> f64 {
    if format.bit_depth > 8 { 65_535.0 } else { 255.0 }
}

#[expect(clippy::as_conversions, reason = "shaders compute in single precision")]
fn float(value: f64) -> f32 {
    value as f32
}

fn uniform(gpu: &Gpu, contents: &[u8]) -> wgpu::Buffer {
    gpu.device().create_buffer_init(&BufferInitDescriptor {
        label: Some("picture parameters"),
        contents,
        usage: wgpu::BufferUsages::UNIFORM,
    })
}

pub(super) fn texture(
    gpu: &Gpu,
    label: &str,
    (width, height): (u32, u32),
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
) -> wgpu::Texture {
    gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

/// A pass on a target cleared to black.
pub(super) fn black_pass<'encoder>(
    encoder: &'encoder mut wgpu::CommandEncoder,
    target: &wgpu::TextureView,
) -> wgpu::RenderPass<'encoder> {
    encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: Some("picture"),
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: target,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                store: wgpu::StoreOp::Store,
            },
        })],
        ..Default::default()
    })
}
