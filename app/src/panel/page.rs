//! The frame of all pages: header, the page itself, navigation.

use crate::theme::{self, Colors};
use crate::view::{Agent, Command, Page, View};
use crate::widgets::{focus_ring, heavy};
use crate::{away, diagnostics, header, status_page};
use egui::{CentralPanel, FontFamily, FontId, Frame, Margin, Panel, Role, ScrollArea, Sense};
use egui::{Stroke, Ui, Vec2, WidgetInfo};

/// Draws the whole window.
pub(crate) fn panel_ui(ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) {
    let colors = Colors::of(ui);
    let bar = |margin| Frame::new().fill(colors.card).inner_margin(margin);
    Panel::top("header")
        .frame(bar(Margin { left: 20, right: 16, top: 16, bottom: 16 }))
        .show_separator_line(false)
        .show(ui, |ui| header::header_ui(ui, view));
    if matches!(view.agent, Agent::Here(_)) {
        Panel::bottom("navigation")
            .frame(bar(Margin::ZERO))
            .show_separator_line(false)
            .exact_size(40.0)
            .show(ui, |ui| navigation_ui(ui, view.page, commands));
    }
    CentralPanel::no_frame().frame(Frame::new().fill(colors.background)).show(ui, |ui| {
        // The lines of header and navigation, which own no border of their own.
        let edge = Stroke::new(1.0, colors.line);
        let area = ui.max_rect();
        ui.painter().hline(area.x_range(), area.top(), edge);
        if matches!(view.agent, Agent::Here(_)) {
            ui.painter().hline(area.x_range(), area.bottom(), edge);
        }
        ScrollArea::vertical().id_salt(view.page).auto_shrink(false).show(ui, |ui| {
            let margin = Margin { left: 16, right: 16, top: 16, bottom: 8 };
            Frame::new().inner_margin(margin).show(ui, |ui| match view.agent {
                Agent::Connecting => {}
                Agent::Away { starting, problem } => {
                    away::away_ui(ui, starting, problem, commands);
                }
                Agent::Here(status) => match view.page {
                    Page::Status => status_page::status_page_ui(ui, view, status, commands),
                    Page::Diagnostics => diagnostics::diagnostics_ui(ui, view, status, commands),
                },
            });
        });
    });
}

fn navigation_ui(ui: &mut Ui, current: Page, commands: &mut Vec<Command>) {
    let pages = [(Page::Status, "Status"), (Page::Diagnostics, "Diagnostics")];
    let width = ui.available_width() / 2.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for (page, label) in pages {
            if tab(ui, label, page == current, width) {
                commands.push(Command::Show(page));
            }
        }
    });
}

fn tab(ui: &mut Ui, label: &str, selected: bool, width: f32) -> bool {
    let colors = Colors::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, 40.0), Sense::click());
    let color = match (selected, response.hovered()) {
        (true, _) => colors.accent,
        (false, true) => colors.text,
        (false, false) => colors.dim,
    };
    let font = FontId::new(theme::SMALL, FontFamily::Proportional);
    let galley = ui.painter().layout_no_wrap(label.to_owned(), font, color);
    let corner = rect.center() - galley.size() / 2.0;
    ui.painter().galley(corner, galley.clone(), color);
    if selected {
        heavy(ui, corner, &galley, color);
        ui.painter().hline(rect.x_range(), rect.top() + 1.0, Stroke::new(2.0, colors.accent));
    }
    // A tab fills its corner of the window, so its ring lies inside.
    focus_ring(ui, &response, rect.shrink(6.0));
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, selected, label));
    response.clicked()
}
