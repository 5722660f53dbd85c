//! Draws finished pixels where they cannot be copied. A sampler rather than `textureLoad`:
//! llvmpipe takes a shorter way through it, half the cost.

use super::super::gpu::Gpu;
use super::super::placement::Viewport;
use super::super::planes::texture;

#[derive(Debug)]
pub(super) struct Blit {
    image: wgpu::Texture,
    pipeline: wgpu::RenderPipeline,
    bindings: wgpu::BindGroup,
}

impl Blit {
    /// `format` is of the image, with the target's own encoding so that values pass unchanged.
    pub(super) fn new(
        gpu: &Gpu,
        size: (u32, u32),
        format: wgpu::TextureFormat,
        target_format: wgpu::TextureFormat,
    ) -> Self {
        let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
        let image = texture(gpu, "finished picture", size, format, usage);
        let device = gpu.device();
        let shader = device.create_shader_module(wgpu::include_wgsl!("blit.wgsl"));
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("blit"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("vs"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("fs"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(target_format.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let sampler = device.create_sampler(&wgpu::SamplerDescriptor::default());
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("finished picture"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::TextureView(
                        &image.create_view(&Default::default()),
                    ),
                },
                wgpu::BindGroupEntry {
                    binding: 1,
                    resource: wgpu::BindingResource::Sampler(&sampler),
                },
            ],
        });
        Self { image, pipeline, bindings }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.image.width(), self.image.height())
    }

    pub(super) fn image(&self) -> wgpu::TexelCopyTextureInfo<'_> {
        self.image.as_image_copy()
    }

    /// Draws the image into `area`, which has its size.
    #[expect(clippy::as_conversions, reason = "pixel coordinates are exact in single precision")]
    pub(super) fn draw(&self, pass: &mut wgpu::RenderPass<'_>, area: Viewport) {
        let [x, y, width, height] = [area.x, area.y, area.width, area.height].map(|px| px as f32);
        pass.set_viewport(x, y, width, height, 0.0, 1.0);
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.draw(0..3, 0..1);
    }
}
