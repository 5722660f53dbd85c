//! Captions over the picture: where WebVTT puts them, and white on translucent black.
//!
//! Simpler than WebVTT's section 7 in three things: text runs from left to right and from top
//! to bottom, a caption that finds no room is drawn over others, and there are no styles.
//! Scripts that egui's fonts do not have (they have Latin, Greek and Cyrillic) are drawn as
//! boxes.

use egui::text::{LayoutJob, TextWrapping};
use egui::{Align, Color32, FontId, Painter, Pos2, Rect, TextFormat, Vec2};
use nearside_channel::message::{Caption, CaptionAlign, CaptionLine};

/// Height of the text in parts of the picture's height, as browsers have it.
const TEXT_PART: f32 = 0.05;
/// Text is no smaller, in pixels.
const MIN_TEXT_PX: f32 = 10.0;
/// Height of a line in parts of that of its text.
const LINE_PART: f32 = 1.25;
/// Room to the picture's edges in parts of its height.
const MARGIN_PART: f32 = 0.02;

const BACK: Color32 = Color32::from_black_alpha(200);

/// Draws all of `captions` onto a picture of `size` in pixels, the first one lowest.
pub(crate) fn draw(painter: &Painter, size: Vec2, captions: &[Caption]) {
    let text_px = (size.y * TEXT_PART).max(MIN_TEXT_PX);
    let line_px = text_px * LINE_PART;
    let pad = Vec2::new(text_px * 0.3, 0.0);
    let mut placed: Vec<Rect> = Vec::new();
    for caption in captions {
        let text = drawable(&caption.text);
        if text.is_empty() {
            continue;
        }
        let (left, width) = column(caption);
        let align = alignment(caption.align);
        let mut job = LayoutJob::single_section(
            text,
            TextFormat {
                font_id: FontId::proportional(text_px),
                line_height: Some(line_px),
                color: Color32::WHITE,
                ..TextFormat::default()
            },
        );
        let wrap_px = (width * size.x - 2.0 * pad.x).max(text_px);
        job.wrap = TextWrapping { max_width: wrap_px, ..TextWrapping::default() };
        job.halign = align;
        let galley = painter.layout_job(job);
        let height = galley.rows.iter().map(|row| row.rect().bottom()).fold(0.0, f32::max);
        let top = free_top(caption.line, size, (left, width), height, line_px, &placed);
        let anchor = left + width * fraction(align);
        let inward = pad.x * (1.0 - 2.0 * fraction(align));
        let at = Pos2::new(anchor * size.x + inward, top);
        placed.push(span(size, (left, width), top, height));
        for row in &galley.rows {
            let rect = row.rect().translate(at.to_vec2());
            if 0.0 < rect.width() {
                painter.rect_filled(rect.expand2(pad), 0.0, BACK);
            }
        }
        painter.galley(at, galley, Color32::WHITE);
    }
}

/// Lines without what cannot be drawn.
fn drawable(text: &str) -> String {
    let is_kept = |c: &char| *c == '\n' || !c.is_control();
    let kept: String = text.chars().filter(is_kept).collect();
    kept.trim_end().to_owned()
}

/// Left edge and width of a caption's box, in parts of the picture's width (WebVTT, section
/// 7.2, steps 3 to 7, for horizontal text).
fn column(caption: &Caption) -> (f32, f32) {
    let align = alignment(caption.align);
    let position = caption.position.map_or_else(|| fraction(align), part);
    let most = match align {
        Align::Min => 1.0 - position,
        Align::Center => 2.0 * position.min(1.0 - position),
        Align::Max => position,
    };
    let width = part(caption.size).min(most);
    (position - width * fraction(align), width)
}

/// Top of a caption of this height in pixels: where its line says, moved from there towards
/// the middle by as much as those that are `placed` make it.
fn free_top(
    line: CaptionLine,
    size: Vec2,
    column: (f32, f32),
    height: f32,
    line_px: f32,
    placed: &[Rect],
) -> f32 {
    let margin = size.y * MARGIN_PART;
    let lines = |count: i32| f32::from(i16::try_from(count).unwrap_or(i16::MAX)) * line_px;
    let (wanted, is_up) = match line {
        CaptionLine::Auto => (size.y - margin - height, true),
        CaptionLine::Number { line } if line < 0 => {
            let above = lines(line.saturating_add(1).saturating_neg());
            (size.y - margin - height - above, true)
        }
        CaptionLine::Number { line } => (margin + lines(line), false),
        CaptionLine::Percent { percent } => (part(percent) * size.y, false),
    };
    let lowest = (size.y - height).max(0.0);
    let mut top = wanted.clamp(0.0, lowest);
    // Each step passes one of those placed, so it ends.
    for _ in placed {
        let own = span(size, column, top, height);
        let Some(other) = placed.iter().find(|other| overlap(own, **other)) else { break };
        top = if is_up { other.top() - height } else { other.bottom() };
    }
    if (0.0..=lowest).contains(&top) { top } else { wanted.clamp(0.0, lowest) }
}

fn span(size: Vec2, (left, width): (f32, f32), top: f32, height: f32) -> Rect {
    Rect::from_min_size(Pos2::new(left * size.x, top), Vec2::new(width * size.x, height))
}

