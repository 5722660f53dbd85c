//! Colours, sizes and the egui style of the panel: the only place where they are written.
//!
//! Distances are logical points on an 8-point grid with 4 as the half step.

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, Ui, Vec2};

/// Half a grid step: between things that belong together.
pub(crate) const HALF: f32 = 4.0;
/// A grid step: between things.
pub(crate) const STEP: f32 = 8.0;
/// Two grid steps: page margin, inside of cards.
pub(crate) const WIDE: f32 = 16.0;
/// Between cards.
pub(crate) const CARD_GAP: f32 = 12.0;
/// Height and width of an icon in a card's first column.
pub(crate) const ICON: f32 = 32.0;
/// Height of controls.
pub(crate) const CONTROL: f32 = 32.0;

/// Text sizes.
pub(crate) const HEADLINE: f32 = 17.0;
pub(crate) const BODY: f32 = 14.0;
pub(crate) const CONTROL_TEXT: f32 = 13.0;
pub(crate) const SMALL: f32 = 12.0;

/// The colours of one theme.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Colors {
    /// Behind everything.
    pub background: Color32,
    /// Cards, header, navigation.
    pub card: Color32,
    pub line: Color32,
    pub text: Color32,
    pub dim: Color32,
    pub accent: Color32,
    /// A control under the pointer.
    pub hover: Color32,
    /// Media flow; nothing else is green.
    pub green: Color32,
    pub green_soft: Color32,
    pub amber: Color32,
    pub amber_soft: Color32,
    pub red: Color32,
    pub red_soft: Color32,
    pub chip: Color32,
    /// Marks on `green`, `red` and `accent`.
    pub on_solid: Color32,
    /// What is buffered, on a seek bar.
    pub buffered: Color32,
}

const LIGHT: Colors = Colors {
    background: Color32::from_rgb(0xf4, 0xf5, 0xf7),
    card: Color32::from_rgb(0xff, 0xff, 0xff),
    line: Color32::from_rgb(0xe3, 0xe6, 0xea),
    text: Color32::from_rgb(0x16, 0x19, 0x1d),
    dim: Color32::from_rgb(0x5c, 0x65, 0x70),
    accent: Color32::from_rgb(0x25, 0x63, 0xeb),
    hover: Color32::from_rgb(0xf4, 0xf6, 0xf9),
    green: Color32::from_rgb(0x0f, 0x9d, 0x58),
    green_soft: Color32::from_rgb(0xe5, 0xf6, 0xec),
    amber: Color32::from_rgb(0x96, 0x5f, 0x0c),
    amber_soft: Color32::from_rgb(0xfd, 0xf3, 0xdc),
    red: Color32::from_rgb(0xc5, 0x30, 0x3a),
    red_soft: Color32::from_rgb(0xfd, 0xec, 0xed),
    chip: Color32::from_rgb(0xee, 0xf1, 0xf5),
    on_solid: Color32::WHITE,
    buffered: Color32::from_rgb(0xb9, 0xc6, 0xdd),
};

const DARK: Colors = Colors {
    background: Color32::from_rgb(0x14, 0x17, 0x1b),
    card: Color32::from_rgb(0x1c, 0x20, 0x26),
    line: Color32::from_rgb(0x2a, 0x30, 0x38),
    text: Color32::from_rgb(0xec, 0xef, 0xf3),
    dim: Color32::from_rgb(0x9a, 0xa4, 0xb1),
    accent: Color32::from_rgb(0x6e, 0xa0, 0xff),
    hover: Color32::from_rgb(0x26, 0x2c, 0x34),
    green: Color32::from_rgb(0x3e, 0xcf, 0x86),
    green_soft: Color32::from_rgb(0x15, 0x35, 0x2a),
    amber: Color32::from_rgb(0xe5, 0xb4, 0x54),
    amber_soft: Color32::from_rgb(0x37, 0x2d, 0x17),
    red: Color32::from_rgb(0xff, 0x7b, 0x83),
    red_soft: Color32::from_rgb(0x3a, 0x1e, 0x22),
    chip: Color32::from_rgb(0x26, 0x2c, 0x34),
    on_solid: Color32::WHITE,
    buffered: Color32::from_rgb(0x46, 0x54, 0x6c),
};

impl Colors {
    /// The colours in use here.
    pub(crate) fn of(ui: &Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }
}

/// How a short state is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Neutral,
    Good,
    Caution,
    Bad,
}

impl Tone {
    /// Foreground and background, loud enough to stand out on [`Self::colors`].
    pub(crate) fn solid(self, colors: &Colors) -> (Color32, Color32) {
        (colors.card, self.colors(colors).0)
    }

