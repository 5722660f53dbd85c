//! The first page: what this page can do, what is redirected, settings, what went wrong.

use crate::theme::{self, Colors, Tone};
use crate::view::{Command, View};
use crate::widgets::{alert, button, card, dim, heading, mark, strong};
use crate::{format, item, notices, settings};
use egui::Ui;
use nearside::control::Request;
use nearside::status::Status;
use nearside_channel::message::DeviceSettings;

/// Notices on this page; all of them are on the diagnostics page.
const NOTICES: usize = 2;

pub(crate) fn status_page_ui(
    ui: &mut Ui,
    view: &View<'_>,
    status: &Status,
    commands: &mut Vec<Command>,
) {
    if let Some(message) = view.refused {
        alert(ui, Tone::Caution, |ui| {
            let color = Colors::of(ui).amber;
            strong(ui, "Nearside did not do that", theme::BODY, color, true);
            dim(ui, &format::short(message), theme::CONTROL_TEXT);
        });
    }
    if status.settings.paused {
        paused_ui(ui, status, commands);
    }
    if let Some(warning) = status.version_warning() {
        alert(ui, Tone::Caution, |ui| {
            strong(ui, "Different versions", theme::BODY, Colors::of(ui).amber, true);
            dim(ui, &format::short(&warning), theme::CONTROL_TEXT);
        });
    }
    features_ui(ui, status);
    for shown in &status.items {
        item::item_ui(ui, view, shown, commands);
    }
    if status.session.is_none() && status.items.is_empty() {
        no_session_ui(ui);
    }
    notices::warnings_ui(ui, status, view.now_unix_ms, NOTICES);
    settings::settings_ui(ui, view, status, commands);
}

/// "Features supported on current page" in the documented words.
fn features_ui(ui: &mut Ui, status: &Status) {
    card(ui, |ui| {
        heading(ui, "Features supported on current page");
        feature(ui, "Video playback redirection", video_reason(status).as_deref());
        ui.add_space(theme::HALF);
        feature(ui, "Call redirection", Some(&call_reason(status)));
    });
}

/// A row with a green check, or with the reason why not.
fn feature(ui: &mut Ui, name: &str, reason: Option<&str>) {
    ui.horizontal_top(|ui| {
        mark(ui, reason.is_none());
        ui.add_space(2.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            ui.add_space(1.0);
            ui.label(name);
            if let Some(reason) = reason {
                dim(ui, reason, theme::SMALL);
            }
        });
    });
}

/// Why no video can be redirected, `None` when it can.
fn video_reason(status: &Status) -> Option<String> {
    if status.session.is_none() {
        Some("Waiting for a session".to_owned())
    } else if let Some(reason) = &status.blocked {
        Some(format::short(&format!("{} {}", reason.message, reason.next_step)))
    } else if status.settings.paused {
        Some("You paused redirection: videos play in the session.".to_owned())
    } else {
        None
    }
}

fn call_reason(status: &Status) -> String {
    match status.session {
        None => "Waiting for a session".to_owned(),
        Some(_) => "Calls are not part of this version yet".to_owned(),
    }
}

fn paused_ui(ui: &mut Ui, status: &Status, commands: &mut Vec<Command>) {
    alert(ui, Tone::Caution, |ui| {
        let color = Colors::of(ui).amber;
        strong(ui, "Redirection is paused", theme::BODY, color, true);
        dim(ui, "Everything plays in the session until you resume.", theme::CONTROL_TEXT);
        ui.add_space(theme::HALF);
        if button(ui, "Resume redirection", false).clicked() {
            let settings = DeviceSettings { paused: false, ..status.settings };
            commands.push(Command::Send(Request::SetSettings { settings }));
        }
    });
}

fn no_session_ui(ui: &mut Ui) {
    card(ui, |ui| {
        heading(ui, "Nothing is connected yet");
        dim(
            ui,
            "Connect to a remote desktop with a client that loads the Nearside plugin and play a \
             video in its browser.",
            theme::CONTROL_TEXT,
        );
        ui.add_space(theme::HALF);
        ui.spacing_mut().interact_size.y = theme::WIDE;
        ui.spacing_mut().item_spacing.x = theme::HALF;
        ui.horizontal_wrapped(|ui| {
            dim(ui, "To see it work on this device alone, run", theme::CONTROL_TEXT);
            ui.monospace("nearside demo");
        });
    });
}
