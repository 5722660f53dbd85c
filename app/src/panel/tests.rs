//! The whole panel, asked by label: what it shows for a status, what a click asks for.

use crate::connection::{Answer, Link, News};
use crate::view::{Command, Page};
use crate::window::Panel;
use crate::{page, theme};
use egui::{Key, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, SnapshotOptions};
use nearside::PANEL_SIZE;
use nearside::control::Request;
use nearside::status::{
    AudioStats, Item, ItemKind, Notice, Playback, PolicyValue, Session, Severity, Status,
    VideoStats,
};
use nearside_channel::message::{
    DeviceSettings, PageId, PlayerCommand, PlayerId, Reason, ReasonCode,
};

const NOW: u64 = 1_800_000_000_000;

#[derive(Default)]
struct Rig {
    panel: Panel,
    commands: Vec<Command>,
}

fn heard(panel: &mut Panel, status: Status, unix_ms: u64) {
    let link = Link::Here { status: Box::new(status), unix_ms };
    panel.hear(News { link: Some(link), answer: None });
}

fn panel(status: Status) -> Panel {
    let mut panel = Panel::default();
    heard(&mut panel, status, NOW);
    panel
}

fn harness(panel: Panel, dark: bool) -> Harness<'static, Rig> {
    let mut harness = Harness::builder()
        .with_size(Vec2::from(PANEL_SIZE))
        .with_theme(if dark { egui::Theme::Dark } else { egui::Theme::Light })
        .with_context_setup(move |ctx| theme::apply(ctx, Some(dark)))
        .build_ui_state(
            |ui, rig: &mut Rig| {
                let fill = ui.visuals().panel_fill;
                ui.painter().rect_filled(ui.max_rect(), 0.0, fill);
                page::panel_ui(ui, &rig.panel.view(), &mut rig.commands);
            },
            Rig { panel, commands: Vec::new() },
        );
    harness.run();
    harness
}

/// Clicks the control called `label` and returns what it asks for.
#[track_caller]
fn click(panel: Panel, label: &str) -> Vec<Command> {
    let mut harness = harness(panel, false);
    harness.get_by_label(label).click();
    harness.run();
    std::mem::take(&mut harness.state_mut().commands)
}

fn session() -> Session {
    Session {
        name: "desk-07".into(),
        connected_unix_ms: NOW - 42 * 60_000,
        host_version: "0.1.0".into(),
        extension_version: "0.1.0".into(),
        activity_id: "activity-1".into(),
        connection_id: "connection-1".into(),
        round_trip_ms: Some(12.34),
        received_bytes: 123_456_789,
        policy: Vec::new(),
    }
}

fn connected(items: Vec<Item>) -> Status {
    Status { client_version: "0.1.0".into(), session: Some(session()), items, ..Status::default() }
}

fn video() -> Item {
    Item {
        page: 3,
        player: 4,
        site: "learn.example.org".into(),
        title: "Introduction to graph theory".into(),
        playback: Playback::Playing,
        flowing: true,
        since_unix_ms: NOW - 724_000,
        position_micros: 7_400_000,
        duration_micros: Some(12_000_000),
        buffered: vec![(0, 8_500_000), (10_000_000, 12_000_000)],
        rate: 1.0,
        volume: 0.8,
        video: Some(VideoStats {
            codec: "h264".into(),
            width: 1920,
            height: 1080,
            decoder: "VAAPI".into(),
            hardware: true,
            decoded: 18_130,
            presented: 18_120,
            av_offset_ms: Some(4.2),
            renderer_backend: "vulkan".into(),
            renderer: "llvmpipe".into(),
            renderer_software: true,
            ..VideoStats::default()
        }),
        audio: Some(AudioStats {
            codec: "aac".into(),
            rate_hz: 48_000,
            channels: 2,
            device: Some("Speakers".into()),
            underruns: 0,
        }),
        bit_rate: 5.1e6,
        ..Item::default()
    }
}

fn call() -> Item {
    Item { kind: ItemKind::Call, title: "Call".into(), player: 9, video: None, ..video() }
}

fn steered() -> Item {
    Item { steerable: true, ..video() }
}

fn reason() -> Reason {
    let message = "The video is protected, so only the session can play it.";
    Reason::new(ReasonCode::ProtectedContent, message, "It plays in the session.")
}

fn failed() -> Item {
    Item { failed: Some(reason()), flowing: false, ..video() }
}

