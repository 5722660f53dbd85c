//! From texts to pictures of them: fonts of the device, shaping, both directions of writing.

use super::super::overlay::points;
use super::canvas::{Canvas, Part};
use super::place::{Side, column, free_top, span};
use super::{Block, Wanted};
use cosmic_text::{
    Align, Attrs, Buffer, Color, Family, FontSystem, LayoutRun, Metrics, PhysicalGlyph, Renderer,
    Shaping, Style, SwashCache, UnderlineStyle, Weight, Wrap, fontdb, render_decoration,
};
use egui::{Color32, FontDefinitions, Rect, Vec2};
use nearside_channel::message::{Caption, CaptionStyle};
use std::sync::Arc;

/// Height of the text in parts of the picture's height, as browsers have it.
const TEXT_PART: f32 = 0.05;
/// Text is no smaller, in pixels.
const MIN_TEXT_PX: f32 = 10.0;
/// Height of a line in parts of that of its text.
const LINE_PART: f32 = 1.25;
/// What lies behind a line goes beyond its letters by so much, in parts of their height.
const PAD_PART: f32 = 0.3;
/// All captions together cover so many pictures at most, one over the other.
const MAX_COVER: usize = 2;

const BACK: Color32 = Color32::from_black_alpha(200);

/// Letters for people, best first, before those that come with the program.
const FAMILIES: [&str; 8] = [
    "Noto Sans",
    "DejaVu Sans",
    "Liberation Sans",
    "Open Sans",
    "Roboto",
    "Segoe UI",
    "Helvetica Neue",
    "Arial",
];
/// What egui brings along.
const OWN_FAMILY: &str = "Ubuntu";

/// The device's fonts.
pub(super) struct Fonts {
    system: FontSystem,
    cache: SwashCache,
}

impl Fonts {
    /// Looks for the system's fonts; those of the program are there in any case.
    pub(super) fn load() -> Self {
        let own = FontDefinitions::default().font_data.into_values();
        let own = own.map(|font| fontdb::Source::Binary(Arc::clone(&font.font)));
        let mut system = FontSystem::new_with_fonts(own);
        let is_there = |name: &&&str| {
            let named = |face: &fontdb::FaceInfo| face.families.iter().any(|it| it.0 == **name);
            system.db().faces().any(named)
        };
        let family = FAMILIES.iter().find(is_there).copied().unwrap_or(OWN_FAMILY);
        system.db_mut().set_sans_serif_family(family);
        tracing::debug!(family, faces = system.db().len(), "fonts for captions");
        Self { system, cache: SwashCache::new() }
    }

    /// The pictures of all captions, the first one lowest.
    pub(super) fn draw(&mut self, wanted: &Wanted) -> Vec<Block> {
        let height = points(wanted.size.1);
        let size = Vec2::new(points(wanted.size.0), (height - points(wanted.taken)).max(0.0));
        let text_px = (height * TEXT_PART).max(MIN_TEXT_PX);
        let line_px = text_px * LINE_PART;
        let pad = text_px * PAD_PART;
        let mut buffer = Buffer::new_empty(Metrics::new(text_px, line_px));
        buffer.set_wrap(Wrap::WordOrGlyph);
        let mut placed: Vec<Rect> = Vec::new();
        let mut blocks = Vec::new();
        let picture = Part { at: (0, 0), size: wanted.size };
        let mut left_to_cover = picture.pixels().saturating_mul(MAX_COVER);
        for caption in wanted.captions.iter() {
            let spans = drawable(caption);
            if spans.is_empty() {
                continue;
            }
            let (left, width) = self.lay_out(&mut buffer, caption, &spans, size, pad);
            let height = buffer.layout_runs().map(|run| run.line_top + run.line_height);
            let height = height.fold(0.0, f32::max);
            let top = free_top(caption.line, size, (left, width), height, line_px, &placed);
            placed.push(span(size, (left, width), top, height));
            let origin = (whole(left * size.x + pad), whole(top));
            let backs: Vec<Part> = buffer.layout_runs().filter_map(|run| back(&run, pad)).collect();
            let backs: Vec<Part> = backs.into_iter().map(|back| back.moved(origin)).collect();
            let Some(area) = Part::around(&backs).and_then(|part| part.within(wanted.size)) else {
                continue;
            };
            let Some(rest) = left_to_cover.checked_sub(area.pixels()) else { break };
            left_to_cover = rest;
            let mut canvas = Canvas::new(area);
            for back in backs {
                canvas.fill(back, BACK);
            }
            self.paint(&mut canvas, &buffer, origin);
            blocks.push(canvas.into_block());
        }
        blocks
    }

