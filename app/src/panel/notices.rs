//! What went wrong lately, newest first, each with its next step.

use crate::format;
use crate::icons::Icon;
use crate::theme::{self, Colors, Tone};
use crate::widgets::{card, dim, heading, strong, tile};
use egui::Ui;
use nearside::status::{Notice, Severity, Status};

/// The newest `count` warnings and errors; nothing when there are none.
pub(crate) fn warnings_ui(ui: &mut Ui, status: &Status, now_unix_ms: u64, count: usize) {
    let serious = status.notices.iter().rev().filter(|n| n.severity != Severity::Info);
    list_ui(ui, serious.take(count), now_unix_ms);
}

/// All notices; nothing when there are none.
pub(crate) fn all_ui(ui: &mut Ui, status: &Status, now_unix_ms: u64) {
    list_ui(ui, status.notices.iter().rev(), now_unix_ms);
}

fn list_ui<'a>(ui: &mut Ui, notices: impl Iterator<Item = &'a Notice>, now_unix_ms: u64) {
    let mut notices = notices.peekable();
    if notices.peek().is_none() {
        return;
    }
    card(ui, |ui| {
        heading(ui, "Notices");
        for (index, notice) in notices.enumerate() {
            if index > 0 {
                ui.add_space(theme::STEP);
            }
            notice_ui(ui, notice, now_unix_ms);
        }
    });
}

fn notice_ui(ui: &mut Ui, notice: &Notice, now_unix_ms: u64) {
    let (icon, tone, word) = look(notice.severity);
    let color = Colors::of(ui).text;
    let age = format::stretch(notice.unix_ms, now_unix_ms);
    ui.horizontal_top(|ui| {
        tile(ui, icon, tone.colors(Colors::of(ui)));
        ui.add_space(2.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            strong(ui, &format::short(&notice.reason.message), theme::CONTROL_TEXT, color, true);
            dim(ui, &format::short(&notice.reason.next_step), theme::CONTROL_TEXT);
            dim(ui, &format!("{word} · {age} ago"), theme::SMALL);
        });
    });
}

fn look(severity: Severity) -> (Icon, Tone, &'static str) {
    match severity {
        Severity::Info => (Icon::Info, Tone::Neutral, "Information"),
        Severity::Warning => (Icon::Warning, Tone::Caution, "Warning"),
        Severity::Error => (Icon::Cross, Tone::Bad, "Error"),
    }
}
