//! The card of one redirected video or audio: what it is, how it does, what is wrong with it.

use crate::format;
use crate::icons::Icon;
use crate::theme::{self, Colors, Tone};
use crate::view::{Command, View};
use crate::widgets::{alert, card, chips, dim, strong, tile, title_row};
use crate::{plot, transport};
use egui::Ui;
use nearside::status::{Item, ItemKind, Placement, Playback};
use nearside_channel::message::Reason;

/// A/V offset that people notice, in milliseconds: sound leads by more than the first or lags
/// by more than the second (ITU-R BT.1359-1, detectability).
const NOTICED_LEAD_MS: f64 = 45.0;
const NOTICED_LAG_MS: f64 = 125.0;

pub(crate) fn item_ui(ui: &mut Ui, view: &View<'_>, item: &Item, commands: &mut Vec<Command>) {
    match &item.failed {
        Some(reason) => failed_ui(ui, view, item, reason),
        None => card(ui, |ui| playing_ui(ui, view, item, commands)),
    }
}

fn playing_ui(ui: &mut Ui, view: &View<'_>, item: &Item, commands: &mut Vec<Command>) {
    let (state, tone) = state(item);
    let colors = Colors::of(ui);
    ui.horizontal_top(|ui| {
        let flow = if item.flowing { Tone::Good } else { Tone::Neutral };
        tile(ui, icon(item), flow.colors(colors));
        ui.add_space(2.0);
        ui.vertical(|ui| {
            title_row(ui, &title(item), state, tone.colors(colors));
            dim(ui, &format::item_facts(item, view.now_unix_ms), theme::CONTROL_TEXT);
            ui.add_space(theme::STEP);
            plot::plot_ui(ui, view.history.of(item.page, item.player));
            ui.add_space(theme::HALF);
            chips(ui, &facts(item));
            if let Some(reason) = &item.warning {
                ui.add_space(theme::HALF);
                warning_ui(ui, reason);
            }
        });
    });
    if item.steerable {
        ui.add_space(theme::STEP);
        transport::transport_ui(ui, view, item, commands);
    }
}

fn warning_ui(ui: &mut Ui, reason: &Reason) {
    let color = Colors::of(ui).amber;
    let text = format::short(&format!("{} {}", reason.message, reason.next_step));
    ui.add(egui::Label::new(egui::RichText::new(text).size(theme::SMALL).color(color)).wrap());
}

/// A page's own item falls back and goes on in the session; a steered one has nowhere to go.
fn failed_ui(ui: &mut Ui, view: &View<'_>, item: &Item, reason: &Reason) {
    let tone = if item.steerable { Tone::Bad } else { Tone::Caution };
    let state = if item.steerable { "failed" } else { "fell back" };
    let colors = Colors::of(ui);
    alert(ui, tone, |ui| {
        ui.horizontal_top(|ui| {
            tile(ui, Icon::Warning, tone.solid(colors));
            ui.add_space(2.0);
            ui.vertical(|ui| {
                title_row(ui, &title(item), state, tone.solid(colors));
                dim(ui, &format::item_facts(item, view.now_unix_ms), theme::CONTROL_TEXT);
                ui.add_space(theme::HALF);
                strong(ui, &format::short(&reason.message), theme::CONTROL_TEXT, colors.text, true);
                dim(ui, &format::short(&reason.next_step), theme::CONTROL_TEXT);
            });
        });
    });
}

fn title(item: &Item) -> String {
    match (item.title.trim().is_empty(), item.kind) {
        (false, _) => format::short(item.title.trim()),
        (true, ItemKind::Video) => "Video".to_owned(),
        (true, ItemKind::Audio) => "Sound".to_owned(),
        (true, ItemKind::Call) => "Call".to_owned(),
    }
}

fn icon(item: &Item) -> Icon {
    match item.kind {
        ItemKind::Video => Icon::Play,
        ItemKind::Audio => Icon::Speaker,
        ItemKind::Call => Icon::Phone,
    }
}

