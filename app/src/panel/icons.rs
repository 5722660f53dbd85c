//! Icons drawn as shapes: sharp at every scale, coloured by the theme.
//!
//! Glyphs are described on a 14×14 box and stretched to the wanted square. The program's icon
//! with its badges follows `assets/icons/*.svg`.

use crate::theme::Colors;
use egui::epaint::{PathShape, QuadraticBezierShape};
use egui::{Color32, CornerRadius, IconData, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2};
use nearside::status::Indicator;

/// Side of the box that glyphs are described on.
const BOX: f32 = 14.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Play,
    Pause,
    Phone,
    Check,
    Dash,
    Cross,
    Speaker,
    Muted,
    Warning,
    Info,
}

/// Paints `icon` into the square `rect`.
pub(crate) fn paint(painter: &Painter, rect: Rect, icon: Icon, color: Color32) {
    let pen = Pen { painter, origin: rect.min, scale: rect.width() / BOX, color };
    match icon {
        Icon::Play => pen.fill(&[(4.0, 2.2), (12.0, 7.0), (4.0, 11.8)]),
        Icon::Pause => {
            pen.fill(&[(3.5, 2.5), (5.9, 2.5), (5.9, 11.5), (3.5, 11.5)]);
            pen.fill(&[(8.1, 2.5), (10.5, 2.5), (10.5, 11.5), (8.1, 11.5)]);
        }
        Icon::Phone => {
            pen.curve([(3.7, 3.9), (4.4, 9.6), (10.1, 10.3)], 2.0);
            pen.line(&[(3.3, 3.4), (4.7, 5.0)], 3.0);
            pen.line(&[(9.0, 9.3), (10.6, 10.7)], 3.0);
        }
        Icon::Check => pen.line(&[(3.2, 7.2), (6.0, 10.0), (11.0, 4.2)], 1.9),
        Icon::Dash => pen.line(&[(4.2, 7.0), (9.8, 7.0)], 1.7),
        Icon::Cross => {
            pen.line(&[(3.8, 3.8), (10.2, 10.2)], 1.9);
            pen.line(&[(10.2, 3.8), (3.8, 10.2)], 1.9);
        }
        Icon::Speaker | Icon::Muted => {
            pen.fill(&[(1.6, 5.2), (3.8, 5.2), (3.8, 8.8), (1.6, 8.8)]);
            pen.fill(&[(3.6, 5.2), (7.0, 2.4), (7.0, 11.6), (3.6, 8.8)]);
            if icon == Icon::Muted {
                pen.line(&[(9.2, 5.3), (12.6, 8.7)], 1.3);
                pen.line(&[(12.6, 5.3), (9.2, 8.7)], 1.3);
            } else {
                pen.curve([(8.9, 5.2), (10.5, 7.0), (8.9, 8.8)], 1.3);
                pen.curve([(10.4, 3.4), (13.6, 7.0), (10.4, 10.6)], 1.3);
            }
        }
        Icon::Warning => {
            pen.line(&[(7.0, 3.0), (7.0, 8.0)], 1.9);
            pen.dot((7.0, 10.9), 1.15);
        }
        Icon::Info => {
            pen.line(&[(7.0, 6.3), (7.0, 11.0)], 1.9);
            pen.dot((7.0, 3.3), 1.15);
        }
    }
}

/// A glyph's coordinates on the screen.
struct Pen<'a> {
    painter: &'a Painter,
    origin: Pos2,
    scale: f32,
    color: Color32,
}

impl Pen<'_> {
    fn at(&self, (x, y): (f32, f32)) -> Pos2 {
        self.origin + Vec2::new(x, y) * self.scale
    }

    /// A convex polygon.
    fn fill(&self, corners: &[(f32, f32)]) {
        let corners = corners.iter().map(|corner| self.at(*corner)).collect();
        self.painter.add(Shape::convex_polygon(corners, self.color, Stroke::NONE));
    }

    fn dot(&self, center: (f32, f32), radius: f32) {
        self.painter.circle_filled(self.at(center), radius * self.scale, self.color);
    }

    /// A line with round ends.
    fn line(&self, points: &[(f32, f32)], width: f32) {
        let stroke = Stroke::new(width * self.scale, self.color);
        let path = points.iter().map(|point| self.at(*point)).collect();
        self.painter.add(PathShape::line(path, stroke));
        for end in points {
            self.dot(*end, width / 2.0);
        }
    }

    fn curve(&self, points: [(f32, f32); 3], width: f32) {
        let stroke = Stroke::new(width * self.scale, self.color);
        let shape = QuadraticBezierShape::from_points_stroke(
            points.map(|point| self.at(point)),
            false,
            Color32::TRANSPARENT,
            stroke,
        );
        self.painter.add(shape);
        self.dot(points[0], width / 2.0);
        self.dot(points[2], width / 2.0);
    }
}