    fn paint(&mut self, canvas: &mut Canvas, buffer: &Buffer, origin: (i32, i32)) {
        for run in buffer.layout_runs() {
            for glyph in run.glyphs {
                let glyph = glyph.physical((0.0, run.line_y), 1.0);
                let image = self.cache.get_image_uncached(&mut self.system, glyph.cache_key);
                let Some(image) = image else { continue };
                let x = origin.0.saturating_add(glyph.x).saturating_add(image.placement.left);
                let y = origin.1.saturating_add(glyph.y).saturating_sub(image.placement.top);
                canvas.blend((x, y), &image);
            }
            render_decoration(&mut Lines { canvas, origin }, &run, Color::rgb(255, 255, 255));
        }
    }

    /// Lays the text out in the caption's box; the box's left edge and width in parts of the
    /// picture's.
    fn lay_out(
        &mut self,
        buffer: &mut Buffer,
        caption: &Caption,
        spans: &[(String, Look)],
        size: Vec2,
        pad: f32,
    ) -> (f32, f32) {
        let attributes = Attrs::new().family(Family::SansSerif);
        buffer.set_size(None, Some(size.y));
        let spans = spans.iter().map(|(text, look)| (text.as_str(), look.on(&attributes)));
        buffer.set_rich_text(spans, &attributes, Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.system, false);
        let is_rtl = buffer.is_rtl(0).unwrap_or(false);
        let side = Side::of(caption.align, is_rtl);
        let align = match side {
            Side::Left => Align::Left,
            Side::Middle => Align::Center,
            Side::Right => Align::Right,
        };
        let (left, width) = column(caption, side);
        for line in &mut buffer.lines {
            line.set_align(Some(align));
        }
        let wrap_px = (width * size.x - 2.0 * pad).max(1.0);
        buffer.set_size(Some(wrap_px), Some(size.y));
        buffer.shape_until_scroll(&mut self.system, false);
        (left, width)
    }
}

/// What lies behind the letters of a line, from the text's corner; `None` where there are none.
fn back(run: &LayoutRun<'_>, pad: f32) -> Option<Part> {
    let is_seen = |text: Option<&str>| text.is_some_and(|it| !it.trim().is_empty());
    let glyphs = run.glyphs.iter().filter(|it| is_seen(run.text.get(it.start..it.end)));
    let ends = glyphs.map(|it| (it.x, it.x + it.w));
    let (left, right) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let (left, right) = (whole(left - pad), whole(right + pad));
    let (top, bottom) = (whole(run.line_top), whole(run.line_top + run.line_height));
    Some(Part { at: (left, top), size: (right.abs_diff(left), bottom.abs_diff(top)) })
}

/// How letters look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    bold: bool,
    italic: bool,
    underline: bool,
}

impl Look {
    fn at(styles: &[CaptionStyle], unit: u32) -> Self {
        let here = styles.iter().filter(|style| (style.from..style.to).contains(&unit));
        here.fold(Self::default(), |look, style| Self {
            bold: look.bold || style.bold,
            italic: look.italic || style.italic,
            underline: look.underline || style.underline,
        })
    }

