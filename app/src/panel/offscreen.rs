//! One frame of the panel as a PNG file, with no display at all.

use crate::theme;
use crate::view::View;
use crate::window::{Panel, setup};
use anyhow::{Context as _, bail};
use egui::{FullOutput, RawInput, Rect, Vec2};
use egui_wgpu::{RenderState, RendererOptions, ScreenDescriptor, WgpuConfiguration, WgpuSetup};
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

/// Passes until layouts that need a measured size have settled.
const PASSES: usize = 3;

/// A driver that draws no frame in this time never will.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Draws `panel` at `size` physical pixels (one per point) and writes it to `file`.
///
/// # Errors
/// When no graphics driver (a software one will do) can be used or the file cannot be written.
pub(crate) fn screenshot(
    panel: &Panel,
    size: [u16; 2],
    dark: Option<bool>,
    file: &Path,
) -> anyhow::Result<()> {
    let ctx = egui::Context::default();
    theme::apply(&ctx, dark);
    let [width, height] = size.map(f32::from);
    let mut output = frame(&ctx, panel.view(), Vec2::new(width, height));
    for _ in 1..PASSES {
        let mut next = frame(&ctx, panel.view(), Vec2::new(width, height));
        let newer = std::mem::take(&mut next.textures_delta);
        output.textures_delta.append(newer);
        next.textures_delta = std::mem::take(&mut output.textures_delta);
        output = next;
    }
    let pixels = draw(&ctx, output, size.map(u32::from))?;
    write_png(file, size.map(u32::from), &pixels)
        .with_context(|| format!("write {}", file.display()))
}

fn frame(ctx: &egui::Context, view: View<'_>, size: Vec2) -> FullOutput {
    let screen_rect = Some(Rect::from_min_size(egui::Pos2::ZERO, size));
    let input = RawInput { screen_rect, ..RawInput::default() };
    ctx.run_ui(input, |ui| crate::page::panel_ui(ui, &view, &mut Vec::new()))
}

/// RGBA rows without padding.
fn draw(ctx: &egui::Context, output: FullOutput, size: [u32; 2]) -> anyhow::Result<Vec<u8>> {
    let state = render_state()?;
    let RenderState { device, queue, .. } = &state;
    let mut renderer = state.renderer.write();
    let mut deltas = output.textures_delta;
    for (id, images) in deltas.set.drain() {
        for image in images {
            renderer.update_texture(device, queue, id, &image);
        }
    }
    deltas.free.clear();

    let screen =
        ScreenDescriptor { size_in_pixels: size, pixels_per_point: output.pixels_per_point };
    let primitives = ctx.tessellate(output.shapes, output.pixels_per_point);
    let extent = wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("panel"),
        size: extent,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: state.target_format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let row_bytes = size[0] * 4;
    let padded = row_bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("panel pixels"),
        size: u64::from(padded) * u64::from(size[1]),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });

    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let uploads = renderer.update_buffers(device, queue, &mut encoder, &primitives, &screen);
    {
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let target = wgpu::RenderPassColorAttachment {
            view: &view,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                store: wgpu::StoreOp::Store,
            },
            depth_slice: None,
        };
        let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("panel"),
            color_attachments: &[Some(target)],
            ..wgpu::RenderPassDescriptor::default()
        });
        renderer.render(&mut pass.forget_lifetime(), &primitives, &screen);
    }
    let layout = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(padded),
        rows_per_image: None,
    };
    let target = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
    encoder.copy_texture_to_buffer(texture.as_image_copy(), target, extent);
    queue.submit(uploads.into_iter().chain([encoder.finish()]));

    buffer.slice(..).map_async(wgpu::MapMode::Read, |_| ());
    device
        .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(TIMEOUT) })
        .context("draw the panel")?;
    let mapped = buffer.slice(..).get_mapped_range().context("read the picture back")?;
    let (row, padded) = (usize::try_from(row_bytes)?, usize::try_from(padded)?);
    Ok(mapped.chunks_exact(padded).flat_map(|line| &line[..row]).copied().collect())
}

fn render_state() -> anyhow::Result<RenderState> {
    let mut last = None;
    let chosen = wgpu::Backends::from_env();
    for backends in chosen.map_or(vec![wgpu::Backends::PRIMARY, wgpu::Backends::GL], |b| vec![b]) {
        let config = WgpuConfiguration {
            wgpu_setup: WgpuSetup::CreateNew(setup(backends)),
            ..WgpuConfiguration::default()
        };
        // The futures of wgpu are ready at once except in browsers.
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let made = runtime.block_on(async {
            let instance = config.wgpu_setup.new_instance().await;
            RenderState::create(&config, &instance, None, RendererOptions::PREDICTABLE).await
        });
        match made {
            Ok(state) => return Ok(state),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error).context("no graphics driver; install mesa-vulkan-drivers"),
        None => bail!("no graphics backend is allowed: check WGPU_BACKEND"),
    }
}

fn write_png(file: &Path, size: [u32; 2], pixels: &[u8]) -> anyhow::Result<()> {
    let out = BufWriter::new(std::fs::File::create(file)?);
    let mut encoder = png::Encoder::new(out, size[0], size[1]);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    Ok(writer.finish()?)
}
