//! What is painted over the picture: outline, captions and the status line, with egui.
//!
//! Costs nothing while none is shown: fonts and pipelines are made when first needed.

use super::captions::{Setter, Slot, Wanted};
use super::control_bar::ControlBar;
use egui::{
    Align2, Color32, CornerRadius, FontId, Painter, Pos2, RawInput, Rect, Stroke, StrokeKind,
    TextureHandle, TextureOptions, Vec2,
};
use egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
use nearside_channel::message::Caption;
use nearside_media::render::Gpu;
use std::sync::Arc;

/// Bright border round each redirected video ("Redirected video outlines").
const OUTLINE: Color32 = Color32::from_rgb(62, 207, 134);
const OUTLINE_PX: f32 = 4.0;

/// What the overlay shows now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OverlayView {
    pub(crate) outline: bool,
    /// A line at the top ("Video Status Overlay").
    pub(crate) status: Option<String>,
    /// What the page's text tracks show.
    pub(crate) captions: Arc<[Caption]>,
    /// Over the browser's own controls, while they are seen.
    pub(crate) control_bar: Option<ControlBar>,
}

impl OverlayView {
    fn is_empty(&self) -> bool {
        let has_bar = self.control_bar.is_some();
        !self.outline && self.status.is_none() && self.captions.is_empty() && !has_bar
    }
}

/// Draws onto targets of one format.
pub(crate) struct Overlay {
    format: wgpu::TextureFormat,
    painter: Option<(egui::Context, Renderer)>,
    captions: Captions,
}

/// Pixels as egui counts; more than any screen has are cut.
pub(crate) fn points(px: u32) -> f32 {
    f32::from(u16::try_from(px).unwrap_or(u16::MAX))
}

/// The captions of one view.
struct Captions {
    setter: Arc<Setter>,
    slot: Arc<Slot>,
    /// The last ones that were asked for.
    asked: Option<Wanted>,
    /// Those of them that were drawn, and where.
    shown: Vec<(TextureHandle, Rect)>,
}

impl Overlay {
    pub(crate) fn new(format: wgpu::TextureFormat, setter: &Arc<Setter>) -> Self {
        let setter = Arc::clone(setter);
        let captions = Captions { setter, slot: Arc::default(), asked: None, shown: Vec::new() };
        Self { format, painter: None, captions }
    }

    /// Who draws its captions.
    pub(crate) fn setter(&self) -> &Arc<Setter> {
        &self.captions.setter
    }

    /// Paints over what is on `target` already.
    pub(crate) fn draw(
        &mut self,
        gpu: &Gpu,
        target: &wgpu::TextureView,
        (width, height): (u32, u32),
        view: &OverlayView,
    ) {
        if view.is_empty() {
            return;
        }
        let (device, queue) = (gpu.device(), gpu.queue());
        let (context, renderer) = self.painter.get_or_insert_with(|| {
            let options = RendererOptions::default();
            (egui::Context::default(), Renderer::new(device, self.format, options))
        });
        let size = Vec2::new(points(width), points(height));
        let screen_rect = Some(Rect::from_min_size(Pos2::ZERO, size));
        let max_texture_side = usize::try_from(gpu.max_side_px()).ok();
        let input = RawInput { screen_rect, max_texture_side, ..RawInput::default() };
        let captions = &mut self.captions;
        let taken = view.control_bar.map_or(0, |bar| bar.height_on(height));
        let wanted = Wanted { captions: Arc::clone(&view.captions), size: (width, height), taken };
        let mut output = context.run_ui(input, |ui| {
            captions.look(ui.ctx(), wanted.clone());
            overlay_ui(ui, size, view, captions);
        });
        for (id, images) in output.textures_delta.set.drain() {
            for image in images {
                renderer.update_texture(device, queue, id, &image);
            }
        }
        let screen = ScreenDescriptor { size_in_pixels: [width, height], pixels_per_point: 1.0 };
        let primitives = context.tessellate(output.shapes, 1.0);
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut commands =
            renderer.update_buffers(device, queue, &mut encoder, &primitives, &screen);
        {
            let attachment = wgpu::RenderPassColorAttachment {
                view: target,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
                depth_slice: None,
            };
            let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("overlay"),
                color_attachments: &[Some(attachment)],
                ..wgpu::RenderPassDescriptor::default()
            });
            renderer.render(&mut pass.forget_lifetime(), &primitives, &screen);
        }
        commands.push(encoder.finish());
        queue.submit(commands);
        for id in output.textures_delta.free.drain() {
            renderer.free_texture(&id);
        }
    }
}

impl Captions {
    /// Takes what was drawn of `wanted`, or asks for it.
    fn look(&mut self, context: &egui::Context, wanted: Wanted) {
        if self.asked.as_ref() != Some(&wanted) {
            self.shown.clear();
            let is_asked =
                wanted.captions.is_empty() || self.setter.ask(&self.slot, wanted.clone());
            self.asked = is_asked.then_some(wanted);
        }
        let Some((drawn, blocks)) = self.slot.take() else { return };
        if self.asked.as_ref() != Some(&drawn) {
            return;
        }
        self.shown.clear();
        for block in blocks {
            let at = Pos2::new(points(block.at.0), points(block.at.1));
            let image = context.load_texture("caption", block.image, TextureOptions::NEAREST);
            let rect = Rect::from_min_size(at, image.size_vec2());
            self.shown.push((image, rect));
        }
    }

    fn paint(&self, painter: &Painter) {
        let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
        for (image, rect) in &self.shown {
            painter.image(image.id(), *rect, whole, Color32::WHITE);
        }
    }
}

fn overlay_ui(ui: &egui::Ui, size: Vec2, view: &OverlayView, captions: &Captions) {
    let painter = ui.ctx().layer_painter(egui::LayerId::background());
    let all = Rect::from_min_size(Pos2::ZERO, size);
    if view.outline {
        let stroke = Stroke::new(OUTLINE_PX, OUTLINE);
        painter.rect_stroke(all, CornerRadius::ZERO, stroke, StrokeKind::Inside);
    }
    captions.paint(&painter);
    if let Some(bar) = &view.control_bar {
        bar.draw(&painter);
    }
    if let Some(text) = &view.status {
        let font = FontId::proportional((size.y / 28.0).clamp(12.0, 28.0));
        let at = Pos2::new(size.x / 2.0, OUTLINE_PX + 12.0);
        let galley = painter.layout(text.clone(), font, Color32::WHITE, size.x * 0.9);
        let rect = Align2::CENTER_TOP.anchor_size(at, galley.size());
        let back = Color32::from_black_alpha(190);
        painter.rect_filled(rect.expand2(Vec2::new(12.0, 6.0)), CornerRadius::same(8), back);
        painter.galley(rect.min, galley, Color32::WHITE);
    }
}