/// The state in a word or two; green only while media flows.
fn state(item: &Item) -> (&'static str, Tone) {
    let offset = item.video.as_ref().and_then(|video| video.av_offset_ms);
    match (item.playback, item.flowing, offset) {
        (Playback::Stalled, ..) => ("stalled", Tone::Caution),
        (Playback::Seeking, ..) => ("seeking", Tone::Neutral),
        (Playback::Paused, ..) => ("paused", Tone::Neutral),
        (Playback::Ended, ..) => ("ended", Tone::Neutral),
        (Playback::Playing, false, _) => ("starting", Tone::Neutral),
        (Playback::Playing, true, None) => ("playing", Tone::Good),
        (Playback::Playing, true, Some(ms)) if in_sync(ms) => ("in sync", Tone::Good),
        (Playback::Playing, true, Some(_)) => ("out of sync", Tone::Caution),
    }
}

fn in_sync(av_offset_ms: f64) -> bool {
    (-NOTICED_LAG_MS..=NOTICED_LEAD_MS).contains(&av_offset_ms)
}

/// The numbers worth a glance; trouble only where there is some.
fn facts(item: &Item) -> Vec<(String, Tone)> {
    let mut facts = vec![(format::bit_rate(item.bit_rate), Tone::Neutral)];
    let trouble = |count: u64, what: &str| {
        (count > 0).then(|| (format!("{} {what}", format::thousands(count)), Tone::Caution))
    };
    if let Some(video) = &item.video {
        let shown = video.presented.saturating_add(video.dropped);
        let dropped = format::thousands(video.dropped);
        facts.push((
            format!("{dropped} of {} dropped", format::thousands(shown)),
            if video.dropped > 0 { Tone::Caution } else { Tone::Neutral },
        ));
        facts.extend(video.av_offset_ms.map(|ms| {
            let tone = if in_sync(ms) { Tone::Neutral } else { Tone::Caution };
            (format::av_offset(ms), tone)
        }));
        if video.placement == Some(Placement::PlayerWindow) {
            facts.push(("own window".to_owned(), Tone::Caution));
        }
        facts.extend(trouble(video.late, "late"));
        facts.extend(trouble(video.corrupted, "damaged"));
    }
    if let Some(audio) = &item.audio {
        facts.extend(trouble(audio.underruns, "gaps in sound"));
        if audio.device.is_none() {
            facts.push(("no sound device".to_owned(), Tone::Caution));
        }
    }
    if item.muted {
        facts.push(("muted".to_owned(), Tone::Neutral));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside::status::VideoStats;

    #[test]
    fn only_a_picture_that_should_be_over_the_session_is_worth_a_word() {
        let names = |placement| {
            let video = Some(VideoStats { placement, ..VideoStats::default() });
            let facts = facts(&Item { video, ..Item::default() });
            facts.iter().any(|(text, tone)| text == "own window" && *tone == Tone::Caution)
        };
        assert!(names(Some(Placement::PlayerWindow)));
        for placement in [Placement::OverSession, Placement::FreeStanding, Placement::Offscreen] {
            assert!(!names(Some(placement)), "{placement:?}");
        }
        assert!(!names(None));
    }

    #[test]
    fn state_is_green_only_while_media_flows() {
        let playing = |flowing, av_offset_ms| Item {
            playback: Playback::Playing,
            flowing,
            video: Some(VideoStats { av_offset_ms, ..VideoStats::default() }),
            ..Item::default()
        };
        let cases = [
            (playing(true, Some(4.0)), "in sync", Tone::Good),
            (playing(true, Some(46.0)), "out of sync", Tone::Caution),
            (playing(true, Some(-124.0)), "in sync", Tone::Good),
            (playing(true, Some(-126.0)), "out of sync", Tone::Caution),
            (playing(true, Some(f64::NAN)), "out of sync", Tone::Caution),
            (playing(true, None), "playing", Tone::Good),
            (playing(false, Some(4.0)), "starting", Tone::Neutral),
        ];
        for (item, text, tone) in cases {
            assert_eq!(state(&item), (text, tone));
        }
        for playback in [Playback::Paused, Playback::Stalled, Playback::Seeking, Playback::Ended] {
            let item = Item { playback, flowing: true, ..Item::default() };
            assert_ne!(state(&item).1, Tone::Good, "{playback:?}");
        }
    }
}
