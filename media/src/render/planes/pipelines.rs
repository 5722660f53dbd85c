//! Shader pipelines, specialised for what a picture is instead of branching at each pixel.

use super::super::gpu::Gpu;
use crate::picture::Rotation;

/// One step from planes to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Planes to target at the picture's own size.
    Direct,
    LumaAcross,
    ChromaAcross,
    /// Rows scaled down (or up) to the target.
    Down,
}

/// What a pipeline is specialised for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) semi_planar: bool,
    pub(super) gray: bool,
    pub(super) subsampled: bool,
    pub(super) rotation: Rotation,
}

/// Pipelines made so far; each is made when first needed, and there are few of them.
#[derive(Debug)]
pub(super) struct Pipelines {
    /// `None` until it is needed: a software adapter never does.
    shader: Option<wgpu::ShaderModule>,
    target_format: wgpu::TextureFormat,
    made: Vec<(Pass, Variant, wgpu::RenderPipeline)>,
}

/// Between the passes: luma, and both chroma components.
pub(super) const LUMA_ROWS: wgpu::TextureFormat = wgpu::TextureFormat::R16Float;
pub(super) const CHROMA_ROWS: wgpu::TextureFormat = wgpu::TextureFormat::Rg16Float;

impl Pipelines {
    pub(super) fn new(target_format: wgpu::TextureFormat) -> Self {
        Self { shader: None, target_format, made: Vec::new() }
    }

    pub(super) fn pipeline(
        &mut self,
        gpu: &Gpu,
        pass: Pass,
        variant: Variant,
    ) -> &wgpu::RenderPipeline {
        let known = self.made.iter().position(|made| (made.0, made.1) == (pass, variant));
        let index = known.unwrap_or_else(|| {
            let pipeline = self.make(gpu, pass, variant);
            self.made.push((pass, variant, pipeline));
            self.made.len() - 1
        });
        &self.made[index].2
    }

    /// Binds what `pass` reads, by binding number.
    pub(super) fn bind(
        &mut self,
        gpu: &Gpu,
        pass: Pass,
        variant: Variant,
        resources: &[(u32, wgpu::BindingResource<'_>)],
    ) -> wgpu::BindGroup {
        let entries: Vec<_> = resources
            .iter()
            .map(|(binding, resource)| wgpu::BindGroupEntry {
                binding: *binding,
                resource: resource.clone(),
            })
            .collect();
        let layout = self.pipeline(gpu, pass, variant).get_bind_group_layout(0);
        gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture"),
            layout: &layout,
            entries: &entries,
        })
    }

    fn make(&mut self, gpu: &Gpu, pass: Pass, variant: Variant) -> wgpu::RenderPipeline {
        let shader = self.shader.get_or_insert_with(|| {
            gpu.device().create_shader_module(wgpu::include_wgsl!("planes.wgsl"))
        });
        let (entry, format) = match pass {
            Pass::Direct => ("fs_direct", self.target_format),
            Pass::LumaAcross => ("fs_luma_across", LUMA_ROWS),
            Pass::ChromaAcross => ("fs_chroma_across", CHROMA_ROWS),
            Pass::Down => ("fs_down", self.target_format),
        };
        let turns = match variant.rotation {
            Rotation::None => 0.0,
            Rotation::Quarter => 1.0,
            Rotation::Half => 2.0,
            Rotation::ThreeQuarter => 3.0,
        };
        let flag = |set: bool| f64::from(u8::from(set));
        let constants = [
            ("SEMI_PLANAR", flag(variant.semi_planar)),
            ("GRAY", flag(variant.gray)),
            ("SUBSAMPLED", flag(variant.subsampled)),
            ("TURNS", turns),
            ("SRGB_TARGET", flag(self.target_format.is_srgb())),
        ];
        let compilation_options =
            wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() };
        gpu.device().create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(entry),
            layout: None,
            vertex: wgpu::VertexState {
                module: shader,
                entry_point: Some("vs"),
                compilation_options: compilation_options.clone(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: shader,
                entry_point: Some(entry),
                compilation_options,
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}
