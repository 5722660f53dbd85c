//! The second page: versions, identifiers, processes, decoders and renderers, notices.
//!
//! [`facts`] is the one list that is both shown and copied.

use crate::format;
use crate::notices;
use crate::theme::{self, Colors};
use crate::view::{Command, View};
use crate::widgets::{button, card, heading};
use egui::{Align, Label, Layout, RichText, Ui, Vec2};
use nearside::status::{AudioStats, Item, Measurements, PolicyValue, Severity, Status, VideoStats};

/// A heading with names and values under it.
type Section = (String, Vec<(&'static str, String)>);

/// Width of the column of names.
const NAMES: f32 = 112.0;

pub(crate) fn diagnostics_ui(
    ui: &mut Ui,
    view: &View<'_>,
    status: &Status,
    commands: &mut Vec<Command>,
) {
    let sections = facts(status);
    ui.horizontal(|ui| {
        ui.label(RichText::new("For support and bug reports").color(Colors::of(ui).dim));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let copy = button(ui, "Copy", false);
            if copy.on_hover_text("Copy all of this page as text").clicked() {
                commands.push(Command::Copy(text(status, &sections)));
            }
        });
    });
    ui.add_space(theme::STEP);
    for (title, rows) in &sections {
        card(ui, |ui| {
            heading(ui, title);
            for (name, value) in rows {
                row_ui(ui, name, value);
            }
        });
    }
    notices::all_ui(ui, status, view.now_unix_ms);
}

fn row_ui(ui: &mut Ui, name: &str, value: &str) {
    let colors = Colors::of(ui);
    ui.horizontal_top(|ui| {
        let size = Vec2::new(NAMES, 18.0);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Min), |ui| {
            ui.set_min_width(NAMES);
            ui.label(RichText::new(name).size(theme::CONTROL_TEXT).color(colors.dim));
        });
        let value = RichText::new(value).size(theme::CONTROL_TEXT).color(colors.text);
        ui.vertical(|ui| ui.add(Label::new(value).wrap().selectable(true)));
    });
}

/// Everything worth knowing about `status`, without what is not known.
fn facts(status: &Status) -> Vec<Section> {
    let mut sections = vec![("Versions".to_owned(), version_rows(status))];
    if let Some(session) = &status.session {
        let round_trip = session.round_trip_ms.map(|ms| format!("{ms:.1} ms"));
        let rows = vec![
            ("Name", session.name.clone()),
            ("connectionId", session.connection_id.clone()),
            ("activityId", session.activity_id.clone()),
            ("Round trip", round_trip.unwrap_or_default()),
            ("Media received", format::bytes(session.received_bytes)),
        ];
        sections.push(("Session".to_owned(), rows));
        sections.extend(session.policy.iter().map(policy_section));
    }
    sections.extend(status.items.iter().map(item_section));
    let processes = status.processes.iter().map(|p| format!("{} ({})", p.role, p.pid));
    let processes = processes.collect::<Vec<_>>().join(", ");
    sections.push(("Processes".to_owned(), vec![("Running", processes)]));
    for (_, rows) in &mut sections {
        rows.retain(|(_, value)| !value.is_empty());
        for (_, value) in rows {
            *value = format::short(value);
        }
    }
    sections.retain(|(_, rows)| !rows.is_empty());
    sections
}

fn version_rows(status: &Status) -> Vec<(&'static str, String)> {
    let session = status.session.as_ref();
    vec![
        ("Panel", env!("CARGO_PKG_VERSION").to_owned()),
        ("Client", status.client_version.clone()),
        ("Host", session.map(|s| s.host_version.clone()).unwrap_or_default()),
        ("Extension", session.map(|s| s.extension_version.clone()).unwrap_or_default()),
    ]
}

/// The value that holds, and of all sources the one that decided first.
fn policy_section(policy: &PolicyValue) -> Section {
    let decided = policy.decided_by.clone().unwrap_or_else(|| "nothing restricts it".to_owned());
    let others = policy.sources.iter().filter(|said| policy.decided_by.as_ref() != Some(*said));
    let mut rows = vec![("Holds", policy.value.clone()), ("Because", decided)];
    rows.extend(others.map(|said| ("Also", said.clone())));
    (format!("Policy: {}", policy.feature), rows)
}

