//! The plot of an item's last minute: bit rate as a line, dropped pictures as red marks.

use crate::format;
use crate::history::{SPAN_MS, Sample};
use crate::theme::Colors;
use crate::track::points;
use egui::{Mesh, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2};

const HEIGHT: f32 = 34.0;

/// Draws `samples` (oldest first) over the available width, the newest at the right edge.
/// Fewer than two make no plot.
pub(crate) fn plot_ui(ui: &mut Ui, samples: impl Iterator<Item = Sample> + Clone) {
    if samples.clone().nth(1).is_none() {
        return;
    }
    let size = Vec2::new(ui.available_width(), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let summary = summary(samples.clone());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &summary));
    response.on_hover_text(&summary);
    if !ui.is_rect_visible(rect) {
        return;
    }
    let colors = Colors::of(ui);
    let painter = ui.painter();
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, colors.line));

    let line = line(rect, samples.clone());
    painter.add(area(&line, rect.bottom(), colors.accent.gamma_multiply(0.10)));
    painter.line(line, Stroke::new(1.6, colors.accent));
    let newest = newest(samples.clone());
    for sample in samples.filter(|sample| sample.dropped > 0) {
        let x = x_of(rect, sample.unix_ms, newest);
        painter.vline(x, rect.bottom() - 8.0..=rect.bottom(), Stroke::new(2.0, colors.red));
    }
}

fn newest(samples: impl Iterator<Item = Sample>) -> u64 {
    samples.map(|sample| sample.unix_ms).max().unwrap_or(0)
}

fn x_of(rect: Rect, unix_ms: u64, newest_unix_ms: u64) -> f32 {
    let age_ms = newest_unix_ms.saturating_sub(unix_ms).min(SPAN_MS);
    let share = u32::try_from(age_ms).map_or(1.0, f64::from) / 60_000.0;
    egui::lerp(rect.x_range(), 1.0 - points(share))
}

fn line(rect: Rect, samples: impl Iterator<Item = Sample> + Clone) -> Vec<Pos2> {
    let newest = newest(samples.clone());
    // Head room above the peak; the scale starts at 0, so a flat line is a steady rate.
    let peak = samples.clone().map(|sample| sample.bit_rate).fold(1.0, f64::max) * 1.15;
    let y_of = |rate: f64| egui::lerp(rect.bottom() - 2.0..=rect.top(), points(rate / peak));
    samples.map(|s| pos2(x_of(rect, s.unix_ms, newest), y_of(s.bit_rate))).collect()
}

/// The surface between a line and the bottom.
fn area(line: &[Pos2], bottom: f32, color: egui::Color32) -> Shape {
    let mut mesh = Mesh::default();
    for (index, pair) in (0_u32..).step_by(2).zip(line) {
        mesh.colored_vertex(*pair, color);
        mesh.colored_vertex(pos2(pair.x, bottom), color);
        if index > 0 {
            mesh.add_triangle(index - 2, index - 1, index);
            mesh.add_triangle(index - 1, index, index + 1);
        }
    }
    Shape::mesh(mesh)
}

/// What the plot says, for the tooltip and for those who do not see it.
fn summary(samples: impl Iterator<Item = Sample> + Clone) -> String {
    let rates = samples.clone().map(|sample| sample.bit_rate);
    let low = rates.clone().fold(f64::INFINITY, f64::min);
    let high = rates.clone().fold(0.0, f64::max);
    let Some(now) = rates.last() else { return "Bit rate: nothing measured yet".to_owned() };
    let dropped: u64 = samples.map(|sample| sample.dropped).sum();
    format!(
        "Bit rate over the last minute: {} now, {} to {}; {} dropped",
        format::bit_rate(now),
        format::bit_rate(low),
        format::bit_rate(high),
        format::thousands(dropped),
    )
}