    /// Foreground and background.
    pub(crate) fn colors(self, colors: &Colors) -> (Color32, Color32) {
        match self {
            Self::Neutral => (colors.dim, colors.chip),
            Self::Good => (colors.green, colors.green_soft),
            Self::Caution => (colors.amber, colors.amber_soft),
            Self::Bad => (colors.red, colors.red_soft),
        }
    }
}

/// Corners of cards.
pub(crate) const CARD_RADIUS: CornerRadius = CornerRadius::same(10);
/// Corners of controls and icon tiles.
pub(crate) const CONTROL_RADIUS: CornerRadius = CornerRadius::same(8);
/// Corners of chips.
pub(crate) const CHIP_RADIUS: CornerRadius = CornerRadius::same(6);
/// Inside of cards.
pub(crate) const CARD_MARGIN: Margin = Margin::symmetric(16, 14);

/// Gives `ctx` both styles. `dark` forces one, `None` follows the system.
pub(crate) fn apply(ctx: &egui::Context, dark: Option<bool>) {
    ctx.options_mut(|options| options.fallback_theme = Theme::Light);
    if let Some(dark) = dark {
        ctx.set_theme(if dark { Theme::Dark } else { Theme::Light });
    }
    for (theme, colors) in [(Theme::Light, &LIGHT), (Theme::Dark, &DARK)] {
        let mut style = egui::Style::clone(&ctx.style_of(theme));
        restyle(&mut style, colors);
        ctx.set_style_of(theme, style);
    }
}

fn restyle(style: &mut egui::Style, colors: &Colors) {
    let font = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Heading, font(HEADLINE)),
        (TextStyle::Body, font(BODY)),
        (TextStyle::Button, font(CONTROL_TEXT)),
        (TextStyle::Small, font(SMALL)),
        (TextStyle::Monospace, FontId::new(SMALL, FontFamily::Monospace)),
    ]
    .into();
    style.interaction.selectable_labels = false;

    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::new(STEP, HALF);
    spacing.button_padding = Vec2::new(10.0, HALF);
    spacing.interact_size.y = CONTROL;
    spacing.menu_margin = Margin::same(4);
    spacing.scroll.floating_width = 4.0;
    spacing.scroll.bar_width = STEP;

    let visuals = &mut style.visuals;
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(colors.dim);
    visuals.hyperlink_color = colors.accent;
    visuals.panel_fill = colors.background;
    visuals.window_fill = colors.card;
    visuals.window_stroke = Stroke::new(1.0, colors.line);
    visuals.menu_corner_radius = CONTROL_RADIUS;
    visuals.extreme_bg_color = colors.chip;
    visuals.faint_bg_color = colors.chip;
    visuals.warn_fg_color = colors.amber;
    visuals.error_fg_color = colors.red;
    visuals.selection.bg_fill = colors.accent.gamma_multiply(0.25);
    visuals.selection.stroke = Stroke::new(1.0, colors.accent);

    let widgets = &mut visuals.widgets;
    let states = [
        (&mut widgets.noninteractive, colors.card, colors.line),
        (&mut widgets.inactive, colors.card, colors.line),
        (&mut widgets.hovered, colors.hover, colors.line),
        (&mut widgets.active, colors.hover, colors.accent),
        (&mut widgets.open, colors.hover, colors.line),
    ];
    for (state, fill, line) in states {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, line);
        state.fg_stroke = Stroke::new(1.0, colors.text);
        state.corner_radius = CONTROL_RADIUS;
        state.expansion = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance contrast as in WCAG 2.2, 1.4.3.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |color: Color32| {
            let rgba = egui::Rgba::from(color);
            0.2126 * rgba.r() + 0.7152 * rgba.g() + 0.0722 * rgba.b() + 0.05
        };
        let (a, b) = (luminance(a), luminance(b));
        a.max(b) / a.min(b)
    }

    #[test]
    fn text_is_readable_in_both_themes() {
        for colors in [&LIGHT, &DARK] {
            for background in [colors.card, colors.background] {
                assert!(contrast(colors.text, background) >= 7.0);
                assert!(contrast(colors.dim, background) >= 4.5);
                assert!(contrast(colors.accent, background) >= 4.5);
            }
            for tone in [Tone::Neutral, Tone::Caution, Tone::Bad] {
                let (front, back) = tone.colors(colors);
                assert!(contrast(front, back) >= 4.5, "{tone:?} {}", contrast(front, back));
                let (front, back) = tone.solid(colors);
                assert!(contrast(front, back) >= 4.5, "{tone:?} {}", contrast(front, back));
            }
        }
    }
}