#[test]
fn each_state_has_its_headline_and_icon() {
    let no_session = Status { session: None, ..connected(vec![]) };
    let cases: [(Status, &[&str]); 6] = [
        (no_session, &["Not loaded", "Grey icon: not loaded"]),
        (connected(vec![failed()]), &["Failed to load correctly", "Icon with a red X: failed"]),
        (connected(vec![]), &["Loaded", "Icon with a blue border: loaded"]),
        (
            connected(vec![video()]),
            &["A video is being redirected.", "Icon with a green play triangle"],
        ),
        (connected(vec![call()]), &["A call is being redirected.", "Icon with a green phone"]),
        (
            connected(vec![video(), call()]),
            &[
                "A video is being redirected.",
                "A call is being redirected.",
                "Icon with a green play triangle and a green phone",
            ],
        ),
    ];
    for (status, labels) in cases {
        let harness = harness(panel(status), false);
        for label in labels {
            harness.get_by_label(label);
        }
    }
}

#[test]
fn why_not_is_said_in_plain_words() {
    let blocked = Status { blocked: Some(reason()), ..connected(vec![]) };
    let paused = DeviceSettings { paused: true, ..DeviceSettings::default() };
    let paused = Status { settings: paused, ..connected(vec![]) };
    let notice = Notice { unix_ms: NOW - 1, severity: Severity::Error, reason: reason() };
    let noticed = Status { notices: vec![notice], ..connected(vec![]) };
    let older = Status { client_version: "0.0.9".into(), ..connected(vec![]) };
    let message = reason().message;
    let cases = [
        (older, "extension 0.1.0, host 0.1.0, client 0.0.9"),
        (Status::default(), "Waiting for a session"),
        (connected(vec![]), "Calls are not part of this version yet"),
        (blocked, "It plays in the session."),
        (paused, "Redirection is paused"),
        (noticed, "It plays in the session."),
        (connected(vec![video(), failed()]), message.as_str()),
        (connected(vec![video(), failed()]), "fell back"),
        (connected(vec![Item { warning: Some(reason()), ..video() }]), message.as_str()),
    ];
    for (status, words) in cases {
        let harness = harness(panel(status), false);
        let found = harness.query_all_by_label_contains(words).count();
        assert!(found > 0, "{words}");
    }
}

#[test]
fn controls_ask_and_change_nothing_themselves() {
    let steer = |command| {
        let (page, player) = (PageId(3), PlayerId(4));
        vec![Command::Send(Request::Steer { page, player, command })]
    };
    let muted = Item { muted: true, ..steered() };
    let paused = Item { playback: Playback::Paused, ..steered() };
    let cases = [
        (steered(), "Mute", PlayerCommand::Volume { volume: 0.8, muted: true }),
        (muted, "Unmute", PlayerCommand::Volume { volume: 0.8, muted: false }),
        (steered(), "Pause", PlayerCommand::Pause),
        (paused, "Play", PlayerCommand::Play),
    ];
    for (item, label, command) in cases {
        assert_eq!(click(panel(connected(vec![item])), label), steer(command), "{label}");
    }
    let mut harness = harness(panel(connected(vec![steered()])), false);
    harness.get_by_label("Mute").click();
    harness.run();
    harness.get_by_label("Mute");
}

#[test]
fn only_a_page_without_a_page_of_its_own_is_steered_here() {
    let harness = harness(panel(connected(vec![video()])), false);
    for label in ["Mute", "Pause", "Seek", "Volume", "Playback rate"] {
        assert!(harness.query_by_label(label).is_none(), "{label}");
    }
}

#[test]
fn arrows_seek_and_set_the_volume() {
    let cases = [
        ("Seek", Key::ArrowRight, PlayerCommand::Seek { to_micros: 12_000_000, token: 0 }),
        ("Seek", Key::ArrowLeft, PlayerCommand::Seek { to_micros: 2_400_000, token: 0 }),
        ("Seek", Key::Home, PlayerCommand::Seek { to_micros: 0, token: 0 }),
        ("Volume", Key::End, PlayerCommand::Volume { volume: 1.0, muted: false }),
    ];
    for (label, key, wanted) in cases {
        let mut harness = harness(panel(connected(vec![steered()])), false);
        harness.get_by_label(label).focus();
        harness.run();
        harness.key_press(key);
        harness.run();
        let asked = &harness.state().commands[..];
        let [Command::Send(Request::Steer { command, .. })] = asked else {
            panic!("{label} {key:?} asked for {asked:?}")
        };
        assert_eq!(*command, wanted);
    }
}

