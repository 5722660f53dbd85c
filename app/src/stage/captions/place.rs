//! Where WebVTT puts a caption: its box from left to right, and from top to bottom among others.

use egui::{Pos2, Rect, Vec2};
use nearside_channel::message::{Caption, CaptionAlign, CaptionLine};

/// Room to the picture's edges in parts of its height.
const MARGIN_PART: f32 = 0.02;

/// Where lines of text begin in their box, or end, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Middle,
    Right,
}

impl Side {
    /// Of a caption whose first line runs from right to left, or not (WebVTT, section 7.2,
    /// "computed position alignment").
    pub(super) fn of(align: CaptionAlign, is_rtl: bool) -> Self {
        match (align, is_rtl) {
            (CaptionAlign::Left, _) | (CaptionAlign::Start, false) | (CaptionAlign::End, true) => {
                Self::Left
            }
            (CaptionAlign::Center, _) => Self::Middle,
            (CaptionAlign::Right, _) | (CaptionAlign::Start, true) | (CaptionAlign::End, false) => {
                Self::Right
            }
        }
    }

    fn fraction(self) -> f32 {
        match self {
            Self::Left => 0.0,
            Self::Middle => 0.5,
            Self::Right => 1.0,
        }
    }
}

/// Left edge and width of a caption's box, in parts of the picture's width (WebVTT, section
/// 7.2, steps 3 to 7, for horizontal text).
pub(super) fn column(caption: &Caption, side: Side) -> (f32, f32) {
    let position = caption.position.map_or_else(|| side.fraction(), part);
    let most = match side {
        Side::Left => 1.0 - position,
        Side::Middle => 2.0 * position.min(1.0 - position),
        Side::Right => position,
    };
    let width = part(caption.size).min(most);
    (position - width * side.fraction(), width)
}

/// Top of a caption of this height in pixels: where its line says, moved from there towards
/// the middle by as much as those that are `placed` make it.
pub(super) fn free_top(
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

/// The box of a caption in pixels.
pub(super) fn span(size: Vec2, (left, width): (f32, f32), top: f32, height: f32) -> Rect {
    Rect::from_min_size(Pos2::new(left * size.x, top), Vec2::new(width * size.x, height))
}

/// Boxes that only touch do not overlap.
fn overlap(a: Rect, b: Rect) -> bool {
    a.shrink(0.5).intersects(b.shrink(0.5))
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
        Caption { text: "words".to_owned(), line, position, size: 100.0, align, styles: Vec::new() }
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
            let (left, width) = column(&of, Side::of(align, false));
            let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
            assert!(near(left, wanted.0) && near(width, wanted.1), "{of:?}: {left}, {width}");
        }
    }

    #[test]
    fn start_and_end_are_where_the_text_begins_and_ends() {
        let side = |align, is_rtl| Side::of(align, is_rtl);
        assert_eq!(side(CaptionAlign::Start, true), Side::Right);
        assert_eq!(side(CaptionAlign::End, true), Side::Left);
        assert_eq!(side(CaptionAlign::Left, true), Side::Left);
        assert_eq!(side(CaptionAlign::Right, true), Side::Right);
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
}
