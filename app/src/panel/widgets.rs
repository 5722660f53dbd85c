//! The few building blocks of all pages: cards, chips, tiles, switches, buttons.
//!
//! INVARIANT: everything that can be operated has an accessible name and takes the focus.

use crate::icons::{self, Icon};
use crate::theme::{self, Colors, Tone};
use egui::{
    Align, Color32, FontFamily, FontId, Frame, Galley, Label, Layout, Pos2, Response, RichText,
    Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
};
use std::sync::Arc;

/// Height of a chip.
const CHIP: f32 = 20.0;

/// A card as wide as the page.
pub(crate) fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let colors = Colors::of(ui);
    framed(ui, colors.card, colors.line, add)
}

/// A card that says something went wrong, coloured by `tone`.
pub(crate) fn alert<R>(ui: &mut Ui, tone: Tone, add: impl FnOnce(&mut Ui) -> R) -> R {
    let (front, back) = tone.colors(Colors::of(ui));
    framed(ui, back, front.gamma_multiply(0.35), add)
}

fn framed<R>(ui: &mut Ui, fill: Color32, line: Color32, add: impl FnOnce(&mut Ui) -> R) -> R {
    let frame = Frame::new()
        .fill(fill)
        .stroke(Stroke::new(1.0, line))
        .corner_radius(theme::CARD_RADIUS)
        .inner_margin(theme::CARD_MARGIN);
    let inner = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        add(ui)
    });
    ui.add_space(theme::CARD_GAP - ui.spacing().item_spacing.y);
    inner.inner
}

/// Text with weight: the font has one weight, so a second stroke lies beside the first.
pub(crate) fn strong(ui: &mut Ui, text: &str, size: f32, color: Color32, wrap: bool) -> Response {
    let text_with_room = RichText::new(text).size(size).color(color).extra_letter_spacing(0.3);
    let label = Label::new(text_with_room);
    let label = if wrap { label.wrap() } else { label.truncate() };
    let (pos, galley, response) = label.layout_in_ui(ui);
    if ui.is_rect_visible(response.rect) {
        heavy(ui, pos, &galley, color);
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    if galley.elided { response.on_hover_text(text) } else { response }
}

/// Paints `galley` with weight, at `pos`.
pub(crate) fn heavy(ui: &Ui, pos: Pos2, galley: &Arc<Galley>, color: Color32) {
    let size = galley.job.sections.first().map_or(theme::BODY, |s| s.format.font_id.size);
    let reach = size / 24.0;
    for step in [0.0, reach / 2.0, reach] {
        ui.painter().galley(pos + Vec2::new(step, 0.0), galley.clone(), color);
    }
}

/// Secondary text, wrapped.
pub(crate) fn dim(ui: &mut Ui, text: &str, size: f32) -> Response {
    let color = Colors::of(ui).dim;
    ui.add(Label::new(RichText::new(text).size(size).color(color)).wrap())
}

/// The small heading of a card.
pub(crate) fn heading(ui: &mut Ui, text: &str) {
    let color = Colors::of(ui).dim;
    strong(ui, text, theme::SMALL, color, true);
    ui.add_space(theme::HALF);
}

/// A short fact on its own background: `(text, background)`.
pub(crate) fn chip(ui: &mut Ui, text: &str, (front, back): (Color32, Color32)) {
    let font = FontId::new(theme::SMALL, FontFamily::Proportional);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, front);
    let size = Vec2::new(galley.size().x + 14.0, CHIP);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().rect_filled(rect, theme::CHIP_RADIUS, back);
    let corner = rect.center() - galley.size() / 2.0;
    ui.painter().galley(corner, galley, front);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
}

/// Chips in as many rows as they need.
pub(crate) fn chips(ui: &mut Ui, chips_in_order: &[(String, Tone)]) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(6.0);
        ui.spacing_mut().interact_size.y = CHIP;
        for (text, tone) in chips_in_order {
            chip(ui, text, tone.colors(Colors::of(ui)));
        }
    });
}

/// A row with a title that gives way and a chip at its right end that does not.
pub(crate) fn title_row(ui: &mut Ui, title: &str, state: &str, chip_colors: (Color32, Color32)) {
    let color = Colors::of(ui).text;
    let size = Vec2::new(ui.available_width(), CHIP);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        chip(ui, state, chip_colors);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            strong(ui, title, theme::BODY, color, false);
        });
    });
}

/// An icon on a square: `(icon, background)`.
pub(crate) fn tile(ui: &mut Ui, icon: Icon, (front, back): (Color32, Color32)) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(theme::ICON), Sense::hover());
    ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, back);
    icons::paint(ui.painter(), rect.shrink(9.0), icon, front);
}

