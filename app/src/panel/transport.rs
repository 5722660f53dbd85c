//! What a page with a player would offer, for items that have no page of their own: play,
//! seek, rate, volume. Each control asks the agent and shows what the agent says.

use crate::format;
use crate::icons::Icon;
use crate::theme;
use crate::track::{Track, track_ui};
use crate::view::{Command, View};
use crate::widgets::{dim, icon_button};
use egui::{Align, ComboBox, Layout, Ui};
use nearside::control::Request;
use nearside::status::{Item, Playback};
use nearside_channel::message::{PageId, PlayerCommand, PlayerId};

/// The rates offered, within the 0.25 to 4 that redirection supports.
const RATES: [f64; 9] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0];

/// What an arrow key moves on the seek bar: five seconds, as in browsers.
const SEEK_STEP_MICROS: i64 = 5_000_000;

pub(crate) fn transport_ui(ui: &mut Ui, view: &View<'_>, item: &Item, commands: &mut Vec<Command>) {
    let mut steer = |command| {
        let (page, player) = (PageId(item.page), PlayerId(item.player));
        commands.push(Command::Send(Request::Steer { page, player, command }));
    };
    if let Some(to_micros) = seek_ui(ui, item) {
        steer(PlayerCommand::Seek { to_micros, token: view.seek_token });
    }
    ui.horizontal(|ui| {
        let running = !matches!(item.playback, Playback::Paused | Playback::Ended);
        let (icon, label) = if running { (Icon::Pause, "Pause") } else { (Icon::Play, "Play") };
        if icon_button(ui, icon, label).clicked() {
            steer(if running { PlayerCommand::Pause } else { PlayerCommand::Play });
        }
        dim(ui, &time_text(item), theme::CONTROL_TEXT);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            sound_ui(ui, item, &mut steer);
            rate_ui(ui, item, &mut steer);
        });
    });
}

/// The seek bar with what is buffered. Returns where to.
fn seek_ui(ui: &mut Ui, item: &Item) -> Option<i64> {
    let buffered_end = item.buffered.iter().map(|span| span.1).max().unwrap_or(0);
    let max = item.duration_micros.unwrap_or(buffered_end).max(item.position_micros).max(1);
    let spans: Vec<(f64, f64)> =
        item.buffered.iter().map(|(from, to)| (seconds(*from), seconds(*to))).collect();
    let track = Track {
        label: "Seek",
        text: time_text(item),
        value: seconds(item.position_micros),
        max: seconds(max),
        step: seconds(SEEK_STEP_MICROS),
        spans: &spans,
        live: false,
        width: ui.available_width(),
    };
    track_ui(ui, &track).map(micros)
}

/// `0:07 / 0:12`; without a known end `0:07 · live`.
fn time_text(item: &Item) -> String {
    let position = format::clock(item.position_micros);
    match item.duration_micros {
        Some(duration) => format!("{position} / {}", format::clock(duration)),
        None => format!("{position} · live"),
    }
}

fn rate_ui(ui: &mut Ui, item: &Item, steer: &mut impl FnMut(PlayerCommand)) {
    let salt = ("rate", item.page, item.player);
    let list = ComboBox::from_id_salt(salt).width(64.0).selected_text(format::rate(item.rate));
    let shown = list.show_ui(ui, |ui| {
        for rate in RATES {
            let current = (rate - item.rate).abs() < 1e-6;
            if ui.selectable_label(current, format::rate(rate)).clicked() {
                steer(PlayerCommand::Rate { rate, preserves_pitch: true });
            }
        }
    });
    shown.response.accessible_name("Playback rate").on_hover_text("Playback rate");
}

fn sound_ui(ui: &mut Ui, item: &Item, steer: &mut impl FnMut(PlayerCommand)) {
    let volume = if item.volume.is_finite() { item.volume.clamp(0.0, 1.0) } else { 0.0 };
    let track = Track {
        label: "Volume",
        text: format!("{:.0} %", volume * 100.0),
        value: if item.muted { 0.0 } else { volume },
        max: 1.0,
        step: 0.05,
        spans: &[],
        live: true,
        width: 88.0,
    };
    if let Some(volume) = track_ui(ui, &track) {
        steer(PlayerCommand::Volume { volume, muted: false });
    }
    let (icon, label) = if item.muted { (Icon::Muted, "Unmute") } else { (Icon::Speaker, "Mute") };
    if icon_button(ui, icon, label).clicked() {
        steer(PlayerCommand::Volume { volume, muted: !item.muted });
    }
}

#[expect(clippy::as_conversions, reason = "for drawing; exact below 285 years")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[expect(clippy::as_conversions, reason = "saturates at the ends of i64")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}
