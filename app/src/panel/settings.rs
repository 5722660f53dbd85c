//! "Show Advanced Settings" and the switches under it, in the documented words.
//!
//! The switches show the agent's state; a click asks for the other position.

use crate::theme;
use crate::view::{Command, View};
use crate::widgets::{card, link_button, switch_row};
use egui::Ui;
use nearside::control::Request;
use nearside::status::Status;
use nearside_channel::message::DeviceSettings;

pub(crate) fn settings_ui(
    ui: &mut Ui,
    view: &View<'_>,
    status: &Status,
    commands: &mut Vec<Command>,
) {
    let label = if view.advanced { "Hide Advanced Settings" } else { "Show Advanced Settings" };
    if link_button(ui, label).clicked() {
        commands.push(Command::ShowAdvanced(!view.advanced));
    }
    if view.advanced {
        card(ui, |ui| switches_ui(ui, &status.settings, commands));
    }
}

/// One switch: its words, and the field it stands for.
struct Switch {
    label: &'static str,
    why: &'static str,
    field: fn(&mut DeviceSettings) -> &mut bool,
    enabled: bool,
}

const SWITCHES: [Switch; 5] = [
    Switch {
        label: "Enable video playback for all sites (beta)",
        why: "Also redirects videos of sites that are not on the list.",
        field: |settings| &mut settings.video_all_sites,
        enabled: true,
    },
    Switch {
        label: "Redirected video outlines",
        why: "A bright border round each redirected video, at once.",
        field: |settings| &mut settings.video_outlines,
        enabled: true,
    },
    Switch {
        label: "Video Status Overlay",
        why: "A short message at the top of the player for five seconds: redirected, or why not.",
        field: |settings| &mut settings.video_status_overlay,
        enabled: true,
    },
    Switch {
        label: "Enable call redirection for all sites (experimental)",
        why: "Needs consent on this device: AllowCallRedirectionAllSites = 1. Calls are not part \
              of this version yet.",
        field: |settings| &mut settings.call_all_sites,
        enabled: false,
    },
    Switch {
        label: "Pause redirection",
        why: "Everything plays in the session until you resume.",
        field: |settings| &mut settings.paused,
        enabled: true,
    },
];

fn switches_ui(ui: &mut Ui, settings: &DeviceSettings, commands: &mut Vec<Command>) {
    for (index, switch) in SWITCHES.iter().enumerate() {
        if index > 0 {
            ui.add_space(theme::STEP);
        }
        let mut asked = *settings;
        let field = (switch.field)(&mut asked);
        if switch_row(ui, switch.label, switch.why, *field, switch.enabled) {
            *field = !*field;
            commands.push(Command::Send(Request::SetSettings { settings: asked }));
        }
    }
}
