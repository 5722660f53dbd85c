//! The top of the window: icon with badges, headlines, where.

use crate::theme::{self, Colors};
use crate::view::{Agent, View};
use crate::widgets::{dim, strong};
use crate::{format, icons};
use egui::{Color32, Rect, Role, Sense, Ui, Vec2, WidgetInfo, pos2};
use nearside::status::{Indicator, Status};

/// Side of the program's icon.
const ICON: f32 = 44.0;

pub(crate) fn header_ui(ui: &mut Ui, view: &View<'_>) {
    let colors = Colors::of(ui);
    let (indicator, headlines, subtitle) = match view.agent {
        Agent::Connecting => (Indicator::NotLoaded, vec!["Nearside"], "Connecting…".to_owned()),
        Agent::Away { .. } => {
            let subtitle = "The background program that redirects media is not there.";
            (Indicator::NotLoaded, vec!["Nearside is not running"], subtitle.to_owned())
        }
        Agent::Here(status) => {
            (status.indicator(), status.headlines(), subtitle(status, view.now_unix_ms))
        }
    };
    let row = ui.horizontal_top(|ui| {
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(ICON), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, icon_text(indicator)));
        ui.add_space(theme::STEP);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add_space(1.0);
            for headline in headlines {
                strong(ui, headline, theme::HEADLINE, headline_color(indicator, colors), true);
            }
            dim(ui, &subtitle, theme::CONTROL_TEXT);
        });
        rect
    });
    // Beside several lines the icon lies in the middle, which is known only now.
    let center = pos2(row.inner.center().x, row.response.rect.center().y);
    let rect = Rect::from_center_size(center, Vec2::splat(ICON));
    icons::paint_app(ui.painter(), rect, indicator, colors);
}

/// Where, and since when; or why not and what to do.
fn subtitle(status: &Status, now_unix_ms: u64) -> String {
    let text = format::short(&status.subtitle());
    match &status.session {
        Some(session)
            if status.blocked.is_none()
                && status.indicator() != Indicator::Failed
                && session.connected_unix_ms > 0 =>
        {
            let since = format::stretch(session.connected_unix_ms, now_unix_ms);
            format!("{text} · connected {since}")
        }
        _ => text,
    }
}

fn headline_color(indicator: Indicator, colors: &Colors) -> Color32 {
    if indicator == Indicator::Failed { colors.red } else { colors.text }
}

/// The icon for those who do not see it.
fn icon_text(indicator: Indicator) -> &'static str {
    match indicator {
        Indicator::NotLoaded => "Grey icon: not loaded",
        Indicator::Failed => "Icon with a red X: failed",
        Indicator::Loaded => "Icon with a blue border: loaded",
        Indicator::RedirectingVideo => "Icon with a green play triangle",
        Indicator::RedirectingCall => "Icon with a green phone",
        Indicator::RedirectingVideoAndCall => "Icon with a green play triangle and a green phone",
    }
}