/// Paints the program's icon in the given state: grey, blue border, red X, green play, green
/// phone, or both.
pub(crate) fn paint_app(painter: &Painter, rect: Rect, indicator: Indicator, colors: &Colors) {
    let unit = rect.width() / 44.0;
    let radius = |points: f32| CornerRadius::from(points * unit);
    let (fill, mark) = match indicator {
        Indicator::NotLoaded => (colors.chip, colors.dim),
        Indicator::Loaded => (colors.card, colors.accent),
        _ => (colors.accent, colors.on_solid),
    };
    painter.rect_filled(rect, radius(11.0), fill);
    if indicator == Indicator::Loaded {
        let border = Stroke::new(2.5 * unit, colors.accent);
        painter.rect_stroke(rect, radius(11.0), border, StrokeKind::Inside);
    }
    let part = |x: f32, y: f32, w: f32, h: f32| {
        Rect::from_min_size(rect.min + Vec2::new(x, y) * unit, Vec2::new(w, h) * unit)
    };
    let far = Stroke::new(2.0 * unit, mark.gamma_multiply(0.55));
    painter.rect_stroke(part(11.0, 13.0, 17.0, 12.0), radius(2.5), far, StrokeKind::Middle);
    painter.rect_filled(part(17.0, 19.0, 16.0, 12.0), radius(2.5), mark);

    let badge = |lower: bool, icon: Icon, color: Color32| {
        let center = if lower { rect.right_bottom() } else { rect.right_top() };
        let inward = if lower { Vec2::new(-6.0, -6.0) } else { Vec2::new(-6.0, 6.0) };
        let outer = Rect::from_center_size(center + inward * unit, Vec2::splat(22.0 * unit));
        painter.rect_filled(outer, radius(7.0), colors.card);
        painter.rect_filled(outer.shrink(2.0 * unit), radius(5.0), color);
        paint(painter, outer.shrink(4.5 * unit), icon, colors.on_solid);
    };
    match indicator {
        Indicator::NotLoaded | Indicator::Loaded => {}
        Indicator::Failed => badge(true, Icon::Cross, colors.red),
        Indicator::RedirectingVideo => badge(true, Icon::Play, colors.green),
        Indicator::RedirectingCall => badge(true, Icon::Phone, colors.green),
        Indicator::RedirectingVideoAndCall => {
            badge(true, Icon::Play, colors.green);
            badge(false, Icon::Phone, colors.green);
        }
    }
}

/// The plain icon as pixels, for the window's title bar and the task switcher.
pub(crate) fn window_icon() -> IconData {
    const SIDE: u16 = 64;
    let blue = [0x25, 0x63, 0xeb];
    let mut rgba = Vec::with_capacity(usize::from(SIDE) * usize::from(SIDE) * 4);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let point = (f32::from(x) + 0.5, f32::from(y) + 0.5);
            let tile = inside(point, (2.0, 2.0, 62.0, 62.0), 15.0);
            let ring = inside(point, (12.0, 16.0, 44.0, 40.0), 5.0)
                * (1.0 - inside(point, (16.0, 20.0, 40.0, 36.0), 2.0));
            let near = inside(point, (25.0, 28.0, 52.0, 48.0), 4.0);
            let white = near.max(ring * 0.55);
            let mix = |channel: u8| byte(f32::from(channel) * (1.0 - white) + 255.0 * white);
            rgba.extend(blue.map(mix));
            rgba.push(byte(255.0 * tile));
        }
    }
    IconData { rgba, width: SIDE.into(), height: SIDE.into() }
}

/// How much of the pixel at `point` lies in a rounded rectangle: 0 to 1.
fn inside(point: (f32, f32), (left, top, right, bottom): (f32, f32, f32, f32), radius: f32) -> f32 {
    let x = (left + radius - point.0).max(point.0 - right + radius).max(0.0);
    let y = (top + radius - point.1).max(point.1 - bottom + radius).max(0.0);
    (radius + 0.5 - x.hypot(y)).clamp(0.0, 1.0)
}

#[expect(clippy::as_conversions, reason = "clamped to what a byte holds")]
fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}
