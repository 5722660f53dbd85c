//! What is shown while there is no agent: why, and the button that starts it.

use crate::format;
use crate::theme::{self, Colors, Tone};
use crate::view::Command;
use crate::widgets::{alert, button, card, dim, strong};
use egui::Ui;

pub(crate) fn away_ui(
    ui: &mut Ui,
    starting: bool,
    problem: Option<&str>,
    commands: &mut Vec<Command>,
) {
    let colors = Colors::of(ui);
    card(ui, |ui| {
        strong(ui, "Start Nearside", theme::BODY, colors.text, true);
        dim(
            ui,
            "It runs in the background, waits for remote sessions and redirects their videos to \
             this device. This window follows by itself as soon as it runs.",
            theme::CONTROL_TEXT,
        );
        ui.add_space(theme::STEP);
        let label = if starting { "Starting…" } else { "Start" };
        let start = ui.add_enabled_ui(!starting, |ui| button(ui, label, true));
        if start.inner.clicked() {
            commands.push(Command::StartAgent);
        }
    });
    if let Some(problem) = problem {
        alert(ui, Tone::Bad, |ui| {
            strong(ui, "The last try failed", theme::BODY, colors.red, true);
            dim(ui, &format::short(problem), theme::CONTROL_TEXT);
        });
    }
}