    fn on<'a>(self, plain: &Attrs<'a>) -> Attrs<'a> {
        let mut attributes = plain.clone();
        if self.bold {
            attributes = attributes.weight(Weight::BOLD);
        }
        if self.italic {
            attributes = attributes.style(Style::Italic);
        }
        if self.underline {
            attributes = attributes.underline(UnderlineStyle::Single);
        }
        attributes
    }
}

/// Lines below letters.
struct Lines<'a> {
    canvas: &'a mut Canvas,
    origin: (i32, i32),
}

impl Renderer for Lines<'_> {
    fn rectangle(&mut self, x: i32, y: i32, width: u32, height: u32, _: Color) {
        let part = Part { at: (x, y), size: (width, height) };
        self.canvas.fill(part.moved(self.origin), Color32::WHITE);
    }

    fn glyph(&mut self, _: PhysicalGlyph, _: Color) {}
}

/// The text without what cannot be drawn, in parts that look alike; none where nothing is seen.
fn drawable(caption: &Caption) -> Vec<(String, Look)> {
    let mut spans: Vec<(String, Look)> = Vec::new();
    let mut unit = 0;
    for letter in caption.text.trim_end().chars() {
        let look = Look::at(&caption.styles, unit);
        unit += if u32::from(letter) < 0x1_0000 { 1 } else { 2 };
        if letter.is_control() && letter != '\n' {
            continue;
        }
        match spans.last_mut() {
            Some((text, last)) if *last == look => text.push(letter),
            _ => spans.push((letter.to_string(), look)),
        }
    }
    let is_seen = spans.iter().any(|(text, _)| !text.trim().is_empty());
    if is_seen { spans } else { Vec::new() }
}