/// A round mark in front of a feature: green with a white check, or a quiet dash.
pub(crate) fn mark(ui: &mut Ui, enabled: bool) {
    let colors = Colors::of(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
    let (fill, icon, color) = match enabled {
        true => (colors.green, Icon::Check, colors.on_solid),
        false => (colors.chip, Icon::Dash, colors.dim),
    };
    ui.painter().circle_filled(rect.center(), 10.0, fill);
    icons::paint(ui.painter(), rect.shrink(4.0), icon, color);
}

/// A square button with an icon; `label` is its name and its tooltip.
pub(crate) fn icon_button(ui: &mut Ui, icon: Icon, label: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(theme::CONTROL), Sense::click());
    let look = ui.style().interact(&response);
    let (fill, stroke, color) = (look.weak_bg_fill, look.bg_stroke, look.fg_stroke.color);
    ui.painter().rect(rect, theme::CONTROL_RADIUS, fill, stroke, StrokeKind::Inside);
    icons::paint(ui.painter(), rect.shrink(9.0), icon, color);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), label));
    response.on_hover_text(label)
}

/// A button with its text in the middle; the primary one is filled.
pub(crate) fn button(ui: &mut Ui, text: &str, primary: bool) -> Response {
    let colors = Colors::of(ui);
    let front = if primary { colors.card } else { colors.text };
    let font = FontId::new(theme::CONTROL_TEXT, FontFamily::Proportional);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, front);
    let size = Vec2::new((galley.size().x + 2.0 * theme::WIDE).max(72.0), theme::CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let look = ui.style().interact(&response);
    let (fill, stroke) = match (primary, response.hovered()) {
        (true, false) => (colors.accent, Stroke::NONE),
        (true, true) => (colors.accent.gamma_multiply(0.88), Stroke::NONE),
        (false, _) => (look.weak_bg_fill, look.bg_stroke),
    };
    ui.painter().rect(rect, theme::CONTROL_RADIUS, fill, stroke, StrokeKind::Inside);
    let corner = rect.center() - galley.size() / 2.0;
    ui.painter().galley(corner, galley, front);
    focus_ring(ui, &response, rect);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), text));
    response
}

/// A button that reads as a link.
pub(crate) fn link_button(ui: &mut Ui, text: &str) -> Response {
    let color = Colors::of(ui).accent;
    let font = FontId::new(theme::CONTROL_TEXT, FontFamily::Proportional);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, color);
    let size = Vec2::new(galley.size().x + theme::STEP, theme::CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let corner = rect.center() - galley.size() / 2.0;
    heavy(ui, corner, &galley, color);
    if response.hovered() {
        let under = corner.y + galley.size().y;
        let span = egui::Rangef::new(corner.x, corner.x + galley.size().x);
        ui.painter().hline(span, under, Stroke::new(1.0, color));
    }
    focus_ring(ui, &response, rect);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), text));
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A labelled switch over the whole width with an explanation under it. Returns true when the
/// user asks for the other position; it shows `on` until the agent says otherwise.
pub(crate) fn switch_row(ui: &mut Ui, label: &str, why: &str, on: bool, enabled: bool) -> bool {
    let width = ui.available_width();
    let response = ui
        .horizontal(|ui| {
            ui.vertical(|ui| {
                ui.set_width(width - 36.0 - theme::WIDE);
                ui.spacing_mut().item_spacing.y = 0.0;
                let color = if enabled { Colors::of(ui).text } else { Colors::of(ui).dim };
                ui.add(Label::new(RichText::new(label).color(color)).wrap());
                dim(ui, why, theme::SMALL);
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_enabled_ui(enabled, |ui| switch(ui, label, on)).inner
            })
            .inner
        })
        .inner;
    response.clicked()
}

fn switch(ui: &mut Ui, label: &str, on: bool) -> Response {
    let colors = Colors::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(36.0, 20.0), Sense::click());
    let fill = if on { colors.accent } else { colors.dim.gamma_multiply(0.55) };
    ui.painter().rect_filled(rect, 10.0, fill);
    let x = if on { rect.right() - 10.0 } else { rect.left() + 10.0 };
    ui.painter().circle_filled(egui::pos2(x, rect.center().y), 7.0, Color32::WHITE);
    focus_ring(ui, &response, rect);
    response.widget_info(|| WidgetInfo::selected(Role::Switch, ui.is_enabled(), on, label));
    response
}

/// Shows where the keyboard is.
pub(crate) fn focus_ring(ui: &Ui, response: &Response, rect: egui::Rect) {
    if response.has_focus() {
        let stroke = Stroke::new(1.5, Colors::of(ui).accent);
        ui.painter().rect_stroke(rect.expand(2.0), 8.0, stroke, StrokeKind::Outside);
    }
}
