//! How playback stands, over the browser's own controls: those show the element that is parked
//! in the session. Its buttons lie below and do what they always do.
//!
//! Measured in Chromium 156, in CSS pixels. On a picture: a bar of 72 with a row of buttons of
//! 48, play at the left, then the time; below the row the time line. Of sound alone: a row, of
//! which the inner 28 are drawn: play, the time, the time line.

use super::overlay::points;
use egui::{Color32, CornerRadius, FontId, Painter, Pos2, Rect, Shape, Stroke, Vec2};
use nearside_channel::message;
use std::time::Duration;

/// Where things are in a bar, in CSS pixels, and their colours.
struct Look {
    height: f32,
    /// From the bar's upper edge to the middle of the button, the time, and the time line.
    row: f32,
    line: f32,
    /// From the bar's left edge to the middle of the button, and to the time.
    button: f32,
    time: f32,
    /// Radius of the knob on the time line.
    knob: f32,
    shade: Color32,
    rest: Color32,
    ink: Color32,
}

const ON_PICTURE: Look = Look {
    height: 72.0,
    row: 25.0,
    line: 50.0,
    button: 24.0,
    time: 48.0,
    knob: 6.0,
    shade: Color32::from_black_alpha(230),
    rest: Color32::from_gray(110),
    ink: Color32::WHITE,
};

const OF_SOUND: Look = Look {
    height: 28.0,
    row: 14.0,
    line: 14.0,
    button: 16.0,
    time: 37.0,
    knob: 0.0,
    shade: Color32::from_rgb(241, 243, 244),
    rest: Color32::from_gray(170),
    ink: Color32::from_gray(20),
};

/// Between the time line and what is beside it.
const GAP: f32 = 16.0;
const LINE_HEIGHT: f32 = 4.0;
/// Shorter ones are left out.
const SHORTEST_LINE: f32 = 8.0;
const TEXT: f32 = 14.0;
/// On a picture: bars at least so wide have room for both times, or for the first one.
const BOTH_TIMES: f32 = 280.0;
const ONE_TIME: f32 = 235.0;

/// What the bar shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ControlBar {
    /// On the picture, in pixels; all that is seen of sound alone.
    pub(crate) rect: message::Rect,
    pub(crate) on_picture: bool,
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
        let look = if self.on_picture { &ON_PICTURE } else { &OF_SOUND };
        let rect = in_window(self.rect);
        let scale = rect.height() / look.height;
        if scale <= 0.0 {
            return;
        }
        painter.rect_filled(rect, CornerRadius::ZERO, look.shade);
        let row = rect.top() + look.row * scale;
        let middle = Pos2::new(rect.left() + look.button * scale, row);
        draw_button(painter, middle, scale, (self.button, look.ink));
        let time = Pos2::new(rect.left() + look.time * scale, row);
        let time = self.draw_time(painter, time, rect, scale);
        let line = rect.top() + look.line * scale;
        let (left, right) = if self.on_picture {
            (rect.left() + GAP * scale, rect.right() - GAP * scale)
        } else {
            (time + GAP * scale, rect.right())
        };
        if left + SHORTEST_LINE * scale < right {
            self.draw_line(painter, (Pos2::new(left, line), right), scale);
        }
    }

    /// Returns where it ends.
    fn draw_time(&self, painter: &Painter, at: Pos2, bar: Rect, scale: f32) -> f32 {
        let look = if self.on_picture { &ON_PICTURE } else { &OF_SOUND };
        let font = FontId::proportional((TEXT * scale).clamp(6.0, 200.0));
        let position = clock(self.position);
        let both = self.duration.map(|whole| format!("{position} / {}", clock(whole)));
        let fits = |least: f32, end: f32| {
            if self.on_picture { least * scale <= bar.width() } else { end <= bar.right() }
        };
        let times = [(both, BOTH_TIMES), (Some(position), ONE_TIME)];
        for (text, least) in times {
            let Some(text) = text else { continue };
            let galley = painter.layout_no_wrap(text, font.clone(), look.ink);
            let end = at.x + galley.size().x;
            if fits(least, end) {
                let top = at.y - galley.size().y / 2.0;
                painter.galley(Pos2::new(at.x, top), galley, look.ink);
                return end;
            }
        }
        at.x
    }

    /// From `left`, in its middle, to `right`.
    fn draw_line(&self, painter: &Painter, (left, right): (Pos2, f32), scale: f32) {
        let look = if self.on_picture { &ON_PICTURE } else { &OF_SOUND };
        let half = LINE_HEIGHT * scale / 2.0;
        let part = self.duration.map_or(0.0, |whole| part(self.position, whole));
        let at = left.x + (right - left.x) * part;
        let piece = |from: f32, to: f32| {
            Rect::from_min_max(Pos2::new(from, left.y - half), Pos2::new(to, left.y + half))
        };
        painter.rect_filled(piece(left.x, right), CornerRadius::same(2), look.rest);
        painter.rect_filled(piece(left.x, at), CornerRadius::same(2), look.ink);
        painter.circle_filled(Pos2::new(at, left.y), look.knob * scale, look.ink);
    }
}

/// What lies to the left or above is drawn there, and cut by the picture's edge.
fn in_window(rect: message::Rect) -> Rect {
    let at = |px: i32| if px < 0 { -points(px.unsigned_abs()) } else { points(px.unsigned_abs()) };
    let size = Vec2::new(points(rect.width), points(rect.height));
    Rect::from_min_size(Pos2::new(at(rect.x), at(rect.y)), size)
}

fn draw_button(painter: &Painter, middle: Pos2, scale: f32, (button, ink): (Button, Color32)) {
    let at = |x: f32, y: f32| middle + Vec2::new(x, y) * scale;
    match button {
        Button::Play => {
            let corners = vec![at(-4.0, -7.0), at(7.0, 0.0), at(-4.0, 7.0)];
            painter.add(Shape::convex_polygon(corners, ink, Stroke::NONE));
        }
        Button::Pause => {
            for x in [-4.0, 4.0] {
                let bar = Rect::from_two_pos(at(x - 2.0, -7.0), at(x + 2.0, 7.0));
                painter.rect_filled(bar, CornerRadius::ZERO, ink);
            }
        }
        Button::Replay => {
            painter.circle_stroke(middle, 6.0 * scale, Stroke::new(2.0 * scale, ink));
            let arrow = vec![at(-1.0, -10.0), at(-6.0, -6.0), at(-1.0, -2.0)];
            painter.add(Shape::convex_polygon(arrow, ink, Stroke::NONE));
        }
    }
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