fn item_section(item: &Item) -> Section {
    let mut rows = vec![("Site", item.site.clone())];
    rows.extend(item.video.iter().flat_map(picture_rows));
    rows.extend(item.audio.iter().flat_map(sound_rows));
    rows.extend(measured_rows(&item.measurements));
    let reasons = [("Failed", &item.failed), ("Warning", &item.warning)];
    rows.extend(reasons.into_iter().filter_map(|(name, reason)| {
        let reason = reason.as_ref()?;
        Some((name, format!("{} {}", reason.message, reason.next_step)))
    }));
    (format!("Page {}, player {}", item.page, item.player), rows)
}

fn picture_rows(video: &VideoStats) -> Vec<(&'static str, String)> {
    let count = format::thousands;
    let counted = format!(
        "{} decoded, {} presented, {} dropped, {} late, {} damaged",
        count(video.decoded),
        count(video.presented),
        count(video.dropped),
        count(video.late),
        count(video.corrupted),
    );
    let kind = if video.hardware { "hardware" } else { "software" };
    let renderer = match (video.renderer.is_empty(), video.renderer_software) {
        (true, _) => String::new(),
        (false, true) => format!("{}, {} (software)", video.renderer_backend, video.renderer),
        (false, false) => format!("{}, {}", video.renderer_backend, video.renderer),
    };
    let decoder = match video.decoder.as_str() {
        "" => String::new(),
        name if name.eq_ignore_ascii_case(kind) => kind.to_owned(),
        name => format!("{name} ({kind})"),
    };
    let picture = format!("{}, {}×{}", format::codec(&video.codec), video.width, video.height);
    vec![
        ("Picture", picture),
        ("Decoder", decoder),
        ("Renderer", renderer),
        ("Shown", video.placement.map(|it| it.for_people().to_owned()).unwrap_or_default()),
        ("Frames", counted),
        (
            "A/V offset",
            video
                .av_offset_ms
                .map(|ms| format!("{ms:+.1} ms").replace('-', "−"))
                .unwrap_or_default(),
        ),
    ]
}

fn sound_rows(audio: &AudioStats) -> Vec<(&'static str, String)> {
    let channels = format::channels(audio.channels);
    let sound = format!("{}, {} Hz, {channels}", format::codec(&audio.codec), audio.rate_hz);
    let device = audio.device.clone();
    vec![
        ("Sound", sound),
        ("Sound device", device.unwrap_or_else(|| "none: the system clock keeps time".to_owned())),
        ("Gaps in sound", format::thousands(audio.underruns)),
    ]
}

/// How quick it was; what was not measured is left out.
fn measured_rows(measured: &Measurements) -> Vec<(&'static str, String)> {
    let ms = |value: f64| format!("{value:.0} ms");
    let slowest = measured.seeks_ms.iter().copied().reduce(f64::max);
    let seeks = slowest.map(|slowest| {
        format!("{}, {} at most", format::thousands(count(&measured.seeks_ms)), ms(slowest))
    });
    vec![
        ("First picture", measured.first_frame_ms.map(ms).unwrap_or_default()),
        ("Seeks", seeks.unwrap_or_default()),
    ]
}

fn count(values: &[f64]) -> u64 {
    u64::try_from(values.len()).unwrap_or(u64::MAX)
}

/// The page as text for a report.
fn text(status: &Status, sections: &[Section]) -> String {
    let mut lines = vec![format!("Nearside: {}", status.headlines().join(" "))];
    for (title, rows) in sections {
        lines.push(format!("\n{title}"));
        lines.extend(rows.iter().map(|(name, value)| format!("  {name}: {value}")));
    }
    if !status.notices.is_empty() {
        lines.push("\nNotices".to_owned());
    }
    for notice in status.notices.iter().rev() {
        let severity = match notice.severity {
            Severity::Info => "information",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let (at, reason) = (notice.unix_ms, &notice.reason);
        let (message, next) = (format::short(&reason.message), format::short(&reason.next_step));
        lines.push(format!("  {at} {severity}: {message} {next}"));
    }
    lines.push(String::new());
    lines.join("\n")
}