#[test]
fn the_keyboard_alone_reaches_and_works_everything() {
    let mut panel = panel(connected(vec![steered()]));
    panel.act(Command::ShowAdvanced(true));
    let mut harness = harness(panel, false);
    let mut reached = Vec::new();
    for _ in 0..24 {
        harness.key_press(Key::Tab);
        harness.run();
        let root = harness.root();
        let focused = root.children_recursive().find(|node| node.is_focused());
        let Some(node) = focused else { continue };
        let label = node.accesskit_node().label().unwrap_or_default();
        let rect = node.rect();
        assert!(rect.bottom() <= PANEL_SIZE[1] && rect.top() >= 0.0, "{label} is out of sight");
        reached.push(label.clone());
        if label == "Mute" {
            harness.key_press(Key::Space);
            harness.run();
        }
    }
    let all = [
        "Seek",
        "Pause",
        "Volume",
        "Mute",
        "Playback rate",
        "Hide Advanced Settings",
        "Video Status Overlay",
        "Pause redirection",
        "Status",
        "Diagnostics",
    ];
    for label in all {
        assert!(reached.iter().any(|got| got == label), "{label} is not in {reached:?}");
    }
    let command = PlayerCommand::Volume { volume: 0.8, muted: true };
    let request = Request::Steer { page: PageId(3), player: PlayerId(4), command };
    assert!(harness.state().commands.contains(&Command::Send(request)));
}

#[test]
fn a_drag_on_the_seek_bar_seeks_once_where_it_ends() {
    let mut harness = harness(panel(connected(vec![steered()])), false);
    let bar = harness.get_by_label("Seek").rect();
    harness.drag_at(bar.left_center() + Vec2::new(20.0, 0.0));
    harness.run();
    harness.hover_at(bar.center());
    harness.run();
    assert_eq!(harness.state().commands, []);
    harness.drop_at(bar.center());
    harness.run();
    let asked = &harness.state().commands[..];
    let [Command::Send(Request::Steer { command: PlayerCommand::Seek { to_micros, .. }, .. })] =
        asked
    else {
        panic!("asked for {asked:?}")
    };
    assert!((5_900_000..6_100_000).contains(to_micros), "{to_micros}");
}

#[test]
fn rate_is_chosen_from_a_list() {
    let mut harness = harness(panel(connected(vec![steered()])), false);
    harness.get_by_label("Playback rate").click();
    harness.run();
    harness.get_by_label("0.25×").click();
    harness.run();
    let command = PlayerCommand::Rate { rate: 0.25, preserves_pitch: true };
    let request = Request::Steer { page: PageId(3), player: PlayerId(4), command };
    assert_eq!(harness.state().commands, [Command::Send(request)]);
}

#[test]
fn switches_show_the_agents_state_and_ask_for_the_other() {
    let before = DeviceSettings { video_outlines: true, ..DeviceSettings::default() };
    let status = Status { settings: before, ..connected(vec![]) };
    let open = || {
        let mut panel = panel(status.clone());
        assert_eq!(panel.act(Command::ShowAdvanced(true)), None);
        panel
    };
    let cases = [
        (
            "Enable video playback for all sites (beta)",
            DeviceSettings { video_all_sites: true, ..before },
        ),
        ("Redirected video outlines", DeviceSettings { video_outlines: false, ..before }),
        ("Video Status Overlay", DeviceSettings { video_status_overlay: true, ..before }),
        ("Pause redirection", DeviceSettings { paused: true, ..before }),
    ];
    let switch = |harness: &mut Harness<'static, Rig>, label: &str| {
        harness.get_by_role_and_label(egui::Role::Switch, label).click();
        harness.run();
        std::mem::take(&mut harness.state_mut().commands)
    };
    for (label, settings) in cases {
        let mut harness = harness(open(), false);
        let asked = switch(&mut harness, label);
        assert_eq!(asked, [Command::Send(Request::SetSettings { settings })], "{label}");
    }
    let mut harness = harness(open(), false);
    let calls = "Enable call redirection for all sites (experimental)";
    assert_eq!(switch(&mut harness, calls), [], "needs consent on the device");
    harness.get_by_label_contains("AllowCallRedirectionAllSites");
}

#[test]
fn navigation_and_advanced_settings_open_and_close() {
    let status = connected(vec![]);
    let cases = [
        ("Diagnostics", Command::Show(Page::Diagnostics)),
        ("Show Advanced Settings", Command::ShowAdvanced(true)),
    ];
    for (label, command) in cases {
        assert_eq!(click(panel(status.clone()), label), [command]);
    }
}