/// Boxes that only touch do not overlap.
fn overlap(a: Rect, b: Rect) -> bool {
    a.shrink(0.5).intersects(b.shrink(0.5))
}

fn alignment(align: CaptionAlign) -> Align {
    match align {
        CaptionAlign::Start | CaptionAlign::Left => Align::Min,
        CaptionAlign::Center => Align::Center,
        CaptionAlign::End | CaptionAlign::Right => Align::Max,
    }
}

fn fraction(align: Align) -> f32 {
    match align {
        Align::Min => 0.0,
        Align::Center => 0.5,
        Align::Max => 1.0,
    }
}

/// Percent as a part of one.
fn part(percent: f64) -> f32 {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "0 to 1")]
    let part = (percent.clamp(0.0, 100.0) / 100.0) as f32;
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Vec2 = Vec2::new(1000.0, 500.0);

    fn caption(line: CaptionLine, align: CaptionAlign, position: Option<f64>) -> Caption {
        Caption { text: "words".to_owned(), line, position, size: 100.0, align }
    }

    #[test]
    fn boxes_lie_where_the_cue_says() {
        let cases = [
            (CaptionAlign::Center, None, 100.0, (0.0, 1.0)),
            (CaptionAlign::Center, Some(25.0), 100.0, (0.0, 0.5)),
            (CaptionAlign::Center, Some(50.0), 40.0, (0.3, 0.4)),
            (CaptionAlign::Start, None, 100.0, (0.0, 1.0)),
            (CaptionAlign::Left, Some(75.0), 100.0, (0.75, 0.25)),
            (CaptionAlign::End, None, 50.0, (0.5, 0.5)),
            (CaptionAlign::Right, Some(30.0), 100.0, (0.0, 0.3)),
        ];
        for (align, position, size, wanted) in cases {
            let of = Caption { size, ..caption(CaptionLine::Auto, align, position) };
            let (left, width) = column(&of);
            let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
            assert!(near(left, wanted.0) && near(width, wanted.1), "{of:?}: {left}, {width}");
        }
    }

    #[test]
    fn lines_are_counted_from_their_edge_and_stay_on_the_picture() {
        let (height, line_px) = (30.0, 30.0);
        let cases = [
            (CaptionLine::Auto, 460.0),
            (CaptionLine::Number { line: -1 }, 460.0),
            (CaptionLine::Number { line: -2 }, 430.0),
            (CaptionLine::Number { line: 0 }, 10.0),
            (CaptionLine::Number { line: 2 }, 70.0),
            (CaptionLine::Number { line: i32::MAX }, 470.0),
            (CaptionLine::Number { line: i32::MIN }, 0.0),
            (CaptionLine::Percent { percent: 0.0 }, 0.0),
            (CaptionLine::Percent { percent: 50.0 }, 250.0),
            (CaptionLine::Percent { percent: 100.0 }, 470.0),
        ];
        for (line, wanted) in cases {
            assert_eq!(free_top(line, SIZE, (0.0, 1.0), height, line_px, &[]), wanted, "{line:?}");
        }
    }

    #[test]
    fn captions_make_room_for_each_other() {
        let all = (0.0, 1.0);
        let top = |line, placed: &[Rect]| free_top(line, SIZE, all, 30.0, 30.0, placed);
        let low = span(SIZE, all, 460.0, 30.0);
        let second = span(SIZE, all, 430.0, 30.0);
        assert_eq!(top(CaptionLine::Auto, &[low]), 430.0);
        assert_eq!(top(CaptionLine::Auto, &[low, second]), 400.0);
        let high = span(SIZE, all, 10.0, 30.0);
        assert_eq!(top(CaptionLine::Number { line: 0 }, &[high]), 40.0);
        // Side by side there is room.
        let left = span(SIZE, (0.0, 0.5), 460.0, 30.0);
        assert_eq!(free_top(CaptionLine::Auto, SIZE, (0.5, 0.5), 30.0, 30.0, &[left]), 460.0);
        // Nowhere: over the others rather than out of sight.
        let whole = span(SIZE, all, 0.0, 500.0);
        assert_eq!(top(CaptionLine::Auto, &[whole]), 460.0);
    }

    #[test]
    fn hostile_text_is_drawn_without_harm() {
        let context = egui::Context::default();
        let texts = [
            "\u{0}\u{7}\u{202e}\u{200f}".to_owned(),
            "\n".repeat(2000),
            "W".repeat(2048),
            "e\u{301}".repeat(600),
            "字幕 שלום \u{1f3ac}".to_owned(),
        ];
        for text in texts {
            let of = Caption { text, ..caption(CaptionLine::Auto, CaptionAlign::Center, None) };
            for size in [SIZE, Vec2::new(1.0, 1.0), Vec2::new(65_535.0, 16.0)] {
                let mut output = context.run_ui(egui::RawInput::default(), |ui| {
                    let painter = ui.ctx().layer_painter(egui::LayerId::background());
                    draw(&painter, size, &[of.clone(), of.clone()]);
                });
                // Nothing shows them here.
                output.textures_delta.clear();
            }
        }
    }
}