/// The nearest whole number of pixels.
fn whole(px: f32) -> i32 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "a float beyond the range becomes the nearest number"
    )]
    let whole = px.round() as i32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside_channel::message::{CaptionAlign, CaptionLine};

    fn caption(text: &str, align: CaptionAlign) -> Caption {
        Caption {
            text: text.to_owned(),
            line: CaptionLine::Auto,
            position: None,
            size: 100.0,
            align,
            styles: Vec::new(),
        }
    }

    fn drawn(captions: &[Caption], size: (u32, u32)) -> Vec<Block> {
        Fonts::load().draw(&Wanted { captions: captions.into(), size, taken: 0 })
    }

    fn area(block: &Block) -> Part {
        let side = |px: usize| u32::try_from(px).expect("pixels");
        let at = (block.at.0.cast_signed(), block.at.1.cast_signed());
        Part { at, size: (side(block.image.size[0]), side(block.image.size[1])) }
    }

    /// First and last column of a block in which something is as bright as letters are.
    fn letters(block: &Block) -> Option<(usize, usize)> {
        let width = block.image.size[0].max(1);
        let rows = block.image.pixels.chunks(width);
        let lit = rows.flat_map(|row| {
            let bright = row.iter().enumerate().filter(|(_, pixel)| 200 < pixel.r());
            bright.map(|(x, _)| x)
        });
        let left = usize::try_from(block.at.0).ok()?;
        let ends = lit.map(|x| (x + left, x + left));
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    #[test]
    fn text_from_right_to_left_starts_at_the_right() {
        let size = (1000, 500);
        let of = |text, align| {
            let blocks = drawn(&[caption(text, align)], size);
            letters(blocks.first().expect("a block")).expect("letters")
        };
        let (_, end) = of("שלום, עולם", CaptionAlign::Start);
        assert!(950 < end, "ends at {end}");
        let (begin, _) = of("hello, world", CaptionAlign::Start);
        assert!(begin < 50, "begins at {begin}");
        let (begin, end) = of("שלום, עולם", CaptionAlign::Center);
        assert!((begin + end).abs_diff(1000) < 20, "from {begin} to {end}");
    }

    #[test]
    fn letters_are_on_what_lies_behind_them_and_on_the_picture() {
        let captions = ["first", "second\nand third"].map(|it| caption(it, CaptionAlign::Center));
        let blocks = drawn(&captions, (640, 360));
        assert_eq!(blocks.len(), 2);
        for block in &blocks {
            let area = area(block);
            assert_eq!(area.within((640, 360)), Some(area));
            assert!(0 < area.at.0 && 200 < area.at.1, "{area:?}");
            assert!(block.image.pixels.contains(&Color32::WHITE));
            assert!(block.image.pixels.contains(&BACK));
        }
    }

    #[test]
    fn parts_look_as_the_page_says() {
        let style = |from, to| CaptionStyle { from, to, ..CaptionStyle::default() };
        let text = "a🎬b\u{7}c\nd  ";
        let styles = vec![
            CaptionStyle { bold: true, ..style(1, 4) },
            CaptionStyle { italic: true, ..style(3, 6) },
            CaptionStyle { underline: true, ..style(9, 2) },
        ];
        let of = Caption { styles, ..caption(text, CaptionAlign::Center) };
        let (bold, italic) =
            (Look { bold: true, ..Look::default() }, Look { italic: true, ..Look::default() });
        let both = Look { bold: true, ..italic };
        let wanted = [
            ("a", Look::default()),
            ("🎬", bold),
            ("b", both),
            ("c", italic),
            ("\nd", Look::default()),
        ];
        assert_eq!(drawable(&of), wanted.map(|(text, look)| (text.to_owned(), look)));
        assert!(drawable(&caption(" \u{7}\n ", CaptionAlign::Center)).is_empty());
    }

    #[test]
    fn an_underline_is_a_line_below_the_letters() {
        let lit = |styles: Vec<CaptionStyle>| {
            let of = Caption { styles, ..caption("nnnnnnnnnn", CaptionAlign::Center) };
            let blocks = drawn(&[of], (1000, 500));
            let pixels = blocks.iter().flat_map(|block| &block.image.pixels);
            pixels.filter(|pixel| **pixel == Color32::WHITE).count()
        };
        let line = CaptionStyle { from: 0, to: 10, underline: true, ..CaptionStyle::default() };
        assert!(lit(Vec::new()) + 80 < lit(vec![line]), "a line as long as the word");
    }

    #[test]
    fn captions_make_room_for_what_lies_below_them() {
        let captions = [caption("words", CaptionAlign::Center)].as_slice().into();
        let blocks = Fonts::load().draw(&Wanted { captions, size: (640, 360), taken: 72 });
        let block = blocks.first().map(area).expect("a block");
        assert!((250..288).contains(&(block.at.1.unsigned_abs() + block.size.1)), "{block:?}");
    }

    #[test]
    fn hostile_texts_are_drawn_within_the_picture() {
        let texts = [
            "\u{0}\u{7}\u{202e}\u{200f}".to_owned(),
            "\u{202e}\u{2066}\u{2067}".repeat(200),
            "\n".repeat(2000),
            "W".repeat(2048),
            "e\u{301}".repeat(600),
            "\u{300}".repeat(1000),
            "ก\u{e49}".repeat(300),
            "字幕 שלום \u{1f3ac} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}".to_owned(),
            "\u{10ffff}\u{fffe}\u{feff}\u{ad}\u{2028}\u{2029}x".to_owned(),
        ];
        let captions = texts.map(|text| caption(&text, CaptionAlign::Center));
        let mut fonts = Fonts::load();
        for size in [(1000, 500), (1, 1), (16_384, 16), (16, 2000), (0, 0)] {
            for captions in [captions.to_vec(), vec![captions[3].clone(); 16]] {
                let blocks = fonts.draw(&Wanted { captions: captions.into(), size, taken: 72 });
                let picture = Part { at: (0, 0), size };
                let total: usize = blocks.iter().map(|it| it.image.pixels.len()).sum();
                assert!(total <= MAX_COVER * picture.pixels(), "{total} pixels at {size:?}");
                for area in blocks.iter().map(area) {
                    assert_eq!(area.within(size), Some(area));
                }
            }
        }
    }
}
