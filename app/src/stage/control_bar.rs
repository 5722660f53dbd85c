//! How playback stands, over the browser's own controls: those show the element that is parked
//! in the session. Its buttons lie below and do what they always do.
//!
//! Measured in Chromium 156, in CSS pixels: a bar of 72 with a row of buttons of 48, play at
//! the left, then the time; below the row the time line.

use super::overlay::points;
use egui::{Align2, Color32, CornerRadius, FontId, Painter, Pos2, Rect, Shape, Stroke, Vec2};
use nearside_channel::message;
use std::time::Duration;

/// Height of the bar.
const BAR: f32 = 72.0;
/// From the bar's lower edge to the middle of the buttons, and of the time line.
const BUTTONS_UP: f32 = 47.0;
const LINE_UP: f32 = 22.0;
/// From the bar's left edge to the middle of the button, and to the time.
const BUTTON_X: f32 = 24.0;
const TIME_X: f32 = 48.0;
/// From the bar's edges to the time line.
const LINE_X: f32 = 16.0;
const LINE_HEIGHT: f32 = 4.0;
const KNOB: f32 = 6.0;
const TEXT: f32 = 14.0;

const SHADE: Color32 = Color32::from_black_alpha(230);
const REST: Color32 = Color32::from_gray(110);

/// What the bar shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ControlBar {
    /// On the picture, in pixels.
    pub(crate) rect: message::Rect,
    pub(crate) button: Button,
    pub(crate) position: Duration,
    /// `None`: endless, or not known.
    pub(crate) duration: Option<Duration>,
}

/// What a click on the button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Button {
    Play,
    Pause,
    Replay,
}

impl ControlBar {
    /// How much of a picture of `height` it takes at its lower edge, in pixels.
    pub(crate) fn height_on(&self, height: u32) -> u32 {
        height.saturating_sub(u32::try_from(self.rect.y).unwrap_or(0))
    }

    pub(crate) fn draw(&self, painter: &Painter) {
        let Self { button, position, duration, .. } = *self;
        let rect = on_picture(self.rect);
        let scale = rect.height() / BAR;
        if scale <= 0.0 {
            return;
        }
        painter.rect_filled(rect, CornerRadius::ZERO, SHADE);
        let row = rect.bottom() - BUTTONS_UP * scale;
        draw_button(painter, Pos2::new(rect.left() + BUTTON_X * scale, row), scale, button);
        let text = match duration {
            Some(duration) => format!("{} / {}", clock(position), clock(duration)),
            None => clock(position),
        };
        let at = Pos2::new(rect.left() + TIME_X * scale, row);
        let font = FontId::proportional((TEXT * scale).clamp(6.0, 200.0));
        painter.text(at, Align2::LEFT_CENTER, text, font, Color32::WHITE);
        let part = duration.map_or(0.0, |whole| part(position, whole));
        draw_line(painter, rect, scale, part);
    }
}

/// What lies to the left or above is drawn there, and cut by the picture's edge.
fn on_picture(rect: message::Rect) -> Rect {
    let at = |px: i32| if px < 0 { -points(px.unsigned_abs()) } else { points(px.unsigned_abs()) };
    let size = Vec2::new(points(rect.width), points(rect.height));
    Rect::from_min_size(Pos2::new(at(rect.x), at(rect.y)), size)
}

fn draw_button(painter: &Painter, middle: Pos2, scale: f32, button: Button) {
    let at = |x: f32, y: f32| middle + Vec2::new(x, y) * scale;
    match button {
        Button::Play => {
            let corners = vec![at(-4.0, -7.0), at(7.0, 0.0), at(-4.0, 7.0)];
            painter.add(Shape::convex_polygon(corners, Color32::WHITE, Stroke::NONE));
        }
        Button::Pause => {
            for x in [-4.0, 4.0] {
                let bar = Rect::from_two_pos(at(x - 2.0, -7.0), at(x + 2.0, 7.0));
                painter.rect_filled(bar, CornerRadius::ZERO, Color32::WHITE);
            }
        }
        Button::Replay => {
            painter.circle_stroke(middle, 6.0 * scale, Stroke::new(2.0 * scale, Color32::WHITE));
            let arrow = vec![at(-1.0, -10.0), at(-6.0, -6.0), at(-1.0, -2.0)];
            painter.add(Shape::convex_polygon(arrow, Color32::WHITE, Stroke::NONE));
        }
    }
}

fn draw_line(painter: &Painter, bar: Rect, scale: f32, part: f32) {
    let (left, right) = (bar.left() + LINE_X * scale, bar.right() - LINE_X * scale);
    if right <= left {
        return;
    }
    let middle = bar.bottom() - LINE_UP * scale;
    let half = LINE_HEIGHT * scale / 2.0;
    let at = left + (right - left) * part;
    let piece = |from: f32, to: f32| {
        Rect::from_min_max(Pos2::new(from, middle - half), Pos2::new(to, middle + half))
    };
    painter.rect_filled(piece(left, right), CornerRadius::same(2), REST);
    painter.rect_filled(piece(left, at), CornerRadius::same(2), Color32::WHITE);
    painter.circle_filled(Pos2::new(at, middle), KNOB * scale, Color32::WHITE);
}

/// 0 to 1.
fn part(position: Duration, whole: Duration) -> f32 {
    if whole.is_zero() {
        return 0.0;
    }
    position.div_duration_f32(whole).clamp(0.0, 1.0)
}

/// `1:02`, `1:00:02`: as browsers write it.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_browsers_do() {
        let cases = [(0, "0:00"), (9, "0:09"), (75, "1:15"), (3599, "59:59"), (3605, "1:00:05")];
        for (seconds, text) in cases {
            assert_eq!(clock(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn the_knob_stays_on_its_line() {
        let seconds = Duration::from_secs;
        assert_eq!(part(seconds(5), seconds(10)), 0.5);
        assert_eq!(part(seconds(15), seconds(10)), 1.0);
        assert_eq!(part(seconds(5), Duration::ZERO), 0.0);
    }
}