#[test]
fn each_policy_is_shown_with_all_its_sources() {
    let policy = PolicyValue {
        feature: "Microphone".into(),
        value: "off".into(),
        sources: vec!["you have not paused".into(), "the .rdp file says no".into()],
        decided_by: Some("the .rdp file says no".into()),
    };
    let session = Session { policy: vec![policy], ..session() };
    let status = Status { session: Some(session), ..connected(vec![]) };
    let mut panel = panel(status);
    panel.act(Command::Show(Page::Diagnostics));
    let harness = harness(panel, false);
    for words in ["Policy: Microphone", "off", "the .rdp file says no", "you have not paused"] {
        assert!(harness.query_all_by_label_contains(words).count() > 0, "{words}");
    }
}

#[test]
fn diagnostics_are_copied_as_text() {
    let mut panel = panel(connected(vec![video()]));
    panel.act(Command::Show(Page::Diagnostics));
    let asked = click(panel, "Copy");
    let [Command::Copy(text)] = &asked[..] else { panic!("asked for {asked:?}") };
    for fact in
        ["Host: 0.1.0", "connection-1", "activity-1", "vulkan, llvmpipe (software)", "12.3 ms"]
    {
        assert!(text.contains(fact), "{fact} is not in:\n{text}");
    }
    assert!(!text.contains("graph theory"), "titles are the user's own");
}

#[test]
fn an_absent_agent_can_be_started() {
    let away = |starting, problem: Option<&str>| {
        let mut panel = panel(connected(vec![video()]));
        let link = Link::Away { starting, problem: problem.map(str::to_owned) };
        panel.hear(News { link: Some(link), answer: None });
        panel
    };
    let idle = harness(away(false, Some("It ended at once.")), false);
    idle.get_by_label("Nearside is not running");
    idle.get_by_label("It ended at once.");
    assert!(idle.query_by_label("Diagnostics").is_none());
    assert_eq!(click(away(false, None), "Start"), [Command::StartAgent]);
    assert_eq!(click(away(true, None), "Starting…"), []);
}

#[test]
fn a_refusal_stays_until_something_is_done() {
    let mut panel = panel(connected(vec![]));
    let answer = |answer| News { link: None, answer: Some(answer) };
    panel.hear(answer(Answer::Refused("No such player.".into())));
    assert_eq!(panel.view().refused, Some("No such player."));
    panel.hear(answer(Answer::Done));
    assert_eq!(panel.view().refused, None);
}

#[test]
fn an_idle_panel_asks_for_no_frame() {
    let harness = harness(panel(connected(vec![steered()])), false);
    let delay = harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert_eq!(delay, std::time::Duration::MAX);
}

#[test]
fn hostile_text_neither_panics_nor_widens() {
    let long = "wide ".repeat(200_000);
    let item = Item {
        site: long.clone(),
        title: long.replace(' ', "\n"),
        position_micros: i64::MIN,
        duration_micros: Some(i64::MAX),
        buffered: vec![(i64::MAX, i64::MIN); 3],
        rate: f64::NAN,
        volume: f64::INFINITY,
        bit_rate: f64::NAN,
        failed: None,
        ..steered()
    };
    let harness = harness(panel(connected(vec![item])), false);
    let mut seen = 0;
    for node in harness.root().children_recursive() {
        let node = node.accesskit_node();
        let Some(bounds) = node.raw_bounds() else { continue };
        assert!(bounds.x1 <= f64::from(PANEL_SIZE[0]), "{bounds:?} {:?}", node.label());
        seen += 1;
    }
    assert!(seen > 10, "only {seen} places were looked at");
}

/// Few pictures: the tone of the whole, both themes. Drivers differ in a few pixels.
#[test]
fn snapshots() {
    let mut flowing = Panel::default();
    for step in 0..120_u32 {
        let swing = (f64::from(step) * 0.21).sin() + (f64::from(step) * 0.087).cos();
        let mut item = Item { bit_rate: 5.1e6 + 6e5 * swing, ..steered() };
        let dropped = if step < 80 { 0 } else { 3 };
        item.video.iter_mut().for_each(|video| video.dropped = dropped);
        heard(&mut flowing, connected(vec![item]), NOW - u64::from(120 - step) * 500);
    }
    let mut waiting = panel(Status::default());
    waiting.act(Command::ShowAdvanced(true));
    let options = SnapshotOptions::new().threshold(1.5).max_failed_pixels(400);
    let mut results = egui_kittest::SnapshotResults::new();
    let cases = [
        ("panel_video", flowing, false),
        ("panel_waiting", waiting, true),
        ("panel_failed", panel(connected(vec![failed()])), true),
    ];
    for (name, panel, dark) in cases {
        results.add(harness(panel, dark).try_snapshot_options(name, &options));
    }
}
