//! The slider of seek bar and volume: a rail with filled and buffered parts.
//!
//! It shows the agent's value; only while the pointer holds the handle it shows the pointer's.
//! Keys: left and right a step, Home and End.

use crate::theme::{self, Colors};
use egui::accesskit::{Action, ActionData};
use egui::{EventFilter, Key, Rangef, Rect, Response, Role, Sense, Ui, Vec2, WidgetInfo, pos2};

/// What a track shows. All values are in the same unit, from 0 to `max`.
pub(crate) struct Track<'a> {
    pub label: &'a str,
    /// The value for people, e.g. `0:07 of 0:12`.
    pub text: String,
    pub value: f64,
    pub max: f64,
    /// What one arrow key moves.
    pub step: f64,
    /// Parts that are marked, e.g. what is buffered.
    pub spans: &'a [(f64, f64)],
    /// Ask for each value on the way, not only where the pointer lets go.
    pub live: bool,
    pub width: f32,
}

/// Draws the track. Returns the value that the user asks for.
pub(crate) fn track_ui(ui: &mut Ui, track: &Track<'_>) -> Option<f64> {
    let size = Vec2::new(track.width, 20.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let max = if track.max.is_finite() { track.max.max(f64::EPSILON) } else { 1.0 };
    let rail = rect.shrink2(Vec2::new(0.0, 8.0));
    let reach = reach(rail);

    let (held, asked) = pointer(ui, &response, reach, max, track.live);
    let asked = asked.or_else(|| keys(ui, &response, track, max));
    let shown = held.unwrap_or(track.value).clamp(0.0, max);
    if ui.is_rect_visible(rect) {
        paint(ui, &response, rail, shown / max, track.spans.iter().map(|s| (s.0 / max, s.1 / max)));
    }
    describe(ui, &response, track, shown, max);
    asked
}

/// The value under the pointer while it holds the handle, and the value asked for.
fn pointer(
    ui: &Ui,
    response: &Response,
    reach: Rangef,
    max: f64,
    live: bool,
) -> (Option<f64>, Option<f64>) {
    let id = response.id.with("held");
    let before: Option<f64> = ui.data(|data| data.get_temp(id));
    let under = response.interact_pointer_pos().map(|pos| {
        let share = egui::remap_clamp(pos.x, reach, 0.0..=1.0);
        f64::from(share) * max
    });
    if response.is_pointer_button_down_on() {
        let held = under.or(before);
        if let Some(held) = held {
            ui.data_mut(|data| data.insert_temp(id, held));
        }
        (held, held.filter(|held| live && before != Some(*held)))
    } else if let Some(last) = before {
        ui.data_mut(|data| data.remove::<f64>(id));
        let asked = under.unwrap_or(last);
        (Some(asked), (!live || asked != last).then_some(asked))
    } else if response.clicked() {
        (under, under)
    } else {
        (None, None)
    }
}

/// Where the handle's centre may be, so that it stays inside of the rail at both ends.
fn reach(rail: Rect) -> Rangef {
    Rangef::new(rail.left() + 7.0, rail.right() - 7.0)
}

fn keys(ui: &Ui, response: &Response, track: &Track<'_>, max: f64) -> Option<f64> {
    let mut asked = ui.input(|input| {
        let id = response.id;
        let set = input.accesskit_action_requests(id, Action::SetValue).last();
        let value = set.and_then(|request| match request.data {
            Some(ActionData::NumericValue(value)) if value.is_finite() => Some(value),
            _ => None,
        });
        value
            .or_else(|| {
                input
                    .has_accesskit_action_request(id, Action::Increment)
                    .then_some(track.value + track.step)
            })
            .or_else(|| {
                input
                    .has_accesskit_action_request(id, Action::Decrement)
                    .then_some(track.value - track.step)
            })
    });
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        ui.input(|input| {
            let by_key = [
                (Key::ArrowLeft, track.value - track.step),
                (Key::ArrowRight, track.value + track.step),
                (Key::Home, 0.0),
                (Key::End, max),
            ];
            for (key, value) in by_key {
                if input.key_pressed(key) {
                    asked = Some(value);
                }
            }
        });
    }
    asked.map(|value| value.clamp(0.0, max)).filter(|value| *value != track.value)
}

/// `share` and `spans` are parts of the rail, 0 to 1.
fn paint(
    ui: &Ui,
    response: &Response,
    rail: Rect,
    share: f64,
    spans: impl Iterator<Item = (f64, f64)>,
) {
    let colors = Colors::of(ui);
    let painter = ui.painter();
    let at = |share: f64| egui::lerp(reach(rail), points(share.clamp(0.0, 1.0)));
    let part = |from: f64, to: f64| {
        let left = if from <= 0.0 { rail.left() } else { at(from) };
        let right = if to >= 1.0 { rail.right() } else { at(to) };
        Rect::from_x_y_ranges(left..=right, rail.y_range())
    };
    painter.rect_filled(rail, 2.0, colors.chip);
    for (from, to) in spans {
        if to > from {
            painter.rect_filled(part(from, to), 2.0, colors.buffered);
        }
    }
    painter.rect_filled(part(0.0, share), 2.0, colors.accent);
    let center = pos2(at(share), rail.center().y);
    let grown = response.hovered() || response.dragged() || response.has_focus();
    painter.circle_filled(center, if grown { 7.0 } else { 6.0 }, colors.accent);
    if response.has_focus() {
        let ring = egui::Stroke::new(1.5, colors.accent);
        painter.rect_stroke(response.rect, theme::CHIP_RADIUS, ring, egui::StrokeKind::Inside);
    }
}

fn describe(ui: &Ui, response: &Response, track: &Track<'_>, shown: f64, max: f64) {
    response.widget_info(|| {
        let mut info = WidgetInfo::new(Role::Slider);
        info.enabled = ui.is_enabled();
        info.label = Some(track.label.to_owned());
        info.value = Some(shown);
        info
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(max);
        node.set_numeric_value_step(track.step);
        node.set_value(track.text.clone());
        for action in [Action::SetValue, Action::Increment, Action::Decrement] {
            node.add_action(action);
        }
    });
}

/// A share or a distance for drawing.
#[expect(clippy::as_conversions, reason = "drawing needs no more than f32 has")]
pub(crate) fn points(value: f64) -> f32 {
    value as f32
}
